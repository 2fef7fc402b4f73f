/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store.h - client of the store: a tree of texts that domains configure each other by.
 *
 * Relative paths lie below /local/domain/<own id>.  Calls wait for the answer; watch events that
 * arrive meanwhile are queued, and callbacks run from event_loop_once() only.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define STORE_PATH_MAX 256

typedef void (*store_watch_fn)(const char *path, const char *token, void *arg);

/* Called once at start; does nothing in a domain without a store ring. */
void store_init(void);

/* The value, NUL-terminated in buf: its length, or -ENOENT, -E2BIG (does not fit), ... */
int store_read(const char *path, char *buf, size_t size);
int store_read_u64(const char *path, uint64_t *value); /* 0, or -errno; -EINVAL: not a number */
int store_write(const char *path, const char *value);  /* 0 or -errno, as below */
int store_printf(const char *path, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Write without waiting, for what is only told: -EAGAIN when the ring has no room now.  Whether it
 * was written is not known. */
int store_post(const char *path, const char *value);

int store_rm(const char *path);

/* Names below path, each NUL-terminated, one behind the other in buf: their count, or -errno. */
int store_directory(const char *path, char *buf, size_t size);

/* Call fn at each change at or below path, and once at once.  The token must be one of its own
 * for each watch of this domain. */
int store_watch(const char *path, const char *token, store_watch_fn fn, void *arg);

/* End a watch; queued events of it are dropped. */
int store_unwatch(const char *path, const char *token);
