/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spinlock.h - the lock, and the order in which locks are taken.
 *
 * Outermost first:
 *	domain list -> domain.lock -> tlb.lock -> grant_table.lock -> event_lock -> handle_lock
 *	-> irq lock -> iommu_lock -> run queue -> vcpu.area_lock -> timer lock -> frame allocator -> console
 * Two domains' locks of one kind are taken in order of their address.  The kernel runs with
 * interrupts off but in the idle loop, so a lock needs no interrupt variant; whoever waits for one
 * meanwhile answers other CPUs that wait for a flush.
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

struct CAPABILITY spinlock {
	uint32_t held; /* 0 = nobody; DEBUG: 1 + the CPU that has it	*/
};

/* This CPU waits for another one: let it go on that waits for this one. */
void arch_relax(void);
uint32_t arch_cpu_id(void);

#ifdef DEBUG
void lock_misused(void) __attribute__((noreturn));
#define lock_assert(x) ((x) ? (void)0 : lock_misused())
#define lock_holder()  (1 + arch_cpu_id())
#else
#define lock_assert(x) ((void)0)
#define lock_holder()  1u
#endif

static inline void spin_lock(struct spinlock *l) TAKES(*l) NO_LOCK_CHECK
{
	uint32_t nobody = 0, me = lock_holder();

	while (!__atomic_compare_exchange_n(&l->held, &nobody, me, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		lock_assert(nobody != me);
		arch_relax();
		nobody = 0;
	}
}

static inline void spin_unlock(struct spinlock *l) GIVES(*l) NO_LOCK_CHECK
{
	lock_assert(l->held == lock_holder());
	__atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
}
