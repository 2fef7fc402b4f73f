/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_header_test.c - headers of packets that nobody vouches for, and their checksums.
 */
#include "fake.h"

#include <runtime/net_header.h>

static struct net_headers h;

/* UDP over IPv4 from 10.0.2.15:1000 to 10.0.2.2:2000, five bytes of data. */
static const uint8_t udp4[] = {
	2, 0, 0,  0, 0, 1,  2,	0, 0, 0, 0,    2,    0x08, 0x00, 0x45, 0,  0, 33, 0,   0,   0x40, 0,   64,  17,
	0, 0, 10, 0, 2, 15, 10, 0, 2, 2, 0x03, 0xe8, 0x07, 0xd0, 0,    13, 0, 0,  'h', 'e', 'l',  'l', 'o',
};

START_TEST(the_transport_header_is_found_behind_ipv4)
{
	ck_assert_int_eq(net_headers_parse(&h, udp4, sizeof(udp4)), 0);
	ck_assert_uint_eq(h.start, 34);
	ck_assert_uint_eq(h.offset, 6);
	ck_assert_uint_eq(h.len, 42);
	ck_assert_int_eq(h.ipv6, 0);
}
END_TEST

START_TEST(tags_and_ipv6_options_are_walked_over)
{
	uint8_t p[128] = { [12] = 0x81, 0x00, 0, 7, 0x86, 0xdd, [18] = 0x60 };

	p[18 + 6] = 0; /* hop by hop */
	p[58] = 6;
	p[59] = 1;	   /* 16 bytes */
	p[74 + 12] = 0x80; /* a TCP header of 32 */
	ck_assert_int_eq(net_headers_parse(&h, p, sizeof(p)), 0);
	ck_assert_int_eq(h.ipv6 && h.tcp, 1);
	ck_assert_uint_eq(h.start, 74);
	ck_assert_uint_eq(h.offset, 16);
	ck_assert_uint_eq(h.len, 106);
}
END_TEST

START_TEST(fragments_and_short_headers_are_refused)
{
	uint8_t p[sizeof(udp4)];

	for (unsigned len = 0; len < 42; len++)
		ck_assert_int_lt(net_headers_parse(&h, udp4, len), 0);
	memcpy(p, udp4, sizeof(p));
	p[20] = 0x20; /* more fragments */
	ck_assert_int_lt(net_headers_parse(&h, p, sizeof(p)), 0);
	memcpy(p, udp4, sizeof(p));
	p[14] = 0x44; /* a header of 16 */
	ck_assert_int_lt(net_headers_parse(&h, p, sizeof(p)), 0);
	memcpy(p, udp4, sizeof(p));
	p[23] = 1; /* ICMP */
	ck_assert_int_lt(net_headers_parse(&h, p, sizeof(p)), 0);
}
END_TEST

START_TEST(no_header_leads_out_of_the_packet)
{
	const uint8_t mac[6] = { 0 }, *said;

	for (unsigned i = 0; i < 200000; i++) {
		unsigned len = (unsigned)test_below(NET_HEADERS + 1);
		uint8_t *p = malloc(len ? len : 1);

		for (unsigned k = 0; k < len; k++)
			p[k] = (uint8_t)test_below(test_below(3) ? 8 : 256);
		if (len > 14) {
			p[12] = test_below(2) ? 0x08 : 0x86;
			p[13] = p[12] == 0x08 ? 0 : 0xdd;
			p[14] = p[12] == 0x08 ? 0x45 : 0x60;
		}
		if (net_address_said(p, len, mac, &said))
			check_that(said + 4 <= p + len);
		if (!net_headers_parse(&h, p, len))
			check_that(h.start + h.offset + 2u <= len);
		free(p);
	}
}
END_TEST

/* The sum of a packet, as slowly as it can be done. */
static unsigned slow_sum(const uint8_t *p, unsigned len)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < len; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

START_TEST(a_completed_checksum_adds_up_however_the_packet_is_cut)
{
	for (unsigned round = 0; round < 5000; round++) {
		unsigned len = 60 + (unsigned)test_below(3000), start = (unsigned)test_below(40), at = 0, nr = 0;
		uint8_t *p = malloc(len);
		struct net_piece piece[NET_PIECES];

		for (unsigned i = 0; i < len; i++)
			p[i] = (uint8_t)test_random();
		while (at < len) {
			uint32_t part = nr + 1 == NET_PIECES ? len - at : 1 + (uint32_t)test_below(len - at);

			piece[nr++] = (struct net_piece){ p + at, part };
			at += part;
		}
		/* A field of zeros, complemented: what is summed with it is all ones. */
		p[start + 16] = p[start + 17] = 0;
		check_that(!net_checksum_fill(piece, nr, start, 16));
		check_that(slow_sum(p + start, len - start) % 0xffff == 0);
		free(p);
	}
}
END_TEST

START_TEST(the_checksum_of_a_known_packet_is_right)
{
	uint8_t p[sizeof(udp4)];
	struct net_piece piece[2] = { { p, 41 }, { p + 41, sizeof(p) - 41 } };
	/* pseudo-header: addresses, protocol, length */
	unsigned pseudo = 0x0a00 + 0x020f + 0x0a00 + 0x0202 + 17 + 13;
	uint8_t check[64];

	memcpy(p, udp4, sizeof(p));
	p[40] = (uint8_t)(pseudo >> 8);
	p[41] = (uint8_t)pseudo;
	ck_assert_int_eq(net_checksum_fill(piece, 2, 34, 6), 0);
	/* With its checksum in place, header and pseudo-header add up to all ones. */
	memset(check, 0, sizeof(check));
	memcpy(check, p + 34, 13);
	ck_assert_uint_eq((slow_sum(check, 14) + pseudo) % 0xffff, 0);
}
END_TEST

START_TEST(a_checksum_that_lies_outside_is_refused)
{
	uint8_t p[64] = { 0 };
	struct net_piece piece = { p, sizeof(p) };

	ck_assert_int_eq(net_checksum_fill(&piece, 1, 60, 2), 0);
	ck_assert_int_lt(net_checksum_fill(&piece, 1, 60, 3), 0);
	ck_assert_int_lt(net_checksum_fill(&piece, 1, 0xffff, 0xffff), 0);
}
END_TEST

START_TEST(a_card_has_the_addresses_that_it_says_itself)
{
	const uint8_t mac[6] = { 0, 0x16, 0x3e, 1, 2, 3 }, other[6] = { 0, 0x16, 0x3e, 1, 2, 4 }, *said;
	uint8_t arp[42] = { [12] = 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, [28] = 10, 0, 2, 15 };
	uint8_t nd[78] = { [12] = 0x86, 0xdd, 0x60, [20] = 58, 255, [54] = 135, [62] = 0xfe, 0x80, [77] = 9 };

	memcpy(arp + 22, mac, 6);
	memcpy(nd + 6, mac, 6);
	ck_assert_uint_eq(net_address_said(arp, 42, mac, &said), 4);
	ck_assert_ptr_eq(said, arp + 28);
	ck_assert_uint_eq(net_address_said(arp, 42, other, &said), 0);
	ck_assert_uint_eq(net_address_said(arp, 41, mac, &said), 0);
	arp[28] = arp[30] = arp[31] = 0; /* is it free? */
	ck_assert_uint_eq(net_address_said(arp, 42, mac, &said), 0);

	ck_assert_uint_eq(net_address_said(nd, 78, mac, &said), 16);
	ck_assert_ptr_eq(said, nd + 62);
	nd[22] = 0x20; /* it has one, and asks for another's */
	ck_assert_uint_eq(net_address_said(nd, 78, mac, &said), 16);
	ck_assert_ptr_eq(said, nd + 22);
	ck_assert_uint_eq(net_address_said(nd, 78, other, &said), 0);
	ck_assert_uint_eq(net_address_said(nd, 77, mac, &said), 0);
	nd[21] = 64; /* from another link */
	ck_assert_uint_eq(net_address_said(nd, 78, mac, &said), 0);
}
END_TEST

SUITE(net_header)
{
	tcase_add_test(tc, a_card_has_the_addresses_that_it_says_itself);
	tcase_add_test(tc, the_transport_header_is_found_behind_ipv4);
	tcase_add_test(tc, tags_and_ipv6_options_are_walked_over);
	tcase_add_test(tc, fragments_and_short_headers_are_refused);
	tcase_add_test(tc, no_header_leads_out_of_the_packet);
	tcase_add_test(tc, a_completed_checksum_adds_up_however_the_packet_is_cut);
	tcase_add_test(tc, the_checksum_of_a_known_packet_is_right);
	tcase_add_test(tc, a_checksum_that_lies_outside_is_refused);
}
