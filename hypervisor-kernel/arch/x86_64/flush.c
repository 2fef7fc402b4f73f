/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flush.c - the guest says that its tables changed.
 *
 * Stock kernels tell each change by hypercall, but for tables on the unsynced list; native domains
 * write their tables as they like and tell by INVLPG and flush only.
 */
#include <arch/arch.h>
#include <arch/paging.h>
#include <arch/percpu.h>
#include <core/vcpu.h>

uint64_t pcid_bits[2]; /* 0: there are none */

void load_cr3(uint64_t cr3)
{
	struct cpu *c = this_cpu();

	c->flush_epoch++;
	if (c->current)
		c->current->crossing[GUISE_CROSSING_FLUSH].count++;
	c->cr3 = cr3 ? cr3 : (uint64_t)boot_l4 - KERNEL_VIRT;
	if (!cr3 || !(speculation & SPECULATION_HIDDEN)) /* the gate loads it, and has flushed at the crossing */
		write_cr3(c->cr3);
	if (pcid_bits[0])
		invpcid(INVPCID_ALL, 0, 0);
	if (!cr3)
		tlb_entered(c, NULL);
}

/* One page, in either mode's address space. */
static void page_forget(uint64_t va)
{
	if (!pcid_bits[0])
		invlpg(va);
	for (unsigned mode = 0; mode < 2 && pcid_bits[0]; mode++)
		invpcid(INVPCID_PAGE, PCID(mode), va);
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
void flush_self(struct cpu *c)
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
void flush_others(struct cpu *c, uint32_t cpus)
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

uint32_t flush_cpus(const struct domain *d)
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
		page_forget(u->va);
	}
	if (t->nr_unsynced)
		flush_others(this_cpu(), flush_cpus(d));
	for (uint32_t i = 0; i < t->nr_unsynced; i++)
		leaves_refresh(d, node_at(d, t->unsynced[i].table, 1), 0, PTE_RUN - 1);
	t->nr_unsynced = 0;
}

/* One translation only, as INVLPG has it: a table that is written directly stays so.  A stock kernel says this
 * about pages that it is about to use. */
static void page_refresh(struct domain *d, const struct vcpu *v, uint64_t va) MUST_HOLD(d->tlb.lock)
{
	uint64_t upper, cr3[2];
	uint32_t n = d->paging == GUISE_DOMAIN_STOCK ? leaves_cached(d, v->arch.cr3[1], va, &upper) : FRAME_NIL;
	struct walk w;

	if (n == FRAME_NIL) {
		root_refresh(d, v->arch.root[1], v->arch.root[0], va, va, cr3);
		/* Or it is linked elsewhere only. */
		walk(d, v->arch.root[1], va, 0, &w);
		n = w.level == 1 ? node_at(d, w.table[1], 1) : FRAME_NIL;
	}
	leaves_refresh(d, n, pt_index(va, 1), pt_index(va, 1));
}

void tlb_guest_invlpg(struct domain *d, uint64_t va, uint32_t vcpus)
{
	bool others = vcpus & ~(1u << current_vcpu()->id);

	if (!va_is_guests(va))
		return;
	spin_lock(&d->tlb.lock);
	for (; vcpus; vcpus &= vcpus - 1) {
		struct vcpu *v = domain_vcpu(d, (uint32_t)__builtin_ctz(vcpus));

		if (v)
			page_refresh(d, v, va);
	}
	spin_unlock(&d->tlb.lock);
	page_forget(va);
	if (others)
		flush_others(this_cpu(), flush_cpus(d));
}

void tlb_guest_flush(struct vcpu *v, bool others)
{
	struct domain *d = v->domain;

	if (d->paging == GUISE_DOMAIN_NATIVE) {
		tlb_drop_all(d); /* with the lock held: nobody's flush in between misses a CPU */
		return;
	}
	spin_lock(&d->tlb.lock);
	tlb_resync(d);
	spin_unlock(&d->tlb.lock);
	if (others)
		arch_tlb_flush(d);
	else
		flush_self(this_cpu());
}

int arch_map_grant(struct vcpu *v, uint64_t va, mfn_t m, bool writable, mfn_t *table, uint32_t *index)
{
	struct domain *d = v->domain;
	struct walk w;
	int rc = -EINVAL;

	if (!va_is_guests(va))
		return -EINVAL;
	spin_lock(&d->tlb.lock);
	if (walk(d, v->arch.root[1], va, 0, &w) != WALK_BAD && w.level == 1) {
		*table = w.table[1];
		*index = pt_index(va, 1);
		rc = pt_write(d, *table, *index,
			      m << PAGE_SHIFT | PTE_P | PTE_U | PTE_A | (writable ? PTE_RW | PTE_D : 0), false);
	}
	spin_unlock(&d->tlb.lock);
	return rc;
}

void arch_unmap_grant(struct domain *d, uint64_t va, mfn_t table, uint32_t index, mfn_t m)
{
	spin_lock(&d->tlb.lock);
	if (frame_owned_by(table, d->id) && pte_mfn(READ_ONCE(((const uint64_t *)mfn_to_virt(table))[index])) == m)
		pt_write(d, table, index, 0, false);
	spin_unlock(&d->tlb.lock);
	/* A table that the domain used at two levels may have left a copy behind. */
	tlb_drop_all(d);
}
