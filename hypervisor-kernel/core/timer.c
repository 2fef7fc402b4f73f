/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timer.c - one-shot timers in a list a CPU, earliest first.  There are few: two a vCPU, one a domain and one
 * a CPU.  A timer is on the list of the CPU that set it, and fires there.
 */
#include <arch/cpu.h>
#include <core/spinlock.h>
#include <core/timer.h>

static struct spinlock timer_lock = { .rank = LOCK_TIMERS };
static struct list timers[MAX_CPUS];
static struct timer *firing[MAX_CPUS]; /* its function runs, without the lock	*/
static uint64_t programmed[MAX_CPUS];  /* when the CPU's timer fires: never after the first of its list	*/

static struct list *mine(void)
{
	struct list *l = &timers[arch_cpu_id()];

	if (!l->next) {
		list_init(l);
		programmed[arch_cpu_id()] = ~0ull;
	}
	return l;
}

void timer_init(struct timer *t, void (*fn)(void *), void *arg)
{
	list_init(&t->link);
	t->fn = fn;
	t->arg = arg;
}

static void program_next(struct list *l) MUST_HOLD(timer_lock)
{
	uint64_t deadline = list_empty(l) ? ~0ull : list_entry(l->next, struct timer, link)->deadline;

	programmed[arch_cpu_id()] = deadline;
	arch_timer_program(deadline);
}

void timer_set(struct timer *t, uint64_t deadline)
{
	struct list *l, *at;

	spin_lock(&timer_lock);
	l = mine();
	list_del(&t->link);
	t->deadline = deadline;
	at = l->next;
	while (at != l && list_entry(at, struct timer, link)->deadline <= deadline)
		at = at->next;
	list_add_tail(at, &t->link);
	if (l->next == &t->link && deadline < programmed[arch_cpu_id()])
		program_next(l);
	spin_unlock(&timer_lock);
}

/* The CPU's timer may fire once for nothing: cheaper than programming it each time. */
void timer_cancel(struct timer *t)
{
	spin_lock(&timer_lock);
	list_del(&t->link);
	spin_unlock(&timer_lock);
}

static bool is_firing(const struct timer *t)
{
	for (unsigned i = 0; i < MAX_CPUS; i++)
		if (i != arch_cpu_id() && __atomic_load_n(&firing[i], __ATOMIC_ACQUIRE) == t)
			return true;
	return false;
}

/* A function that runs may set its timer again: cancel until it does not. */
void timer_cancel_wait(struct timer *t)
{
	timer_cancel(t);
	while (is_firing(t))
		arch_relax();
	timer_cancel(t);
}

void timer_run(void)
{
	for (;;) {
		struct timer *t;
		struct list *l;

		spin_lock(&timer_lock);
		l = mine();
		t = list_entry(l->next, struct timer, link);
		if (list_empty(l) || t->deadline > time_now()) {
			program_next(l);
			spin_unlock(&timer_lock);
			return;
		}
		list_del(&t->link);
		firing[arch_cpu_id()] = t;
		spin_unlock(&timer_lock);
		t->fn(t->arg);
		__atomic_store_n(&firing[arch_cpu_id()], NULL, __ATOMIC_RELEASE);
	}
}
