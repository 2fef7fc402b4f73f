/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * layout.h - the address space of the kernel: top-level slots 256 to 271 of every hardware root.
 * docs/memory-layout.md has the picture.  Included by assembly too.
 */
#pragma once

#define M2P_VIRT    0xffff800000000000 /* slot 256: machine-to-physical, readable by guest kernels	*/
#define KERNEL_VIRT 0xffff808000000000 /* slot 257: the kernel image, + machine address		*/
#define DIRECT_VIRT 0xffff810000000000 /* slots 258 to 271: all RAM, + machine address	*/
#define HYPER_START 0xffff800000000000
#define HYPER_END   0xffff880000000000
#define SLOT_M2P    256
#define SLOT_KERNEL 257
#define SLOT_DIRECT 258
#define SLOT_END    272

/* Selectors: entries from 0x1c00 on are the kernel's (xen/arch-x86/xen-x86_64.h). */
#define SEL_BASE       0xe000
#define SEL_KERNEL_CS  0xe008
#define SEL_KERNEL_SS  0xe010
#define SEL_GUEST_CS32 0xe023
#define SEL_GUEST_SS   0xe02b
#define SEL_GUEST_CS   0xe033
#define SEL_TSS	       0xe040
#define SEL_LDT	       0xe050
#define GDT_BYTES      0xe060

#define CPU_STACK_SIZE 16384

/* Ways in that are no vector of the CPU, as the entry code tells them (struct regs, vector). */
#define VECTOR_SYSCALL	  0x100
#define VECTOR_SYSCALL32  0x101
#define VECTOR_BAD_RETURN 0x200 /* IRETQ to the guest faulted		*/
#define VECTOR_NO_STACK	  0x201 /* no room for a bounce frame		*/
