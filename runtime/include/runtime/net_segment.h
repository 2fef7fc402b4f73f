/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_segment.h - headers of TCP segments: of those that a large packet is cut into, and of those that
 * make a large one.  No hypercalls.
 */
#pragma once

#include <runtime/net_header.h>
#include <runtime/string.h>

#define NET_PSH 0x08u /* among TCP's flags: an application waits for this */
#define NET_ACK 0x10u

#define NET_TIMESTAMPS 0x0101080au /* as most have them: kind and length, aligned (RFC 7323, appendix A) */

/* The headers of segment i of a packet: head has its own, h says where; `data` bytes follow them in all,
 * `size` in each segment.  The checksum is left blank. */
void net_segment_header(uint8_t *to, const uint8_t *head, const struct net_headers *h, uint32_t data, uint32_t size,
			uint32_t i);

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

/* Does a TCP packet of len bytes hold nothing but a plain piece of a stream, so that it may be joined with others?  Its
 * bytes of data; 0 when it only acknowledges, with nothing else to say than how far; else -1. */
static inline int net_segment_data(const uint8_t *head, const struct net_headers *h, uint32_t len)
{
	const uint8_t *ip = head + h->ip, *tcp = head + h->start;
	uint32_t end = h->ip + (h->ipv6 ? 40 + net_get16(ip + 4) : net_get16(ip + 2)), options;

	if (tcp - ip != (h->ipv6 ? 40 : 20) || h->len > len || (tcp[13] & ~NET_PSH) != NET_ACK)
		return -1;
	if (end == len && h->len < len)
		return len - h->len;
	if (end != h->len || tcp[13] & NET_PSH) /* else what is behind is padding */
		return -1;
	options = h->len - h->start - 20;
	return !options || (options == 12 && net_get32(tcp + 20) == NET_TIMESTAMPS) ? 0 : -1;
}

/* Are these of one stream?  One of them is plain. */
static inline int net_segment_same(const uint8_t *a, const struct net_headers *ah, const uint8_t *b,
				   const struct net_headers *bh)
{
	const uint8_t *x = a + ah->ip, *y = b + ah->ip;

	/* Up to two tags, and the type, are the ten bytes before the IP header. */
	return ah->ip == bh->ip && ah->start == bh->start && ah->ipv6 == bh->ipv6 && !memcmp(a, b, 12) &&
	       !memcmp(x - 10, y - 10, 10) && !(ah->ipv6 ? memcmp(x + 8, y + 8, 32) : memcmp(x + 12, y + 12, 8)) &&
	       !memcmp(a + ah->start, b + ah->start, 4);
}

/* ... and, apart from sequence number and length, alike? */
static inline int net_segment_alike(const uint8_t *a, const uint8_t *b, const struct net_headers *h)
{
	const uint8_t *p = a + h->start, *q = b + h->start;

	/* Up to the addresses: class, flow and hops; or type of service, fragment bits and time to live. */
	if (h->ipv6 ? memcmp(a + h->ip, b + h->ip, 4) || memcmp(a + h->ip + 6, b + h->ip + 6, 2) :
		      memcmp(a + h->ip, b + h->ip, 2) || memcmp(a + h->ip + 6, b + h->ip + 6, 4))
		return 0;
	if (memcmp(p + 8, q + 8, 4) || p[12] != q[12] || memcmp(p + 14, q + 14, 2) || memcmp(p + 18, q + 18, 2))
		return 0;
	for (unsigned at = 20; at < (unsigned)h->len - h->start; at += 4) /* options */
		if (memcmp(p + at, q + at, 4))
			return 0;
	return 1;
}

/* The first segment's headers become those of the whole, with `data` bytes behind them; the checksum is
 * left blank. */
void net_segment_joined(uint8_t *head, const struct net_headers *h, uint32_t data, int pushed);
