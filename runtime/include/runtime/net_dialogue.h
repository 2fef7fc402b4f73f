/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_dialogue.h - do streams between guests and the world outside go on?  No hypercalls.
 */
#pragma once

#include <stdint.h>

#define NET_FLOWS 64u

struct net_dialogue {
	struct {
		uint32_t name, end, ack; /* of a stream, one way: how far it has come */
	} flow[NET_FLOWS];
	uint32_t news;	/* packets that went further than those before	*/
	uint32_t again; /* since the last of them: those that were sent once more */
	uint64_t quiet; /* signs of life since there were enough of them	*/
};

/* A packet passes, either way: its first bytes, how many these are, and its length. */
void net_dialogue_note(struct net_dialogue *d, const uint8_t *p, uint32_t head, uint32_t len);

/* At each sign of life.  1: for so many of them all there was was sent again; 0 of them: for ever. */
int net_dialogue_ended(struct net_dialogue *d, uint64_t patience);
