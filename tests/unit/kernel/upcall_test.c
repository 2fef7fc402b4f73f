/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * upcall_test.c - the bounce frames by which a guest kernel is entered.
 */
#include "fake.h"

#include <arch/arch.h>
#include <arch/layout.h>
#include <arch/x86.h>

#define HANDLER 0x500000ull

static struct guest g;
static struct regs *r;
static uint64_t stack[64] __attribute__((aligned(16)));

static void setup(void)
{
	fake_boot(4096);
	guest_make(&g, 5, 16, GUISE_DOMAIN_STOCK);
	r = &g.v->arch.regs;
	*r = (struct regs){ .rip = 0x1234,
			    .cs = 0xe033,
			    .ss = 0xe02b,
			    .rsp = PTR(&stack[60]),
			    .rcx = 0xc,
			    .r11 = 0x11,
			    .rflags = X86_RFLAGS_IF | X86_RFLAGS_TF | X86_RFLAGS_AC | 2 };
	g.v->arch.trap[TRAP_PF] = (struct trap_entry){ HANDLER, 0, 0, 0 };
	g.v->arch.trap[TRAP_UD] = (struct trap_entry){ HANDLER, 0, 1, 1 };
	g.v->info->evtchn_upcall_mask = 0;
}

START_TEST(a_frame_holds_what_iret_needs)
{
	const uint64_t *f;

	bounce_trap(g.v, TRAP_UD, 77);
	ck_assert_uint_eq(r->rip, HANDLER);
	ck_assert_uint_eq(r->rsp, PTR(&stack[60]) - 56);
	f = (const uint64_t *)r->rsp;
	ck_assert_uint_eq(f[0], 0xc);
	ck_assert_uint_eq(f[1], 0x11);
	ck_assert_uint_eq(f[2], 0x1234);
	ck_assert_uint_eq(f[3], 0xe030); /* ring 0, as a PV kernel believes */
	ck_assert_uint_eq(f[4] & X86_RFLAGS_IF, X86_RFLAGS_IF);
	ck_assert_uint_eq(f[5], PTR(&stack[60]));
	ck_assert_uint_eq(f[6], 0xe02b);
	ck_assert_uint_eq(r->rflags & (X86_RFLAGS_TF | X86_RFLAGS_AC), 0);
	ck_assert_uint_eq(g.v->info->evtchn_upcall_mask, 1);
	ck_assert_uint_eq(r->cs, SEL_GUEST_CS);
}
END_TEST

START_TEST(an_error_code_and_masked_upcalls_stand_in_the_frame)
{
	const uint64_t *f;

	g.v->info->evtchn_upcall_mask = 1;
	bounce_trap(g.v, TRAP_PF, PF_WRITE);
	f = (const uint64_t *)r->rsp;
	ck_assert_uint_eq(f[2], PF_WRITE);
	ck_assert_uint_eq(f[3], 0x1234);
	ck_assert_uint_eq(f[4], 0xe030 | 1ull << 32);
	ck_assert_uint_eq(f[5] & X86_RFLAGS_IF, 0);
}
END_TEST

START_TEST(a_frame_for_user_mode_goes_to_the_kernels_stack)
{
	g.v->arch.kernel_mode = 0;
	g.v->arch.root[0] = g.mfn[2];
	g.v->arch.kernel_sp = PTR(&stack[40]);
	r->rsp = 0x7000;
	r->cs = 0x33;
	bounce_trap(g.v, TRAP_PF, PF_USER);
	ck_assert_uint_eq(g.v->arch.kernel_mode, 1);
	ck_assert_uint_eq(r->rsp, PTR(&stack[40]) - 64);
	ck_assert_uint_eq(((uint64_t *)r->rsp)[2], PF_USER);
	ck_assert_uint_eq(((uint64_t *)r->rsp)[4] & 3, 3);
	ck_assert_uint_eq(((uint64_t *)r->rsp)[6], 0x7000);
}
END_TEST

START_TEST(a_guest_without_a_stack_or_a_handler_is_stopped_and_nobody_else)
{
	static const uint64_t bad[] = { 0, 8, 0xffff810000000100, 0x0000800000000010, 0xffff800000000010 };

	r->rsp = bad[_i];
	bounce_trap(g.v, TRAP_UD, 0);
	ck_assert_int_eq(g.d->state, GUISE_STATE_CRASHED);
	ck_assert_int_gt((int)strlen(g.d->text), 10);
}
END_TEST

START_TEST(a_handler_in_the_kernels_range_is_refused)
{
	static const uint64_t bad[] = { 0xffff800000000000, 0xffff87fffffffff0, 0x0000800000000000 };

	g.v->arch.trap[TRAP_UD].address = bad[_i];
	bounce_trap(g.v, TRAP_UD, 0);
	ck_assert_int_eq(g.d->state, GUISE_STATE_CRASHED);
}
END_TEST

START_TEST(an_exception_without_a_handler_stops_the_guest)
{
	bounce_trap(g.v, TRAP_GP, 0);
	ck_assert_int_eq(g.d->state, GUISE_STATE_CRASHED);
}
END_TEST

/* ---- and back ---- */

START_TEST(iret_loads_only_flags_that_a_guest_may_choose)
{
	struct iret_context f = { .rip = 0x9999, .cs = 0xe030, .ss = 0xe028, .rsp = 0x8888, .rflags = ~0ull, .rax = 5 };

	r->rsp = PTR(&f);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_iret, 0, 0, 0, 0), 0);
	ck_assert_uint_eq(r->rip, 0x9999);
	ck_assert_uint_eq(r->rax, 5);
	ck_assert_uint_eq(r->cs & 3, 3);
	ck_assert_uint_eq(r->ss & 3, 3);
	ck_assert_uint_eq(r->rflags & (X86_RFLAGS_IOPL | X86_RFLAGS_VM), 0);
	ck_assert_uint_eq(r->rflags & X86_RFLAGS_IF, X86_RFLAGS_IF);
	ck_assert_uint_eq(g.v->info->evtchn_upcall_mask, 0);
}
END_TEST

START_TEST(iret_with_a_bad_stack_stops_the_guest)
{
	r->rsp = BAD_POINTER;
	hc(g.v, __HYPERVISOR_iret, 0, 0, 0, 0);
	ck_assert_int_eq(g.d->state, GUISE_STATE_CRASHED);
}
END_TEST

START_TEST(iret_to_user_mode_needs_user_tables)
{
	struct iret_context f = { .rip = 0x9999, .cs = 0x33, .ss = 0x2b };

	r->rsp = PTR(&f);
	hc(g.v, __HYPERVISOR_iret, 0, 0, 0, 0);
	ck_assert_int_eq(g.d->state, GUISE_STATE_CRASHED);
	ck_assert_uint_eq(g.v->arch.kernel_mode, 1);
}
END_TEST

SUITE(upcall)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_frame_holds_what_iret_needs);
	tcase_add_test(tc, an_error_code_and_masked_upcalls_stand_in_the_frame);
	tcase_add_test(tc, a_frame_for_user_mode_goes_to_the_kernels_stack);
	tcase_add_loop_test(tc, a_guest_without_a_stack_or_a_handler_is_stopped_and_nobody_else, 0, 5);
	tcase_add_loop_test(tc, a_handler_in_the_kernels_range_is_refused, 0, 3);
	tcase_add_test(tc, an_exception_without_a_handler_stops_the_guest);
	tcase_add_test(tc, iret_loads_only_flags_that_a_guest_may_choose);
	tcase_add_test(tc, iret_with_a_bad_stack_stops_the_guest);
	tcase_add_test(tc, iret_to_user_mode_needs_user_tables);
}
