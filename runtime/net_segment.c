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
#define ACK 0x10u
#define CWR 0x80u

#define TIMESTAMPS 0x0101080au /* as most have them: kind and length, aligned (RFC 7323, appendix A) */

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
	put32(tcp + 4, net_get32(tcp + 4) + i * size);
	if (len < left)
		tcp[13] &= ~(FIN | NET_PSH);
	if (i)
		tcp[13] &= ~CWR;
	set_len(to, h, len);
}

int net_segment_data(const uint8_t *head, const struct net_headers *h, uint32_t len)
{
	const uint8_t *ip = head + h->ip, *tcp = head + h->start;
	uint32_t end = h->ip + (h->ipv6 ? 40 + net_get16(ip + 4) : net_get16(ip + 2)), options;

	if (tcp - ip != (h->ipv6 ? 40 : 20) || h->len > len || (tcp[13] & ~NET_PSH) != ACK)
		return -1;
	if (end == len && h->len < len)
		return len - h->len;
	if (end != h->len || tcp[13] & NET_PSH) /* else what is behind is padding */
		return -1;
	options = h->len - h->start - 20;
	return !options || (options == 12 && net_get32(tcp + 20) == TIMESTAMPS) ? 0 : -1;
}

int net_segment_same(const uint8_t *a, const struct net_headers *ah, const uint8_t *b, const struct net_headers *bh)
{
	const uint8_t *x = a + ah->ip, *y = b + ah->ip;

	/* Up to two tags, and the type, are the ten bytes before the IP header. */
	return ah->ip == bh->ip && ah->start == bh->start && ah->ipv6 == bh->ipv6 && !memcmp(a, b, 12) &&
	       !memcmp(x - 10, y - 10, 10) && !(ah->ipv6 ? memcmp(x + 8, y + 8, 32) : memcmp(x + 12, y + 12, 8)) &&
	       !memcmp(a + ah->start, b + ah->start, 4);
}

int net_segment_alike(const uint8_t *a, const uint8_t *b, const struct net_headers *h)
{
	const uint8_t *p = a + h->start, *q = b + h->start;

	/* Up to the addresses: class, flow and hops; or type of service, fragment bits and time to live. */
	if (h->ipv6 ? memcmp(a + h->ip, b + h->ip, 4) || memcmp(a + h->ip + 6, b + h->ip + 6, 2) :
		      memcmp(a + h->ip, b + h->ip, 2) || memcmp(a + h->ip + 6, b + h->ip + 6, 4))
		return 0;
	if (memcmp(p + 8, q + 8, 5) || memcmp(p + 14, q + 14, 2) || memcmp(p + 18, q + 18, 2))
		return 0;
	for (unsigned at = 20; at < (unsigned)h->len - h->start; at += 4) /* options */
		if (memcmp(p + at, q + at, 4))
			return 0;
	return 1;
}

void net_segment_joined(uint8_t *head, const struct net_headers *h, uint32_t data, int pushed)
{
	if (pushed)
		head[h->start + 13] |= NET_PSH;
	set_len(head, h, data);
}
