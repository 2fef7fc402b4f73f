/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * personality_test.c - a vCPU's area: memory of the guest, which may say anything at any time.
 */
#include "fake.h"

#include <arch/arch.h>
#include <arch/layout.h>
#include <arch/x86.h>

#define ENTRY 0x500000ull
#define BACK  0x600000ull
#define AREA  3 /* the frame that it lies in */

static struct guest g;
static struct guise_vcpu_area *area;
static struct guise_vcpu_entry entry;

static long personality(uint64_t op, uint64_t a, uint64_t b)
{
	return hc(g.v, GUISE_HC_PERSONALITY, op, a, b, 0);
}

static long area_set(void)
{
	return personality(GUISE_PERSONALITY_AREA, PTR(&entry), 0);
}

static uint64_t holds(unsigned frame)
{
	return FRAME_HOLDS(frame_of(g.mfn[frame])->state);
}

static void setup(void)
{
	fake_boot(4096);
	guest_make(&g, 5, 16, GUISE_DOMAIN_STOCK);
	g.v->arch.root[0] = g.mfn[2];
	area = (void *)((char *)mfn_to_virt(g.mfn[AREA]) + 128);
	entry = (struct guise_vcpu_entry){ (g.mfn[AREA] << PAGE_SHIFT) + 128, ENTRY, BACK, 0x33, 0x2b, 0 };
	ck_assert_int_eq(area_set(), -EPERM);
	ck_assert_int_eq(personality(GUISE_PERSONALITY_ENABLE, GUISE_PERSONALITY_ENTRY, 0), GUISE_PERSONALITY_ENTRY);
	ck_assert_int_eq(area_set(), 0);
	ck_assert_uint_eq(holds(AREA), 1);
}

START_TEST(a_system_call_enters_the_kernel_where_it_said)
{
	struct regs *r = &g.v->arch.regs;

	g.v->arch.kernel_mode = 0;
	*r = (struct regs){ .rip = 0x1234, .cs = 0x33, .ss = 0x2b, .rflags = 0x247, .rsp = 0x7000 };
	direct_enter(g.v);
	ck_assert_uint_eq(area->rip, 0x1234);
	ck_assert_uint_eq(area->rflags, 0x247);
	ck_assert_uint_eq(r->rip, ENTRY);
	ck_assert_uint_eq(r->cs, SEL_GUEST_CS);
	ck_assert_uint_eq(r->ss, SEL_GUEST_SS);
	ck_assert_uint_eq(r->rflags, X86_RFLAGS_IF | 2);
	ck_assert_uint_eq(r->rsp, 0x7000);
	ck_assert_uint_eq(g.v->arch.kernel_mode, 1);
	ck_assert_uint_eq(g.v->info->evtchn_upcall_mask, 1);
}
END_TEST

/* What SYSRET does with an address that is not canonical: SDM 2B. */
START_TEST(whatever_stands_in_an_area_the_user_goes_on_harmlessly)
{
	const struct regs *r = &g.v->arch.regs;

	for (unsigned i = 0; i < 10000; i++) {
		g.v->arch.kernel_mode = 1;
		area->rip = test_random() >> test_below(64);
		area->rflags = test_below(4) ? test_random() : 1ull << test_below(64);
		direct_back(g.v);
		check_that(canonical(r->rip) && r->rcx == r->rip && r->r11 == r->rflags);
		check_that((r->rip ^ area->rip) << 16 == 0);
		check_that((r->rflags & ~(uint64_t)X86_RFLAGS_GUEST) == (X86_RFLAGS_IF | 2));
		check_that(!(r->rflags & (X86_RFLAGS_IOPL | X86_RFLAGS_VM)));
		check_that(!g.v->arch.kernel_mode && !g.v->info->evtchn_upcall_mask);
	}
}
END_TEST

START_TEST(the_stack_that_an_area_names_is_checked_as_any_other)
{
	static const uint64_t bad[] = { 0, 8, 0xffff800000001000, 0xffff87ffffffffff, 0x0000800000000010, ~0ull };

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		area->kernel_sp = 0x700000;
		area_read(g.v);
		ck_assert_uint_eq(g.v->arch.bounce_sp, 0x700000);
		area->kernel_sp = bad[i];
		area_read(g.v);
		ck_assert_msg(!g.v->arch.bounce_sp || bad[i] == ~0ull, "%lx", bad[i]);
	}
}
END_TEST

START_TEST(an_area_is_one_of_the_guests_own_and_its_entry_where_a_kernel_may_be)
{
	const struct guise_vcpu_entry good = entry;

#define REFUSED(change, why)               \
	entry = good;                      \
	change;                            \
	ck_assert_int_eq(area_set(), why); \
	ck_assert_uint_eq(holds(AREA), 1); \
	ck_assert_ptr_eq(g.v->arch.area, area)
	REFUSED(entry.area += 8, -EINVAL);
	REFUSED(entry.zero = 1, -EINVAL);
	REFUSED(entry.entry = 0, -EINVAL);
	REFUSED(entry.entry = 0xffff800000000000, -EINVAL);
	REFUSED(entry.entry = 0x0000800000000000, -EINVAL);
	REFUSED(entry.back = 0x0000800000000000, -EINVAL);
	REFUSED(entry.area = 0x10000, -EPERM);
	REFUSED(entry.area = g.d->tlb.page[0] << PAGE_SHIFT, -EPERM);
	REFUSED(entry.area = ~63ull, -EPERM);
	ck_assert_int_eq(personality(GUISE_PERSONALITY_AREA, BAD_POINTER, 0), -EFAULT);
}
END_TEST

START_TEST(an_area_holds_its_frame_until_there_is_another_or_none)
{
	entry.area = g.mfn[AREA + 1] << PAGE_SHIFT;
	ck_assert_int_eq(area_set(), 0);
	ck_assert_uint_eq(holds(AREA), 0);
	ck_assert_uint_eq(holds(AREA + 1), 1);
	ck_assert_int_eq(personality(GUISE_PERSONALITY_AREA, 0, 0), 0);
	ck_assert_uint_eq(holds(AREA + 1), 0);
	ck_assert_uint_eq(g.v->arch.direct_back, DIRECT_NEVER);
	ck_assert_int_eq(area_set(), 0);
	ck_assert_int_eq(domain_destroy(g.d), 0);
}
END_TEST

START_TEST(a_feature_is_one_that_is_offered_and_calls_need_theirs)
{
	ck_assert_int_eq(personality(GUISE_PERSONALITY_ENABLE, 1u << 5, 0), -EINVAL);
	ck_assert_int_eq(personality(GUISE_PERSONALITY_ENABLE, GUISE_PERSONALITY_LARGE, 0), -EINVAL);
	ck_assert_int_eq(personality(GUISE_PERSONALITY_ENABLE, ~0ull, 0), -EINVAL);
	ck_assert_int_eq(personality(GUISE_PERSONALITY_ROOTS, g.mfn[0], 0), -EPERM);
	ck_assert_int_eq(personality(GUISE_PERSONALITY_FLUSH, g.mfn[0], 0), -EPERM);
	ck_assert_int_eq(personality(GUISE_PERSONALITY_BLOCK, 1, 1), -EPERM);
	for (uint64_t op = 1; op < 12; op++)
		if (op != GUISE_PERSONALITY_FLUSH && op != GUISE_PERSONALITY_AREA && op != GUISE_PERSONALITY_ROOTS &&
		    op != GUISE_PERSONALITY_BLOCK)
			ck_assert_int_eq(personality(op, 0, 0), -ENOSYS);
	ck_assert_int_eq(personality(~0ull, 0, 0), -ENOSYS);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_vcpu_op, VCPUOP_is_up, 1, 0, 0), 0);
	ck_assert_int_eq(personality(GUISE_PERSONALITY_ENABLE, 0, 0), -EBUSY);
}
END_TEST

SUITE(personality)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_system_call_enters_the_kernel_where_it_said);
	tcase_add_test(tc, whatever_stands_in_an_area_the_user_goes_on_harmlessly);
	tcase_add_test(tc, the_stack_that_an_area_names_is_checked_as_any_other);
	tcase_add_test(tc, an_area_is_one_of_the_guests_own_and_its_entry_where_a_kernel_may_be);
	tcase_add_test(tc, an_area_holds_its_frame_until_there_is_another_or_none);
	tcase_add_test(tc, a_feature_is_one_that_is_offered_and_calls_need_theirs);
}
