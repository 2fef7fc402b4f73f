/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tlb_test.c - misses, what the guest is told of its own faults, and the pool of cached tables.
 */
#include "fake.h"

#include <arch/arch.h>
#include <arch/paging.h>
#include <arch/x86.h>
#include <xen/memory.h>

#define VA   0x0000123456789000ull
#define LEAF (PTE_P | PTE_RW | PTE_U)
#define DATA 128 /* frames from here on are data, below them tables */

static struct guest g;
static uint32_t next_table;

static void start(uint8_t paging)
{
	fake_boot(8192);
	guest_make(&g, 5, 512, paging);
	next_table = 1;
}

static void map(uint64_t va, unsigned n, uint64_t flags)
{
	guest_map(&g, g.mfn[0], va, g.mfn[n] << PAGE_SHIFT | flags, &next_table);
}

static uint64_t *leaf_of(uint64_t va)
{
	return guest_entry(guest_table(&g, g.mfn[0], va, 1, &next_table), pt_index(va, 1));
}

static struct cpu_result touch(uint64_t va, unsigned access)
{
	struct cpu_result r = cpu_access(g.v, va, access);

	tlb_check(g.d);
	cpu_check(g.d);
	return r;
}

static void setup(void)
{
	start(GUISE_DOMAIN_STOCK);
}

START_TEST(a_read_sets_the_accessed_bit_and_a_write_the_dirty_bit)
{
	map(VA, DATA, LEAF);
	ck_assert(touch(VA, 0).ok);
	ck_assert_uint_eq(*leaf_of(VA) & (PTE_A | PTE_D), PTE_A);
	ck_assert(touch(VA, PF_WRITE).ok);
	ck_assert_uint_eq(*leaf_of(VA) & (PTE_A | PTE_D), PTE_A | PTE_D);
}
END_TEST

START_TEST(a_refused_access_sets_neither_bit)
{
	map(VA, DATA, PTE_P | PTE_U | PTE_NX);
	ck_assert(!touch(VA, PF_WRITE).ok);
	ck_assert(!touch(VA, PF_FETCH).ok);
	ck_assert_uint_eq(*leaf_of(VA) & (PTE_A | PTE_D), 0);
}
END_TEST

START_TEST(the_guest_sees_the_error_code_that_its_own_tables_would_give)
{
	map(VA, DATA, PTE_P | PTE_U | PTE_NX);
	ck_assert_uint_eq(touch(VA + PAGE_SIZE, 0).error, 0);
	ck_assert_uint_eq(touch(VA + PAGE_SIZE, PF_WRITE).error, PF_WRITE);
	ck_assert_uint_eq(touch(VA, PF_WRITE).error, PF_PRESENT | PF_WRITE);
	ck_assert_uint_eq(touch(VA, PF_FETCH).error, PF_PRESENT | PF_FETCH);
	guest_map(&g, g.mfn[0], VA, 1ull << PAGE_SHIFT | LEAF, &next_table); /* the firmware's frame */
	ck_assert_uint_eq(touch(VA, 0).error, PF_PRESENT | PF_RSVD);
}
END_TEST

START_TEST(the_kernels_address_space_is_the_guests_own_fault)
{
	uint64_t error = PF_PRESENT | PF_WRITE | PF_USER;

	ck_assert(!tlb_fill(g.v, 0xffff800000000000, &error));
	ck_assert_uint_eq(error, PF_PRESENT | PF_WRITE);
	error = PF_FETCH;
	ck_assert(!tlb_fill(g.v, 0xffff87ffffffffff, &error));
	ck_assert(!tlb_fill(g.v, 0x0000800000000000, &error));
}
END_TEST

START_TEST(young_neighbours_are_entered_with_a_miss)
{
	uint64_t faults;

	for (unsigned i = 0; i < 16; i++)
		map((VA & ~0xffffull) + i * PAGE_SIZE, DATA + i, LEAF | PTE_A | (i & 1 ? PTE_D : 0));
	ck_assert(touch(VA, 0).ok);
	faults = g.d->faults;
	for (unsigned i = 0; i < 16; i++)
		ck_assert(touch((VA & ~0xffffull) + i * PAGE_SIZE, i & 1 ? PF_WRITE : 0).ok);
	ck_assert_uint_eq(g.d->faults, faults);
}
END_TEST

START_TEST(neighbours_that_were_never_used_are_left_alone)
{
	map(VA, DATA, LEAF);
	map(VA + PAGE_SIZE, DATA + 1, LEAF);
	ck_assert(touch(VA, PF_WRITE).ok);
	ck_assert_uint_eq(*leaf_of(VA + PAGE_SIZE) & PTE_A, 0);
	ck_assert(touch(VA + PAGE_SIZE, 0).ok);
	ck_assert_uint_eq(*leaf_of(VA + PAGE_SIZE) & PTE_A, PTE_A);
}
END_TEST

START_TEST(a_table_that_names_itself_can_be_used_at_all_its_levels)
{
	mfn_t root = g.mfn[0];

	for (unsigned level = 1; level <= 4; level++)
		*guest_entry(root, pt_index(VA, level)) = root << PAGE_SHIFT | LEAF | PTE_A | PTE_D;
	for (unsigned i = 0; i < 8; i++) {
		struct cpu_result r = touch(VA, i & 1 ? PF_WRITE : 0);

		ck_assert(r.ok && r.m == root);
	}
}
END_TEST

START_TEST(a_frame_used_at_two_levels_keeps_the_books_right)
{
	mfn_t t = g.mfn[100];

	/* The same frame as second and as first level, of different addresses. */
	*guest_entry(guest_table(&g, g.mfn[0], VA, 2, &next_table), pt_index(VA, 2)) = t << PAGE_SHIFT | LEAF | PTE_A;
	*guest_entry(guest_table(&g, g.mfn[0], VA + (1ull << 39), 3, &next_table), pt_index(VA + (1ull << 39), 3)) =
		t << PAGE_SHIFT | LEAF | PTE_A;
	for (unsigned i = 0; i < 512; i++)
		*guest_entry(t, i) = g.mfn[101] << PAGE_SHIFT | LEAF | PTE_A | PTE_D;
	for (unsigned i = 0; i < 512; i++)
		*guest_entry(g.mfn[101], i) = g.mfn[DATA] << PAGE_SHIFT | LEAF | PTE_A | PTE_D;
	for (unsigned i = 0; i < 8; i++) {
		ck_assert_uint_eq(touch(VA + i * PAGE_SIZE, 0).m, g.mfn[101]);
		ck_assert_uint_eq(touch(VA + (1ull << 39) + i * PAGE_SIZE, 0).m, g.mfn[DATA]);
	}
}
END_TEST

/* Each root costs four tables and the pool has 64: what is dropped is made again when it is used. */
START_TEST(a_full_pool_drops_the_root_that_was_loaded_longest_ago)
{
	mfn_t root[24];
	unsigned loaded[24] = { 0 }; /* when last */

	for (unsigned i = 0; i < 24; i++) {
		root[i] = g.mfn[1 + i * 4];
		next_table = 2 + i * 4;
		guest_map(&g, root[i], VA, g.mfn[DATA + i] << PAGE_SHIFT | LEAF, &next_table);
	}
	for (unsigned i = 0; i < 200; i++) {
		unsigned n = i < 24 ? i : (unsigned)test_below(24);
		struct mmuext_op op = { .cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = root[n] };
		struct cpu_result r;

		ck_assert_int_eq(hc(g.v, __HYPERVISOR_mmuext_op, PTR(&op), 1, 0, DOMID_SELF), 0);
		loaded[n] = i + 1;
		r = touch(VA, PF_WRITE);
		ck_assert(r.ok && r.m == g.mfn[DATA + n]);
		for (unsigned a = 0; a < 24; a++)
			for (unsigned b = 0; b < 24; b++)
				if (loaded[b] > loaded[a] && frame_of(root[a])->cached)
					ck_assert(frame_of(root[b])->cached);
	}
	ck_assert_uint_ge(g.d->tlb.used + 4, g.d->tlb.nr);
}
END_TEST

START_TEST(one_root_larger_than_the_pool_still_makes_progress)
{
	/* 80 last-level tables under one root. */
	next_table = 1;
	for (uint64_t i = 0; i < 80; i++)
		guest_map(&g, g.mfn[0], VA + (i << 21), g.mfn[DATA + i] << PAGE_SHIFT | LEAF, &next_table);
	for (unsigned i = 0; i < 400; i++) {
		uint64_t n = test_below(80);

		ck_assert_uint_eq(touch(VA + (n << 21), PF_WRITE).m, g.mfn[DATA + n]);
	}
}
END_TEST

START_TEST(nothing_cached_outlives_a_frame_that_the_domain_gives_back)
{
	xen_pfn_t out[2] = { g.mfn[DATA], 0 };
	struct xen_memory_reservation r = { .nr_extents = 2, .domid = DOMID_SELF };

	map(VA, DATA, LEAF);
	map(VA + (1ull << 30), DATA + 1, LEAF);
	ck_assert(touch(VA, PF_WRITE).ok);
	ck_assert(touch(VA + (1ull << 30), PF_WRITE).ok);
	out[1] = guest_table(&g, g.mfn[0], VA + (1ull << 30), 1, &next_table); /* a table goes too */
	set_xen_guest_handle(r.extent_start, out);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_memory_op, XENMEM_decrease_reservation, PTR(&r), 0, 0), 2);
	tlb_check(g.d);
	cpu_check(g.d);
	ck_assert(!touch(VA, 0).ok);
	ck_assert_uint_eq(touch(VA + (1ull << 30), 0).error, PF_PRESENT | PF_RSVD);
}
END_TEST

START_TEST(a_domain_that_gives_its_own_root_away_only_loses_its_own_address_space)
{
	xen_pfn_t out = g.mfn[0];
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

	map(VA, DATA, LEAF);
	ck_assert(touch(VA, PF_WRITE).ok);
	set_xen_guest_handle(r.extent_start, &out);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_memory_op, XENMEM_decrease_reservation, PTR(&r), 0, 0), 1);
	tlb_check(g.d);
	ck_assert_uint_eq(root_cr3(g.v, 1), 0);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_update_va_mapping, VA, 0, UVMF_INVLPG, 0), -EINVAL);
}
END_TEST

START_TEST(a_device_right_that_is_dropped_takes_its_translations_along)
{
	struct handle h = { .kind = GUISE_HANDLE_MMIO, .first = fake_device(), .nr = 1 };
	int n = handle_add(g.d, &h);

	guest_map(&g, g.mfn[0], VA, fake_device() << PAGE_SHIFT | LEAF, &next_table);
	ck_assert(touch(VA, PF_WRITE).ok);
	ck_assert_int_eq(hc(g.v, GUISE_HC_HANDLE, GUISE_HANDLE_OP_DROP, (uint64_t)n, 0, 0), 0);
	tlb_check(g.d);
	cpu_check(g.d);
	ck_assert(!touch(VA, 0).ok);
}
END_TEST

START_TEST(the_machine_to_physical_map_is_only_in_roots_of_kernels)
{
	struct mmuext_op op = { .cmd = MMUEXT_NEW_USER_BASEPTR, .arg1.mfn = g.mfn[20] };
	uint64_t user, kernel;

	ck_assert_int_eq(hc(g.v, __HYPERVISOR_mmuext_op, PTR(&op), 1, 0, DOMID_SELF), 0);
	user = root_cr3(g.v, 0);
	kernel = root_cr3(g.v, 1);
	ck_assert_uint_ne(user, kernel);
	ck_assert_uint_eq(*guest_entry(pte_mfn(user), 256), 0);
	ck_assert_uint_eq(*guest_entry(pte_mfn(kernel), 256), boot_l4[256]);
	for (unsigned i = 257; i < 272; i++)
		ck_assert_uint_eq(*guest_entry(pte_mfn(user), i), boot_l4[i]);
}
END_TEST

START_TEST(a_cache_that_does_not_fit_the_quota_fails_cleanly)
{
	for (uint32_t frames = 40; frames < 400; frames += 9) {
		struct guise_domain_create how = {
			.domid = 9, .max_frames = 32, .max_vcpus = 1, .cache_frames = frames
		};
		uint64_t before = frame_free_count();
		struct domain *d;
		mfn_t hog[8192];
		unsigned nr = 0;
		int err;

		while (frame_free_count() > 20 + frames / 2)
			hog[nr++] = frame_alloc(0, OWNER_KERNEL);
		d = domain_create(&how, &err);
		ck_assert_ptr_nonnull(d);
		ck_assert_int_eq(tlb_grow(d), -ENOMEM);
		ck_assert_int_eq(domain_destroy(d), 0);
		domain_put(d);
		while (nr)
			frame_free(hog[--nr], 0, OWNER_KERNEL);
		ck_assert_uint_eq(frame_free_count(), before);
	}
}
END_TEST

SUITE(tlb)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_read_sets_the_accessed_bit_and_a_write_the_dirty_bit);
	tcase_add_test(tc, a_refused_access_sets_neither_bit);
	tcase_add_test(tc, the_guest_sees_the_error_code_that_its_own_tables_would_give);
	tcase_add_test(tc, the_kernels_address_space_is_the_guests_own_fault);
	tcase_add_test(tc, young_neighbours_are_entered_with_a_miss);
	tcase_add_test(tc, neighbours_that_were_never_used_are_left_alone);
	tcase_add_test(tc, a_table_that_names_itself_can_be_used_at_all_its_levels);
	tcase_add_test(tc, a_frame_used_at_two_levels_keeps_the_books_right);
	tcase_add_test(tc, a_full_pool_drops_the_root_that_was_loaded_longest_ago);
	tcase_add_test(tc, one_root_larger_than_the_pool_still_makes_progress);
	tcase_add_test(tc, nothing_cached_outlives_a_frame_that_the_domain_gives_back);
	tcase_add_test(tc, a_domain_that_gives_its_own_root_away_only_loses_its_own_address_space);
	tcase_add_test(tc, a_device_right_that_is_dropped_takes_its_translations_along);
	tcase_add_test(tc, the_machine_to_physical_map_is_only_in_roots_of_kernels);
	tcase_add_test(tc, a_cache_that_does_not_fit_the_quota_fails_cleanly);
}
