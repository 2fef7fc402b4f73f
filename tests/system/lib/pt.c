/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pt.c - see pt.h.
 */
#include <runtime/grant.h>
#include <runtime/heap.h>
#include <runtime/start.h>
#include <runtime/string.h>
#include <runtime/window.h>

#include "claim.h"
#include "pt.h"

static void *gfn_virt(uint64_t gfn)
{
	return (void *)(GUISE_NATIVE_BASE + gfn * PAGE_SIZE);
}

static struct xen_machphys_mapping machphys(void)
{
	static struct xen_machphys_mapping m;

	if (!m.v_start && hypercall(__HYPERVISOR_memory_op, XENMEM_machphys_mapping, (uint64_t)&m, 0, 0, 0))
		fails(__FILE__, __LINE__, "no machine-to-physical table");
	return m;
}

uint64_t max_mfn(void)
{
	return machphys().max_mfn;
}

uint64_t m2p(uint64_t mfn)
{
	return ((const uint64_t *)machphys().v_start)[mfn];
}

int is_own(uint64_t mfn)
{
	uint64_t gfn = mfn <= max_mfn() ? m2p(mfn) : ~0ull;

	return gfn < start->nr_pages && ((const uint64_t *)start->mfn_list)[gfn] == mfn;
}

int is_lent(uint64_t mfn)
{
	xen_pfn_t frame[GRANT_FRAMES];
	struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = GRANT_FRAMES };

	set_xen_guest_handle(setup.frame_list, frame);
	hc_grant_table(GNTTABOP_setup_table, &setup, 1);
	for (unsigned i = 0; i < GRANT_FRAMES; i++)
		if (frame[i] == mfn)
			return 1;
	return mfn == start->shared_info >> PAGE_SHIFT;
}

uint64_t page_machine(const void *page)
{
	return virt_to_mfn(page) << PAGE_SHIFT;
}

uint64_t *page_marked(uint64_t number)
{
	uint64_t *page = page_alloc(1);

	expect(page);
	for (unsigned i = 0; i < 512; i++)
		page[i] = number;
	return page;
}

uint64_t word_at(uint64_t va)
{
	return *(volatile uint64_t *)va;
}

static unsigned index_of(uint64_t va, unsigned level)
{
	return va >> (12 + 9 * (level - 1)) & 511;
}

uint64_t *pt_table(uint64_t va, unsigned level)
{
	uint64_t *table = (uint64_t *)start->pt_base;

	for (unsigned l = 4; l > level; l--) {
		uint64_t e = table[index_of(va, l)], mfn = (e & PTE_FRAME) >> PAGE_SHIFT;

		if (!(e & PTE_P) || !is_own(mfn))
			return NULL;
		table = gfn_virt(m2p(mfn));
	}
	return table;
}

uint64_t *pt_entry(uint64_t va, unsigned level)
{
	uint64_t *table = pt_table(va, level);

	return table ? table + index_of(va, level) : NULL;
}

uint64_t pt_machine(const uint64_t *entry)
{
	return virt_to_bus(entry);
}

long mmu_update(uint64_t ptr, uint64_t val)
{
	mmu_update_t u = { ptr, val };

	return hypercall(__HYPERVISOR_mmu_update, (uint64_t)&u, 1, 0, DOMID_SELF, 0);
}

long pt_update(uint64_t *entry, uint64_t value)
{
	return mmu_update(pt_machine(entry) | MMU_NORMAL_PT_UPDATE, value);
}

long mmuext(unsigned cmd, uint64_t arg1, uint64_t arg2)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = arg1 };

	memcpy(&op.arg2, &arg2, sizeof(op.arg2));
	return hc_mmuext(&op, 1);
}

void pt_set(uint64_t va, uint64_t value)
{
	uint64_t *entry = pt_entry(va, 1);

	if (stock)
		pt_update(entry, value);
	else
		*(volatile uint64_t *)entry = value;
	mmuext(MMUEXT_INVLPG_LOCAL, va, 0);
}

void pt_flush(void)
{
	mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
}

void pt_protect(void)
{
	for (uint64_t i = 0; stock && i < start->nr_pt_frames; i++) {
		uint64_t va = start->pt_base + i * PAGE_SIZE;

		if (hc_update_va_mapping(va, virt_to_bus((void *)va) | PTE_TABLE))
			fails(__FILE__, __LINE__, "a table cannot be made read-only");
	}
}

uint64_t *pt_page(void)
{
	uint64_t *page = page_alloc(1);

	if (!page)
		fails(__FILE__, __LINE__, "no memory");
	if (stock)
		hc_update_va_mapping((uint64_t)page, virt_to_bus(page) | PTE_TABLE);
	return page;
}

void pt_fill(uint64_t *table, unsigned index, uint64_t value)
{
	expect_eq(pt_update(table + index, value), 0);
}

uint64_t pt_space(void)
{
	return (uint64_t)window_alloc(1);
}

uint64_t *user_tables(void)
{
	uint64_t *user = pt_page();

	pt_fill(user, 0, *pt_entry(0, 4));
	return user;
}
