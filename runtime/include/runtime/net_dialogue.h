/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_dialogue.h - do streams between guests and the world outside go on?  No hypercalls.
 */
#pragma once

#include <stdint.h>

#include <runtime/net_header.h>
#include <runtime/net_switch.h>

#define NET_FLOWS 64u

struct net_dialogue {
	struct net_stream {
		uint32_t name; /* both ends', in any order			*/
		struct net_way {
			uint32_t end, ack; /* how far it has come */
		} way[2];		   /* in, out */
		unsigned debt;		   /* packets that have to go further before it counts as one that goes on */
	} stream[NET_FLOWS];
	uint32_t news;	/* packets that went further than those before	*/
	uint32_t again; /* those that were sent once more, since a stream without debt went on */
	uint64_t quiet; /* signs of life since there were enough of them	*/
};

/* A packet passes: its first bytes, with all headers, and its length.  It comes from the world outside, and is to be for
 * one of this switch's own; or goes out: NULL. */
void net_dialogue_note(struct net_dialogue *d, const struct net_switch *into, const uint8_t *p,
		       const struct net_headers *h, uint32_t len);

/* At each sign of life.  1: for so many of them all there was was sent again; 0 of them: for ever. */
int net_dialogue_ended(struct net_dialogue *d, uint64_t patience);
