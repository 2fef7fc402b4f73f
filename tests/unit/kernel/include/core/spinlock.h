/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spinlock.h - the kernel's lock, which here never has to wait: whoever would, waits for himself.
 */
#pragma once

#define spin_lock   kernel_spin_lock
#define spin_unlock kernel_spin_unlock
#include_next <core/spinlock.h>
#undef spin_lock
#undef spin_unlock

void fake_lock_misused(const char *what) __attribute__((noreturn));

static inline void spin_lock(struct spinlock *l) TAKES(*l) NO_LOCK_CHECK
{
	if (l->held)
		fake_lock_misused("a lock is taken twice");
	kernel_spin_lock(l);
}

static inline void spin_unlock(struct spinlock *l) GIVES(*l) NO_LOCK_CHECK
{
	if (!l->held)
		fake_lock_misused("a lock is given back that is not held");
	kernel_spin_unlock(l);
}
