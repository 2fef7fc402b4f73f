/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * entry.S - the first instruction of a tiny guest, and the notes that make it a PV kernel
 * (xen/elfnote.h; the format is that of ELF notes).
 */
#include <xen/elfnote.h>

	.text
	.globl	entry
entry:
	mov	%rsi, %rdi
	call	guest

	.macro	note type, value:vararg
	.balign	4
	.long	4, 8, \type
	.asciz	"Xen"
	.quad	\value
	.endm

	.section .note.Xen, "a", @note
	note	XEN_ELFNOTE_ENTRY, entry
	note	XEN_ELFNOTE_VIRT_BASE, 0xffffffff80000000
	note	XEN_ELFNOTE_PADDR_OFFSET, 0
	note	XEN_ELFNOTE_INIT_P2M, 0x8000000000
	note	XEN_ELFNOTE_MOD_START_PFN, 1

	.section .note.GNU-stack, "", @progbits
