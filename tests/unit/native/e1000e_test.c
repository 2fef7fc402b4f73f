/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * e1000e_test.c - packets as descriptors of an 82574L, against a device that reads them back.
 */
#include "fake.h"

#include <e1000e/ring.h>
#include <runtime/net_header.h>
#include <runtime/xen.h>

static struct e1000e_tx_desc tx_desc[RING_SIZE];
static struct e1000e_rx_desc rx_desc[RING_SIZE];
static uint8_t headers[RING_SIZE][TX_HEADERS];
static struct e1000e_tx_ring tx = { .desc = tx_desc, .header = headers };
static struct e1000e_rx_ring rx = { .desc = rx_desc };
static uint8_t head[128];
static char pages[RING_SIZE];

static struct net_tx packet(uint32_t a, uint32_t b)
{
	struct net_tx p = { .head = head, .nr_extents = b ? 2 : 1 };

	p.extent[0] = (struct net_extent){ 0x10000, a };
	p.extent[1] = (struct net_extent){ 0x20000, b };
	return p;
}

static void setup(void)
{
	for (unsigned i = 0; i < RING_SIZE; i++)
		tx.header_bus[i] = 0x1000000 + i * TX_HEADERS;
}

START_TEST(a_packet_is_a_descriptor_a_piece_and_the_last_one_reports)
{
	struct net_tx p = packet(100, 50);

	ck_assert_int_eq(e1000e_tx_add(&tx, &p), 0);
	ck_assert_uint_eq(tx.tail, 2);
	ck_assert_uint_eq(tx_desc[0].address, 0x10000);
	ck_assert_uint_eq(tx_desc[0].command, 0x22100000 | 100); /* extended, FCS, data */
	ck_assert_uint_eq(tx_desc[1].command, 0x2b100000 | 50);	 /* report, end of packet */
	ck_assert_ptr_eq(e1000e_tx_take(&tx), NULL);
	tx_desc[0].word |= 1; /* written back, but not the last */
	ck_assert_ptr_eq(e1000e_tx_take(&tx), NULL);
	tx_desc[1].word |= 1;
	ck_assert_ptr_eq(e1000e_tx_take(&tx), &p);
	ck_assert_ptr_eq(e1000e_tx_take(&tx), NULL);
	ck_assert_uint_eq(e1000e_tx_busy(&tx), 0);
}
END_TEST

START_TEST(a_blank_checksum_is_described_by_a_context)
{
	struct net_tx p = packet(100, 0);

	p.meta = (struct net_meta){ .csum = NET_CSUM_BLANK, .csum_start = 34, .csum_offset = 6 };
	ck_assert_int_eq(e1000e_tx_add(&tx, &p), 0);
	ck_assert_uint_eq(tx.tail, 2);
	ck_assert_uint_eq(tx_desc[0].address, 34ull << 32 | 40ull << 40);
	ck_assert_uint_eq(tx_desc[0].command >> 20 & 15, 0);
	ck_assert_uint_eq(tx_desc[1].word, 0x200);
}
END_TEST

static void gso_header(int ipv6)
{
	memset(head, 0, sizeof(head));
	net_put16(head + 12, ipv6 ? 0x86dd : 0x800);
	head[14] = ipv6 ? 0x60 : 0x45;
	memset(head + 16, 0x77, 4);
	memset(head + 24, 0x55, 30);
	if (!ipv6)
		head[23] = 6;
}

START_TEST(a_packet_to_be_cut_gets_headers_of_its_own_without_a_length)
{
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		struct net_tx p = packet(70, 3000);
		unsigned start = ipv6 ? 54 : 34, len = start + 20;
		const uint8_t *own = headers[tx.tail + 1];
		const struct e1000e_tx_desc *d = &tx_desc[tx.tail];

		gso_header(ipv6);
		p.extent[0].len = len + 10;
		p.meta = (struct net_meta){ .csum = NET_CSUM_BLANK,
					    .gso = ipv6 ? NET_GSO_TCPV6 : NET_GSO_TCPV4,
					    .gso_size = 1448,
					    .csum_start = (uint16_t)start,
					    .csum_offset = 16,
					    .header_len = (uint16_t)len,
					    .ip_start = 14 };
		ck_assert_int_eq(e1000e_tx_add(&tx, &p), 0);
		/* The context: where all is, how much is cut, and into what. */
		ck_assert_uint_eq(d[0].command & 0xfffff, 3010);
		ck_assert_uint_eq(d[0].command >> 24, ipv6 ? 0x25 : 0x27);
		ck_assert_uint_eq(d[0].word, 1448u << 16 | len << 8);
		ck_assert_uint_eq(d[0].address & 0xff, 14);
		ck_assert_uint_eq(d[0].address >> 16 & 0xffff, ipv6 ? 0 : 33);
		/* The headers, then what lies behind them. */
		ck_assert_uint_ge(d[1].address, 0x1000000);
		ck_assert_uint_eq(d[1].command & 0xfffff, len);
		ck_assert_uint_eq(d[2].address, 0x10000 + len);
		ck_assert_uint_eq(d[2].command & 0xfffff, 10);
		ck_assert_uint_eq(d[3].word, ipv6 ? 0x200 : 0x300);
		ck_assert_uint_eq(net_get16(own + (ipv6 ? 18 : 16)), 0);
		ck_assert_uint_eq(net_get16(own + start + 16), net_tcp_pseudo_sum(head + 14, ipv6, 0));
		ck_assert_uint_eq(net_get16(head + (ipv6 ? 18 : 16)), 0x7777); /* theirs are as they were */
	}
}
END_TEST

START_TEST(a_full_ring_is_said_before_anything_is_written)
{
	struct net_tx p = packet(100, 50);
	unsigned nr = 0;

	while (!e1000e_tx_add(&tx, &p))
		nr++;
	ck_assert_uint_ge(nr, (RING_SIZE - TX_MOST - 2) / 2);
	ck_assert_uint_lt(e1000e_tx_busy(&tx), RING_SIZE);
	for (unsigned i = 0; i < RING_SIZE; i++)
		tx_desc[i].word = 1;
	for (unsigned i = 0; i < nr; i++)
		ck_assert_ptr_eq(e1000e_tx_take(&tx), &p);
	ck_assert_uint_eq(e1000e_tx_busy(&tx), 0);
}
END_TEST

START_TEST(what_was_never_sent_is_given_up_and_the_ring_is_new)
{
	struct net_tx p = packet(100, 50);

	e1000e_tx_add(&tx, &p);
	e1000e_tx_add(&tx, &p);
	ck_assert_ptr_eq(e1000e_tx_give_up(&tx), &p);
	ck_assert_ptr_eq(e1000e_tx_give_up(&tx), &p);
	ck_assert_ptr_eq(e1000e_tx_give_up(&tx), NULL);
	ck_assert_uint_eq(tx.tail, 0);
}
END_TEST

static void post(unsigned nr)
{
	for (unsigned i = 0; i < nr; i++)
		e1000e_rx_add(&rx, &pages[rx.tail], 0x5000);
}

static void fill(unsigned at, uint16_t len, uint8_t status, uint8_t errors)
{
	rx_desc[at].len = len;
	rx_desc[at].errors = errors;
	rx_desc[at].status = status;
	rx_desc[at].address = 0xbad; /* the device may write what it wants there */
}

START_TEST(a_buffer_comes_back_as_what_was_posted_with_what_the_device_says)
{
	struct net_piece piece;
	struct net_meta meta;

	post(4);
	ck_assert_ptr_eq(e1000e_rx_take(&rx, &piece, &meta), NULL);
	fill(0, 60, 0x23, 0);
	fill(1, 1514, 0x23, 0x20);
	fill(2, 1514, 0x27, 0);
	ck_assert_ptr_eq(e1000e_rx_take(&rx, &piece, &meta), &pages[0]);
	ck_assert_uint_eq(piece.len, 60);
	ck_assert_uint_eq(meta.csum, NET_CSUM_VALID);
	ck_assert_ptr_eq(e1000e_rx_take(&rx, &piece, &meta), &pages[1]);
	ck_assert_uint_eq(piece.len, 1514);
	ck_assert_uint_eq(meta.csum, NET_CSUM_NONE); /* its sum is wrong: the receiver sees for itself */
	e1000e_rx_take(&rx, &piece, &meta);
	ck_assert_uint_eq(meta.csum, NET_CSUM_NONE);
	ck_assert_ptr_eq(e1000e_rx_take(&rx, &piece, &meta), NULL);
}
END_TEST

START_TEST(what_is_damaged_too_long_or_in_parts_is_of_no_use)
{
	struct net_piece piece;
	struct net_meta meta;

	post(6);
	fill(0, 60, 0x03, 0x01);
	fill(1, RX_BYTES + 1, 0x03, 0);
	fill(2, RX_BYTES, 0x01, 0);
	fill(3, RX_BYTES, 0x01, 0);
	fill(4, 60, 0x03, 0);
	fill(5, 60, 0x03, 0);
	for (unsigned i = 0; i < 6; i++) {
		ck_assert_ptr_eq(e1000e_rx_take(&rx, &piece, &meta), &pages[i]);
		ck_assert_uint_eq(piece.len, i == 5 ? 60 : 0);
	}
}
END_TEST

START_TEST(buffers_are_posted_up_to_one_less_than_the_ring_has)
{
	unsigned nr = 0;

	for (; e1000e_rx_room(&rx); nr++)
		post(1);
	ck_assert_uint_eq(nr, RING_SIZE - 1);
	for (unsigned i = 0; i < nr; i++)
		ck_assert_ptr_eq(e1000e_rx_give_up(&rx), &pages[i]);
	ck_assert_ptr_eq(e1000e_rx_give_up(&rx), NULL);
	ck_assert_uint_eq(rx.tail, 0);
}
END_TEST

SUITE(e1000e)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_packet_is_a_descriptor_a_piece_and_the_last_one_reports);
	tcase_add_test(tc, a_blank_checksum_is_described_by_a_context);
	tcase_add_test(tc, a_packet_to_be_cut_gets_headers_of_its_own_without_a_length);
	tcase_add_test(tc, a_full_ring_is_said_before_anything_is_written);
	tcase_add_test(tc, what_was_never_sent_is_given_up_and_the_ring_is_new);
	tcase_add_test(tc, a_buffer_comes_back_as_what_was_posted_with_what_the_device_says);
	tcase_add_test(tc, what_is_damaged_too_long_or_in_parts_is_of_no_use);
	tcase_add_test(tc, buffers_are_posted_up_to_one_less_than_the_ring_has);
}
