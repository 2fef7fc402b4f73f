/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spinlock.h - the lock, and the order in which locks are taken.
 *
 * Outermost first:
 *	domain list -> domain.lock -> tlb.lock -> grant_table.lock -> event.lock
 *	-> irq lock -> iommu_lock -> cpu run queue -> timer lock -> frame allocator
 * Two domains' locks of one kind are taken in order of their address.  The kernel runs with
 * interrupts off but in the idle loop, so a lock needs no interrupt variant.
 */
#pragma once

#include <core/types.h>

#ifdef __clang__
#define CAPABILITY     __attribute__((capability("lock")))
#define GUARDED_BY(l)  __attribute__((guarded_by(l)))
#define MUST_HOLD(...) __attribute__((requires_capability(__VA_ARGS__)))
#define TAKES(...)     __attribute__((acquire_capability(__VA_ARGS__)))
#define GIVES(...)     __attribute__((release_capability(__VA_ARGS__)))
#define NO_LOCK_CHECK  __attribute__((no_thread_safety_analysis))
#else
#define CAPABILITY
#define GUARDED_BY(l)
#define MUST_HOLD(...)
#define TAKES(...)
#define GIVES(...)
#define NO_LOCK_CHECK
#endif

struct CAPABILITY spinlock {
	uint32_t held;
};

static inline void spin_lock(struct spinlock *l) TAKES(*l) NO_LOCK_CHECK
{
	while (__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE))
		while (__atomic_load_n(&l->held, __ATOMIC_RELAXED))
			__builtin_ia32_pause();
}

static inline void spin_unlock(struct spinlock *l) GIVES(*l) NO_LOCK_CHECK
{
	__atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
}
