/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flush.c - the guest says that its tables changed.
 *
 * Stock kernels tell each change by hypercall, but for tables on the unsynced list; native domains
 * write their tables as they like and tell by INVLPG and flush only.
 */
#include <arch/arch.h>
#include <arch/cpu.h>
#include <arch/paging.h>
#include <arch/percpu.h>
#include <arch/x86.h>
#include <core/lib.h>
#include <core/vcpu.h>

void load_cr3(uint64_t cr3)
{
	struct cpu *c = this_cpu();
	bool none = !cr3;

	if (none)
		cr3 = (uint64_t)boot_l4 - KERNEL_VIRT;
	c->cr3 = cr3;
	c->flush_epoch++;
	if (c->current)
		c->current->crossing[GUISE_CROSSING_FLUSH].count++;
	write_cr3(cr3);
	if (none)
		tlb_entered(c, NULL);
}

/*
 * d->tlb.cpus has the CPUs that may hold translations of d: a CPU enters before it looks for a root of d's to
 * load, and leaves after it loaded another's.  Whoever drops something from d's tables looks at the bitmap
 * after that.  So either the newcomer finds it dropped, or the dropper finds the newcomer.
 *
 * A CPU that answers a flush on its way in may find itself out again: it has to begin anew.
 */
void tlb_enter(struct cpu *c, struct domain *d)
{
	if (c->tlb_of == d)
		return;
	__atomic_fetch_or(&d->tlb.cpus, 1u << c->id, __ATOMIC_SEQ_CST);
	c->tlb_next = d;
}

static void leave(struct cpu *c, struct domain *d, const struct domain *now)
{
	if (d && d != now)
		__atomic_fetch_and(&d->tlb.cpus, ~(1u << c->id), __ATOMIC_SEQ_CST);
}

/* A root of d's, or the kernel's (NULL), is loaded. */
void tlb_entered(struct cpu *c, struct domain *d)
{
	leave(c, c->tlb_of, d);
	leave(c, c->tlb_next, d);
	c->tlb_of = d;
	c->tlb_next = NULL;
}

/* A root that was withdrawn is not loaded again, since its page may become something else after this; nor is
 * any if the CPU is idle, so that it is not asked again. */
static void flush_self(struct cpu *c)
{
	const struct arch_vcpu *a = c->loaded ? &c->loaded->arch : NULL;

	if (a && READ_ONCE(a->cr3[a->kernel_mode]) == c->cr3) {
		load_cr3(c->cr3);
	} else {
		c->kept = NULL;
		load_cr3(0);
	}
}

/* Answer others that want this CPU to flush. */
void flush_serve(struct cpu *c)
{
	uint32_t asked = __atomic_load_n(&c->flush_asked, __ATOMIC_ACQUIRE);

	if (asked == c->flush_done)
		return;
	flush_self(c);
	__atomic_store_n(&c->flush_done, asked, __ATOMIC_RELEASE);
}

/* The CPUs in the bitmap, but for this one, have flushed all on return.  Each of them is in a guest or idle, where
 * the interrupt reaches it, or in the kernel, which it leaves soon, or waits itself, and answers in arch_relax(). */
static void flush_others(struct cpu *c, uint32_t cpus)
{
	uint32_t asked[MAX_CPUS] = { 0 };

	cpus &= ~(1u << c->id);
	for (uint32_t m = cpus; m; m &= m - 1) {
		uint32_t n = (uint32_t)__builtin_ctz(m);

		asked[n] = __atomic_add_fetch(&cpu_of(n)->flush_asked, 1, __ATOMIC_SEQ_CST);
		arch_poke_cpu(n);
	}
	for (uint32_t m = cpus; m; m &= m - 1) {
		uint32_t n = (uint32_t)__builtin_ctz(m);

		while ((int32_t)(__atomic_load_n(&cpu_of(n)->flush_done, __ATOMIC_ACQUIRE) - asked[n]) < 0)
			arch_relax();
	}
}

static uint32_t flush_cpus(const struct domain *d)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* what was dropped is dropped before we look */
	return __atomic_load_n(&d->tlb.cpus, __ATOMIC_SEQ_CST);
}

void arch_tlb_flush(struct domain *d)
{
	struct cpu *c = this_cpu();

	flush_self(c);
	flush_others(c, flush_cpus(d));
}

/* Is it certain that no CPU remembers the tables that were freed? */
bool flush_happened(const struct tlb *t)
{
	const struct cpu *c = this_cpu();

	return t->free_cpu == c->id && t->free_epoch < c->flush_epoch &&
	       !(__atomic_load_n(&t->cpus, __ATOMIC_SEQ_CST) & ~(1u << c->id));
}

/* Does the guest's entry still say what was cached?  Whose the frames are has not changed since: a
 * frame that leaves takes all cached entries with it. */
static bool leaf_holds(uint64_t cached, uint64_t entry)
{
	if ((cached ^ entry) & (PTE_FRAME | PTE_NX | PTE_P | PTE_A))
		return false;
	return !(cached & PTE_RW) || (entry & (PTE_RW | PTE_D)) == (PTE_RW | PTE_D);
}

static void resync_table(struct domain *d, mfn_t table) MUST_HOLD(d->tlb.lock)
{
	struct frame *f = frame_of(table);
	const uint64_t *guest = mfn_to_virt(table);
	uint64_t *cached, lines;

	if (frame_owner(f) != d->id || !f->cached || d->tlb.node[f->cached - 1].level != 1)
		return;
	node_demote(d, f->cached - 1); /* it may have become a run while it was written */
	cached = node_entries(&d->tlb, f->cached - 1);
	for (lines = d->tlb.node[f->cached - 1].lines; lines;) {
		unsigned first = line_next(&lines);

		for (unsigned i = first; i < first + 8; i++)
			if (cached[i] && !leaf_holds(cached[i], READ_ONCE(guest[i])))
				cached[i] = leaf_derive(d, table, i, READ_ONCE(guest[i]));
	}
}

void tlb_resync(struct domain *d)
{
	struct tlb *t = &d->tlb;

	/* First nobody writes to them any more, on any CPU, then they are read. */
	for (uint32_t i = 0; i < t->nr_unsynced; i++) {
		struct tlb_unsynced *u = &t->unsynced[i];
		uint64_t *e;

		if (t->node[u->node].level != 1)
			continue;
		e = &node_entries(t, u->node)[u->index];
		if ((*e & PTE_P) && pte_mfn(*e) == u->table)
			*e = 0;
		invlpg(u->va);
	}
	if (t->nr_unsynced)
		flush_others(this_cpu(), flush_cpus(d));
	for (uint32_t i = 0; i < t->nr_unsynced; i++)
		resync_table(d, t->unsynced[i].table);
	t->nr_unsynced = 0;
}

/* What the guest's table that n caches says now; 0: it is no table any more. */
static uint64_t guest_says(const struct tlb *t, uint32_t n, unsigned index)
{
	mfn_t table = t->node[n].table;

	return table == FRAME_NIL ? 0 : READ_ONCE(((const uint64_t *)mfn_to_virt(table))[index]);
}

/* Does the guest's entry still name the table whose node is linked by the cached one? */
static bool link_holds(const struct tlb *t, uint64_t cached, uint64_t entry)
{
	return (entry & (PTE_P | PTE_PS)) == PTE_P && t->node[node_of_entry(cached)].table == pte_mfn(entry) &&
	       !((entry ^ cached) & (PTE_RW | PTE_NX));
}

/* The node of leaves for va in the tables of v's kernel, linked there by now or not.  FRAME_NIL: there is none.  A
 * native domain says by INVLPG, too, that it took a table away, which may be a table elsewhere by now. */
static uint32_t leaf_find(struct domain *d, const struct vcpu *v, uint64_t va) MUST_HOLD(d->tlb.lock)
{
	uint32_t n = v->arch.cr3[1] ? node_of_entry(v->arch.cr3[1]) : FRAME_NIL;
	struct tlb *t = &d->tlb;
	struct walk w;

	for (unsigned level = 4; n != FRAME_NIL && level > 1; level--) {
		unsigned index = pt_index(va, level);
		uint64_t *e = &node_entries(t, n)[index];

		if (*e & PTE_P && d->paging == GUISE_DOMAIN_NATIVE && !link_holds(t, *e, guest_says(t, n, index)))
			node_unlink(d, e);
		n = *e & PTE_P ? node_of_entry(*e) : FRAME_NIL;
	}
	if (n != FRAME_NIL)
		return n;
	walk(d, v->arch.root[1], va, 0, 1, &w);
	n = w.level == 1 ? frame_table[w.table[1]].cached - 1 : FRAME_NIL;
	return n != FRAME_NIL && t->node[n].level == 1 ? n : FRAME_NIL;
}

/* One translation only, as INVLPG has it: a table that is written directly stays so.  A stock kernel says this
 * about pages that it is about to use. */
static void leaf_refresh(struct domain *d, uint32_t n, unsigned index) MUST_HOLD(d->tlb.lock)
{
	uint64_t *cached = node_entries(&d->tlb, n) + index;
	uint64_t entry = d->paging == GUISE_DOMAIN_NATIVE ? 0 : guest_says(&d->tlb, n, index);

	node_demote(d, n);
	if (*cached && !leaf_holds(*cached, entry))
		*cached = leaf_derive(d, d->tlb.node[n].table, index, entry);
}

void tlb_guest_invlpg(struct domain *d, uint64_t va, uint32_t vcpus)
{
	bool others = vcpus & ~(1u << current_vcpu()->id);

	if (!canonical(va) || slot_is_hypervisor(pt_index(va, 4)))
		return;
	spin_lock(&d->tlb.lock);
	for (; vcpus; vcpus &= vcpus - 1) {
		uint32_t id = (uint32_t)__builtin_ctz(vcpus);
		uint32_t n = domain_valid_vcpu(d, id) ? leaf_find(d, d->vcpu[id], va) : FRAME_NIL;

		if (n != FRAME_NIL)
			leaf_refresh(d, n, pt_index(va, 1));
	}
	spin_unlock(&d->tlb.lock);
	invlpg(va);
	if (others)
		flush_others(this_cpu(), flush_cpus(d));
}

void tlb_guest_flush(struct vcpu *v, bool others)
{
	struct domain *d = v->domain;

	spin_lock(&d->tlb.lock);
	if (d->paging == GUISE_DOMAIN_NATIVE)
		tlb_reset(d);
	else
		tlb_resync(d);
	spin_unlock(&d->tlb.lock);
	if (others || d->paging == GUISE_DOMAIN_NATIVE)
		arch_tlb_flush(d);
	else
		flush_self(this_cpu());
}

int pt_write_locked(struct domain *d, mfn_t table, unsigned index, uint64_t value, bool preserve_ad)
{
	struct tlb *t = &d->tlb;
	uint64_t *slot, *cached;
	struct tlb_node *n;
	struct frame *f;

	/* Whoever takes the frame away passes the lock before anybody else gets it. */
	if (!frame_owned_by(table, d->id))
		return -EPERM;
	f = &frame_table[table];
	slot = (uint64_t *)mfn_to_virt(table) + index;
	if (preserve_ad) /* nobody else sets them without the lock, but the guest itself */
		value |= READ_ONCE(*slot) & (PTE_A | PTE_D);
	__atomic_store_n(slot, value, __ATOMIC_RELEASE);
	if (!f->cached)
		return 0;
	n = &t->node[f->cached - 1];
	if (n->large)
		node_demote(d, f->cached - 1);
	cached = node_slot(t, f->cached - 1, index);
	if (n->level == 1)
		*cached = leaf_derive(d, table, index, value);
	else if ((*cached & PTE_P) && !(n->level == 4 && slot_is_hypervisor(index)) && !link_holds(t, *cached, value))
		node_unlink(d, cached);
	return 0;
}

int pt_write(struct domain *d, mfn_t table, unsigned index, uint64_t value)
{
	int rc;

	spin_lock(&d->tlb.lock);
	rc = pt_write_locked(d, table, index, value, false);
	spin_unlock(&d->tlb.lock);
	return rc;
}

enum walk_result walk_locked(struct domain *d, mfn_t root, uint64_t va, unsigned access, struct walk *w)
{
	enum walk_result r;

	spin_lock(&d->tlb.lock);
	r = walk(d, root, va, access, 1, w);
	spin_unlock(&d->tlb.lock);
	return r;
}

int arch_map_grant(struct vcpu *v, uint64_t va, mfn_t m, bool writable, mfn_t *table, uint32_t *index)
{
	struct walk w;

	if (!canonical(va) || slot_is_hypervisor(pt_index(va, 4)))
		return -EINVAL;
	if (walk_locked(v->domain, v->arch.root[1], va, 0, &w) == WALK_BAD || w.level != 1)
		return -EINVAL;
	*table = w.table[1];
	*index = pt_index(va, 1);
	return pt_write(v->domain, w.table[1], *index,
			m << PAGE_SHIFT | PTE_P | PTE_U | PTE_A | (writable ? PTE_RW | PTE_D : 0));
}

void arch_unmap_grant(struct domain *d, uint64_t va, mfn_t table, uint32_t index, mfn_t m)
{
	spin_lock(&d->tlb.lock);
	if (frame_owned_by(table, d->id) && pte_mfn(READ_ONCE(((const uint64_t *)mfn_to_virt(table))[index])) == m)
		pt_write_locked(d, table, index, 0, false);
	spin_unlock(&d->tlb.lock);
	/* A table that the domain used at two levels may have left a copy behind. */
	tlb_drop_all(d);
}
