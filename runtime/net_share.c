/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_share.c - turns and room, so that a port that floods costs the others no more than their share.
 *
 * Turns: Shreedhar and Varghese, "Efficient fair queuing using deficit round-robin", 1995.  Room:
 * Choudhury and Hahne, "Dynamic queue length thresholds", 1998.
 */
#include <runtime/net_share.h>

unsigned net_turn(struct net_turns *turns, uint32_t ready)
{
	while (!(ready >> turns->at & 1) || turns->credit[turns->at] <= 0) {
		uint32_t later = ready & ~0u << turns->at << 1; /* those behind it */

		/* Who has nothing to send saves nothing up, but owes what it owes. */
		if (turns->credit[turns->at] > 0)
			turns->credit[turns->at] = 0;
		turns->at = __builtin_ctz(later ? later : ready);
		turns->credit[turns->at] += NET_QUANTUM;
	}
	return turns->at;
}

void net_turn_charge(struct net_turns *turns, unsigned port, uint32_t len)
{
	turns->credit[port] -= len + NET_PACKET_COST;
}

int net_share_take(struct net_share *share, unsigned most, unsigned from, unsigned n)
{
	if (share->used > most || share->by[from] + n > most - share->used)
		return 0;
	share->used += n;
	share->by[from] += n;
	return 1;
}

void net_share_give(struct net_share *share, unsigned from, unsigned n)
{
	share->used -= n;
	share->by[from] -= n;
}
