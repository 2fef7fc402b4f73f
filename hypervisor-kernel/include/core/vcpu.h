/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vcpu.h - a thread of a domain, scheduled by the kernel, told of events by upcall.
 *
 * The kernel has one stack a CPU, none a vCPU: a trap saves the registers in vcpu.arch.regs, the
 * work is done to the end (or is re-issued by moving rip back), and somebody is resumed.
 */
#pragma once

#include <arch/cpu.h>
#include <arch/vcpu.h>
#include <core/domain.h>
#include <xen/vcpu.h>

/* Guest memory that the kernel writes at any time: frames held since it was registered. */
struct guest_area {
	mfn_t mfn[2]; /* INVALID_MFN: not registered; the second where it crosses a page	*/
	uint32_t offset, len;
};

enum vcpu_state { VCPU_DOWN, VCPU_RUNNABLE, VCPU_RUNNING, VCPU_BLOCKED };

struct vcpu {
	struct arch_vcpu arch; /* first: assembly knows its offsets	*/

	struct domain *domain;
	uint32_t id;
	uint8_t state; /* enum vcpu_state; run-queue lock of cpu	*/
	bool on_cpu;   /* a CPU has it, whatever its state; same lock	*/
	uint32_t cpu;  /* that one, or the last one; changes with both CPUs' locks	*/
	bool claimed;  /* somebody initialises it or did	*/
	bool initialised;
	bool event_masked_poll; /* blocked in SCHEDOP_poll: any of poll_ports wakes it	*/
	uint32_t nr_poll;
	uint32_t poll_ports[8];
	struct list run; /* in cpu's run queue				*/
	uint64_t cpu_ns; /* how long it ran before it runs now		*/

	vcpu_info_t *info;	/* in shared_info, or where the guest registered it	*/
	mfn_t info_mfn;		/* held frame of a registered area, or INVALID_MFN	*/
	struct timer timer;	/* one-shot; fires VIRQ_TIMER				*/
	struct timer second;	/* the same, set by who blocks (GUISE_PERSONALITY_BLOCK)	*/
	uint32_t virq_port[24]; /* port bound to each VIRQ of this vCPU, 0 = none; event_lock	*/

	struct timer poll_timer;	   /* SCHEDOP_poll with a time-out	*/
	struct multicall_entry *multicall; /* the one being carried out, else NULL	*/
	struct spinlock area_lock;	   /* guards the block below	*/
	struct guest_area runstate_area, time_area;
	vcpu_runstate_info_t runstate;

	struct guise_crossing crossing[GUISE_CROSSINGS];
	uint32_t crossed; /* which of them it is in the kernel for		*/
	uint64_t entered; /* since when, TSC; 0: that is not of interest		*/
};

/* The longest stretch of each kind on any CPU, from when it came into the kernel or looked for interrupts until it left or
 * looked again, in ticks of the TSC; approximate. */
extern uint64_t crossing_longest[GUISE_CROSSINGS];

static inline void crossing_count(struct vcpu *v, unsigned what)
{
	v->crossing[what].count++;
	v->crossed = what;
}

/* It came into the kernel; for what is said by crossing_count() before it leaves. */
static inline void crossing_begin(struct vcpu *v)
{
	if (v->domain->timed)
		v->entered = arch_tsc();
}

static inline void crossing_end(struct vcpu *v)
{
	uint64_t ticks;

	if (v->entered) {
		ticks = arch_tsc() - v->entered;
		v->crossing[v->crossed].ticks += ticks;
		if (ticks > READ_ONCE(crossing_longest[v->crossed]))
			WRITE_ONCE(crossing_longest[v->crossed], ticks);
	}
	v->entered = 0;
}

/* It may leave here if an interrupt waits: so far nothing could have made it.  v: NULL before the first one runs. */
static inline void crossing_look(struct vcpu *v)
{
	if (v && v->entered) {
		crossing_end(v);
		crossing_begin(v);
	}
}

/* ---- sched.c: changes of state ---- */
/* Make it runnable if it is blocked; if it runs on another CPU, it comes into the kernel and finds its events. */
void vcpu_wake(struct vcpu *v);
/* It shall not run: VCPUOP_down, domain destruction.  It may still be on another CPU. */
void vcpu_stop(struct vcpu *v);
/* Stop running current after this trap, until woken. */
void vcpu_block(struct vcpu *v);
/* A vCPU that is down may run from here on. */
void vcpu_up(struct vcpu *v);

#define VCPU_ORDER 2 /* of its pages, which go with the domain's last reference */
struct vcpu *vcpu_create(struct domain *d, uint32_t id);
/* Its domain dies: nobody touches its guest's memory any more.  It is on no CPU. */
void vcpu_end(struct vcpu *v);
/* vCPU 0 of a new domain has its context: it may run once the domain is unpaused. */
void vcpu_start_first(struct vcpu *v);

/* Time went by in the old state; enter new (RUNSTATE_*) and tell the guest. */
void vcpu_runstate_set(struct vcpu *v, int state);
/* Write vcpu_time_info for v: its vcpu_info and, if registered, its time area. */
void vcpu_time_publish(struct vcpu *v);

/* ---- guest_area.c ---- */
/* Hold len bytes at va in the current guest kernel's address space.  -EFAULT: not mapped writable. */
int guest_area_find(struct vcpu *v, struct guest_area *a, guest_ptr_t va, uint32_t len);
void guest_area_write(const struct guest_area *a, const void *data);
void guest_area_drop(struct guest_area *a);

/* ---- sched.c ---- */
/* Its runnable vCPUs may run again. */
void sched_enqueue(struct vcpu *v);
void sched_init(void);
void sched_yield_current(struct vcpu *v);
void sched_domain_init(struct domain *d);
/* weight 1..65535; cap in percent of one CPU, 0 for none. */
void sched_share_set(struct domain *d, uint32_t weight, uint32_t cap);
/* CPUs where a vCPU may run, of which there is at least one, and where it would rather, from its next choice on. */
void sched_affinity_set(struct domain *d, uint32_t vcpu, uint32_t hard, uint32_t soft);
/* d sent an event to server: if d is a guest, it pays for what server, which is none, did. */
void sched_rang(struct domain *d, struct domain *server);
/* Run time up to now. */
uint64_t sched_cpu_ns(const struct vcpu *v);
/* Both are added to. */
void sched_counters(uint64_t *idle_ns, uint64_t *switches);
/* CPUs that run d choose again before returning to it. */
void sched_kick(struct domain *d);
/* Is v still on another CPU than this one? */
bool sched_elsewhere(const struct vcpu *v);
/* Nobody will run v again. */
void sched_forget(struct vcpu *v);
/* Another CPU asked this one to look at its time slice. */
void sched_interrupt(void);
/* Pick, switch to and return the vCPU to run now; idles until there is one. */
struct vcpu *schedule(void);
