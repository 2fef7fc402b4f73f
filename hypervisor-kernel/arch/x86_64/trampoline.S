/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trampoline.S - another CPU's way from real mode to C.
 *
 * This is copied to a page below 1 MiB, where STARTUP lets the CPU begin in real mode with that
 * page's segment in cs.  It goes on in head.S, by the boot page tables, which map the first GiB at 0 meanwhile.
 */
#include <arch/layout.h>

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
	ljmpl $0x18, $AT(protected)
	.code32
protected:
	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %ss
	movl $3, %edi
	ljmpl $0x18, $PHYS(long_mode)
gdt_pointer:
	.short 31
	.long PHYS(boot_gdt)
trampoline_end:
	.section .note.GNU-stack, "", @progbits
