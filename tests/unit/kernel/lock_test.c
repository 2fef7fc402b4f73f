/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lock_test.c - a debug build stops where locks are not taken in their order (tests/debug/locks.c).
 */
#include "fake.h"

static struct spinlock list = { .rank = LOCK_DOMAINS }, console = { .rank = LOCK_CONSOLE };
static struct spinlock tlb[2] = { { .rank = LOCK_TLB }, { .rank = LOCK_TLB } };

static void setup(void)
{
	fake.expect_panic = true;
}

START_TEST(locks_are_taken_in_their_order_and_given_back_in_any)
{
	spin_lock(&list);
	spin_lock(&tlb[0]);
	spin_lock(&tlb[1]);
	spin_lock(&console);
	spin_unlock(&tlb[0]);
	spin_unlock(&list);
	spin_unlock(&console);
	spin_unlock(&tlb[1]);
	spin_lock(&list);
	spin_unlock(&list);
}
END_TEST

START_TEST(one_that_stands_further_out_is_not_taken_inside)
{
	spin_lock(&tlb[0]);
	spin_lock(&list);
}
END_TEST

START_TEST(two_of_a_kind_are_not_taken_against_their_addresses)
{
	spin_lock(&tlb[1]);
	spin_lock(&tlb[0]);
}
END_TEST

START_TEST(one_is_not_taken_twice)
{
	spin_lock(&list);
	spin_lock(&list);
}
END_TEST

START_TEST(what_is_not_held_is_not_given_back)
{
	list.held = 1; /* by another CPU */
	spin_unlock(&list);
}
END_TEST

START_TEST(each_has_a_rank)
{
	static struct spinlock none;

	spin_lock(&none);
}
END_TEST

SUITE(lock)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, locks_are_taken_in_their_order_and_given_back_in_any);
	tcase_add_test_raise_signal(tc, one_that_stands_further_out_is_not_taken_inside, SIGABRT);
	tcase_add_test_raise_signal(tc, two_of_a_kind_are_not_taken_against_their_addresses, SIGABRT);
	tcase_add_test_raise_signal(tc, one_is_not_taken_twice, SIGABRT);
	tcase_add_test_raise_signal(tc, what_is_not_held_is_not_given_back, SIGABRT);
	tcase_add_test_raise_signal(tc, each_has_a_rank, SIGABRT);
}
