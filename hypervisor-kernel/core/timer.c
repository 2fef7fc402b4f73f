/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timer.c - one-shot timers in a list, earliest first.  There are few: two a vCPU and one a CPU.
 */
#include <arch/cpu.h>
#include <core/spinlock.h>
#include <core/timer.h>

static struct spinlock timer_lock;
static struct list timers = { &timers, &timers };

void timer_init(struct timer *t, void (*fn)(void *), void *arg)
{
	list_init(&t->link);
	t->fn = fn;
	t->arg = arg;
	t->armed = false;
}

static void program_next(void)
{
	arch_timer_program(list_empty(&timers) ? ~0ull : list_entry(timers.next, struct timer, link)->deadline);
}

void timer_set(struct timer *t, uint64_t deadline)
{
	struct list *at;

	spin_lock(&timer_lock);
	list_del(&t->link);
	t->deadline = deadline;
	t->armed = true;
	at = timers.next;
	while (at != &timers && list_entry(at, struct timer, link)->deadline <= deadline)
		at = at->next;
	list_add_tail(at, &t->link);
	if (timers.next == &t->link)
		program_next();
	spin_unlock(&timer_lock);
}

/* The CPU's timer may fire once for nothing: cheaper than programming it each time. */
void timer_cancel(struct timer *t)
{
	spin_lock(&timer_lock);
	list_del(&t->link);
	t->armed = false;
	spin_unlock(&timer_lock);
}

void timer_run(void)
{
	for (;;) {
		struct timer *t;

		spin_lock(&timer_lock);
		t = list_entry(timers.next, struct timer, link);
		if (list_empty(&timers) || t->deadline > time_now()) {
			program_next();
			spin_unlock(&timer_lock);
			return;
		}
		list_del(&t->link);
		t->armed = false;
		spin_unlock(&timer_lock);
		t->fn(t->arg);
	}
}
