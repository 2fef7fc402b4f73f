/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * segments.c - descriptors and segment bases: what a guest may choose, and that it is never more than
 * ring 3.
 */
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/start.h>

#include "claim.h"
#include "pt.h"
#include "trap.h"
#include "user.h"

#define DATA_RING0 0x00cf93000000ffffull
#define DATA_RING3 0x00cff3000000ffffull
#define CODE_RING0 0x00af9b000000ffffull
#define CONFORMING 0x00af9f000000ffffull
#define TSS_64	   0x00008900000000ffull
#define LDT_64	   0x00008200000000ffull
#define CALL_GATE  0x00008c0000080000ull
#define ABSENT	   0x00cf73000000ffffull

INSN(load_ds, "mov %edi, %ds")
INSN(load_es, "mov %edi, %es")
INSN(load_fs, "mov %edi, %fs")
INSN(load_gs, "mov %edi, %gs")
INSN(load_ss, "mov %edi, %ss")
INSN(far_return, "push %rdi; push %rsi; lretq")
INSN(to_32, "pushq $0xe023; lea 1f(%rip), %rax; push %rax; lretq; 1: .code32; ud2; .code64")
INSN(gs_base, "rdgsbase %rax; ud2")
INSN(back, "ud2")

static long set_gdt(const void *page, uint64_t entries)
{
	uint64_t mfn = virt_to_mfn(page);

	return hypercall(__HYPERVISOR_set_gdt, (uint64_t)&mfn, entries, 0, 0, 0);
}

static long set_gdt_frame(uint64_t mfn, uint64_t entries)
{
	return hypercall(__HYPERVISOR_set_gdt, (uint64_t)&mfn, entries, 0, 0, 0);
}

static long update(const uint64_t *entry, uint64_t desc)
{
	return hypercall(__HYPERVISOR_update_descriptor, virt_to_bus(entry), desc, 0, 0, 0);
}

static long set_base(unsigned which, uint64_t base)
{
	return hypercall(__HYPERVISOR_set_segment_base, which, base, 0, 0, 0);
}

/* Access rights of a selector as ring 3 sees them; 0: it may not be used. */
static uint32_t access_rights(uint16_t selector)
{
	uint32_t rights = 0;

	__asm__ volatile("lar %1, %0; jz 1f; xor %0, %0; 1:" : "=&r"(rights) : "r"((uint32_t)selector) : "cc");
	return rights;
}

TEST("set_gdt takes descriptors over, and each becomes ring 3", .paging = BOTH)
{
	uint64_t *gdt = page_alloc(1);

	gdt[1] = DATA_RING3;
	gdt[2] = DATA_RING0;
	gdt[3] = CODE_RING0;
	expect_eq(set_gdt(gdt, 16), 0);
	for (unsigned i = 1; i < 4; i++)
		expect_eq(access_rights((uint16_t)(i * 8 | 3)) >> 13 & 3, 3);
	expect(!traps(load_ds, 1 * 8 + 3, 0));
	expect(!traps(load_es, 2 * 8 + 3, 0));
	expect_trap(TRAP_GP, load_ds, 17 * 8 + 3, 0);
	expect_eq(trapped.error, 17 * 8);
	expect_eq(set_gdt(gdt, 0), 0);
	expect_trap(TRAP_GP, load_ds, 1 * 8 + 3, 0);
}

TEST("set_gdt refuses frames of others, and leaves the old table")
{
	uint64_t *gdt = page_alloc(1);

	gdt[1] = DATA_RING3;
	expect_eq(set_gdt(gdt, 2), 0);
	for (uint64_t m = 0; m <= max_mfn() + 8; m++)
		if (!is_own(m) && set_gdt_frame(m, 2) != -XEN_EPERM) {
			expect_eq(is_lent(m), 1);
			expect_eq(set_gdt(gdt, 2), 0);
		}
	expect(access_rights(1 * 8 + 3));
	expect_eq(set_gdt_frame(~0ull, 2), -XEN_EPERM);
	expect_eq(set_gdt_frame(1ull << 40, 2), -XEN_EPERM);
	expect_eq(set_gdt_frame(0, 2), -XEN_EPERM);
	expect_eq(set_gdt(gdt, 65), -XEN_EINVAL);
	expect_eq(set_gdt(gdt, ~0ull), -XEN_EINVAL);
	expect_eq(hypercall(__HYPERVISOR_set_gdt, pt_space(), 2, 0, 0, 0), -XEN_EFAULT);
	expect_eq(hypercall(__HYPERVISOR_set_gdt, 0xffff808000000000, 2, 0, 0, 0), -XEN_EFAULT);
}

TEST("system descriptors, gates and conforming code never reach the CPU")
{
	static const uint64_t bad[] = { TSS_64, LDT_64, CALL_GATE, CONFORMING, 0x00008e0000080000, 0x00008b00000000ff };
	uint64_t *gdt = page_alloc(1);

	for (unsigned i = 0; i < 6; i++)
		gdt[i + 1] = bad[i];
	expect_eq(set_gdt(gdt, 16), 0);
	for (unsigned i = 0; i < 6; i++) {
		expect_eq(access_rights((uint16_t)((i + 1) * 8 | 3)), 0);
		expect_eq(update(&gdt[9], bad[i]), -XEN_EINVAL);
		expect_eq(gdt[9], 0);
		expect_trap(TRAP_GP, load_ds, (i + 1) * 8 | 3, 0);
	}
	expect_trap(TRAP_GP, far_return, 3 * 8 | 3, 0);
}

TEST("update_descriptor changes the table in memory and in the CPU", .paging = BOTH)
{
	uint64_t *gdt = page_alloc(1), base = 0x123000;

	expect_eq(set_gdt(gdt, 16), 0);
	expect_eq(access_rights(5 * 8 + 3), 0);
	expect_eq(update(&gdt[5], DATA_RING3 | base << 16), 0);
	expect_eq(gdt[5] >> 16 & 0xffffff, base);
	expect(access_rights(5 * 8 + 3));
	expect(!traps(load_fs, 5 * 8 + 3, 0));
	__asm__ volatile("rdfsbase %0" : "=r"(base));
	expect_eq(base, 0x123000);
	expect_eq(update(&gdt[5], 0), 0);
	expect_eq(access_rights(5 * 8 + 3), 0);
	expect_eq(update(&gdt[5], ABSENT), 0);
	expect_trap(TRAP_NP, load_ds, 5 * 8 + 3, 0);
}

TEST("update_descriptor refuses frames of others and odd addresses")
{
	uint64_t *gdt = page_alloc(1);

	expect_eq(hypercall(__HYPERVISOR_update_descriptor, virt_to_bus(gdt) + 4, DATA_RING3, 0, 0, 0), -XEN_EINVAL);
	expect_eq(hypercall(__HYPERVISOR_update_descriptor, 0, DATA_RING3, 0, 0, 0), -XEN_EPERM);
	expect_eq(hypercall(__HYPERVISOR_update_descriptor, 0x100000, DATA_RING3, 0, 0, 0), -XEN_EPERM);
	expect_eq(hypercall(__HYPERVISOR_update_descriptor, 1ull << 52, DATA_RING3, 0, 0, 0), -XEN_EPERM);
	expect_eq(hypercall(__HYPERVISOR_update_descriptor, ~7ull, DATA_RING3, 0, 0, 0), -XEN_EPERM);
}

TEST("the kernel's own segments cannot be loaded")
{
	static const uint16_t sel[] = { 0xe008, 0xe00b, 0xe010, 0xe013, 0xe040, 0xe043, 0xe048, 0xe050, 0xfff8 };

	for (unsigned i = 0; i < 9; i++) {
		expect_trap(TRAP_GP, load_ds, sel[i], 0);
		expect_trap(TRAP_GP, load_gs, sel[i], 0);
		expect_trap(TRAP_GP, load_ss, sel[i], 0);
		expect_trap(TRAP_GP, far_return, sel[i], back);
	}
}

TEST("a fault in 32-bit code enters the 64-bit handler")
{
	expect_trap(TRAP_UD, to_32, 0, 0);
	expect_eq(trapped.cs & 0xffff, FLAT_RING3_CS32 & ~3);
	expect_eq(trapped.handler_cs, FLAT_KERNEL_CS);
}

TEST("set_segment_base sets FS and GS, and refuses non-canonical bases and unknown kinds")
{
	uint64_t base;

	expect_eq(set_base(SEGBASE_FS, 0x7f1234567000), 0);
	__asm__ volatile("rdfsbase %0" : "=r"(base));
	expect_eq(base, 0x7f1234567000);
	expect_eq(set_base(SEGBASE_GS_KERNEL, 0xffff888000001000), 0);
	__asm__ volatile("rdgsbase %0" : "=r"(base));
	expect_eq(base, 0xffff888000001000);
	for (unsigned which = 0; which < 3; which++)
		expect_eq(set_base(which, 0x0000800000000000), -XEN_EINVAL);
	expect_eq(set_base(4, 0), -XEN_EINVAL);
	expect_eq(set_base(~0u, 0), -XEN_EINVAL);
	__asm__ volatile("rdfsbase %0" : "=r"(base));
	expect_eq(base, 0x7f1234567000);
}

TEST("user and kernel each have their own GS base")
{
	uint64_t base;

	user_init();
	expect_eq(set_base(SEGBASE_GS_KERNEL, 0x111000), 0);
	expect_eq(set_base(SEGBASE_GS_USER, 0x222000), 0);
	user_run(gs_base, 0, 0);
	expect_eq(trapped.vector, TRAP_UD);
	expect_eq(trapped.gpr[GPR_AX], 0x222000);
	__asm__ volatile("rdgsbase %0" : "=r"(base));
	expect_eq(base, 0x111000);
	user_run(gs_base, 0, 0);
	expect_eq(trapped.gpr[GPR_AX], 0x222000);
}

TEST("a bad selector for the user's GS becomes null and is no error")
{
	static const uint64_t sel[] = { 0xe008, 0xe010, 0xe040, 0xfff8, 0x1234, 4, 0 };

	user_init();
	for (unsigned i = 0; i < 7; i++) {
		expect_eq(set_base(SEGBASE_GS_USER, 0x222000), 0);
		expect_eq(set_base(SEGBASE_GS_USER_SEL, sel[i]), 0);
		user_run(gs_base, 0, 0);
		expect_eq(trapped.gpr[GPR_AX], 0);
	}
}

static long set_ldt(const void *at, uint64_t entries)
{
	return mmuext(MMUEXT_SET_LDT, (uint64_t)at, entries);
}

TEST("a local descriptor table is taken over, each descriptor as ring 3", .paging = BOTH)
{
	uint64_t *ldt = page_alloc(2);

	ldt[1] = DATA_RING3;
	ldt[2] = DATA_RING0;
	ldt[600] = DATA_RING3;
	expect_eq(set_ldt(ldt, 601), 0);
	expect_eq(access_rights(1 * 8 + 7) >> 13 & 3, 3);
	expect_eq(access_rights(2 * 8 + 7) >> 13 & 3, 3);
	expect(!traps(load_es, 2 * 8 + 7, 0));
	expect(!traps(load_ds, 600 * 8 + 7, 0));
	expect_trap(TRAP_GP, load_ds, 601 * 8 + 7, 0);
	expect_eq(set_ldt(ldt, 3), 0);
	expect_trap(TRAP_GP, load_ds, 600 * 8 + 7, 0);
	hc_sched(SCHEDOP_yield, NULL);
	expect(!traps(load_ds, 1 * 8 + 7, 0));
	expect_eq(set_ldt(NULL, 0), 0);
	expect_trap(TRAP_GP, load_ds, 1 * 8 + 7, 0);
}

TEST("system descriptors, gates and conforming code in an LDT never reach the CPU")
{
	static const uint64_t bad[] = { TSS_64, LDT_64, CALL_GATE, CONFORMING, 0x00008e0000080000, 0x00008b00000000ff };
	uint64_t *ldt = page_alloc(1);

	for (unsigned i = 0; i < 6; i++)
		ldt[i + 1] = bad[i];
	expect_eq(set_ldt(ldt, 16), 0);
	for (unsigned i = 0; i < 6; i++) {
		expect_eq(access_rights((uint16_t)((i + 1) * 8 | 7)), 0);
		expect_trap(TRAP_GP, far_return, (i + 1) * 8 | 7, back);
	}
}

TEST("a bad local descriptor table is refused, and the old one stays")
{
	uint64_t *ldt = page_alloc(17);

	ldt[1] = DATA_RING3;
	expect_eq(set_ldt(ldt, 2), 0);
	expect_eq(set_ldt(ldt, 8193), -XEN_EINVAL);
	expect_eq(set_ldt(ldt, 0xffffffff), -XEN_EINVAL);
	expect_eq(set_ldt((void *)pt_space(), 16), -XEN_EFAULT);
	expect_eq(set_ldt((void *)0xffff808000000000, 16), -XEN_EFAULT);
	expect_eq(set_ldt((void *)0x8000000000000000, 16), -XEN_EFAULT);
	expect(!traps(load_ds, 1 * 8 + 7, 0));
	for (unsigned i = 0; i < 300; i++)
		expect_eq(set_ldt(ldt, 8192), 0);
	expect(!traps(load_ds, 1 * 8 + 7, 0));
}
