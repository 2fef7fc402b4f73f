/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sched.c - who runs: the highest priority first, and within one the domain that had least of its share.
 *
 * Driver VMs come before servers, servers before guests (GUISE_PRIO_*).  Each domain has a virtual time,
 * which runs the slower the greater its weight is while its vCPUs run; the vCPU whose domain is furthest
 * behind runs next, for a time slice.  A domain that slept takes along what it did not use, but at most
 * LAG_NS: so it gets the CPU soon when it wakes, and cannot keep others from it.  A domain with a cap has a
 * budget for each period; what it overdraws is missing in the next one.
 *
 * Only runnable vCPUs that are not running stand in a queue; those of a domain that is paused or has no
 * budget are left out until it may run again.
 */
#include <arch/cpu.h>
#include <core/domain.h>
#include <core/lib.h>
#include <core/vcpu.h>

#define NR_PRIORITIES 3
#define SLICE_NS      10000000ull
#define WAKE_NS	      500000ull	 /* how long one that wakes waits for one that had more	*/
#define LAG_NS	      5000000ull /* of run time			*/
#define PERIOD_NS     50000000ull

static struct spinlock queue_lock;
static struct list queue[NR_PRIORITIES];
static uint64_t least_virtual[NR_PRIORITIES]; /* nobody who runs or waits is behind it by more than his lag */
static struct timer slice_timer;
static struct vcpu *running, *yields;
static uint64_t idle_ns, switches;

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

static bool before(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b) < 0;
}

static uint64_t virtual_of(const struct domain *d, uint64_t ns)
{
	return ns * GUISE_WEIGHT_DEFAULT / d->sched.weight;
}

static uint64_t quota(const struct domain *d)
{
	return d->sched.cap * PERIOD_NS / 100;
}

/* ---- caps ---- */

/* Periods that began since the last look bring a quota each; what is left of one is lost. */
static void budget_refill(struct domain *d, uint64_t now)
{
	struct sched_share *s = &d->sched;
	uint64_t periods = (now - s->period) / PERIOD_NS;

	s->period += periods * PERIOD_NS;
	s->budget = MIN(s->budget + (int64_t)(MIN(periods, 1000000) * quota(d)), (int64_t)quota(d));
}

static void budget_timer(void *arg)
{
	struct domain *d = arg;

	budget_refill(d, time_now());
	if (d->sched.cap && d->sched.budget <= 0) {
		timer_set(&d->sched.refill, d->sched.period + PERIOD_NS);
		return;
	}
	d->sched.spent = false;
	domain_wake(d);
}

static void charge(struct domain *d, uint64_t ns, uint64_t now)
{
	d->cpu_ns += ns;
	d->sched.virtual += virtual_of(d, ns);
	if (!d->sched.cap)
		return;
	d->sched.budget -= (int64_t)ns;
	budget_refill(d, now);
	if (d->sched.budget <= 0 && !d->sched.spent) {
		d->sched.spent = true;
		timer_set(&d->sched.refill, d->sched.period + PERIOD_NS);
	}
}

void sched_domain_init(struct domain *d)
{
	d->sched.weight = GUISE_WEIGHT_DEFAULT;
	timer_init(&d->sched.refill, budget_timer, d);
}

void sched_domain_end(struct domain *d)
{
	timer_cancel(&d->sched.refill);
}

void sched_share_set(struct domain *d, uint32_t weight, uint32_t cap)
{
	d->sched.weight = weight;
	d->sched.cap = cap;
	d->sched.period = time_now();
	d->sched.budget = (int64_t)quota(d);
	timer_cancel(&d->sched.refill);
	d->sched.spent = false;
	domain_wake(d);
	arch_resched();
}

uint64_t sched_cpu_ns(const struct domain *d)
{
	return d->cpu_ns + (running && running->domain == d ? time_now() - running->started : 0);
}

void sched_counters(uint64_t *idle, uint64_t *nr_switches)
{
	*idle = idle_ns;
	*nr_switches = switches;
}

/* ---- the queues ---- */

/* The running vCPU may itself spin until the one that wakes has answered it. */
static void slice_shorten(uint64_t end)
{
	running->slice_end = MIN(running->slice_end, end);
	if (!slice_timer.armed || slice_timer.deadline > running->slice_end)
		timer_set(&slice_timer, running->slice_end);
}

/* v stands in the queue of the running vCPU's priority now. */
static void preempt_soon(const struct vcpu *v)
{
	uint64_t now = time_now();
	const struct domain *d = running->domain;
	uint64_t virtual = d->sched.virtual + virtual_of(d, now - running->started);

	slice_shorten(before(virtual, v->domain->sched.virtual) ? running->slice_end : now + WAKE_NS);
}

void sched_enqueue(struct vcpu *v)
{
	struct domain *d = v->domain;
	unsigned prio = d->priority;
	uint64_t oldest;

	spin_lock(&queue_lock);
	oldest = least_virtual[prio] - virtual_of(d, LAG_NS);
	if (before(d->sched.virtual, oldest))
		d->sched.virtual = oldest;
	if (list_empty(&v->run))
		list_add_tail(&queue[prio], &v->run);
	spin_unlock(&queue_lock);
	if (!running || prio > running->domain->priority)
		arch_resched();
	else if (prio == running->domain->priority)
		preempt_soon(v);
}

void sched_dequeue(struct vcpu *v)
{
	spin_lock(&queue_lock);
	list_del(&v->run);
	spin_unlock(&queue_lock);
}

static bool comes_before(const struct vcpu *a, const struct vcpu *b)
{
	if (a == yields || b == yields)
		return b == yields;
	return before(a->domain->sched.virtual, b->domain->sched.virtual);
}

static struct vcpu *pick(void)
{
	struct vcpu *best = NULL;

	spin_lock(&queue_lock);
	for (int p = NR_PRIORITIES - 1; p >= 0 && !best; p--) {
		for (struct list *l = queue[p].next, *next; l != &queue[p]; l = next) {
			struct vcpu *v = list_entry(l, struct vcpu, run);

			next = l->next;
			if (!domain_runnable(v->domain))
				list_del(l);
			else if (!best || comes_before(v, best))
				best = v;
		}
		if (best && before(least_virtual[p], best->domain->sched.virtual))
			least_virtual[p] = best->domain->sched.virtual;
	}
	yields = NULL;
	if (best)
		list_del(&best->run);
	spin_unlock(&queue_lock);
	return best;
}

static void stop_running(uint64_t now)
{
	struct vcpu *v = running;

	running = NULL;
	if (!v)
		return;
	charge(v->domain, now - v->started, now);
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
	struct domain *d;

	timer_cancel(&slice_timer);
	stop_running(now);
	for (; !(v = pick()); now = time_now()) {
		arch_idle();
		idle_ns += time_now() - now;
	}
	arch_resched_done();
	now = time_now();
	d = v->domain;
	switches++;
	v->state = VCPU_RUNNING;
	v->started = now;
	v->slice_end = now + SLICE_NS;
	running = v;
	vcpu_runstate_set(v, RUNSTATE_running);
	if (d->sched.cap) {
		budget_refill(d, now);
		v->slice_end = now + MIN(SLICE_NS, (uint64_t)MAX(d->sched.budget, 1));
	}
	if (d->sched.cap || !list_empty(&queue[d->priority]))
		timer_set(&slice_timer, v->slice_end);
	return v;
}

/* At the next choice everybody else of its priority comes first. */
void sched_yield_current(struct vcpu *v)
{
	yields = v;
	arch_resched();
}

/* Its domain goes away or its vCPU down: the scheduler forgets it. */
void sched_forget(struct vcpu *v)
{
	sched_dequeue(v);
	if (yields == v)
		yields = NULL;
	if (running == v) {
		charge(v->domain, time_now() - v->started, time_now());
		running = NULL;
		arch_resched();
	}
}
