/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * domain.c - the life of a domain.
 *
 *	created paused -> RUNNING -> SHUTDOWN or CRASHED -> DYING -> gone
 *
 * Every frame it owns is in its list; every page the kernel spends on it is charged to it.
 */
#include <arch/iommu.h>
#include <core/domain.h>
#include <core/event.h>
#include <core/grant.h>
#include <core/hypercall.h>
#include <core/irq.h>
#include <core/lib.h>
#include <core/vcpu.h>
#include <xen/sched.h>

#define DOMAIN_ORDER 2

static struct spinlock list_lock = { .rank = LOCK_DOMAINS };
static struct list domains = { &domains, &domains };
unsigned domain_count;

static const uint8_t domain_next[] = {
	[GUISE_STATE_PAUSED] = 1 << GUISE_STATE_RUNNING | 1 << GUISE_STATE_DYING,
	[GUISE_STATE_RUNNING] = 1 << GUISE_STATE_SHUTDOWN | 1 << GUISE_STATE_CRASHED | 1 << GUISE_STATE_DYING,
	[GUISE_STATE_SHUTDOWN] = 1 << GUISE_STATE_DYING,
	[GUISE_STATE_CRASHED] = 1 << GUISE_STATE_DYING,
	[GUISE_STATE_DYING] = 0,
};

static bool domain_move(struct domain *d, uint8_t to)
{
	if (!(domain_next[d->state] >> to & 1))
		return false;
	d->state = to;
	return true;
}

static struct domain *find(uint16_t id) MUST_HOLD(list_lock)
{
	list_for_each(l, &domains)
		if (list_entry(l, struct domain, link)->id == id)
			return list_entry(l, struct domain, link);
	return NULL;
}

struct domain *domain_get(uint16_t id)
{
	struct domain *d;

	spin_lock(&list_lock);
	d = find(id);
	if (d)
		domain_ref(d);
	spin_unlock(&list_lock);
	return d;
}

void domain_ref(struct domain *d)
{
	__atomic_add_fetch(&d->refs, 1, __ATOMIC_RELAXED);
}

void domain_put(struct domain *d)
{
	if (d && __atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL) == 0) {
		grant_free(d);
		event_free(d);
		for_each_vcpu(v, d)
			kpages_free(v, VCPU_ORDER, d);
		BUG_ON(d->frames || d->kernel_pages);
		kpages_free(d, DOMAIN_ORDER, NULL);
	}
}

static bool list_enter(struct domain *d)
{
	bool ok;

	spin_lock(&list_lock);
	ok = domain_count < MAX_DOMAINS && !find(d->id);
	if (ok) {
		list_add_tail(&domains, &d->link);
		domain_count++;
	}
	spin_unlock(&list_lock);
	return ok;
}

/* Its frames name it by its id.  Where one is held, those before it are given back. */
int domain_rename(struct domain *d, uint16_t id)
{
	uint16_t old = d->id;
	int rc;

	spin_lock(&list_lock);
	spin_lock(&d->lock);
	rc = find(id) ? -EEXIST : d->state != GUISE_STATE_PAUSED ? -EBUSY : d->frames > IOMMU_FRAMES ? -E2BIG : 0;
	for (uint32_t m = d->frames_head; !rc && m != FRAME_NIL; m = frame_of(m)->next)
		rc = frame_give(frame_of(m), old, id);
	for (uint32_t m = d->frames_head; rc == -EBUSY && m != FRAME_NIL; m = frame_of(m)->next)
		frame_give(frame_of(m), id, old);
	if (!rc)
		d->id = id;
	spin_unlock(&d->lock);
	spin_unlock(&list_lock);
	return rc;
}

mfn_t domain_shared_frame(struct domain *d)
{
	mfn_t m = frame_alloc(0, OWNER_KERNEL);

	if (m == INVALID_MFN)
		return m;
	memset(mfn_to_virt(m), 0, PAGE_SIZE);
	frame_of(m)->flags = FRAME_SHARED;
	m2p_set(m, ~0ull);
	domain_add_frame(d, m);
	BUG_ON(frame_give(frame_of(m), OWNER_KERNEL, d->id)); /* last: now its vCPUs may name it */
	return m;
}

bool crossings_timed;
uint64_t crossing_longest[GUISE_CROSSINGS];

struct domain *domain_create(const struct guise_domain_create *how, int *err)
{
	struct domain *d = kpages_alloc(DOMAIN_ORDER, NULL);

	_Static_assert(sizeof(struct domain) <= PAGE_SIZE << DOMAIN_ORDER, "a domain fits its pages");
	*err = -ENOMEM;
	if (!d)
		return NULL;
	d->id = how->domid;
	d->priority = how->priority;
	d->timed = crossings_timed;
	d->paging = how->paging;
	d->max_vcpus = how->max_vcpus;
	d->refs = 1;
	d->pauses = 1;
	d->state = GUISE_STATE_PAUSED;
	d->frames_head = FRAME_NIL;
	sched_domain_init(d);
	d->max_frames = how->max_frames;
	d->max_kernel_pages = 2048 + how->max_vcpus * 16 + how->max_frames / 32;
	list_init(&d->link);
	d->lock.rank = LOCK_DOMAIN;
	d->tlb.lock.rank = LOCK_TLB;
	d->event_lock.rank = LOCK_EVENTS;
	d->handle_lock.rank = LOCK_HANDLES;
	if (!list_enter(d)) {
		*err = -EEXIST;
		domain_put(d);
		return NULL;
	}
	d->shared_mfn = domain_shared_frame(d);
	if (d->shared_mfn == INVALID_MFN)
		goto fail;
	d->shared = mfn_to_virt(d->shared_mfn);
	memset(d->shared->evtchn_mask, 0xff, sizeof(d->shared->evtchn_mask));
	for (unsigned i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
		d->shared->vcpu_info[i].evtchn_upcall_mask = 1;
	d->shared->wc_version = 2;
	d->shared->wc_sec = (uint32_t)arch_wall_clock();
	if (grant_init(d) || tlb_init(d, how->cache_frames) || !vcpu_create(d, 0))
		goto fail;
	*err = 0;
	return d;
fail:
	domain_ref(d);
	while (domain_destroy(d) == HC_CONTINUE)
		;
	domain_put(d);
	return NULL;
}

bool domain_runnable(const struct domain *d)
{
	return d->state == GUISE_STATE_RUNNING && d->pauses == 0 && !d->sched.spent;
}

void domain_wake(struct domain *d)
{
	if (!domain_runnable(d))
		return;
	for_each_vcpu(v, d)
		sched_enqueue(v);
}

/* None of its vCPUs, which may not be wanted any more, is on another CPU on return. */
static void domain_quiesce(struct domain *d)
{
	sched_kick(d);
	for_each_vcpu(v, d)
		while (sched_elsewhere(v))
			arch_relax();
}

void domain_pause(struct domain *d)
{
	spin_lock(&d->lock);
	d->pauses++;
	spin_unlock(&d->lock);
	domain_quiesce(d);
}

void domain_unpause(struct domain *d)
{
	spin_lock(&d->lock);
	if (d->state == GUISE_STATE_PAUSED && d->vcpu[0] && d->vcpu[0]->initialised)
		domain_move(d, GUISE_STATE_RUNNING);
	if (d->pauses)
		d->pauses--;
	spin_unlock(&d->lock);
	domain_wake(d);
}

static void domain_end(struct domain *d, uint8_t state, uint8_t reason)
{
	bool moved;

	spin_lock(&d->lock);
	moved = domain_move(d, state);
	if (moved)
		d->shutdown_reason = reason;
	spin_unlock(&d->lock);
	sched_kick(d);
	if (!moved)
		return;
	if (d->id == DOMID_FIRST)
		panic("the VMM server ended: %s", d->text[0] ? d->text : "it shut down");
	event_domain_changed();
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
	va_list ap;

	if (d->state != GUISE_STATE_RUNNING)
		return;
	va_start(ap, fmt);
	vsnprintf(d->text, sizeof(d->text), fmt, ap);
	va_end(ap);
	printk("guise: domain %u crashed: %s\n", d->id, d->text);
	domain_end(d, GUISE_STATE_CRASHED, SHUTDOWN_crash);
}

void domain_shutdown(struct domain *d, uint8_t reason)
{
	domain_end(d, GUISE_STATE_SHUTDOWN, reason);
}

/* ---- frames ---- */

void domain_add_frame(struct domain *d, mfn_t m)
{
	spin_lock(&d->lock);
	frame_list_add(&d->frames_head, m);
	d->frames++;
	spin_unlock(&d->lock);
}

void domain_remove_frame(struct domain *d, mfn_t m)
{
	spin_lock(&d->lock);
	frame_list_del(&d->frames_head, m);
	d->frames--;
	spin_unlock(&d->lock);
}

/* May it own nr more frames? */
static bool has_room(const struct domain *d, uint64_t nr)
{
	return d->frames + d->block_left + nr <= d->max_frames;
}

/* A fresh frame becomes the domain's: where its number and the machine's can be aligned, that of a 2 MiB block, whose others
 * wait for the numbers that follow. */
static mfn_t frame_take(struct domain *d, gfn_t gfn, bool blocks)
{
	mfn_t m = INVALID_MFN;

	spin_lock(&d->lock);
	if (blocks && gfn % 512 == 0 && !d->block_left && has_room(d, 512) &&
	    (d->block = frame_alloc(9, OWNER_KERNEL)) != INVALID_MFN)
		d->block_left = 512;
	if (d->state != GUISE_STATE_DYING && d->block_left && (gfn - d->block) % 512 == 0) {
		m = d->block++;
		d->block_left--;
	} else if (d->state != GUISE_STATE_DYING && has_room(d, 1)) {
		m = frame_alloc(0, OWNER_KERNEL);
	}
	if (m != INVALID_MFN) {
		memset(mfn_to_virt(m), 0, PAGE_SIZE);
		m2p_set(m, gfn);
		BUG_ON(frame_give(frame_of(m), OWNER_KERNEL, d->id));
		frame_list_add(&d->frames_head, m);
		d->frames++;
	}
	spin_unlock(&d->lock);
	return m;
}

uint32_t domain_populate(struct domain *d, gfn_t first, uint32_t nr, uint64_t *mfns)
{
	uint32_t done = 0;
	mfn_t m;

	while (done < nr && (!done || !arch_irq_waiting(4)) &&
	       (m = frame_take(d, first + done, nr >= 512)) != INVALID_MFN) {
		mfns[done++] = m;
		if (iommu_enter(d, m))
			break;
	}
	iommu_entered(d);
	return done;
}

/* ---- the end ---- */

/* Free frames.  0: none is left; -EAGAIN: but those that others hold; HC_CONTINUE: an interrupt waits. */
static long frames_drain(struct domain *d)
{
	uint32_t next = d->frames_head, n = 0;
	long rc = 0;

	for (; d->block_left; d->block_left--)
		frame_free(d->block++, 0, OWNER_KERNEL);
	while (next != FRAME_NIL) {
		mfn_t m = next;
		struct frame *f = frame_of(m);

		if (++n % 64 == 0 && arch_irq_waiting(64))
			return HC_CONTINUE;
		next = f->next;
		if (frame_give(f, d->id, OWNER_KERNEL)) {
			rc = -EAGAIN;
			continue;
		}
		domain_remove_frame(d, m);
		m2p_set(m, ~0ull);
		frame_free(m, 0, OWNER_KERNEL);
	}
	return rc;
}

/* Nothing of it runs or can be reached any more; what memory others still hold of it stays its own.  0; HC_CONTINUE: an
 * interrupt waits, and what was done already is done again for nothing. */
static long make_inert(struct domain *d)
{
	long rc;

	for_each_vcpu(v, d)
		vcpu_stop(v);
	domain_quiesce(d);
	timer_cancel_wait(&d->sched.refill);
	rc = event_close_all(d);
	if (rc)
		return rc;
	irq_free_all(d);
	iommu_forget(d);
	handle_drop_all(d);
	rc = grant_unmap_all(d);
	if (rc)
		return rc;
	for_each_vcpu(v, d)
		vcpu_end(v);
	if (d->tlb.node)
		tlb_drop_all(d);
	BUG_ON(d->tlb.cpus & ~(1u << arch_cpu_id()));
	return tlb_destroy(d);
}

long domain_destroy(struct domain *d)
{
	long rc = 0;

	if (__atomic_exchange_n(&d->ending, true, __ATOMIC_ACQUIRE))
		return HC_CONTINUE; /* another CPU is at it */
	if (d->gone)
		goto out;
	spin_lock(&d->lock);
	domain_move(d, GUISE_STATE_DYING);
	spin_unlock(&d->lock);
	if (!d->inert)
		rc = make_inert(d);
	d->inert = !rc;
	if (rc)
		goto out;
	rc = frames_drain(d);
	if (rc)
		goto out;
	d->gone = true;
	spin_lock(&list_lock);
	list_del(&d->link);
	domain_count--;
	spin_unlock(&list_lock);
	domain_put(d); /* not the last: the caller has one */
out:
	__atomic_store_n(&d->ending, false, __ATOMIC_RELEASE);
	return rc;
}
