/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * patience_test.c - when a driver counts as hung, and when it has been started often enough.
 */
#include "fake.h"

#include "patience.h"

#define MS 1000000ul
#define S  (1000 * MS)

static struct driver_config config = { .restarts = 5, .window = 60, .backoff = 20, .period = 100, .limit = 1000 };
static struct patience p = { .config = &config };

START_TEST(one_that_answers_is_never_hung)
{
	patience_begin(&p, 0);
	for (uint64_t now = 0; now < 100 * S; now += 50 * MS)
		switch (patience_look(&p, now)) {
		case PATIENCE_ASK:
			patience_alive(&p);
			break;
		case PATIENCE_HUNG:
			ck_abort_msg("hung at %lu ms", now / MS);
		case PATIENCE_WAIT:
			break;
		}
}
END_TEST

START_TEST(one_that_does_not_answer_is_hung_after_the_limit_and_not_before)
{
	patience_begin(&p, 0);
	ck_assert_int_eq(patience_look(&p, 99 * MS), PATIENCE_WAIT);
	ck_assert_uint_eq(patience_due(&p), 100 * MS);
	ck_assert_int_eq(patience_look(&p, 100 * MS), PATIENCE_ASK);
	for (unsigned ms = 350; ms < 1100; ms += 250) {
		ck_assert_uint_eq(patience_due(&p), ms * MS);
		ck_assert_int_eq(patience_look(&p, ms * MS), PATIENCE_WAIT);
	}
	ck_assert_int_eq(patience_look(&p, 1099 * MS), PATIENCE_WAIT);
	ck_assert_uint_eq(patience_due(&p), 1100 * MS);
	ck_assert_int_eq(patience_look(&p, 1100 * MS), PATIENCE_HUNG);
}
END_TEST

START_TEST(a_machine_that_stood_still_is_no_driver_that_hangs)
{
	patience_begin(&p, 0);
	ck_assert_int_eq(patience_look(&p, 100 * MS), PATIENCE_ASK);
	ck_assert_int_eq(patience_look(&p, 60 * S), PATIENCE_WAIT);
	ck_assert_uint_eq(patience_due(&p), 60250 * MS);
	ck_assert_int_eq(patience_look(&p, 60499 * MS), PATIENCE_WAIT);
	ck_assert_uint_eq(patience_due(&p), 60500 * MS);
	patience_alive(&p);
	ck_assert_int_eq(patience_look(&p, 61 * S), PATIENCE_ASK);
	ck_assert_int_eq(patience_look(&p, 62 * S), PATIENCE_WAIT);
	ck_assert_int_eq(patience_look(&p, 63 * S), PATIENCE_HUNG);
}
END_TEST

START_TEST(an_answer_that_is_late_but_within_the_limit_is_good)
{
	patience_begin(&p, 0);
	ck_assert_int_eq(patience_look(&p, 100 * MS), PATIENCE_ASK);
	ck_assert_int_eq(patience_look(&p, 1099 * MS), PATIENCE_WAIT);
	patience_alive(&p);
	ck_assert_int_eq(patience_look(&p, 1100 * MS), PATIENCE_ASK);
}
END_TEST

START_TEST(a_new_incarnation_does_not_owe_what_the_last_one_did)
{
	patience_begin(&p, 0);
	ck_assert_int_eq(patience_look(&p, 100 * MS), PATIENCE_ASK);
	patience_begin(&p, 1 * S);
	ck_assert_int_eq(patience_look(&p, 1100 * MS), PATIENCE_ASK);
	ck_assert_int_eq(patience_look(&p, 2000 * MS), PATIENCE_WAIT);
}
END_TEST

START_TEST(without_a_period_nobody_is_asked)
{
	struct driver_config none = { .period = 0, .limit = 50 };
	struct patience q = { .config = &none };

	patience_begin(&q, 0);
	ck_assert_int_eq(patience_look(&q, 100 * S), PATIENCE_WAIT);
	ck_assert_uint_eq(patience_due(&q), PATIENCE_NEVER);
}
END_TEST

START_TEST(restarts_back_off_and_come_to_an_end)
{
	static const uint64_t wait[] = { 0, 0, 20 * MS, 40 * MS, 80 * MS, PATIENCE_NEVER };

	p.ends = 0;
	for (unsigned i = 0; i < 6; i++)
		ck_assert_uint_eq(patience_end(&p, 10 * S + i), wait[i]);
}
END_TEST

START_TEST(a_new_window_begins_anew)
{
	p.ends = 0;
	for (unsigned i = 0; i < 5; i++)
		ck_assert_uint_ne(patience_end(&p, 10 * S), PATIENCE_NEVER);
	ck_assert_uint_eq(patience_end(&p, 70 * S), 0);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_uint_ne(patience_end(&p, 71 * S), PATIENCE_NEVER);
	ck_assert_uint_eq(patience_end(&p, 129 * S), PATIENCE_NEVER);
}
END_TEST

START_TEST(no_wait_is_longer_than_five_seconds)
{
	struct driver_config many = { .restarts = 1000, .window = 86400, .backoff = 5000 };
	struct patience q = { .config = &many };

	for (unsigned i = 0; i < 1000; i++)
		ck_assert_uint_le(patience_end(&q, 1 + i), 5 * S);
	ck_assert_uint_eq(patience_end(&q, 1001), PATIENCE_NEVER);
}
END_TEST

START_TEST(without_a_backoff_none_waits)
{
	struct driver_config eager = { .restarts = 1000, .window = 86400, .backoff = 0 };
	struct patience q = { .config = &eager };

	for (unsigned i = 0; i < 1000; i++)
		ck_assert_uint_eq(patience_end(&q, 1 + i), 0);
}
END_TEST

START_TEST(a_device_that_is_slow_is_given_more_time)
{
	struct driver_config slow = { .restarts = 100, .window = 60, .period = 100, .stall = 5000 };
	struct patience q = { .config = &slow };

	ck_assert_uint_eq(patience_stall(&q), 50);
	patience_end(&q, 1 * S);
	q.stalls++;
	ck_assert_uint_eq(patience_stall(&q), 100);
	q.stalls = 50;
	ck_assert_uint_eq(patience_stall(&q), 3200);
	patience_end(&q, 61 * S);
	ck_assert_uint_eq(patience_stall(&q), 50);
	slow.stall = 0;
	ck_assert_uint_eq(patience_stall(&q), 0);
	slow = (struct driver_config){ .stall = 1, .period = 100 };
	ck_assert_uint_eq(patience_stall(&q), 1);
}
END_TEST

SUITE(patience)
{
	tcase_add_test(tc, a_device_that_is_slow_is_given_more_time);
	tcase_add_test(tc, one_that_answers_is_never_hung);
	tcase_add_test(tc, one_that_does_not_answer_is_hung_after_the_limit_and_not_before);
	tcase_add_test(tc, a_machine_that_stood_still_is_no_driver_that_hangs);
	tcase_add_test(tc, an_answer_that_is_late_but_within_the_limit_is_good);
	tcase_add_test(tc, a_new_incarnation_does_not_owe_what_the_last_one_did);
	tcase_add_test(tc, without_a_period_nobody_is_asked);
	tcase_add_test(tc, restarts_back_off_and_come_to_an_end);
	tcase_add_test(tc, a_new_window_begins_anew);
	tcase_add_test(tc, without_a_backoff_none_waits);
	tcase_add_test(tc, no_wait_is_longer_than_five_seconds);
}
