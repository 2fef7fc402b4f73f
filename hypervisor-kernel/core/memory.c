/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory.c - memory_op (xen/memory.h): the memory map, machine-to-physical, and the balloon.
 */
#include <arch/iommu.h>
#include <core/hypercall.h>
#include <core/vcpu.h>
#include <xen/memory.h>

#define E820_RAM 1

struct e820 {
	uint64_t start, size;
	uint32_t type;
} __attribute__((packed));

/* One RAM entry up to the most the domain may ever own: the rest is room for the balloon. */
static long memory_map(struct vcpu *v, struct xen_memory_map *map)
{
	struct e820 e = { 0, v->domain->max_frames << PAGE_SHIFT, E820_RAM };

	if (map->nr_entries < 1)
		return -EINVAL;
	map->nr_entries = 1;
	return copy_to_guest((guest_ptr_t)map->buffer.p, &e, sizeof(e));
}

#define BATCH 64

/* The balloon gives frames back.  They stop being the domain's first, then every cached
 * translation goes, the CPUs' and the devices', and only then may somebody else get them. */
static long decrease(struct domain *d, const uint64_t *mfns, uint64_t nr)
{
	uint64_t given;

	for (given = 0; given < nr; given++) {
		struct frame *f = frame_of(mfns[given]);

		if (!f || frame_owner(f) != d->id || (f->flags & FRAME_SHARED) || frame_give(f, d->id, OWNER_KERNEL))
			break;
		domain_remove_frame(d, mfns[given]);
		iommu_leave(d, mfns[given]);
	}
	if (given) {
		tlb_drop_all(d);
		iommu_flush(d);
	}
	for (uint64_t i = 0; i < given; i++) {
		m2p_set(mfns[i], ~0ull);
		frame_free(mfns[i], 0, OWNER_KERNEL);
	}
	return (long)given;
}

/* The numbers of those that it gets are written to p. */
static long increase(struct domain *d, const uint64_t *gfns, guest_ptr_t p, uint64_t nr)
{
	uint64_t mfns[BATCH], n;

	for (n = 0; n < nr; n++)
		if (gfns[n] >= 1ull << 36 || !domain_populate(d, gfns[n], 1, &mfns[n]))
			break;
	if (copy_to_guest(p, mfns, n * 8))
		return -EFAULT;
	return (long)n;
}

/* Progress is kept in the upper bits of cmd, as the ABI foresees. */
static long reservation(struct vcpu *v, const uint64_t *arg, const struct xen_memory_reservation *r, bool up)
{
	uint64_t done = arg[0] >> 6;

	if (r->extent_order || domain_named(v->domain, r->domid) != v->domain->id || done > r->nr_extents)
		return -EINVAL;
	while (done < r->nr_extents) {
		uint64_t frames[BATCH], n = MIN(r->nr_extents - done, BATCH);
		guest_ptr_t p = (guest_ptr_t)r->extent_start.p + done * 8;
		long got;

		if (copy_from_guest(frames, p, n * 8))
			return -EFAULT;
		got = up ? increase(v->domain, frames, p, n) : decrease(v->domain, frames, n);
		if (got < 0)
			return got;
		done += (uint64_t)got;
		if ((uint64_t)got < n)
			break;
		if (arch_irq_waiting(BATCH) && done < r->nr_extents) {
			hypercall_set_arg(v, 0, (arg[0] & 63) | done << 6);
			return HC_CONTINUE;
		}
	}
	return (long)done;
}

long hc_memory_op(struct vcpu *v, const uint64_t *arg)
{
	switch (arg[0] & 63) {
	case XENMEM_decrease_reservation:
		HC_REQUEST(struct xen_memory_reservation, arg[1], reservation(v, arg, &req, false), false);
	case XENMEM_populate_physmap:
		HC_REQUEST(struct xen_memory_reservation, arg[1], reservation(v, arg, &req, true), false);
	case XENMEM_current_reservation:
		return (long)v->domain->frames;
	case XENMEM_maximum_reservation:
		return (long)v->domain->max_frames;
	case XENMEM_memory_map:
		HC_REQUEST(struct xen_memory_map, arg[1], memory_map(v, &req), true);
	case XENMEM_machphys_mapping:
		HC_REQUEST(struct xen_machphys_mapping, arg[1], arch_machphys(&req), true);
	}
	return -ENOSYS;
}
