/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iommu_fake.h - devices behind a fake IOMMU (iommu_fake.c).
 */
#pragma once

#include <core/types.h>

struct iommu_fake {
	unsigned waits;	    /* how often the kernel waited for it	*/
	uint64_t published; /* bytes					*/
};
extern struct iommu_fake iommu_fake;

/* The machine has one; without this call it has none. */
void iommu_fake_start(unsigned levels, unsigned nr_ids);

struct io_result {
	bool ok;
	uint8_t reason; /* why not (VT-d specification, A.1)	*/
	mfn_t m;	/* where it went			*/
};
/* A device reads or writes: what it finds is remembered until the kernel flushes it. */
struct io_result io_access(uint16_t bdf, uint64_t address, bool write);
