/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iommu.h - which memory a device may reach: what core asks of an IOMMU, whosever make.
 *
 * A device, named by bus << 8 | device << 3 | function, belongs to one domain or to nobody.  Nobody's
 * reaches no memory.  A domain's reaches
 *	its frames, at their machine addresses: they hold its rings and buffers.  Which of them do, only
 *	the driver knows; whatever its device may do to them, the driver may as well.
 *	frames that others granted to it for DMA (dma.c), each at an address of its own, while it lasts
 * and nothing else; so not what it mapped of others' for the CPU.
 *
 * What was taken out may be reached until iommu_flush() returns.  Without an IOMMU all of this does
 * nothing, and bus addresses are machine addresses.
 */
#pragma once

#include <core/types.h>

struct domain;

/* Most frames that a domain may own when it gets its first device; it may grow later. */
#define IOMMU_FRAMES 16384

/* The device is d's from now on.  -EBUSY: it is somebody's, or the firmware keeps memory for it; -E2BIG:
 * d owns more than IOMMU_FRAMES; -ENOSPC: too many domains with devices; -ENOMEM.  Takes d->lock. */
int iommu_attach(struct domain *d, uint16_t bdf);
/* It is nobody's, if it was d's: on return it reaches nothing. */
void iommu_detach(struct domain *d, uint16_t bdf);
/* d dies: none of its devices reaches anything. */
void iommu_forget(struct domain *d);

/* Frame m is in d's list of frames.  Enter it, if it still is d's.  -ENOMEM: devices do not reach it. */
int iommu_enter(struct domain *d, mfn_t m);
/* It is d's no more. */
void iommu_leave(struct domain *d, mfn_t m);
/* d's use n (core/grant.h) of another's frame: enter it, and tell the bus address; take it out. */
uint64_t iommu_grant(struct domain *d, uint32_t n, mfn_t m, bool writable);
void iommu_ungrant(struct domain *d, uint32_t n);
/* What was entered can be reached. */
void iommu_entered(struct domain *d);
/* No device reaches what was taken out; DMA that was under way has ended. */
void iommu_flush(struct domain *d);
