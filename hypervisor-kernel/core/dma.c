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
#include <core/vcpu.h>

/* GNTST_*; *from is counted, and stays so for the next one. */
static int map_one(struct domain *d, struct domain **from, struct guise_dma_map *op)
{
	struct grant_map map = { .from = op->domid, .kind = GRANT_MAP_DMA, .ref = op->ref };
	int rc, n;

	map.writable = !(op->flags & GUISE_DMA_RDONLY);
	if (op->flags & ~GUISE_DMA_RDONLY)
		return GNTST_general_error;
	*from = domain_get_next(*from, op->domid);
	if (!*from || *from == d)
		return GNTST_bad_domain;
	rc = grant_pin(*from, op->ref, d->id, map.writable, &map.m);
	if (rc)
		return rc;
	n = grant_map_add(d, &map);
	if (n < 0) {
		grant_unpin(*from, op->ref, map.writable, map.m);
		return GNTST_no_space;
	}
	op->cookie = (uint32_t)n;
	op->bus = map.va;
	return GNTST_okay;
}

static void dma_map(struct domain *d, struct guise_dma_map *op, uint64_t count)
{
	struct domain *from = NULL;

	for (uint64_t i = 0; i < count; i++)
		op[i].status = map_one(d, &from, &op[i]);
	domain_put(from);
	iommu_entered(d);
}

/* All that are right up to the first that is not: one flush for them all. */
static long dma_unmap(struct domain *d, const uint32_t *cookies, uint64_t count)
{
	struct grant_map map[GUISE_DMA_BATCH];
	uint64_t n = 0;

	for (; n < count && !grant_map_take(d, cookies[n], GRANT_MAP_DMA, &map[n]); n++)
		iommu_ungrant(d, cookies[n]);
	if (n) {
		iommu_flush(d);
		grant_map_end(d, cookies, map, n);
	}
	return n == count ? 0 : -EINVAL;
}

long hc_dma_op(struct vcpu *v, const uint64_t *arg)
{
	uint64_t count = arg[2], size;
	union {
		struct guise_dma_map map[GUISE_DMA_BATCH];
		uint32_t cookie[GUISE_DMA_BATCH];
	} req;

	if (!count || count > GUISE_DMA_BATCH)
		return -EINVAL;
	if (arg[0] > GUISE_DMA_UNMAP)
		return -ENOSYS;
	size = count * (arg[0] == GUISE_DMA_MAP ? sizeof(req.map[0]) : sizeof(req.cookie[0]));
	if (copy_from_guest(&req, arg[1], size))
		return -EFAULT;
	if (arg[0] == GUISE_DMA_UNMAP)
		return dma_unmap(v->domain, req.cookie, count);
	dma_map(v->domain, req.map, count);
	return copy_to_guest(arg[1], &req, size);
}
