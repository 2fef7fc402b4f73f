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

static void dma_map(struct domain *d, struct guise_dma_map *op, uint64_t count)
{
	for (uint64_t i = 0, nr; i < count; i += MAX(nr, 1)) {
		struct domain *from = domain_get(op[i].domid);

		nr = from && from != d && from->grants ? grant_map_dma(d, from, &op[i], count - i) : 0;
		if (!nr)
			op[i].status = op[i].flags & ~GUISE_DMA_RDONLY ? GNTST_general_error : GNTST_bad_domain;
		domain_put(from);
	}
	iommu_entered(d);
}

/* All that are right up to the first that is not: one flush for them all. */
static long dma_unmap(struct domain *d, uint32_t *cookies, uint64_t count)
{
	uint64_t nr = grant_map_take(d, GRANT_MAP_DMA, cookies, count);

	for (uint64_t i = 0; i < nr; i++)
		iommu_ungrant(d, cookies[i]);
	iommu_flush(d);
	grant_map_end(d, cookies, nr);
	return nr == count ? 0 : -EINVAL;
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
