/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net.h - what a network driver implements, and the backend that serves it to frontends.
 *
 * The backend owns rings, grants, checks, the switch and the store; the driver moves packets between
 * its device and bus addresses.  Packets that frontends send may lie in frames which are pinned for
 * the device only: the driver never sees their data.
 */
#pragma once

#include <stdint.h>

#define NET_PIECES 18u /* most pieces of a packet: 64 KiB, and none need be aligned */

enum net_csum {
	NET_CSUM_NONE,	/* as it is; whoever wants to know checks it			*/
	NET_CSUM_VALID, /* was checked							*/
	NET_CSUM_BLANK, /* holds the pseudo-header's sum: the rest is to be added	*/
};

enum net_gso { NET_GSO_NONE, NET_GSO_TCPV4, NET_GSO_TCPV6 };

/* What is still to be done to a packet. */
struct net_meta {
	uint8_t csum;	      /* enum net_csum						*/
	uint8_t gso;	      /* enum net_gso: to be cut; the checksum is blank then	*/
	uint16_t gso_size;    /* bytes behind the headers in each			*/
	uint16_t csum_start;  /* blank: from here to the end				*/
	uint16_t csum_offset; /* ... and the sum goes here, from csum_start		*/
	uint16_t header_len;  /* with gso						*/
	uint16_t ip_start;    /* with gso						*/
};

struct net_extent {
	uint64_t bus; /* within one page */
	uint32_t len;
};

/* A packet for the device. */
struct net_tx {
	struct net_tx *next; /* the backend's			*/
	struct net_meta meta;
	unsigned queue;	     /* any number: what has the same leaves in order */
	const uint8_t *head; /* with gso: header_len bytes, the packet's first */
	unsigned awaited;    /* 1: somebody waits for net_complete(); 0: it may come late */
	unsigned nr_extents; /* at least 1, none empty	*/
	struct net_extent extent[NET_PIECES];
	void (*done)(struct net_tx *tx); /* the backend's	*/
};

/* A part of a packet from the device, in a page from net_page_get(). */
struct net_piece {
	uint8_t *data;
	uint32_t len;
};

struct net_device {
	const char *name;
	uint8_t mac[6];
	int tx_csum, tx_tso4, tx_tso6; /* what it does to packets that it sends */
	void *ctx;

	/* Start to send: 0, or -EBUSY when the queue is full (the same packet comes again after
	 * some net_complete()).  Must not call net_complete() itself. */
	int (*submit)(struct net_device *dev, struct net_tx *tx);

	/* Tell the device about all that was submitted since the last kick.  May complete. */
	void (*kick)(struct net_device *dev);

	/* Hand packets that came to net_receive(), at most so many: how many. */
	unsigned (*receive)(struct net_device *dev, unsigned most);

	/* Call net_received() at the next packet; returns 1 when there is one already. */
	int (*listen)(struct net_device *dev);

	/* Post what net_page_get() gives: there may be pages again.  Returns how many the device has to receive into. */
	unsigned (*refill)(struct net_device *dev);
};

/* From the driver's event handler: the device has sent the packet, or given it up. */
void net_complete(struct net_tx *tx);

/* A page to receive into, or NULL: refill() is called often. */
void *net_page_get(void);

/* From the driver's event handler: packets may have come.  No more interrupts for that until listen(). */
void net_received(void);

/* From receive(): a packet came.  Its pages are the backend's from now on. */
void net_receive(const struct net_meta *meta, const struct net_piece *piece, unsigned nr);

/* The driver does not want a page after all. */
void net_page_put(void *page);

/* Before the first net_page_get(): the device gets the name that it was started with.  0 or -errno. */
int net_init(struct net_device *dev);

/* Serve frontends; returns only when the store cannot be used. */
int net_serve(struct net_device *dev);
