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

	.macro PUSH regs:vararg
	.irp reg, \regs
	pushq %\reg
	.endr
	.endm

	.macro POP regs:vararg
	.irp reg, \regs
	popq %\reg
	.endr
	.endm

#define PUSH_GPRS PUSH rdi, rsi, rdx, rcx, rax, r8, r9, r10, r11, rbx, rbp, r12, r13, r14, r15
#define POP_GPRS  POP r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi

/* The guest's general registers are saved behind what stands there; fn(struct regs *) runs on the CPU's stack. */
	.macro SAVE_AND_CALL fn
	PUSH_GPRS
	movq %rsp, %rdi
	movq %gs:CPU_STACK_TOP, %rsp
	xorl %ebp, %ebp
	call \fn
	.endm

/* What follows may become something else at boot (patch_init()). */
	.macro SITE what
	.pushsection .patch_sites, "a"
	.quad 9999f, \what
	.popsection
9999:
	.endm

/* A NOP that becomes STAC or CLAC where the CPU has SMAP. */
	.macro SMAP_SITE open
	SITE \open
	.byte 0x0f, 0x1f, 0x00
	.endm

/* What the kernel left in the CPU's buffers is overwritten (SDM, MD_CLEAR); a NOP where that is not needed. */
	.macro CLEAR_BUFFERS
	SITE 2
	verw kernel_ss(%rip)
	.endm

/* A guest's root for its other mode.  The load forgets all that was cached, which is counted, but with PCIDs: then the
 * count becomes a NOP. */
	.macro LOAD_ROOT root
	movq %\root, %gs:CPU_CR3
	SITE 3
	incq %gs:CPU_FLUSH_EPOCH
	movq %\root, %cr3
	.endm

/* HIDE to - a jump to there where the kernel hides, in place of the next 5 bytes or more, which nobody jumps into. */
#define HIDE SITE

/* A fault of an instruction at one of these places goes on at to. */
	.macro EXTABLE to, from:vararg
	.pushsection .extable, "a"
	.irp at, \from
	.quad \at, \to
	.endr
	.popsection
	.endm

	.section .gate, "ax"
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
	pushq $vector
	.if vector == 2 || vector == 8 || vector == 18
	jmp paranoid_entry
	.elseif vector == 1
	jmp debug_entry
	.elseif vector == 14
	jmp page_fault_entry
	.else
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
	HIDE gate_trap
	testb $3, 24(%rsp)
	jz trap_in_kernel
	swapgs
trap_save:
	SMAP_SITE 0		/* an exception leaves the guest's AC set */
	cld
	SAVE_AND_CALL trap_from_guest
	ud2

trap_in_kernel:
	cmpl $return_iretq - KERNEL_VIRT, 16(%rsp)	/* of rip, the half that differs */
	je return_fault
	PUSH_GPRS
	cld
	movq %rsp, %rdi
	movq %rsp, %rbp
	andq $-16, %rsp
	call trap_from_kernel
	movq %rbp, %rsp
	POP_GPRS
	addq $16, %rsp
	iretq

/*
 * debug_entry - #DB, on a stack of its own: one that MOV SS put off may come behind the SYSCALL, with the guest's stack
 * and GS base still there.  That one is lost; nothing else in the kernel makes any.
 */
	.balign 16
debug_entry:
	pushq %rax
	HIDE gate_debug
	testb $3, 32(%rsp)
	jnz gate_move
debug_in_kernel:
	popq %rax
	jmp paranoid_entry

/*
 * return_fault - the IRETQ to a guest faulted: its cs, ss or rip is bad.
 * The general registers are the guest's again, its five-word frame stands untouched at the end of
 * its register area.  Make it look like a #GP of the guest itself, marked by its vector.
 */
return_fault:
	swapgs
	addq $8, %rsp
	popq %gs:CPU_SCRATCH
	movq %gs:CPU_REGS_END, %rsp
	subq $40, %rsp
	pushq %gs:CPU_SCRATCH
	pushq $VECTOR_BAD_RETURN
	jmp trap_save

/*
 * TO_KERNEL - the guest leaves its user mode: root, GS base and the mode change hands.
 * In: rax = vcpu, rbx = hardware root of its kernel; rbx is lost.  No fault can happen here.
 */
	.macro TO_KERNEL
	movq $1, VCPU_KERNEL_MODE(%rax)
	LOAD_ROOT rbx
	swapgs
	rdgsbase %rbx
	movq %rbx, VCPU_GS_BASE_USER(%rax)
	movq VCPU_GS_BASE_KERNEL(%rax), %rbx
	wrgsbase %rbx
	.endm

/* A system call to be looked at in C; rsp of the guest is in CPU_SCRATCH. */
	.macro SYSCALL_SAVE cs, vector
	movq %gs:CPU_REGS_END, %rsp
	pushq $SEL_GUEST_SS
	pushq %gs:CPU_SCRATCH
	pushq %r11
	pushq $\cs
	pushq %rcx
	pushq $0
	pushq \vector
	SAVE_AND_CALL syscall_from_guest
	ud2
	.endm

/*
 * syscall_entry - a domain executed SYSCALL.
 * In:  rax = number, rcx = its rip, r11 = its rflags; rsp is still the guest's; interrupts off.
 * Out: from guest user, straight into the guest kernel with a bounce frame; HYPERVISOR_iret
 *	straight to where it says; anything unusual, and every other hypercall, continues in C.
 */
	.balign 64
	.globl syscall_entry
syscall_entry:
	swapgs
	HIDE gate_syscall
	movq %rsp, %gs:CPU_SCRATCH
	movq %gs:CPU_STACK_TOP, %rsp
	pushq %rax
	pushq %rdx
	movq %gs:CPU_CURRENT, %rdx
	cmpq $0, VCPU_KERNEL_MODE(%rdx)
	jne syscall_of_kernel

/* Nothing is changed before all that is unusual has gone to syscall_slow: no callback, one that does
 * not mask upcalls, a root to be made, another vCPU to be run. */
	pushq %rbx
	movq %rdx, %rax
	movq VCPU_INFO(%rax), %rdx
	movq VCPU_CR3_KERNEL(%rax), %rbx
	testq %rbx, %rbx
	jz syscall_user_slow
	cmpb $0, INFO_MASK(%rdx)
	jne syscall_user_slow
	cmpb $0, %gs:CPU_RESCHED
	jne syscall_user_slow
	cmpb $1, VCPU_SYSCALL_FAST(%rax)
	jb syscall_user_slow
	ja syscall_direct
	TO_KERNEL
	swapgs
	incq VCPU_NR_SYSCALLS(%rax)
	movq VCPU_BOUNCE_SP(%rax), %rbx
	SMAP_SITE 1
1:	movq %rcx, -56(%rbx)
2:	movq %r11, -48(%rbx)
3:	movq %rcx, -40(%rbx)
	movl $SEL_GUEST_CS, %ecx
4:	movq %rcx, -32(%rbx)
	movq %r11, %rcx
	andl $~RFLAGS_IOPL, %ecx
5:	movq %rcx, -24(%rbx)
	movq %gs:CPU_SCRATCH, %rcx
6:	movq %rcx, -16(%rbx)
	movl $SEL_GUEST_SS, %ecx
7:	movq %rcx, -8(%rbx)
	SMAP_SITE 0
	movb $1, INFO_MASK(%rdx)
	movq VCPU_SYSCALL_CALLBACK(%rax), %rcx
	andl $~RFLAGS_CLEARED, %r11d
	leaq -56(%rbx), %rsp
	/* The stack of this CPU is left: what was pushed is still there, nothing can interrupt. */
	movq %gs:CPU_STACK_TOP, %rbx
	movq -8(%rbx), %rax
	movq -16(%rbx), %rdx
	movq -24(%rbx), %rbx
	swapgs
	CLEAR_BUFFERS
	sysretq

8:	SMAP_SITE 0
	popq %rbx
	popq %rdx
	popq %rax
	movl $VECTOR_NO_STACK, %ecx
	movq %rcx, %gs:CPU_SCRATCH + 8
	jmp syscall_save
	EXTABLE 8b, 1b, 2b, 3b, 4b, 5b, 6b, 7b

syscall_user_slow:
	popq %rbx
syscall_slow:
	popq %rdx
	popq %rax
	movq $VECTOR_SYSCALL, %gs:CPU_SCRATCH + 8
syscall_save:
	SYSCALL_SAVE SEL_GUEST_CS, %gs:CPU_SCRATCH + 8

/*
 * A guest kernel that registered an area (guise.h, struct guise_vcpu_entry) is entered with the user's stack; what
 * SYSRET needs two registers for is in the area, memory of the guest by its address in the direct map: no
 * fault can happen.  A field is read once, and made harmless before it is used.
 */
	.balign 16
syscall_direct:
	pushq %gs:CPU_SCRATCH
	TO_KERNEL
	incq VCPU_NR_SYSCALLS(%rax)
	movb $1, INFO_MASK(%rdx)
	movq VCPU_AREA(%rax), %rdx
	movq %rcx, AREA_RIP(%rdx)
	movq %r11, AREA_RFLAGS(%rdx)
	movq VCPU_DIRECT_ENTRY(%rax), %rcx
	movl $RFLAGS_IF | 2, %r11d
	movq 24(%rsp), %rax
	movq 16(%rsp), %rdx
	movq 8(%rsp), %rbx
	movq (%rsp), %rsp
	CLEAR_BUFFERS
	sysretq

/* Back to the user.  r11 and, on the slow way, rip are not looked at: direct_back() has the area. */
	.balign 16
syscall_direct_back:
	cmpb $0, %gs:CPU_RESCHED
	jne syscall_slow
	movq VCPU_INFO(%rdx), %rax
	cmpb $0, INFO_PENDING(%rax)
	jne syscall_slow
	movq VCPU_CR3_USER(%rdx), %r11
	testq %r11, %r11
	jz syscall_slow
	movb $0, INFO_MASK(%rax)
	movq $0, VCPU_KERNEL_MODE(%rdx)
	LOAD_ROOT r11
	incq VCPU_NR_IRETS(%rdx)
	pushq %gs:CPU_SCRATCH
	movq VCPU_AREA(%rdx), %rax
	movq AREA_RIP(%rax), %rcx
	shlq $16, %rcx
	sarq $16, %rcx
	movl AREA_RFLAGS(%rax), %r11d
	andl $RFLAGS_GUEST, %r11d
	orl $RFLAGS_IF | 2, %r11d
	movq VCPU_GS_BASE_USER(%rdx), %rax
	swapgs
	wrgsbase %rax
	movq 16(%rsp), %rax
	movq 8(%rsp), %rdx
	movq (%rsp), %rsp
	CLEAR_BUFFERS
	sysretq

/*
 * HYPERVISOR_iret (xen/arch-x86/xen-x86_64.h, struct iret_context): on the guest's stack stand
 * rax, r11, rcx, flags, rip, cs, rflags, rsp, ss.  rcx and r11 are free; until INFO_MASK is written
 * nothing but the dead saved registers is changed, and hc_iret() can begin anew.
 */
	.balign 16
syscall_of_kernel:
	cmpq VCPU_DIRECT_BACK(%rdx), %rcx
	je syscall_direct_back
	cmpq $HYPERVISOR_IRET, %rax
	jne syscall_call
	cmpb $0, %gs:CPU_RESCHED
	jne syscall_slow
	movq %rdx, %rax
	movq %gs:CPU_SCRATCH, %rcx
	movabsq $HYPER_END, %rdx
	cmpq %rdx, %rcx
	jb iret_slow
	cmpq $-128, %rcx
	ja iret_slow
	SMAP_SITE 1
1:	movzwl 64(%rcx), %r11d
	orl $3, %r11d
	movq %r11, VCPU_SS(%rax)
2:	movq 56(%rcx), %r11
	movq %r11, VCPU_RSP(%rax)
3:	movzwl 40(%rcx), %edx
4:	movq 32(%rcx), %r11
	movq %r11, VCPU_RIP(%rax)
5:	pushq 0(%rcx)
6:	pushq 8(%rcx)
7:	pushq 16(%rcx)
8:	movl 48(%rcx), %ecx
	SMAP_SITE 0
	movl %ecx, %r11d
	andl $RFLAGS_GUEST, %r11d
	orl $RFLAGS_IF | 2, %r11d
	movq %r11, VCPU_RFLAGS(%rax)
	movl %edx, %r11d
	orl $3, %r11d
	movq %r11, VCPU_CS(%rax)
	movq VCPU_INFO(%rax), %r11
	testl $RFLAGS_IF, %ecx
	jz 10f
	cmpb $0, INFO_PENDING(%r11)
	jne iret_slow_pop
	andl $3, %edx
	cmpl $3, %edx
	jne 9f
	cmpq $0, VCPU_FAULTED(%rax)
	jne 12f
13:	movq VCPU_CR3_USER(%rax), %rdx
	testq %rdx, %rdx
	jz iret_slow_pop
	movb $0, INFO_MASK(%r11)
	movq $0, VCPU_KERNEL_MODE(%rax)
	LOAD_ROOT rdx
	swapgs
	rdgsbase %rdx
	movq %rdx, VCPU_GS_BASE_KERNEL(%rax)
	movq VCPU_GS_BASE_USER(%rax), %rdx
	wrgsbase %rdx
	jmp iret_leave
9:	movb $0, INFO_MASK(%r11)
	swapgs
iret_leave:
	incq VCPU_NR_IRETS(%rax)
	popq %rcx
	popq %r11
	popq VCPU_RAX(%rax)
	popq %rdx
	leaq VCPU_RIP(%rax), %rsp
	movq VCPU_RAX(%rax), %rax
	CLEAR_BUFFERS
	jmp return_iretq
10:	/* A kernel that returns to a masked context; user mode with upcalls masked is for C. */
	andl $3, %edx
	cmpl $3, %edx
	je iret_slow_pop
	movb $1, INFO_MASK(%r11)
	swapgs
	jmp iret_leave

12:	PUSH rax, rdi, rsi, r8, r9, r10, r11
	movq %rax, %rdi
	call tlb_fill_answered
	POP r11, r10, r9, r8, rsi, rdi, rax
	jmp 13b

11:	SMAP_SITE 0
iret_slow_pop:
	movq %gs:CPU_STACK_TOP, %rsp
	subq $16, %rsp
iret_slow:
	movl $HYPERVISOR_IRET, %eax
	movq %rax, 8(%rsp)
	jmp syscall_slow
	EXTABLE 11b, 1b, 2b, 3b, 4b, 5b, 6b, 7b, 8b

/*
 * Of other hypercalls, GUISE_HC_PERSONALITY (guise.h) is mostly ROOTS or FLUSH: registers that C may change wait on the
 * CPU's stack.  SYSRET takes no rip but a canonical one (SDM 2B, SYSRET).
 */
syscall_call:
	cmpq $GUISE_HC_PERSONALITY, %rax
	jne syscall_slow
	movq %rcx, %rax
	shlq $16, %rax
	sarq $16, %rax
	cmpq %rcx, %rax
	jne syscall_slow
	PUSH rax, rcx, r11, rdi, rsi, r8, r9, r10
	movq 64(%rsp), %rdx
	movq %r10, %rcx
	call personality_quick
	testq %rax, %rax
	POP r10, r9, r8, rsi, rdi, r11, rcx, rdx
	jnz syscall_slow
	popq %rdx
	movq %gs:CPU_SCRATCH, %rsp
	swapgs
	CLEAR_BUFFERS
	sysretq

/*
 * page_fault_entry - as trap_entry, for the one exception that is part of normal work.
 * page_fault_from_guest() fills the software TLB or decides that the fault is the guest's own; the
 * guest is then resumed, or entered at its handler with a bounce frame, from here.
 */
	.balign 16
page_fault_entry:
	HIDE gate_trap
	testb $3, 24(%rsp)
	jz trap_in_kernel
	swapgs
page_fault_save:
	SMAP_SITE 0
	cld
	SAVE_AND_CALL page_fault_from_guest
	movq %gs:CPU_CURRENT, %rdi
	movq %rax, %rbx
	testq %rax, %rax
	jz return_to_guest

	movq %rdi, %rax
	TO_KERNEL
	swapgs
	movq VCPU_BOUNCE_SP(%rax), %rbx
	movq VCPU_INFO(%rax), %rsi
	SMAP_SITE 1
	movq VCPU_RCX(%rax), %rcx
1:	movq %rcx, -64(%rbx)
	movq VCPU_R11(%rax), %rcx
2:	movq %rcx, -56(%rbx)
	movq VCPU_ERROR(%rax), %rcx
3:	movq %rcx, -48(%rbx)
	movq VCPU_RIP(%rax), %rcx
4:	movq %rcx, -40(%rbx)
	movzwl VCPU_CS(%rax), %ecx
5:	movq %rcx, -32(%rbx)
	movl VCPU_RFLAGS(%rax), %r11d
	movl %r11d, %ecx
	andl $~RFLAGS_IOPL, %ecx
6:	movq %rcx, -24(%rbx)
	movq VCPU_RSP(%rax), %rcx
7:	movq %rcx, -16(%rbx)
	movq VCPU_SS(%rax), %rcx
8:	movq %rcx, -8(%rbx)
	SMAP_SITE 0
	movb $1, INFO_MASK(%rsi)
	andl $~RFLAGS_CLEARED, %r11d
	movq VCPU_TRAP_PF(%rax), %rcx
	leaq -64(%rbx), %rbx
	movq %rbx, %gs:CPU_SCRATCH
	movq %rax, %rsp
	POP r15, r14, r13, r12, rbp, rbx
	addq $8, %rsp
	POP r10, r9, r8, rax
	addq $8, %rsp
	POP rdx, rsi, rdi
	movq %gs:CPU_SCRATCH, %rsp
	swapgs
	CLEAR_BUFFERS
	sysretq

9:	SMAP_SITE 0
	movq %rax, %rdi
	movq $VECTOR_NO_STACK, VCPU_VECTOR(%rdi)
	call trap_from_guest
	ud2
	EXTABLE 9b, 1b, 2b, 3b, 4b, 5b, 6b, 7b, 8b

/* syscall32_entry - SYSCALL from a 32-bit code segment (AMD, long mode). */
	.balign 16
	.globl syscall32_entry
syscall32_entry:
	swapgs
	HIDE gate_syscall32
	movq %rsp, %gs:CPU_SCRATCH
syscall32_save:
	SYSCALL_SAVE SEL_GUEST_CS32, $VECTOR_SYSCALL32

/* return_to_guest(struct vcpu *v) - load v's registers and leave ring 0. */
	.balign 16
	.globl return_to_guest
return_to_guest:
	movq %rdi, %rsp
	POP_GPRS
	HIDE gate_leave
	addq $16, %rsp
	swapgs
	CLEAR_BUFFERS
return_iretq:
	iretq

/*
 * Where the kernel hides (speculation.c), guests' roots have of it the gate alone: this section and the data IN_GATE.
 * The root changes here, and registers move between the gate's stack and the vCPU.  What stands in the gate can be
 * read by any guest: of the one that was here it is the frame that IRET takes, and no other register.
 */
	.macro KERNEL_ROOT	/* rax is lost */
	movl $boot_l4 - KERNEL_VIRT, %eax
	movq %rax, %cr3
	.endm

/* gate_trap - trap_entry and page_fault_entry.  With the kernel's own root, too, which is loaded again. */
	.balign 16
gate_trap:
	pushq %rax
	KERNEL_ROOT
	testb $3, 32(%rsp)
	jz 1f
gate_move:
	swapgs
	movq %gs:CPU_REGS_END, %rax
	popq -64(%rax)		/* the guest's rax waits where rdi will be */
	movq $0, -8(%rsp)
	.irp to, 56, 48, 40, 32, 24, 16, 8
	popq -\to(%rax)
	.endr
	leaq -56(%rax), %rsp
	movq -8(%rsp), %rax
	cmpl $14, (%rsp)
	je page_fault_save
	jmp trap_save
1:	xchgq %rax, (%rsp)	/* and what waited is wiped */
	addq $8, %rsp
	jmp trap_in_kernel

gate_debug:
	KERNEL_ROOT
	testb $3, 32(%rsp)
	jz debug_in_kernel
	jmp gate_move

/* gate_syscall, gate_syscall32 - syscall_entry and syscall32_entry behind SWAPGS; all is for C. */
	.macro GATE_SYSCALL
	movq %rsp, %gs:CPU_SCRATCH
	movq %rax, %gs:CPU_SCRATCH + 16
	KERNEL_ROOT
	xchgq %rax, %gs:CPU_SCRATCH + 16
	.endm
gate_syscall:
	GATE_SYSCALL
	movq $VECTOR_SYSCALL, %gs:CPU_SCRATCH + 8
	jmp syscall_save
gate_syscall32:
	GATE_SYSCALL
	jmp syscall32_save

/*
 * gate_leave - the end of return_to_guest.  In: all but rsp, the GS base and the root are the guest's; rsp is 7 words
 * below the end of its register area.  Nothing can interrupt, so rsp serves as a register.
 */
gate_leave:
	addq $16, %rsp
	movq %gs:0, %rax
	.irp to, 40, 32, 24, 16, 8
	popq CPU_GATE_END - \to(%rax)
	.endr
	movq VCPU_RAX - VCPU_SS - 8(%rsp), %rsp
	movq %rsp, CPU_GATE_END - 48(%rax)
	leaq CPU_GATE_END(%rax), %rsp
	movq %rsp, CPU_TSS_RSP0(%rax)
	subq $48, %rsp
	movq CPU_CR3(%rax), %rax
	swapgs
	CLEAR_BUFFERS
	movq %rax, %cr3
	xchgq %rax, (%rsp)
	addq $8, %rsp
	jmp return_iretq

/*
 * paranoid_entry - NMI, double fault, machine check, #DB: they may hit between an entry and its SWAPGS, and with any
 * root, so GS base and root say nothing.  Each has a stack of its own, in the gate, whose top holds the CPU's address.
 */
	.balign 16
paranoid_entry:
	PUSH_GPRS
	cld
	rdgsbase %r12
	movq 176(%rsp), %rax
	wrgsbase %rax
	movq %cr3, %r13
	KERNEL_ROOT
	movq %rsp, %rdi
	xorl %ebp, %ebp
	call trap_paranoid
	wrgsbase %r12
	CLEAR_BUFFERS
	movq %r13, %cr3
	POP_GPRS
1:	pushq $0		/* the stack is wiped, but for the frame	*/
	testl $4095, %esp
	jnz 1b
	addq $4096 - 16 - 40, %rsp
	iretq
	.text

/*
 * uaccess_copy(dst, src, len) - one side is guest memory, range already checked.
 * Returns 0, or 1 when an access faulted for good.
 */
	.globl uaccess_copy
uaccess_copy:
	HIDE uaccess_hidden
	movq %rdx, %rcx
	shrq $3, %rcx
	SMAP_SITE 1
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
	EXTABLE 3b, 1b, 2b

/* load_selector_*(uint16_t sel) - a selector the guest chose; a bad one becomes null. */
	.irp seg, ds, es, fs
	.globl load_selector_\seg
load_selector_\seg:
1:	movl %edi, %\seg
	ret
2:	xorl %edi, %edi
	jmp 1b
	EXTABLE 2b, 1b
	.endr

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
	EXTABLE 2b, 1b

/* arch_idle() - wait for one interrupt with interrupts on; the interrupt is handled on return. */
	.globl arch_idle
arch_idle:
	sti
	hlt
	cli
	ret
	.section .rodata
kernel_ss: .short SEL_KERNEL_SS
	.section .note.GNU-stack, "", @progbits
