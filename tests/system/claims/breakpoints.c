/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * breakpoints.c - the debug registers stop who set them, and nobody else: set_debugreg and get_debugreg.
 */
#include <runtime/hypercall.h>
#include <runtime/start.h>

#include "claim.h"
#include "trap.h"
#include "user.h"

#define DR6_FIXED 0xffff0ff0
#define DR7_FIXED 0x400

enum kind { EXECUTE = 0, WRITE = 1, PORT = 2, ACCESS = 3 }; /* R/W of DR7 */

INSN(ud2, "ud2")
INSN(load, "mov (%rdi), %rax; nop")
INSN(store, "mov %rsi, (%rdi); nop")
INSN(user_store, "mov %rsi, (%rdi); nop; ud2")
/* What MOV SS puts off comes behind the next instruction: in the kernel. */
INSN(put_off_syscall, "mov %rdi, %r8; xor %edi, %edi; mov $17, %eax; mov (%r8), %ss; syscall; ud2") /* xen_version */
INSN(put_off_int3, "mov (%rdi), %ss; int3")
INSN(put_off_ud2, "mov (%rdi), %ss; ud2")
INSN(put_off_fault, "mov (%rdi), %ss; mov 0, %eax")

static uint64_t word __attribute__((aligned(8)));

static long debugreg(unsigned n)
{
	return hypercall(__HYPERVISOR_get_debugreg, n, 0, 0, 0, 0);
}

static long debugreg_set(uint64_t n, uint64_t value)
{
	return hypercall(__HYPERVISOR_set_debugreg, n, value, 0, 0, 0);
}

/* Of all four only breakpoint n; eight bytes for data. */
static void stop_at(unsigned n, const void *at, enum kind kind)
{
	uint64_t length = kind == EXECUTE ? 0 : 2;

	expect_eq(debugreg_set(n, (uint64_t)at), 0);
	expect_eq(debugreg_set(6, DR6_FIXED), 0);
	expect_eq(debugreg_set(7, 1ull << 2 * n | (kind | length << 2) << (16 + 4 * n)), 0);
}

TEST("debug registers remember, and there are four addresses, DR6 and DR7")
{
	for (uint64_t i = 0; i < 4; i++)
		expect_eq(debugreg_set(i, 0x1000 * i), 0);
	for (unsigned i = 0; i < 4; i++)
		expect_eq(debugreg(i), 0x1000 * i);
	expect_eq(debugreg(6), DR6_FIXED);
	expect_eq(debugreg(7), DR7_FIXED);
	expect_eq(debugreg_set(7, 0xd800), 0); /* nothing but what reads as 0 */
	expect_eq(debugreg(7), DR7_FIXED);
	expect_eq(debugreg(8), -XEN_EINVAL);
	expect_eq(debugreg_set(4, 0), -XEN_EINVAL);
	expect_eq(debugreg_set(5, 0), -XEN_EINVAL);
	expect_eq(debugreg_set(8, 0), -XEN_EINVAL);
	expect_eq(debugreg_set(~0ull, 0), -XEN_EINVAL);
}

TEST("breakpoints in the kernel's addresses, on ports and on the registers themselves are refused")
{
	expect_eq(debugreg_set(0, 0x5000), 0);
	expect_eq(debugreg_set(0, 0xffff800000000000), -XEN_EINVAL);
	expect_eq(debugreg_set(0, 0xffff87ffffffffff), -XEN_EINVAL);
	expect_eq(debugreg_set(0, 0x800000000000), -XEN_EINVAL);
	expect_eq(debugreg_set(0, ~0ull), -XEN_EINVAL);
	expect_eq(debugreg(0), 0x5000);
	expect_eq(debugreg_set(7, 0xff), 0);
	expect_eq(debugreg_set(7, 1 << 13), -XEN_EINVAL);
	for (unsigned n = 0; n < 4; n++)
		expect_eq(debugreg_set(7, 1ull << 2 * n | (uint64_t)PORT << (16 + 4 * n)), -XEN_EINVAL);
	expect_eq(debugreg_set(7, 1ull << 32), -XEN_EINVAL);
	expect_eq(debugreg_set(6, 1ull << 32), -XEN_EINVAL);
	expect_eq(debugreg(7), DR7_FIXED | 0xff);
	debugreg_set(7, 0);
}

TEST("a breakpoint is #DB in front of its instruction, in both modes, and DR6 tells which", .paging = BOTH)
{
	user_init();
	for (unsigned n = 0; n < 4; n++) {
		stop_at(n, ud2, EXECUTE);
		expect_trap(TRAP_DB, ud2, 0, 0);
		expect_eq(trapped.rip, (uint64_t)ud2);
		expect_eq(debugreg(6), DR6_FIXED | 1ul << n);
		user_run(ud2, 0, 0);
		expect_eq(trapped.vector, TRAP_DB);
		debugreg_set(7, 0);
		expect_trap(TRAP_UD, ud2, 0, 0);
	}
}

TEST("an iret with RF goes past a breakpoint, once")
{
	struct iret_context f;

	user_init();
	f = user_frame(ud2);
	stop_at(0, ud2, EXECUTE);
	f.rflags |= FLAG_RF;
	expect_trap(TRAP_UD, iret_fn, &f, 0);
	f.rflags &= ~FLAG_RF;
	expect_trap(TRAP_DB, iret_fn, &f, 0);
}

TEST("a watchpoint is #DB behind a write, or any access, in both modes", .paging = BOTH)
{
	user_init();
	for (unsigned n = 0; n < 4; n++) {
		stop_at(n, &word, WRITE);
		expect_trap(TRAP_DB, store, &word, n + 1);
		expect_eq(*(volatile uint64_t *)&word, n + 1);
		expect(trapped.rip > (uint64_t)store);
		expect_eq(debugreg(6), DR6_FIXED | 1ul << n);
		expect(!traps(load, (uint64_t)&word, 0));
		user_run(user_store, (uint64_t)&word, 7);
		expect_eq(trapped.vector, TRAP_DB);
		stop_at(n, &word, ACCESS);
		expect_trap(TRAP_DB, load, &word, 0);
		debugreg_set(7, 0);
		expect(!traps(store, (uint64_t)&word, 8));
	}
}

TEST("what the kernel reads and writes for a guest stops nobody")
{
	word = 0; /* submap_idx */
	stop_at(0, &word, ACCESS);
	expect_eq(hc_xen_version(XENVER_get_features, &word), 0);
	expect_eq(debugreg(6), DR6_FIXED);
	debugreg_set(7, 0);
	expect(word >> 32 != 0);
}

TEST("a watchpoint that MOV SS puts off until the kernel has been entered hurts nobody", .paging = BOTH)
{
	static void (*const fn[])(uint64_t, uint64_t) = { put_off_syscall, put_off_int3, put_off_ud2, put_off_fault };
	static const unsigned vector[] = { TRAP_UD, TRAP_BP, TRAP_UD, TRAP_PF };

	word = FLAT_KERNEL_SS;
	for (unsigned i = 0; i < sizeof(fn) / sizeof(fn[0]); i++) {
		for (unsigned again = 0; again < 100; again++) {
			stop_at(again % 4, &word, ACCESS);
			expect(traps(fn[i], (uint64_t)&word, 0));
			/* Some CPUs do not put it off. */
			expect(trapped.vector == vector[i] || trapped.vector == TRAP_DB);
			debugreg_set(7, 0);
		}
	}
}
