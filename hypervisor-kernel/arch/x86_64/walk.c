/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * walk.c - what a guest's page tables say, and whether it may say so.
 *
 * Only decides: reads each entry once, changes nothing.  The one rule of memory isolation is
 * leaf_allowed(): a leaf may name a frame the domain owns, a device range it has a handle for, or
 * the frame of the grant mapping that was made at this very slot.
 */
#include <arch/cpu.h>
#include <arch/paging.h>
#include <arch/x86.h>

static uint64_t entry_read(mfn_t table, unsigned index)
{
	const uint64_t *t = mfn_to_virt(table);

	return __atomic_load_n(&t[index], __ATOMIC_RELAXED);
}

enum walk_result walk(const struct domain *d, mfn_t root, uint64_t va, unsigned access, unsigned stop, struct walk *w)
{
	uint64_t rw = PTE_RW, nx = 0;
	mfn_t table = root;

	w->level = 0;
	for (unsigned level = 4;; level--) {
		uint64_t e;

		if (!frame_owned_by(table, d->id))
			return WALK_BAD;
		e = entry_read(table, pt_index(va, level));
		w->level = level;
		w->table[level] = table;
		w->entry[level] = e;
		if (level == stop)
			break;
		if (!(e & PTE_P))
			return WALK_ABSENT;
		if (e & PTE_PS)
			return WALK_BAD; /* large pages are not offered (PSE is hidden) */
		rw &= e;
		nx |= e & PTE_NX;
		table = pte_mfn(e);
	}
	if (stop != 1)
		return WALK_OK;
	if (!(w->entry[1] & PTE_P))
		return WALK_ABSENT;
	rw &= w->entry[1];
	nx |= w->entry[1] & PTE_NX;
	if ((access & PF_WRITE && !rw) || (access & PF_FETCH && nx))
		return WALK_PROTECTED;
	return WALK_OK;
}

bool leaf_allowed(struct domain *d, mfn_t table, unsigned index, uint64_t entry, bool *writable, uint64_t *cache)
{
	mfn_t m = pte_mfn(entry);

	*writable = true;
	*cache = 0;
	if (frame_owned_by(m, d->id))
		return true;
	if (grant_slot_allows(d, table, index, m, writable))
		return true;
	if ((m >= frame_max || frame_owner(frame_of(m)) == OWNER_NONE) && handle_covers(d, GUISE_HANDLE_MMIO, m, 1)) {
		*cache = PTE_PCD | PTE_PWT;
		return true;
	}
	return false;
}

/* Without A the next access must come to fill() to set it; without D the next write. */
static uint64_t leaf_of(uint64_t entry, bool writable)
{
	uint64_t leaf = (entry & (PTE_FRAME | PTE_NX)) | PTE_P | PTE_U | PTE_A;

	return writable && (entry & (PTE_RW | PTE_D)) == (PTE_RW | PTE_D) ? leaf | PTE_RW | PTE_D : leaf;
}

/* A stock kernel maps its live tables read-only: what it maps writable is a table no more. */
static void no_table_any_more(struct domain *d, struct frame *f) MUST_HOLD(d->tlb.lock)
{
	f->flags &= (uint8_t)~FRAME_TABLE;
	node_detach(d, frame_mfn(f));
}

uint64_t leaf_derive(struct domain *d, mfn_t table, unsigned index, uint64_t entry)
{
	mfn_t m = pte_mfn(entry);
	uint64_t cache;
	bool writable;

	if ((entry & (PTE_P | PTE_A)) != (PTE_P | PTE_A))
		return 0;
	if (frame_owned_by(m, d->id)) {
		struct frame *f = &frame_table[m];

		if (entry & PTE_RW && d->paging == GUISE_DOMAIN_STOCK && (f->cached || f->flags & FRAME_TABLE))
			no_table_any_more(d, f);
		return leaf_of(entry, true);
	}
	if (!leaf_allowed(d, table, index, entry, &writable, &cache))
		return 0;
	return leaf_of(entry, writable) | cache;
}
