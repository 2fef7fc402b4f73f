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
 * Only runnable vCPUs that are on no CPU stand in a queue; those of a domain that is paused or has no
 * budget are left out until it may run again.  Each CPU has a queue, whose lock also guards the state of the vCPUs that
 * are or were last on it (vcpu.cpu).  Who wakes one puts it there and asks one CPU to look: an idle one, or the one whose
 * vCPU is worth least.  A CPU that chooses takes over from other queues who shall run before those in its own: who has a
 * higher priority, anybody if it has none itself, and of one queue, the next in turn, who had less of his share.  So shares
 * hold across CPUs.  A vCPU may run on the CPUs of its hard affinity only, and takes one of its soft affinity if several
 * are idle.
 *
 * Whoever queues a vCPU looks at what CPUs do after that, without their locks; and a CPU says what it does before
 * it looks at the queues.  So one of them sees the other.
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

/* What each CPU does, and who waits there. */
struct runner {
	struct spinlock lock;
	struct list queue[NR_PRIORITIES];
	struct vcpu *running; /* NULL: idle, or about to choose	*/
	struct vcpu *yields;  /* not the next one, if there are others		*/
	struct timer slice;
	uint64_t idle_ns;
	uint64_t switches;

	/* Others read these without the lock.  What they conclude may be out of date: then a CPU chooses once too often. */
	uint32_t priority; /* of what runs, or waits here while it chooses, and one more; 0: nothing	*/
	uint32_t weight;
	uint64_t virtual;   /* of the running one's domain when it began ... */
	uint64_t started;   /* ... which was then: system time, ns		*/
	uint64_t slice_end; /* others may bring it nearer, ...		*/
	bool timed;	    /* the slice has an end				*/
	bool shorten;	    /* ... and ask the CPU to look at it	*/
	uint32_t look;	    /* the CPU whose queue is looked at next */
};

static uint64_t least_virtual[NR_PRIORITIES]; /* nobody who runs or waits is behind it by more than his lag */
static struct runner runners[MAX_CPUS];
static uint32_t idle_cpus; /* bitmap of those that wait, and nobody asked them yet to look at the queues	*/

static struct runner *self(void)
{
	return &runners[arch_cpu_id()];
}

static struct runner *runner_of(const struct vcpu *v)
{
	return &runners[READ_ONCE(v->cpu)];
}

static void lock_vcpu(const struct vcpu *v) TAKES(runner_of(v)->lock) NO_LOCK_CHECK
{
	for (;;) {
		struct runner *r = runner_of(v);

		spin_lock(&r->lock);
		if (r == runner_of(v))
			return;
		spin_unlock(&r->lock);
	}
}

static void unlock_vcpu(const struct vcpu *v) GIVES(runner_of(v)->lock)
{
	spin_unlock(&runner_of(v)->lock);
}

static void slice_end(void *arg)
{
	arch_resched();
}

void sched_init(void)
{
	for (unsigned i = 0; i < MAX_CPUS; i++) {
		runners[i].lock.rank = LOCK_RUN_QUEUE;
		for (unsigned p = 0; p < NR_PRIORITIES; p++)
			list_init(&runners[i].queue[p]);
		timer_init(&runners[i].slice, slice_end, NULL);
	}
}

static bool before(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b) < 0;
}

static uint64_t virtual_of(uint32_t weight, uint64_t ns)
{
	return ns * GUISE_WEIGHT_DEFAULT / weight;
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

	spin_lock(&d->sched.lock);
	budget_refill(d, time_now());
	more = !d->sched.cap || d->sched.budget > 0;
	if (more)
		d->sched.spent = false;
	else
		timer_set(&d->sched.refill, d->sched.period + PERIOD_NS);
	spin_unlock(&d->sched.lock);
	if (more)
		domain_wake(d);
}

/* The domain's other vCPUs go on to the end of their slices, which are no longer than the budget was. */
static void charge(struct domain *d, uint64_t ns, uint64_t now)
{
	__atomic_fetch_add(&d->sched.virtual, virtual_of(d->sched.weight, ns), __ATOMIC_RELAXED);
	__atomic_fetch_add(&d->sched.unpaid, ns, __ATOMIC_RELAXED);
	if (!d->sched.cap)
		return;
	spin_lock(&d->sched.lock);
	d->sched.budget -= (int64_t)ns;
	budget_refill(d, now);
	if (d->sched.budget <= 0 && !d->sched.spent) {
		d->sched.spent = true;
		timer_set(&d->sched.refill, d->sched.period + PERIOD_NS);
	}
	spin_unlock(&d->sched.lock);
}

void sched_rang(struct domain *d, struct domain *server)
{
	uint64_t ns;

	if (d->priority != GUISE_PRIO_GUEST || server->priority == GUISE_PRIO_GUEST)
		return;
	ns = __atomic_exchange_n(&server->sched.unpaid, 0, __ATOMIC_RELAXED);
	__atomic_fetch_add(&d->sched.virtual, virtual_of(d->sched.weight, MIN(ns, DEBT_NS)), __ATOMIC_RELAXED);
}

void sched_domain_init(struct domain *d)
{
	d->sched.lock.rank = LOCK_SHARE;
	d->sched.weight = GUISE_WEIGHT_DEFAULT;
	memset(d->sched.hard, 0xff, sizeof(d->sched.hard));
	timer_init(&d->sched.refill, budget_timer, d);
}

void sched_share_set(struct domain *d, uint32_t weight, uint32_t cap)
{
	spin_lock(&d->sched.lock);
	d->sched.weight = weight;
	d->sched.cap = cap;
	d->sched.period = time_now();
	d->sched.budget = (int64_t)(QUOTA_NS * cap);
	timer_cancel(&d->sched.refill);
	d->sched.spent = false;
	spin_unlock(&d->sched.lock);
	sched_kick(d);
	domain_wake(d);
}

void sched_affinity_set(struct domain *d, uint32_t vcpu, uint32_t hard, uint32_t soft)
{
	WRITE_ONCE(d->sched.hard[vcpu], hard);
	WRITE_ONCE(d->sched.soft[vcpu], soft);
	sched_kick(d);
	domain_wake(d);
}

uint64_t sched_cpu_ns(const struct vcpu *v)
{
	uint64_t ns;

	lock_vcpu(v);
	ns = v->cpu_ns + (runner_of(v)->running == v ? time_now() - runner_of(v)->started : 0);
	unlock_vcpu(v);
	return ns;
}

void sched_counters(uint64_t *idle_ns, uint64_t *switches)
{
	for (uint32_t i = 0; i < arch_cpu_count(); i++) {
		*idle_ns += runners[i].idle_ns;
		*switches += runners[i].switches;
	}
}

/* A CPU that chose before has said so (on_cpu), and one that chooses after this finds d as it is now. */
void sched_kick(struct domain *d)
{
	for (uint32_t i = 0; i < arch_cpu_count(); i++) {
		spin_lock(&runners[i].lock);
		if (runners[i].running && runners[i].running->domain == d)
			arch_resched_cpu(i);
		spin_unlock(&runners[i].lock);
	}
}

bool sched_elsewhere(const struct vcpu *v)
{
	return __atomic_load_n(&v->on_cpu, __ATOMIC_ACQUIRE) && v != current_vcpu();
}

/* ---- queues ---- */

/* The highest priority of whom this CPU's queue has, and one more; 0: nobody. */
static uint32_t waits(const struct runner *r)
{
	uint32_t p = NR_PRIORITIES;

	while (p && list_empty(&r->queue[p - 1]))
		p--;
	return p;
}

/* The running vCPU may itself spin until the one that wakes has answered it. */
static void slice_shorten(uint32_t cpu, uint64_t end)
{
	struct runner *r = &runners[cpu];
	uint64_t old = READ_ONCE(r->slice_end);

	if (end >= old && READ_ONCE(r->timed))
		return;
	while (end < old &&
	       !__atomic_compare_exchange_n(&r->slice_end, &old, end, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
	WRITE_ONCE(r->timed, true);
	__atomic_store_n(&r->shorten, true, __ATOMIC_SEQ_CST);
	if (cpu == arch_cpu_id())
		sched_interrupt();
	else
		arch_poke_cpu(cpu);
}

void sched_interrupt(void)
{
	struct runner *r = self();

	if (!READ_ONCE(r->shorten))
		return;
	__atomic_store_n(&r->shorten, false, __ATOMIC_SEQ_CST);
	if (r->running)
		timer_set(&r->slice, READ_ONCE(r->slice_end));
}

/* About how far the running vCPU's domain is. */
static uint64_t virtual_now(const struct runner *r, uint64_t now)
{
	return r->virtual + virtual_of(MAX(r->weight, 1), now - r->started);
}

/* Is a the better one to be interrupted? */
static bool less_worth(const struct runner *a, const struct runner *b, uint64_t now)
{
	if (a->priority != b->priority)
		return a->priority < b->priority;
	return before(virtual_now(b, now), virtual_now(a, now));
}

/* Of these CPUs best the one where v was. */
static uint32_t nearest(const struct vcpu *v, uint32_t cpus)
{
	return cpus >> v->cpu & 1 ? v->cpu : (uint32_t)__builtin_ctz(cpus);
}

/* v stands in a queue, whose lock the caller has: an idle CPU shall take it, best one that it would rather have or the one
 * where it was, or that whose vCPU is worth least shall leave it. That is soon rather than at once for one that just woke,
 * also by its higher priority: a guest that goes on may ring again, and a driver does more in one go. */
static void preempt(const struct vcpu *v, bool woke)
{
	uint32_t hard = READ_ONCE(v->domain->sched.hard[v->id]), soft = READ_ONCE(v->domain->sched.soft[v->id]);
	uint32_t priority = v->domain->priority + 1u, other, idle, cpu;
	uint64_t now = time_now();

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	while ((idle = READ_ONCE(idle_cpus) & hard)) {
		cpu = nearest(v, idle & soft ? idle & soft : idle);
		if (__atomic_fetch_and(&idle_cpus, ~(1u << cpu), __ATOMIC_SEQ_CST) >> cpu & 1) {
			WRITE_ONCE(runners[cpu].look, v->cpu);
			arch_resched_cpu(cpu);
			return;
		}
	}
	cpu = nearest(v, hard);
	for (uint32_t i = 0; i < arch_cpu_count(); i++)
		if (hard >> i & 1 && less_worth(&runners[i], &runners[cpu], now))
			cpu = i;
	other = READ_ONCE(runners[cpu].priority);
	if (priority < other)
		return;
	WRITE_ONCE(runners[cpu].look, v->cpu);
	if (priority > other && !woke)
		arch_resched_cpu(cpu);
	else if (priority > other)
		slice_shorten(cpu, now + BATCH_NS);
	else
		slice_shorten(cpu, woke && !before(virtual_now(&runners[cpu], now), v->domain->sched.virtual) ?
					   now + WAKE_NS :
					   READ_ONCE(runners[cpu].slice_end));
}

static void queue_add(struct runner *r, struct vcpu *v) MUST_HOLD(r->lock)
{
	struct domain *d = v->domain;
	uint64_t oldest = READ_ONCE(least_virtual[d->priority]) - virtual_of(d->sched.weight, LAG_NS);
	uint64_t has = READ_ONCE(d->sched.virtual);

	if (before(has, oldest))
		__atomic_compare_exchange_n(&d->sched.virtual, &has, oldest, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	if (list_empty(&v->run))
		list_add_tail(&r->queue[d->priority], &v->run);
}

static void enqueue(struct vcpu *v) MUST_HOLD(runner_of(v)->lock)
{
	if (v->state != VCPU_RUNNABLE || v->on_cpu || !domain_runnable(v->domain))
		return;
	queue_add(runner_of(v), v);
	preempt(v, true);
}

void sched_enqueue(struct vcpu *v)
{
	lock_vcpu(v);
	enqueue(v);
	unlock_vcpu(v);
}

/* ---- states ---- */

/* It has something to do: if no CPU has it, it takes its place in the queue. */
static void set_runnable(struct vcpu *v) MUST_HOLD(runner_of(v)->lock)
{
	v->event_masked_poll = false;
	v->state = v->on_cpu ? VCPU_RUNNING : VCPU_RUNNABLE;
	vcpu_runstate_set(v, v->on_cpu ? RUNSTATE_running : RUNSTATE_runnable);
	enqueue(v);
}

void vcpu_wake(struct vcpu *v)
{
	lock_vcpu(v);
	if (v->state == VCPU_BLOCKED)
		set_runnable(v);
	else if (v->on_cpu && v->cpu != arch_cpu_id())
		arch_poke_cpu(v->cpu);
	unlock_vcpu(v);
}

void vcpu_up(struct vcpu *v)
{
	lock_vcpu(v);
	if (v->state == VCPU_DOWN && v->domain->state != GUISE_STATE_DYING)
		set_runnable(v);
	unlock_vcpu(v);
}

void vcpu_block(struct vcpu *v)
{
	lock_vcpu(v);
	if (v->state == VCPU_RUNNING) {
		v->state = VCPU_BLOCKED;
		vcpu_runstate_set(v, RUNSTATE_blocked);
		arch_resched();
	}
	unlock_vcpu(v);
}

void vcpu_stop(struct vcpu *v)
{
	lock_vcpu(v);
	list_del(&v->run);
	v->state = VCPU_DOWN;
	v->event_masked_poll = false;
	vcpu_runstate_set(v, RUNSTATE_offline);
	if (v->on_cpu)
		arch_resched_cpu(v->cpu);
	unlock_vcpu(v);
}

/* Its memory goes: this CPU may have it still, if nobody was chosen since. */
void sched_forget(struct vcpu *v)
{
	struct runner *r = self();

	spin_lock(&r->lock);
	if (r->yields == v)
		r->yields = NULL;
	if (r->running == v) {
		r->running = NULL;
		v->on_cpu = false;
		arch_resched();
	}
	spin_unlock(&r->lock);
}

/* ---- choosing ---- */

static bool comes_before(const struct vcpu *a, const struct vcpu *b, const struct vcpu *yields)
{
	if (a->domain->priority != b->domain->priority)
		return a->domain->priority > b->domain->priority;
	if (a == yields || b == yields)
		return b == yields;
	return before(a->domain->sched.virtual, b->domain->sched.virtual);
}

/* The best of this queue that may run on one of these CPUs. */
static struct vcpu *pick(struct runner *r, const struct vcpu *yields, uint32_t cpus) MUST_HOLD(r->lock)
{
	struct vcpu *best = NULL;

	for (int p = NR_PRIORITIES - 1; p >= 0 && !best; p--) {
		for (struct list *l = r->queue[p].next, *next; l != &r->queue[p]; l = next) {
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

/* Who is best in the other queue comes over, if it shall run here rather than who waits here; else another CPU may want it. */
static void pull_from(struct runner *r, struct runner *other) MUST_HOLD(r->lock)
{
	uint32_t me = 1u << arch_cpu_id();
	struct vcpu *mine, *v;

	if (other < r) {
		spin_unlock(&r->lock);
		spin_lock(&other->lock);
		spin_lock(&r->lock);
	} else {
		spin_lock(&other->lock);
	}
	mine = pick(r, r->yields, me);
	v = pick(other, NULL, me);
	if (v && mine && !comes_before(v, mine, r->yields)) {
		preempt(v, false);
	} else if (v) {
		list_del(&v->run);
		v->cpu = arch_cpu_id();
		list_add_tail(&r->queue[v->domain->priority], &v->run);
	}
	spin_unlock(&other->lock);
}

static void pull(struct runner *r) MUST_HOLD(r->lock)
{
	uint32_t look = r->look, n = arch_cpu_count();

	r->look = look + 1;
	r->priority = waits(r);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < n; i++) {
		struct runner *other = &runners[(look + i) % n];
		uint32_t theirs = waits(other);

		if (other != r && theirs && theirs + (!i || r->yields) > waits(r))
			pull_from(r, other);
	}
}

/* Its registers are in memory: others may have it. */
static void stop_running(struct runner *r) MUST_HOLD(r->lock)
{
	struct vcpu *v = r->running;
	uint64_t now = time_now();

	timer_cancel(&r->slice);
	r->running = NULL;
	if (!v)
		return;
	v->cpu_ns += now - r->started;
	charge(v->domain, now - r->started, now);
	if (v->state == VCPU_RUNNING) {
		v->state = VCPU_RUNNABLE;
		vcpu_runstate_set(v, RUNSTATE_runnable);
		if (domain_runnable(v->domain))
			queue_add(r, v);
	}
	__atomic_store_n(&v->on_cpu, false, __ATOMIC_RELEASE);
}

static void start_running(struct runner *r, struct vcpu *v) MUST_HOLD(r->lock)
{
	struct domain *d = v->domain;
	uint64_t now = time_now(), slice = SLICE_NS;
	uint32_t others = 0;

	if (before(READ_ONCE(least_virtual[d->priority]), d->sched.virtual))
		WRITE_ONCE(least_virtual[d->priority], d->sched.virtual);
	list_del(&v->run);
	__atomic_fetch_and(&idle_cpus, ~(1u << arch_cpu_id()), __ATOMIC_SEQ_CST);
	r->running = v;
	r->yields = NULL;
	r->switches++;
	v->state = VCPU_RUNNING;
	v->on_cpu = true;
	vcpu_runstate_set(v, RUNSTATE_running);
	if (d->sched.cap) {
		spin_lock(&d->sched.lock);
		budget_refill(d, now);
		slice = MIN(slice, (uint64_t)MAX(d->sched.budget, 1));
		spin_unlock(&d->sched.lock);
	}
	r->priority = d->priority + 1u;
	r->weight = d->sched.weight;
	r->virtual = d->sched.virtual;
	r->started = now;
	r->timed = r->shorten = false;
	WRITE_ONCE(r->slice_end, now + slice);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < arch_cpu_count(); i++)
		others = MAX(others, waits(&runners[i]));
	if (d->sched.cap || others >= r->priority)
		slice_shorten(arch_cpu_id(), now + (others > r->priority ? MIN(slice, BATCH_NS) : slice));
}

/* Who waits here may be wanted by another CPU, or not be allowed on this one. */
static void offer(struct runner *r) MUST_HOLD(r->lock)
{
	struct vcpu *v = pick(r, NULL, READ_ONCE(idle_cpus));

	if (v || (v = pick(r, NULL, ~0u)))
		preempt(v, false);
}

/* Whoever wants this CPU to choose again makes the change first and then sets its flag: it is cleared before
 * the queues are looked at. */
struct vcpu *schedule(void)
{
	uint32_t me = 1u << arch_cpu_id();
	struct runner *r = self();
	struct vcpu *v;

	arch_vcpu_leave();
	arch_resched_done();
	spin_lock(&r->lock);
	stop_running(r);
	while (pull(r), !(v = pick(r, r->yields, me))) {
		uint64_t since = time_now();

		if (!(__atomic_fetch_or(&idle_cpus, me, __ATOMIC_SEQ_CST) & me))
			continue; /* whoever queues one from here on sees that; who did before is found now	*/
		offer(r);
		spin_unlock(&r->lock);
		arch_idle();
		arch_resched_done();
		spin_lock(&r->lock);
		r->idle_ns += time_now() - since;
	}
	start_running(r, v);
	offer(r);
	spin_unlock(&r->lock);
	return v;
}

/* At the next choice everybody else of its priority comes first. */
void sched_yield_current(struct vcpu *v)
{
	self()->yields = v;
	arch_resched();
}
