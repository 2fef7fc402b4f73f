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
#define CWR 0x80u

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

void net_segment_joined(uint8_t *head, const struct net_headers *h, uint32_t data, int pushed)
{
	if (pushed)
		head[h->start + 13] |= NET_PSH;
	set_len(head, h, data);
}
