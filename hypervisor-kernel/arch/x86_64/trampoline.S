/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trampoline.S - another CPU's way from real mode to C.
 *
 * The first part is copied to a page below 1 MiB, where STARTUP lets the CPU begin in real mode with that
 * page's segment in cs.  It runs by the boot page tables, which map the first GiB at 0 meanwhile.
 */
#include <arch/layout.h>
#include "asm-offsets.h"

#define PHYS(sym) ((sym) - KERNEL_VIRT)
#define PAGE	  0x8000	/* TRAMPOLINE of smp.c		*/
#define AT(sym)	  (PAGE + (sym) - trampoline)

	.section .rodata
	.balign 16
	.globl trampoline, trampoline_end
	.code16
trampoline:
	cli
	cld
	movw %cs, %ax
	movw %ax, %ds
	lgdtl gdt_pointer - trampoline
	movl $0x11, %eax	/* PE, ET	*/
	movl %eax, %cr0
	ljmpl $8, $AT(protected)
	.code32
protected:
	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %ss
	movl $0x20, %eax	/* PAE		*/
	movl %eax, %cr4
	movl $PHYS(boot_l4), %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x901, %eax	/* NX, LME, SCE	*/
	wrmsr
	movl $0x80010033, %eax	/* PG WP NE ET MP PE	*/
	movl %eax, %cr0
	ljmpl $0x18, $AT(long_mode)
	.code64
long_mode:
	movabsq $cpu_high, %rax
	jmp *%rax
	.balign 8
gdt:
	.quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff
gdt_pointer:
	.short 31
	.long AT(gdt)
trampoline_end:

	.text
cpu_high:
	xorl %eax, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl %eax, %fs
	movl %eax, %gs
	xorl %ebp, %ebp
	movq cpu_starting(%rip), %rdi
	movq CPU_STACK_TOP(%rdi), %rsp
	call cpu_entry
	ud2
	.section .note.GNU-stack, "", @progbits
