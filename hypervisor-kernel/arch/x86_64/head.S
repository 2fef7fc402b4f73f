/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * head.S - from the boot loader to C.
 *
 * Two ways in, both in 32-bit protected mode with paging off: PVH (ebx = struct hvm_start_info,
 * xen/arch-x86/hvm/start_info.h) and multiboot2 (eax = its magic, ebx = the information).  Either
 * way the first GiB gets mapped at 0 and at KERNEL_VIRT, and boot_entry(kind, address) runs on the
 * boot CPU's stack.
 */
#include <arch/layout.h>
#include "asm-offsets.h"

#define PHYS(sym) ((sym) - KERNEL_VIRT)

	.section .head, "ax"
	.balign 8
multiboot2_header:
	.long 0xe85250d6, 0, multiboot2_end - multiboot2_header
	.long -(0xe85250d6 + (multiboot2_end - multiboot2_header))
	.short 1, 0		/* wants: memory map, ACPI old and new, command line, modules */
	.long 8 + 4 * 3
	.long 6, 3, 1
	.balign 8
	.short 3, 0		/* entry address: physical	*/
	.long 12
	.long PHYS(multiboot2_entry)
	.balign 8
	.short 0, 0
	.long 8
multiboot2_end:

	.section .note.Xen, "a"
	.balign 4
	.long 4, 4, 18		/* XEN_ELFNOTE_PHYS32_ENTRY	*/
	.asciz "Xen"
	.long PHYS(pvh_entry)

	.section .head, "ax"
	.code32
	.globl pvh_entry, multiboot2_entry
pvh_entry:
	movl $1, %edi
	jmp start32
multiboot2_entry:
	movl $2, %edi
	cmpl $0x36d76289, %eax
	je start32
	movl $0, %edi
start32:
	cld
	cli
	movl %ebx, %esi
	movl $PHYS(cpu_stacks + STACKS_SIZE), %esp

	/* Long mode with NX and SYSCALL, or stop: there is nobody to complain to yet. */
	movl $0x80000001, %eax
	cpuid
	btl $29, %edx
	jnc halt32

	movl $PHYS(boot_l3) + 3, PHYS(boot_l4)
	movl $PHYS(boot_l3) + 3, PHYS(boot_l4) + 8 * SLOT_KERNEL
	movl $PHYS(boot_l2) + 3, PHYS(boot_l3)
	movl $0x83, %eax
	movl $PHYS(boot_l2), %ecx
1:	movl %eax, (%ecx)
	addl $0x200000, %eax
	addl $8, %ecx
	cmpl $PHYS(boot_l2) + 4096, %ecx
	jb 1b

/* long_mode - paging is off.  In: edi = 0 to 2 and esi for boot_entry(), or 3: another CPU, which trampoline.S began. */
	.globl long_mode
long_mode:
	movl %cr4, %eax
	orl $0x60, %eax		/* PAE MCE	*/
	movl %eax, %cr4
	movl $PHYS(boot_l4), %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x901, %eax	/* NX, LME, SCE	*/
	wrmsr
	movl $0x80010033, %eax	/* PG WP NE ET MP PE	*/
	movl %eax, %cr0
	lgdt PHYS(boot_gdt_pointer)
	ljmpl $8, $PHYS(start64)
halt32:	hlt
	jmp halt32

	.code64
start64:
	movabsq $high, %rax
	jmp *%rax
high:
	xorl %ebp, %ebp
	cmpl $3, %edi
	je 2f
	leaq cpu_stacks + STACKS_SIZE(%rip), %rsp
	movl %edi, %edi
	movl %esi, %esi
	call boot_entry
	ud2
2:	movq cpu_starting(%rip), %rdi
	movq CPU_STACK_TOP(%rdi), %rsp
	call cpu_entry
	ud2

	.section .data
	.balign 8
	.globl boot_gdt
boot_gdt:			/* code, data, and for trampoline.S code of 32 bits	*/
	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff
boot_gdt_pointer:
	.short 31
	.quad PHYS(boot_gdt)

	.bss
	.balign 4096
	.globl boot_l4, boot_l3
boot_l4: .skip 4096
boot_l3: .skip 4096
boot_l2: .skip 4096
	.section .note.GNU-stack, "", @progbits
