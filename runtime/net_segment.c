/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_segment.c - headers of TCP segments.
 *
 * Only what is certain is joined: no IPv4 options or fragments, no IPv6 extensions, no flags but ACK and
 * PSH, the same acknowledgement, window and options.  So cutting the result gives back what was joined,
 * but for IPv4's identification (RFC 6864: it has no meaning in what is never fragmented).
 */
#include <runtime/net_segment.h>
#include <runtime/string.h>

#define FIN 0x01u
#define PSH 0x08u
#define ACK 0x10u
#define CWR 0x80u

static uint32_t get32(const uint8_t *p)
{
	return net_get16(p) << 16 | net_get16(p + 2);
}

static void put32(uint8_t *p, uint32_t value)
{
	net_put16(p, value >> 16);
	net_put16(p + 2, value);
}

/* Lengths and sums for len bytes behind all headers. */
static void set_len(uint8_t *head, const struct net_headers *h, uint32_t len)
{
	uint8_t *ip = head + h->ip;
	uint32_t tcp = h->len - h->start + len;

	if (h->ipv6) {
		net_put16(ip + 4, h->start - h->ip - 40 + tcp);
	} else {
		net_put16(ip + 2, h->start - h->ip + tcp);
		net_checksum_ipv4(ip, h->start - h->ip);
	}
	net_put16(head + h->start + h->offset, net_tcp_pseudo_sum(ip, h->ipv6, tcp));
}

void net_segment_header(uint8_t *to, const uint8_t *head, const struct net_headers *h, uint32_t data, uint32_t size,
			uint32_t i)
{
	uint32_t left = data - i * size, len = left < size ? left : size;
	uint8_t *ip = to + h->ip, *tcp = to + h->start;

	memcpy(to, head, h->len);
	if (!h->ipv6)
		net_put16(ip + 4, net_get16(ip + 4) + i);
	put32(tcp + 4, get32(tcp + 4) + i * size);
	if (len < left)
		tcp[13] &= ~(FIN | PSH);
	if (i)
		tcp[13] &= ~CWR;
	set_len(to, h, len);
}

/* Where the packet ends by its IP header, if that is a plain one; else 0. */
static uint32_t plain_end(const uint8_t *head, const struct net_headers *h)
{
	const uint8_t *ip = head + h->ip;
	uint32_t header = h->ipv6 ? 40 : 20;

	if (!h->tcp || (uint32_t)(h->start - h->ip) != header)
		return 0;
	return h->ip + (h->ipv6 ? 40 + net_get16(ip + 4) : net_get16(ip + 2));
}

int net_segment_acks(const uint8_t *head, const struct net_headers *h, uint32_t len)
{
	static const uint8_t timestamps[] = { 1, 1, 8, 10 };
	unsigned options = h->len - h->start - 20;

	return len >= h->len && plain_end(head, h) == h->len && head[h->start + 13] == ACK &&
	       (!options || (options == 12 && !memcmp(head + h->start + 20, timestamps, sizeof(timestamps))));
}

uint32_t net_segment_ack(const uint8_t *head, const struct net_headers *h)
{
	return get32(head + h->start + 8);
}

uint32_t net_segment_data(const uint8_t *head, const struct net_headers *h, uint32_t len)
{
	return plain_end(head, h) == len && h->len < len && (head[h->start + 13] & ~PSH) == ACK ? len - h->len : 0;
}

/* Are they the same?  By words, of which the last one may begin in the one before. */
static int same(const uint8_t *a, const uint8_t *b, unsigned len)
{
	unsigned at = 0;

	for (; at + 8 <= len; at += 8)
		if (memcmp(a + at, b + at, 8))
			return 0;
	return at == len || !(len < 8 ? memcmp(a, b, len) : memcmp(a + len - 8, b + len - 8, 8));
}

int net_segment_same(const uint8_t *a, const struct net_headers *ah, const uint8_t *b, const struct net_headers *bh)
{
	unsigned from = ah->ipv6 ? 8 : 12;

	return ah->ip == bh->ip && ah->start == bh->start && ah->ipv6 == bh->ipv6 && ah->tcp == bh->tcp &&
	       same(a, b, ah->ip) && same(a + ah->ip + from, b + ah->ip + from, ah->start - ah->ip - from) &&
	       !memcmp(a + ah->start, b + ah->start, 4);
}

int net_segment_alike(const uint8_t *a, const uint8_t *b, const struct net_headers *h)
{
	const uint8_t *p = a + h->start, *q = b + h->start;

	/* Up to the addresses: class, flow and hops; or type of service, fragment bits and time to live. */
	if (h->ipv6 ? memcmp(a + h->ip, b + h->ip, 4) || memcmp(a + h->ip + 6, b + h->ip + 6, 2) :
		      memcmp(a + h->ip, b + h->ip, 2) || memcmp(a + h->ip + 6, b + h->ip + 6, 4))
		return 0;
	return !memcmp(p + 8, q + 8, 5) && !memcmp(p + 14, q + 14, 2) && !memcmp(p + 18, q + 18, 2) &&
	       same(p + 20, q + 20, h->len - h->start - 20);
}

uint32_t net_segment_seq(const uint8_t *head, const struct net_headers *h)
{
	return get32(head + h->start + 4);
}

int net_segment_pushed(const uint8_t *head, const struct net_headers *h)
{
	return (head[h->start + 13] & PSH) != 0;
}

void net_segment_joined(uint8_t *head, const struct net_headers *h, uint32_t data, int pushed)
{
	if (pushed)
		head[h->start + 13] |= PSH;
	set_len(head, h, data);
}
