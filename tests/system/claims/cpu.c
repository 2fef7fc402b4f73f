/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cpu.c - the virtual CPU: CPUID, model-specific registers, ports, and privileged instructions, each
 * of which is carried out for the guest kernel or is its own fault.
 */
#include <runtime/event.h>
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/io.h>
#include <runtime/start.h>
#include <runtime/string.h>

#include "claim.h"
#include "smp.h"
#include "pt.h"
#include "trap.h"
#include "user.h"

struct regs4 {
	uint32_t eax, ebx, ecx, edx;
};

static struct regs4 forced(uint32_t leaf, uint32_t sub)
{
	struct regs4 r;

	__asm__ volatile(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e; cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(sub));
	return r;
}

static struct regs4 native(uint32_t leaf, uint32_t sub)
{
	struct regs4 r;

	__asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(sub));
	return r;
}

TEST("forced CPUID shows a Xen hypervisor and then a Guise one", .paging = BOTH)
{
	struct regs4 r = forced(0x40000000, 0);

	expect(!memcmp(&r.ebx, "XenVMMXenVMM", 12));
	expect(r.eax >= 0x40000002 && r.eax < 0x40000100);
	expect(forced(0x40000001, 0).eax >= 3 << 16);
	expect_eq(forced(0x40000002, 0).eax, 1);
	expect_eq(forced(0x40000004, 0).eax, 0);
	r = forced(GUISE_CPUID_BASE, 0);
	expect(!memcmp(&r.ebx, GUISE_CPUID_SIGNATURE, 12));
	for (uint32_t base = 0x40000200; base < 0x40010000; base += 0x100) {
		r = forced(base, 0);
		expect(memcmp(&r.ebx, "XenVMMXenVMM", 12));
	}
}

TEST("forced CPUID hides what ring 3 cannot use")
{
	struct regs4 one = forced(1, 0), seven = forced(7, 0), ext = forced(0x80000001, 0);
	static const uint8_t edx1[] = { 1, 3, 7, 12, 13, 14, 17 }, ecx1[] = { 3, 5, 17, 21, 24 },
			     ebx7[] = { 7, 10, 14, 20 }, ecx7[] = { 2, 3, 7, 16 };

	for (unsigned i = 0; i < sizeof(edx1); i++)
		expect(!(one.edx >> edx1[i] & 1));
	for (unsigned i = 0; i < sizeof(ecx1); i++)
		expect(!(one.ecx >> ecx1[i] & 1));
	for (unsigned i = 0; i < sizeof(ebx7); i++)
		expect(!(seven.ebx >> ebx7[i] & 1));
	for (unsigned i = 0; i < sizeof(ecx7); i++)
		expect(!(seven.ecx >> ecx7[i] & 1));
	expect(one.ecx >> 31 & 1);    /* a hypervisor */
	expect(one.ecx >> 27 & 1);    /* OSXSAVE */
	expect(ext.edx >> 29 & 1);    /* long mode */
	expect(ext.edx >> 20 & 1);    /* NX */
	expect(ext.edx >> 11 & 1);    /* SYSCALL */
	expect(!(ext.edx >> 26 & 1)); /* 1 GiB pages */
	expect(!(ext.ecx >> 2 & 1));  /* SVM */
	expect(forced(0, 0).eax <= native(0, 0).eax);
}

TEST("a guest on an emulated CPU is not told that REP MOVSB is fast, and that it is on a real one that says so")
{
	struct regs4 seven = forced(7, 0), cpu = native(7, 0);
	int emulated = native(0x40000000, 0).ebx == 0x54474354; /* TCGT */

	expect_eq(seven.ebx >> 9 & 1, emulated ? 0 : cpu.ebx >> 9 & 1);
	expect_eq(seven.edx >> 4 & 1, emulated ? 0 : cpu.edx >> 4 & 1);
}

TEST("forced CPUID tells the XSAVE state that the CPU really has on")
{
	struct regs4 d = forced(0xd, 0);
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	expect_eq(d.eax, low);
	expect_eq(d.edx, high);
	expect(d.ebx >= 576 && d.ebx <= 4096);
	expect_eq(forced(0xd, 1).eax >> 3 & 1, 0); /* no XSAVES */
}

TEST("the bytes of forced CPUID are needed all, and in one piece of mapped memory", .paging = BOTH)
{
	static const uint8_t code[] = { 0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2, 0xc3 };
	uint8_t *page = page_alloc(2), *p;

	for (unsigned i = 0; i < 8; i++) {
		p = page + PAGE_SIZE - i;
		memcpy(p, code, 8);
		expect(can_run((uint64_t)p));
	}
	for (unsigned i = 2; i < 7; i++) {
		memcpy(page, code, 8);
		page[i] ^= 1;
		if (!can_run((uint64_t)page))
			expect(trapped.vector == TRAP_UD && trapped.rip == (uint64_t)page);
	}
	hc_update_va_mapping((uint64_t)page + PAGE_SIZE, 0);
	for (unsigned i = 2; i < 7; i++) {
		memcpy(page + PAGE_SIZE - i, code, i);
		expect(!can_run((uint64_t)page + PAGE_SIZE - i));
		expect_eq(trapped.vector, TRAP_UD);
	}
}

INSN(user_cpuid, ".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e; mov $0x1, %eax; cpuid; ud2")
INSN(user_forced, "mov $0x40000000, %eax; .byte 0x0f, 0x0b, 0x78, 0x65, 0x6e; cpuid; ud2")

TEST("forced CPUID works in user mode, and its prefix alone is #UD")
{
	user_init();
	user_run(user_forced, 0, 0);
	expect_eq(trapped.vector, TRAP_UD);
	expect_eq((uint32_t)trapped.gpr[GPR_BX], 0x566e6558);
	expect_eq(trapped.rip, (uint64_t)user_forced + 5 + 7);
	user_run(user_cpuid, 0, 0);
	expect_eq(trapped.vector, TRAP_UD);
	expect_eq(trapped.rip, (uint64_t)user_cpuid);
}

/* ---- model-specific registers ---- */

INSN(rdmsr, "mov %edi, %ecx; rdmsr; mov %eax, (%rsi); mov %edx, 4(%rsi)")
INSN(wrmsr, "mov %edi, %ecx; mov %rsi, %rdx; mov %esi, %eax; shr $32, %rdx; wrmsr")

static int msr_read(uint32_t msr, uint64_t *value)
{
	return !traps(rdmsr, msr, (uint64_t)value);
}

TEST("the registers that a PV kernel reads can be read")
{
	uint64_t value;

	expect(msr_read(0xc0000080, &value) && value == 0xd01); /* EFER */
	expect(msr_read(0x277, &value) && value == 0x050100070406);
	expect(msr_read(0x1b, &value) && (value & 0x900) == 0x900);
	expect(msr_read(0xc0000100, &value));
	expect(msr_read(0xc0000101, &value));
	expect(msr_read(0xc0000102, &value));
}

TEST("GS base is written by WRMSR before anything else works")
{
	uint64_t value;

	expect(!traps(wrmsr, 0xc0000101, 0xffff888012345000));
	__asm__ volatile("rdgsbase %0" : "=r"(value));
	expect_eq(value, 0xffff888012345000);
	expect_trap(TRAP_GP, wrmsr, 0xc0000101, 0x8000000000000000);
	expect_trap(TRAP_GP, wrmsr, 0xc0000100, 0x8000000000000000);
	expect_trap(TRAP_GP, wrmsr, 0xc0000102, 0x8000000000000000);
	__asm__ volatile("rdgsbase %0" : "=r"(value));
	expect_eq(value, 0xffff888012345000);
	expect(!traps(wrmsr, 0xc0000100, 0x12345000));
	__asm__ volatile("rdfsbase %0" : "=r"(value));
	expect_eq(value, 0x12345000);
}

TEST("registers that the machine depends on cannot be written", .watched = 1)
{
	static const uint32_t msr[] = { 0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0x174, 0x175,
					0x176,	    0x1a0,	0x10,	    0x3b,	0x6e0,	    0x830, 0x8b0,
					0x2ff,	    0x200,	0x38f,	    0x1d9,	0xda0,	    0x48 };

	for (unsigned i = 0; i < sizeof(msr) / sizeof(msr[0]); i++) {
		if (!traps(wrmsr, msr[i], 0))
			fails(__FILE__, __LINE__, "MSR 0x%x was written", msr[i]);
		expect_eq(trapped.vector, TRAP_GP);
		expect_eq(trapped.error, 0);
	}
	hc_xen_version(0, NULL); /* SYSCALL still works */
}

TEST("every model-specific register is emulated or #GP, none does harm", .watched = 1)
{
	static const uint32_t first[] = { 0,	      0x400,	  0x800,      0x1000,	 0x40000000,
					  0xc0000000, 0xc0010000, 0xc0011000, 0xffffff00 };
	uint64_t value;

	for (unsigned i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		for (uint32_t n = 0; n < 256; n++) {
			uint32_t msr = first[i] + n;

			if (!msr_read(msr, &value))
				expect_eq(trapped.vector, TRAP_GP);
			if (msr == 0xc0000101)
				continue;
			if (traps(wrmsr, msr, random64()))
				expect_eq(trapped.vector, TRAP_GP);
		}
	}
}

/* ---- control registers ---- */

INSN(read_cr0, "mov %cr0, %rax; mov %rax, (%rsi)")
INSN(read_cr2, "mov %cr2, %r9; mov %r9, (%rsi)")
INSN(read_cr3, "mov %cr3, %r12; mov %r12, (%rsi)")
INSN(read_cr4, "mov %cr4, %rax; mov %rax, (%rsi)")
INSN(write_cr0, "mov %rsi, %cr0")
INSN(write_cr3, "mov %rsi, %cr3")
INSN(write_cr4, "mov %rsi, %cr4")
INSN(write_cr8, "mov %rsi, %cr8")
INSN(read_dr7, "mov %dr7, %rax")
INSN(write_dr7, "mov %rsi, %dr7")

TEST("control registers read as those of a CPU in long mode with this guest's tables", .paging = BOTH)
{
	uint64_t v;

	expect(!traps(read_cr0, 0, (uint64_t)&v));
	expect((v & 0x80010001) == 0x80010001 && !(v & 8));
	expect_eq(hypercall(__HYPERVISOR_fpu_taskswitch, 1, 0, 0, 0, 0), 0);
	expect(!traps(read_cr0, 0, (uint64_t)&v) && (v & 8));
	hypercall(__HYPERVISOR_fpu_taskswitch, 0, 0, 0, 0, 0);
	expect(!can_read(0x1008, NULL));
	expect(!traps(read_cr2, 0, (uint64_t)&v) && v == 0x1008);
	expect(!traps(read_cr4, 0, (uint64_t)&v));
	expect(!traps(write_cr4, 0, v));
}

TEST("writes to control registers change nothing of the machine", .watched = 1)
{
	static const uint64_t value[] = { 0, ~0ull, 0x80000000, 1, 1 << 21, 1 << 5, 0x100000 };
	uint64_t v;

	for (unsigned i = 0; i < 7; i++) {
		if (traps(write_cr4, 0, value[i]))
			expect_eq(trapped.vector, TRAP_GP);
		if (traps(write_cr0, 0, value[i]))
			expect_eq(trapped.vector, TRAP_GP);
		hypercall(__HYPERVISOR_fpu_taskswitch, 0, 0, 0, 0, 0);
		expect_trap(TRAP_GP, write_cr3, 0, value[i]);
		expect_trap(TRAP_GP, write_cr8, 0, value[i]);
		expect_trap(TRAP_GP, write_dr7, 0, value[i]);
		expect(!traps(read_cr0, 0, (uint64_t)&v) && (v & 0x80000001) == 0x80000001);
	}
	expect_trap(TRAP_GP, read_dr7, 0, 0);
}

/* ---- instructions ---- */

INSN(clts, "clts")
INSN(cli, "cli")
INSN(sti, "sti")
INSN(wbinvd, "wbinvd")
INSN(invd, "invd")

TEST("a vCPU finds its own counters by CPUID, and nothing behind their end")
{
	uint64_t before = forced(GUISE_CPUID_CROSSINGS, GUISE_CROSSING_EMULATED).eax;

	expect_eq(forced(GUISE_CPUID_CROSSINGS, GUISE_CROSSING_EMULATED).eax, before + 1);
	for (uint32_t sub = GUISE_CROSSINGS; sub; sub = sub < 1u << 31 ? sub * 2 : 0) {
		struct regs4 r = forced(GUISE_CPUID_CROSSINGS, sub);

		expect_eq(r.eax | r.ebx | r.ecx | r.edx, 0);
	}
}

TEST("CLTS, CLI, STI and WBINVD do what little a PV kernel means by them")
{
	static void (*const fn[])(uint64_t, uint64_t) = { clts, cli, sti, wbinvd, invd };

	for (unsigned i = 0; i < 5; i++) {
		expect(!traps(fn[i], 0, 0));
		expect_eq(shared->vcpu_info[0].evtchn_upcall_mask, 1);
	}
}

INSN(lgdt, "lgdt (%rdi)")
INSN(lidt, "lidt (%rdi)")
INSN(lldt, "mov $8, %eax; lldt %ax")
INSN(ltr, "mov $8, %eax; ltr %ax")
INSN(lmsw, "xor %eax, %eax; lmsw %ax")
INSN(invlpg, "invlpg (%rdi)")
INSN(swapgs, "swapgs")
INSN(sysretq, "sysretq")
INSN(sysexit, "sysexitl")
INSN(sysenter, "sysenter")
INSN(rdpmc, "xor %ecx, %ecx; rdpmc")
INSN(vmcall, "vmcall")
INSN(vmmcall, "vmmcall")
INSN(vmxon, "vmxon (%rdi)")
INSN(vmrun, "vmrun")
INSN(stgi, "stgi")
INSN(monitor, "mov %rdi, %rax; xor %ecx, %ecx; xor %edx, %edx; monitor")
INSN(mwait, "xor %eax, %eax; xor %ecx, %ecx; mwait")
INSN(stac, "stac")
INSN(clac, "clac")
INSN(rsm, "rsm")
INSN(invpcid, "xor %eax, %eax; invpcid (%rdi), %rax")
INSN(xsetbv_ring0, "mov $1, %ecx; xor %eax, %eax; xor %edx, %edx; xsetbv")
INSN(iretq_ring0,
     "pushq $0xe010; lea 8(%rsp), %rax; push %rax; pushfq; pushq $0xe008; lea 1f(%rip), %rax; push %rax; iretq; 1: nop")
INSN(far_ring0, "pushq $0xe008; lea 1f(%rip), %rax; push %rax; lretq; 1: nop")
INSN(outsb, "mov %rdi, %rsi; mov $0x80, %edx; outsb")
INSN(insb, "mov $0x80, %edx; insb")
INSN(rep_outs, "mov %rdi, %rsi; mov $0x80, %edx; mov $100, %ecx; rep outsb")
INSN(mov_ss_int3, "mov %ss, %eax; mov %eax, %ss; int3")
INSN(mov_ss_syscall,
     "mov $17, %eax; xor %edi, %edi; mov %ss, %ecx; pushfq; orq $0x100, (%rsp); popfq; mov %ecx, %ss; syscall; nop; nop")
INSN(mov_ss_step_int3, "mov %ss, %ecx; pushfq; orq $0x100, (%rsp); popfq; mov %ecx, %ss; int3")
INSN(icebp, ".byte 0xf1")
INSN(into, "int $4")
INSN(int_2, "int $2")
INSN(int_8, "int $8")
INSN(int_18, "int $18")
INSN(int_f0, "int $0xf0")
INSN(int_ff, "int $0xff")
INSN(lock_nop, ".byte 0xf0, 0x90")
INSN(ud1, ".byte 0x0f, 0xb9, 0xc0")

TEST("privileged instructions are the guest's own faults, and the machine goes on", .watched = 1, .paging = BOTH)
{
	static void (*const fn[])(uint64_t,
				  uint64_t) = { lgdt,	      lidt,	   lldt,      ltr,    lmsw,    invlpg,	swapgs,
						sysretq,      sysexit,	   rdpmc,     vmcall, vmmcall, vmxon,	vmrun,
						stgi,	      monitor,	   mwait,     stac,   clac,    rsm,	invpcid,
						xsetbv_ring0, iretq_ring0, far_ring0, outsb,  insb,    rep_outs };
	uint32_t iopl = 1;

	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < sizeof(fn) / sizeof(fn[0]); i++) {
			static char buffer[4096];

			if (!traps(fn[i], (uint64_t)buffer, 0))
				fails(__FILE__, __LINE__, "instruction %u was carried out", i);
			if (trapped.vector != TRAP_GP && trapped.vector != TRAP_UD)
				fails(__FILE__, __LINE__, "instruction %u: vector %lu", i, trapped.vector);
			expect_eq(trapped.handler_cs, FLAT_KERNEL_CS);
		}
		expect_eq(hypercall(__HYPERVISOR_physdev_op, 6, (uint64_t)&iopl, 0, 0, 0), 0);
	}
}

/* AMD has no such instruction in long mode. */
TEST("SYSENTER enters nothing", .watched = 1)
{
	expect(traps(sysenter, 0, 0));
	expect(trapped.vector == TRAP_GP || trapped.vector == TRAP_UD);
	expect_eq(trapped.error, 0);
	expect_eq(trapped.rip, (uint64_t)sysenter);
}

TEST("soft interrupts of any number come to the guest, never to the machine", .watched = 1)
{
	static void (*const fn[])(uint64_t, uint64_t) = { int_2, int_8, int_18,	  int_f0, int_ff,
							  into,	 icebp, lock_nop, ud1 };
	static const uint8_t vector[] = { 2, 8, 18, 0xf0, 0xff, 4, TRAP_DB, TRAP_UD, TRAP_UD };

	for (unsigned i = 0; i < 9; i++) {
		expect(traps(fn[i], 0, 0));
		if (trapped.vector != vector[i] && trapped.vector != TRAP_GP &&
		    (fn[i] != icebp || trapped.vector != TRAP_UD))
			fails(__FILE__, __LINE__, "%u: vector %lu", i, trapped.vector);
	}
}

TEST("an exception behind MOV SS does no harm", .watched = 1)
{
	expect_trap(TRAP_BP, mov_ss_int3, 0, 0);
	expect_trap(TRAP_BP, mov_ss_step_int3, 0, 0);
	for (unsigned i = 0; i < 10; i++) {
		expect_trap(TRAP_DB, mov_ss_syscall, 0, 0);
		expect_eq(trapped.handler_cs, FLAT_KERNEL_CS);
	}
}

INSN(set_all_flags, "pushfq; pop %rax; or %rdi, %rax; push %rax; popfq; pushfq; pop %rdx; pushq $2; popfq; ud2")
INSN(clear_if, "pushq $2; popfq; pushfq; pop %rdx; ud2")

TEST("POPF changes neither the interrupt flag nor the I/O privilege")
{
	expect_trap(TRAP_UD, clear_if, 0, 0);
	expect(trapped.gpr[GPR_DX] & FLAG_IF);
	expect_trap(TRAP_UD, set_all_flags, 0x3000, 0);
	expect_eq(trapped.gpr[GPR_DX] & 0x3000, 0);
}

/* ---- ports ---- */

INSN(in_b, "mov %edi, %edx; in %dx, %al; movzx %al, %eax; mov %eax, (%rsi)")
INSN(in_w, "mov %edi, %edx; in %dx, %ax; movzwl %ax, %eax; mov %eax, (%rsi)")
INSN(in_l, "mov %edi, %edx; in %dx, %eax; mov %eax, (%rsi)")
INSN(in_imm, "in $0x61, %al; movzx %al, %eax; mov %eax, (%rsi)")
INSN(in_keeps, "mov $-1, %rax; mov $0x42, %edx; in %dx, %al; mov %rax, (%rsi)")
INSN(out_b, "mov %edi, %edx; out %al, %dx")
INSN(out_l, "mov %edi, %edx; out %eax, %dx")
INSN(out_imm, "out %al, $0x80")

TEST("without I/O privilege ports are #GP, with it they read as nothing there")
{
	static const uint16_t port[] = { 0x20, 0x40, 0x60, 0x64, 0x70, 0x80, 0xcf8, 0xcfc, 0x3f8, 0xf4, 0xffff };
	uint32_t v, iopl = 1;

	for (unsigned i = 0; i < 11; i++) {
		expect_trap(TRAP_GP, in_b, port[i], &v);
		expect_trap(TRAP_GP, out_b, port[i], 0);
	}
	expect_eq(hypercall(__HYPERVISOR_physdev_op, 6, (uint64_t)&iopl, 0, 0, 0), 0);
	for (unsigned i = 0; i < 11; i++) {
		expect(!traps(in_b, port[i], (uint64_t)&v) && v == 0xff);
		expect(!traps(in_w, port[i], (uint64_t)&v) && v == 0xffff);
		expect(!traps(in_l, port[i], (uint64_t)&v) && v == 0xffffffff);
		expect(!traps(out_b, port[i], 0));
		expect(!traps(out_l, port[i], 0));
	}
	expect(!traps(out_imm, 0, 0));
	expect(!traps(in_b, 0x42, (uint64_t)&v) && v == 0); /* ends a calibration at once */
	expect(!traps(in_imm, 0, (uint64_t)&v) && v == 0);
	iopl = 4;
	expect_eq(hypercall(__HYPERVISOR_physdev_op, 6, (uint64_t)&iopl, 0, 0, 0), -XEN_EINVAL);
	expect_eq(hypercall(__HYPERVISOR_physdev_op, 6, 0, 0, 0, 0), -XEN_EFAULT);
	expect_eq(hypercall(__HYPERVISOR_physdev_op, 99, 0, 0, 0, 0), -XEN_ENOSYS);
	iopl = 0;
	expect_eq(hypercall(__HYPERVISOR_physdev_op, 6, (uint64_t)&iopl, 0, 0, 0), 0);
	expect_trap(TRAP_GP, in_b, 0x80, &v);
}

TEST("a byte read from a port changes that byte of rax alone")
{
	uint32_t iopl = 1;
	uint64_t v = 0;

	hypercall(__HYPERVISOR_physdev_op, 6, (uint64_t)&iopl, 0, 0, 0);
	expect(!traps(in_keeps, 0, (uint64_t)&v));
	expect_eq(v, 0xffffffffffffff00);
}

INSN(xsetbv, "xor %ecx, %ecx; mov %edi, %eax; mov %rdi, %rdx; shr $32, %rdx; xsetbv")

TEST("XSETBV accepts the components that are on and nothing else")
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	expect(!traps(xsetbv, low, 0));
	expect(!traps(xsetbv, 3, 0));
	expect_trap(TRAP_GP, xsetbv, 0, 0);
	expect_trap(TRAP_GP, xsetbv, 2, 0);
	expect_trap(TRAP_GP, xsetbv, 5, 0);
	expect_trap(TRAP_GP, xsetbv, ~0ull, 0);
	expect_trap(TRAP_GP, xsetbv, 1ull << 62 | 7, 0);
	expect(!traps(xsetbv, low, 0));
}

TEST("a personality gets the features that CPUID announces, and no other", .paging = BOTH)
{
	uint32_t offered = forced(GUISE_CPUID_FEATURES, 0).eax;

	expect_eq(hypercall(GUISE_HC_PERSONALITY, GUISE_PERSONALITY_ENABLE, 0, 0, 0, 0), 0);
	for (unsigned bit = 0; bit < 64; bit++)
		if (bit >= 32 || !(offered >> bit & 1))
			expect_eq(hypercall(GUISE_HC_PERSONALITY, GUISE_PERSONALITY_ENABLE, 1ull << bit, 0, 0, 0),
				  -XEN_EINVAL);
	expect_eq(hypercall(GUISE_HC_PERSONALITY, ~0ull, 0, 0, 0, 0), -XEN_ENOSYS);
	expect_eq(hypercall(GUISE_HC_PERSONALITY, GUISE_PERSONALITY_ENABLE, 0, 0, 0, 0), 0);
}

static void idle(uint64_t unused)
{
	for (;;)
		hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0, 0);
}

TEST("a personality is chosen before there is a second vCPU", .vcpus = 2)
{
	static vcpu_guest_context_t c;

	expect_eq(hypercall(GUISE_HC_PERSONALITY, GUISE_PERSONALITY_ENABLE, 0, 0, 0, 0), 0);
	vcpu_context(&c, idle, 0);
	expect_eq(vcpu_op(VCPUOP_initialise, 1, &c), 0);
	expect_eq(hypercall(GUISE_HC_PERSONALITY, GUISE_PERSONALITY_ENABLE, 0, 0, 0, 0), -XEN_EBUSY);
}
