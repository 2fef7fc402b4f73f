/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timer_test.c - one-shot timers.
 */
#include "fake.h"

#include <core/timer.h>

#define NR 20

static struct timer timer[NR];
static unsigned order[64], fired;

static void note(void *arg)
{
	order[fired++] = (unsigned)((struct timer *)arg - timer);
}

static void setup(void)
{
	fake = (struct fake){ .programmed = ~0ull };
	for (unsigned i = 0; i < NR; i++)
		timer_init(&timer[i], note, &timer[i]);
}

START_TEST(timers_fire_in_order_of_their_deadlines_and_not_before)
{
	static const unsigned deadline[] = { 500, 100, 300, 300, 200 };

	for (unsigned i = 0; i < 5; i++)
		timer_set(&timer[i], deadline[i]);
	ck_assert_uint_eq(fake.programmed, 100);
	fake.now = 299;
	timer_run();
	ck_assert_uint_eq(fired, 2);
	ck_assert_uint_eq(fake.programmed, 300);
	fake.now = 500;
	timer_run();
	ck_assert_uint_eq(fired, 5);
	ck_assert_uint_eq(fake.programmed, ~0ull);
	for (unsigned i = 0; i < 5; i++)
		ck_assert_uint_eq(order[i], ((unsigned[]){ 1, 4, 2, 3, 0 })[i]);
}
END_TEST

START_TEST(a_timer_set_again_fires_once_at_its_new_time)
{
	timer_set(&timer[0], 100);
	timer_set(&timer[0], 900);
	timer_set(&timer[1], 500);
	fake.now = 500;
	timer_run();
	ck_assert_uint_eq(fired, 1);
	ck_assert_uint_eq(order[0], 1);
	fake.now = 900;
	timer_run();
	ck_assert_uint_eq(fired, 2);
	timer_run();
	ck_assert_uint_eq(fired, 2);
}
END_TEST

START_TEST(a_cancelled_timer_does_not_fire)
{
	timer_set(&timer[0], 100);
	timer_set(&timer[1], 100);
	timer_cancel(&timer[0]);
	timer_cancel(&timer[2]);
	fake.now = 1000;
	timer_run();
	ck_assert_uint_eq(fired, 1);
	ck_assert_uint_eq(order[0], 1);
}
END_TEST

static void again(void *arg)
{
	struct timer *t = arg;

	if (++fired < 10)
		timer_set(t, t->deadline + 10);
}

START_TEST(a_timer_may_arm_itself)
{
	timer_init(&timer[0], again, &timer[0]);
	timer_set(&timer[0], 10);
	fake.now = 55;
	timer_run();
	ck_assert_uint_eq(fired, 5);
	ck_assert_uint_eq(fake.programmed, 60);
}
END_TEST

START_TEST(a_deadline_in_the_past_fires_at_the_next_chance)
{
	fake.now = 1000;
	timer_set(&timer[0], 3);
	ck_assert_uint_eq(fake.programmed, 3);
	timer_run();
	ck_assert_uint_eq(fired, 1);
}
END_TEST

/* The CPU's timer is never programmed later than the first deadline. */
START_TEST(no_deadline_is_missed)
{
	uint64_t deadline[NR] = { 0 };

	for (unsigned step = 0; step < 5000; step++) {
		unsigned n = (unsigned)test_below(NR), before = fired;
		uint64_t first = ~0ull;

		if (test_below(3)) {
			deadline[n] = fake.now + 1 + test_below(100);
			timer_set(&timer[n], deadline[n]);
		} else {
			timer_cancel(&timer[n]);
			deadline[n] = 0;
		}
		for (unsigned i = 0; i < NR; i++)
			first = deadline[i] ? MIN(first, deadline[i]) : first;
		check_that(first == ~0ull || fake.programmed <= first);
		if (first == ~0ull || test_below(4))
			continue;
		fake.now = first;
		timer_run();
		check_that(fired > before);
		for (unsigned i = before; i < fired; i++) {
			check_that(deadline[order[i]] == first);
			deadline[order[i]] = 0;
		}
		fired = 0;
	}
}
END_TEST

SUITE(timer)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, timers_fire_in_order_of_their_deadlines_and_not_before);
	tcase_add_test(tc, a_timer_set_again_fires_once_at_its_new_time);
	tcase_add_test(tc, a_cancelled_timer_does_not_fire);
	tcase_add_test(tc, a_timer_may_arm_itself);
	tcase_add_test(tc, a_deadline_in_the_past_fires_at_the_next_chance);
	tcase_add_test(tc, no_deadline_is_missed);
}
