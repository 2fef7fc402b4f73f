/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * emulate_test.c - the privileged instructions that a PV kernel still executes.
 */
#include "fake.h"

#include <arch/arch.h>
#include <arch/percpu.h>
#include <arch/x86.h>

static struct guest g;
static uint8_t code[64];

static void setup(void)
{
	fake_boot(4096);
	guest_make(&g, 5, 16, GUISE_DOMAIN_STOCK);
	g.v->arch.regs.rip = PTR(code);
	g.v->arch.iopl = true;
}

/* Execute these bytes (and filler behind them): how many rip moved, -1 when it is a fault. */
static int run(const char *bytes, size_t len)
{
	bool done;

	memset(code, 0xcc, sizeof(code));
	memcpy(code, bytes, len);
	g.v->arch.regs.rip = PTR(code);
	done = emulate_privileged(g.v);
	if (!done)
		ck_assert_uint_eq(g.v->arch.regs.rip, PTR(code));
	return done ? (int)(g.v->arch.regs.rip - PTR(code)) : -1;
}

#define RUN(s) run(s, sizeof(s) - 1)

START_TEST(rip_moves_by_the_length_of_the_instruction)
{
	static const struct {
		const char *bytes;
		int len;
	} cases[] = { { "\xfa", 1 },	     { "\xfb", 1 },
		      { "\xe4\x60", 2 },     { "\xec", 1 },
		      { "\xed", 1 },	     { "\x66\xed", 2 },
		      { "\xe6\x60", 2 },     { "\xee", 1 },
		      { "\x0f\x06", 2 },     { "\x0f\x09", 2 },
		      { "\x0f\x20\xc0", 3 }, { "\x41\x0f\x20\xd7", 4 },
		      { "\x0f\x22\xd0", 3 }, { "\x48\x0f\x22\xe0", 4 } };

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_int_eq(run(cases[i].bytes, strlen(cases[i].bytes)), cases[i].len);
}
END_TEST

START_TEST(anything_else_is_the_guests_own_fault)
{
	static const char *const bytes[] = { "\x90",	     "\x0f\x0b",
					     "\x0f\x22\xd8",			 /* mov %rax, %cr3 */
					     "\x0f\x22\x10", "\x44\x0f\x20\xc0", /* %cr8 */
					     "\x66\x66\xed", "\xf0\xfa",
					     "\x0f\x01\xd1", /* xcr0 = 0 */
					     "\x0f\xa2",     "\xcf",
					     "\x6c" };

	for (unsigned i = 0; i < ARRAY_SIZE(bytes); i++)
		ck_assert_int_eq(run(bytes[i], strlen(bytes[i])), -1);
}
END_TEST

START_TEST(an_instruction_at_the_end_of_mapped_memory_is_read_no_further)
{
	code[63] = 0xfa;
	fake.hole = PTR(code) + 64;
	fake.hole_end = fake.hole + 4096;
	g.v->arch.regs.rip = PTR(code) + 63;
	ck_assert(emulate_privileged(g.v));
	code[63] = 0x0f;
	g.v->arch.regs.rip = PTR(code) + 63;
	ck_assert(!emulate_privileged(g.v));
	code[63] = 0xe4;
	ck_assert(!emulate_privileged(g.v));
	code[63] = 0xe6;
	ck_assert(!emulate_privileged(g.v));
	g.v->arch.regs.rip = PTR(code) + 64;
	ck_assert(!emulate_privileged(g.v));
	g.v->arch.regs.rip = 0xffff810000000000;
	ck_assert(!emulate_privileged(g.v));
}
END_TEST

START_TEST(a_port_reads_as_if_nothing_was_there)
{
	struct regs *r = &g.v->arch.regs;

	r->rax = 0x1122334455667788;
	r->rdx = 0x71;
	ck_assert_int_eq(RUN("\xec"), 1);
	ck_assert_uint_eq(r->rax, 0x11223344556677ff);
	ck_assert_int_eq(RUN("\x66\xed"), 2);
	ck_assert_uint_eq(r->rax, 0x112233445566ffff);
	ck_assert_int_eq(RUN("\xed"), 1);
	ck_assert_uint_eq(r->rax, 0xffffffff);
	ck_assert_int_eq(RUN("\xe4\x61"), 2);
	ck_assert_uint_eq(r->rax, 0xffffff00);
}
END_TEST

START_TEST(without_iopl_a_port_is_a_fault)
{
	g.v->arch.iopl = false;
	ck_assert_int_eq(RUN("\xec"), -1);
	ck_assert_int_eq(RUN("\xe4\x61"), -1);
	ck_assert_int_eq(RUN("\xee"), -1);
	ck_assert_int_eq(RUN("\xe6\x61"), -1);
}
END_TEST

START_TEST(control_registers_keep_to_the_virtual_cpu)
{
	struct regs *r = &g.v->arch.regs;

	r->r15 = 0x1234;
	ck_assert_int_eq(RUN("\x41\x0f\x22\xd7"), 4); /* mov %r15, %cr2 */
	ck_assert_uint_eq(g.v->info->arch.cr2, 0x1234);
	ck_assert_int_eq(RUN("\x0f\x20\xd3"), 3); /* mov %cr2, %rbx */
	ck_assert_uint_eq(r->rbx, 0x1234);
	ck_assert_int_eq(RUN("\x0f\x20\xd9"), 3); /* mov %cr3, %rcx */
	ck_assert_uint_eq(r->rcx, g.mfn[0] << PAGE_SHIFT);
	r->rax = X86_CR0_TS;
	ck_assert_int_eq(RUN("\x0f\x22\xc0"), 3);
	ck_assert(g.v->arch.fpu_ts);
	ck_assert_int_eq(RUN("\x0f\x06"), 2);
	ck_assert(!g.v->arch.fpu_ts);
}
END_TEST

START_TEST(a_base_that_is_not_canonical_is_a_fault)
{
	static const uint32_t msr[] = { MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE };
	struct regs *r = &g.v->arch.regs;

	for (unsigned i = 0; i < ARRAY_SIZE(msr); i++) {
		r->rcx = msr[i];
		r->rax = 0x1000;
		r->rdx = 0x8000; /* bit 47 alone */
		ck_assert_int_eq(RUN("\x0f\x30"), -1);
		r->rdx = 0xffff8000;
		ck_assert_int_eq(RUN("\x0f\x30"), 2);
		ck_assert_int_eq(RUN("\x0f\x32"), 2);
		ck_assert_uint_eq(r->rax, 0x1000);
		ck_assert_uint_eq(r->rdx, 0xffff8000);
	}
	r->rcx = MSR_LSTAR;
	ck_assert_int_eq(RUN("\x0f\x32"), -1);
	ck_assert_int_eq(RUN("\x0f\x30"), -1);
}
END_TEST

START_TEST(xcr0_takes_only_legal_subsets)
{
	static const struct {
		uint64_t value;
		bool ok;
	} cases[] = { { 1, true },  { 3, true },  { 7, true },	{ 0, false },
		      { 2, false }, { 5, false }, { 9, false }, { 1ull << 32 | 3, false } };
	struct regs *r = &g.v->arch.regs;

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		r->rcx = 0;
		r->rax = (uint32_t)cases[i].value;
		r->rdx = cases[i].value >> 32;
		ck_assert_int_eq(RUN("\x0f\x01\xd1"), cases[i].ok ? 3 : -1);
	}
	r->rcx = 1;
	r->rax = 3;
	ck_assert_int_eq(RUN("\x0f\x01\xd1"), -1);
}
END_TEST

START_TEST(hlt_waits_for_an_event)
{
	ck_assert_int_eq(RUN("\xf4"), 1);
	ck_assert_int_eq(g.v->state, VCPU_BLOCKED);
}
END_TEST

START_TEST(the_forced_cpuid_is_known_by_all_its_bytes)
{
	memcpy(code, "\x0f\x0bxen\x0f\xa2", 7);
	g.v->arch.regs.rax = 0x40000000;
	ck_assert(emulate_forced_cpuid(g.v));
	ck_assert_uint_eq(g.v->arch.regs.rip, PTR(code) + 7);
	code[2] = 'X';
	g.v->arch.regs.rip = PTR(code);
	ck_assert(!emulate_forced_cpuid(g.v));
}
END_TEST

/* ---- descriptors ---- */

START_TEST(a_checked_descriptor_is_of_ring_3_or_nothing)
{
	for (unsigned i = 0; i < 200000; i++) {
		uint64_t in = test_random(), out = in;
		bool ok = descriptor_check(&out);

		if (!(out >> 47 & 1)) {
			check_that(ok && out == in);
			continue;
		}
		if (!ok)
			continue;
		check_msg((out >> 45 & 3) == 3, "%lx stays at ring %lu", in, out >> 45 & 3);
		check_msg(out >> 44 & 1, "%lx is a system descriptor", in);
		check_msg(!((out >> 43 & 1) && (out >> 42 & 1)), "%lx is conforming", in);
		check_that(((in ^ out) & ~(7ull << 44 | 1ull << 40)) == 0);
	}
}
END_TEST

START_TEST(a_guests_descriptor_table_is_copied_and_checked)
{
	uint64_t *frame = mfn_to_virt(g.mfn[3]), list = g.mfn[3];

	frame[1] = 0x00cf93000000ffff; /* data, ring 0	*/
	frame[2] = 0x00008900000000ff; /* a TSS		*/
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_set_gdt, PTR(&list), 3, 0, 0), 0);
	ck_assert_uint_eq(g.v->arch.gdt[1], 0x00cff3000000ffff);
	ck_assert_uint_eq(g.v->arch.gdt[2], 0);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_set_gdt, PTR(&list), GUEST_GDT_ENTRIES + 1, 0, 0), -EINVAL);
	list = g.d->tlb.page[0];
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_set_gdt, PTR(&list), 3, 0, 0), -EPERM);
	ck_assert_int_eq(
		hc(g.v, __HYPERVISOR_update_descriptor, (g.mfn[3] << PAGE_SHIFT) + 8, 0x00008900000000ff, 0, 0),
		-EINVAL);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_update_descriptor, (g.mfn[3] << PAGE_SHIFT) + 4, 0, 0, 0), -EINVAL);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_update_descriptor, g.d->tlb.page[0] << PAGE_SHIFT, 0, 0, 0), -EPERM);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_update_descriptor, ~7ull, 0, 0, 0), -EPERM);
	ck_assert_int_eq(
		hc(g.v, __HYPERVISOR_update_descriptor, (g.mfn[3] << PAGE_SHIFT) + 16, 0x00cffb000000ffff, 0, 0), 0);
	ck_assert_uint_eq(g.v->arch.gdt[2], 0x00cffb000000ffff);
	ck_assert_uint_eq(frame[2], 0x00cffb000000ffff);
}
END_TEST

START_TEST(a_descriptor_of_a_vcpu_that_runs_nowhere_interrupts_nobody)
{
	uint64_t *frame = mfn_to_virt(g.mfn[3]), at = (g.mfn[3] << PAGE_SHIFT) + 8;
	struct vcpu *o = vcpu_create(g.d, 1);

	frame[1] = 0;
	ck_assert_int_eq(gdt_load(o, g.mfn[3], 3), 0);
	o->arch.home = &boot_cpu; /* it was here */
	boot_cpu.resched = false;
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_update_descriptor, at, 0x00cff3000000ffff, 0, 0), 0);
	ck_assert_uint_eq(o->arch.gdt[1], 0x00cff3000000ffff);
	ck_assert(o->arch.gdt_changed);
	ck_assert(!boot_cpu.resched);
	o->on_cpu = true;
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_update_descriptor, at, 0x00cffb000000ffff, 0, 0), 0);
	ck_assert(boot_cpu.resched);
}
END_TEST

SUITE(emulate)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_descriptor_of_a_vcpu_that_runs_nowhere_interrupts_nobody);
	tcase_add_test(tc, rip_moves_by_the_length_of_the_instruction);
	tcase_add_test(tc, anything_else_is_the_guests_own_fault);
	tcase_add_test(tc, an_instruction_at_the_end_of_mapped_memory_is_read_no_further);
	tcase_add_test(tc, a_port_reads_as_if_nothing_was_there);
	tcase_add_test(tc, without_iopl_a_port_is_a_fault);
	tcase_add_test(tc, control_registers_keep_to_the_virtual_cpu);
	tcase_add_test(tc, a_base_that_is_not_canonical_is_a_fault);
	tcase_add_test(tc, xcr0_takes_only_legal_subsets);
	tcase_add_test(tc, hlt_waits_for_an_event);
	tcase_add_test(tc, the_forced_cpuid_is_known_by_all_its_bytes);
	tcase_add_test(tc, a_checked_descriptor_is_of_ring_3_or_nothing);
	tcase_add_test(tc, a_guests_descriptor_table_is_copied_and_checked);
}
