/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * speculation_test.c - what is done on which CPU, as far as it says what it is.
 */
#include "fake.h"

#include <arch/arch.h>

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

SUITE(speculation)
{
	tcase_add_test(tc, a_cpu_with_meltdown_is_hidden_from_and_others_if_it_is_wished);
	tcase_add_test(tc, an_intel_cpu_that_says_nothing_has_all_faults);
	tcase_add_test(tc, buffers_are_cleared_where_the_cpu_knows_how);
	tcase_add_test(tc, a_recent_intel_cpu_has_neither_meltdown_nor_leaks_and_sets_ibrs_once);
	tcase_add_test(tc, an_amd_cpu_has_no_meltdown_and_tells_of_barriers_elsewhere);
}
