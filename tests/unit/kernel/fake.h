/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fake.h - the host as one more architecture: RAM is an arena, time stands still, and the CPU walks
 * the page tables that the kernel made.
 */
#pragma once

#include "../test.h"

#include <arch/cpu.h>
#include <core/domain.h>
#include <core/frame.h>
#include <core/hypercall.h>
#include <core/lib.h>
#include <core/vcpu.h>

struct fake_gsi {
	uint8_t vector;
	uint32_t flags;
	bool routed, masked;
};

struct fake {
	uint64_t now;	     /* what time_now() says			*/
	uint64_t programmed; /* deadline of the CPU's timer		*/
	uint32_t cpu;	     /* the one that runs the kernel		*/
	uint32_t cpus;	     /* how many there are; 0: one		*/
	uint32_t asked;	     /* bitmap: others that shall look whether to choose again	*/
	void (*idle)(void);  /* what happens while a CPU is idle; NULL: its timer fires	*/
	unsigned preempt;    /* an interrupt waits at each n-th look; 0: never */
	unsigned looks, continued;
	unsigned flushes; /* CR3 loads				*/
	char console[4096];
	size_t console_len;
	struct fake_gsi gsi[256];
	guest_ptr_t hole, hole_end;	/* guest memory that faults, besides page 0	*/
	guest_ptr_t memory, memory_end; /* all that guests have; 0: whatever the host has */
	bool expect_panic;		/* a panic is the test's success		*/
	struct {
		uint32_t cpus, cpu[8], ioapic_gsi, isa[16];
		uint64_t ioapic;
	} found; /* in ACPI tables */
	struct {
		uint32_t msr;
		uint64_t value;
	} msr[8]; /* written, in order */
	unsigned nr_msrs;
	void (*touched)(mfn_t m); /* another CPU, when the kernel is about to look at a frame	*/
	struct {
		const struct spinlock *lock;
		unsigned nth; /* time that it is wanted		*/
		void (*act)(void);
	} faster; /* another CPU that gets a lock first, once	*/
};

extern struct fake fake;

/* An address that no guest has mapped. */
#define BAD_POINTER 0x10ull

/* kmain() ends with this status when the first domain runs. */
#define FAKE_FIRST_RUNS 7
struct vcpu *fake_first(void);

/* RAM of so many frames.  The first MiB is the firmware's, the last FAKE_DEVICE frames are a device. */
#define FAKE_DEVICE 16
void fake_boot(mfn_t frames);
/* Has the CPU PCIDs?  Not by itself, but for the environment's PCID=1. */
void fake_pcids(bool on);
/* What machine-to-physical says of m. */
gfn_t fake_m2p(mfn_t m);
static inline mfn_t fake_device(void)
{
	return frame_max - FAKE_DEVICE;
}

/* ---- a guest, run by the kernel's own calls ---- */

#define GUEST_FRAMES 2048

struct guest {
	struct domain *d;
	struct vcpu *v;
	uint32_t nr;
	uint64_t mfn[GUEST_FRAMES];
};

/* Create it, give it nr frames and start it; mfn[0] is its (empty) top-level table. */
void guest_make(struct guest *g, uint16_t id, uint32_t nr, uint8_t paging);
/* Let the scheduler go round until its first vCPU runs. */
void guest_run(struct guest *g);
/* A hypercall of v, issued again as long as the kernel wants to continue it. */
long hc(struct vcpu *v, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3);
#define PTR(x) ((uint64_t)(uintptr_t)(x))

/* ---- the fake CPU (mmu_fake.c) ---- */

struct cpu_result {
	bool ok;	/* the access went through ...			*/
	uint64_t error; /* ... or the guest sees a page fault with this	*/
	mfn_t m;	/* where it went				*/
};

/* v's kernel (or user, by v's mode) touches va; misses go to the kernel, as on the real CPU. */
struct cpu_result cpu_access(struct vcpu *v, uint64_t va, unsigned access);
void cpu_write(struct vcpu *v, uint64_t va, uint64_t value);
/* Every translation that the CPU may still have, and every one that the domain's cache holds, names
 * a frame that the domain may use; the cache's own books agree.  Fails the test otherwise. */
void tlb_check(struct domain *d);
/* The domain announces what it does to its tables: then the cache must agree with them, too. */
extern bool well_behaved;
/* What tests/debug/fsck.c finds is counted, where it is expected: else the test fails. */
extern bool fsck_expected;
extern unsigned fsck_faults;
void cpu_check(struct domain *d);
/* The guest's own table for va at this level, made from frames *next.. of g when there is none. */
mfn_t guest_table(struct guest *g, mfn_t root, uint64_t va, unsigned level, uint32_t *next);
/* Write the guest's leaf entry for va, tables made as needed, as a native guest would. */
void guest_map(struct guest *g, mfn_t root, uint64_t va, uint64_t entry, uint32_t *next);
uint64_t *guest_entry(mfn_t table, unsigned index);
