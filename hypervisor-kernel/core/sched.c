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
 * A driver works for guests, and ahead of them.  The guest that rings one pays, in virtual time, for what it did since
 * a guest rang last, whoever that was: by and by each pays for about as much as it asked for.
 *
 * Only runnable vCPUs that are on no CPU stand in the queue; those of a domain that is paused or has no
 * budget are left out until it may run again.  All CPUs share one queue and its lock, so there is nothing to
 * be stolen, and shares hold across CPUs.  The lock also guards each vCPU's state.  A vCPU may run on the CPUs of its
 * hard affinity only, and takes one of its soft affinity if several are idle.
 *
 * A vCPU belongs to a CPU (on_cpu) from when it is picked until its registers are in memory again, whatever
 * its state is meanwhile: nobody else runs it before.
 */
#include <core/lib.h>
#include <core/vcpu.h>

#define NR_PRIORITIES 3
#define SLICE_NS      10000000ull
#define WAKE_NS	      500000ull	  /* how long one that wakes waits for one that had more	*/
#define BATCH_NS      1000000ull  /* and for one of less priority, which may have more work for it	*/
#define LAG_NS	      5000000ull  /* of run time			*/
#define DEBT_NS	      50000000ull /* that one who rings pays at the most	*/
#define PERIOD_NS     50000000ull
#define QUOTA_NS      (PERIOD_NS / 100) /* for each percent	*/

/* What each CPU does. */
struct runner {
	struct vcpu *running; /* NULL: idle, or about to choose	*/
	struct vcpu *yields;  /* not the next one, if there are others		*/
	struct timer slice;
	bool shorten; /* running->slice_end came nearer	*/
	uint64_t idle_ns;
	uint64_t switches;
};

static struct spinlock queue_lock = { .rank = LOCK_RUN_QUEUE };
static struct list queue[NR_PRIORITIES];
static uint64_t least_virtual[NR_PRIORITIES]; /* nobody who runs or waits is behind it by more than his lag */
static struct runner runners[MAX_CPUS];
static uint32_t idle_cpus; /* bitmap of those that wait, and nobody asked them yet to look at the queue	*/

static struct runner *self(void)
{
	return &runners[arch_cpu_id()];
}

static void slice_end(void *arg)
{
	arch_resched();
}

void sched_init(void)
{
	for (unsigned i = 0; i < NR_PRIORITIES; i++)
		list_init(&queue[i]);
	for (unsigned i = 0; i < MAX_CPUS; i++)
		timer_init(&runners[i].slice, slice_end, NULL);
}

static bool before(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b) < 0;
}

static uint64_t virtual_of(const struct domain *d, uint64_t ns)
{
	return ns * GUISE_WEIGHT_DEFAULT / d->sched.weight;
}

/* ---- caps ---- */

/* Periods that began since the last look bring a quota each; what is left of one is lost. */
static void budget_refill(struct domain *d, uint64_t now)
{
	struct sched_share *s = &d->sched;
	uint64_t periods = (now - s->period) / PERIOD_NS;

	s->period += periods * PERIOD_NS;
	s->budget = MIN(s->budget + (int64_t)(MIN(periods, 1000000) * QUOTA_NS * s->cap), (int64_t)(QUOTA_NS * s->cap));
}

static void budget_timer(void *arg)
{
	struct domain *d = arg;
	bool more;

	spin_lock(&queue_lock);
	budget_refill(d, time_now());
	more = !d->sched.cap || d->sched.budget > 0;
	if (more)
		d->sched.spent = false;
	else
		timer_set(&d->sched.refill, d->sched.period + PERIOD_NS);
	spin_unlock(&queue_lock);
	if (more)
		domain_wake(d);
}

static void kick_locked(struct domain *d) MUST_HOLD(queue_lock)
{
	for (uint32_t i = 0; i < arch_cpu_count(); i++)
		if (runners[i].running && runners[i].running->domain == d)
			arch_resched_cpu(i);
}

static void charge(struct domain *d, uint64_t ns, uint64_t now) MUST_HOLD(queue_lock)
{
	d->sched.virtual += virtual_of(d, ns);
	d->sched.unpaid = MIN(d->sched.unpaid + ns, DEBT_NS);
	if (!d->sched.cap)
		return;
	d->sched.budget -= (int64_t)ns;
	budget_refill(d, now);
	if (d->sched.budget <= 0 && !d->sched.spent) {
		d->sched.spent = true;
		timer_set(&d->sched.refill, d->sched.period + PERIOD_NS);
		kick_locked(d);
	}
}

void sched_rang(struct domain *d, struct domain *server)
{
	if (d->priority != GUISE_PRIO_GUEST || server->priority == GUISE_PRIO_GUEST)
		return;
	spin_lock(&queue_lock);
	d->sched.virtual += virtual_of(d, server->sched.unpaid);
	server->sched.unpaid = 0;
	spin_unlock(&queue_lock);
}

void sched_domain_init(struct domain *d)
{
	d->sched.weight = GUISE_WEIGHT_DEFAULT;
	memset(d->sched.hard, 0xff, sizeof(d->sched.hard));
	timer_init(&d->sched.refill, budget_timer, d);
}

void sched_share_set(struct domain *d, uint32_t weight, uint32_t cap)
{
	spin_lock(&queue_lock);
	d->sched.weight = weight;
	d->sched.cap = cap;
	d->sched.period = time_now();
	d->sched.budget = (int64_t)(QUOTA_NS * cap);
	timer_cancel(&d->sched.refill);
	d->sched.spent = false;
	kick_locked(d);
	spin_unlock(&queue_lock);
	domain_wake(d);
}

void sched_affinity_set(struct domain *d, uint32_t vcpu, uint32_t hard, uint32_t soft)
{
	spin_lock(&queue_lock);
	d->sched.hard[vcpu] = hard;
	d->sched.soft[vcpu] = soft;
	kick_locked(d);
	spin_unlock(&queue_lock);
	domain_wake(d);
}

uint64_t sched_cpu_ns(const struct vcpu *v)
{
	uint64_t ns;

	spin_lock(&queue_lock);
	ns = v->cpu_ns + (runners[v->cpu].running == v ? time_now() - v->started : 0);
	spin_unlock(&queue_lock);
	return ns;
}

void sched_counters(uint64_t *idle_ns, uint64_t *switches)
{
	*idle_ns = *switches = 0;
	for (uint32_t i = 0; i < arch_cpu_count(); i++) {
		*idle_ns += runners[i].idle_ns;
		*switches += runners[i].switches;
	}
}

void sched_kick(struct domain *d)
{
	spin_lock(&queue_lock);
	kick_locked(d);
	spin_unlock(&queue_lock);
}

bool sched_elsewhere(const struct vcpu *v)
{
	return __atomic_load_n(&v->on_cpu, __ATOMIC_ACQUIRE) && v != current_vcpu();
}

/* ---- the queue ---- */

/* The running vCPU may itself spin until the one that wakes has answered it. */
static void slice_shorten(uint32_t cpu, uint64_t end) MUST_HOLD(queue_lock)
{
	struct runner *r = &runners[cpu];

	r->running->slice_end = MIN(r->running->slice_end, end);
	if (!list_empty(&r->slice.link) && r->slice.deadline <= r->running->slice_end)
		return;
	if (cpu == arch_cpu_id()) {
		timer_set(&r->slice, r->running->slice_end);
	} else {
		r->shorten = true;
		arch_poke_cpu(cpu);
	}
}

void sched_interrupt(void)
{
	struct runner *r = self();

	if (!READ_ONCE(r->shorten))
		return;
	spin_lock(&queue_lock);
	r->shorten = false;
	if (r->running)
		slice_shorten(arch_cpu_id(), r->running->slice_end);
	spin_unlock(&queue_lock);
}

/* How far the running vCPU's domain is. */
static uint64_t virtual_now(const struct runner *r, uint64_t now) MUST_HOLD(queue_lock)
{
	const struct domain *d = r->running->domain;

	return d->sched.virtual + virtual_of(d, now - r->running->started);
}

/* Is a the better one to be interrupted? */
static bool less_worth(const struct runner *a, const struct runner *b, uint64_t now) MUST_HOLD(queue_lock)
{
	if (a->running->domain->priority != b->running->domain->priority)
		return a->running->domain->priority < b->running->domain->priority;
	return before(virtual_now(b, now), virtual_now(a, now));
}

/* Of these CPUs best the one where v was. */
static uint32_t nearest(const struct vcpu *v, uint32_t cpus)
{
	return cpus >> v->cpu & 1 ? v->cpu : (uint32_t)__builtin_ctz(cpus);
}

/* v stands in the queue: an idle CPU shall take it, best one that it would rather have or the one where it was, or that
 * whose vCPU is worth least shall leave it. That is soon rather than at once for one that just woke, also by its higher
 * priority: a guest that goes on may ring again, and a driver does more in one go. */
static void preempt(const struct vcpu *v, bool woke) MUST_HOLD(queue_lock)
{
	uint32_t hard = v->domain->sched.hard[v->id], soft = v->domain->sched.soft[v->id];
	uint32_t idle = idle_cpus & hard & soft ? idle_cpus & hard & soft : idle_cpus & hard, worst;
	unsigned prio = v->domain->priority, other;
	uint64_t now = time_now();

	if (idle) {
		worst = nearest(v, idle);
		idle_cpus &= ~(1u << worst);
		arch_resched_cpu(worst);
		return;
	}
	worst = nearest(v, hard);
	for (uint32_t i = 0; i < arch_cpu_count(); i++)
		if (hard >> i & 1 && !runners[i].running)
			return; /* it is about to choose, and looks at the rest then */
	for (uint32_t i = 0; i < arch_cpu_count(); i++)
		if (hard >> i & 1 && less_worth(&runners[i], &runners[worst], now))
			worst = i;
	other = runners[worst].running->domain->priority;
	if (prio > other && !woke)
		arch_resched_cpu(worst);
	else if (prio > other)
		slice_shorten(worst, now + BATCH_NS);
	else if (prio == other)
		slice_shorten(worst, woke && !before(virtual_now(&runners[worst], now), v->domain->sched.virtual) ?
					     now + WAKE_NS :
					     runners[worst].running->slice_end);
}

static void queue_add(struct vcpu *v) MUST_HOLD(queue_lock)
{
	struct domain *d = v->domain;
	uint64_t oldest = least_virtual[d->priority] - virtual_of(d, LAG_NS);

	if (before(d->sched.virtual, oldest))
		d->sched.virtual = oldest;
	if (list_empty(&v->run))
		list_add_tail(&queue[d->priority], &v->run);
}

static void enqueue(struct vcpu *v) MUST_HOLD(queue_lock)
{
	if (v->state != VCPU_RUNNABLE || v->on_cpu || !domain_runnable(v->domain))
		return;
	queue_add(v);
	preempt(v, true);
}

void sched_enqueue(struct vcpu *v)
{
	spin_lock(&queue_lock);
	enqueue(v);
	spin_unlock(&queue_lock);
}

/* ---- states ---- */

/* It has something to do: if no CPU has it, it takes its place in the queue. */
static void set_runnable(struct vcpu *v) MUST_HOLD(queue_lock)
{
	v->event_masked_poll = false;
	v->state = v->on_cpu ? VCPU_RUNNING : VCPU_RUNNABLE;
	vcpu_runstate_set(v, v->on_cpu ? RUNSTATE_running : RUNSTATE_runnable);
	enqueue(v);
}

void vcpu_wake(struct vcpu *v)
{
	spin_lock(&queue_lock);
	if (v->state == VCPU_BLOCKED)
		set_runnable(v);
	else if (v->on_cpu && v->cpu != arch_cpu_id())
		arch_poke_cpu(v->cpu);
	spin_unlock(&queue_lock);
}

void vcpu_up(struct vcpu *v)
{
	spin_lock(&queue_lock);
	if (v->state == VCPU_DOWN && v->domain->state != GUISE_STATE_DYING)
		set_runnable(v);
	spin_unlock(&queue_lock);
}

void vcpu_block(struct vcpu *v)
{
	spin_lock(&queue_lock);
	if (v->state == VCPU_RUNNING) {
		v->state = VCPU_BLOCKED;
		vcpu_runstate_set(v, RUNSTATE_blocked);
		arch_resched();
	}
	spin_unlock(&queue_lock);
}

void vcpu_stop(struct vcpu *v)
{
	spin_lock(&queue_lock);
	list_del(&v->run);
	v->state = VCPU_DOWN;
	v->event_masked_poll = false;
	vcpu_runstate_set(v, RUNSTATE_offline);
	if (v->on_cpu)
		arch_resched_cpu(v->cpu);
	spin_unlock(&queue_lock);
}

/* Its memory goes: this CPU may have it still, if nobody was chosen since. */
void sched_forget(struct vcpu *v)
{
	struct runner *r = self();

	spin_lock(&queue_lock);
	if (r->yields == v)
		r->yields = NULL;
	if (r->running == v) {
		r->running = NULL;
		v->on_cpu = false;
		arch_resched();
	}
	spin_unlock(&queue_lock);
}

/* ---- choosing ---- */

static bool comes_before(const struct vcpu *a, const struct vcpu *b, const struct vcpu *yields)
{
	if (a == yields || b == yields)
		return b == yields;
	return before(a->domain->sched.virtual, b->domain->sched.virtual);
}

/* The best that may run on one of these CPUs. */
static struct vcpu *pick(const struct vcpu *yields, uint32_t cpus) MUST_HOLD(queue_lock)
{
	struct vcpu *best = NULL;

	for (int p = NR_PRIORITIES - 1; p >= 0 && !best; p--) {
		for (struct list *l = queue[p].next, *next; l != &queue[p]; l = next) {
			struct vcpu *v = list_entry(l, struct vcpu, run);

			next = l->next;
			if (!domain_runnable(v->domain))
				list_del(l);
			else if (v->domain->sched.hard[v->id] & cpus && (!best || comes_before(v, best, yields)))
				best = v;
		}
	}
	return best;
}

/* Its registers are in memory: others may have it. */
static void stop_running(struct runner *r) MUST_HOLD(queue_lock)
{
	struct vcpu *v = r->running;
	uint64_t now = time_now();

	timer_cancel(&r->slice);
	r->shorten = false;
	r->running = NULL;
	if (!v)
		return;
	v->cpu_ns += now - v->started;
	charge(v->domain, now - v->started, now);
	if (v->state == VCPU_RUNNING) {
		v->state = VCPU_RUNNABLE;
		vcpu_runstate_set(v, RUNSTATE_runnable);
		if (domain_runnable(v->domain))
			queue_add(v);
	}
	__atomic_store_n(&v->on_cpu, false, __ATOMIC_RELEASE);
}

static void start_running(struct runner *r, struct vcpu *v) MUST_HOLD(queue_lock)
{
	struct domain *d = v->domain;
	uint64_t now = time_now();

	if (before(least_virtual[d->priority], d->sched.virtual))
		least_virtual[d->priority] = d->sched.virtual;
	list_del(&v->run);
	idle_cpus &= ~(1u << arch_cpu_id());
	r->running = v;
	r->yields = NULL;
	r->switches++;
	v->state = VCPU_RUNNING;
	v->on_cpu = true;
	v->cpu = arch_cpu_id();
	v->started = now;
	v->slice_end = now + SLICE_NS;
	vcpu_runstate_set(v, RUNSTATE_running);
	if (d->sched.cap) {
		budget_refill(d, now);
		v->slice_end = now + MIN(SLICE_NS, (uint64_t)MAX(d->sched.budget, 1));
	}
	if (d->sched.cap || !list_empty(&queue[d->priority]))
		timer_set(&r->slice, v->slice_end);
}

/* Whoever wants this CPU to choose again makes the change first and then sets its flag: it is cleared before
 * the queue is looked at. */
struct vcpu *schedule(void)
{
	struct runner *r = self();
	struct vcpu *v, *other;

	arch_vcpu_leave();
	arch_resched_done();
	spin_lock(&queue_lock);
	stop_running(r);
	while (!(v = pick(r->yields, 1u << arch_cpu_id()))) {
		uint64_t since = time_now();

		idle_cpus |= 1u << arch_cpu_id();
		spin_unlock(&queue_lock);
		arch_idle();
		arch_resched_done();
		spin_lock(&queue_lock);
		r->idle_ns += time_now() - since;
	}
	start_running(r, v);
	if (arch_cpu_count() > 1 && ((other = pick(NULL, idle_cpus)) || (other = pick(NULL, ~0u))))
		preempt(other, false);
	spin_unlock(&queue_lock);
	return v;
}

/* At the next choice everybody else of its priority comes first. */
void sched_yield_current(struct vcpu *v)
{
	self()->yields = v;
	arch_resched();
}
