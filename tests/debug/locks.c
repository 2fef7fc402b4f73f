/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * locks.c - the order of locks (core/spinlock.h), looked at whenever one is taken.
 *
 * What a CPU has, or waits for, stands in a list of its own.  A lock that breaks the order stops the machine even where
 * nobody else wants it at that moment.
 */
#include <arch/cpu.h>
#include <core/lib.h>
#include <core/spinlock.h>

#define DEEPEST 8

static struct {
	const struct spinlock *lock[DEEPEST];
	unsigned nr;
} locks[MAX_CPUS];

void lock_wanted(const struct spinlock *l)
{
	unsigned me = arch_cpu_id(), nr = locks[me].nr;

	if (l->rank < LOCK_DOMAINS || l->rank > LOCK_CONSOLE)
		panic("a lock has rank %u", l->rank);
	for (unsigned i = 0; i < nr; i++) {
		const struct spinlock *has = locks[me].lock[i];

		if (has == l)
			panic("a lock of rank %u is taken twice", l->rank);
		if (has->rank > l->rank || (has->rank == l->rank && has > l))
			panic("a lock of rank %u is taken inside one of rank %u", l->rank, has->rank);
	}
	if (nr == DEEPEST)
		panic("a CPU has %u locks", nr);
	locks[me].lock[nr] = l;
	locks[me].nr++;
}

void lock_given(const struct spinlock *l)
{
	unsigned me = arch_cpu_id(), i = 0, nr = locks[me].nr;

	while (i < nr && locks[me].lock[i] != l)
		i++;
	if (i == nr || !l->held)
		panic("a lock of rank %u is given back by somebody else", l->rank);
	locks[me].lock[i] = locks[me].lock[nr - 1];
	locks[me].nr--;
}
