/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_header.h - where a packet's checksum is, and adding it up.  No hypercalls.
 */
#pragma once

#include <runtime/net.h>

#define NET_HEADERS 128u /* bytes in which the headers must lie to be found */

struct net_headers {
	int ipv6, tcp;	 /* else IPv4, UDP			*/
	uint16_t ip;	 /* where its header begins	*/
	uint16_t start;	 /* of the TCP or UDP header		*/
	uint16_t offset; /* of the checksum, from there	*/
	uint16_t len;	 /* up to the data			*/
};

/* Read Ethernet (with a VLAN tag or two), IP and TCP or UDP headers from a packet's first bytes: 0, or
 * -EINVAL when they are not all there, or it is a fragment. */
int net_headers_parse(struct net_headers *h, const uint8_t *p, unsigned len);

/* The address that its sender says by ARP (RFC 826) or neighbour discovery (RFC 4861) to have, or to be about to have:
 * where it stands in the packet, and 4 or 16 bytes.  0: none, or not with this Ethernet address. */
unsigned net_address_said(const uint8_t *p, unsigned len, const uint8_t *mac, const uint8_t **address);

/* A number that all packets of a stream share, from the first len bytes of one. */
unsigned net_flow_hash(const uint8_t *p, unsigned len);

/* Complete a blank checksum in a packet of nr pieces: 0, or -EINVAL when it does not lie in it. */
int net_checksum_fill(const struct net_piece *piece, unsigned nr, uint32_t start, uint32_t offset);

/* Write the checksum of an IPv4 header of len bytes. */
void net_checksum_ipv4(uint8_t *ip, unsigned len);

/* Is the TCP checksum of a packet of one piece, len bytes of it, right? */
int net_checksum_right(const uint8_t *p, const struct net_headers *h, uint32_t len);

/* The sum of TCP's pseudo-header, not inverted: for len bytes of TCP behind the IP header at `ip`. */
uint16_t net_tcp_pseudo_sum(const uint8_t *ip, int ipv6, uint32_t len);

/* Numbers in the network's byte order. */
static inline unsigned net_get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static inline uint32_t net_get32(const uint8_t *p)
{
	return (uint32_t)net_get16(p) << 16 | net_get16(p + 2);
}

static inline void net_put16(uint8_t *p, unsigned value)
{
	p[0] = value >> 8;
	p[1] = value;
}
