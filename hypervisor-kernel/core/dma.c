/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dma.c - DMA-only grants (guise.h): a frame pinned for a device and never mapped for the CPU.
 *
 * It can be reached by the devices of the domain while it is pinned (arch/iommu.h); the pin ends when
 * they cannot any more.
 */
#include <arch/iommu.h>
#include <core/grant.h>
#include <core/hypercall.h>
#include <core/lib.h>
#include <core/vcpu.h>
#include <xen/grant_table.h>

/* GNTST_* */
static int dma_map(struct domain *d, struct guise_dma_map *op)
{
	struct grant_map map = { .from = op->domid, .kind = GRANT_MAP_GOING, .ref = op->ref };
	struct domain *from;
	int rc, n;

	if (op->flags & ~GUISE_DMA_RDONLY)
		return GNTST_general_error;
	map.writable = !(op->flags & GUISE_DMA_RDONLY);
	from = domain_get(op->domid);
	if (!from)
		return GNTST_bad_domain;
	rc = from == d ? GNTST_bad_domain : grant_pin(from, op->ref, d->id, map.writable, &map.m);
	if (!rc) {
		n = grant_map_add(d, &map);
		if (n < 0) {
			grant_unpin(from, op->ref, map.writable, map.m);
			rc = GNTST_no_space;
		} else {
			op->cookie = (uint32_t)n;
			op->bus = iommu_grant(d, op->cookie, map.m, map.writable);
			grant_map_ready(d, op->cookie, GRANT_MAP_DMA); /* not before: it can be undone now */
		}
	}
	domain_put(from);
	return rc;
}

/* All that are right up to the first that is not: one flush for them all. */
static long dma_unmap(struct domain *d, const uint32_t *cookies, uint64_t count)
{
	struct grant_map map[GUISE_DMA_BATCH];
	uint64_t n = 0;

	for (; n < count && !grant_map_take(d, cookies[n], GRANT_MAP_DMA, &map[n]); n++)
		iommu_ungrant(d, cookies[n]);
	if (n)
		iommu_flush(d);
	for (uint64_t i = 0; i < n; i++)
		grant_map_end(d, cookies[i], &map[i]);
	return n == count ? 0 : -EINVAL;
}

long hc_dma_op(struct vcpu *v, const uint64_t *arg)
{
	uint64_t count = arg[2];
	uint32_t cookies[GUISE_DMA_BATCH];

	if (!count || count > GUISE_DMA_BATCH)
		return -EINVAL;
	switch (arg[0]) {
	case GUISE_DMA_MAP:
		for (uint64_t i = 0; i < count; i++) {
			guest_ptr_t at = arg[1] + i * sizeof(struct guise_dma_map);
			struct guise_dma_map op;

			if (copy_from_guest(&op, at, sizeof(op)))
				return -EFAULT;
			op.status = dma_map(v->domain, &op);
			if (copy_to_guest(at, &op, sizeof(op)))
				return -EFAULT;
		}
		iommu_entered(v->domain);
		return 0;
	case GUISE_DMA_UNMAP:
		if (copy_from_guest(cookies, arg[1], count * sizeof(cookies[0])))
			return -EFAULT;
		return dma_unmap(v->domain, cookies, count);
	}
	return -ENOSYS;
}
