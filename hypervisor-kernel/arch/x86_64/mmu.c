/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mmu.c - the hypercalls by which a guest tells of its page tables: mmu_update,
 * update_va_mapping, mmuext_op (xen/xen.h).
 *
 * Nothing here validates a table: that happens when an entry is cached.  Pinning is bookkeeping.
 */
#include <arch/arch.h>
#include <arch/paging.h>
#include <arch/percpu.h>
#include <core/hypercall.h>
#include <core/vcpu.h>

#define MMU_BATCH 32

inline __attribute__((always_inline)) int pt_write(struct domain *d, mfn_t table, unsigned index, uint64_t value,
						   bool preserve_ad)
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
		*cached = leaf_derive(d, value);
	else if ((*cached & PTE_P) && !(n->level == 4 && slot_is_hypervisor(index)) && !link_holds(t, *cached, value))
		node_unlink(d, cached);
	return 0;
}

static int update_entry(struct domain *d, const mmu_update_t *u) MUST_HOLD(d->tlb.lock)
{
	mfn_t table = u->ptr >> PAGE_SHIFT;
	struct frame *f;

	switch (u->ptr & 7) {
	case MMU_NORMAL_PT_UPDATE:
	case MMU_PT_UPDATE_PRESERVE_AD:
		return pt_write(d, table, (unsigned)(u->ptr & (PAGE_SIZE - 1)) / 8, u->val,
				(u->ptr & 7) == MMU_PT_UPDATE_PRESERVE_AD);
	case MMU_MACHPHYS_UPDATE:
		f = frame_of(table);
		if (!f || frame_owner(f) != d->id)
			return -EPERM;
		m2p_set(table, u->val);
		return 0;
	}
	return -ENOSYS;
}

union requests {
	mmu_update_t update[MMU_BATCH];
	struct mmuext_op ext;
};

/* How far an array of requests got.  The guest wants one number for the whole call, so an interrupted
 * one leaves its share where that number goes, and the count says that it did. */
#define COUNT_MASK  0x7fffffffu
#define COUNT_AGAIN 0x80000000u

/* An array of requests, up to most of which call() carries out at once and adds to *done, up to the first that fails. */
static inline __attribute__((always_inline)) long
requests(struct vcpu *v, const uint64_t *arg, size_t size, uint32_t most,
	 int (*call)(struct vcpu *v, const union requests *r, uint32_t nr, uint32_t *done))
{
	uint32_t count = arg[1] & COUNT_MASK, done = 0, so_far = 0;
	union requests r;
	long rc = 0;

	if (arg[3] != DOMID_SELF && arg[3] != v->domain->id)
		return -EPERM;
	if (arg[1] & COUNT_AGAIN && arg[2] && copy_from_guest(&so_far, arg[2], sizeof(so_far)))
		return -EFAULT;
	while (done < count && !rc) {
		uint32_t n = MIN(count - done, most);

		if (done && arch_irq_waiting(0)) {
			hypercall_set_arg(v, 1, (count - done) | COUNT_AGAIN);
			hypercall_set_arg(v, 0, arg[0] + done * size);
			rc = HC_CONTINUE;
		} else if (copy_from_guest(&r, arg[0] + done * size, n * size)) {
			return -EFAULT;
		} else {
			rc = call(v, &r, n, &done);
		}
	}
	so_far += done;
	return arg[2] && copy_to_guest(arg[2], &so_far, sizeof(so_far)) ? -EFAULT : rc;
}

static int updates(struct vcpu *v, const union requests *r, uint32_t nr, uint32_t *done)
{
	struct domain *d = v->domain;
	int rc = 0;

	spin_lock(&d->tlb.lock);
	for (uint32_t i = 0; i < nr && !rc; i++) {
		rc = update_entry(d, &r->update[i]);
		*done += !rc;
	}
	spin_unlock(&d->tlb.lock);
	this_cpu()->irq_items += nr;
	return rc;
}

long hc_mmu_update(struct vcpu *v, const uint64_t *arg)
{
	return requests(v, arg, sizeof(mmu_update_t), MMU_BATCH, updates);
}

/* The guest's table of leaves for va in its kernel's address space; INVALID_MFN: none. */
static mfn_t leaf_table(const struct domain *d, const struct vcpu *v, uint64_t va) MUST_HOLD(d->tlb.lock)
{
	uint64_t upper, cr3 = d->paging == GUISE_DOMAIN_NATIVE ? 0 : v->arch.cr3[1];
	uint32_t n = leaves_cached(d, cr3, va, &upper);
	struct walk w;

	if (n != FRAME_NIL)
		return d->tlb.node[n].table;
	walk(d, v->arch.root[1], va, 0, &w);
	return w.level == 1 ? w.table[1] : INVALID_MFN;
}

long hc_update_va_mapping(struct vcpu *v, const uint64_t *arg)
{
	uint64_t va = arg[0], value = arg[1], flags = arg[2] & UVMF_FLUSHTYPE_MASK, cache;
	unsigned index = pt_index(va, 1);
	struct domain *d = v->domain;
	int rc = -EINVAL;
	bool writable;
	mfn_t table;

	if (!va_is_guests(va) || flags > UVMF_INVLPG)
		return -EINVAL;
	spin_lock(&d->tlb.lock);
	table = leaf_table(d, v, va);
	if (table != INVALID_MFN)
		rc = (value & PTE_P) && !leaf_allowed(d, table, index, value, &writable, &cache) ?
			   -EPERM :
			   pt_write(d, table, index, value, false);
	spin_unlock(&d->tlb.lock);
	/* UVMF_MULTI's bitmap is not read: all of the domain flush. */
	if (!rc && flags == UVMF_TLB_FLUSH)
		tlb_guest_flush(v, arg[2] != flags);
	else if (!rc && flags == UVMF_INVLPG)
		tlb_guest_invlpg(d, va, arg[2] != flags ? ~0u : 1u << v->id);
	return rc;
}

/* level 0: unpin. */
static int pin(struct domain *d, mfn_t m, unsigned level)
{
	struct frame *f = frame_of(m);
	int rc = 0;

	/* Whoever takes the frame away passes the lock before anybody else gets it. */
	spin_lock(&d->tlb.lock);
	if (!f || frame_owner(f) != d->id || f->flags & FRAME_SHARED) {
		rc = -EPERM;
	} else if (!(f->flags & FRAME_PINNED) == !level) {
		rc = -EINVAL;
	} else if (level) {
		f->flags |= (uint8_t)(FRAME_PINNED | (level == 1 ? FRAME_TABLE : 0));
	} else {
		f->flags &= (uint8_t)~FRAME_PINNED;
		node_detach(d, m);
	}
	spin_unlock(&d->tlb.lock);
	return rc;
}

int roots_load(struct vcpu *v, unsigned modes, mfn_t kernel, mfn_t user)
{
	const mfn_t root[2] = { user ? user : INVALID_MFN, kernel };
	uint64_t before = v->arch.cr3[1];
	struct domain *d = v->domain;

	if ((modes & ROOT_KERNEL && !frame_owned_by(kernel, d->id)) || (user && !frame_owned_by(user, d->id)))
		return -EPERM;
	spin_lock(&d->tlb.lock);
	if (d->paging == GUISE_DOMAIN_STOCK)
		tlb_resync(d);
	else if (modes & ROOT_KERNEL && !(d->personality & GUISE_PERSONALITY_MM))
		tlb_reset(d); /* a personality says what changed, and where */
	for (unsigned mode = 0; mode < 2; mode++) {
		if (modes >> mode & 1) {
			v->arch.root[mode] = root[mode];
			v->arch.cr3[mode] = 0;
			root_make(d, v, mode, mode ? before : 0);
		}
	}
	spin_unlock(&d->tlb.lock);
	if (modes & ROOT_KERNEL)
		root_load(v, 1);
	else if (pcid_bits[0])
		invpcid(INVPCID_PCID, PCID(0), 0);
	return 0;
}

static int mmuext(struct vcpu *v, const struct mmuext_op *op)
{
	struct domain *d = v->domain;
	uint32_t vcpus; /* bitmap of those that an operation names */

	_Static_assert(MAX_VCPUS == 32, "a bitmap of vCPUs is one word");
	switch (op->cmd) {
	case MMUEXT_PIN_L1_TABLE:
	case MMUEXT_PIN_L2_TABLE:
	case MMUEXT_PIN_L3_TABLE:
	case MMUEXT_PIN_L4_TABLE:
		return pin(d, op->arg1.mfn, op->cmd - MMUEXT_PIN_L1_TABLE + 1);
	case MMUEXT_UNPIN_TABLE:
		return pin(d, op->arg1.mfn, 0);
	case MMUEXT_NEW_BASEPTR:
		return roots_load(v, ROOT_KERNEL, op->arg1.mfn, 0);
	case MMUEXT_NEW_USER_BASEPTR:
		return roots_load(v, ROOT_USER, 0, op->arg1.mfn);
	case MMUEXT_TLB_FLUSH_MULTI:
	case MMUEXT_INVLPG_MULTI:
		vcpus = 0;
		if (copy_from_guest(&vcpus, (guest_ptr_t)op->arg2.vcpumask.p, ALIGN_UP(d->max_vcpus, 8u) / 8))
			return -EFAULT;
		if (op->cmd == MMUEXT_INVLPG_MULTI)
			tlb_guest_invlpg(d, op->arg1.linear_addr, vcpus);
		else
			tlb_guest_flush(v, vcpus & ~(1u << v->id));
		return 0;
	case MMUEXT_TLB_FLUSH_LOCAL:
	case MMUEXT_TLB_FLUSH_ALL:
		tlb_guest_flush(v, op->cmd == MMUEXT_TLB_FLUSH_ALL);
		return 0;
	case MMUEXT_INVLPG_LOCAL:
		tlb_guest_invlpg(d, op->arg1.linear_addr, 1u << v->id);
		return 0;
	case MMUEXT_INVLPG_ALL:
		tlb_guest_invlpg(d, op->arg1.linear_addr, ~0u);
		return 0;
	case MMUEXT_SET_LDT:
		return ldt_set(v, op->arg1.linear_addr, op->arg2.nr_ents);
	}
	return -ENOSYS;
}

static int mmuext_one(struct vcpu *v, const union requests *r, uint32_t nr, uint32_t *done)
{
	int rc = mmuext(v, &r->ext);

	*done += !rc;
	this_cpu()->irq_items += 8;
	return rc;
}

long hc_mmuext_op(struct vcpu *v, const uint64_t *arg)
{
	return requests(v, arg, sizeof(struct mmuext_op), 1, mmuext_one);
}
