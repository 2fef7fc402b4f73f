/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_header.h - where a packet's checksum is, and adding it up.  No hypercalls.
 */
#pragma once

#include <runtime/net.h>

#define NET_HEADERS 128u /* bytes in which the headers must lie to be found */

struct net_headers {
	int ipv6, tcp;	 /* else IPv4, UDP			*/
	uint16_t start;	 /* of the TCP or UDP header		*/
	uint16_t offset; /* of the checksum, from there	*/
	uint16_t len;	 /* up to the data			*/
};

/* Read Ethernet (with a VLAN tag or two), IP and TCP or UDP headers from a packet's first bytes: 0, or
 * -EINVAL when they are not all there, or it is a fragment. */
int net_headers_parse(struct net_headers *h, const uint8_t *p, unsigned len);

/* Complete a blank checksum in a packet of nr pieces: 0, or -EINVAL when it does not lie in it. */
int net_checksum_fill(const struct net_piece *piece, unsigned nr, uint32_t start, uint32_t offset);
