/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * console_ring_test.c - bytes in and out of a console page, from either end.
 */
#include "fake.h"

#include <runtime/console_ring.h>

static struct xencons_interface page;

START_TEST(bytes_come_out_as_they_went_in)
{
	static char sent[100000], got[100000];
	size_t in = 0, out = 0;

	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (char)test_random();
	page.out_prod = page.out_cons = 0xfffffc00; /* wraps on the way */
	while (out < sizeof(sent)) {
		size_t n = test_below(3000), room = console_ring_front_room(&page), pending;

		n = n < sizeof(sent) - in ? n : sizeof(sent) - in;
		n = console_ring_front_put(&page, sent + in, n);
		check_that(n <= room);
		in += n;
		pending = console_ring_pending(&page);
		check_that(pending == in - out);
		n = test_below(3000);
		n = console_ring_read(&page, got + out, n < sizeof(got) - out ? n : sizeof(got) - out);
		check_that(n <= pending);
		out += n;
	}
	ck_assert_int_eq(memcmp(sent, got, sizeof(sent)), 0);
}
END_TEST

START_TEST(input_goes_the_other_way)
{
	char got[2000];

	ck_assert_uint_eq(console_ring_room(&page), sizeof(page.in));
	memset(got, 'k', sizeof(got));
	ck_assert_uint_eq(console_ring_put(&page, got, sizeof(got)), sizeof(page.in));
	ck_assert_uint_eq(console_ring_put(&page, got, 1), 0);
	ck_assert_uint_eq(console_ring_front_read(&page, got, 24), 24);
	ck_assert_uint_eq(console_ring_room(&page), 24);
	ck_assert_uint_eq(page.out_prod | page.out_cons, 0);
}
END_TEST

START_TEST(broken_indices_read_as_empty_and_as_full)
{
	char buf[64] = { 0 };

	page.out_prod = sizeof(page.out) + 1;
	page.in_prod = 5;
	page.in_cons = 6;
	ck_assert_uint_eq(console_ring_read(&page, buf, sizeof(buf)), 0);
	ck_assert_uint_eq(console_ring_pending(&page), 0);
	ck_assert_uint_eq(console_ring_put(&page, buf, sizeof(buf)), 0);
	ck_assert_uint_eq(console_ring_room(&page), 0);
	ck_assert_uint_eq(console_ring_front_read(&page, buf, sizeof(buf)), 0);
	ck_assert_uint_eq(console_ring_front_put(&page, buf, sizeof(buf)), 0);
	ck_assert_uint_eq(console_ring_front_room(&page), 0);
}
END_TEST

SUITE(console_ring)
{
	tcase_add_test(tc, bytes_come_out_as_they_went_in);
	tcase_add_test(tc, input_goes_the_other_way);
	tcase_add_test(tc, broken_indices_read_as_empty_and_as_full);
}
