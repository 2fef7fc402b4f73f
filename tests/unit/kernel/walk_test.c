/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * walk_test.c - what a guest's tables say, and whether a leaf may say so.
 */
#include "fake.h"

#include <arch/paging.h>
#include <arch/x86.h>

#define VA   0x00007f1234567000ull
#define LEAF (PTE_P | PTE_RW | PTE_U | PTE_A | PTE_D)
#define LAST 64 /* frames from here on are data, below them tables */

static struct guest g;
static uint32_t next_table;
static struct walk w;

static void setup(void)
{
	fake_boot(4096);
	guest_make(&g, 5, 256, GUISE_DOMAIN_STOCK);
	next_table = 1;
	guest_map(&g, g.mfn[0], VA, g.mfn[LAST] << PAGE_SHIFT | LEAF, &next_table);
}

static uint64_t *entry(unsigned level)
{
	return guest_entry(guest_table(&g, g.mfn[0], VA, level, &next_table), pt_index(VA, level));
}

static enum walk_result look(unsigned access)
{
	return walk(g.d, g.mfn[0], VA, access, &w);
}

START_TEST(a_walk_ends_at_the_leaf_and_says_where_it_was)
{
	ck_assert_int_eq(look(PF_WRITE), WALK_OK);
	ck_assert_uint_eq(w.level, 1);
	ck_assert_uint_eq(pte_mfn(w.entry[1]), g.mfn[LAST]);
	for (unsigned level = 1; level <= 4; level++)
		ck_assert_uint_eq(w.table[level], guest_table(&g, g.mfn[0], VA, level, &next_table));
}
END_TEST

START_TEST(a_walk_changes_nothing)
{
	*entry(1) &= ~(PTE_A | PTE_D);
	ck_assert_int_eq(look(PF_WRITE), WALK_OK);
	ck_assert_uint_eq(*entry(1) & (PTE_A | PTE_D), 0);
}
END_TEST

START_TEST(an_absent_entry_at_any_level_is_absent)
{
	unsigned level = (unsigned)_i;

	*entry(level) &= ~PTE_P;
	ck_assert_int_eq(look(0), WALK_ABSENT);
	ck_assert_uint_eq(w.level, level);
}
END_TEST

START_TEST(a_read_only_entry_at_any_level_forbids_writing)
{
	*entry((unsigned)_i) &= ~PTE_RW;
	ck_assert_int_eq(look(0), WALK_OK);
	ck_assert_int_eq(look(PF_FETCH), WALK_OK);
	ck_assert_int_eq(look(PF_WRITE), WALK_PROTECTED);
}
END_TEST

START_TEST(an_nx_entry_at_any_level_forbids_execution)
{
	*entry((unsigned)_i) |= PTE_NX;
	ck_assert_int_eq(look(0), WALK_OK);
	ck_assert_int_eq(look(PF_WRITE), WALK_OK);
	ck_assert_int_eq(look(PF_FETCH), WALK_PROTECTED);
}
END_TEST

START_TEST(a_large_page_is_refused)
{
	*entry((unsigned)_i) |= PTE_PS;
	ck_assert_int_eq(look(0), WALK_BAD);
}
END_TEST

START_TEST(a_foreign_table_is_refused)
{
	mfn_t kernels = virt_to_mfn(kpages_alloc(0, NULL));

	*entry((unsigned)_i) = kernels << PAGE_SHIFT | LEAF;
	ck_assert_int_eq(look(0), WALK_BAD);
	*entry((unsigned)_i) = fake_device() << PAGE_SHIFT | LEAF;
	ck_assert_int_eq(look(0), WALK_BAD);
	*entry((unsigned)_i) = PTE_FRAME | LEAF;
	ck_assert_int_eq(look(0), WALK_BAD);
}
END_TEST

START_TEST(a_walk_from_a_foreign_root_reads_nothing)
{
	w.level = 77;
	ck_assert_int_eq(walk(g.d, INVALID_MFN, VA, 0, &w), WALK_BAD);
	ck_assert_uint_eq(w.level, 0);
}
END_TEST

START_TEST(an_entry_that_names_its_own_table_ends_the_walk_as_any_other)
{
	/* A top-level table that is its own third, second and first level. */
	mfn_t root = g.mfn[0];

	for (unsigned level = 1; level <= 4; level++)
		*guest_entry(root, pt_index(VA, level)) = root << PAGE_SHIFT | LEAF;
	ck_assert_int_eq(look(PF_WRITE), WALK_OK);
	ck_assert_uint_eq(pte_mfn(w.entry[1]), root);
}
END_TEST

/* ---- leaves ---- */

static bool allowed(mfn_t m, bool *writable, uint64_t *cache)
{
	return leaf_allowed(g.d, g.mfn[3], 9, m << PAGE_SHIFT | LEAF, writable, cache);
}

START_TEST(a_leaf_may_name_only_an_own_frame)
{
	struct guest other;
	uint64_t cache;
	bool writable;

	guest_make(&other, 6, 16, GUISE_DOMAIN_STOCK);
	ck_assert(allowed(g.mfn[LAST], &writable, &cache) && writable && cache == PTE_OWN);
	ck_assert(!allowed(other.mfn[1], &writable, &cache));
	ck_assert(!allowed(other.d->shared_mfn, &writable, &cache));
	ck_assert(!allowed(virt_to_mfn(g.d->tlb.node), &writable, &cache));
	ck_assert(!allowed(g.d->tlb.page[0], &writable, &cache));
	ck_assert(!allowed(0x10, &writable, &cache));
	ck_assert(!allowed(frame_max + 5, &writable, &cache));
	ck_assert(!allowed(pte_mfn(~0ull), &writable, &cache));
}
END_TEST

START_TEST(a_device_frame_needs_a_handle_and_is_never_cached)
{
	struct handle h = { .kind = GUISE_HANDLE_MMIO, .first = fake_device(), .nr = 2 };
	uint64_t cache;
	bool writable;

	ck_assert(!allowed(fake_device(), &writable, &cache));
	ck_assert_int_gt(handle_add(g.d, &h), 0);
	ck_assert(allowed(fake_device(), &writable, &cache));
	ck_assert_uint_eq(cache, PTE_PCD | PTE_PWT);
	ck_assert(allowed(fake_device() + 1, &writable, &cache));
	ck_assert(!allowed(fake_device() + 2, &writable, &cache));
}
END_TEST

START_TEST(a_device_handle_never_covers_ram)
{
	struct handle h = { .kind = GUISE_HANDLE_MMIO, .first = 0, .nr = 1ull << 40 };
	struct guest other;
	uint64_t cache;
	bool writable;

	guest_make(&other, 6, 16, GUISE_DOMAIN_STOCK);
	ck_assert_int_gt(handle_add(g.d, &h), 0);
	ck_assert(!allowed(other.mfn[1], &writable, &cache));
	ck_assert(!allowed(g.d->tlb.page[0], &writable, &cache));
	ck_assert(!allowed(frame_alloc(0, OWNER_FREE), &writable, &cache));
	ck_assert(allowed(frame_max + 1000, &writable, &cache));
}
END_TEST

static uint64_t derive(uint64_t entry)
{
	uint64_t leaf;

	spin_lock(&g.d->tlb.lock);
	leaf = leaf_derive(g.d, entry);
	spin_unlock(&g.d->tlb.lock);
	return leaf;
}

START_TEST(a_leaf_is_never_more_than_the_guests_entry_allows)
{
	uint64_t base = g.mfn[LAST] << PAGE_SHIFT;

	for (uint64_t bits = 0; bits < 512; bits++) {
		uint64_t leaf = derive(base | bits | PTE_NX);

		ck_assert_msg(!leaf || (bits & PTE_P && bits & PTE_A), "bits %lx give %lx", bits, leaf);
		ck_assert_msg(!(leaf & PTE_RW) || (bits & PTE_RW && bits & PTE_D), "bits %lx give %lx", bits, leaf);
		ck_assert(!leaf || (leaf & PTE_NX && leaf & PTE_U && pte_mfn(leaf) == g.mfn[LAST]));
		ck_assert(!(leaf & (PTE_PS | PTE_G | PTE_PCD | PTE_PWT)));
	}
}
END_TEST

START_TEST(available_and_reserved_bits_stay_out_of_the_cache)
{
	uint64_t leaf = derive(g.mfn[LAST] << PAGE_SHIFT | LEAF | 0x7ff0000000000e00);

	ck_assert_uint_eq(leaf, g.mfn[LAST] << PAGE_SHIFT | LEAF | PTE_OWN);
}
END_TEST

SUITE(walk)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_walk_ends_at_the_leaf_and_says_where_it_was);
	tcase_add_test(tc, a_walk_changes_nothing);
	tcase_add_loop_test(tc, an_absent_entry_at_any_level_is_absent, 1, 5);
	tcase_add_loop_test(tc, a_read_only_entry_at_any_level_forbids_writing, 1, 5);
	tcase_add_loop_test(tc, an_nx_entry_at_any_level_forbids_execution, 1, 5);
	tcase_add_loop_test(tc, a_large_page_is_refused, 2, 5);
	tcase_add_loop_test(tc, a_foreign_table_is_refused, 2, 5);
	tcase_add_test(tc, a_walk_from_a_foreign_root_reads_nothing);
	tcase_add_test(tc, an_entry_that_names_its_own_table_ends_the_walk_as_any_other);
	tcase_add_test(tc, a_leaf_may_name_only_an_own_frame);
	tcase_add_test(tc, a_device_frame_needs_a_handle_and_is_never_cached);
	tcase_add_test(tc, a_device_handle_never_covers_ram);
	tcase_add_test(tc, a_leaf_is_never_more_than_the_guests_entry_allows);
	tcase_add_test(tc, available_and_reserved_bits_stay_out_of_the_cache);
}
