/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * entry.S - in and out of a guest.
 *
 * The registers of the guest are saved straight into the current vCPU: TSS.rsp0 and
 * cpu.regs_end point to the end of its struct regs.  The C code then runs on the CPU's one
 * stack with interrupts off and leaves through return_to_guest; it never returns here.
 */
#include <arch/layout.h>
#include "asm-offsets.h"

	.macro PUSH_GPRS
	pushq %rdi
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq %rax
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	.endm

	.macro POP_GPRS
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rax
	popq %rcx
	popq %rdx
	popq %rsi
	popq %rdi
	.endm

/* A NOP that becomes STAC or CLAC at boot where the CPU has SMAP. */
	.macro SMAP_SITE open
9999:	.byte 0x0f, 0x1f, 0x00
	.pushsection .smap_sites, "a"
	.quad 9999b, \open
	.popsection
	.endm

	.macro EXTABLE from, to
	.pushsection .extable, "a"
	.quad \from, \to
	.popsection
	.endm

	.text
/*
 * trap_stubs - one 16-byte stub a vector: equalise the error code, push the vector.
 */
	.balign 16
	.globl trap_stubs
trap_stubs:
	.set vector, 0
	.rept 256
	.balign 16
	.if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
	pushq $0
	.endif
	.if vector == 2 || vector == 8 || vector == 18
	pushq $vector
	jmp paranoid_entry
	.else
	.byte 0x68		/* pushq imm32, fixed size	*/
	.long vector
	jmp trap_entry
	.endif
	.set vector, vector + 1
	.endr

/*
 * trap_entry - an exception or interrupt.
 * In: vector, error, rip, cs, rflags, rsp, ss on the stack, which is the current vCPU's register
 * area if cs is ring 3, and whatever the kernel was using otherwise.
 */
	.balign 16
trap_entry:
	testb $3, 24(%rsp)
	jz trap_in_kernel
	swapgs
trap_save:
	cld
	PUSH_GPRS
	movq %rsp, %rdi
	movq %gs:CPU_STACK_TOP, %rsp
	xorl %ebp, %ebp
	call trap_from_guest
	ud2

trap_in_kernel:
	pushq %rax
	leaq return_iretq(%rip), %rax
	cmpq %rax, 24(%rsp)
	popq %rax
	je return_fault
	PUSH_GPRS
	cld
	movq %rsp, %rdi
	movq %rsp, %rbx
	movq %rsp, %rbp
	andq $-16, %rsp
	call trap_from_kernel
	movq %rbx, %rsp
	POP_GPRS
	addq $16, %rsp
	iretq

/*
 * return_fault - the IRETQ to a guest faulted: its cs, ss or rip is bad.
 * The general registers are the guest's again, its five-word frame stands untouched at the end of
 * its register area.  Make it look like a #GP of the guest itself, marked in the vector (0x200).
 */
return_fault:
	swapgs
	addq $8, %rsp
	popq %gs:CPU_SCRATCH
	movq %gs:CPU_REGS_END, %rsp
	subq $40, %rsp
	pushq %gs:CPU_SCRATCH
	pushq $0x20d
	jmp trap_save

/*
 * syscall_entry - a domain executed SYSCALL.
 * In:  rax = number, rcx = its rip, r11 = its rflags; rsp is still the guest's; interrupts off.
 * Out: continues in C and never returns here.
 */
	.balign 16
	.globl syscall_entry
syscall_entry:
	swapgs
	movq %rsp, %gs:CPU_SCRATCH
	movq %gs:CPU_REGS_END, %rsp
	pushq $SEL_GUEST_SS
	pushq %gs:CPU_SCRATCH
	pushq %r11
	pushq $SEL_GUEST_CS
	pushq %rcx
	pushq $0
	pushq $0x100
	PUSH_GPRS
	movq %rsp, %rdi
	movq %gs:CPU_STACK_TOP, %rsp
	xorl %ebp, %ebp
	call syscall_from_guest
	ud2

/* syscall32_entry - SYSCALL from a 32-bit code segment (AMD, long mode). */
	.balign 16
	.globl syscall32_entry
syscall32_entry:
	swapgs
	movq %rsp, %gs:CPU_SCRATCH
	movq %gs:CPU_REGS_END, %rsp
	pushq $SEL_GUEST_SS
	pushq %gs:CPU_SCRATCH
	pushq %r11
	pushq $SEL_GUEST_CS32
	pushq %rcx
	pushq $0
	pushq $0x101
	PUSH_GPRS
	movq %rsp, %rdi
	movq %gs:CPU_STACK_TOP, %rsp
	xorl %ebp, %ebp
	call syscall_from_guest
	ud2

/* return_to_guest(struct vcpu *v) - load v's registers and leave ring 0. */
	.balign 16
	.globl return_to_guest
return_to_guest:
	movq %rdi, %rsp
	POP_GPRS
	addq $16, %rsp
	swapgs
return_iretq:
	iretq

/*
 * paranoid_entry - NMI, double fault, machine check: they may hit between an entry and its SWAPGS,
 * so the GS base says nothing.  Each has a stack of its own whose top holds the CPU's address.
 */
	.balign 16
paranoid_entry:
	PUSH_GPRS
	cld
	rdgsbase %r12
	movq 176(%rsp), %rax
	wrgsbase %rax
	movq %rsp, %rdi
	movq %rsp, %rbx
	xorl %ebp, %ebp
	call trap_paranoid
	movq %rbx, %rsp
	wrgsbase %r12
	POP_GPRS
	addq $16, %rsp
	iretq

/*
 * uaccess_copy(dst, src, len) - one side is guest memory, range already checked.
 * Returns 0, or 1 when an access faulted for good.
 */
	.globl uaccess_copy
uaccess_copy:
	SMAP_SITE 1
	movq %rdx, %rcx
	shrq $3, %rcx
1:	rep movsq
	movl %edx, %ecx
	andl $7, %ecx
2:	rep movsb
	SMAP_SITE 0
	xorl %eax, %eax
	ret
3:	SMAP_SITE 0
	movl $1, %eax
	ret
	EXTABLE 1b, 3b
	EXTABLE 2b, 3b

/* load_selector_*(uint16_t sel) - a selector the guest chose; a bad one becomes null. */
	.macro LOAD_SELECTOR name, seg
	.globl load_selector_\name
load_selector_\name:
1:	movl %edi, %\seg
	ret
2:	xorl %edi, %edi
	jmp 1b
	EXTABLE 1b, 2b
	.endm
	LOAD_SELECTOR ds, ds
	LOAD_SELECTOR es, es
	LOAD_SELECTOR fs, fs

/* load_selector_gs(uint16_t sel) - the same; returns the segment's base.  The kernel's own GS base
 * and the guest's live one survive. */
	.globl load_selector_gs
load_selector_gs:
	rdgsbase %rdx
1:	movl %edi, %gs
	rdgsbase %rax
	wrgsbase %rdx
	testl $0xfffc, %edi
	jnz 3f
	xorl %eax, %eax
3:	ret
2:	xorl %edi, %edi
	jmp 1b
	EXTABLE 1b, 2b

/* cpu_idle() - wait for one interrupt with interrupts on; the interrupt is handled on return. */
	.globl cpu_idle
cpu_idle:
	sti
	hlt
	cli
	ret
	.section .note.GNU-stack, "", @progbits
