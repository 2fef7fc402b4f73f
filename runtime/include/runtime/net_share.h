/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_share.h - what each port of the switch gets of what is scarce: turns to send, and room in the
 * backlogs of others.  No hypercalls, no packets.
 */
#pragma once

#include <runtime/net_switch.h>

#define NET_QUANTUM	16384 /* bytes a port may send in its turn		*/
#define NET_PACKET_COST 500   /* in bytes, what each packet costs besides them */

/* Deficit round robin: over time all who have packets send as many bytes, whatever their packets' sizes. */
struct net_turns {
	unsigned at;
	int32_t credit[NET_PORTS];
};

/* Whose turn it is, of a set of ports that is not empty. */
unsigned net_turn(struct net_turns *turns, uint32_t ready);

void net_turn_charge(struct net_turns *turns, unsigned port, uint32_t len);

/* Pages that wait in one place, by who sent them. */
struct net_share {
	unsigned used, by[NET_PORTS];
};

/* Room for n pages from a port, of `most` in all: 1 when they were taken.  Nobody gets more than what he
 * leaves to others, so one alone fills half of it. */
int net_share_take(struct net_share *share, unsigned most, unsigned from, unsigned n);
void net_share_give(struct net_share *share, unsigned from, unsigned n);
