/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tlb.c - the nodes of the software TLB: hardware table pages from a fixed pool.
 *
 * A node is in exactly one state: free; a root (level 4, in the list of roots); linked (levels 3
 * to 1, refs > 0); or a zombie: a table nobody points to, whose own entries still count as
 * references until an allocation or a refresh takes it apart, 512 entries at a time.  A frame that stops being
 * a table detaches its node, which then lives on until its last reference is gone.
 *
 * The hardware may remember a freed table until the next full flush: no page of the pool is
 * given a new meaning before that.  Until then it is in a list of its own (freed).  To forget all, the nodes
 * are counted as never used (fresh), and what they hold is looked at by nobody.
 */
#include <arch/arch.h>
#include <arch/paging.h>
#include <arch/percpu.h>
#include <core/hypercall.h>
#include <core/lib.h>
#include <core/vcpu.h>

#define REAP_MAX 64
#define LARGE_NX 0x8000 /* in tlb_node.large, where bit 63 does not fit */

static uint32_t list_pop(struct tlb *t, struct list *from)
{
	struct tlb_node *n = list_entry(from->next, struct tlb_node, link);

	list_del(&n->link);
	return (uint32_t)(n - t->node);
}

/* The hardware of this CPU, and others that hold the domain, may remember the table until it flushes. */
static void node_free(struct tlb *t, uint32_t n)
{
	t->node[n].level = 0;
	t->used--;
	t->free_cpu = list_empty(&t->freed) || t->free_cpu == this_cpu()->id ? this_cpu()->id : ~0u;
	t->free_epoch = this_cpu()->flush_epoch;
	list_add_tail(&t->freed, &t->node[n].link);
}

static void node_forget_frame(struct tlb *t, uint32_t n)
{
	if (t->node[n].table != FRAME_NIL)
		frame_table[t->node[n].table].cached = 0;
	t->node[n].table = FRAME_NIL;
}

static void node_clear(struct tlb *t, uint32_t n)
{
	uint64_t *e = node_entries(t, n);

	for_each_of_lines(i, t->node[n].lines)
		e[i] = 0;
}

/* The same, where entries may still point to the node: they will not learn what its table says from now on.  What was
 * written there directly, and not looked at yet, counts as told: nothing from before may stay. */
static void node_disown(struct tlb *t, uint32_t n)
{
	for (uint32_t i = 0; i < t->nr_unsynced && t->node[n].level == 1; i++) {
		if (t->unsynced[i].table != t->node[n].table)
			continue;
		node_clear(t, n);
		t->unsynced[i].table = FRAME_NIL;
	}
	node_forget_frame(t, n);
}

/* Nothing points to the node any more. */
static void node_drop(struct tlb *t, uint32_t n)
{
	node_forget_frame(t, n);
	if (t->node[n].level == 1)
		node_free(t, n);
	else
		list_add_tail(&t->zombies, &t->node[n].link);
}

void node_unlink(struct domain *d, uint64_t *e)
{
	uint32_t n;

	if (*e & PTE_LARGE) {
		d->tlb.large_gone = true;
		*e = 0;
		return;
	}
	n = node_of_entry(*e);
	if (*e & PTE_PS)
		d->tlb.node[n].large = 0;
	*e = 0;
	BUG_ON(!d->tlb.node[n].refs);
	if (--d->tlb.node[n].refs == 0)
		node_drop(&d->tlb, n);
}

void node_demote(struct domain *d, uint32_t n)
{
	struct tlb_node *t = &d->tlb.node[n];
	uint64_t *e;

	if (!t->large)
		return;
	e = &node_entries(&d->tlb, t->parent)[t->index];
	*e = 0; /* as in node_promote() */
	arch_tlb_flush(d);
	*e = d->tlb.page[n] << PAGE_SHIFT | (t->large & 0xfff) | (t->large & LARGE_NX ? PTE_NX : 0);
	t->large = 0;
}

/* Is the guest's table one aligned run of frames that it owns, with equal flags and A and, where
 * writable, D set?  A writable run must hold no page table of a stock kernel. */
static bool is_run(const struct domain *d, const uint64_t *guest, uint64_t first)
{
	bool tables = first & PTE_RW && d->paging == GUISE_DOMAIN_STOCK;

	if ((first & (PTE_P | PTE_A)) != (PTE_P | PTE_A) || (first & (PTE_RW | PTE_D)) == PTE_RW ||
	    pte_mfn(first) % PTE_RUN)
		return false;
	for (unsigned i = 0; i < PTE_RUN; i++) {
		uint64_t e = READ_ONCE(guest[i]);
		const struct frame *f;

		if (e != first + ((uint64_t)i << PAGE_SHIFT) || !frame_owned_by(pte_mfn(e), d->id))
			return false;
		f = frame_of(pte_mfn(e));
		if (tables && (f->cached || f->flags & FRAME_TABLE))
			return false;
	}
	return true;
}

void node_promote(struct domain *d, uint32_t parent, unsigned index)
{
	uint64_t *e = &node_entries(&d->tlb, parent)[index], large;
	uint32_t n = node_of_entry(*e);
	struct tlb_node *t = &d->tlb.node[n];
	const uint64_t *guest;
	uint64_t first;

	if (t->large || t->table == FRAME_NIL)
		return;
	guest = mfn_to_virt(t->table);
	first = READ_ONCE(guest[0]);
	if (!is_run(d, guest, first))
		return;
	large = (first & PTE_FRAME) | PTE_P | PTE_U | PTE_A | PTE_PS | ((*e | first) & PTE_NX) | (n & 7ull) << 9 |
		(uint64_t)(n >> 3) << 52;
	if (*e & first & PTE_RW)
		large |= PTE_RW | PTE_D;
	t->large = (uint16_t)((*e & 0xfff) | (*e & PTE_NX ? LARGE_NX : 0));
	t->parent = parent;
	t->index = (uint16_t)index;
	/* No CPU may know the run by both sizes at once (SDM 3A 4.10.2.3): where it executes, some would stop. */
	*e = 0;
	arch_tlb_flush(d);
	*e = large;
}

/* Has a vCPU this root loaded, or ready to load?  end: not any more. */
static bool root_in_use(struct domain *d, uint32_t n, bool end)
{
	uint64_t cr3 = d->tlb.page[n] << PAGE_SHIFT;
	bool used = false;

	for_each_vcpu(v, d) {
		for (unsigned mode = 0; mode < 2; mode++) {
			if ((v->arch.cr3[mode] & PTE_FRAME) != cr3)
				continue;
			used = true;
			if (end)
				WRITE_ONCE(v->arch.cr3[mode], 0);
		}
	}
	return used;
}

/* No vCPU uses it any more: whoever did makes a new one.  A CPU may have it loaded until it flushes. */
static void root_drop(struct domain *d, uint32_t n)
{
	root_in_use(d, n, true);
	if (pte_mfn(this_cpu()->cr3) == d->tlb.page[n])
		load_cr3(0);
	list_del(&d->tlb.node[n].link);
	node_drop(&d->tlb, n);
}

void node_detach(struct domain *d, mfn_t table)
{
	struct frame *f = frame_of(table);
	uint32_t n;

	if (!f->cached || frame_owner(f) != d->id)
		return;
	n = f->cached - 1;
	if (d->tlb.node[n].level != 4)
		node_disown(&d->tlb, n);
	else if (!root_in_use(d, n, false))
		root_drop(d, n);
	/* else: what a guest does to a table while it is loaded harms that guest alone */
}

static void zombie_reap(struct domain *d) MUST_HOLD(d->tlb.lock)
{
	struct tlb *t = &d->tlb;
	uint32_t n = list_pop(t, &t->zombies);
	uint64_t *e = node_entries(t, n), lines = t->node[n].lines;

	if (t->node[n].level == 4)
		lines &= ~LINES_HYPERVISOR;
	for_each_of_lines(i, lines)
		if (e[i] & PTE_P)
			node_unlink(d, &e[i]);
	node_free(t, n);
}

bool zombies_reap(struct domain *d)
{
	for (unsigned i = 0; d->paging == GUISE_DOMAIN_NATIVE && !list_empty(&d->tlb.zombies); i++) {
		if (i == REAP_MAX)
			return false;
		zombie_reap(d);
	}
	return true;
}

/* The oldest root that no vCPU has loaded, or FRAME_NIL. */
static uint32_t root_oldest_unused(struct domain *d)
{
	list_for_each(l, &d->tlb.roots) {
		uint32_t n = (uint32_t)(list_entry(l, struct tlb_node, link) - d->tlb.node);

		if (!root_in_use(d, n, false))
			return n;
	}
	return FRAME_NIL;
}

static uint32_t node_alloc(struct domain *d) MUST_HOLD(d->tlb.lock)
{
	struct tlb *t = &d->tlb;
	uint32_t n;

	while (t->fresh == t->nr && list_empty(&t->free) && list_empty(&t->freed) && list_empty(&t->zombies)) {
		n = d->paging == GUISE_DOMAIN_STOCK ? root_oldest_unused(d) : FRAME_NIL;
		if (n == FRAME_NIL)
			return FRAME_NIL;
		root_drop(d, n);
	}
	if (list_empty(&t->free) && t->fresh < t->nr) {
		list_add_tail(&t->free, &t->node[t->fresh++].link);
	} else if (list_empty(&t->free)) {
		if (list_empty(&t->freed))
			zombie_reap(d);
		if (!flush_happened(t))
			arch_tlb_flush(d);
		list_move(&t->free, &t->freed);
	}
	t->used++;
	return list_pop(t, &t->free);
}

uint32_t node_get(struct domain *d, mfn_t table, unsigned level)
{
	struct frame *f = frame_of(table);
	struct tlb *t = &d->tlb;
	uint64_t *e;
	uint32_t n;

	if (f->cached) {
		n = f->cached - 1;
		if (t->node[n].level == level)
			return n;
		node_disown(t, n); /* the guest uses one frame at two levels */
	}
	n = node_alloc(d);
	if (n == FRAME_NIL) {
		tlb_reset(d);
		return FRAME_NIL;
	}
	e = node_entries(t, n);
	node_clear(t, n);
	t->node[n] = (struct tlb_node){ .table = (uint32_t)table, .level = (uint8_t)level };
	f->cached = n + 1;
	f->flags = (uint8_t)(level == 1 ? f->flags | FRAME_TABLE : f->flags & ~FRAME_TABLE);
	if (level == 4) {
		for (unsigned i = SLOT_KERNEL; i < SLOT_END; i++)
			e[i] = guest_l4[i];
		t->node[n].lines = LINES_HYPERVISOR;
		list_add_tail(&t->roots, &t->node[n].link);
	}
	return n;
}

/* A new root of a kernel's address space begins with what its guest's table has in common with that of an older
 * one, which is known by its entry, in the guest kernel's half, instead of a miss for each. */
static void root_inherit(struct tlb *t, uint64_t from, uint32_t n)
{
	uint32_t o = node_of_entry(from);
	uint64_t lines = o < t->fresh ? t->node[o].lines & LINES_GUEST_KERNEL : 0;
	uint64_t *old = node_entries(t, o), *new = node_entries(t, n);
	const uint64_t *old_guest, *new_guest;

	if (t->node[o].level != 4 || t->node[o].table == FRAME_NIL)
		return;
	old_guest = mfn_to_virt(t->node[o].table);
	new_guest = mfn_to_virt(t->node[n].table);
	t->node[n].lines |= lines;
	for_each_of_lines(i, lines) {
		if (!(old[i] & PTE_P) || READ_ONCE(old_guest[i]) != READ_ONCE(new_guest[i]))
			continue;
		new[i] = old[i];
		t->node[node_of_entry(old[i])].refs++;
	}
}

uint64_t root_make(struct domain *d, struct vcpu *v, unsigned mode, uint64_t like)
{
	mfn_t root = v->arch.root[mode];
	uint32_t n = node_at(d, root, 4);
	uint64_t cr3;

	if (n == FRAME_NIL) {
		if (!frame_owned_by(root, d->id))
			return 0;
		do {
			n = node_get(d, root, 4);
		} while (n == FRAME_NIL);
		if (like)
			root_inherit(&d->tlb, like, n);
	}
	if (mode && !d->tlb.node[n].kernel) {
		node_entries(&d->tlb, n)[SLOT_M2P] = boot_l4[SLOT_M2P];
		d->tlb.node[n].kernel = 1;
	}
	if (d->paging == GUISE_DOMAIN_STOCK) { /* now the youngest (root_oldest_unused()) */
		list_del(&d->tlb.node[n].link);
		list_add_tail(&d->tlb.roots, &d->tlb.node[n].link);
	}
	cr3 = d->tlb.page[n] << PAGE_SHIFT | pcid_bits[mode];
	WRITE_ONCE(v->arch.cr3[mode], cr3);
	return cr3;
}

uint64_t root_cr3(struct vcpu *v, unsigned mode)
{
	struct domain *d = v->domain;
	uint64_t cr3 = READ_ONCE(v->arch.cr3[mode]);

	if (cr3)
		return cr3;
	spin_lock(&d->tlb.lock);
	cr3 = root_make(d, v, mode, 0);
	spin_unlock(&d->tlb.lock);
	return cr3;
}

/* No lock is taken, and so no flush is answered, between the last look and the load. */
bool root_load(struct vcpu *v, unsigned mode)
{
	struct domain *d = v->domain;
	struct cpu *c = this_cpu();
	uint64_t cr3;

	do {
		tlb_enter(c, d);
		cr3 = READ_ONCE(v->arch.cr3[mode]);
		if (!cr3)
			cr3 = root_cr3(v, mode);
	} while (c->tlb_of != d && c->tlb_next != d);
	load_cr3(cr3);
	if (cr3 && c->tlb_of != d)
		tlb_entered(c, d);
	return cr3;
}

static void nodes_init(struct tlb *t)
{
	list_init(&t->free);
	list_init(&t->freed);
	list_init(&t->zombies);
	list_init(&t->roots);
	t->fresh = 0;
	t->used = 0;
	t->large_gone = false;
	t->nr_unsynced = 0;
}

/* Costs a few instructions a node, whatever was cached. */
void tlb_reset(struct domain *d)
{
	struct tlb_node *first = d->tlb.node, *end = first + d->tlb.fresh;
	struct frame *frames = frame_table;

	for_each_vcpu(v, d)
		for (unsigned mode = 0; mode < 2; mode++)
			WRITE_ONCE(v->arch.cr3[mode], 0);
	if (this_cpu()->tlb_of == d)
		load_cr3(0);
	for (struct tlb_node *n = first; n < end; n++)
		if (n->table != FRAME_NIL)
			frames[n->table].cached = 0;
	nodes_init(&d->tlb);
	arch_tlb_flush(d);
}

void tlb_drop_all(struct domain *d)
{
	spin_lock(&d->tlb.lock);
	if (d->tlb.used)
		tlb_reset(d);
	else
		arch_tlb_flush(d);
	spin_unlock(&d->tlb.lock);
}

#define TLB_MIN_NODES 32
#define TLB_MAX_NODES 8192 /* so many are forgotten in one stretch; a 2 MiB entry can name twice as many */

/* The nodes and, behind them, the page of each are one allocation. */
static unsigned pool_order(uint32_t nr)
{
	return order_of(nr * (sizeof(struct tlb_node) + sizeof(mfn_t)));
}

int tlb_init(struct domain *d, uint32_t frames)
{
	struct tlb *t = &d->tlb;

	if (!frames)
		frames = (uint32_t)MIN(d->max_frames / 48 + 64, TLB_MAX_NODES);
	t->most = MIN(MAX(frames, TLB_MIN_NODES), TLB_MAX_NODES);
	t->node = kpages_alloc(pool_order(t->most), d);
	if (!t->node)
		return -ENOMEM;
	t->page = (mfn_t *)(t->node + t->most);
	nodes_init(t);
	return 0;
}

long tlb_grow(struct domain *d)
{
	struct tlb *t = &d->tlb;
	long rc = 0;

	spin_lock(&t->lock);
	while (t->nr < t->most && !rc) {
		void *p = kpages_alloc(0, d);

		if (!p) {
			rc = -ENOMEM;
			break;
		}
		t->page[t->nr] = virt_to_mfn(p);
		frame_of(t->page[t->nr])->cached = t->nr + 1; /* the way back from an entry */
		t->nr++;
		rc = arch_irq_waiting(4) ? HC_CONTINUE : 0;
	}
	spin_unlock(&t->lock);
	return rc;
}

long tlb_destroy(struct domain *d)
{
	struct tlb *t = &d->tlb;

	if (!t->node)
		return 0;
	while (t->nr) {
		frame_of(t->page[--t->nr])->cached = 0;
		kpages_free(mfn_to_virt(t->page[t->nr]), 0, d);
		if (arch_irq_waiting(2))
			return HC_CONTINUE;
	}
	kpages_free(t->node, pool_order(t->most), d);
	t->node = NULL;
	return 0;
}
