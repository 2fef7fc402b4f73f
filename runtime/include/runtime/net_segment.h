/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_segment.h - headers of TCP segments: of those that a large packet is cut into, and of those that
 * make a large one.  No hypercalls.
 */
#pragma once

#include <runtime/net_header.h>

/* The headers of segment i of a packet: head has its own, h says where; `data` bytes follow them in all,
 * `size` in each segment.  The checksum is left blank. */
void net_segment_header(uint8_t *to, const uint8_t *head, const struct net_headers *h, uint32_t data, uint32_t size,
			uint32_t i);

/* Does a packet hold nothing but a plain piece of a TCP stream, so that it may be joined with others?
 * Its bytes of data, or 0. */
uint32_t net_segment_data(const uint8_t *head, const struct net_headers *h, uint32_t len);

/* Does it only acknowledge, with nothing else to say than how far?  len is the packet's. */
int net_segment_acks(const uint8_t *head, const struct net_headers *h, uint32_t len);
uint32_t net_segment_ack(const uint8_t *head, const struct net_headers *h);

/* Are these of one stream? */
int net_segment_same(const uint8_t *a, const struct net_headers *ah, const uint8_t *b, const struct net_headers *bh);

/* ... and, apart from sequence number and length, alike? */
int net_segment_alike(const uint8_t *a, const uint8_t *b, const struct net_headers *h);

uint32_t net_segment_seq(const uint8_t *head, const struct net_headers *h);
int net_segment_pushed(const uint8_t *head, const struct net_headers *h);

/* The first segment's headers become those of the whole, with `data` bytes behind them; the checksum is
 * left blank. */
void net_segment_joined(uint8_t *head, const struct net_headers *h, uint32_t data, int pushed);
