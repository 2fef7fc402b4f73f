/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * percpu.h - what belongs to one CPU, reached through its GS base while the kernel runs.
 */
#pragma once

#include <arch/cpu.h>
#include <arch/layout.h>

struct tss {
	uint32_t zero0;
	uint64_t rsp[3];
	uint64_t zero1;
	uint64_t ist[7];
	uint64_t zero2;
	uint16_t zero3, iomap_base;
	uint8_t iomap[8192 + 1];
} __attribute__((packed, aligned(16)));

#define LDT_MAX 8192 /* descriptors */

/* A CPU's stacks, each above a page that is not mapped: to grow into it is a double fault.  ist: IN_GATE. */
struct stacks {
	struct {
		uint8_t guard[4096], stack[4096];
	} ist[4];
	uint8_t guard[4096], stack[CPU_STACK_SIZE];
};
extern struct stacks cpu_stacks[MAX_CPUS]; /* the first are the boot CPU's */

/* The only data of the kernel that guests' roots map when it hides (docs/security.md): no secrets here. */
#define IN_GATE __attribute__((section(".bss.gate"), aligned(4096)))

/* IN_GATE */
struct cpu {
	struct cpu *self;
	struct vcpu *current; /* whose registers a trap saves; the idle vCPU never is	*/
	uint64_t regs_end;    /* end of current's saved registers				*/
	struct stacks *stacks;
	uint64_t stack_top;
	uint64_t scratch[4];	 /* of the entry code						*/
	uint64_t cr3;		 /* loaded now						*/
	bool resched;		 /* choose again before returning to a guest			*/
	bool ldt_loaded;	 /* LDTR is not null						*/
	bool breakpoints;	 /* some are armed						*/
	struct vcpu *loaded;	 /* whose FPU, segments and bases are in the CPU and not in memory	*/
	struct vcpu *kept;	 /* whose are in both, if it has not been elsewhere since (arch.home)	*/
	struct domain *tlb_of;	 /* whose tlb.cpus says that translations of its are in this CPU	*/
	struct domain *tlb_next; /* the same, while its root is looked up			*/
	uint32_t flush_asked;	 /* how often others wanted this CPU to flush ...		*/
	uint32_t flush_done;	 /* ... and up to which of these it did			*/
	uint16_t last_domain;	 /* that ran here	*/
	bool online;
	uint64_t boot_cr4;
	uint32_t id, apic_id;
	uint64_t flush_epoch;		/* of the last full flush on this CPU			*/
	uint64_t iomap_change;		/* which state of whose ports the I/O bitmap shows	*/
	uint32_t iomap_low, iomap_high; /* its bytes that open any		*/
	uint32_t irq_items;		/* of a long hypercall, since it was looked whether an interrupt waits	*/
	/* The stack of the gate (entry.S). */
	uint64_t gate[32] __attribute__((aligned(16)));
	struct tss tss;
	uint64_t gdt[GDT_BYTES / 8] __attribute__((aligned(4096)));
	uint64_t ldt[LDT_MAX]; /* loaded from here when the kernel hides	*/
};

static inline struct cpu *this_cpu(void)
{
	struct cpu *c;

	asm volatile("mov %%gs:0, %0" : "=r"(c));
	return c;
}
