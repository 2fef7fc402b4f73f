/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_ear_test.c - a card is asked when it is time, and one whose interrupts are lost is noticed.
 */
#include "fake.h"

#include <runtime/net_ear.h>

static struct net_ear ear;

START_TEST(a_card_is_asked_when_it_interrupts_or_its_time_has_come)
{
	ck_assert_int_eq(net_ear_asks(&ear, 1000, 1100, 0), 0);
	net_ear_interrupt(&ear);
	ck_assert_int_eq(net_ear_asks(&ear, 1000, 1100, 0), 1);
	ear.due = 0;
	ear.look_at = 1101;
	ck_assert_int_eq(net_ear_asks(&ear, 1000, 1100, 0), 0);
	ck_assert_int_eq(net_ear_asks(&ear, 1000, 1100, 1), 0); /* it will be, soon */
	ck_assert_int_eq(net_ear_asks(&ear, 1001, 1101, 0), 1);
}
END_TEST

/* In each of the ways in which the time to ask does not come: no interrupt, and a look that is never taken. */
START_TEST(a_card_that_is_never_heard_is_noticed)
{
	for (unsigned i = 0; i < 2; i++) {
		ear = (struct net_ear){ 0 };
		for (unsigned nr = 1; nr <= NET_SILENT_MOST; nr++) {
			uint64_t now = nr * 100;

			ear.look_at = i ? now : 0;
			ck_assert_int_eq(net_ear_asks(&ear, now, i ? 0 : now, 1), 1);
			ck_assert_int_eq(net_ear_got(&ear, 0), 0); /* nothing came */
			ear.due = 0;
			ck_assert_int_eq(net_ear_asks(&ear, now, i ? 0 : now, 1), 1);
			ck_assert_int_eq(net_ear_got(&ear, 3), nr == NET_SILENT_MOST ? -1 : 0);
		}
	}
}
END_TEST

START_TEST(a_card_that_interrupts_is_not)
{
	for (unsigned nr = 0; nr < 100; nr++) {
		ck_assert_int_eq(net_ear_asks(&ear, nr, nr, 1), 1);
		ck_assert_int_eq(net_ear_got(&ear, 3), 0);
		net_ear_interrupt(&ear);
		ck_assert_int_eq(net_ear_asks(&ear, nr, nr, 1), 1);
		ck_assert_int_eq(net_ear_got(&ear, 3), 0);
		ear.due = 0;
	}
}
END_TEST

START_TEST(a_card_that_has_nothing_to_receive_into_is_noticed)
{
	for (unsigned nr = 0; nr < 100; nr++)
		ck_assert_int_eq(net_ear_deaf(&ear, 0, 0), 0); /* between two signs of life */
	for (unsigned nr = 1; nr < NET_DEAF_MOST; nr++)
		ck_assert_int_eq(net_ear_deaf(&ear, 0, 1), 0);
	ck_assert_int_eq(net_ear_deaf(&ear, 1, 0), 0);
	for (unsigned nr = 1; nr <= NET_DEAF_MOST; nr++)
		ck_assert_int_eq(net_ear_deaf(&ear, 0, 1), nr == NET_DEAF_MOST);
}
END_TEST

SUITE(net_ear)
{
	tcase_add_test(tc, a_card_that_has_nothing_to_receive_into_is_noticed);
	tcase_add_test(tc, a_card_is_asked_when_it_interrupts_or_its_time_has_come);
	tcase_add_test(tc, a_card_that_is_never_heard_is_noticed);
	tcase_add_test(tc, a_card_that_interrupts_is_not);
}
