/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compare.c - what has to be the same in the kernel and in the model.
 */
#include "drive.h"

void domain_compare(struct dom *d)
{
	uint32_t used, maps;
	struct domain *k = d->g.d;

	if (!d->m->exists)
		return;
	same(k->frames, d->m->frames, "frames of a domain");
	same(k->nr_ports, m_nr_ports(d->m), "ports in use");
	same(k->events_sent, d->m->sent, "events sent");
	same(k->events_received, d->m->received, "events received");
	m_grant_counts(d->m, &used, &maps);
	same(k->grants->nr_used, used, "grants in use");
	same(k->grants->nr_maps, maps, "uses of grants");
	if (d->m->dying)
		return;
	same(k->shared->evtchn_pending[0], d->m->pending, "pending bits");
	same(k->shared->evtchn_mask[0], d->m->masked, "mask bits");
	for (unsigned i = 0; i < M_VCPUS; i++) {
		same(k->vcpu[i]->info->evtchn_pending_sel, d->m->vcpu[i].selector, "selector");
		same(k->vcpu[i]->info->evtchn_upcall_pending, d->m->vcpu[i].upcall, "upcall");
	}
	for (unsigned i = 0; i < M_REFS; i++) {
		const grant_entry_v1_t *e = entry_of(d, i);
		const struct m_entry *m = &d->m->entry[i];

		check_msg(e->flags == m->flags && e->domid == m->user && e->frame == m->frame,
			  "grant %u: flags %x, for %u, frame %x in the kernel; %x, %u, %x in the model", i, e->flags,
			  e->domid, e->frame, m->flags, m->user, m->frame);
	}
}

static void frames_compare(void)
{
	for (mfn_t m = 0; m < M_FRAMES; m++) {
		const struct m_frame *f = &model.frame[m];
		uint16_t owner = frame_owner(frame_of(m));

		if (f->owner == M_NOBODY) {
			check_msg(owner != 5 && owner != 6,
				  "frame %lx belongs to %u in the kernel, to nobody in the model", m, owner);
			continue;
		}
		check_msg(owner == f->owner, "frame %lx belongs to %u in the kernel, to %u in the model", m, owner,
			  f->owner);
		check_msg(FRAME_HOLDS(frame_of(m)->state) == f->holds,
			  "frame %lx: %lu holds in the kernel, %u in the model", m,
			  (unsigned long)FRAME_HOLDS(frame_of(m)->state), f->holds);
		check_msg(!(frame_of(m)->flags & FRAME_PINNED) == !f->pinned, "frame %lx: pinned or not", m);
	}
}

/* Does the model let d reach m by this entry?  A table that is detached was some table of d's. */
static bool reaches(const struct dom *d, uint32_t table, unsigned index, uint64_t e)
{
	bool writable;

	if (table != FRAME_NIL)
		return m_may(d->m, table, index, e, &writable) && (writable || !(e & PTE_RW));
	for (unsigned i = 0; i < M_USES; i++)
		if (d->m->use[i].kind == M_CPU && d->m->use[i].index == index && d->m->use[i].m == pte_mfn(e) &&
		    (d->m->use[i].writable || !(e & PTE_RW)))
			return true;
	return m_may(d->m, M_NONE, 0, e, &writable);
}

/* Every frame that the hardware could reach by what is cached now. */
static void reach_compare(struct dom *d)
{
	const struct tlb *t = &d->g.d->tlb;

	for (uint32_t n = 0; n < t->fresh; n++) {
		uint64_t lines = t->node[n].lines;

		if (t->node[n].level != 1 && t->node[n].level != 2)
			continue;
		while (lines) {
			unsigned first = line_next(&lines);

			for (unsigned i = first; i < first + 8; i++) {
				uint64_t e = node_entries(t, n)[i];

				if (t->node[n].level == 1 && e & PTE_P)
					check_msg(reaches(d, t->node[n].table, i, e), "frame %lx can be reached",
						  pte_mfn(e));
				for (unsigned k = 0; t->node[n].level == 2 && e & PTE_PS && k < 512; k++)
					check_msg(m_owns(d->m, (pte_mfn(e) & ~511ull) + k),
						  "a large entry reaches too far");
			}
		}
	}
}

static void memory_compare(struct dom *d)
{
	for (unsigned n = 0; n < FRAMES; n++)
		if (m_owns(d->m, frame(d, n)))
			check_msg(!memcmp(mfn_to_virt(frame(d, n)), model.word[frame(d, n)], PAGE_SIZE),
				  "the contents of frame %lx", frame(d, n));
}

void all_compare(void)
{
	frames_compare();
	for (unsigned i = 0; i < M_DOMAINS; i++) {
		if (!lives(&doms[i]))
			continue;
		reach_compare(&doms[i]);
		memory_compare(&doms[i]);
		tlb_check(doms[i].g.d);
	}
	if (boot_cpu.tlb_of)
		cpu_check(boot_cpu.tlb_of);
}
