/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iret.c - HYPERVISOR_iret, the way back to wherever the frame says, and stack_switch, the way in.
 */
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/start.h>

#include "claim.h"
#include "pt.h"
#include "trap.h"
#include "user.h"

INSN(state, "pushfq; pop %rdx; ud2")
INSN(call_kernel, "mov $17, %eax; xor %edi, %edi; syscall; ud2") /* xen_version */
INSN(iret_at, "mov %rdi, %rsp; mov $23, %eax; syscall; ud2")
INSN(ud2, "ud2")
INSN(load_mask, "mov (%rdi), %al; ud2")

static char stack[1024] __attribute__((aligned(16)));

static struct iret_context kernel_frame(void (*fn)(uint64_t, uint64_t))
{
	return (struct iret_context){
		.rip = (uint64_t)fn,
		.cs = FLAT_KERNEL_CS & ~3,
		.rflags = 2,
		.rsp = (uint64_t)stack + 512,
		.ss = FLAT_KERNEL_SS,
	};
}

TEST("iret loads rax, rcx, r11, rip, rflags and rsp from its frame", .paging = BOTH)
{
	struct iret_context f = kernel_frame(state);

	f.rax = 0xaaaa5555aaaa;
	f.rcx = 0x1234;
	f.r11 = 0x5678;
	f.rflags |= 1 | FLAG_DF;
	expect_trap(TRAP_UD, iret_fn, &f, 0);
	expect_eq(trapped.gpr[GPR_AX], f.rax);
	expect_eq(trapped.rcx, f.rcx);
	expect_eq(trapped.r11, f.r11);
	expect_eq(trapped.rsp, f.rsp);
	expect_eq(trapped.gpr[GPR_DX] & (1 | FLAG_DF), 1 | FLAG_DF);
}

TEST("iret with a ring-0 selector stays in the guest kernel")
{
	struct iret_context f = kernel_frame(call_kernel);

	expect_trap(TRAP_UD, iret_fn, &f, 0);
	expect_eq(trapped.gpr[GPR_AX], 4 << 16 | 17);
}

TEST("iret with a ring-3 selector goes to user mode, whose SYSCALL is no hypercall")
{
	user_init();
	user_run(call_kernel, 0, 0);
	expect_eq(trapped.vector, TRAP_SYSCALL);
	expect_eq(trapped.gpr[GPR_AX], 17);
}

TEST("iret sets the upcall mask to the inverse of IF")
{
	struct iret_context f = kernel_frame(load_mask);
	volatile uint8_t *mask = &shared->vcpu_info[0].evtchn_upcall_mask;

	f.rflags = 2;
	expect_trap(TRAP_UD, iret_fn, &f, 0);
	expect_eq(*mask, 1);
	f.rflags = 2 | FLAG_IF;
	expect_trap(TRAP_UD, iret_fn, &f, 0);
	expect_eq(*mask, 0);
	*mask = 1;
}

TEST("iret gives no I/O privilege and no VM, and never takes the real IF away; NT is a process's own")
{
	struct iret_context f = kernel_frame(state);

	f.rflags = 0xffffffff & ~FLAG_TF;
	expect_trap(TRAP_UD, iret_fn, &f, 0);
	expect_eq(trapped.gpr[GPR_DX] & 0x3000, 0);
	expect_eq(trapped.gpr[GPR_DX] & FLAG_NT, FLAG_NT);
	expect_eq(trapped.flags & FLAG_NT, 0);
	expect_eq(trapped.gpr[GPR_DX] & (1 << 17 | 3 << 19), 0);
	f.rflags = 0;
	expect_trap(TRAP_UD, iret_fn, &f, 0);
	expect(trapped.gpr[GPR_DX] & FLAG_IF);
	expect(trapped.gpr[GPR_DX] & 2);
}

TEST("iret to a bad code selector is #GP in the guest kernel")
{
	static const uint16_t cs[] = { 0,      3,      0xe008, 0xe00b, 0xe010, 0xe013, FLAT_KERNEL_SS,
				       0xe040, 0xe043, 0xe048, 0x1000, 0xfffb };

	for (unsigned i = 0; i < 12; i++) {
		struct iret_context f = kernel_frame(ud2);

		f.cs = cs[i] & ~3;
		expect_trap(TRAP_GP, iret_fn, &f, 0);
		expect(trapped.handler_cs == FLAT_KERNEL_CS);
		expect_eq(trapped.rsp, f.rsp);
	}
}

TEST("iret to a bad stack selector is #GP in the guest kernel")
{
	static const uint16_t ss[] = { 0,      3,      0xe008, 0xe00b, 0xe010, 0xe013, FLAT_KERNEL_CS,
				       0xe040, 0xe043, 0x1000, 0xfffb };

	for (unsigned i = 0; i < 11; i++) {
		struct iret_context f = kernel_frame(ud2);

		f.ss = ss[i];
		if (!traps(iret_fn, (uint64_t)&f, 0))
			fails(__FILE__, __LINE__, "ss 0x%x came back", ss[i]);
		if (trapped.vector != TRAP_GP)
			fails(__FILE__, __LINE__, "ss 0x%x: vector %lu", ss[i], trapped.vector);
		expect(trapped.handler_ss == FLAT_KERNEL_SS);
	}
}

TEST("iret to a non-canonical address is #GP in the guest kernel")
{
	static const uint64_t rip[] = { 0x0000800000000000, 0x8000000000000000, 0xffff7fffffffffff };

	for (unsigned i = 0; i < 3; i++) {
		struct iret_context f = kernel_frame(ud2);

		f.rip = rip[i];
		expect_trap(TRAP_GP, iret_fn, &f, 0);
		user_init();
		f = user_frame(ud2);
		f.rip = rip[i];
		expect_trap(TRAP_GP, iret_fn, &f, 0);
	}
}

TEST("iret into the kernel's code is a page fault there")
{
	struct iret_context f = kernel_frame(ud2);

	f.rip = 0xffff808000100000;
	expect_trap(TRAP_PF, iret_fn, &f, 0);
	expect_eq(trapped.rip, f.rip);
}

TEST("iret to a bad place in user mode is #GP on the guest kernel's stack")
{
	struct iret_context f;

	user_init();
	f = user_frame(ud2);
	f.cs = 0xe00b;
	expect_trap(TRAP_GP, iret_fn, &f, 0);
	expect(trapped.frame < user_kernel_sp && trapped.frame >= user_kernel_sp - 80);
	f = user_frame(ud2);
	f.ss = 0xe013;
	expect_trap(TRAP_GP, iret_fn, &f, 0);
	user_run(ud2, 0, 0);
	expect_eq(trapped.vector, TRAP_UD);
}

TEST("iret to a non-canonical stack pointer harms the guest alone")
{
	struct iret_context f;

	user_init();
	f = user_frame(ud2);
	f.rsp = 0x8000000000000000;
	expect_trap(TRAP_UD, iret_fn, &f, 0);
	expect_eq(trapped.rsp, f.rsp);
}

TEST("iret with an unmapped frame stops the domain", .dies = "iret with a bad stack")
{
	iret_at(pt_space(), 0);
}

TEST("iret with a frame in the kernel's memory stops the domain", .dies = "iret with a bad stack")
{
	iret_at(0xffff808000100000, 0);
}

TEST("iret with a non-canonical frame stops the domain", .dies = "iret with a bad stack")
{
	iret_at(0x7ffffffffffffff8, 0);
}

TEST("iret to user mode without user page tables stops the domain", .dies = "without user page tables")
{
	struct iret_context f = user_frame(ud2);

	iret(&f);
}

TEST("iret to user mode after its tables were given away stops the domain", .dies = "without user page tables")
{
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };
	struct iret_context f;
	xen_pfn_t mfn;

	user_init();
	user_run(ud2, 0, 0);
	f = user_frame(ud2);
	mfn = virt_to_mfn(user_root);
	set_xen_guest_handle(r.extent_start, &mfn);
	expect_eq(hypercall(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, (uint64_t)&r, 0, 0, 0), 1);
	iret(&f);
}

TEST("iret to a bad place without a #GP handler stops the domain", .dies = "exception 13")
{
	struct iret_context f = kernel_frame(ud2);

	f.cs = 0xe008;
	hypercall(__HYPERVISOR_set_trap_table, 0, 0, 0, 0, 0);
	iret(&f);
}

TEST("traps of user mode arrive on the stack that stack_switch named, 16-byte aligned", .paging = BOTH)
{
	user_init();
	for (uint64_t off = 0; off < 16; off += 3) {
		expect_eq(hypercall(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, user_kernel_sp - off, 0, 0, 0), 0);
		user_run(ud2, 0, 0);
		expect_eq(trapped.frame + 7 * 8, (user_kernel_sp - off) & ~15ull);
		expect_eq(trapped.rsp, user_sp);
		expect_eq(trapped.cs & 0xffff, FLAT_USER_CS);
		expect_eq(trapped.ss, FLAT_USER_SS);
	}
}

TEST("a trap of user mode with an unmapped kernel stack stops the domain", .dies = "no stack")
{
	user_init();
	hypercall(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, pt_space() + 2048, 0, 0, 0);
	user_run(ud2, 0, 0);
}

TEST("a trap of user mode with a kernel stack in the kernel's memory stops the domain", .dies = "no stack")
{
	user_init();
	hypercall(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, 0xffff808000101000, 0, 0, 0);
	user_run(ud2, 0, 0);
}
