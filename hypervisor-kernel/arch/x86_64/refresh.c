/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * refresh.c - the guest's tables say something else than before: what is cached and does not hold is dropped.
 *
 * The cached tables below a root are compared with the guest's, level by level, and only where something is cached.
 * Nothing is entered here that a miss would not enter: leaf_derive() decides.
 */
#include <arch/arch.h>
#include <arch/paging.h>
#include <arch/percpu.h>

#define COMPARED 64u		   /* tables that a refresh compares; leaves beyond are dropped unseen	*/
#define VISITED	 512u		   /* tables that it goes through; if there are more, all is dropped	*/
#define VA_MASK	 0xffffffffffffull /* what a walk looks at						*/

/* Those of a table's lines in which [first, last] has an entry. */
static uint64_t lines_between(uint64_t lines, unsigned first, unsigned last)
{
	return lines & ~0ull << first / 8 & ~0ull >> (63 - last / 8);
}

/*
 * Whose the frames are has not changed since: a frame that leaves takes all cached entries with it.  So the rights to
 * one that is the domain's own need no look at whose it is; a stock kernel's may be a table.
 */
static void leaves_refresh(struct domain *d, mfn_t table, uint64_t *cached, unsigned i, unsigned last)
	MUST_HOLD(d->tlb.lock)
{
	uint64_t same = d->paging == GUISE_DOMAIN_STOCK ? ~PTE_NX : ~(PTE_NX | PTE_RW | PTE_D);
	const uint64_t *guest = mfn_to_virt(table);

	for (; i <= last; i++) {
		uint64_t old = cached[i], entry, leaf;

		if (!old)
			continue;
		entry = READ_ONCE(guest[i]);
		leaf = leaf_value(entry, true) | PTE_OWN;
		if ((leaf ^ old) & same) /* which has P and A */
			leaf = leaf_derive(d, entry);
		cached[i] = leaf;
	}
}

static void large_refresh(struct domain *d, uint64_t *cached, uint64_t entry) MUST_HOLD(d->tlb.lock)
{
	uint64_t large = large_value(entry);

	if ((large ^ *cached) & ~(PTE_NX | PTE_RW | PTE_D))
		node_unlink(d, cached);
	else
		*cached = large;
}

void table_refresh(struct domain *d, uint32_t n, uint64_t first, uint64_t last, unsigned *visits)
{
	struct tlb *t = &d->tlb;
	unsigned level = t->node[n].level, low = pt_index(first, level), high = pt_index(last, level);
	uint64_t lines = lines_between(t->node[n].lines, low, high), *cached = node_entries(t, n);
	mfn_t table = t->node[n].table; /* an entry that maps it writable detaches the node on the way */
	const uint64_t *guest = mfn_to_virt(table);

	if (++*visits > VISITED)
		return;
	node_demote(d, n); /* a run has entries where this node has none */
	while (lines) {
		unsigned line = line_next(&lines), end = MIN(line + 7, high), i = MAX(line, low);

		if (level == 1) {
			leaves_refresh(d, table, cached, i, end);
			continue;
		}
		for (; i <= end; i++) {
			uint64_t old = cached[i], entry = READ_ONCE(guest[i]);

			if (!old)
				continue;
			if (old & PTE_LARGE)
				large_refresh(d, &cached[i], entry);
			else if (!link_holds(t, old, entry) || (level == 2 && *visits > COMPARED))
				node_unlink(d, &cached[i]);
			else
				table_refresh(d, node_of_entry(old), i == low ? first : 0, i == high ? last : VA_MASK,
					      visits);
		}
	}
}

uint32_t node_at(const struct domain *d, mfn_t m, unsigned level)
{
	uint32_t n = frame_owned_by(m, d->id) && frame_table[m].cached ? frame_table[m].cached - 1 : FRAME_NIL;

	return n != FRAME_NIL && d->tlb.node[n].level == level ? n : FRAME_NIL;
}

void root_refresh(struct domain *d, mfn_t root, mfn_t user, uint64_t first, uint64_t last)
{
	const uint32_t node[2] = { node_at(d, root, 4), node_at(d, user, 4) };
	unsigned low = pt_index(first, 4), high = pt_index(last, 4), visits = 0;
	uint64_t lines = LINES_GUEST_KERNEL; /* their tables hang from other roots as well */
	const uint64_t *guest;

	if (!frame_owned_by(root, d->id))
		return;
	guest = mfn_to_virt(root);
	for (unsigned k = 0; k < 2; k++)
		lines |= node[k] == FRAME_NIL ? 0 : d->tlb.node[node[k]].lines;
	lines = lines_between(lines & ~LINES_HYPERVISOR, low, high);
	while (lines) {
		unsigned line = line_next(&lines), end = MIN(line + 7, high);

		for (unsigned i = MAX(line, low); i <= end; i++) {
			uint64_t entry = READ_ONCE(guest[i]);
			uint32_t n;

			for (unsigned k = 0; k < 2; k++) {
				uint64_t *e = node[k] == FRAME_NIL ? NULL : &node_entries(&d->tlb, node[k])[i];

				if (e && *e && !link_holds(&d->tlb, *e, entry))
					node_unlink(d, e);
			}
			n = entry & PTE_P ? node_at(d, pte_mfn(entry), 3) : FRAME_NIL;
			if (n != FRAME_NIL)
				table_refresh(d, n, i == low ? first : 0, i == high ? last : VA_MASK, &visits);
		}
	}
	if (!zombies_reap(d) || visits > VISITED)
		tlb_reset(d);
}

/* Without PCIDs, a CPU that has another root loaded forgot these when it loaded it; one that is about to load them finds
 * the tables as they are now.  What the kernel's half says counts with every root. */
static void flush_loaded(struct domain *d, const uint64_t cr3[2], uint64_t last)
{
	uint32_t loaded = 0;
	struct cpu *c = this_cpu();

	for (uint32_t m = flush_cpus(d); m; m &= m - 1) {
		uint64_t has = READ_ONCE(cpu_of((uint32_t)__builtin_ctz(m))->cr3);

		if (last >= VA_KERNEL || pcid_bits[0] || has == cr3[0] || has == cr3[1])
			loaded |= m & -m;
	}
	flush_self(c); /* as each way between the guest's user and its kernel does: single pages save nothing */
	flush_others(c, loaded);
}

int tlb_refresh(struct domain *d, mfn_t root, mfn_t user, uint64_t first, uint64_t last)
{
	uint64_t cr3[2] = { 0, 0 };
	int rc = -EPERM;

	first &= VA_MASK;
	last &= VA_MASK;
	if (first > last)
		return -EINVAL;
	spin_lock(&d->tlb.lock);
	/* Whoever takes a frame away passes the lock before anybody else gets it. */
	if (frame_owned_by(root, d->id) && (!user || frame_owned_by(user, d->id))) {
		for (unsigned k = 0; k < 2; k++) {
			uint32_t n = node_at(d, k ? user : root, 4);

			cr3[k] = n == FRAME_NIL ? 0 : d->tlb.page[n] << PAGE_SHIFT;
		}
		root_refresh(d, root, user, first, last);
		rc = 0;
	}
	spin_unlock(&d->tlb.lock);
	if (!rc)
		flush_loaded(d, cr3, last);
	return rc;
}
