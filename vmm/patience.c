/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * patience.c - how long a driver is waited for, and how often it is started again.
 *
 * A driver is asked for a sign of life in each period.  It counts as hung when it has owed one for the whole
 * limit; while it is waited for it is not asked again, so one late answer is enough.  Drivers have a
 * higher priority than whoever asks, so when all were held up alike the answer comes first; but a driver that ran while
 * the whole machine stood still has used up its share, and answers after that.  So between two looks, which are a
 * quarter of the limit apart, no more than half of it counts.
 *
 * The first two restarts of a window are immediate.  From then on each waits twice as long as the last.
 *
 * Where no request goes on, the driver or its device may be to blame, and a device may be slow.  A new incarnation
 * resets the device and asks again; should it be the device's way, each incarnation of a window gives it twice as long.
 */
#include "patience.h"

#define MS	     1000000ull
#define BACKOFF_MAX  5000 /* ms */
#define DOUBLED_MOST 6

void patience_begin(struct patience *p, uint64_t now)
{
	p->asked = 0;
	p->next_ask = now + p->config->period * MS;
}

void patience_alive(struct patience *p)
{
	p->asked = 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

enum patience_verdict patience_look(struct patience *p, uint64_t now)
{
	uint64_t limit = p->config->limit * MS;

	if (!p->config->period)
		return PATIENCE_WAIT;
	if (p->asked) {
		p->waited += least(now - p->looked, limit / 2);
		p->looked = now;
		return p->waited >= limit ? PATIENCE_HUNG : PATIENCE_WAIT;
	}
	if (now < p->next_ask)
		return PATIENCE_WAIT;
	p->asked = p->looked = now;
	p->waited = 0;
	p->next_ask = now + p->config->period * MS;
	return PATIENCE_ASK;
}

uint64_t patience_due(const struct patience *p)
{
	uint64_t limit = p->config->limit * MS;

	if (!p->config->period)
		return PATIENCE_NEVER;
	return p->asked ? p->looked + least(limit / 4, limit - p->waited) : p->next_ask;
}

uint64_t patience_stall(const struct patience *p)
{
	const struct driver_config *c = p->config;
	uint64_t stall = (uint64_t)c->stall << (p->stalls < DOUBLED_MOST ? p->stalls : DOUBLED_MOST);

	return c->period ? (stall + c->period - 1) / c->period : 0;
}

uint64_t patience_end(struct patience *p, uint64_t now)
{
	uint64_t wait;

	if (!p->ends || now - p->window >= p->config->window * 1000 * MS) {
		p->window = now;
		p->ends = p->stalls = 0;
	}
	if (p->ends++ >= p->config->restarts)
		return PATIENCE_NEVER;
	if (p->ends <= 2)
		return 0;
	wait = (uint64_t)p->config->backoff << (p->ends - 3 < 16 ? p->ends - 3 : 16);
	return (wait < BACKOFF_MAX ? wait : BACKOFF_MAX) * MS;
}
