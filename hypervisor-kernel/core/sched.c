/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sched.c - who runs: the highest priority first, equals in turn with a time slice.
 *
 * Driver VMs come before servers, servers before guests (GUISE_PRIO_*).  A vCPU that wakes
 * preempts a lower one at once, and an equal one soon.  Only runnable vCPUs that are not running stand in a queue; those
 * of a paused domain are left out until it is unpaused.
 */
#include <arch/cpu.h>
#include <core/domain.h>
#include <core/lib.h>
#include <core/vcpu.h>

#define NR_PRIORITIES 3
#define SLICE_NS      10000000ull
#define WAKE_NS	      500000ull /* how long one that wakes waits for an equal	*/

static struct spinlock queue_lock;
static struct list queue[NR_PRIORITIES];
static struct timer slice_timer;
static struct vcpu *running;

static void slice_end(void *arg)
{
	(void)arg;
	arch_resched();
}

void sched_init(void)
{
	for (unsigned i = 0; i < NR_PRIORITIES; i++)
		list_init(&queue[i]);
	timer_init(&slice_timer, slice_end, NULL);
}

void sched_kick(void)
{
	arch_resched();
}

/* The running vCPU may itself spin until the one that wakes has answered it. */
static void slice_shorten(uint64_t end)
{
	running->slice_end = MIN(running->slice_end, end);
	if (!slice_timer.armed || slice_timer.deadline > running->slice_end)
		timer_set(&slice_timer, running->slice_end);
}

void sched_enqueue(struct vcpu *v)
{
	unsigned prio = v->domain->priority;

	spin_lock(&queue_lock);
	if (list_empty(&v->run))
		list_add_tail(&queue[prio], &v->run);
	spin_unlock(&queue_lock);
	if (!running || prio > running->domain->priority)
		arch_resched();
	else if (prio == running->domain->priority)
		slice_shorten(time_now() + WAKE_NS);
}

void sched_dequeue(struct vcpu *v)
{
	spin_lock(&queue_lock);
	list_del(&v->run);
	spin_unlock(&queue_lock);
}

static struct vcpu *pick(void)
{
	struct vcpu *v = NULL;

	spin_lock(&queue_lock);
	for (int p = NR_PRIORITIES - 1; p >= 0 && !v; p--) {
		while (!list_empty(&queue[p])) {
			struct vcpu *first = list_entry(queue[p].next, struct vcpu, run);

			list_del(&first->run);
			if (domain_runnable(first->domain)) {
				v = first;
				break;
			}
		}
	}
	spin_unlock(&queue_lock);
	return v;
}

static void stop_running(uint64_t now)
{
	struct vcpu *v = running;

	running = NULL;
	if (!v)
		return;
	v->domain->cpu_ns += now - v->started;
	if (v->state != VCPU_RUNNING)
		return;
	v->state = VCPU_RUNNABLE;
	vcpu_runstate_set(v, RUNSTATE_runnable);
	if (domain_runnable(v->domain))
		sched_enqueue(v);
}

struct vcpu *schedule(void)
{
	uint64_t now = time_now();
	struct vcpu *v;

	timer_cancel(&slice_timer);
	stop_running(now);
	while (!(v = pick()))
		arch_idle();
	arch_resched_done();
	now = time_now();
	v->state = VCPU_RUNNING;
	v->started = now;
	v->slice_end = now + SLICE_NS;
	running = v;
	vcpu_runstate_set(v, RUNSTATE_running);
	if (!list_empty(&queue[v->domain->priority]))
		timer_set(&slice_timer, v->slice_end);
	return v;
}

void sched_yield_current(void)
{
	arch_resched();
}

/* Its domain goes away or its vCPU down: the scheduler forgets it. */
void sched_forget(struct vcpu *v)
{
	sched_dequeue(v);
	if (running == v) {
		v->domain->cpu_ns += time_now() - v->started;
		running = NULL;
		arch_resched();
	}
}
