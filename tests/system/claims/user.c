/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * user.c - user mode: its system calls come to the guest kernel, and it has no privilege at all.
 */
#include <runtime/event.h>
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/start.h>
#include <xen/callback.h>

#include "claim.h"
#include "pt.h"
#include "trap.h"
#include "user.h"

INSN(system_call, "mov $0x1234, %eax; stc; syscall; ud2")
INSN(system_call32, ".code32; mov $0x1234, %eax; syscall; ud2; .code64")
INSN(backwards, "std; syscall; ud2")
INSN(shut_down, "mov $29, %eax; mov $2, %edi; syscall")
INSN(cli, "cli")
INSN(rdmsr, "mov $0xc0000080, %ecx; rdmsr")
INSN(in, "mov $0x80, %edx; in %dx, %al")
INSN(cr0, "mov %cr0, %rax")
INSN(hlt, "hlt")
INSN(load, "mov (%rdi), %rax; ud2")
INSN(store, "mov %rsi, (%rdi); ud2")
INSN(spin, "1: jmp 1b")

static long callback(unsigned op, unsigned type, unsigned flags, uint64_t address)
{
	struct callback_register reg = { .type = (uint16_t)type, .flags = (uint16_t)flags, .address = address };

	return hypercall(__HYPERVISOR_callback_op, op, (uint64_t)&reg, 0, 0, 0);
}

TEST("a system call arrives at the callback with rcx behind it and r11 as its flags", .paging = BOTH)
{
	user_init();
	user_run(system_call, 0x55, 0x66);
	expect_eq(trapped.vector, TRAP_SYSCALL);
	expect_eq(trapped.gpr[GPR_AX], 0x1234);
	expect_eq(trapped.gpr[GPR_DI], 0x55);
	expect_eq(trapped.gpr[GPR_SI], 0x66);
	expect_eq(trapped.rcx, trapped.rip);
	expect_eq(trapped.rip, (uint64_t)system_call + 8);
	expect_eq(trapped.r11 & 1, 1);
	expect_eq(trapped.cs & 0xffff, FLAT_USER_CS);
	expect_eq(trapped.ss, FLAT_USER_SS);
	expect_eq(trapped.rsp, user_sp);
	expect_eq(trapped.frame, user_kernel_sp - 7 * 8);
}

TEST("a system call arrives with the direction flag clear, whatever the process set")
{
	user_init();
	user_run(backwards, 0, 0);
	expect_eq(trapped.vector, TRAP_SYSCALL);
	expect(trapped.r11 & FLAG_DF);
	expect(!(trapped.flags & FLAG_DF));
}

TEST("the syscall callback masks upcalls when it was registered to")
{
	volatile uint8_t *mask = &shared->vcpu_info[0].evtchn_upcall_mask;

	user_init();
	expect_eq(callback(CALLBACKOP_register, CALLBACKTYPE_syscall, 0, trap_handler(TRAP_SYSCALL)), 0);
	user_run(system_call, 0, 0);
	expect_eq(trapped.mask, 0);
	expect_eq(
		callback(CALLBACKOP_register, CALLBACKTYPE_syscall, CALLBACKF_mask_events, trap_handler(TRAP_SYSCALL)),
		0);
	user_run(system_call, 0, 0);
	expect_eq(trapped.mask, 1);
	*mask = 1;
}

TEST("without a callback a system call is #UD at the instruction")
{
	user_init();
	expect_eq(callback(CALLBACKOP_unregister, CALLBACKTYPE_syscall, 0, 0), 0);
	user_run(system_call, 0, 0);
	expect_eq(trapped.vector, TRAP_UD);
	expect_eq(trapped.rip, (uint64_t)system_call + 6);
}

/* AMD has it, Intel not. */
TEST("a system call of 32-bit code arrives at a callback of its own, on the guest kernel's stack", .paging = BOTH,
     .watched = 1)
{
	struct iret_context f;

	user_init();
	f = user_frame(system_call32);
	f.cs = FLAT_RING3_CS32;
	expect(traps(iret_fn, (uint64_t)&f, 0));
	if (trapped.vector == TRAP_UD && trapped.rip == (uint64_t)system_call32 + 5)
		skip("this CPU has no SYSCALL in 32-bit code");
	expect_eq(trapped.vector, TRAP_SYSCALL32);
	expect_eq(trapped.rip, (uint64_t)system_call32 + 7);
	expect_eq((uint32_t)trapped.gpr[GPR_AX], 0x1234);
	expect_eq(trapped.cs & 0xffff, FLAT_RING3_CS32);
	expect_eq(trapped.rsp, user_sp);
	expect_eq(trapped.frame, user_kernel_sp - 7 * 8);
	expect_eq(trapped.handler_cs, FLAT_KERNEL_CS);
	expect_eq(callback(CALLBACKOP_unregister, CALLBACKTYPE_syscall32, 0, 0), 0);
	expect_trap(TRAP_UD, iret_fn, &f, 0);
	expect_eq(trapped.rip, (uint64_t)system_call32 + 5);
}

TEST("no hypercall can be made from user mode")
{
	user_init();
	user_run(shut_down, 0, 0);
	expect_eq(trapped.vector, TRAP_SYSCALL);
	expect_eq(trapped.gpr[GPR_AX], 29);
}

TEST("privileged instructions of user mode are #GP, even when the guest kernel has I/O privilege")
{
	static void (*const fn[])(uint64_t, uint64_t) = { cli, rdmsr, in, cr0, hlt };
	uint32_t iopl = 1;

	user_init();
	expect_eq(hypercall(__HYPERVISOR_physdev_op, 6, (uint64_t)&iopl, 0, 0, 0), 0);
	for (unsigned i = 0; i < 5; i++) {
		user_run(fn[i], 0, 0);
		expect_eq(trapped.vector, TRAP_GP);
		expect_eq(trapped.error, 0);
		expect_eq(trapped.cs & 0xffff, FLAT_USER_CS);
	}
}

TEST("user mode sees what its own tables map and nothing else", .paging = BOTH)
{
	uint64_t value = 0x1122334455667788, *alone = pt_page();

	user_init();
	user_run(load, (uint64_t)&value, 0);
	expect_eq(trapped.vector, TRAP_UD);
	expect_eq(trapped.gpr[GPR_AX], value);
	user_run(load, 0xffff800000000000, 0); /* machine-to-physical is for the guest kernel */
	expect_eq(trapped.vector, TRAP_PF);
	user_run(load, 0xffff810000000000, 0);
	expect_eq(trapped.vector, TRAP_PF);
	/* An empty root: not even the next instruction is there. */
	expect_eq(mmuext(MMUEXT_NEW_USER_BASEPTR, virt_to_mfn(alone), 0), 0);
	user_run(load, (uint64_t)&value, 0);
	expect_eq(trapped.vector, TRAP_PF);
	expect_eq(trapped.rip, (uint64_t)load);
	expect_eq(trapped.error, PF_USER | PF_FETCH);
}

TEST("a store of user mode through a read-only entry is a protection fault", .paging = BOTH)
{
	uint64_t va = pt_space(), page = (uint64_t)page_alloc(1);

	user_init();
	pt_set(va, virt_to_bus((void *)page) | PTE_RO);
	user_run(store, va, 1);
	expect_eq(trapped.vector, TRAP_PF);
	expect_eq(trapped.error, PF_USER | PF_WRITE | PF_PRESENT);
	expect_eq(*(uint64_t *)page, 0);
	pt_set(va, virt_to_bus((void *)page) | PTE_DATA);
	user_run(store, va, 7);
	expect_eq(trapped.vector, TRAP_UD);
	expect_eq(*(uint64_t *)page, 7);
}

TEST("user mode that spins is interrupted by an event")
{
	struct vcpu_set_singleshot_timer t = { .timeout_abs_ns = 1 };
	volatile struct vcpu_info *v = &shared->vcpu_info[0];

	user_init();
	expect_eq(callback(CALLBACKOP_register, CALLBACKTYPE_event, CALLBACKF_mask_events, trap_handler(TRAP_EVENT)),
		  0);
	t.timeout_abs_ns = 1000000;
	expect_eq(hc_vcpu(VCPUOP_set_singleshot_timer, 0, &t), 0);
	user_run(spin, 0, 0);
	expect_eq(trapped.vector, TRAP_EVENT);
	expect_eq(trapped.cs & 0xffff, FLAT_USER_CS);
	expect_eq(v->evtchn_upcall_mask, 1);
}

TEST("callbacks of unknown types and at non-canonical addresses are refused")
{
	expect_eq(callback(CALLBACKOP_register, 99, 0, 0x200000), -XEN_ENOSYS);
	expect_eq(callback(CALLBACKOP_register, CALLBACKTYPE_event, 0, 0x8000000000000000), -XEN_EINVAL);
	expect_eq(callback(CALLBACKOP_register, CALLBACKTYPE_syscall, 0, 0x0000800000000000), -XEN_EINVAL);
	expect_eq(hypercall(__HYPERVISOR_callback_op, CALLBACKOP_register, 0, 0, 0, 0), -XEN_EFAULT);
	expect_eq(hypercall(__HYPERVISOR_callback_op, CALLBACKOP_unregister, 0, 0, 0, 0), -XEN_EFAULT);
	expect_eq(hypercall(__HYPERVISOR_callback_op, 17, 0, 0, 0, 0), -XEN_ENOSYS);
	expect_eq(callback(CALLBACKOP_register, CALLBACKTYPE_failsafe, 0, 0x200000), 0);
}

TEST("a syscall callback in the kernel's range stops the domain", .dies = "no handler")
{
	user_init();
	expect_eq(callback(CALLBACKOP_register, CALLBACKTYPE_syscall, 0, 0xffff808000100000), 0);
	user_run(system_call, 0, 0);
}

/* All registers but rcx, rdx, rsi, r11 and rsp follow from a; rax is read where b points. */
INSN(known,
     "lea 1(%rdi), %rbx; lea 2(%rdi), %rbp; lea 3(%rdi), %r8; lea 4(%rdi), %r9; lea 5(%rdi), %r10;"
     "lea 6(%rdi), %r12; lea 7(%rdi), %r13; lea 8(%rdi), %r14; lea 9(%rdi), %r15; mov (%rsi), %rax; syscall; ud2")

static void expect_known(uint64_t a, uint64_t b, uint64_t value)
{
	static const uint8_t where[] = { 3, 5, 8, 9, 10, 12, 13, 14, 15 }; /* of what is a + 1, a + 2 ... */

	user_run(known, a, b);
	expect_eq(trapped.vector, TRAP_SYSCALL);
	expect_eq(trapped.gpr[GPR_AX], value);
	expect_eq(trapped.gpr[GPR_DI], a);
	expect_eq(trapped.gpr[GPR_SI], b);
	expect_eq(trapped.rsp, user_sp);
	for (unsigned i = 0; i < sizeof(where); i++)
		expect_eq(trapped.gpr[where[i]], a + 1 + i);
}

/* By page fault, system call, iret and hypercall.  With NMIs (tests/system/nmi) a second is few rounds. */
TEST("whatever interrupts the ways in and out, every register is what it was", .paging = BOTH, .watched = 1,
     .seconds = 300)
{
	uint64_t va = pt_space(), *page = page_alloc(1), until = time_ns() + 2000000000;

	expect(page);
	user_init();
	pt_set(va, virt_to_bus(page) | PTE_DATA);
	do {
		*page = random64();
		pt_flush();
		for (unsigned i = 0; i < 20; i++)
			expect_known(random64() >> 1, va, *page);
		for (unsigned i = 0; i < 200; i++)
			expect_eq(hc_xen_version(XENVER_version, NULL), 4 << 16 | 17);
	} while (time_ns() < until);
}
