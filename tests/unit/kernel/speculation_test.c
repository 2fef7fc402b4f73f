/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * speculation_test.c - what is done on which CPU, as far as it says what it is.
 */
#include "fake.h"

#include <arch/arch.h>
#include <arch/x86.h>

/* CPUID 7 EDX */
#define MD_CLEAR (1u << 10)
#define IBRS	 (1u << 26)
#define CAPS	 (1u << 29)
/* IA32_ARCH_CAPABILITIES */
#define RDCL_NO	   (1u << 0)
#define IBRS_ALL   (1u << 1)
#define MDS_NO	   (1u << 5)
#define TAA_NO	   (1u << 8)
#define FB_CLEAR   (1u << 17)
#define RFDS_CLEAR (1u << 28)

START_TEST(an_intel_cpu_that_says_nothing_has_all_faults)
{
	uint32_t s = speculation_decide(true, 0, 0, 0, 0);

	ck_assert(s & SPECULATION_MELTDOWN);
	ck_assert(s & SPECULATION_LEAKS);
	ck_assert(!(s & (SPECULATION_IBRS | SPECULATION_IBPB | SPECULATION_VERW)));
}
END_TEST

START_TEST(buffers_are_cleared_where_the_cpu_knows_how)
{
	uint32_t s = speculation_decide(true, MD_CLEAR | IBRS, 0, 0, 0);

	ck_assert(s & SPECULATION_VERW);
	ck_assert(!(s & SPECULATION_LEAKS));
	/* Transactions that abort leak where stores do not. */
	ck_assert(speculation_decide(true, MD_CLEAR | CAPS, 0, 0, RDCL_NO | MDS_NO) & SPECULATION_VERW);
	ck_assert(!(speculation_decide(true, MD_CLEAR | CAPS, 0, 0, RDCL_NO | MDS_NO | TAA_NO) & SPECULATION_VERW));
	ck_assert(speculation_decide(true, CAPS, 0, 0, RDCL_NO | MDS_NO | TAA_NO | FB_CLEAR) & SPECULATION_VERW);
	ck_assert(speculation_decide(true, CAPS, 0, 0, RDCL_NO | MDS_NO | TAA_NO | RFDS_CLEAR) & SPECULATION_VERW);
}
END_TEST

START_TEST(a_recent_intel_cpu_has_neither_meltdown_nor_leaks_and_sets_ibrs_once)
{
	uint32_t s = speculation_decide(true, MD_CLEAR | IBRS | CAPS, 0, 0, RDCL_NO | IBRS_ALL | MDS_NO | TAA_NO);

	ck_assert_uint_eq(s, SPECULATION_IBRS | SPECULATION_IBPB | SPECULATION_RETURNS);
}
END_TEST

START_TEST(an_amd_cpu_has_no_meltdown_and_tells_of_barriers_elsewhere)
{
	ck_assert_uint_eq(speculation_decide(false, 0, 0, 0, 0), SPECULATION_RETURNS);
	ck_assert_uint_eq(speculation_decide(false, 0, 1u << 12, 0, 0), SPECULATION_IBPB | SPECULATION_RETURNS);
	ck_assert_uint_eq(speculation_decide(false, 0, 1u << 12, 1u << 8, 0),
			  SPECULATION_IBPB | SPECULATION_AUTO_IBRS | SPECULATION_RETURNS);
}
END_TEST

START_TEST(a_cpu_with_meltdown_is_hidden_from_and_others_if_it_is_wished)
{
	uint32_t bad = SPECULATION_MELTDOWN | SPECULATION_RETURNS, good = SPECULATION_RETURNS;

	ck_assert_uint_eq(speculation_hide(bad, false, false), SPECULATION_HIDDEN | SPECULATION_RETURNS);
	ck_assert_uint_eq(speculation_hide(bad, true, true), SPECULATION_HIDDEN | SPECULATION_RETURNS);
	ck_assert_uint_eq(speculation_hide(bad, false, true), bad);
	ck_assert_uint_eq(speculation_hide(good, false, false), good);
	ck_assert_uint_eq(speculation_hide(good, true, false), SPECULATION_HIDDEN | SPECULATION_RETURNS);
}
END_TEST

/* What the words of the kernel's line at boot mean. */
START_TEST(each_cpu_restricts_branches_once_by_the_register_it_has)
{
	fake_boot(64);
	speculation = SPECULATION_IBPB | SPECULATION_RETURNS | SPECULATION_VERW;
	speculation_init_cpu();
	ck_assert_uint_eq(fake.nr_msrs, 0);
	speculation = SPECULATION_IBRS;
	speculation_init_cpu();
	ck_assert_uint_eq(fake.nr_msrs, 1);
	ck_assert_uint_eq(rdmsr(MSR_SPEC_CTRL), 1);
	wrmsr(MSR_EFER, 0xd01);
	speculation = SPECULATION_AUTO_IBRS;
	speculation_init_cpu();
	ck_assert_uint_eq(rdmsr(MSR_EFER), 0xd01 | 1 << 21);
}
END_TEST

START_TEST(another_domain_gets_the_cpu_behind_a_barrier_where_it_has_one)
{
	fake_boot(64);
	for (uint32_t s = 0; s < 256; s++) {
		fake.nr_msrs = 0;
		speculation = s;
		speculation_switch(); /* and comes back, with or without 32 calls that do not */
		ck_assert_uint_eq(fake.nr_msrs, s & SPECULATION_IBPB ? 1 : 0);
		ck_assert_uint_eq(rdmsr(MSR_PRED_CMD), s & SPECULATION_IBPB ? 1 : 0);
	}
}
END_TEST

START_TEST(a_mask_is_all_ones_where_the_first_number_is_below_the_second)
{
	const uint64_t numbers[] = { 0, 1, 2, 0x7fffffff, 0x80000000, 1ull << 32, INT64_MAX, 1ull << 63, UINT64_MAX };

	for (unsigned a = 0; a < ARRAY_SIZE(numbers); a++)
		for (unsigned b = 0; b < ARRAY_SIZE(numbers); b++)
			ck_assert_uint_eq(mask_below(numbers[a], numbers[b]), a < b ? UINT64_MAX : 0);
	ck_assert_uint_eq(mask_below(numbers[1], 4096), UINT64_MAX);
	ck_assert_uint_eq(mask_below(numbers[8], 4096), 0);
}
END_TEST

SUITE(speculation)
{
	tcase_add_test(tc, a_mask_is_all_ones_where_the_first_number_is_below_the_second);
	tcase_add_test(tc, each_cpu_restricts_branches_once_by_the_register_it_has);
	tcase_add_test(tc, another_domain_gets_the_cpu_behind_a_barrier_where_it_has_one);
	tcase_add_test(tc, a_cpu_with_meltdown_is_hidden_from_and_others_if_it_is_wished);
	tcase_add_test(tc, an_intel_cpu_that_says_nothing_has_all_faults);
	tcase_add_test(tc, buffers_are_cleared_where_the_cpu_knows_how);
	tcase_add_test(tc, a_recent_intel_cpu_has_neither_meltdown_nor_leaks_and_sets_ibrs_once);
	tcase_add_test(tc, an_amd_cpu_has_no_meltdown_and_tells_of_barriers_elsewhere);
}
