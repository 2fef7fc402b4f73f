/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frame_alloc_test.c - the buddy allocator against a model that knows one bit a frame.
 */
#include "fake.h"

#define FRAMES 8192
#define OWNER  7

START_TEST(the_first_mebibyte_is_never_given_out)
{
	mfn_t m;

	fake_boot(2048);
	while ((m = frame_alloc(0, OWNER)) != INVALID_MFN)
		check_msg(m >= 0x100 && m < fake_device(), "frame %lx was given out", m);
	ck_assert_uint_eq(frame_free_count(), 0);
}
END_TEST

START_TEST(a_block_is_aligned_to_its_size_and_wholly_the_owners)
{
	fake_boot(FRAMES);
	for (unsigned order = 0; order <= FRAME_MAX_ORDER; order++) {
		mfn_t m = frame_alloc(order, OWNER);

		ck_assert_uint_ne(m, INVALID_MFN);
		ck_assert_uint_eq(m & ((1ull << order) - 1), 0);
		for (mfn_t i = m; i < m + (1ull << order); i++)
			check_that(frame_table[i].state == FRAME_STATE(OWNER, 0));
	}
	ck_assert_uint_eq(frame_alloc(FRAME_MAX_ORDER + 1, OWNER), INVALID_MFN);
}
END_TEST

START_TEST(a_frame_cannot_be_freed_twice)
{
	mfn_t m;

	fake_boot(1024);
	m = frame_alloc(0, OWNER);
	frame_free(m, 0, OWNER);
	fake.expect_panic = true;
	frame_free(m, 0, OWNER);
}
END_TEST

START_TEST(a_held_frame_cannot_be_freed)
{
	mfn_t m;

	fake_boot(1024);
	m = frame_alloc(0, OWNER);
	ck_assert_int_eq(frame_hold(frame_of(m), OWNER), 0);
	fake.expect_panic = true;
	frame_free(m, 0, OWNER);
}
END_TEST

struct block {
	mfn_t m;
	unsigned order;
};

/* Any sequence of calls: blocks never overlap, nothing is lost, and at the end all is whole again. */
START_TEST(the_allocator_agrees_with_a_bitmap)
{
	static struct block block[FRAMES];
	static bool taken[FRAMES];
	uint64_t nr_free, whole;
	unsigned nr = 0;

	fake_boot(FRAMES);
	whole = nr_free = frame_free_count();
	for (unsigned step = 0; step < 20000; step++) {
		if (test_below(100) < 55 || !nr) {
			unsigned order = (unsigned)test_below(test_below(8) ? 4 : FRAME_MAX_ORDER + 1);
			mfn_t m = frame_alloc(order, OWNER);

			if (m == INVALID_MFN) {
				check_msg(order || !nr_free, "no frame, and %lu are free", nr_free);
				continue;
			}
			for (mfn_t i = m; i < m + (1ull << order); i++) {
				check_that(i < FRAMES && !taken[i]);
				taken[i] = true;
			}
			nr_free -= 1ull << order;
			block[nr++] = (struct block){ m, order };
		} else {
			struct block *b = &block[test_below(nr)];

			for (mfn_t i = b->m; i < b->m + (1ull << b->order); i++)
				taken[i] = false;
			frame_free(b->m, b->order, OWNER);
			nr_free += 1ull << b->order;
			*b = block[--nr];
		}
		check_that(frame_free_count() == nr_free);
	}
	while (nr--)
		frame_free(block[nr].m, block[nr].order, OWNER);
	ck_assert_uint_eq(frame_free_count(), whole);
	/* 0x400 to FRAMES - 0x400 are blocks of the largest size */
	for (unsigned i = 0; i < FRAMES / 1024 - 2; i++)
		ck_assert_uint_ne(frame_alloc(FRAME_MAX_ORDER, OWNER), INVALID_MFN);
}
END_TEST

START_TEST(kernel_pages_are_zeroed_and_charged)
{
	struct domain d = { .max_kernel_pages = 5 };
	char *p;

	fake_boot(1024);
	p = kpages_alloc(2, &d);
	ck_assert_ptr_nonnull(p);
	memset(p, 0xaa, 4 * PAGE_SIZE);
	ck_assert_uint_eq(d.kernel_pages, 4);
	ck_assert_ptr_null(kpages_alloc(1, &d));
	kpages_free(p, 2, &d);
	ck_assert_uint_eq(d.kernel_pages, 0);
	p = kpages_alloc(2, &d);
	for (unsigned i = 0; i < 4 * PAGE_SIZE; i++)
		check_that(p[i] == 0);
}
END_TEST

SUITE(frame_alloc)
{
	tcase_add_test(tc, the_first_mebibyte_is_never_given_out);
	tcase_add_test(tc, a_block_is_aligned_to_its_size_and_wholly_the_owners);
	tcase_add_test_raise_signal(tc, a_frame_cannot_be_freed_twice, SIGABRT);
	tcase_add_test_raise_signal(tc, a_held_frame_cannot_be_freed, SIGABRT);
	tcase_add_test(tc, the_allocator_agrees_with_a_bitmap);
	tcase_add_test(tc, kernel_pages_are_zeroed_and_charged);
}
