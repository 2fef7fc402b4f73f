/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_share_test.c - a port that floods costs the others no more than their share.
 */
#include "fake.h"

#include <runtime/net_share.h>

static struct net_turns turns;
static struct net_share share;
static uint64_t sent[NET_PORTS];

#define BIT(port) (1u << (port))

/* Whose turn it is, of those who are ready, sends a packet of its size. */
static unsigned send_one(uint32_t ready, const uint32_t *size)
{
	unsigned port = net_turn(&turns, ready);

	check_that(ready >> port & 1);
	net_turn_charge(&turns, port, size[port]);
	sent[port] += size[port] + NET_PACKET_COST;
	return port;
}

START_TEST(all_send_as_many_bytes_whatever_their_packets_sizes)
{
	static const uint32_t size[NET_PORTS] = { 0, 60, 65535, 1514, 9000 };
	uint32_t ready = BIT(1) | BIT(2) | BIT(3) | BIT(4);

	for (unsigned i = 0; i < 500000; i++)
		send_one(ready, size);
	for (unsigned a = 1; a < 5; a++)
		for (unsigned b = 1; b < 5; b++)
			check_that(sent[a] < sent[b] + 2 * (NET_QUANTUM + 65535 + NET_PACKET_COST));
}
END_TEST

START_TEST(who_was_silent_saved_nothing_up)
{
	static const uint32_t size[NET_PORTS] = { [1] = 1000, [2] = 1000 };

	for (unsigned i = 0; i < 10000; i++)
		send_one(BIT(1), size);
	sent[1] = sent[2] = 0;
	for (unsigned i = 0; i < 1000; i++)
		send_one(BIT(1) | BIT(2), size);
	check_that(sent[2] < sent[1] + 3 * NET_QUANTUM && sent[1] < sent[2] + 3 * NET_QUANTUM);
}
END_TEST

START_TEST(who_sends_seldom_waits_for_one_turn_of_each_other)
{
	static const uint32_t size[NET_PORTS] = { [1] = 60, [2] = 65535, [3] = 60 };
	uint64_t before;

	for (unsigned i = 0; i < 10000; i++)
		send_one(BIT(1) | BIT(2), size);
	before = sent[1] + sent[2];
	while (send_one(BIT(1) | BIT(2) | BIT(3), size) != 3)
		;
	check_that(sent[1] + sent[2] - before <= 3 * NET_QUANTUM + 65535 + NET_PACKET_COST);
}
END_TEST

START_TEST(one_alone_fills_half_of_the_room_and_leaves_the_rest)
{
	unsigned taken = 0;

	while (net_share_take(&share, 128, 1, 1))
		taken++;
	ck_assert_uint_eq(taken, 64);
	for (taken = 0; net_share_take(&share, 128, 2, 1); taken++)
		;
	ck_assert_uint_eq(taken, 32);
	ck_assert_int_eq(net_share_take(&share, 128, 3, 33), 0);
	ck_assert_int_eq(net_share_take(&share, 128, 3, 32), 1);
}
END_TEST

START_TEST(room_that_is_given_back_may_be_taken)
{
	ck_assert_int_eq(net_share_take(&share, 20, 1, 18), 1);
	ck_assert_int_eq(net_share_take(&share, 20, 1, 1), 0);
	ck_assert_int_eq(net_share_take(&share, 16, 2, 1), 0); /* the share shrank meanwhile */
	net_share_give(&share, 1, 18);
	ck_assert_uint_eq(share.used, 0);
	ck_assert_int_eq(net_share_take(&share, 20, 2, 20), 1);
}
END_TEST

SUITE(net_share)
{
	tcase_add_test(tc, all_send_as_many_bytes_whatever_their_packets_sizes);
	tcase_add_test(tc, who_was_silent_saved_nothing_up);
	tcase_add_test(tc, who_sends_seldom_waits_for_one_turn_of_each_other);
	tcase_add_test(tc, one_alone_fills_half_of_the_room_and_leaves_the_rest);
	tcase_add_test(tc, room_that_is_given_back_may_be_taken);
}
