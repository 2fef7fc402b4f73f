/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gpt_test.c - partition tables from disks that guests may write.
 */
#include "fake.h"

#include <runtime/gpt.h>
#include <runtime/xen.h>

#define BLOCKS 10000ull

static char block[4096], entries[128 * 128];

static void put32(char *p, uint32_t v)
{
	memcpy(p, &v, 4);
}

static void put64(char *p, uint64_t v)
{
	memcpy(p, &v, 8);
}

static void seal(void)
{
	put32(block + 88, crc32(entries, sizeof(entries)));
	put32(block + 16, 0);
	put32(block + 16, crc32(block, 92));
}

static void partition(unsigned n, uint64_t first, uint64_t last)
{
	memset(entries + (n - 1) * 128, 0xaf, 32);
	put64(entries + (n - 1) * 128 + 32, first);
	put64(entries + (n - 1) * 128 + 40, last);
}

static void setup(void)
{
	memcpy(block, "EFI PART", 8);
	put32(block + 8, 0x10000);
	put32(block + 12, 92);
	put64(block + 24, 1);
	put64(block + 32, BLOCKS - 1);
	put64(block + 40, 34);
	put64(block + 48, BLOCKS - 34);
	put64(block + 72, 2);
	put32(block + 80, 128);
	put32(block + 84, 128);
	partition(1, 34, 1000);
	partition(3, 2000, 2000);
	seal();
}

static int header(struct gpt_table *t)
{
	char *copy = fake_tight(block, 512);
	int rc = gpt_header(copy, 512, 1, BLOCKS, t);

	free(copy);
	return rc;
}

static int find(const struct gpt_table *t, unsigned n, struct gpt_partition *p)
{
	char *copy = fake_tight(entries, sizeof(entries));
	int rc = gpt_partition(t, copy, n, p);

	free(copy);
	return rc;
}

START_TEST(a_partition_is_found_by_its_number)
{
	struct gpt_partition p;
	struct gpt_table t;

	ck_assert_uint_eq(crc32("123456789", 9), 0xcbf43926);
	ck_assert_int_eq(header(&t), 0);
	ck_assert_uint_eq(t.entries, 2);
	ck_assert_uint_eq(t.nr, 128);
	ck_assert_int_eq(find(&t, 1, &p), 0);
	ck_assert_uint_eq(p.first, 34);
	ck_assert_uint_eq(p.nr, 967);
	ck_assert_int_eq(find(&t, 3, &p), 0);
	ck_assert_uint_eq(p.nr, 1);
	ck_assert_int_eq(find(&t, 2, &p), -XEN_ENOENT);
	ck_assert_int_eq(find(&t, 0, &p), -XEN_ENOENT);
	ck_assert_int_eq(find(&t, 129, &p), -XEN_ENOENT);
	ck_assert_int_eq(find(&t, ~0u, &p), -XEN_ENOENT);
}
END_TEST

START_TEST(a_partition_outside_the_usable_range_is_refused)
{
	static const uint64_t bad[][2] = { { 33, 100 },	 { 100, BLOCKS - 33 }, { 200, 100 },
					   { 0, ~0ull }, { ~0ull, ~0ull },     { 1ull << 63, 100 } };
	struct gpt_partition p;
	struct gpt_table t;

	partition(1, bad[_i][0], bad[_i][1]);
	seal();
	ck_assert_int_eq(header(&t), 0);
	ck_assert_int_eq(find(&t, 1, &p), -XEN_EINVAL);
	ck_assert_int_eq(find(&t, 3, &p), 0);
}
END_TEST

START_TEST(a_header_that_cannot_be_is_refused)
{
	static const struct {
		unsigned at;
		uint64_t value;
		unsigned size;
	} bad[] = { { 12, 91, 4 },     { 12, 513, 4 },	  { 12, ~0u, 4 },   { 24, 2, 8 },	    { 80, 0, 4 },
		    { 80, 1025, 4 },   { 80, ~0u, 4 },	  { 84, 64, 4 },    { 84, 129, 4 },	    { 84, 8192, 4 },
		    { 72, 1, 8 },      { 72, BLOCKS, 8 }, { 72, ~0ull, 8 }, { 72, BLOCKS - 31, 8 }, { 40, 9990, 8 },
		    { 48, BLOCKS, 8 }, { 48, ~0ull, 8 } };
	struct gpt_table t;

	if (bad[_i].size == 4)
		put32(block + bad[_i].at, (uint32_t)bad[_i].value);
	else
		put64(block + bad[_i].at, bad[_i].value);
	put32(block + 16, 0);
	put32(block + 16, crc32(block, bad[_i].at == 12 && bad[_i].value <= 512 ? bad[_i].value : 92));
	ck_assert_int_eq(header(&t), -XEN_EINVAL);
}
END_TEST

START_TEST(any_changed_byte_is_noticed)
{
	struct gpt_partition p;
	struct gpt_table t;

	for (unsigned i = 0; i < 92; i++) {
		block[i] ^= 0x10;
		ck_assert_int_eq(header(&t), -XEN_EINVAL);
		block[i] ^= 0x10;
	}
	ck_assert_int_eq(header(&t), 0);
	for (unsigned i = 0; i < sizeof(entries); i += 97) {
		entries[i] ^= 1;
		ck_assert_int_eq(find(&t, 1, &p), -XEN_EINVAL);
		entries[i] ^= 1;
	}
}
END_TEST

START_TEST(blocks_may_be_as_large_as_a_page_and_no_larger)
{
	struct gpt_table t;

	ck_assert_int_eq(gpt_header(block, 4096, 1, BLOCKS, &t), 0);
	ck_assert_int_eq(gpt_header(block, 8192, 1, BLOCKS, &t), -XEN_EINVAL);
	ck_assert_int_eq(gpt_header(block, 256, 1, BLOCKS, &t), -XEN_EINVAL);
}
END_TEST

SUITE(gpt)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_partition_is_found_by_its_number);
	tcase_add_loop_test(tc, a_partition_outside_the_usable_range_is_refused, 0, 6);
	tcase_add_loop_test(tc, a_header_that_cannot_be_is_refused, 0, 17);
	tcase_add_test(tc, any_changed_byte_is_noticed);
	tcase_add_test(tc, blocks_may_be_as_large_as_a_page_and_no_larger);
}
