/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vcpu.h - the x86-64 part of a vCPU: what a trap saves, and the guest's virtual CPU.
 * Assembly reaches the fields through asm-offsets.c.
 */
#pragma once

#include <core/types.h>
#include <xen/callback.h>

/* In the order the entry code pushes them, last pushed first. */
struct regs {
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

struct trap_entry {
	uint64_t address;
	uint8_t dpl;
	uint8_t masks; /* delivery sets the upcall mask	*/
	uint8_t fast;  /* it does, and the address is good	*/
};

#define GUEST_GDT_ENTRIES 64
#define FPU_AREA_SIZE	  4096

struct arch_vcpu {
	struct regs regs;     /* TSS.rsp0 points to its end: 16-byte aligned	*/
	uint64_t kernel_mode; /* 1: guest kernel runs, 0: guest user		*/
	uint64_t kernel_sp;   /* stack for bounces from user			*/
	uint64_t bounce_sp;   /* the same, aligned and checked; 0: not usable	*/
	uint64_t faulted;     /* where user mode had a fault that its kernel was told of, 0: none	*/
	uint64_t cr3[2];      /* hardware root: [0] user, [1] kernel; 0 = must be made	*/
	uint64_t gs_base[2];  /* of the mode that does not run			*/
	struct callback {
		uint64_t address;
		bool masks; /* the upcall mask is set */
	} callback[CALLBACKTYPE_syscall32 + 1];
	uint8_t syscall_fast;	      /* 1: entry.S may bounce: masks, callback and stack are good; 2: through area */
	struct guise_vcpu_area *area; /* personality.c; NULL: none			*/
	uint64_t direct_entry, direct_back; /* where it is entered, and goes back to the user	*/
	uint16_t user_cs, user_ss;

	mfn_t root[2]; /* the guest's own top tables: [0] user, [1] kernel	*/
	uint64_t fs_base;
	uint16_t ds, es, fs, gs;
	bool fpu_ts, iopl;
	struct trap_entry trap[256];
	uint64_t gdt[GUEST_GDT_ENTRIES]; /* checked copy of the guest's descriptors	*/
	mfn_t gdt_mfn;			 /* where the guest keeps them, INVALID_MFN = none	*/
	uint32_t gdt_entries;
	uint64_t *ldt; /* checked copy, NULL = none				*/
	uint32_t ldt_entries;
	uint64_t dr[8];
	struct cpu *home; /* the CPU that loaded it last			*/
	bool gdt_changed; /* by another CPU while this one had it		*/
	uint64_t cr4;
	uint8_t fpu[FPU_AREA_SIZE] __attribute__((aligned(64)));
};
