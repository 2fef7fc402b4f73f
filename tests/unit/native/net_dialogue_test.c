/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_dialogue_test.c - streams that only repeat themselves are noticed, and none that go on, rest or wait.
 */
#include "fake.h"

#include <runtime/net_dialogue.h>

#define HEADERS 54u
#define SYN	2
#define RST	4
#define ACK	16

static struct net_dialogue d;
static struct net_switch sw;

static void setup(void)
{
	net_switch_init(&sw);
	ck_assert_int_eq(net_switch_add(&sw, (const uint8_t[6]){ 0 }, 0), 1);
}

static void put32(uint8_t *p, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* A packet of a stream, with len bytes of data; an odd stream is the way back of the even one before it. */
static void packet(unsigned stream, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len)
{
	uint8_t p[HEADERS] = { 0 }, back = stream & 1;
	struct net_headers h;

	p[12] = 8; /* IPv4 */
	p[14] = 0x45;
	p[23] = 6; /* TCP */
	put32(&p[26], back ? 0x0a000202 : 0x0a00020f);
	put32(&p[30], back ? 0x0a00020f : 0x0a000202);
	put32(&p[34], back ? 7u << 16 | (40000 + stream / 2) : (40000 + stream / 2) << 16 | 7);
	put32(&p[38], seq);
	put32(&p[42], ack);
	p[46] = 5 << 4;
	p[47] = flags;
	ck_assert_int_eq(net_headers_parse(&h, p, HEADERS), 0);
	net_dialogue_note(&d, back ? &sw : NULL, p, &h, HEADERS + len);
}

/* Much went on, on stream 0 and back. */
static void talk(void)
{
	d = (struct net_dialogue){ 0 };
	for (uint32_t i = 0; i < 50; i++) {
		packet(0, ACK, i * 100, i * 10, 100);
		packet(1, ACK, i * 10, (i + 1) * 100, 10);
	}
}

static int ends_within(unsigned signs, uint64_t patience)
{
	for (unsigned i = 1; i <= signs; i++)
		if (net_dialogue_ended(&d, patience))
			return (int)i;
	return 0;
}

static void again(unsigned times)
{
	while (times--)
		packet(0, ACK, 4900, 490, 100);
}

START_TEST(who_only_repeats_himself_is_noticed)
{
	talk();
	again(4);
	ck_assert_int_eq(ends_within(100, 10), 10);
	talk();
	again(4);
	ck_assert_int_eq(ends_within(100, 0), 0);
	talk();
	again(3);
	ck_assert_int_eq(ends_within(100, 10), 0);
	/* The other end, of what never gets here. */
	talk();
	for (unsigned i = 0; i < 4; i++)
		packet(1, ACK, 480, 5000, 10);
	ck_assert_int_eq(ends_within(100, 10), 10);
	/* A new stream does not come about. */
	talk();
	for (unsigned i = 0; i < 5; i++)
		packet(2, SYN, 77777, 0, 0);
	ck_assert_int_eq(ends_within(100, 10), 10);
}
END_TEST

START_TEST(who_goes_on_is_not)
{
	talk();
	again(100);
	ck_assert_int_eq(ends_within(9, 10), 0);
	for (uint32_t i = 0; i < 10; i++) /* data */
		packet(0, ACK, 5000 + i, 490, 1);
	ck_assert_int_eq(ends_within(100, 10), 0);
	again(100);
	for (uint32_t i = 1; i < 10; i++) /* acknowledgements */
		packet(0, ACK, 4900, 490 + i, 100);
	ck_assert_int_eq(ends_within(100, 10), 0);
	again(100);
	packet(4, SYN, 1, 0, 0); /* another stream */
	ck_assert_int_eq(ends_within(100, 10), 0);
	again(100);
	packet(0, SYN, 1, 0, 0); /* of the same ports as an old one */
	ck_assert_int_eq(ends_within(100, 10), 0);
}
END_TEST

/* All that gets through, either way, is what is sent again, and a little behind it. */
START_TEST(who_goes_on_only_by_what_he_repeats_is_noticed)
{
	unsigned i, ended = 0;

	talk();
	for (i = 0; i < 20 && !ended; i++) {
		uint32_t at = 5000 + i * 100;

		packet(0, ACK, at, 490, 100);
		packet(0, ACK, at, 490, 100);
		packet(1, ACK, 500, at + 100, 0);
		ended = (unsigned)ends_within(2, 10);
	}
	ck_assert_uint_ne(ended, 0);
	ck_assert_uint_eq(i, 8); /* four, and patience for ten signs, of which there were two each from the fourth on */
	/* Beside a stream that goes on he is his own other end's. */
	talk();
	for (i = 0, ended = 0; i < 20 && !ended; i++) {
		packet(0, ACK, 5000, 490, 100);
		packet(0, ACK, 5000, 490, 100);
		packet(2, ACK, i * 100, 0, 100);
		packet(2, ACK, i * 100 + 50, 0, 100);
		ended = (unsigned)ends_within(2, 10);
	}
	ck_assert_uint_eq(ended, 0);
}
END_TEST

/* What was spoiled on its way belongs to no stream, and neither does what its end says to it. */
START_TEST(what_belongs_to_no_stream_is_no_news)
{
	talk();
	again(4);
	for (unsigned i = 0; i < 100; i++) {
		packet(100 + 2 * i, ACK, i * 1000, 10, 100);
		packet(101 + 2 * i, RST, i * 10, 10 + i, 0);
	}
	ck_assert_uint_eq(d.again, 4);
	ck_assert_int_eq(ends_within(100, 10), 10);
}
END_TEST

START_TEST(numbers_wrap)
{
	talk();
	packet(0, SYN, 0xffffffb0, 0, 0);
	packet(0, ACK, 0xffffffb1, 1, 0x4f);
	packet(0, ACK, 0, 1, 100);
	ck_assert_uint_eq(d.again, 0);
	for (unsigned i = 0; i < 4; i++)
		packet(0, ACK, 0xffffffb1, 1, 0x4f);
	ck_assert_int_eq(ends_within(100, 10), 10);
}
END_TEST

/* What comes by and is meant for others. */
START_TEST(of_others_nothing_is_news)
{
	net_switch_init(&sw);
	for (uint32_t i = 0; i < 100; i++)
		packet(1, ACK, i * 10, 100, 10);
	ck_assert_uint_eq(d.news, 0);
	for (uint32_t i = 0; i < 100; i++)
		packet(1, ACK, 990, 100, 10);
	ck_assert_uint_eq(d.again, 0);
	setup();
	for (uint32_t i = 0; i < 100; i++)
		packet(1, ACK, i * 10, 100, 10);
	ck_assert_uint_eq(d.news, 99);
	net_switch_init(&sw); /* the guest is gone */
	for (uint32_t i = 0; i < 100; i++)
		packet(1, ACK, 990, 100, 10);
	ck_assert_uint_eq(d.again, 0);
}
END_TEST

START_TEST(who_waits_for_room_or_asks_for_life_is_not)
{
	talk();
	for (unsigned i = 0; i < 100; i++) {
		packet(0, ACK, 4999, 490, 0);
		packet(1, ACK, 500, 5000, 6); /* as short packets are */
	}
	ck_assert_int_eq(ends_within(1000, 10), 0);
}
END_TEST

START_TEST(who_has_not_heard_much_suspects_nothing)
{
	d = (struct net_dialogue){ 0 };
	for (uint32_t i = 0; i < 32; i++) {
		packet(0, ACK, i * 100, i * 10, 100);
		packet(1, ACK, i * 10, (i + 1) * 100, 10);
	}
	for (unsigned i = 0; i < 100; i++)
		packet(0, ACK, 3100, 310, 100);
	ck_assert_int_eq(ends_within(1000, 10), 0);
}
END_TEST

START_TEST(what_is_no_stream_is_not_looked_at)
{
	uint8_t p[HEADERS] = { 0 };
	struct net_headers h;

	talk();
	p[12] = 8;
	p[14] = 0x45;
	p[23] = 17; /* UDP */
	ck_assert_int_eq(net_headers_parse(&h, p, HEADERS), 0);
	for (unsigned i = 0; i < 100; i++)
		net_dialogue_note(&d, NULL, p, &h, HEADERS);
	ck_assert_uint_eq(d.news, 99); /* the first one only told how far it has come */
	ck_assert_uint_eq(d.again, 0);
}
END_TEST

SUITE(net_dialogue)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, who_only_repeats_himself_is_noticed);
	tcase_add_test(tc, who_goes_on_is_not);
	tcase_add_test(tc, who_goes_on_only_by_what_he_repeats_is_noticed);
	tcase_add_test(tc, what_belongs_to_no_stream_is_no_news);
	tcase_add_test(tc, numbers_wrap);
	tcase_add_test(tc, of_others_nothing_is_news);
	tcase_add_test(tc, who_waits_for_room_or_asks_for_life_is_not);
	tcase_add_test(tc, who_has_not_heard_much_suspects_nothing);
	tcase_add_test(tc, what_is_no_stream_is_not_looked_at);
}
