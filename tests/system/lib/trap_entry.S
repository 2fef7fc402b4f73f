/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trap_entry - where the kernel's bounces arrive.
 * In: rcx, r11, an error code with some, rip, cs, rflags, rsp, ss on the stack.
 * Each stub pushes its number; what the registers were is kept in trap_gpr.
 */
	.text
	.balign 16
	.globl trap_stubs
trap_stubs:
	.set vector, 0
	.rept 259
	.balign 16
	.byte 0x68		/* pushq imm32	*/
	.long vector
	jmp trap_common
	.set vector, vector + 1
	.endr

trap_common:
	movq %rax, trap_gpr
	movq %rcx, trap_gpr + 8
	movq %rdx, trap_gpr + 16
	movq %rbx, trap_gpr + 24
	movq %rsp, trap_gpr + 32
	movq %rbp, trap_gpr + 40
	movq %rsi, trap_gpr + 48
	movq %rdi, trap_gpr + 56
	movq %r8, trap_gpr + 64
	movq %r9, trap_gpr + 72
	movq %r10, trap_gpr + 80
	movq %r11, trap_gpr + 88
	movq %r12, trap_gpr + 96
	movq %r13, trap_gpr + 104
	movq %r14, trap_gpr + 112
	movq %r15, trap_gpr + 120
	pushfq
	popq %rdx
	cld
	popq %rsi		/* the number	*/
	movq %rsp, %rdi		/* the frame	*/
	movq %rsp, %rbp
	andq $-16, %rsp
	call trap_taken		/* returns only to go back where it came from: how many words to skip */
	movq %rbp, %rsp
	leaq (%rsp, %rax, 8), %rsp
	/* rip, cs, rflags, rsp, ss: HYPERVISOR_iret wants rax, r11, rcx and flags below them */
	pushq $0
	pushq trap_gpr + 8
	pushq trap_gpr + 88
	pushq trap_gpr
	movq trap_gpr + 16, %rdx
	movq trap_gpr + 24, %rbx
	movq trap_gpr + 40, %rbp
	movq trap_gpr + 48, %rsi
	movq trap_gpr + 56, %rdi
	movq trap_gpr + 64, %r8
	movq trap_gpr + 72, %r9
	movq trap_gpr + 80, %r10
	movq trap_gpr + 96, %r12
	movq trap_gpr + 104, %r13
	movq trap_gpr + 112, %r14
	movq trap_gpr + 120, %r15
	movl $23, %eax		/* __HYPERVISOR_iret */
	syscall
	ud2

/* int traps(fn, a, b): catch_sp is where the innermost one began. */
	.globl traps
traps:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	pushq catch_sp
	movq %rsp, catch_sp
	movq %rdi, %rax
	movq %rsi, %rdi
	movq %rdx, %rsi
	call *%rax
	xorl %eax, %eax
1:	popq catch_sp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret

	.globl catch_return
catch_return:
	movq catch_sp, %rsp
	cld
	movl $1, %eax
	jmp 1b

/* iret(frame): 72 bytes, read from the stack they are copied to. */
	.globl iret
iret:
	subq $80, %rsp
	movq %rdi, %rsi
	movq %rsp, %rdi
	movl $9, %ecx
	rep movsq
	movl $23, %eax
	syscall
	ud2

	.bss
	.balign 8
	.globl trap_gpr, catch_sp
trap_gpr: .skip 128
catch_sp: .skip 8
	.section .note.GNU-stack, "", @progbits
