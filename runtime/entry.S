/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * _start - the first instruction of a native domain.
 * In:  rsi = struct start_info, rsp = top of the stack; upcalls masked.
 * Out: runtime_start(start_info), which does not return.
 */
	.section .text.entry, "ax"
	.globl _start
	.type _start, @function
_start:
	xor	%ebp, %ebp
	and	$-16, %rsp
	mov	%rsi, %rdi
	call	runtime_start
	ud2
	.size _start, . - _start

	.section .note.GNU-stack, "", @progbits
