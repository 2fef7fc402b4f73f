/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_packet.h - packets in this domain's own memory: received, or copied from a frontend.
 */
#pragma once

#include <runtime/net.h>

struct packet {
	struct packet *next; /* free ones */
	unsigned refs;
	int copied; /* from a frontend */
	uint32_t len;
	struct net_meta meta;
	unsigned nr;
	struct net_piece piece[NET_PIECES];
	struct net_tx tx; /* when it goes to the device */
};

/* Make the pool: 0 or -ENOMEM. */
int packets_init(void);

/* A packet without pieces, held once; NULL: there is none. */
struct packet *packet_new(void);

/* Give it empty pages for len bytes; there must be as many. */
void packet_fill(struct packet *p, uint32_t len);

void packet_hold(struct packet *p);
void packet_put(struct packet *p);

/* Pages that packet_fill() may take now. */
unsigned packet_pages(void);
