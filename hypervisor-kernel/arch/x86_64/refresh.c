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

/* Out of line: it is rare, and the loops below need the registers. */
static __attribute__((noinline)) uint64_t leaf_again(struct domain *d, uint64_t entry) MUST_HOLD(d->tlb.lock)
{
	return leaf_derive(d, entry);
}

/*
 * Whose the frames are has not changed since: a frame that leaves takes all cached entries with it.  So the rights to
 * one that is the domain's own need no look at whose it is; a stock kernel's may be a table.  Returns what is left.
 */
static inline uint64_t leaf_refresh(struct domain *d, uint64_t *cached, const uint64_t *guest, uint64_t same)
	MUST_HOLD(d->tlb.lock)
{
	uint64_t entry, leaf;

	if (!*cached)
		return 0;
	entry = READ_ONCE(*guest);
	leaf = leaf_value(entry, true) | PTE_OWN;
	if ((leaf ^ *cached) & same) /* which has P and A */
		leaf = entry & PTE_P ? leaf_again(d, entry) : 0;
	return *cached = leaf;
}

void leaves_refresh(struct domain *d, uint32_t n, unsigned first, unsigned last)
{
	uint64_t same = d->paging == GUISE_DOMAIN_STOCK ? ~PTE_NX : ~(PTE_NX | PTE_RW | PTE_D);
	uint64_t lines, *cached;
	const uint64_t *guest;

	if (n == FRAME_NIL)
		return;
	guest = mfn_to_virt(d->tlb.node[n].table); /* read now: see table_writable() */
	cached = node_entries(&d->tlb, n);
	if (d->tlb.node[n].large)
		node_demote(d, n); /* a run has entries where this node has none */
	if (first == last) {
		leaf_refresh(d, &cached[first], &guest[first], same);
		return;
	}
	lines = lines_between(d->tlb.node[n].lines, first, last);
	while (lines) {
		unsigned line = line_next(&lines), i = MAX(line, first), end = MIN(line + 7, last);
		uint64_t left = i > line || end < line + 7, *c = &cached[i], *stop = &cached[end + 1];

		for (const uint64_t *g = &guest[i]; c < stop; c++, g++)
			left |= leaf_refresh(d, c, g, same);
		if (!left)
			d->tlb.node[n].lines &= ~(1ull << line / 8);
	}
}

/* The node that an entry of a cached table leads to, as the guest's says now, too; FRAME_NIL: there is none, any more. */
static inline __attribute__((always_inline)) uint32_t link_refresh(struct domain *d, uint64_t *cached, uint64_t entry)
	MUST_HOLD(d->tlb.lock)
{
	uint64_t old = *cached, large;

	if (!old)
		return FRAME_NIL;
	if (old & PTE_LARGE) {
		large = large_value(entry);
		if (!((large ^ old) & ~(PTE_NX | PTE_RW | PTE_D))) {
			*cached = large;
			return FRAME_NIL;
		}
	} else if (link_holds(&d->tlb, old, entry)) {
		return node_of_entry(old);
	}
	node_unlink(d, cached);
	return FRAME_NIL;
}

/* The node's table is the guest's still; *visits counts the tables. */
static void table_refresh(struct domain *d, uint32_t n, uint64_t first, uint64_t last, unsigned *visits)
	MUST_HOLD(d->tlb.lock)
{
	struct tlb *t = &d->tlb;
	unsigned level = t->node[n].level, low = pt_index(first, level), high = pt_index(last, level);
	uint64_t lines = lines_between(t->node[n].lines, low, high), *cached = node_entries(t, n);
	const uint64_t *guest = mfn_to_virt(t->node[n].table);

	if (++*visits > VISITED)
		return;
	if (level == 1) {
		leaves_refresh(d, n, low, high);
		return;
	}
	while (lines) {
		unsigned line = line_next(&lines), end = MIN(line + 7, high);

		for (unsigned i = MAX(line, low); i <= end; i++) {
			uint32_t child = link_refresh(d, &cached[i], READ_ONCE(guest[i]));

			if (child != FRAME_NIL && level == 2 && *visits > COMPARED)
				node_unlink(d, &cached[i]);
			else if (child != FRAME_NIL)
				table_refresh(d, child, i == low ? first : 0, i == high ? last : VA_MASK, visits);
		}
	}
}

/* The next node on the way to va from that of a level, if there is one. */
static inline uint32_t step(struct domain *d, uint32_t n, unsigned level, uint64_t va) MUST_HOLD(d->tlb.lock)
{
	unsigned i = pt_index(va, level);

	if (n == FRAME_NIL)
		return FRAME_NIL;
	return link_refresh(d, &node_entries(&d->tlb, n)[i], entry_read(d->tlb.node[n].table, i));
}

/* The node of level 3 behind an entry of two roots that share their tables, one of which may have none cached. */
static inline uint32_t slot_refresh(struct domain *d, uint64_t *const cached[2], const uint64_t *guest, unsigned i)
	MUST_HOLD(d->tlb.lock)
{
	uint64_t entry = READ_ONCE(guest[i]), held = 0; /* the link that holds: mostly of both */
	uint32_t n = FRAME_NIL;

	for (unsigned k = 0; k < 2; k++) {
		if (!cached[k] || !cached[k][i] || cached[k][i] == held)
			continue;
		held = cached[k][i];
		n = link_refresh(d, &cached[k][i], entry);
		if (n == FRAME_NIL)
			held = 0;
	}
	if (n == FRAME_NIL && entry & PTE_P) /* it hangs from other roots */
		n = node_at(d, pte_mfn(entry), 3);
	return n;
}

int root_refresh(struct domain *d, mfn_t root, mfn_t user, uint64_t first, uint64_t last, uint64_t cr3[2])
{
	const uint32_t node[2] = { node_at(d, root, 4), node_at(d, user, 4) };
	unsigned low = pt_index(first, 4), high = pt_index(last, 4), visits = 0;
	uint64_t lines = LINES_GUEST_KERNEL; /* its tables hang from all roots */
	uint64_t *cached[2] = { NULL, NULL };
	const uint64_t *guest;
	uint32_t n;

	if (!frame_owned_by(root, d->id))
		return -EPERM;
	guest = mfn_to_virt(root);
	for (unsigned k = 0; k < 2; k++) {
		cr3[k] = node[k] == FRAME_NIL ? 0 : d->tlb.page[node[k]] << PAGE_SHIFT;
		if (!cr3[k])
			continue;
		cached[k] = node_entries(&d->tlb, node[k]);
		lines |= d->tlb.node[node[k]].lines;
	}
	lines = lines_between(lines & ~LINES_HYPERVISOR, low, high);
	if (first >> 21 == last >> 21 && lines) { /* mostly: one table of leaves */
		n = step(d, step(d, slot_refresh(d, cached, guest, low), 3, first), 2, first);
		leaves_refresh(d, n, pt_index(first, 1), pt_index(last, 1));
		lines = 0;
	}
	while (lines) {
		unsigned line = line_next(&lines), end = MIN(line + 7, high);

		for (unsigned i = MAX(line, low); i <= end; i++) {
			n = slot_refresh(d, cached, guest, i);
			if (n != FRAME_NIL)
				table_refresh(d, n, i == low ? first : 0, i == high ? last : VA_MASK, &visits);
		}
	}
	if ((!list_empty(&d->tlb.zombies) && !zombies_reap(d)) || visits > VISITED)
		tlb_reset(d);
	return 0;
}

/* Without PCIDs, a CPU that has another root loaded forgot these when it loaded it; one that is about to load them finds
 * the tables as they are now.  What the kernel's half says counts with every root. */
static void flush_loaded(struct domain *d, const uint64_t cr3[2], uint64_t last)
{
	uint32_t loaded = 0;
	struct cpu *c = this_cpu();

	for (uint32_t m = flush_cpus(d) & ~(1u << c->id); m; m &= m - 1) {
		uint64_t has = READ_ONCE(cpu_of((uint32_t)__builtin_ctz(m))->cr3);

		if (last >= VA_KERNEL || pcid_bits[0] || has == cr3[0] || has == cr3[1])
			loaded |= m & -m;
	}
	flush_self(c); /* as each way between the guest's user and its kernel does: single pages save nothing */
	flush_others(c, loaded);
}

int tlb_refresh(struct domain *d, mfn_t root, mfn_t user, uint64_t first, uint64_t last)
{
	uint64_t cr3[2];
	int rc = -EPERM;

	first &= VA_MASK;
	last &= VA_MASK;
	if (first > last)
		return -EINVAL;
	spin_lock(&d->tlb.lock);
	/* Whoever takes a frame away passes the lock before anybody else gets it. */
	if (!user || frame_owned_by(user, d->id))
		rc = root_refresh(d, root, user, first, last, cr3);
	spin_unlock(&d->tlb.lock);
	if (!rc)
		flush_loaded(d, cr3, last);
	return rc;
}
