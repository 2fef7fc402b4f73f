/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timer.c - one-shot timers in a list a CPU, earliest first.  There are few: three a vCPU, one a domain and one
 * a CPU.  A timer is on the list of the CPU that set it, and fires there.
 */
#include <arch/cpu.h>
#include <core/spinlock.h>
#include <core/timer.h>

struct timers {
	struct spinlock lock;
	struct list list;
	uint64_t programmed;  /* when the CPU's timer fires: never after the first of the list	*/
	struct timer *firing; /* its function runs, without the lock	*/
};

static struct timers timers[MAX_CPUS];

static struct timers *mine(void)
{
	struct timers *l = &timers[arch_cpu_id()];

	if (!l->list.next) {
		l->lock.rank = LOCK_TIMERS;
		list_init(&l->list);
		l->programmed = ~0ull;
	}
	return l;
}

void timer_init(struct timer *t, void (*fn)(void *), void *arg)
{
	list_init(&t->link);
	t->on = NULL;
	t->fn = fn;
	t->arg = arg;
}

static void program_next(struct timers *l) MUST_HOLD(l->lock)
{
	l->programmed = list_empty(&l->list) ? ~0ull : list_entry(l->list.next, struct timer, link)->deadline;
	arch_timer_program(l->programmed);
}

void timer_set(struct timer *t, uint64_t deadline)
{
	struct timers *l = mine(), *old = t->on;
	struct list *at;

	if (old && old != l) {
		spin_lock(&old->lock);
		list_del(&t->link);
		WRITE_ONCE(t->on, l);
		spin_unlock(&old->lock);
	}
	spin_lock(&l->lock);
	list_del(&t->link);
	t->on = l;
	t->deadline = deadline;
	at = l->list.next;
	while (at != &l->list && list_entry(at, struct timer, link)->deadline <= deadline)
		at = at->next;
	list_add_tail(at, &t->link);
	if (l->list.next == &t->link && deadline < l->programmed)
		program_next(l);
	spin_unlock(&l->lock);
}

/* The CPU's timer may fire once for nothing: cheaper than programming it each time. */
void timer_cancel(struct timer *t)
{
	struct timers *l;

	while ((l = READ_ONCE(t->on))) {
		spin_lock(&l->lock);
		if (l == t->on)
			list_del(&t->link);
		spin_unlock(&l->lock);
		if (l == READ_ONCE(t->on))
			return;
	}
}

/* A function that runs may set its timer again: cancel until it does not. */
void timer_cancel_wait(struct timer *t)
{
	timer_cancel(t);
	for (unsigned i = 0; i < MAX_CPUS; i++)
		while (i != arch_cpu_id() && __atomic_load_n(&timers[i].firing, __ATOMIC_ACQUIRE) == t)
			arch_relax();
	timer_cancel(t);
}

void timer_run(void)
{
	struct timers *l = mine();
	struct timer *t;

	spin_lock(&l->lock);
	while (t = list_entry(l->list.next, struct timer, link), !list_empty(&l->list) && t->deadline <= time_now()) {
		list_del(&t->link);
		l->firing = t;
		spin_unlock(&l->lock);
		t->fn(t->arg);
		__atomic_store_n(&l->firing, NULL, __ATOMIC_RELEASE);
		spin_lock(&l->lock);
	}
	program_next(l);
	spin_unlock(&l->lock);
}
