/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handover_test.c - a debug build stops where a frame that left a domain, or a grant, goes on before it is dropped and
 * flushed (tests/debug/handover.c).
 */
#include "fake.h"
#include "../../debug/handover.h"

#include <arch/arch.h>
#include <arch/paging.h>
#include <arch/percpu.h>
#include <arch/x86.h>
#include <core/tlb.h>

#define VA 0x400000ull

static struct guest g;
static mfn_t m;

/* A frame that is cached, and leaves the domain. */
static void setup(void)
{
	uint32_t next = 1;

	fake_boot(4096);
	guest_make(&g, 5, 64, GUISE_DOMAIN_STOCK);
	m = g.mfn[40];
	guest_map(&g, g.mfn[0], VA, m << PAGE_SHIFT | PTE_P | PTE_RW, &next);
	guest_run(&g);
	ck_assert(cpu_access(g.v, VA, PF_WRITE).ok);
	ck_assert_int_eq(frame_give(frame_of(m), 5, OWNER_KERNEL), 0);
	domain_remove_frame(g.d, m);
	fake.expect_panic = true;
}

START_TEST(what_was_dropped_and_flushed_goes_on)
{
	tlb_drop_all(g.d);
	frame_free(m, 0, OWNER_KERNEL);
	handover_over();
}
END_TEST

START_TEST(what_was_not_flushed_does_not)
{
	frame_free(m, 0, OWNER_KERNEL);
}
END_TEST

START_TEST(nor_what_was_flushed_and_is_cached_still)
{
	arch_tlb_flush(g.d);
	frame_free(m, 0, OWNER_KERNEL);
}
END_TEST

START_TEST(nor_what_was_dropped_and_not_flushed)
{
	uint64_t cr3[2];

	*guest_entry(guest_table(&g, g.mfn[0], VA, 1, NULL), pt_index(VA, 1)) = 0;
	spin_lock(&g.d->tlb.lock);
	root_refresh(g.d, g.mfn[0], 0, VA, VA, cr3);
	spin_unlock(&g.d->tlb.lock);
	frame_free(m, 0, OWNER_KERNEL);
}
END_TEST

START_TEST(nor_what_another_domain_is_given)
{
	ck_assert_int_eq(frame_give(frame_of(m), OWNER_KERNEL, 6), 0);
}
END_TEST

START_TEST(nor_does_the_cpu_go_on_while_a_frame_is_on_its_way)
{
	tlb_drop_all(g.d);
	handover_over();
}
END_TEST

START_TEST(a_root_that_is_loaded_is_not_freed)
{
	struct cpu *c = this_cpu();

	tlb_drop_all(g.d);
	c->cr3 = m << PAGE_SHIFT;
	frame_free(m, 0, OWNER_KERNEL);
}
END_TEST

START_TEST(a_grant_is_not_given_back_before_it_is_unmapped_and_flushed)
{
	mfn_t granted = g.mfn[41];

	tlb_drop_all(g.d);
	frame_free(m, 0, OWNER_KERNEL);
	ck_assert_int_eq(frame_hold(frame_of(granted), 5), 0);
	frame_release(frame_of(granted));
	arch_unmap_grant(g.d, VA, g.mfn[0], 0, granted); /* of which the hold is gone */
	handover_over();
}
END_TEST

SUITE(handover)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, what_was_dropped_and_flushed_goes_on);
	tcase_add_test_raise_signal(tc, what_was_not_flushed_does_not, SIGABRT);
	tcase_add_test_raise_signal(tc, nor_what_was_flushed_and_is_cached_still, SIGABRT);
	tcase_add_test_raise_signal(tc, nor_what_was_dropped_and_not_flushed, SIGABRT);
	tcase_add_test_raise_signal(tc, nor_what_another_domain_is_given, SIGABRT);
	tcase_add_test_raise_signal(tc, nor_does_the_cpu_go_on_while_a_frame_is_on_its_way, SIGABRT);
	tcase_add_test_raise_signal(tc, a_root_that_is_loaded_is_not_freed, SIGABRT);
	tcase_add_test_raise_signal(tc, a_grant_is_not_given_back_before_it_is_unmapped_and_flushed, SIGABRT);
}
