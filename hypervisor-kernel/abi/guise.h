/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guise.h - Guise's own part of the contract between the microkernel and its domains.
 *
 * The rest of the contract is the 64-bit Xen PV ABI, taken from the headers of libxen-dev as they
 * are.  Guise's calls use the numbers that Xen reserves for the architecture (48 to 55), so a
 * stock kernel never meets them.  Every call passes an operation in rdi and, unless said
 * otherwise, the address of that operation's structure in rsi; the answer is in rax: 0 or a
 * positive value, or a negative errno (xen/errno.h).  Unknown operations answer -ENOSYS, unknown
 * flag bits and non-zero reserved fields -EINVAL, a handle that does not exist, is of another
 * kind or lacks the right -EPERM.  Plain C11; also compiles as C++.
 */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
#define ABI_LAYOUT(type, size) static_assert(sizeof(struct type) == (size), #type)
#else
#define ABI_LAYOUT(type, size) _Static_assert(sizeof(struct type) == (size), #type)
#endif

#define GUISE_HC_DOMAIN	     48 /* manage a domain by handle			*/
#define GUISE_HC_HANDLE	     49 /* derive and drop handles			*/
#define GUISE_HC_IRQ	     50 /* interrupts of devices				*/
#define GUISE_HC_DMA	     51 /* DMA-only grants					*/
#define GUISE_HC_SYSTEM	     52 /* the machine as a whole				*/
#define GUISE_HC_PERSONALITY 53 /* for a guest's kernel that was made for Guise	*/

/* ---- handles ---------------------------------------------------------------------------------
 * A handle is an index in its holder's own table.  What it allows is its kind; the kernel keeps
 * kind, range and target.  The first domain starts with the root handles below.
 */
#define GUISE_HANDLE_NONE   0
#define GUISE_HANDLE_DOMAIN 1 /* manage one domain					*/
#define GUISE_HANDLE_MMIO   2 /* map machine frames that are not RAM: [first, first + nr)	*/
#define GUISE_HANDLE_PORT   3 /* IN and OUT on I/O ports [first, first + nr)		*/
#define GUISE_HANDLE_IRQ    4 /* bind interrupts [first, first + nr)			*/
#define GUISE_HANDLE_MEMORY 5 /* create domains and give them free frames		*/
#define GUISE_HANDLE_SYSTEM 6 /* machine information, log, reset			*/
#define GUISE_HANDLE_DEVICE 7 /* own PCI functions [first, first + nr): bus << 8 | device << 3 | function */

/* Root handles of the first domain (its handle indices). */
#define GUISE_ROOT_MMIO	  1
#define GUISE_ROOT_PORT	  2
#define GUISE_ROOT_IRQ	  3
#define GUISE_ROOT_MEMORY 4
#define GUISE_ROOT_SYSTEM 5
#define GUISE_ROOT_DEVICE 6

/* GUISE_HC_HANDLE, rdi = */
#define GUISE_HANDLE_OP_DERIVE 0 /* struct guise_handle_derive; returns the index in the target	*/
#define GUISE_HANDLE_OP_DROP   1 /* rsi = handle itself, no structure				*/

/* Give a domain a part of what the caller may do.  The range must lie within the parent's.
 *
 * A DEVICE is given one at a time, and to one domain: -EBUSY while another has it, or when the firmware
 * keeps memory for it.  Where there is an IOMMU, the device then reaches the frames of that domain at
 * their machine addresses, and what the domain maps by GUISE_DMA_MAP at the bus addresses that it is told;
 * nothing else.  That ends when the handle is dropped or the domain destroyed.  A domain of more than 64 MiB
 * gets its device before its memory: -E2BIG. */
struct guise_handle_derive {
	uint32_t parent; /* in: caller's MMIO, PORT, IRQ or DEVICE handle		*/
	uint32_t domain; /* in: caller's DOMAIN handle of the receiver			*/
	uint64_t first;	 /* in: first frame, port, interrupt or function		*/
	uint64_t nr;	 /* in: how many, at least 1					*/
};
ABI_LAYOUT(guise_handle_derive, 24);

/* ---- domains ---------------------------------------------------------------------------------
 * GUISE_HC_DOMAIN, rdi =
 */
#define GUISE_DOMAIN_CREATE   0	 /* struct guise_domain_create; returns a DOMAIN handle		*/
#define GUISE_DOMAIN_POPULATE 1	 /* struct guise_domain_populate; returns frames added		*/
#define GUISE_DOMAIN_COPY     2	 /* struct guise_domain_copy; returns 0				*/
#define GUISE_DOMAIN_START    3	 /* struct guise_domain_start; vCPU 0 gets its context, runnable	*/
#define GUISE_DOMAIN_PAUSE    4	 /* rsi = handle; nothing of the domain runs on return; counted	*/
#define GUISE_DOMAIN_UNPAUSE  5	 /* rsi = handle						*/
#define GUISE_DOMAIN_DESTROY  6	 /* rsi = handle; all it held returns, the handle is gone		*/
#define GUISE_DOMAIN_INFO     7	 /* struct guise_domain_info (handle in, rest out)		*/
#define GUISE_DOMAIN_COUNT    8	 /* struct guise_domain_count: what a vCPU entered the kernel for	*/
#define GUISE_DOMAIN_SCHED    9	 /* struct guise_domain_sched: share of the CPUs			*/
#define GUISE_DOMAIN_AFFINITY 10 /* struct guise_domain_affinity: on which CPUs a vCPU runs		*/

#define GUISE_PRIO_GUEST  0 /* scheduling priorities: a higher one runs first		*/
#define GUISE_PRIO_SERVER 1
#define GUISE_PRIO_DRIVER 2

#define GUISE_DOMID_LAST 0x7fef /* of the numbers from 1 on that a domain may have */

#define GUISE_DOMAIN_STOCK  0 /* paging: tables are written by hypercall or through the unsynced list */
#define GUISE_DOMAIN_NATIVE 1 /* paging: tables are plain memory, changes told by flushes only	*/

struct guise_domain_create {
	uint32_t memory;       /* in: caller's MEMORY handle					*/
	uint16_t domid;	       /* in: identity, 1..0x7fef, not in use (else -EEXIST)		*/
	uint8_t priority;      /* in: GUISE_PRIO_*						*/
	uint8_t paging;	       /* in: GUISE_DOMAIN_STOCK or _NATIVE				*/
	uint64_t max_frames;   /* in: most frames it may own					*/
	uint32_t max_vcpus;    /* in: 1..32							*/
	uint32_t cache_frames; /* in: software TLB pool, frames; 0 = the kernel's choice	*/
};
ABI_LAYOUT(guise_domain_create, 24);

/* Allocate zeroed frames.  Guest frame numbers first_gfn.. are entered in machine-to-physical.
 * Preemptible: may return fewer than asked; -ENOMEM only if none could be had. */
struct guise_domain_populate {
	uint32_t handle;    /* in: DOMAIN							*/
	uint32_t nr;	    /* in: frames wanted						*/
	uint64_t first_gfn; /* in								*/
	uint64_t mfns;	    /* in: address of uint64_t[nr] in the caller, filled		*/
};
ABI_LAYOUT(guise_domain_populate, 24);

#define GUISE_COPY_READ	 0 /* domain to caller	*/
#define GUISE_COPY_WRITE 1 /* caller to domain	*/

/* Read or write a frame of a managed domain (also its shared info and grant frames). */
struct guise_domain_copy {
	uint32_t handle; /* in: DOMAIN						*/
	uint32_t dir;	 /* in: GUISE_COPY_*					*/
	uint64_t mfn;	 /* in: a frame that domain owns, else -EPERM		*/
	uint32_t offset; /* in: bytes						*/
	uint32_t len;	 /* in: bytes; offset + len <= 4096			*/
	uint64_t buffer; /* in: caller's address				*/
};
ABI_LAYOUT(guise_domain_copy, 32);

/* Start vCPU 0.  The domain is created paused once: follow with GUISE_DOMAIN_UNPAUSE. */
struct guise_domain_start {
	uint32_t handle; /* in: DOMAIN						*/
	uint32_t domid;	 /* in: 0, or another identity that it has from now on: not in use (else -EEXIST)	*/
	uint64_t rip;	 /* in: first instruction				*/
	uint64_t rsp;	 /* in							*/
	uint64_t rsi;	 /* in: address of start_info in the domain		*/
	uint64_t cr3;	 /* in: machine frame number of its top-level page table */
};
ABI_LAYOUT(guise_domain_start, 40);

#define GUISE_STATE_PAUSED   0
#define GUISE_STATE_RUNNING  1
#define GUISE_STATE_SHUTDOWN 2 /* see reason: SHUTDOWN_* of xen/sched.h		*/
#define GUISE_STATE_CRASHED  3 /* the kernel stopped it; text says why			*/
#define GUISE_STATE_DYING    4

/* What a domain is, has and did.  What it has is exact while it is paused; what it did only grows. */
struct guise_domain_info {
	uint32_t handle; /* in: DOMAIN, or GUISE_INFO_SELF; all others are out		*/
	uint16_t domid;
	uint8_t state;	/* GUISE_STATE_*						*/
	uint8_t reason; /* of a shutdown						*/
	uint32_t vcpus; /* that are up						*/
	uint32_t handles;
	uint64_t shared_info_mfn;
	uint64_t grant_mfn; /* first grant table frame				*/
	uint64_t cpu_ns;    /* run time of all vCPUs					*/
	uint64_t wait_ns;   /* they were ready to run and did not			*/
	uint64_t frames;    /* memory: owned now						*/
	uint64_t max_frames;
	uint64_t kernel_frames; /* what the kernel spends on it				*/
	uint64_t max_kernel_frames;
	uint64_t cache_frames; /* of these: software TLB, in use				*/
	uint64_t max_cache_frames;
	uint32_t ports;	     /* event channels in use					*/
	uint32_t grants;     /* entries of its grant table that others use		*/
	uint32_t grant_maps; /* mappings and DMA pins it has of others' frames		*/
	uint32_t zero;
	uint64_t events_sent;
	uint64_t events_received; /* that were not pending already				*/
	uint64_t hypercalls;	  /* but for those that never leave the entry code		*/
	uint64_t faults;	  /* software TLB fills					*/
	uint64_t dma_faults;	  /* what the IOMMU blocked of its devices			*/
	char text[64];		  /* why it crashed, else empty				*/
	uint64_t vcpu_ns[32];	  /* run time of each vCPU				*/
};
#define GUISE_INFO_SELF 0xffffffffu
ABI_LAYOUT(guise_domain_info, 472);

/* What a vCPU enters the kernel for: 0 to 63 is the hypercall of that number, calls within a multicall included. */
#define GUISE_CROSSING_SYSCALL	 64 /* system call of user mode, handed to the guest's kernel		*/
#define GUISE_CROSSING_FAULT	 65 /* page fault, handed to the guest's kernel			*/
#define GUISE_CROSSING_FILL	 66 /* page fault, answered from the guest's tables			*/
#define GUISE_CROSSING_EXCEPTION 67 /* any other exception, handed to the guest's kernel		*/
#define GUISE_CROSSING_EMULATED	 68 /* instruction carried out by the kernel			*/
#define GUISE_CROSSING_INTERRUPT 69 /* of a device or the timer					*/
#define GUISE_CROSSING_EVENT	 70 /* event upcall, on the way out of another crossing		*/
#define GUISE_CROSSING_SWITCH	 71 /* it was given the CPU						*/
#define GUISE_CROSSING_FLUSH	 72 /* full TLB flush, but for those of the changes of mode		*/
#define GUISE_CROSSINGS		 80

struct guise_crossing {
	uint64_t count;
	uint64_t ticks; /* of the TSC, in the kernel; 64, and 23 to user mode, are not timed	*/
};
ABI_LAYOUT(guise_crossing, 16);

struct guise_domain_count {
	uint32_t handle; /* in: DOMAIN, or GUISE_INFO_SELF				*/
	uint32_t vcpu;	 /* in: its number; one that does not exist is -ENOENT	*/
	uint32_t timed;	 /* in: 1: from now on ticks of this domain are counted, 0: not	*/
	uint32_t zero;	 /* in: 0							*/
	struct guise_crossing crossing[GUISE_CROSSINGS]; /* out			*/
};
ABI_LAYOUT(guise_domain_count, 1296);
#define GUISE_SCHED_GET 0
#define GUISE_SCHED_SET 1

#define GUISE_WEIGHT_DEFAULT 256
#define GUISE_WEIGHT_MAX     65535
#define GUISE_CAP_MAX	     3200

/* Within one priority, domains that want to run get CPU time in proportion to their weights, whatever
 * their number of vCPUs; a cap bounds it, even if nobody else wants to run. */
struct guise_domain_sched {
	uint32_t handle; /* in: DOMAIN							*/
	uint32_t op;	 /* in: GUISE_SCHED_*						*/
	uint32_t weight; /* 1..GUISE_WEIGHT_MAX						*/
	uint32_t cap;	 /* percent of one CPU, up to GUISE_CAP_MAX; 0 = none		*/
};
ABI_LAYOUT(guise_domain_sched, 16);

/* Bitmaps of CPUs.  A vCPU, which need not exist yet, is never put on a CPU that is not in hard; among idle ones it
 * gets one of soft first.  In the beginning all are in hard and none in soft.  -ENOENT: the domain cannot have such a
 * vCPU; -EINVAL: the machine has no CPU of hard. */
struct guise_domain_affinity {
	uint32_t handle; /* in: DOMAIN	*/
	uint32_t vcpu;	 /* in		*/
	uint32_t hard;	 /* in		*/
	uint32_t soft;	 /* in		*/
};
ABI_LAYOUT(guise_domain_affinity, 16);

/* A domain's end, and that its dma_faults grew, are told by VIRQ_DOM_EXC (xen.h), which one domain with a
 * MEMORY handle may bind.
 * A domain that holds a DOMAIN handle of d may also use EVTCHNOP_alloc_unbound with dom = d. */

/* ---- interrupts ------------------------------------------------------------------------------
 * Interrupt numbers: 0..255 are ACPI global system interrupts, from GUISE_IRQ_MSI on messages.
 * GUISE_HC_IRQ, rdi =
 */
#define GUISE_IRQ_MSI 256

#define GUISE_IRQ_BIND	    0 /* struct guise_irq_bind; returns the event channel port		*/
#define GUISE_IRQ_EOI	    1 /* rsi = port; a level-triggered interrupt may fire again		*/
#define GUISE_IRQ_MSI_ALLOC 2 /* struct guise_msi_alloc; returns the interrupt number		*/
#define GUISE_IRQ_MSI_FREE  3 /* rsi = interrupt number; needs an IRQ handle for it		*/

#define GUISE_IRQ_LEVEL	     1 /* flags: level-triggered (else edge)	*/
#define GUISE_IRQ_ACTIVE_LOW 2

struct guise_irq_bind {
	uint32_t handle; /* in: IRQ							*/
	uint32_t irq;	 /* in: number within the handle's range			*/
	uint32_t flags;	 /* in: GUISE_IRQ_LEVEL, _ACTIVE_LOW; 0 for a message	*/
	uint32_t zero;	 /* in: 0							*/
};
ABI_LAYOUT(guise_irq_bind, 16);

struct guise_msi_alloc {
	uint32_t handle;  /* in: IRQ handle that spans GUISE_IRQ_MSI..				*/
	uint32_t bdf;	  /* in: the device; where interrupts are remapped, others' are blocked	*/
	uint32_t data;	  /* out: what the device must write					*/
	uint32_t zero;	  /* in: 0								*/
	uint64_t address; /* out: where								*/
};
ABI_LAYOUT(guise_msi_alloc, 24);

/* ---- DMA-only grants -------------------------------------------------------------------------
 * A grant pinned for a device and never mapped for the CPU.  GUISE_HC_DMA: rdi = operation, rsi =
 * array, rdx = count (1..GUISE_DMA_BATCH); returns 0 when every element has a status.
 */
#define GUISE_DMA_MAP	0 /* struct guise_dma_map[]			*/
#define GUISE_DMA_UNMAP 1 /* uint32_t[] of cookies; stops at a bad one with -EINVAL	*/
#define GUISE_DMA_BATCH 64

#define GUISE_DMA_RDONLY 1 /* the device only reads the frame	*/

struct guise_dma_map {
	uint16_t domid;	 /* in: who granted						*/
	uint16_t flags;	 /* in: GUISE_DMA_*						*/
	uint32_t ref;	 /* in: grant reference						*/
	int32_t status;	 /* out: GNTST_* (xen/grant_table.h); 0 is well			*/
	uint32_t cookie; /* out: for GUISE_DMA_UNMAP					*/
	uint64_t bus;	 /* out: bus address of the frame				*/
};
ABI_LAYOUT(guise_dma_map, 24);

/* ---- the machine -----------------------------------------------------------------------------
 * GUISE_HC_SYSTEM, rdi = (all need a SYSTEM handle in rdx, but for INFO)
 */
#define GUISE_SYSTEM_INFO  0 /* struct guise_system_info, out					*/
#define GUISE_SYSTEM_RESET 1 /* reset the machine by the means the kernel has; rsi = 0		*/

#define GUISE_SYSTEM_COUNTERS 2 /* struct guise_system_counters, out				*/

#define GUISE_SYSTEM_LATENCY 3 /* struct guise_system_latency, out				*/

#define GUISE_SYSTEM_CHECK 4 /* struct guise_system_check, out; -ENOSYS of a kernel that does not check itself */

struct guise_system_info {
	uint64_t total_frames; /* RAM						*/
	uint64_t free_frames;
	uint64_t max_mfn;   /* highest RAM frame				*/
	uint64_t acpi_root; /* physical address of the ACPI RSDT or XSDT		*/
	uint32_t tsc_khz;
	uint32_t nr_cpus;
	uint32_t features; /* GUISE_FEATURE_*					*/
	uint32_t verbose;  /* the kernel was told to be verbose			*/
};
#define GUISE_FEATURE_IOMMU	1 /* devices reach what their owner may give them, no more	*/
#define GUISE_FEATURE_IRQ_REMAP 2 /* and interrupt as they were told to			*/
ABI_LAYOUT(guise_system_info, 48);

/* The longest time that the kernel took for a crossing of each kind, in a domain whose crossings are timed: so
 * long interrupts were off, and nobody else got the CPU.  Calls that go on later count as several. */
struct guise_system_latency {
	uint64_t ticks[GUISE_CROSSINGS]; /* of the TSC */
};
ABI_LAYOUT(guise_system_latency, 640);

/* All CPUs stop, and what the kernel keeps books of is derived anew and compared.  So much agrees; what does not stops
 * the machine. */
struct guise_system_check {
	uint64_t domains, frames, holds, uses, ports;
	uint64_t translations; /* cached, by which CPUs reach frames	*/
	uint64_t dma;	       /* the same of devices			*/
};
ABI_LAYOUT(guise_system_check, 56);

struct guise_system_counters {
	uint64_t free_frames;
	uint64_t idle_ns;  /* of all CPUs			*/
	uint64_t switches; /* how often another vCPU was chosen	*/
	uint32_t domains;
	uint32_t irqs;	   /* bound interrupts, messages among them	*/
	uint32_t messages; /* allocated MSIs			*/
	uint32_t zero;
};
ABI_LAYOUT(guise_system_counters, 40);

/* Announced by a second hypervisor CPUID block (leaf base 0x40000100). */
#define GUISE_CPUID_BASE      0x40000100u
#define GUISE_CPUID_SIGNATURE "GuiseGuiseGu" /* ebx, ecx, edx	*/
/* eax: GUISE_PERSONALITY_* on offer. */
#define GUISE_CPUID_FEATURES 0x40000101u
/* ecx = n: the n-th of this vCPU's struct guise_crossing in eax to edx.  Also in user mode. */
#define GUISE_CPUID_CROSSINGS 0x40000102u

/* ---- personalities ---------------------------------------------------------------------------
 * A personality is a guest's kernel that knows Guise and uses more than the Xen PV ABI (docs/personality.md).
 * GUISE_HC_PERSONALITY, rdi = operation, arguments in registers.
 */
#define GUISE_PERSONALITY_ENABLE 0 /* rsi = features wanted; returns all that are on.  -EBUSY: there is a second vCPU */

/* rsi, rdx = top tables of guest kernel and user (0: none), r10, r8 = first and last address.  Needs _MM */
#define GUISE_PERSONALITY_FLUSH 2
#define GUISE_PERSONALITY_AREA	8 /* rsi = struct guise_vcpu_entry; 0: no area any more.  Needs _ENTRY	*/
#define GUISE_PERSONALITY_ROOTS 9 /* rsi, rdx = top tables of guest kernel and user (0: none).  Needs _SWITCH or _MM */
/* rsi = when the vCPU's one-shot timer fires, rdx = when a second one does, which raises VIRQ_TIMER as well (system time, ns;
 * 0: as it was).  Then as SCHEDOP_block.  Needs _TIME */
#define GUISE_PERSONALITY_BLOCK 10

/* Features. */
#define GUISE_PERSONALITY_ENTRY	 (1u << 0) /* user and guest kernel change through an area		*/
#define GUISE_PERSONALITY_MM	 (1u << 1) /* page tables are plain memory			*/
#define GUISE_PERSONALITY_SWITCH (1u << 2) /* both roots at once					*/
#define GUISE_PERSONALITY_TIME	 (1u << 3) /* who blocks says until when				*/
#define GUISE_PERSONALITY_LARGE	 (1u << 4) /* entries of level 2 may map 2 MiB; needs _MM		*/

/* MM: no table is protected, pinned or told of.  What the microkernel remembers of an entry it may use until a FLUSH names
 * its address and the root that it is reached from, as hardware may with an address space identifier for each root; an
 * entry that was not present, or allowed less, needs none.  A FLUSH counts on all vCPUs when it returns, whether or not
 * the root is loaded anywhere; ROOTS forgets nothing.  A table that is taken out is flushed before its frame is used for
 * anything else.  Tables of the kernel's half are shared by all roots: any root will do. */

/* How the calling vCPU changes between user and guest kernel.
 *
 * SYSCALL in user mode: the area gets rip and rflags; the kernel goes on at entry with rsp and all registers but rcx
 * and r11 as they were, upcalls masked, rflags 0x202.  SYSCALL in guest kernel mode whose next instruction is at
 * back: the user goes on with the area's rip and rflags and all registers but rcx and r11 as they are, upcalls
 * unmasked.  Frames bounced from user mode go to the area's kernel_sp, and show user_cs and user_ss for
 * the flat selectors that SYSRET leaves.  The guest kernel's GS base is the one at the time of this call.
 *
 * The area's frame is held.  Whatever is written into it is the guest's own risk. */
struct guise_vcpu_entry {
	uint64_t area;	  /* in: machine address of a struct guise_vcpu_area, a multiple of 64	*/
	uint64_t entry;	  /* in: where system calls go						*/
	uint64_t back;	  /* in: behind the SYSCALL that goes back to the user			*/
	uint16_t user_cs; /* in									*/
	uint16_t user_ss; /* in									*/
	uint32_t zero;	  /* in: 0								*/
};
ABI_LAYOUT(guise_vcpu_entry, 32);

struct guise_vcpu_area {
	uint64_t rip, rflags; /* of the user, from its SYSCALL until it goes on		*/
	uint64_t kernel_sp;   /* stack for frames bounced from user mode		*/
	uint64_t zero[5];
};
ABI_LAYOUT(guise_vcpu_area, 64);

/* ---- how a native domain finds its world -----------------------------------------------------
 * Native domains are static ELF64 programs linked at GUISE_NATIVE_BASE.  Guest frame g is mapped
 * at GUISE_NATIVE_BASE + g * 4096, all of it read-write-execute in 4 KiB pages, by tables in the
 * domain's own memory.  Entry: rip = ELF entry, rsi = struct start_info (xen.h), rsp = 64 KiB of
 * stack, upcalls masked.  start_info: nr_pages, shared_info (machine address), store_mfn and
 * store_evtchn (0 in the first domain), console.domU.evtchn (events on it are answered on it, for who
 * wants to know that this domain is alive; 0: nobody does), pt_base, nr_pt_frames, mfn_list (virtual address of
 * uint64_t[nr_pages]), mod_start (virtual address) and mod_len, cmd_line.  Behind the memory, at
 * GUISE_NATIVE_WINDOW, page tables exist for GUISE_NATIVE_WINDOW_SIZE bytes of address space with
 * nothing mapped, for grants and devices.  The first free byte for a heap is first_p2m_pfn * 4096
 * + GUISE_NATIVE_BASE; it ends at GUISE_NATIVE_BASE + nr_pages * 4096.  mod_start is the boot
 * archive for the first domain and a struct guise_device for a driver.
 */
#define GUISE_NATIVE_BASE	 0x00200000ull
#define GUISE_NATIVE_WINDOW	 0x40000000ull
#define GUISE_NATIVE_WINDOW_SIZE 0x01000000ull

#define GUISE_DEVICE_PCI  1
#define GUISE_DEVICE_UART 2

struct guise_bar {
	uint64_t base; /* physical address, or first port	*/
	uint64_t size; /* bytes or ports; 0 = not there		*/
	uint32_t port; /* 1: I/O ports				*/
	uint32_t zero;
};
ABI_LAYOUT(guise_bar, 24);

#define GUISE_DEVICE_IRQS 16

/* What a driver may touch, page aligned, at mod_start.  Written by the VMM server. */
struct guise_device {
	uint32_t kind;				/* GUISE_DEVICE_*				*/
	uint32_t nr_irqs;			/* messages, or 1 for a pin			*/
	uint32_t irq[GUISE_DEVICE_IRQS];	/* interrupt numbers: MSI-X entry i is irq[i]	*/
	uint32_t irq_handle[GUISE_DEVICE_IRQS]; /* the driver's handle for each			*/
	uint32_t irq_flags;			/* GUISE_IRQ_* for the pin			*/
	uint32_t bdf;				/* bus << 8 | device << 3 | function		*/
	struct guise_bar bar[6];
	uint8_t config[256]; /* PCI configuration space as the VMM saw it	*/
};
ABI_LAYOUT(guise_device, 544);
