/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * residue.c - nothing of one domain or of the kernel is left where another one finds it.
 */
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/string.h>

#include "bystander.h"
#include "claim.h"
#include "trap.h"
#include "user.h"

#define FCW	   0x37f
#define MXCSR	   0x1f80
#define XSAVE_SIZE 4096u /* of all that is on, in one page	*/

/* The bystander's are all but that meanwhile; no program of this library uses vector registers by itself. */
TEST("a new domain finds vector registers, bases and debug registers as after a reset", .watched = 1)
{
	uint8_t *area = page_alloc(1);
	uint64_t fs, gs;

	expect(area);
	for (unsigned i = 0; i < 20; i++)
		hc_sched(SCHEDOP_yield, NULL);
	__asm__ volatile("xsave64 (%0)" ::"r"(area), "a"(~0u), "d"(~0u) : "memory");
	expect_eq(*(uint16_t *)area, FCW);
	expect_eq(*(uint32_t *)(area + 24), MXCSR);
	for (unsigned i = 32; i < 416; i++) /* x87 and SSE (SDM 1, table 10-2) */
		expect_eq(area[i], 0);
	for (unsigned i = 576; i < XSAVE_SIZE; i++)
		expect_eq(area[i], 0);
	__asm__ volatile("rdfsbase %0; rdgsbase %1" : "=r"(fs), "=r"(gs));
	expect_eq(fs, 0);
	expect_eq(gs, 0);
	for (unsigned i = 0; i < 4; i++)
		expect_eq(hypercall(__HYPERVISOR_get_debugreg, i, 0, 0, 0, 0), 0);
}

TEST("a breakpoint that one domain sets stops no other", .watched = 1)
{
	hypercall(__HYPERVISOR_set_debugreg, 0, (uint64_t)bystander_watch, 0, 0, 0);
	hypercall(__HYPERVISOR_set_debugreg, 1, (uint64_t)&report->rounds, 0, 0, 0);
	hypercall(__HYPERVISOR_set_debugreg, 7, 0x00f00000 | 0x0f, 0, 0,
		  0); /* execution of 0; 1: read or write, 4 bytes */
	for (unsigned i = 0; i < 50; i++)
		hc_sched(SCHEDOP_yield, NULL);
	hypercall(__HYPERVISOR_set_debugreg, 7, 0, 0, 0, 0);
}

INSN(rdpkru, "xor %ecx, %ecx; .byte 0x0f, 0x01, 0xee")

TEST("protection keys are off, so there is nothing of them to find")
{
	expect_trap(TRAP_UD, rdpkru, 0, 0);
}

INSN(unaligned, "pushfq; orl $0x40000, (%rsp); popfq; movq 1(%rsp), %rax; pushfq; andl $~0x40000, (%rsp); popfq")

TEST("an unaligned access is no exception, whatever the flag AC says")
{
	expect(!traps(unaligned, 0, 0));
}

INSN(sgdt, "sgdt -16(%rsp)")
INSN(sidt, "sidt -16(%rsp)")
INSN(sldt, "sldt %eax")
INSN(str, "str %eax")
INSN(smsw, "smsw %eax")

TEST("where the kernel has its descriptor tables cannot be read: SGDT, SIDT, SLDT, STR and SMSW are #GP",
     .paging = BOTH)
{
	static void (*const fn[])(uint64_t, uint64_t) = { sgdt, sidt, sldt, str, smsw };
	uint32_t a = 7, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	if (!(c & 4))
		skip("this CPU has no UMIP");
	user_init();
	for (unsigned i = 0; i < sizeof(fn) / sizeof(fn[0]); i++) {
		expect_trap(TRAP_GP, fn[i], 0, 0);
		user_run(fn[i], 0, 0);
		expect_eq(trapped.vector, TRAP_GP);
	}
}
