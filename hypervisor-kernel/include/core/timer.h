/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timer.h - one-shot timers in system time (nanoseconds since boot).
 */
#pragma once

#include <core/list.h>

struct timer {
	struct list link;  /* sorted list, earliest first; empty: not armed	*/
	struct timers *on; /* whose list that is, or was last; changes with the old one's lock	*/
	uint64_t deadline;
	void (*fn)(void *arg); /* runs with interrupts off, no lock held	*/
	void *arg;
};

void timer_init(struct timer *t, void (*fn)(void *), void *arg);
/* Arm or re-arm, by one CPU at a time.  A deadline in the past fires at the next chance, before any guest runs. */
void timer_set(struct timer *t, uint64_t deadline_ns);
void timer_cancel(struct timer *t);
/* The same, and its function does not run on another CPU on return.  No lock may be held. */
void timer_cancel_wait(struct timer *t);
/* Fire what is due and program the CPU's timer for the next (arch_timer_program). */
void timer_run(void);
/* System time, ns since boot, monotonic. */
uint64_t time_now(void);
