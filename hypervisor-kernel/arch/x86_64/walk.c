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
