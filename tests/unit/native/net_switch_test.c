/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_switch_test.c - the switch, the share of each port, and the addresses' text.
 */
#include "fake.h"

#include <runtime/net_mac.h>
#include <runtime/net_switch.h>

static struct net_switch sw;
static const uint8_t mac_a[6] = { 0x00, 0x16, 0x3e, 0, 0, 1 }, mac_b[6] = { 0x00, 0x16, 0x3e, 0, 0, 2 };
static const uint8_t outside[6] = { 0x52, 0x54, 0, 0, 0, 9 }, everyone[6] = { 255, 255, 255, 255, 255, 255 };
static int a, b;

static void setup(void)
{
	net_switch_init(&sw);
	a = net_switch_add(&sw, mac_a, 0);
	b = net_switch_add(&sw, mac_b, 1);
	ck_assert_int_gt(a, 0);
	ck_assert_int_gt(b, 0);
	ck_assert_int_ne(a, b);
}

static uint32_t forward(int from, const uint8_t *to, const uint8_t *sender, uint64_t now)
{
	uint8_t header[12];

	memcpy(header, to, 6);
	memcpy(header + 6, sender, 6);
	return net_switch_forward(&sw, (unsigned)from, header, now);
}

#define BIT(port) (1u << (port))

START_TEST(what_a_frontend_is_configured_with_is_known_at_once)
{
	ck_assert_uint_eq(forward(a, mac_b, mac_a, 0), BIT(b));
	ck_assert_uint_eq(forward(0, mac_a, outside, 0), BIT(a));
}
END_TEST

START_TEST(an_unknown_address_is_looked_for_everywhere_but_where_it_is_asked_for)
{
	ck_assert_uint_eq(forward(a, outside, mac_a, 0), BIT(0) | BIT(b));
	ck_assert_uint_eq(forward(a, everyone, mac_a, 0), BIT(0) | BIT(b));
	ck_assert_uint_eq(forward(0, everyone, outside, 0), BIT(a) | BIT(b));
}
END_TEST

START_TEST(a_sender_is_remembered_until_it_was_silent_for_long)
{
	forward(0, mac_a, outside, 5);
	ck_assert_uint_eq(forward(a, outside, mac_a, 6), BIT(0));
	ck_assert_uint_eq(forward(0, outside, mac_a, 6), 0); /* it is where it came from */
	ck_assert_uint_eq(forward(a, outside, mac_a, 5 + NET_AGE_NS), BIT(0) | BIT(b));
}
END_TEST

START_TEST(a_sender_that_moves_is_found_where_it_is)
{
	forward(0, mac_a, outside, 0);
	forward(a, mac_b, outside, 1);
	ck_assert_uint_eq(forward(b, outside, mac_b, 2), BIT(a));
}
END_TEST

START_TEST(a_configured_address_is_never_learned_elsewhere)
{
	forward(0, everyone, mac_a, 0);
	ck_assert_uint_eq(forward(b, mac_a, mac_b, 1), BIT(a));
}
END_TEST

START_TEST(a_guarded_port_sends_from_its_own_address_only)
{
	ck_assert_uint_eq(forward(b, mac_a, outside, 0), 0);
	ck_assert_uint_eq(forward(b, mac_a, mac_a, 0), 0);
	ck_assert_uint_eq(forward(b, mac_a, mac_b, 0), BIT(a));
	ck_assert_uint_eq(sw.port[b].spoofed, 2);
	ck_assert_uint_eq(forward(a, outside, mac_a, 0), BIT(0) | BIT(b)); /* nothing was learned */
}
END_TEST

START_TEST(senders_that_are_groups_and_what_is_between_bridges_go_nowhere)
{
	static const uint8_t bridges[6] = { 0x01, 0x80, 0xc2, 0, 0, 14 };

	ck_assert_uint_eq(forward(a, mac_b, everyone, 0), 0);
	ck_assert_uint_eq(forward(a, bridges, mac_a, 0), 0);
}
END_TEST

START_TEST(invented_addresses_do_not_make_the_switch_forget_others)
{
	uint8_t mac[6];

	forward(0, mac_a, outside, 0);
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t r = test_random();

		memcpy(mac, &r, 6);
		mac[0] &= 0xfe;
		forward(a, everyone, mac, 1 + i);
		check_that(sw.port[a].learned <= NET_MACS_PORT);
	}
	ck_assert_uint_eq(forward(b, outside, mac_b, 100), BIT(0));
}
END_TEST

START_TEST(counts_agree_with_the_table_whatever_comes)
{
	unsigned count[NET_PORTS] = { 0 };

	for (unsigned i = 0; i < 50000; i++) {
		uint8_t mac[6] = { 2, 0, 0, 0, (uint8_t)test_below(3), (uint8_t)test_below(256) };

		forward((int)test_below(3) == 0 ? 0 : a, everyone, mac, i * (NET_AGE_NS / 1000));
	}
	for (unsigned i = 0; i < NET_MACS; i++)
		if (sw.mac[i].used)
			count[sw.mac[i].port]++;
	ck_assert_uint_eq(count[0], sw.port[0].learned);
	ck_assert_uint_eq(count[a], sw.port[a].learned);
}
END_TEST

START_TEST(a_port_that_is_gone_gets_nothing_and_is_given_again)
{
	forward(a, everyone, outside, 0);
	net_switch_remove(&sw, (unsigned)a);
	ck_assert_uint_eq(forward(b, outside, mac_b, 1), BIT(0));
	ck_assert_uint_eq(forward(b, mac_a, mac_b, 1), BIT(0));
	ck_assert_int_eq(net_switch_add(&sw, mac_a, 0), a);
}
END_TEST

START_TEST(ports_are_counted)
{
	uint8_t mac[6] = { 2 };

	for (unsigned i = 3; i < NET_PORTS; i++) {
		mac[5] = (uint8_t)i;
		ck_assert_int_gt(net_switch_add(&sw, mac, 0), 0);
	}
	ck_assert_int_lt(net_switch_add(&sw, outside, 0), 0);
}
END_TEST

START_TEST(a_rate_holds_over_time)
{
	struct net_rate rate;
	uint64_t sent = 0, now = 0;

	net_rate_init(&rate, 10000, 1000000, 0); /* 10 MB/s */
	while (now < 1000000000) {
		uint64_t until = net_rate_wait(&rate, now);

		if (until) {
			check_that(until > now);
			now = until + test_below(3000000);
			continue;
		}
		net_rate_charge(&rate, 60000);
		sent += 60000;
	}
	ck_assert_uint_le(sent, 10000000 + 70000);
	ck_assert_uint_ge(sent, 6000000);
}
END_TEST

START_TEST(silence_is_not_saved_up)
{
	struct net_rate rate;

	net_rate_init(&rate, 1000, 1000, 0);
	ck_assert_uint_eq(net_rate_wait(&rate, 1000000000), 0);
	net_rate_charge(&rate, 1000);
	ck_assert_uint_ne(net_rate_wait(&rate, 1000000000), 0);
}
END_TEST

START_TEST(no_rate_is_no_limit)
{
	struct net_rate rate;

	net_rate_init(&rate, 0, 0, 0);
	net_rate_charge(&rate, 1u << 31);
	ck_assert_uint_eq(net_rate_wait(&rate, 0), 0);
}
END_TEST

START_TEST(addresses_are_read_strictly)
{
	static const char *const bad[] = { "",
					   "00:16:3e:00:00",
					   "00:16:3e:00:00:01:",
					   "0:16:3e:00:00:01",
					   "00-16-3e-00-00-01",
					   "01:16:3e:00:00:01",
					   "00:00:00:00:00:00",
					   "00:16:3e:00:00:0g",
					   "00:16:3e:00:00:1" };
	uint8_t mac[6];

	ck_assert_int_eq(net_mac_parse(mac, "00:16:3E:aB:0c:ff"), 0);
	ck_assert_mem_eq(mac, ((uint8_t[]){ 0, 0x16, 0x3e, 0xab, 0x0c, 0xff }), 6);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_msg(net_mac_parse(mac, bad[i]), "'%s' was taken", bad[i]);
}
END_TEST

SUITE(net_switch)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, what_a_frontend_is_configured_with_is_known_at_once);
	tcase_add_test(tc, an_unknown_address_is_looked_for_everywhere_but_where_it_is_asked_for);
	tcase_add_test(tc, a_sender_is_remembered_until_it_was_silent_for_long);
	tcase_add_test(tc, a_sender_that_moves_is_found_where_it_is);
	tcase_add_test(tc, a_configured_address_is_never_learned_elsewhere);
	tcase_add_test(tc, a_guarded_port_sends_from_its_own_address_only);
	tcase_add_test(tc, senders_that_are_groups_and_what_is_between_bridges_go_nowhere);
	tcase_add_test(tc, invented_addresses_do_not_make_the_switch_forget_others);
	tcase_add_test(tc, counts_agree_with_the_table_whatever_comes);
	tcase_add_test(tc, a_port_that_is_gone_gets_nothing_and_is_given_again);
	tcase_add_test(tc, ports_are_counted);
	tcase_add_test(tc, a_rate_holds_over_time);
	tcase_add_test(tc, silence_is_not_saved_up);
	tcase_add_test(tc, no_rate_is_no_limit);
	tcase_add_test(tc, addresses_are_read_strictly);
}
