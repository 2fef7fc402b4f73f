/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log.h - what this server said: the last LOG_SIZE bytes, for whoever reads them later.
 *
 * Places in the log count bytes since the start, so a reader is told when it came too late for some.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define LOG_SIZE 65536

void log_put(const char *text, size_t len);
/* Up to size bytes from place *at on into buf; *at is moved behind them.  What is lost is skipped and
 * added to *lost. */
size_t log_read(uint64_t *at, uint64_t *lost, char *buf, size_t size);
/* The place behind the last byte. */
uint64_t log_end(void);
