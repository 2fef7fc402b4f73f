/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * patience.h - how long a driver is waited for, and how often it is started again.  No hypercalls; all times
 * are system time in ns.
 */
#pragma once

#include <stdint.h>

#include "config.h"

#define PATIENCE_NEVER ~0ull

struct patience {
	const struct driver_config *config;
	uint64_t window;   /* when it began	*/
	unsigned ends;	   /* since then	*/
	unsigned stalls;   /* ... because no request went on	*/
	uint64_t asked;	   /* when it was asked for a sign of life that has not come, 0: it is not waited for */
	uint64_t waited;   /* how long since, as far as it counts ...	*/
	uint64_t looked;   /* ... up to then	*/
	uint64_t next_ask; /* when it is asked next */
};

/* A new incarnation runs from now on. */
void patience_begin(struct patience *p, uint64_t now);
/* It gave a sign of life. */
void patience_alive(struct patience *p);
/* What is to be done now? */
enum patience_verdict { PATIENCE_WAIT, PATIENCE_ASK, PATIENCE_HUNG };
enum patience_verdict patience_look(struct patience *p, uint64_t now);
/* When to look again. */
uint64_t patience_due(const struct patience *p);
/* How many signs of life the next incarnation may give while no request goes on; 0: any number. */
uint64_t patience_stall(const struct patience *p);
/* It ended: how long to wait for the next incarnation, or PATIENCE_NEVER: it had enough of them. */
uint64_t patience_end(struct patience *p, uint64_t now);
