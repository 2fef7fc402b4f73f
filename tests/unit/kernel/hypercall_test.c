/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hypercall_test.c - the door, batches of calls, and long calls that stop in between.
 */
#include "fake.h"

#include <arch/arch.h>
#include <arch/paging.h>
#include <core/grant.h>
#include <xen/memory.h>
#include <xen/version.h>

static struct guest g;

static void setup(void)
{
	fake_boot(4096);
	guest_make(&g, 5, 256, GUISE_DOMAIN_STOCK);
}

START_TEST(a_call_that_does_not_exist_says_so)
{
	for (uint64_t nr = 0; nr < 64; nr++)
		if (nr > 41 && nr < 48)
			ck_assert_int_eq(hc(g.v, nr, 0, 0, 0, 0), -ENOSYS);
	ck_assert_int_eq(hc(g.v, ~0ull, 0, 0, 0, 0), -ENOSYS);
	ck_assert_int_eq(hc(g.v, 1ull << 32 | __HYPERVISOR_xen_version, 0, 0, 0, 0), -ENOSYS);
}
END_TEST

START_TEST(guest_addresses_in_the_kernels_range_are_refused)
{
	char buf[16];

	ck_assert_int_eq(copy_from_guest(buf, 0xffff800000000000, 1), -EFAULT);
	ck_assert_int_eq(copy_from_guest(buf, 0xffff87ffffffffff, 1), -EFAULT);
	ck_assert_int_eq(copy_to_guest(0xffff810000000000, buf, 16), -EFAULT);
	ck_assert(!guest_range_ok(0xffff87fffffffff8, 9));
	ck_assert(!guest_range_ok(0x00007ffffffffff8, 9));
	ck_assert(!guest_range_ok(0x0000800000000000, 1));
	ck_assert(!guest_range_ok(0x00007fffffffffff, ~0ull));
	ck_assert(!guest_range_ok(0x1000, 0xffff900000000000));
	ck_assert(!guest_range_ok(~0ull, 2));
	ck_assert(guest_range_ok(0xffff880000000000, 16));
	ck_assert(guest_range_ok(0x00007ffffffffff0, 16));
	ck_assert(guest_range_ok(0xfffffffffffffff0, 16));
	ck_assert(guest_range_ok(0xffff800000000000, 0));
}
END_TEST

START_TEST(a_multicall_carries_out_each_entry_and_keeps_its_result)
{
	multicall_entry_t e[3] = { { .op = __HYPERVISOR_xen_version, .args = { XENVER_version } },
				   { .op = 45 },
				   { .op = __HYPERVISOR_xen_version, .args = { XENVER_pagesize } } };

	ck_assert_int_eq(hc(g.v, __HYPERVISOR_multicall, PTR(e), 3, 0, 0), 0);
	ck_assert_int_eq((long)e[0].result, 4 << 16 | 17);
	ck_assert_int_eq((long)e[1].result, -ENOSYS);
	ck_assert_int_eq((long)e[2].result, 4096);
	ck_assert_ptr_null(g.v->multicall);
}
END_TEST

START_TEST(a_multicall_in_a_multicall_is_refused)
{
	multicall_entry_t e[2] = { { .op = __HYPERVISOR_multicall, .args = { PTR(e), 1 } },
				   { .op = __HYPERVISOR_iret } };

	ck_assert_int_eq(hc(g.v, __HYPERVISOR_multicall, PTR(e), 2, 0, 0), 0);
	ck_assert_int_eq((long)e[0].result, -EINVAL);
	ck_assert_int_eq((long)e[1].result, -EINVAL);
}
END_TEST

START_TEST(a_multicall_that_is_interrupted_repeats_nothing)
{
	mmu_update_t u[40][40];
	multicall_entry_t e[40];

	for (unsigned i = 0; i < 40; i++) {
		for (unsigned k = 0; k < 40; k++)
			u[i][k] = (mmu_update_t){ (g.mfn[100 + i] << PAGE_SHIFT) + k * 8, i * 40 + k };
		e[i] = (multicall_entry_t){ .op = __HYPERVISOR_mmu_update, .args = { PTR(u[i]), 40, 0, DOMID_SELF } };
	}
	e[20].args[0] = BAD_POINTER;
	fake.preempt = 2;
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_multicall, PTR(e), 40, 0, 0), 0);
	ck_assert_uint_gt(fake.continued, 15);
	for (unsigned i = 0; i < 40; i++) {
		ck_assert_int_eq((long)e[i].result, i == 20 ? -EFAULT : 0);
		for (unsigned k = 0; i != 20 && k < 40; k++)
			check_that(*guest_entry(g.mfn[100 + i], k) == i * 40 + k);
	}
}
END_TEST

START_TEST(a_multicall_at_a_bad_address_stops_there)
{
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_multicall, BAD_POINTER, 1, 0, 0), -EFAULT);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_multicall, BAD_POINTER, 0, 0, 0), 0);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_multicall, 0xffff800000000000, ~0ull, 0, 0), -EFAULT);
}
END_TEST

/* ---- the balloon ---- */

static long reservation(unsigned cmd, xen_pfn_t *list, uint64_t nr)
{
	struct xen_memory_reservation r = { .nr_extents = nr, .domid = DOMID_SELF };

	set_xen_guest_handle(r.extent_start, list);
	return hc(g.v, __HYPERVISOR_memory_op, cmd, PTR(&r), 0, 0);
}

START_TEST(memory_goes_out_and_comes_back)
{
	uint64_t before = frame_free_count();
	xen_pfn_t list[200];

	for (unsigned i = 0; i < 200; i++)
		list[i] = g.mfn[20 + i];
	fake.preempt = 1;
	ck_assert_int_eq(reservation(XENMEM_decrease_reservation, list, 200), 200);
	ck_assert_uint_ge(fake.continued, 3);
	ck_assert_uint_eq(frame_free_count(), before + 200);
	ck_assert_uint_eq(fake_m2p(g.mfn[20]), ~0ull);
	for (unsigned i = 0; i < 200; i++)
		list[i] = 20 + i;
	ck_assert_int_eq(reservation(XENMEM_populate_physmap, list, 200), 200);
	for (unsigned i = 0; i < 200; i++)
		check_that(frame_owned_by(list[i], 5) && fake_m2p(list[i]) == 20 + i);
}
END_TEST

START_TEST(only_own_free_frames_can_be_given_back)
{
	struct guest other;
	xen_pfn_t list[2];

	guest_make(&other, 6, 16, GUISE_DOMAIN_STOCK);
	const mfn_t bad[] = { other.mfn[2], g.d->shared_mfn, grant_frame(g.d, 0), 0x10, INVALID_MFN, g.d->tlb.page[3] };

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		list[0] = g.mfn[30 + i];
		list[1] = bad[i];
		ck_assert_int_eq(reservation(XENMEM_decrease_reservation, list, 2), 1);
		ck_assert_uint_ne(frame_owner(frame_of(g.mfn[30 + i])), 5);
	}
	list[0] = g.mfn[50];
	ck_assert_int_eq(frame_hold(frame_of(list[0]), 5), 0);
	ck_assert_int_eq(reservation(XENMEM_decrease_reservation, list, 1), 0);
	frame_release(frame_of(list[0]));
	ck_assert_int_eq(reservation(XENMEM_decrease_reservation, list, 1), 1);
	ck_assert_int_eq(reservation(XENMEM_decrease_reservation, list, 1), 0);
}
END_TEST

START_TEST(the_same_frame_twice_in_a_list_is_given_once)
{
	xen_pfn_t list[3] = { g.mfn[60], g.mfn[60], g.mfn[61] };

	ck_assert_int_eq(reservation(XENMEM_decrease_reservation, list, 3), 1);
	ck_assert_uint_eq(g.d->frames, 256 + 5 - 1);
}
END_TEST

START_TEST(a_bad_reservation_changes_nothing)
{
	struct xen_memory_reservation r = { .nr_extents = 1, .extent_order = 9, .domid = DOMID_SELF };
	xen_pfn_t list[1] = { 1ull << 36 };
	uint64_t frames = g.d->frames;

	set_xen_guest_handle(r.extent_start, list);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_memory_op, XENMEM_populate_physmap, PTR(&r), 0, 0), -EINVAL);
	r.extent_order = 0;
	r.domid = 6;
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_memory_op, XENMEM_populate_physmap, PTR(&r), 0, 0), -EINVAL);
	ck_assert_int_eq(reservation(XENMEM_populate_physmap, list, 1), 0);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_memory_op, XENMEM_populate_physmap, BAD_POINTER, 0, 0), -EFAULT);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_memory_op, XENMEM_populate_physmap | 9 << 6, PTR(&r), 0, 0), -EINVAL);
	ck_assert_uint_eq(g.d->frames, frames);
}
END_TEST

/* ---- areas the kernel writes on its own ---- */

START_TEST(an_area_across_two_pages_is_written_in_both)
{
	uint32_t next_table = 1;
	struct guest_area a = { { INVALID_MFN, INVALID_MFN }, 0, 0 };
	uint64_t leaf = 0x67;

	guest_map(&g, g.mfn[0], 0x400000, g.mfn[90] << PAGE_SHIFT | leaf, &next_table);
	guest_map(&g, g.mfn[0], 0x401000, g.mfn[80] << PAGE_SHIFT | leaf, &next_table);
	ck_assert_int_eq(guest_area_find(g.v, &a, 0x400ffc, 8), 0);
	guest_area_write(&a, "abcdefgh");
	ck_assert_int_eq(memcmp((char *)mfn_to_virt(g.mfn[90]) + 0xffc, "abcd", 4), 0);
	ck_assert_int_eq(memcmp(mfn_to_virt(g.mfn[80]), "efgh", 4), 0);
	ck_assert_uint_eq(FRAME_HOLDS(frame_of(g.mfn[90])->state), 1);
	ck_assert_uint_eq(FRAME_HOLDS(frame_of(g.mfn[80])->state), 1);
	ck_assert_int_eq(guest_area_find(g.v, &a, 0x401ffc, 8), -EFAULT); /* half of it is not there */
	ck_assert_uint_eq(FRAME_HOLDS(frame_of(g.mfn[80])->state), 1);
	ck_assert_int_eq(guest_area_find(g.v, &a, 0xffff810000000000, 8), -EFAULT);
	guest_area_drop(&a);
	guest_area_drop(&a);
	ck_assert_uint_eq(FRAME_HOLDS(frame_of(g.mfn[90])->state), 0);
	ck_assert_uint_eq(FRAME_HOLDS(frame_of(g.mfn[80])->state), 0);
	guest_area_write(&a, "zzzzzzzz");
	ck_assert_int_eq(memcmp(mfn_to_virt(g.mfn[80]), "efgh", 4), 0);
}
END_TEST

SUITE(hypercall)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_call_that_does_not_exist_says_so);
	tcase_add_test(tc, guest_addresses_in_the_kernels_range_are_refused);
	tcase_add_test(tc, a_multicall_carries_out_each_entry_and_keeps_its_result);
	tcase_add_test(tc, a_multicall_in_a_multicall_is_refused);
	tcase_add_test(tc, a_multicall_that_is_interrupted_repeats_nothing);
	tcase_add_test(tc, a_multicall_at_a_bad_address_stops_there);
	tcase_add_test(tc, memory_goes_out_and_comes_back);
	tcase_add_test(tc, only_own_free_frames_can_be_given_back);
	tcase_add_test(tc, the_same_frame_twice_in_a_list_is_given_once);
	tcase_add_test(tc, a_bad_reservation_changes_nothing);
	tcase_add_test(tc, an_area_across_two_pages_is_written_in_both);
}
