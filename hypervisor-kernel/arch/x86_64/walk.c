/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * walk.c - what a guest's page tables say, and whether it may say so.
 *
 * Only decides: reads each entry once, changes nothing.  The one rule of memory isolation is
 * leaf_allowed(): a leaf may name a frame the domain owns, a device range it has a handle for, or
 * the frame of the grant mapping that was made at this very slot.
 */
#include <arch/paging.h>
#include <arch/x86.h>

static inline enum walk_result walk_leaf(const struct walk *w, unsigned access)
{
	uint64_t e = w->entry[w->level];

	if (!(e & PTE_P))
		return WALK_ABSENT;
	if ((access & PF_WRITE && !(e & w->upper & PTE_RW)) || (access & PF_FETCH && (e | w->upper) & PTE_NX))
		return WALK_PROTECTED;
	return WALK_OK;
}

/* A stock kernel changes its tables of levels 2 to 4 by hypercall only, so what is linked here says what they
 * say.  A personality says by FLUSH when that is not so, unless they allow more than before.  A table that is no
 * table any more is detached. */
inline uint32_t leaves_cached(const struct domain *d, uint64_t cr3, uint64_t va, uint64_t *upper)
{
	uint64_t e = cr3, rw = PTE_RW, nx = 0;
	uint32_t n;

	if (!cr3)
		return FRAME_NIL;
#pragma GCC unroll 3
	for (unsigned level = 4; level > 1; level--) {
		e = entry_read(pte_mfn(e), pt_index(va, level)); /* an entry names its table's page */
		if ((e & (PTE_P | PTE_PS)) != PTE_P)
			return FRAME_NIL;
		rw &= e;
		nx |= e & PTE_NX;
	}
	*upper = rw | nx;
	n = node_of_entry(e);
	return d->tlb.node[n].table == FRAME_NIL ? FRAME_NIL : n;
}

uint32_t walk_cached(const struct domain *d, uint64_t cr3, uint64_t va, unsigned access, struct walk *w,
		     enum walk_result *result)
{
	uint32_t n = leaves_cached(d, cr3, va, &w->upper);

	if (n == FRAME_NIL)
		return n;
	w->level = 1;
	w->table[1] = d->tlb.node[n].table;
	w->entry[1] = entry_read(w->table[1], pt_index(va, 1));
	*result = walk_leaf(w, access);
	return n;
}

enum walk_result walk(const struct domain *d, mfn_t root, uint64_t va, unsigned access, struct walk *w)
{
	uint64_t rw = PTE_RW, nx = 0;
	mfn_t table = root;

	w->level = 0;
	for (unsigned level = 4;; level--) {
		uint64_t e;

		table = frame_if_owned(table, d->id);
		if (!table)
			return WALK_BAD;
		e = entry_read(table, pt_index(va, level));
		w->level = level;
		w->table[level] = table;
		w->entry[level] = e;
		if (level == 1)
			break;
		if (!(e & PTE_P))
			return WALK_ABSENT;
		if (e & PTE_PS && level == 2 && d->personality & GUISE_PERSONALITY_LARGE)
			break;
		if (e & PTE_PS)
			return WALK_BAD; /* PSE is hidden */
		rw &= e;
		nx |= e & PTE_NX;
		table = pte_mfn(e);
	}
	w->upper = rw | nx;
	return walk_leaf(w, access);
}

bool leaf_allowed(struct domain *d, mfn_t table, unsigned index, uint64_t entry, bool *writable, uint64_t *bits)
{
	mfn_t m = pte_mfn(entry);

	*writable = true;
	*bits = frame_owned_by(m, d->id) ? PTE_OWN : 0;
	if (*bits)
		return true;
	if (grant_slot_allows(d, table, index, m, writable))
		return true;
	if ((m >= frame_max || frame_owner(frame_of(m)) == OWNER_NONE) &&
	    handle_covers(d, GUISE_HANDLE_MMIO, NULL, m, 1)) {
		*bits = PTE_PCD | PTE_PWT;
		return true;
	}
	return false;
}

/* A stock kernel maps its live tables read-only: what it maps writable is a table no more. */
void table_writable(struct domain *d, mfn_t m)
{
	if (d->paging != GUISE_DOMAIN_STOCK)
		return;
	frame_table[m].flags &= (uint8_t)~FRAME_TABLE;
	node_detach(d, m);
}
