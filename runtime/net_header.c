/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_header.c - where a packet's checksum is, and adding it up.
 */
#include <runtime/net_header.h>
#include <runtime/string.h>
#include <runtime/xen.h>

#define ETH_IPV4 0x0800
#define ETH_IPV6 0x86dd
#define ETH_ARP	 0x0806
#define ETH_VLAN 0x8100
#define ETH_QINQ 0x88a8

#define PROTO_HOP     0
#define PROTO_TCP     6
#define PROTO_UDP     17
#define PROTO_ROUTING 43
#define PROTO_ICMPV6  58
#define PROTO_OPTIONS 60

#define ND_SOLICITS   135
#define ND_ADVERTISES 136

/* How long the IPv4 header is, of which there are at most len bytes: 0 when it cannot be. */
static unsigned ipv4_len(const uint8_t *ip, unsigned len, uint8_t *proto)
{
	unsigned header = len < 20 ? 0 : (ip[0] & 15) * 4;

	if (header < 20 || ip[0] >> 4 != 4 || net_get16(ip + 6) & 0x3fff) /* a fragment */
		return 0;
	*proto = ip[9];
	return header;
}

/* ... with those that extend it. */
static unsigned ipv6_len(const uint8_t *ip, unsigned len, uint8_t *proto)
{
	unsigned at = 40;

	if (len < 40 || ip[0] >> 4 != 6)
		return 0;
	*proto = ip[6];
	while (*proto == PROTO_HOP || *proto == PROTO_ROUTING || *proto == PROTO_OPTIONS) {
		if (len < at + 8)
			return 0;
		*proto = ip[at];
		at += (ip[at + 1] + 1) * 8;
	}
	return at;
}

int net_headers_parse(struct net_headers *h, const uint8_t *p, unsigned len)
{
	unsigned ip = 14, type = len < ip ? 0 : net_get16(p + 12), start, least, header;
	uint8_t proto = 0;

	for (; (type == ETH_VLAN || type == ETH_QINQ) && ip < 22 && len >= ip + 4; ip += 4) /* two at most */
		type = net_get16(p + ip + 2);
	start = type == ETH_IPV4 ? ipv4_len(p + ip, len - ip, &proto) :
		type == ETH_IPV6 ? ipv6_len(p + ip, len - ip, &proto) :
				   0;
	least = proto == PROTO_TCP ? 20 : 8;
	if (!start || (proto != PROTO_TCP && proto != PROTO_UDP) || len - ip < start + least)
		return -XEN_EINVAL;
	start += ip;
	header = proto == PROTO_TCP ? (p[start + 12] >> 4) * 4 : 8;
	*h = (struct net_headers){ .ipv6 = type == ETH_IPV6,
				   .tcp = proto == PROTO_TCP,
				   .ip = ip,
				   .start = start,
				   .offset = proto == PROTO_TCP ? 16 : 6,
				   .len = start + header };
	return header < least ? -XEN_EINVAL : 0;
}

static int is_discovery(const uint8_t *p)
{
	return p[20] == PROTO_ICMPV6 && p[21] == 255 && (p[54] == ND_SOLICITS || p[54] == ND_ADVERTISES);
}

unsigned net_address_said(const uint8_t *p, unsigned len, const uint8_t *mac, const uint8_t **address)
{
	static const uint8_t none[16];
	unsigned type = len < 42 ? 0 : net_get16(p + 12), n = 0;

	if (type == ETH_ARP && net_get16(p + 16) == ETH_IPV4 && !memcmp(p + 22, mac, 6)) {
		*address = p + 28;
		n = 4;
	} else if (type == ETH_IPV6 && len >= 78 && !memcmp(p + 6, mac, 6) && is_discovery(p)) {
		/* Who asks whether an address is free has none: it is the one. */
		*address = memcmp(p + 22, none, 16) ? p + 22 : p + 62;
		n = 16;
	}
	return n && memcmp(*address, none, n) ? n : 0;
}

/* Words wherever they lie. */
typedef uint32_t __attribute__((may_alias, aligned(1))) any32;
typedef uint16_t __attribute__((may_alias, aligned(1))) any16;

/* Sums are of 16-bit words in the machine's byte order, and may be of wider ones: a carry out of 64 bits comes back at
 * their end as it would of 16 (RFC 1071, 2(B)). */
static uint64_t add(uint64_t a, uint64_t b)
{
	a += b;
	return a + (a < b);
}

/* The halves' sum with its carry is the upper half of what a number and the same with its halves swapped add up to. */
static uint16_t fold(uint64_t sum)
{
	uint32_t half = (sum + (sum << 32 | sum >> 32)) >> 32;

	return (half + (half << 16 | half >> 16)) >> 16;
}

/* Add nr blocks of words at p: LEA and DEC leave the carry alone. */
#define ADD_BLOCKS(size)                                                                        \
	__asm__("clc; 1: .set .Lat, 0; .rept " #size                                            \
		" / 8; adcq .Lat(%1), %0; .set .Lat, .Lat + 8; .endr; leaq " #size "(%1), %1; " \
		"decq %2; jnz 1b; adcq $0, %0"                                                  \
		: "+r"(sum), "+r"(p), "+r"(nr)                                                  \
		:                                                                               \
		: "cc", "memory")

/* A card that leaves sums to us has each byte come by here: an add for eight of them. */
static uint64_t sum_bytes(const uint8_t *p, uint32_t len)
{
	uint64_t sum = 0, rest = 0, nr = len / 256;

	if (nr)
		ADD_BLOCKS(256);
	nr = len % 256 / 64;
	if (nr)
		ADD_BLOCKS(64);
	nr = len % 64 / 8;
	if (nr)
		ADD_BLOCKS(8);
	if (len & 4) {
		rest = *(const any32 *)p;
		p += 4;
	}
	if (len & 2) {
		rest += *(const any16 *)p;
		p += 2;
	}
	return add(sum, len & 1 ? rest + *p : rest);
}

static uint64_t pseudo_sum(const uint8_t *ip, int ipv6, uint32_t len)
{
	const any32 *ipv4 = (const any32 *)(ip + 12);
	uint64_t sum = ipv6 ? sum_bytes(ip + 8, 32) : (uint64_t)ipv4[0] + ipv4[1];

	return add(sum, __builtin_bswap32(PROTO_TCP + len));
}

uint16_t net_tcp_pseudo_sum(const uint8_t *ip, int ipv6, uint32_t len)
{
	return __builtin_bswap16(fold(pseudo_sum(ip, ipv6, len)));
}

static uint8_t *byte_at(const struct net_piece *piece, unsigned nr, uint32_t at)
{
	for (unsigned i = 0; i < nr; i++) {
		if (at < piece[i].len)
			return &piece[i].data[at];
		at -= piece[i].len;
	}
	return NULL;
}

int net_checksum_fill(const struct net_piece *piece, unsigned nr, uint32_t start, uint32_t offset)
{
	uint8_t *first = byte_at(piece, nr, start + offset);
	uint8_t *second = byte_at(piece, nr, start + offset + 1);
	uint32_t skip = start, summed = 0;
	uint64_t sum = 0;

	if (!first || !second)
		return -XEN_EINVAL;
	for (unsigned i = 0; i < nr; i++) {
		uint32_t from = skip < piece[i].len ? skip : piece[i].len;
		uint64_t part = sum_bytes(piece[i].data + from, piece[i].len - from);

		/* Behind an odd number of bytes, what is high and what is low have changed places. */
		sum = add(sum, summed & 1 ? part << 8 | part >> 56 : part);
		summed += piece[i].len - from;
		skip -= from;
	}
	sum = (uint16_t)~fold(sum);
	if (!sum)
		sum = 0xffff; /* 0 would mean "none" to UDP; both are 0 */
	*first = sum;
	*second = sum >> 8;
	return 0;
}

void net_checksum_ipv4(uint8_t *ip, unsigned len)
{
	net_put16(ip + 10, 0);
	*(any16 *)(ip + 10) = ~fold(sum_bytes(ip, len));
}

int net_checksum_right(const uint8_t *p, const struct net_headers *h, uint32_t len)
{
	len -= h->start;
	return fold(add(sum_bytes(p + h->start, len), pseudo_sum(p + h->ip, h->ipv6, len))) == 0xffff;
}

static uint32_t hash(uint32_t seed, const uint8_t *p, unsigned len)
{
	for (; len; len--)
		seed = (seed ^ *p++) * 16777619u; /* FNV-1a */
	return seed;
}

unsigned net_flow_hash(const uint8_t *p, unsigned len)
{
	struct net_headers h;
	uint32_t n;

	if (net_headers_parse(&h, p, len))
		return hash(2166136261u, p, len < 12 ? len : 12) >> 16;
	n = hash(2166136261u, p + h.ip + (h.ipv6 ? 8 : 12), h.ipv6 ? 32 : 8);
	return hash(n, p + h.start, 4) >> 16;
}
