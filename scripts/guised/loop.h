/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loop.h - one poll loop, the lock that guards all state, and workers for calls that wait.
 *
 * The loop holds the lock except while it polls.  A call that has to wait for the machine runs in a
 * worker, which holds the lock, too, except within lock_wait(): so code is never interrupted but
 * where it says that it waits.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct watch;

void lock_take(void);
void lock_give(void);
/* Wait for a broadcast on cond, at most until the time (ms of loop_now()).  False: it is past that. */
bool lock_wait(pthread_cond_t *cond, int64_t until);
/* Milliseconds of the monotonic clock. */
int64_t loop_now(void);

/* Call ready whenever poll(2) has one of events, or an error.  NULL: no memory. */
struct watch *loop_watch(int fd, short events, void (*ready)(void *arg, short revents), void *arg);
void loop_events(struct watch *w, short events);
/* Its ready is not called any more, even if it is due.  The file stays open. */
void loop_forget(struct watch *w);
/* About once a second. */
void loop_tick(void (*tick)(void));
/* Run work in a worker.  False: too many are at work. */
bool loop_work(void (*work)(void *arg), void *arg);
unsigned loop_workers(void);

void loop_run(void);
void loop_stop(void);
