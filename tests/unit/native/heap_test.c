/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_test.c - a native domain's memory: any sequence of calls against a model.
 */
#include "fake.h"

#include <runtime/heap.h>
#include <runtime/xen.h>
#include <sys/mman.h>

#define PAGES 512ul

void *runtime_heap_alloc(size_t size);
void runtime_heap_free(void *p);
size_t runtime_heap_free_bytes(void);

static char *memory;

static void setup(void)
{
	memory = mmap(NULL, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(memory, 0xee, PAGES * PAGE_SIZE);
	heap_init(memory, PAGES * PAGE_SIZE);
}

struct piece {
	unsigned char *p;
	size_t size;
	bool pages;
	unsigned char fill;
};

static void fill(struct piece *x)
{
	for (size_t i = 0; i < x->size; i++)
		check_msg(x->p[i] == 0, "byte %zu of %zu is not zero", i, x->size);
	x->fill = (unsigned char)(1 + test_below(255));
	memset(x->p, x->fill, x->size);
}

static void drop(struct piece *x)
{
	for (size_t i = 0; i < x->size; i++)
		check_msg(x->p[i] == x->fill, "byte %zu of %zu was overwritten", i, x->size);
	if (x->pages)
		page_free(x->p, (unsigned)(x->size / PAGE_SIZE));
	else
		runtime_heap_free(x->p);
}

START_TEST(pieces_are_zeroed_aligned_and_never_overlap)
{
	static struct piece piece[400];
	unsigned nr = 0;

	for (unsigned step = 0; step < 20000; step++) {
		struct piece *x = &piece[nr];

		if (nr < 400 && test_below(100) < 53) {
			x->pages = test_below(6) == 0;
			x->size = x->pages	 ? (1 + test_below(8)) * PAGE_SIZE :
				  test_below(20) ? 1 + test_below(3000) :
						   1 + test_below(60000);
			x->p = x->pages ? page_alloc((unsigned)(x->size / PAGE_SIZE)) : runtime_heap_alloc(x->size);
			if (!x->p)
				continue;
			check_that(((uintptr_t)x->p & (x->pages ? PAGE_SIZE - 1 : 15)) == 0);
			check_that((char *)x->p >= memory && (char *)x->p + x->size <= memory + PAGES * PAGE_SIZE);
			fill(x);
			nr++;
		} else if (nr) {
			x = &piece[test_below(nr)];
			drop(x);
			*x = piece[--nr];
		}
	}
	while (nr)
		drop(&piece[--nr]);
	ck_assert_uint_eq(runtime_heap_free_bytes(), PAGES * PAGE_SIZE);
	ck_assert_ptr_eq(page_alloc(PAGES), memory); /* all is one run again */
}
END_TEST

START_TEST(what_is_in_use_is_counted)
{
	void *small[300], *large, *pages;

	ck_assert_uint_eq(heap_used_bytes(), 0);
	for (unsigned i = 0; i < 300; i++)
		small[i] = runtime_heap_alloc(64);
	ck_assert_uint_ge(heap_used_bytes(), 300 * 64);
	ck_assert_uint_le(heap_used_bytes(), 300 * 64 + 5 * (PAGE_SIZE % 64 + 64));
	large = runtime_heap_alloc(5000);
	pages = page_alloc(3);
	ck_assert_uint_ge(heap_used_bytes(), 300 * 64 + 5 * PAGE_SIZE);
	for (unsigned i = 0; i < 300; i += 2)
		runtime_heap_free(small[i]);
	runtime_heap_free(large);
	page_free(pages, 3);
	ck_assert_uint_ge(heap_used_bytes(), 150 * 64);
	ck_assert_uint_lt(heap_used_bytes(), 200 * 64);
	for (unsigned i = 1; i < 300; i += 2)
		runtime_heap_free(small[i]);
	ck_assert_uint_eq(heap_used_bytes(), 0);
}
END_TEST

START_TEST(an_empty_heap_gives_nothing_and_recovers)
{
	void *p[PAGES + 1];
	unsigned nr = 0;

	while ((p[nr] = page_alloc(1)))
		nr++;
	ck_assert_uint_eq(nr, PAGES);
	ck_assert_ptr_null(runtime_heap_alloc(1));
	ck_assert_ptr_null(runtime_heap_alloc(100000));
	page_free(p[7], 1);
	ck_assert_ptr_nonnull(runtime_heap_alloc(1));
	ck_assert_ptr_null(page_alloc(1));
}
END_TEST

START_TEST(sizes_that_cannot_be_give_nothing)
{
	static const size_t bad[] = { 0, SIZE_MAX, SIZE_MAX - 63, SIZE_MAX / 2, PAGES * PAGE_SIZE, 1ull << 44 };

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_ptr_null(runtime_heap_alloc(bad[i]));
	ck_assert_ptr_null(page_alloc(0));
	ck_assert_ptr_null(page_alloc(PAGES + 1));
	runtime_heap_free(NULL);
	page_free(NULL, 3);
	ck_assert_uint_eq(runtime_heap_free_bytes(), PAGES * PAGE_SIZE);
}
END_TEST

START_TEST(partial_pages_are_left_out)
{
	heap_init(memory + 1, 3 * PAGE_SIZE);
	ck_assert_uint_eq(runtime_heap_free_bytes(), 2 * PAGE_SIZE);
	ck_assert_ptr_eq(page_alloc(2), memory + PAGE_SIZE);
	heap_init(memory + 1, PAGE_SIZE);
	ck_assert_uint_eq(runtime_heap_free_bytes(), 0);
	ck_assert_ptr_null(page_alloc(1));
}
END_TEST

START_TEST(a_part_of_a_run_may_be_given_back)
{
	char *p = page_alloc(10);

	page_free(p + 3 * PAGE_SIZE, 2);
	ck_assert_uint_eq(runtime_heap_free_bytes(), (PAGES - 8) * PAGE_SIZE);
	ck_assert_ptr_eq(page_alloc(2), p + 3 * PAGE_SIZE);
	page_free(p, 10);
	ck_assert_ptr_eq(page_alloc(PAGES), memory);
}
END_TEST

START_TEST(a_page_that_is_free_cannot_be_freed)
{
	char *p = page_alloc(4);

	fake.expect_panic = true;
	page_free(p + PAGE_SIZE, 1);
	page_free(p, 2);
}
END_TEST

START_TEST(what_is_no_piece_cannot_be_freed)
{
	char *p = runtime_heap_alloc(100);

	fake.expect_panic = true;
	runtime_heap_free(p + 16);
}
END_TEST

SUITE(heap)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, pieces_are_zeroed_aligned_and_never_overlap);
	tcase_add_test(tc, what_is_in_use_is_counted);
	tcase_add_test(tc, an_empty_heap_gives_nothing_and_recovers);
	tcase_add_test(tc, sizes_that_cannot_be_give_nothing);
	tcase_add_test(tc, partial_pages_are_left_out);
	tcase_add_test(tc, a_part_of_a_run_may_be_given_back);
	tcase_add_test_raise_signal(tc, a_page_that_is_free_cannot_be_freed, SIGABRT);
	tcase_add_test_raise_signal(tc, what_is_no_piece_cannot_be_freed, SIGABRT);
}
