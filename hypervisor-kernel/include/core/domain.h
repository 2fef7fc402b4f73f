/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * domain.h - a protection domain: frames, vCPUs, ports, grants, handles and quotas.
 *
 * A pointer is borrowed for the call or counted by domain_get()/domain_put(); the last put frees
 * the structure.  Legal moves of the state are in domain_next[] (domain.c).
 */
#pragma once

#include <core/frame.h>
#include <core/handle.h>
#include <core/timer.h>
#include <core/tlb.h>
#include <guise.h>

#define MAX_VCPUS      32
#define MAX_DOMAINS    128
#define NR_HANDLES     128
#define PORTS_PER_PAGE 256
#define NR_PORTS       4096
#define DOMID_FIRST    0

/* GUISE_PERSONALITY_*: features that guests may switch on */
#define PERSONALITY_OFFERED                                                                                   \
	(GUISE_PERSONALITY_ENTRY | GUISE_PERSONALITY_MM | GUISE_PERSONALITY_SWITCH | GUISE_PERSONALITY_TIME | \
	 GUISE_PERSONALITY_LARGE)

/* Its share of the CPUs (sched.c). */
struct sched_share {
	uint32_t weight;      /* 1..65535				*/
	uint32_t cap;	      /* percent of one CPU, 0 = none	*/
	uint64_t virtual;     /* run time by weight, ns at the default one; atomic	*/
	uint64_t unpaid;      /* not a guest: run time since one rang, ns; atomic	*/
	struct spinlock lock; /* guards the block below	*/
	int64_t budget;	      /* of a capped one in this period, ns; what was overdrawn is negative */
	uint64_t period;      /* when this period began		*/
	bool spent;	      /* it waits for refill	*/
	struct timer refill;
	uint32_t hard[MAX_VCPUS]; /* bitmap of CPUs where each vCPU may run, by its number ... */
	uint32_t soft[MAX_VCPUS]; /* ... and where it would rather	*/
};

struct domain {
	uint16_t id;	    /* fixed once it is started; read freely		*/
	uint8_t priority;   /* GUISE_PRIO_*, fixed				*/
	uint8_t paging;	    /* GUISE_DOMAIN_STOCK or _NATIVE; a personality changes it once	*/
	uint32_t max_vcpus; /* fixed						*/
	uint32_t refs;	    /* atomic						*/
	struct list link;   /* in the list of all domains			*/

	struct spinlock lock; /* guards the block below			*/
	uint8_t state;	      /* GUISE_STATE_*				*/
	uint8_t shutdown_reason;
	uint32_t pauses;      /* runs only at 0				*/
	mfn_t block;	      /* the kernel's, for its next frames	*/
	uint32_t block_left;  /* so many from block on	*/
	uint32_t frames_head; /* list of owned frames, FRAME_NIL = none	*/
	uint64_t frames;      /* owned now					*/
	uint64_t max_frames;
	uint64_t kernel_pages; /* kernel memory charged to it; atomic		*/
	uint64_t max_kernel_pages;
	char text[64]; /* why it crashed				*/
	bool inert;    /* nothing of it can be reached any more; of who ends it	*/
	bool ending;   /* somebody is in domain_destroy()			*/
	bool gone;     /* and it was done				*/

	struct spinlock handle_lock;
	struct handle handles[NR_HANDLES];
	uint64_t ports_change; /* a new number when its PORT handles change, unlike any other's; 0: it has none */

	struct vcpu *vcpu[MAX_VCPUS]; /* [0] from birth, others by VCPUOP_initialise; never removed	*/

	shared_info_t *shared; /* one frame, FRAME_SHARED			*/
	mfn_t shared_mfn;

	struct sched_share sched;

	struct spinlock event_lock;		       /* guards the ports				*/
	struct port *ports[NR_PORTS / PORTS_PER_PAGE]; /* a page each, on demand */

	bool runstate_flag;   /* VM_ASST runstate_update_flag			*/
	uint32_t personality; /* GUISE_PERSONALITY_* that are on; set while there is one vCPU	*/
	struct grant_table *grants;
	struct tlb tlb;
	struct io_space *io; /* what its devices reach (arch/iommu.h); NULL: it has none	*/
	uint64_t dma_faults; /* of its devices						*/

	uint32_t nr_ports;	     /* in use; event_lock					*/
	uint32_t port_from;	     /* all below are in use, but 0; event_lock	*/
	uint64_t faults, hypercalls; /* counters; approximate reads are fine	*/
	bool timed;		     /* the time of crossings is taken, too	*/
	uint64_t events_sent, events_received;
};

/* A reference to the living domain with this id, or NULL. */
struct domain *domain_get(uint16_t id);
void domain_ref(struct domain *d);
void domain_put(struct domain *d); /* or NULL */

extern bool crossings_timed; /* domains begin with the time of crossings taken	*/
/* Build an empty, paused domain (pauses == 1) with one vCPU.  Negative errno in *err. */
struct domain *domain_create(const struct guise_domain_create *how, int *err);
/* The guest broke itself: stop it for good and tell the VMM.  Callable with any lock released;
 * if it is current, it never runs again after this trap. */
void domain_crash(struct domain *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* SCHEDOP_shutdown. */
void domain_shutdown(struct domain *d, uint8_t reason);
void domain_pause(struct domain *d);
void domain_unpause(struct domain *d);
/* May one of the domain's vCPUs run? */
bool domain_runnable(const struct domain *d);
/* Another id for one that was never started: 0; -EEXIST: somebody has it; -EBUSY: others hold frames of it; -E2BIG. */
int domain_rename(struct domain *d, uint16_t id);

/* It may run again: its runnable vCPUs enter the queue. */
void domain_wake(struct domain *d);
extern unsigned domain_count; /* that exist	*/

/* Frames in and out of the domain's list; d->lock is taken inside. */
void domain_add_frame(struct domain *d, mfn_t m);
void domain_remove_frame(struct domain *d, mfn_t m);
/* Zeroed frame owned by d and made by the kernel (FRAME_SHARED), not counted in its limit. */
mfn_t domain_shared_frame(struct domain *d);
/* Move up to nr frames of fresh memory to d, gfns from first on, in blocks of 2 MiB if nr is that much; mfns[] is filled.
 * How many: fewer than there are if an interrupt waits, but one. */
uint32_t domain_populate(struct domain *d, gfn_t first, uint32_t nr, uint64_t *mfns);
/* Free what it holds.  0: gone; HC_CONTINUE: call again; -EAGAIN: others still hold its frames. */
long domain_destroy(struct domain *d);

/* The domain that d means by this id. */
static inline uint16_t domain_named(const struct domain *d, uint16_t id)
{
	return id == DOMID_SELF ? d->id : id;
}

/* struct vcpu *v: each that d has. */
#define for_each_vcpu(v, d)                                                                             \
	for (struct vcpu **each_##v = (d)->vcpu, *v; each_##v < (d)->vcpu + (d)->max_vcpus; each_##v++) \
		if ((v = *each_##v))

/* d's vCPU n, or NULL. */
static inline struct vcpu *domain_vcpu(const struct domain *d, uint64_t n)
{
	return n < d->max_vcpus ? d->vcpu[n & mask_below(n, d->max_vcpus)] : NULL;
}
