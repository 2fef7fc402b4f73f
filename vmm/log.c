/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log.c - a ring of text.
 */
#include "log.h"

static char ring[LOG_SIZE];
static uint64_t end; /* bytes ever written */

void log_put(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		ring[end++ % LOG_SIZE] = text[i];
}

size_t log_read(uint64_t *at, uint64_t *lost, char *buf, size_t size)
{
	uint64_t first = end > LOG_SIZE ? end - LOG_SIZE : 0;
	size_t n = 0;

	if (*at > end)
		*at = end;
	if (*at < first) {
		*lost += first - *at;
		*at = first;
	}
	while (n < size && *at < end)
		buf[n++] = ring[(*at)++ % LOG_SIZE];
	return n;
}

uint64_t log_end(void)
{
	return end;
}
