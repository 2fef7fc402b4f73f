/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handover.c - dropped, then flushed, and only then anybody else's: whenever a frame leaves a domain or the use of a
 * grant ends.
 *
 * What leaves stands in a list of this CPU's from then on.  A flush of that domain counts for it if nothing that is
 * cached named it when the flush began, and each CPU that had a root of the domain's loaded has loaded one anew when it
 * ended.  Without such a flush the frame may not be freed or given, nor the hold of the grant go.  The kernel does not
 * know of it: these functions are wrapped when it is linked (build.mk).
 */
#include "handover.h"

#include <arch/arch.h>
#include <arch/paging.h>
#include <arch/percpu.h>
#include <core/grant.h>
#include <core/lib.h>
#include <core/vcpu.h>

int __real_frame_give(struct frame *f, uint16_t from, uint16_t to);
int __wrap_frame_give(struct frame *f, uint16_t from, uint16_t to);
void __real_frame_release(struct frame *f);
void __wrap_frame_release(struct frame *f);
void __real_arch_tlb_flush(struct domain *d);
void __wrap_arch_tlb_flush(struct domain *d);
void __real_arch_unmap_grant(struct domain *d, uint64_t va, mfn_t table, uint32_t index, mfn_t m);
void __wrap_arch_unmap_grant(struct domain *d, uint64_t va, mfn_t table, uint32_t index, mfn_t m);
long __real_grant_unmap_all(struct domain *d);
long __wrap_grant_unmap_all(struct domain *d);

#define MOST	66	    /* a batch of the balloon's is 64 frames */
#define FOREIGN (~0ull - 1) /* in place of a frame: all that are other domains' */

struct leaving {
	const struct domain *d; /* who had it		*/
	mfn_t m;
	bool grant;   /* of another domain's, not d's own	*/
	bool dropped; /* when the flush began that runs	*/
	bool flushed; /* by one that began after that		*/
};

static struct {
	struct leaving frame[MOST];
	unsigned nr;
} leaving[MAX_CPUS];

static struct leaving *find(mfn_t m, bool grant)
{
	unsigned me = arch_cpu_id();

	for (unsigned i = 0; i < leaving[me].nr; i++)
		if (leaving[me].frame[i].m == m && leaving[me].frame[i].grant == grant)
			return &leaving[me].frame[i];
	return NULL;
}

static struct leaving *enter(const struct domain *d, mfn_t m, bool grant)
{
	unsigned me = arch_cpu_id();
	struct leaving *l = &leaving[me].frame[leaving[me].nr];

	if (find(m, grant) || leaving[me].nr == MOST)
		panic("frame %lx left domain %u, or a grant of it was unmapped, and nobody got it", m, d->id);
	leaving[me].nr++;
	*l = (struct leaving){ .d = d, .m = m, .grant = grant };
	return l;
}

static void leave(struct leaving *l)
{
	unsigned me = arch_cpu_id();

	if (!l->flushed)
		panic("frame %lx goes on, and was not flushed after domain %u dropped it", l->m, l->d->id);
	*l = leaving[me].frame[--leaving[me].nr];
}

void handover_over(void)
{
	unsigned me = arch_cpu_id();

	if (leaving[me].nr)
		panic("frame %lx of domain %u is on its way, and the CPU returns to a guest", leaving[me].frame[0].m,
		      leaving[me].frame[0].d->id);
}

/* ---- what is cached ---- */

static bool is_foreign(const struct domain *d, mfn_t m)
{
	return m < frame_max && frame_owner(&frame_table[m]) <= GUISE_DOMID_LAST && !frame_owned_by(m, d->id);
}

/* d's tables name these frames. */
static void named(const struct domain *d, mfn_t first, uint64_t nr)
{
	unsigned me = arch_cpu_id();

	for (unsigned i = 0; i < leaving[me].nr; i++) {
		struct leaving *l = &leaving[me].frame[i];

		if (l->d == d && (l->m == FOREIGN ? is_foreign(d, first) : l->m - first < nr))
			l->dropped = false;
	}
}

static void tables_read(const struct domain *d)
{
	const struct tlb *t = &d->tlb;

	for (uint32_t n = 0; n < t->fresh; n++) {
		unsigned level = t->node[n].level;

		for (unsigned i = 0; i < 512 && (level == 1 || level == 2); i++) {
			uint64_t e = READ_ONCE(node_entries(t, n)[i]);

			if (e & PTE_P && (level == 1 || e & PTE_PS))
				named(d, pte_mfn(e), level == 1 ? 1 : PTE_RUN);
		}
	}
}

/* Has the CPU a root of d's loaded?  It says so before it loads another, and after its epoch has changed. */
static bool has_root(const struct cpu *c, const struct domain *d)
{
	mfn_t m = pte_mfn(READ_ONCE(c->cr3));
	uint32_t n = m < frame_max ? frame_table[m].cached - 1 : FRAME_NIL;

	return n < d->tlb.nr && d->tlb.page[n] == m;
}

void __wrap_arch_tlb_flush(struct domain *d)
{
	unsigned me = arch_cpu_id(), waiting = 0;
	uint64_t epoch[MAX_CPUS];

	for (uint32_t i = 0; i < arch_cpu_count(); i++)
		epoch[i] = READ_ONCE(cpu_of(i)->flush_epoch);
	for (unsigned i = 0; i < leaving[me].nr; i++)
		waiting += leaving[me].frame[i].dropped = leaving[me].frame[i].d == d;
	if (waiting)
		tables_read(d);
	__real_arch_tlb_flush(d);
	for (uint32_t i = 0; i < arch_cpu_count(); i++)
		if (has_root(cpu_of(i), d) && READ_ONCE(cpu_of(i)->flush_epoch) == epoch[i])
			panic("CPU %u has what it knew of domain %u, which was flushed", i, d->id);
	for (unsigned i = 0; i < leaving[me].nr; i++)
		leaving[me].frame[i].flushed |= leaving[me].frame[i].dropped;
}

/* ---- frames ---- */

/* Its tables are gone: so must be what CPUs knew. */
static bool is_forgotten(const struct domain *d)
{
	for (uint32_t i = 0; i < arch_cpu_count(); i++)
		if (cpu_of(i)->tlb_of == d && cpu_of(i)->cr3 != (uint64_t)boot_l4 - KERNEL_VIRT)
			return false;
	return !d->tlb.node && !(d->tlb.cpus & ~(1u << arch_cpu_id()));
}

/* Frames leave a domain to the kernel first.  Without a lock: the list of domains has the outermost. */
int __wrap_frame_give(struct frame *f, uint16_t from, uint16_t to)
{
	mfn_t m = (mfn_t)(f - frame_table);
	struct domain *d = from <= GUISE_DOMID_LAST && to == OWNER_KERNEL ? domain_get(from) : NULL;
	struct leaving *l;
	int rc;

	for (uint32_t i = 0; i < arch_cpu_count() && to == OWNER_FREE; i++)
		if (pte_mfn(READ_ONCE(cpu_of(i)->cr3)) == m)
			panic("frame %lx is freed, and the root of CPU %u", m, i);
	rc = __real_frame_give(f, from, to);
	if (d && !rc)
		enter(d, m, false)->flushed = is_forgotten(d);
	domain_put(d);
	l = find(m, false);
	if (l && !rc && to != OWNER_KERNEL)
		leave(l);
	return rc;
}

/* ---- grants ---- */

void __wrap_arch_unmap_grant(struct domain *d, uint64_t va, mfn_t table, uint32_t index, mfn_t m)
{
	enter(d, m, true);
	__real_arch_unmap_grant(d, va, table, index, m);
}

static bool maps_any(const struct grant_table *g)
{
	for (uint32_t n = 0; g && n < g->top_map; n++)
		if (grant_map_at(g, n)->kind == GRANT_MAP_CPU)
			return true;
	return false;
}

/* The domain dies. */
long __wrap_grant_unmap_all(struct domain *d)
{
	bool any = maps_any(d->grants);
	long rc;

	if (any)
		enter(d, FOREIGN, true);
	rc = __real_grant_unmap_all(d);
	if (any)
		leave(find(FOREIGN, true));
	return rc;
}

void __wrap_frame_release(struct frame *f)
{
	struct leaving *l = find((mfn_t)(f - frame_table), true), *all = find(FOREIGN, true);

	if (all && !all->flushed)
		panic("domain %u dies and gives frame %lx back, which was not flushed", all->d->id,
		      (mfn_t)(f - frame_table));
	if (l)
		leave(l);
	__real_frame_release(f);
}
