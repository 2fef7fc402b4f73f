/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * info.c - what a domain is told about its hypervisor, and what it may say on the debug console.
 */
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/start.h>
#include <runtime/string.h>
#include <xen/features.h>

#include "claim.h"
#include "pt.h"
#include "trap.h"

TEST("the version is one that stock kernels know")
{
	expect_eq(hc_xen_version(XENVER_version, NULL), 4 << 16 | 17);
	expect_eq(hc_xen_version(XENVER_pagesize, NULL), 4096);
}

TEST("the features are those of a PV guest with its tables kept by the hypervisor")
{
	static const unsigned never[] = { XENFEAT_writable_page_tables,
					  XENFEAT_writable_descriptor_tables,
					  XENFEAT_auto_translated_physmap,
					  XENFEAT_supervisor_mode_kernel,
					  8,
					  9,
					  10,
					  11,
					  16 };
	struct xen_feature_info f = { 0 };

	expect_eq(hc_xen_version(XENVER_get_features, &f), 0);
	expect(f.submap >> XENFEAT_mmu_pt_update_preserve_ad & 1);
	expect(f.submap >> XENFEAT_gnttab_map_avail_bits & 1);
	for (unsigned i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		expect(!(f.submap >> never[i] & 1));
	f.submap_idx = 1;
	expect_eq(hc_xen_version(XENVER_get_features, &f), 0);
	expect_eq(f.submap, 0);
}

TEST("texts of the hypervisor end within their space")
{
	static const unsigned cmd[] = { XENVER_extraversion, XENVER_capabilities, XENVER_changeset };
	static const unsigned size[] = { 16, 1024, 64 };
	static char text[1032];

	for (unsigned i = 0; i < 3; i++) {
		memset(text, 0x7e, sizeof(text));
		expect_eq(hc_xen_version(cmd[i], text), 0);
		expect(strnlen(text, size[i]) < size[i]);
		expect_eq(text[size[i]], 0x7e);
	}
	hc_xen_version(XENVER_capabilities, text);
	expect(!memcmp(text, "xen-3.0-x86_64", 14));
}

TEST("version calls with a bad address are -EFAULT, unknown ones -ENOSYS")
{
	static const unsigned cmd[] = { 1, 3, 4, 5, 6, 8 };

	for (unsigned i = 0; i < 6; i++) {
		expect_eq(hc_xen_version(cmd[i], NULL), -XEN_EFAULT);
		expect_eq(hc_xen_version(cmd[i], (void *)0xffff808000000000), -XEN_EFAULT);
		expect_eq(hc_xen_version(cmd[i], (void *)0x0000800000000000), -XEN_EFAULT);
		expect_eq(hc_xen_version(cmd[i], (void *)~0ull), -XEN_EFAULT);
	}
	expect_eq(hc_xen_version(77, NULL), -XEN_ENOSYS);
}

TEST("numbers that are no hypercall answer -ENOSYS")
{
	static const uint64_t nr[] = { 4,  6,  7,  11, 16,   19,	 22,	     27,	  28,	31,
				       34, 35, 36, 37, 38,   39,	 40,	     41,	  42,	54,
				       55, 56, 63, 64, 1000, 0x80000000, 0xffffffff, 0x100000011, ~0ull };

	for (unsigned i = 0; i < sizeof(nr) / sizeof(nr[0]); i++) {
		long rax = (long)nr[i];

		__asm__ volatile("syscall" : "+a"(rax) : "D"(0), "S"(0), "d"(0) : "rcx", "r11", "r8", "r10", "memory");
		if (rax != -XEN_ENOSYS)
			fails(__FILE__, __LINE__, "call %lu: %ld", nr[i], rax);
	}
}

INSN(kept_registers,
     "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15;"
     "mov $17, %eax; mov $0x11, %ebx; mov $0x22, %ebp; mov $0x33, %r9d; mov $0x44, %r12d; mov $0x55, %r13d;"
     "mov $0x66, %r14d; mov $0x77, %r15d; xor %edi, %edi; std; syscall; ud2")

TEST("a hypercall leaves the registers that the ABI keeps, and the flags")
{
	static const uint8_t kept[] = { GPR_BX, 0x11, GPR_BP, 0x22, 9, 0x33, 12, 0x44, 13, 0x55, 14, 0x66, 15, 0x77 };

	expect_trap(TRAP_UD, kept_registers, 0, 0);
	for (unsigned i = 0; i < sizeof(kept); i += 2)
		expect_eq(trapped.gpr[kept[i]], kept[i + 1]);
	expect(trapped.rflags & FLAG_DF);
	expect_eq(trapped.gpr[GPR_AX], 4 << 16 | 17);
}

TEST("vector registers survive hypercalls, faults and other domains", .watched = 1)
{
	uint64_t v[4] = { 0x1111, 0x2222, 0, 0 }, va = pt_space();

	__asm__ volatile("movdqu %0, %%xmm3; movdqu %0, %%xmm14" ::"m"(v));
	for (unsigned i = 0; i < 200; i++) {
		hc_xen_version(0, NULL);
		expect(!can_read(va, NULL));
		hc_sched(SCHEDOP_yield, NULL);
	}
	__asm__ volatile("movdqu %%xmm3, (%0); movdqu %%xmm14, 16(%0)" ::"r"(v) : "memory");
	expect(v[0] == 0x1111 && v[1] == 0x2222 && v[2] == 0x1111 && v[3] == 0x2222);
}

TEST("the assists that stock kernels enable are accepted, others refused")
{
	static const unsigned good[] = { 0, 2, 3, 5 };

	for (unsigned i = 0; i < 4; i++) {
		expect_eq(hypercall(__HYPERVISOR_vm_assist, 0, good[i], 0, 0, 0), 0);
		expect_eq(hypercall(__HYPERVISOR_vm_assist, 1, good[i], 0, 0, 0), 0);
	}
	expect_eq(hypercall(__HYPERVISOR_vm_assist, 0, 1, 0, 0, 0), -XEN_EINVAL);
	expect_eq(hypercall(__HYPERVISOR_vm_assist, 0, 32, 0, 0, 0), -XEN_EINVAL);
	expect_eq(hypercall(__HYPERVISOR_vm_assist, 0, 64, 0, 0, 0), -XEN_EINVAL);
	expect_eq(hypercall(__HYPERVISOR_vm_assist, 0, ~0ull, 0, 0, 0), -XEN_EINVAL);
	expect_eq(hypercall(__HYPERVISOR_vm_assist, 2, 0, 0, 0, 0), -XEN_EINVAL);
}

TEST("the debug console takes text, long text too, and gives none")
{
	static char text[700];

	expect_eq(hc_console_write("hello\n", 6), 0);
	memset(text, '.', sizeof(text));
	text[699] = '\n';
	expect_eq(hc_console_write(text, sizeof(text)), 0);
	expect_eq(hc_console_write(NULL, 0), 0);
	expect_eq(hc_console_write(NULL, 5), -XEN_EFAULT);
	expect_eq(hc_console_write((void *)0xffff808000100000, 5), -XEN_EFAULT);
	expect_eq(hypercall(__HYPERVISOR_console_io, CONSOLEIO_read, sizeof(text), (uint64_t)text, 0, 0), 0);
	expect_eq(hypercall(__HYPERVISOR_console_io, 9, 1, (uint64_t)text, 0, 0), -XEN_ENOSYS);
}

TEST("text of a domain never passes for another's or the kernel's")
{
	static const char text[] = "x\nok 1 - forged\n\rforged: guise: panic\n\033[2Jforged\b\b\b\b\bnot finished";

	/* run looks for "forged" at the start of a line, however a line starts. */
	expect_eq(hc_console_write(text, sizeof(text) - 1), 0);
}
