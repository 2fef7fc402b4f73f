/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iommu_fake.c - an IOMMU that walks the tables the kernel made, and remembers what it found as long as a real
 * one may.
 */
#include "fake.h"

#include "iommu_fake.h"

#include <arch/paging.h>
#include <arch/vtd.h>

struct vtd vtd;
struct dmar dmar;
struct iommu_fake iommu_fake;

static struct translation {
	bool valid;
	uint16_t bdf, id;
	uint64_t frame, entry;
} cached[256];
static struct context {
	bool valid;
	uint64_t lo, hi;
} contexts[65536];
static mfn_t root;

void iommu_fake_start(unsigned levels, unsigned nr_ids)
{
	vtd = (struct vtd){ .levels = levels, .nr_ids = nr_ids, .coherent = true };
	root = iommu_tables();
	ck_assert(root != INVALID_MFN);
	vtd.on = true;
}

void vtd_publish(const void *p, size_t len)
{
	iommu_fake.published += len;
}

void vtd_invalidate(uint16_t id, bool all)
{
	iommu_fake.waits++;
	for (unsigned i = 0; i < ARRAY_SIZE(cached); i++)
		if (cached[i].id == id)
			cached[i].valid = false;
	for (unsigned i = 0; all && i < ARRAY_SIZE(contexts); i++)
		contexts[i].valid = false;
}

static uint64_t read_entry(mfn_t table, unsigned i)
{
	return ((uint64_t *)mfn_to_virt(table))[i];
}

static uint8_t context_find(uint16_t bdf, struct context *c)
{
	uint64_t bus;

	if (contexts[bdf].valid) {
		*c = contexts[bdf];
		return 0;
	}
	bus = read_entry(root, (bdf >> 8) * 2);
	if (!(bus & 1))
		return 1;
	c->lo = read_entry(bus >> PAGE_SHIFT, (bdf & 255) * 2);
	c->hi = read_entry(bus >> PAGE_SHIFT, (bdf & 255) * 2 + 1);
	if (!(c->lo & 1))
		return 2;
	check_that((c->hi & 7) == vtd.levels - 2 && !(c->lo & 0xffe) && !(c->hi >> 24));
	c->valid = true;
	contexts[bdf] = *c;
	return 0;
}

static uint8_t walk_tables(const struct context *c, uint64_t address, uint64_t *entry)
{
	uint64_t access = 3, e = c->lo;

	if (address >> (12 + 9 * vtd.levels))
		return 4;
	for (unsigned level = vtd.levels; level > 0; level--) {
		e = read_entry(e >> PAGE_SHIFT, pt_index(address, level));
		access &= e;
		if (!(e & 3))
			return 6;
		check_that(!(e & 0xffc) && !(e >> 52));
	}
	*entry = (e & ~3ull) | access;
	return 0;
}

struct io_result io_access(uint16_t bdf, uint64_t address, bool write)
{
	static unsigned next;
	struct context c;
	struct translation *t = NULL;
	struct io_result r = { .m = INVALID_MFN };
	uint64_t entry;

	r.reason = context_find(bdf, &c);
	if (r.reason)
		return r;
	for (unsigned i = 0; i < ARRAY_SIZE(cached); i++)
		if (cached[i].valid && cached[i].bdf == bdf && cached[i].frame == address >> PAGE_SHIFT)
			t = &cached[i];
	if (!t) {
		r.reason = walk_tables(&c, address, &entry);
		if (r.reason)
			return r;
		t = &cached[next++ % ARRAY_SIZE(cached)];
		*t = (struct translation){ true, bdf, (uint16_t)(c.hi >> 8), address >> PAGE_SHIFT, entry };
	}
	if (write && !(t->entry & 2)) {
		r.reason = 5;
		return r;
	}
	r.ok = true;
	r.m = t->entry >> PAGE_SHIFT;
	return r;
}
