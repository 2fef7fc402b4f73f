/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_segment.h - headers of TCP segments: of those that a large packet is cut into, and of those that
 * make a large one.  No hypercalls.
 */
#pragma once

#include <runtime/net_header.h>

#define NET_PSH 0x08u /* among TCP's flags: an application waits for this */

/* The headers of segment i of a packet: head has its own, h says where; `data` bytes follow them in all,
 * `size` in each segment.  The checksum is left blank. */
void net_segment_header(uint8_t *to, const uint8_t *head, const struct net_headers *h, uint32_t data, uint32_t size,
			uint32_t i);

/* Does a TCP packet of len bytes hold nothing but a plain piece of a TCP stream, so that it may be joined with others?  Its
 * bytes of data; 0 when it only acknowledges, with nothing else to say than how far; else -1. */
int net_segment_data(const uint8_t *head, const struct net_headers *h, uint32_t len);

/* Are these of one stream?  One of them is plain. */
int net_segment_same(const uint8_t *a, const struct net_headers *ah, const uint8_t *b, const struct net_headers *bh);

/* ... and, apart from sequence number and length, alike? */
int net_segment_alike(const uint8_t *a, const uint8_t *b, const struct net_headers *h);

static inline uint32_t net_segment_seq(const uint8_t *head, const struct net_headers *h)
{
	return net_get32(head + h->start + 4);
}

static inline uint32_t net_segment_ack(const uint8_t *head, const struct net_headers *h)
{
	return net_get32(head + h->start + 8);
}

static inline int net_segment_pushed(const uint8_t *head, const struct net_headers *h)
{
	return (head[h->start + 13] & NET_PSH) != 0;
}

/* The first segment's headers become those of the whole, with `data` bytes behind them; the checksum is
 * left blank. */
void net_segment_joined(uint8_t *head, const struct net_headers *h, uint32_t data, int pushed);
