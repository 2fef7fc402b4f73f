/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_packet.h - packets in this domain's own memory: received, or copied from a frontend.
 */
#pragma once

#include <runtime/net_header.h>
#include <runtime/xen.h>

#define PACKET_HEADERS	4u
#define PACKET_SEGMENTS (PACKET_HEADERS * PAGE_SIZE / NET_HEADERS) /* most that one is cut into */

struct packet {
	struct packet *next; /* free ones */
	unsigned refs;
	int copied;		    /* from a frontend */
	struct packet *parent;	    /* whose pages these pieces are in, NULL: its own	*/
	struct net_headers headers; /* of one that is cut: packet_segments()		*/
	unsigned cut_piece;	    /* where the next segment's data begins ...		*/
	uint32_t cut_at;	    /* ... from that piece's start				*/
	unsigned nr_headers;
	uint8_t *header[PACKET_HEADERS]; /* pages: headers of what it is cut into		*/
	unsigned queue;			 /* as that of struct net_tx */
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

/* How many segments a packet with gso makes; 0: it cannot be cut. */
unsigned packet_segments(struct packet *p);

/* Each of them, one after the other, after that: NULL when there is no memory for it.  They share its data; their
 * checksums are blank. */
struct packet *packet_cut(struct packet *p, unsigned i);

/* How many there may be now. */
unsigned packet_segments_left(void);
