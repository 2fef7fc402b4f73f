/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fill.c - a miss in the software TLB.
 *
 * Walk the guest's tables; if they allow the access, set A (and D on a write) there, enter the
 * translation and its young neighbours, and let the guest try again.  If they do not, the fault is
 * the guest's own.
 */
#include <arch/arch.h>
#include <arch/paging.h>
#include <arch/percpu.h>
#include <core/vcpu.h>

#define PREFILL	      16 /* aligned run of entries looked at around a miss		*/
#define PROMOTE_FILLS 4	 /* misses in one table before it is looked at as a 2 MiB run	*/

/* No CPU knows a page by two sizes (node_promote()). */
static void larges_forget(struct domain *d) MUST_HOLD(d->tlb.lock)
{
	arch_tlb_flush(d);
	d->tlb.large_gone = false;
}

/* The cached table that holds va's leaf (w->level), linked from the root down; FRAME_NIL: begin again. */
static uint32_t chain_get(struct domain *d, uint32_t n, uint64_t va, const struct walk *w) MUST_HOLD(d->tlb.lock)
{
	struct tlb *t = &d->tlb;

	for (unsigned level = 4; level > w->level; level--) {
		uint64_t *e = &node_entries(t, n)[pt_index(va, level)];
		uint64_t flags = PTE_P | PTE_U | PTE_A | (w->entry[level] & (PTE_RW | PTE_NX));
		mfn_t table = w->table[level - 1];
		uint32_t child;

		if (*e & PTE_P && !(*e & PTE_LARGE)) {
			child = node_of_entry(*e);
			if (*e & PTE_PS)
				node_demote(d, child);
			if (t->node[child].table == table && t->node[child].level == level - 1 &&
			    (*e & ~PTE_FRAME) == flags) {
				n = child;
				continue;
			}
		}
		if (*e & PTE_P)
			node_unlink(d, e);
		if (level == 2 && t->large_gone)
			larges_forget(d);
		child = node_get(d, table, level - 1);
		if (child == FRAME_NIL)
			return FRAME_NIL;
		t->node[child].refs++;
		*node_slot(t, n, pt_index(va, level)) = t->page[child] << PAGE_SHIFT | flags;
		n = child;
	}
	return n;
}

/* Set A (and D) in the guest's entry unless it changed meanwhile. */
static bool entry_mark(mfn_t table, unsigned index, uint64_t *entry, uint64_t bits)
{
	uint64_t *t = mfn_to_virt(table);

	if ((*entry & bits) == bits)
		return true;
	if (!__atomic_compare_exchange_n(&t[index], entry, *entry | bits, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return false;
	*entry |= bits;
	return true;
}

/* A stock kernel writes one of its live, read-only tables: let it, and look at it again at the
 * next flush.  What its user may read is none, though it was one before. */
static bool unsync(struct domain *d, uint32_t root, uint32_t n, uint64_t va, struct walk *w) MUST_HOLD(d->tlb.lock)
{
	mfn_t m = pte_mfn(w->entry[1]);
	struct tlb *t = &d->tlb;

	if (d->paging != GUISE_DOMAIN_STOCK || w->entry[1] & PTE_U || !frame_owned_by(m, d->id) ||
	    !(frame_of(m)->flags & FRAME_TABLE))
		return false;
	if (t->nr_unsynced == TLB_UNSYNCED) {
		tlb_resync(d);
		arch_tlb_flush(d);
	}
	if (frame_of(m)->cached)
		node_demote(d, frame_of(m)->cached - 1);
	if (n == FRAME_NIL)
		n = chain_get(d, root, va, w);
	if (n == FRAME_NIL || !entry_mark(w->table[1], pt_index(va, 1), &w->entry[1], PTE_A))
		return true; /* the cache is empty now, or the entry another one: the guest faults again */
	*node_slot(t, n, pt_index(va, 1)) = (w->entry[1] & (PTE_FRAME | PTE_NX)) | PTE_P | PTE_U | PTE_RW | PTE_A |
					    PTE_D;
	t->unsynced[t->nr_unsynced++] = (struct tlb_unsynced){ (uint32_t)m, n, pt_index(va, 1), va };
	return true;
}

static void prefill(struct domain *d, uint32_t n, mfn_t table, unsigned index) MUST_HOLD(d->tlb.lock)
{
	uint64_t *cached = node_entries(&d->tlb, n);
	const uint64_t *guest = mfn_to_virt(table);
	unsigned first = index & ~(PREFILL - 1u);

	d->tlb.node[n].lines |= 3ull << first / 8;
	for (unsigned i = first; i < first + PREFILL; i++)
		if (!cached[i] && (guest[i] & (PTE_P | PTE_A)) == (PTE_P | PTE_A))
			cached[i] = leaf_derive(d, READ_ONCE(guest[i]));
}

/* A table that misses again and again may be a run that one entry can map.  Looking costs 512 reads:
 * do so at the 4th, 8th, 16th ... miss. */
static void promote(struct domain *d, uint32_t root, uint64_t va, uint32_t n) MUST_HOLD(d->tlb.lock)
{
	struct tlb *t = &d->tlb;
	uint32_t parent = root;
	uint16_t fills = ++t->node[n].fills;

	if (fills < PROMOTE_FILLS || (fills & (fills - 1)))
		return;
	for (unsigned level = 4; level > 2; level--)
		parent = node_of_entry(node_entries(t, parent)[pt_index(va, level)]);
	node_promote(d, parent, pt_index(va, 2));
}

/* The guest's entry is large.  All that it names has to be the domain's own; what is cached of it already, is
 * (leaves_refresh()). */
static bool fill_large(struct domain *d, uint32_t root, uint64_t va, struct walk *w, uint64_t mark, uint64_t *error)
	MUST_HOLD(d->tlb.lock)
{
	const uint64_t same = PTE_FRAME | PTE_LARGE;
	uint64_t *e, large = large_value(w->entry[2] | PTE_A);
	uint32_t n = chain_get(d, root, va, w);

	if (n == FRAME_NIL)
		return true;
	e = node_slot(&d->tlb, n, pt_index(va, 2));
	for (unsigned i = 0; large && i < PTE_RUN && (*e ^ large) & same; i++)
		if (!frame_owned_by(pte_mfn(large) + i, d->id))
			large = 0;
	if (!large) {
		*error |= PF_PRESENT | PF_RSVD;
		return false;
	}
	if (!entry_mark(w->table[2], pt_index(va, 2), &w->entry[2], mark))
		return true;
	if ((*e ^ large) & same) {
		if (*e)
			node_unlink(d, e);
		larges_forget(d);
	}
	*e = large_value(w->entry[2]);
	d->faults++;
	return true;
}

static bool fill_locked(struct domain *d, const struct vcpu *v, uint64_t va, uint64_t *error) MUST_HOLD(d->tlb.lock)
{
	unsigned mode = (unsigned)v->arch.kernel_mode;
	unsigned access = (unsigned)*error & (PF_WRITE | PF_FETCH), index = pt_index(va, 1);
	uint64_t mark = access & PF_WRITE ? PTE_A | PTE_D : PTE_A;
	uint32_t n = FRAME_NIL, r = node_of_entry(v->arch.cr3[mode]);
	enum walk_result result;
	uint64_t leaf, cache;
	struct walk w;
	bool writable;

	*error &= PF_WRITE | PF_FETCH;
	if (d->paging == GUISE_DOMAIN_STOCK || d->personality & GUISE_PERSONALITY_MM)
		n = leaves_cached(d, v->arch.cr3[mode], va, &w.upper);
	if (n != FRAME_NIL) {
		w.level = 1;
		w.table[1] = d->tlb.node[n].table;
		w.entry[1] = entry_read(w.table[1], index);
		result = walk_leaf(&w, access);
		/* What the upper tables forbade they may allow by now; the leaf is read anew. */
		if (result == WALK_PROTECTED && d->paging == GUISE_DOMAIN_NATIVE &&
		    (access & PF_WRITE ? !(w.upper & PTE_RW) : w.upper & PTE_NX))
			n = FRAME_NIL;
	}
	if (n == FRAME_NIL)
		result = walk(d, v->arch.root[mode], va, access, &w);
	switch (result) {
	case WALK_OK:
		break;
	case WALK_PROTECTED:
		*error |= PF_PRESENT;
		/* The upper levels must allow the write: a table is read-only by its leaf. */
		return !(access & PF_FETCH) && w.upper & PTE_RW && unsync(d, r, n, va, &w);
	case WALK_BAD:
		*error |= PF_PRESENT | PF_RSVD;
		return false;
	case WALK_ABSENT:
		return false;
	}
	if (w.level == 2)
		return fill_large(d, r, va, &w, mark, error);
	if (!leaf_allowed(d, w.table[1], index, w.entry[1], &writable, &cache) || (access & PF_WRITE && !writable)) {
		*error |= PF_PRESENT | (writable ? PF_RSVD : 0);
		return false;
	}
	if (!entry_mark(w.table[1], index, &w.entry[1], mark))
		return true; /* the guest changed it under us: it may try again */
	leaf = cache & PTE_OWN ? leaf_derive(d, w.entry[1]) : leaf_value(w.entry[1], writable) | cache;
	if (n == FRAME_NIL)
		n = chain_get(d, r, va, &w);
	if (n == FRAME_NIL)
		return true;
	*node_slot(&d->tlb, n, index) = leaf;
	prefill(d, n, w.table[1], index);
	promote(d, r, va, n);
	d->faults++;
	return true;
}

bool tlb_fill(struct vcpu *v, uint64_t va, uint64_t *error)
{
	unsigned mode = (unsigned)v->arch.kernel_mode;
	struct domain *d = v->domain;
	bool done;

	if (!va_is_guests(va)) {
		*error &= PF_PRESENT | PF_WRITE | PF_FETCH;
		return false;
	}
	spin_lock(&d->tlb.lock);
	if (v->arch.cr3[mode] != this_cpu()->cr3) {
		/* The root was dropped meanwhile: make one and look again. */
		spin_unlock(&d->tlb.lock);
		return root_load(v, mode);
	}
	done = fill_locked(d, v, va, error);
	spin_unlock(&d->tlb.lock);
	v->crossing[GUISE_CROSSING_FILL].count += done;
	if (done && !READ_ONCE(v->arch.cr3[mode]))
		root_load(v, mode);
	return done;
}

void tlb_fill_answered(struct vcpu *v)
{
	struct domain *d = v->domain;
	uint64_t va = v->arch.faulted, upper;
	unsigned index = pt_index(va, 1);
	uint32_t n;

	v->arch.faulted = 0;
	spin_lock(&d->tlb.lock);
	n = leaves_cached(d, v->arch.cr3[0], va, &upper);
	if (n != FRAME_NIL)
		*node_slot(&d->tlb, n, index) = leaf_derive(d, entry_read(d->tlb.node[n].table, index));
	spin_unlock(&d->tlb.lock);
}
