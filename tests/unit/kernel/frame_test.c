/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frame_test.c - owners and holds of a frame.
 */
#include "fake.h"

#define DOM_A 5
#define DOM_B 6

START_TEST(a_hold_counts_only_for_the_owner)
{
	struct frame f = { .state = FRAME_STATE(DOM_A, 0) };

	ck_assert_int_eq(frame_hold(&f, DOM_B), -EPERM);
	ck_assert_uint_eq(FRAME_HOLDS(f.state), 0);
	ck_assert_int_eq(frame_hold(&f, DOM_A), 0);
	ck_assert_uint_eq(FRAME_HOLDS(f.state), 1);
	ck_assert_uint_eq(frame_owner(&f), DOM_A);
}
END_TEST

START_TEST(a_held_frame_never_changes_owner)
{
	struct frame f = { .state = FRAME_STATE(DOM_A, 0) };

	ck_assert_int_eq(frame_hold(&f, DOM_A), 0);
	ck_assert_int_eq(frame_hold(&f, DOM_A), 0);
	ck_assert_int_eq(frame_give(&f, DOM_A, DOM_B), -EBUSY);
	frame_release(&f);
	ck_assert_int_eq(frame_give(&f, DOM_A, DOM_B), -EBUSY);
	frame_release(&f);
	ck_assert_int_eq(frame_give(&f, DOM_A, DOM_B), 0);
	ck_assert_uint_eq(frame_owner(&f), DOM_B);
}
END_TEST

START_TEST(only_the_owner_can_give_a_frame_away)
{
	struct frame f = { .state = FRAME_STATE(DOM_A, 0) };

	ck_assert_int_eq(frame_give(&f, DOM_B, DOM_B), -EPERM);
	ck_assert_uint_eq(frame_owner(&f), DOM_A);
}
END_TEST

START_TEST(holds_do_not_overflow_into_the_owner)
{
	struct frame f = { .state = FRAME_STATE(DOM_A, FRAME_HOLDS_MAX) };

	ck_assert_int_eq(frame_hold(&f, DOM_A), -EOVERFLOW);
	ck_assert_uint_eq(frame_owner(&f), DOM_A);
}
END_TEST

START_TEST(a_release_without_a_hold_stops_the_kernel)
{
	struct frame f = { .state = FRAME_STATE(DOM_A, 0) };

	fake.expect_panic = true;
	frame_release(&f);
}
END_TEST

START_TEST(a_frame_beyond_the_table_is_nobodys)
{
	fake_boot(1024);
	ck_assert_ptr_null(frame_of(1024));
	ck_assert_ptr_null(frame_of(INVALID_MFN));
	ck_assert(!frame_owned_by(1024, OWNER_NONE));
	ck_assert(frame_owned_by(fake_device(), OWNER_NONE));
	ck_assert_uint_eq(frame_if_owned(1024, OWNER_NONE), 0);
	ck_assert_uint_eq(frame_if_owned(INVALID_MFN, OWNER_NONE), 0);
	ck_assert_uint_eq(frame_if_owned(fake_device(), OWNER_NONE), fake_device());
	ck_assert_uint_eq(frame_if_owned(fake_device(), OWNER_FREE), 0);
}
END_TEST

SUITE(frame)
{
	tcase_add_test(tc, a_hold_counts_only_for_the_owner);
	tcase_add_test(tc, a_held_frame_never_changes_owner);
	tcase_add_test(tc, only_the_owner_can_give_a_frame_away);
	tcase_add_test(tc, holds_do_not_overflow_into_the_owner);
	tcase_add_test_raise_signal(tc, a_release_without_a_hold_stops_the_kernel, SIGABRT);
	tcase_add_test(tc, a_frame_beyond_the_table_is_nobodys);
}
