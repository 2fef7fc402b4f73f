/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spinlock.h - the lock, and the order in which locks are taken.
 *
 * Each lock has a rank, and is taken with none held but those of lower ranks: the order of enum lock_rank, outermost
 * first.  Two domains' locks of one kind are taken in order of their address.  A debug build stops where that does not
 * hold (tests/debug/locks.c).  The kernel runs with interrupts off but in the idle loop, so a lock needs no interrupt
 * variant; whoever waits for one meanwhile answers other CPUs that wait for a flush.
 */
#pragma once

#include <core/types.h>

#ifdef __clang__
#define CAPABILITY     __attribute__((capability("lock")))
#define MUST_HOLD(...) __attribute__((requires_capability(__VA_ARGS__)))
#define TAKES(...)     __attribute__((acquire_capability(__VA_ARGS__)))
#define GIVES(...)     __attribute__((release_capability(__VA_ARGS__)))
#define NO_LOCK_CHECK  __attribute__((no_thread_safety_analysis))
#else
#define CAPABILITY
#define MUST_HOLD(...)
#define TAKES(...)
#define GIVES(...)
#define NO_LOCK_CHECK
#endif

enum lock_rank {
	LOCK_DOMAINS = 1, /* the list of all domains	*/
	LOCK_DOMAIN,
	LOCK_TLB,
	LOCK_GRANTS,
	LOCK_EVENTS,
	LOCK_HANDLES,
	LOCK_IRQS,
	LOCK_IOMMU,
	LOCK_RUN_QUEUE,
	LOCK_SHARE, /* sched_share.lock	*/
	LOCK_AREA,  /* vcpu.area_lock	*/
	LOCK_TIMERS,
	LOCK_FRAMES, /* the allocator	*/
	LOCK_CONSOLE,
};

struct CAPABILITY spinlock {
	uint32_t held; /* 0 = nobody	*/
	uint32_t rank; /* enum lock_rank	*/
};

/* This CPU waits for another one: let it go on that waits for this one. */
void arch_relax(void);

#ifdef DEBUG
/* May this CPU take the lock, with those that it has?  Does it have the one that it gives back? */
void lock_wanted(const struct spinlock *l);
void lock_given(const struct spinlock *l);
#else
#define lock_wanted(l) ((void)0)
#define lock_given(l)  ((void)0)
#endif

static inline void spin_lock(struct spinlock *l) TAKES(*l) NO_LOCK_CHECK
{
	lock_wanted(l);
	while (__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE))
		arch_relax();
}

static inline void spin_unlock(struct spinlock *l) GIVES(*l) NO_LOCK_CHECK
{
	lock_given(l);
	__atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
}
