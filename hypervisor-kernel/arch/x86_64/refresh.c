/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * refresh.c - the guest's tables say something else than before: what is cached and does not hold is dropped.
 *
 * The cached tables below a root are compared with the guest's, level by level, and only where something is cached.
 * Nothing is entered here that a miss would not enter: leaf_derive() decides.
 */
#include <arch/arch.h>
#include <arch/cpu.h>
#include <arch/layout.h>
#include <arch/paging.h>
#include <core/lib.h>

#define COMPARED	 64u		   /* tables that a refresh compares; leaves beyond are dropped unseen	*/
#define VISITED		 512u		   /* tables that it goes through; if there are more, all is dropped	*/
#define VA_MASK		 0xffffffffffffull /* what a walk looks at						*/
#define LINES_HYPERVISOR (3ull << SLOT_M2P / 8)
#define LINES_KERNEL	 (~0ull << SLOT_END / 8)

/* Whose the frames are has not changed since: a frame that leaves takes all cached entries with it. */
static bool leaf_holds(uint64_t cached, uint64_t entry)
{
	return (entry & (PTE_P | PTE_A)) == (PTE_P | PTE_A) && cached == leaf_value(entry, true);
}

/* Those of a table's lines in which [first, last] has an entry. */
static uint64_t lines_between(uint64_t lines, unsigned first, unsigned last)
{
	return lines & ~0ull << first / 8 & ~0ull >> (63 - last / 8);
}

void table_refresh(struct domain *d, uint32_t n, uint64_t first, uint64_t last, unsigned *visits)
{
	struct tlb *t = &d->tlb;
	unsigned level = t->node[n].level, low = pt_index(first, level), high = pt_index(last, level);
	uint64_t lines = lines_between(t->node[n].lines, low, high), *cached = node_entries(t, n);
	const uint64_t *guest = mfn_to_virt(t->node[n].table);

	if (++*visits > VISITED)
		return;
	node_demote(d, n); /* a run has entries where this node has none */
	while (lines) {
		unsigned line = line_next(&lines), end = MIN(line + 7, high);

		for (unsigned i = MAX(line, low); i <= end; i++) {
			uint64_t entry = READ_ONCE(guest[i]);

			if (!cached[i])
				continue;
			if (level > 1) {
				if (!link_holds(t, cached[i], entry) || (level == 2 && *visits > COMPARED))
					node_unlink(d, &cached[i]);
				else
					table_refresh(d, node_of_entry(cached[i]), i == low ? first : 0,
						      i == high ? last : VA_MASK, visits);
			} else if (!leaf_holds(cached[i], entry)) {
				cached[i] = leaf_derive(d, t->node[n].table, i, entry);
			}
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
	const uint64_t *guest = mfn_to_virt(root);
	uint64_t lines = LINES_KERNEL; /* their tables hang from other roots as well */

	if (!frame_owned_by(root, d->id))
		return;
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
	if (!zombies_reap(d) || visits > VISITED) {
		tlb_reset(d);
		arch_tlb_flush(d);
	}
}
