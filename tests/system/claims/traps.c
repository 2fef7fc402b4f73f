/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * traps.c - exceptions reach the guest's handlers, with the frame that the ABI lays down.
 */
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/start.h>

#include "claim.h"
#include "pt.h"
#include "trap.h"
#include "user.h"

INSN(ud2, "mov $0x1111, %ecx; mov $0x2222, %r11d; ud2")
INSN(general, "mov $0x1111, %ecx; mov $0x2222, %r11d; lgdt (%rdi)")
INSN(int3, "int3")
INSN(int_3, "int $3")
INSN(int_45, "int $0x45")
INSN(int_80, "int $0x80")
INSN(int_d, "int $13")
INSN(divide, "xor %edx, %edx; mov $1, %eax; xor %ecx, %ecx; div %ecx")
INSN(lgdt, "lgdt (%rdi)")
INSN(single_step, "pushfq; orq $0x100, (%rsp); popfq; nop; nop")
INSN(align, "pushfq; orq $0x40000, (%rsp); popfq; ud2")
INSN(bad_stack, "mov %rdi, %rsp; ud2")
INSN(bad_stack_pf, "mov %rdi, %rsp; mov (%rsi), %rax")
INSN(load_noncanonical, "mov (%rdi), %rax")
INSN(registers, "mov $0xa1, %eax; mov $0xa2, %ebx; mov $0xa3, %edx; mov $0xa4, %r8d; mov $0xa5, %r15d; ud2")
INSN(fpu, "fninit")
INSN(flags, "std; stc; ud2")

static uint8_t *mask(void)
{
	return &shared->vcpu_info[0].evtchn_upcall_mask;
}

TEST("an exception pushes rcx, r11, rip, cs, rflags, rsp and ss on the stack in use", .paging = BOTH)
{
	expect_trap(TRAP_UD, ud2, 0, 0);
	expect_eq(trapped.word[0], 0x1111);
	expect_eq(trapped.word[1], 0x2222);
	expect_eq(trapped.word[2], (uint64_t)ud2 + 11);
	expect_eq(trapped.word[3], (FLAT_KERNEL_CS & ~3ull) | 1ull << 32);
	expect_eq(trapped.word[6], FLAT_KERNEL_SS);
	expect(trapped.word[5] > trapped.frame && trapped.word[5] - trapped.frame <= 7 * 8 + 15);
}

TEST("a fault with an error code has it between r11 and rip", .paging = BOTH)
{
	expect_trap(TRAP_GP, lgdt, 0xdead000000000000, 0);
	expect_eq(trapped.word[2], 0);
	expect_eq(trapped.word[3], (uint64_t)lgdt);
	expect_eq(trapped.word[7], FLAT_KERNEL_SS);
	expect_trap(TRAP_GP, general, 0, 0);
	expect_eq(trapped.word[0], 0x1111);
	expect_eq(trapped.word[1], 0x2222);
}

TEST("a bounce frame ends at a 16-byte boundary")
{
	char stack[512] __attribute__((aligned(16)));

	for (uint64_t off = 0; off < 16; off++) {
		expect_trap(TRAP_UD, bad_stack, stack + 256 + off, 0);
		expect_eq(trapped.rsp, (uint64_t)stack + 256 + off);
		expect_eq(trapped.frame + 7 * 8, (uint64_t)stack + 256);
		expect_trap(TRAP_PF, bad_stack_pf, stack + 256 + off, 8);
		expect_eq(trapped.frame + 8 * 8, (uint64_t)stack + 256);
	}
}

TEST("all other registers come to the handler unchanged")
{
	expect_trap(TRAP_UD, registers, 0x77, 0x88);
	expect_eq(trapped.gpr[GPR_AX], 0xa1);
	expect_eq(trapped.gpr[GPR_BX], 0xa2);
	expect_eq(trapped.gpr[GPR_DX], 0xa3);
	expect_eq(trapped.gpr[8], 0xa4);
	expect_eq(trapped.gpr[15], 0xa5);
	expect_eq(trapped.gpr[GPR_DI], 0x77);
	expect_eq(trapped.gpr[GPR_SI], 0x88);
}

TEST("the handler runs on the flat ring-3 segments with TF, DF, NT and AC clear")
{
	expect_trap(TRAP_UD, align, 0, 0);
	expect_eq(trapped.handler_cs, FLAT_KERNEL_CS);
	expect_eq(trapped.handler_ss, FLAT_KERNEL_SS);
	expect(trapped.rflags & FLAG_AC);
	expect(!(trapped.flags & (FLAG_AC | FLAG_TF | FLAG_NT)));
	expect_trap(TRAP_UD, flags, 0, 0);
	expect((trapped.rflags & (FLAG_DF | 1)) == (FLAG_DF | 1));
	expect(!(trapped.flags & FLAG_DF));
}

TEST("the frame keeps the upcall mask beside cs and its inverse as IF")
{
	*mask() = 0;
	expect_trap(TRAP_UD, ud2, 0, 0);
	expect_eq(trapped.word[3] >> 32 & 0xff, 0);
	expect(trapped.rflags & FLAG_IF);
	*mask() = 1;
	expect_trap(TRAP_UD, ud2, 0, 0);
	expect_eq(trapped.word[3] >> 32 & 0xff, 1);
	expect(!(trapped.rflags & FLAG_IF));
	expect(!(trapped.rflags & 0x3000)); /* no I/O privilege in sight */
}

TEST("a trap entry with the mask flag masks upcalls, one without leaves them")
{
	*mask() = 0;
	expect_eq(trap_set(TRAP_UD, 3, 0, trap_handler(TRAP_UD)), 0);
	expect_trap(TRAP_UD, ud2, 0, 0);
	expect_eq(trapped.mask, 0);
	expect_eq(trap_set(TRAP_UD, 3, 1, trap_handler(TRAP_UD)), 0);
	expect_trap(TRAP_UD, ud2, 0, 0);
	expect_eq(trapped.mask, 1);
	*mask() = 1;
}

TEST("a page fault tells the address in cr2 and what was tried in its error code", .paging = BOTH)
{
	uint64_t va = pt_space(), page = (uint64_t)page_alloc(1);

	expect(!can_read(va + 0x123, NULL) && trapped.vector == TRAP_PF);
	expect_eq(trapped.cr2, va + 0x123);
	expect_eq(trapped.error, 0);
	expect(!can_write(va + 8, 1));
	expect_eq(trapped.error, PF_WRITE);
	expect(!can_run(va));
	expect_eq(trapped.error & (PF_FETCH | PF_WRITE | PF_PRESENT), PF_FETCH);

	pt_set(va, virt_to_mfn((void *)page) << PAGE_SHIFT | PTE_P | PTE_A | PTE_NX);
	expect(can_read(va, NULL));
	expect(!can_write(va, 1));
	expect_eq(trapped.error, PF_PRESENT | PF_WRITE);
	expect(!can_run(va));
	expect_eq(trapped.error & (PF_FETCH | PF_WRITE | PF_PRESENT), PF_PRESENT | PF_FETCH);
}

TEST("a page fault of the guest kernel never has the user bit, one of its user always has")
{
	uint64_t va = pt_space();

	expect(!can_read(va, NULL));
	expect(!(trapped.error & PF_USER));
	user_init();
	user_run(load_noncanonical, va, 0);
	expect_eq(trapped.vector, TRAP_PF);
	expect_eq(trapped.error, PF_USER);
	expect_eq(trapped.cr2, va);
}

TEST("an access in the kernel's range is a page fault like any other", .paging = BOTH)
{
	static const uint64_t va[] = { 0xffff808000100000, 0xffff810000000000, 0xffff87fffffffff8, 0xffff804000000000 };

	for (unsigned i = 0; i < 4; i++) {
		expect(!can_read(va[i], NULL) && trapped.vector == TRAP_PF);
		expect(!(trapped.error & PF_USER));
		expect_eq(trapped.cr2, va[i]);
		expect(!can_write(va[i], 0) && trapped.vector == TRAP_PF);
		expect(!can_run(va[i]) && trapped.vector == TRAP_PF);
	}
}

TEST("an access to a non-canonical address is #GP")
{
	expect_trap(TRAP_GP, load_noncanonical, 0x8000000000000000, 0);
	expect_eq(trapped.error, 0);
}

TEST("int3 and int 3 arrive as #BP behind the instruction")
{
	expect_trap(TRAP_BP, int3, 0, 0);
	expect_eq(trapped.rip, (uint64_t)int3 + 1);
	expect_trap(TRAP_BP, int_3, 0, 0);
	expect_eq(trapped.rip - (uint64_t)int_3, *(uint8_t *)int_3 == 0xcc ? 1 : 2);
}

TEST("a soft interrupt goes to its entry, behind the instruction")
{
	expect_trap(0x45, int_45, 0, 0);
	expect_eq(trapped.rip, (uint64_t)int_45 + 2);
	expect_eq(trapped.word[2], (uint64_t)int_45 + 2);
	expect_trap(0x80, int_80, 0, 0);
	expect_eq(trapped.rip, (uint64_t)int_80 + 2);
}

static void only(unsigned vector, unsigned dpl)
{
	hypercall(__HYPERVISOR_set_trap_table, 0, 0, 0, 0, 0);
	trap_set(TRAP_GP, 0, 0, trap_handler(TRAP_GP));
	if (vector)
		trap_set(vector, dpl, 0, trap_handler(vector));
}

TEST("a soft interrupt without an entry is #GP with 8 n + 2 at the instruction")
{
	only(0, 0);
	expect_trap(TRAP_GP, int_45, 0, 0);
	expect_eq(trapped.error, 0x45 * 8 + 2);
	expect_eq(trapped.rip, (uint64_t)int_45);
	expect_trap(TRAP_GP, int_80, 0, 0);
	expect_eq(trapped.error, 0x80 * 8 + 2);
}

TEST("user mode reaches a soft interrupt of ring 3 and gets #GP for one of ring 0")
{
	user_init();
	only(0x80, 3);
	trap_set(0x45, 0, 0, trap_handler(0x45));
	user_run(int_80, 0, 0);
	expect_eq(trapped.vector, 0x80);
	expect_eq(trapped.rip, (uint64_t)int_80 + 2);
	expect_eq(trapped.cs & 0xffff, FLAT_USER_CS);
	user_run(int_45, 0, 0);
	expect_eq(trapped.vector, TRAP_GP);
	expect_eq(trapped.error, 0x45 * 8 + 2);
	expect_eq(trapped.rip, (uint64_t)int_45);
}

TEST("a soft interrupt cannot pass for an exception with an error code")
{
	expect_trap(TRAP_GP, int_d, 0, 0);
	/* INT 13 finds the kernel's gate closed: a #GP with its own selector error, or entry 13 by
	 * request; both have a full frame of their own. */
	expect(trapped.rip == (uint64_t)int_d || trapped.rip == (uint64_t)int_d + 2);
}

TEST("#DE, #UD and #NM arrive with the address of the instruction")
{
	expect_trap(TRAP_DE, divide, 0, 0);
	expect(trapped.rip > (uint64_t)divide);
	expect_trap(TRAP_UD, ud2, 0, 0);
	expect_eq(hypercall(__HYPERVISOR_fpu_taskswitch, 1, 0, 0, 0, 0), 0);
	expect_trap(TRAP_NM, fpu, 0, 0);
	expect_eq(trapped.rip, (uint64_t)fpu);
	/* The trap cleared TS, as Linux counts on. */
	expect(!traps(fpu, 0, 0));
	hypercall(__HYPERVISOR_fpu_taskswitch, 1, 0, 0, 0, 0);
	hypercall(__HYPERVISOR_fpu_taskswitch, 0, 0, 0, 0, 0);
	expect(!traps(fpu, 0, 0));
}

TEST("a single step is #DB with BS in DR6")
{
	expect_trap(TRAP_DB, single_step, 0, 0);
	expect(trapped.rflags & FLAG_TF);
	expect(!(trapped.flags & FLAG_TF));
	expect_eq(hypercall(__HYPERVISOR_get_debugreg, 6, 0, 0, 0, 0), 0xffff0ff0 | 1 << 14);
}

TEST("set_trap_table refuses a table that cannot be read or does not end")
{
	static struct trap_info endless[300];
	uint64_t va = pt_space();

	for (unsigned i = 0; i < 300; i++)
		endless[i] = (struct trap_info){ .vector = (uint8_t)(i | 0x40), .address = 1 };
	expect_eq(hypercall(__HYPERVISOR_set_trap_table, (uint64_t)endless, 0, 0, 0, 0), -XEN_EINVAL);
	expect_eq(hypercall(__HYPERVISOR_set_trap_table, va, 0, 0, 0, 0), -XEN_EFAULT);
	expect_eq(hypercall(__HYPERVISOR_set_trap_table, 0xffff808000000000, 0, 0, 0, 0), -XEN_EFAULT);
	expect_eq(hypercall(__HYPERVISOR_set_trap_table, 0x8000000000000000, 0, 0, 0, 0), -XEN_EFAULT);
	expect_eq(hypercall(__HYPERVISOR_set_trap_table, ~0ull, 0, 0, 0, 0), -XEN_EFAULT);
	traps_init();
	expect_trap(TRAP_UD, ud2, 0, 0);
}

TEST("an exception without a handler stops the domain", .dies = "no handler")
{
	hypercall(__HYPERVISOR_set_trap_table, 0, 0, 0, 0, 0);
	ud2(0, 0);
}

TEST("a handler at a non-canonical address stops the domain", .dies = "no handler")
{
	trap_set(TRAP_UD, 0, 0, 0x8000000000000000);
	ud2(0, 0);
}

TEST("a handler in the kernel's own code stops the domain", .dies = "no handler")
{
	trap_set(TRAP_UD, 0, 0, 0xffff808000100000);
	ud2(0, 0);
}

TEST("an exception with an unmapped stack stops the domain", .dies = "no stack")
{
	bad_stack(pt_space() + 512, 0);
}

TEST("an exception with a non-canonical stack stops the domain", .dies = "no stack")
{
	bad_stack(0x8000000000000000, 0);
}

TEST("an exception with a stack in the kernel's memory stops the domain", .dies = "no stack")
{
	bad_stack(0xffff808000101000, 0);
}

TEST("an exception with a stack at address 0 stops the domain", .dies = "no stack")
{
	bad_stack(8, 0);
}

TEST("a handler that faults for ever stops its domain when the stack ends", .paging = BOTH, .dies = "no stack")
{
	trap_set(TRAP_PF, 0, 0, pt_space());
	load_noncanonical(pt_space(), 0);
}

TEST("a bounce frame may cross a page, and is written whole or not at all", .dies = "no stack")
{
	char *two = page_alloc(2);

	expect_trap(TRAP_UD, bad_stack, two + PAGE_SIZE + 16, 0);
	expect_eq(trapped.word[6], FLAT_KERNEL_SS);
	hc_update_va_mapping((uint64_t)two, 0);
	bad_stack((uint64_t)two + PAGE_SIZE + 16, 0);
}
