/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mmu.c - the hypercalls by which a guest tells of its page tables: mmu_update,
 * update_va_mapping, mmuext_op (xen/xen.h).
 *
 * Nothing here validates a table: that happens when an entry is cached.  Pinning is bookkeeping.
 */
#include <arch/arch.h>
#include <arch/cpu.h>
#include <arch/paging.h>
#include <arch/x86.h>
#include <core/hypercall.h>
#include <core/lib.h>
#include <core/vcpu.h>

#define MMU_BATCH 32

static int update_entry(struct domain *d, const mmu_update_t *u)
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

/* How far an array of requests got.  The guest wants one number for the whole call, so an interrupted
 * one leaves its share where that number goes, and the count says that it did. */
#define COUNT_MASK  0x7fffffffu
#define COUNT_AGAIN 0x80000000u

static int count_begin(const uint64_t *arg, uint32_t *before)
{
	*before = 0;
	return arg[1] & COUNT_AGAIN && arg[2] ? copy_from_guest(before, arg[2], sizeof(*before)) : 0;
}

static long count_interrupt(struct vcpu *v, const uint64_t *arg, uint32_t before, uint32_t done, size_t size)
{
	uint32_t so_far = before + done;

	if (arg[2] && copy_to_guest(arg[2], &so_far, sizeof(so_far)))
		return -EFAULT;
	hypercall_set_arg(v, 1, ((arg[1] & COUNT_MASK) - done) | COUNT_AGAIN);
	hypercall_set_arg(v, 0, arg[0] + done * size);
	return HC_CONTINUE;
}

static long count_end(const uint64_t *arg, uint32_t before, uint32_t done, int rc)
{
	done += before;
	return arg[2] && copy_to_guest(arg[2], &done, sizeof(done)) ? -EFAULT : rc;
}

long hc_mmu_update(struct vcpu *v, const uint64_t *arg)
{
	uint64_t reqs = arg[0], count = arg[1] & COUNT_MASK, dom = arg[3];
	uint32_t done = 0, before;
	int rc = 0;

	if (dom != DOMID_SELF && dom != v->domain->id)
		return -EPERM;
	if (count_begin(arg, &before))
		return -EFAULT;
	while (done < count && !rc) {
		mmu_update_t batch[MMU_BATCH];
		uint32_t n = (uint32_t)MIN(count - done, MMU_BATCH);

		if (done && hypercall_preempt())
			return count_interrupt(v, arg, before, done, sizeof(mmu_update_t));
		if (copy_from_guest(batch, reqs + done * sizeof(mmu_update_t), n * sizeof(mmu_update_t)))
			return -EFAULT;
		for (uint32_t i = 0; i < n && !rc; i++) {
			rc = update_entry(v->domain, &batch[i]);
			done += !rc;
		}
	}
	return count_end(arg, before, done, rc);
}

/* The flush part of update_va_mapping.  Other vCPUs' CPUs need no more than this one while one CPU
 * runs them all; the bitmap of UVMF_MULTI is only read for its address. */
static void flush_by_flags(struct vcpu *v, uint64_t va, uint64_t flags)
{
	switch (flags & UVMF_FLUSHTYPE_MASK) {
	case UVMF_TLB_FLUSH:
		tlb_guest_flush(v);
		break;
	case UVMF_INVLPG:
		tlb_guest_invlpg(v->domain, va, 1u << v->id);
		break;
	}
}

long hc_update_va_mapping(struct vcpu *v, const uint64_t *arg)
{
	uint64_t va = arg[0], value = arg[1], flags = arg[2], cache;
	struct domain *d = v->domain;
	bool writable;
	struct walk w;
	int rc;

	if (!canonical(va) || slot_is_hypervisor(pt_index(va, 4)) || (flags & UVMF_FLUSHTYPE_MASK) > UVMF_INVLPG)
		return -EINVAL;
	walk(d, v->arch.root[1], va, 0, 1, &w);
	if (w.level != 1)
		return -EINVAL;
	if ((value & PTE_P) && !leaf_allowed(d, w.table[1], pt_index(va, 1), value, &writable, &cache))
		return -EPERM;
	rc = pt_write(d, w.table[1], pt_index(va, 1), value, false);
	if (!rc)
		flush_by_flags(v, va, flags);
	return rc;
}

static int pin(struct domain *d, mfn_t m, unsigned level)
{
	struct frame *f = frame_of(m);
	int rc = 0;

	if (!f || frame_owner(f) != d->id || (f->flags & FRAME_SHARED))
		return -EPERM;
	spin_lock(&d->tlb.lock);
	if (f->flags & FRAME_PINNED)
		rc = -EINVAL;
	else
		f->flags |= (uint8_t)(FRAME_PINNED | (level == 1 ? FRAME_TABLE : 0));
	spin_unlock(&d->tlb.lock);
	return rc;
}

static int unpin(struct domain *d, mfn_t m)
{
	struct frame *f = frame_of(m);
	int rc = -EINVAL;

	if (!f || frame_owner(f) != d->id)
		return -EPERM;
	spin_lock(&d->tlb.lock);
	if (f->flags & FRAME_PINNED) {
		f->flags &= (uint8_t)~FRAME_PINNED;
		node_detach(d, m);
		rc = 0;
	}
	spin_unlock(&d->tlb.lock);
	return rc;
}

/* Load a top-level table: CR3 of the kernel (mode 1) or of its user (mode 0). */
static int new_root(struct vcpu *v, unsigned mode, mfn_t m)
{
	struct domain *d = v->domain;

	if (!(mode == 0 && m == 0) && !frame_owned_by(m, d->id))
		return -EPERM;
	spin_lock(&d->tlb.lock);
	if (d->paging == GUISE_DOMAIN_STOCK)
		tlb_resync(d);
	spin_unlock(&d->tlb.lock);
	v->arch.root[mode] = m ? m : INVALID_MFN;
	v->arch.cr3[mode] = 0;
	if (mode == v->arch.kernel_mode) {
		if (d->paging == GUISE_DOMAIN_NATIVE) {
			spin_lock(&d->tlb.lock);
			tlb_reset(d);
			spin_unlock(&d->tlb.lock);
		}
		load_cr3(root_cr3(v, mode));
	} else if (m) {
		root_cr3(v, mode);
	}
	return 0;
}

/* The bitmap of vCPUs that an operation names. */
static int mask_read(struct vcpu *v, guest_ptr_t mask, uint32_t *vcpus)
{
	_Static_assert(MAX_VCPUS == 32, "a bitmap of vCPUs is one word");
	*vcpus = 0;
	return copy_from_guest(vcpus, mask, ALIGN_UP(v->domain->max_vcpus, 8u) / 8);
}

static int mmuext(struct vcpu *v, const struct mmuext_op *op)
{
	struct domain *d = v->domain;
	uint32_t vcpus;

	switch (op->cmd) {
	case MMUEXT_PIN_L1_TABLE:
	case MMUEXT_PIN_L2_TABLE:
	case MMUEXT_PIN_L3_TABLE:
	case MMUEXT_PIN_L4_TABLE:
		return pin(d, op->arg1.mfn, op->cmd - MMUEXT_PIN_L1_TABLE + 1);
	case MMUEXT_UNPIN_TABLE:
		return unpin(d, op->arg1.mfn);
	case MMUEXT_NEW_BASEPTR:
		return new_root(v, 1, op->arg1.mfn);
	case MMUEXT_NEW_USER_BASEPTR:
		return new_root(v, 0, op->arg1.mfn);
	case MMUEXT_TLB_FLUSH_MULTI:
	case MMUEXT_INVLPG_MULTI:
		if (mask_read(v, (guest_ptr_t)op->arg2.vcpumask.p, &vcpus))
			return -EFAULT;
		if (op->cmd == MMUEXT_INVLPG_MULTI)
			tlb_guest_invlpg(d, op->arg1.linear_addr, vcpus);
		else
			tlb_guest_flush(v);
		return 0;
	case MMUEXT_TLB_FLUSH_LOCAL:
	case MMUEXT_TLB_FLUSH_ALL:
		tlb_guest_flush(v);
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

long hc_mmuext_op(struct vcpu *v, const uint64_t *arg)
{
	uint64_t ops = arg[0], count = arg[1] & COUNT_MASK, dom = arg[3];
	uint32_t done = 0, before;
	int rc = 0;

	if (dom != DOMID_SELF && dom != v->domain->id)
		return -EPERM;
	if (count_begin(arg, &before))
		return -EFAULT;
	while (done < count) {
		struct mmuext_op op;

		if (done && hypercall_preempt())
			return count_interrupt(v, arg, before, done, sizeof(op));
		if (copy_from_guest(&op, ops + done * sizeof(op), sizeof(op)))
			return -EFAULT;
		rc = mmuext(v, &op);
		if (rc)
			break;
		done++;
	}
	return count_end(arg, before, done, rc);
}
