/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * native.c - build a native domain: image, start_info, store page, module, page tables, the list of
 * machine frames, stack, and the rest as heap.
 */
#include <runtime/hypercall.h>
#include <runtime/print.h>
#include <runtime/string.h>

#include "native.h"

#define STACK_PAGES 16
#define PER_TABLE   512ull
#define PTE	    0x67ull
#define WINDOW_L1   (GUISE_NATIVE_WINDOW_SIZE / (PER_TABLE * PAGE_SIZE))

struct layout {
	uint64_t start_info, store, module, tables, p2m, stack, heap;
};

static uint64_t pages(uint64_t bytes)
{
	return (bytes + PAGE_SIZE - 1) / PAGE_SIZE;
}

static struct layout plan(const struct elf_image *elf, uint64_t nr, size_t module_len)
{
	struct layout l = { .start_info = pages(elf->high - GUISE_NATIVE_BASE) };

	l.store = l.start_info + 1;
	l.module = l.store + 1;
	l.tables = l.module + pages(module_len);
	l.p2m = l.tables + 4 + pages(nr * PAGE_SIZE) / PER_TABLE + 1 + WINDOW_L1;
	l.stack = l.p2m + pages(nr * sizeof(uint64_t));
	l.heap = l.stack + STACK_PAGES;
	return l;
}

static uint64_t pte(const struct domain *d, uint64_t gfn)
{
	return d->mfn[gfn] * PAGE_SIZE | PTE;
}

static void put(struct domain *d, uint64_t table, uint64_t index, uint64_t value)
{
	domain_write(d, table * PAGE_SIZE + index * 8, &value, sizeof(value));
}

static void tables(struct domain *d, const struct layout *l)
{
	static uint64_t page[PER_TABLE];
	uint64_t l4 = l->tables, l3 = l4 + 1, l2 = l4 + 2, window = l4 + 3, l1 = l4 + 4;

	put(d, l4, 0, pte(d, l3));
	put(d, l3, 0, pte(d, l2));
	put(d, l3, GUISE_NATIVE_WINDOW >> 30, pte(d, window));
	for (uint64_t g = 0; g < d->nr;) {
		memset(page, 0, sizeof(page));
		put(d, l2, (GUISE_NATIVE_BASE >> 21) + g / PER_TABLE, pte(d, l1));
		do
			page[g % PER_TABLE] = pte(d, g);
		while (++g < d->nr && g % PER_TABLE);
		domain_write(d, l1++ * PAGE_SIZE, page, sizeof(page));
	}
	for (uint64_t i = 0; i < WINDOW_L1; i++)
		put(d, window, i, pte(d, l1 + i));
}

void native_fill(struct domain *d, const struct elf_image *elf, size_t module_len, const char *cmdline)
{
	struct layout l;
	start_info_t si = {
		.nr_pages = d->nr,
		.shared_info = d->shared_info * PAGE_SIZE,
		.store_evtchn = d->store_port,
		.console.domU.evtchn = d->console_port,
	};

	if (elf->low < GUISE_NATIVE_BASE || elf->high > GUISE_NATIVE_WINDOW) {
		d->error = "it is not linked as a native domain";
		return;
	}
	l = plan(elf, d->nr, module_len);
	if (l.heap >= d->nr) {
		d->error = "its memory is too small";
		return;
	}
	memcpy(si.magic, "xen-3.0-x86_64", 15);
	si.store_mfn = d->mfn[l.store];
	si.pt_base = GUISE_NATIVE_BASE + l.tables * PAGE_SIZE;
	si.nr_pt_frames = l.p2m - l.tables;
	si.mfn_list = GUISE_NATIVE_BASE + l.p2m * PAGE_SIZE;
	si.mod_start = GUISE_NATIVE_BASE + l.module * PAGE_SIZE;
	si.mod_len = module_len;
	si.first_p2m_pfn = l.heap;
	snprintf((char *)si.cmd_line, sizeof(si.cmd_line), "%s", cmdline);
	for (unsigned i = 0; i < elf->nr; i++)
		domain_write(d, elf->segment[i].vaddr - GUISE_NATIVE_BASE, elf->segment[i].data,
			     elf->segment[i].filesz);
	domain_write(d, l.start_info * PAGE_SIZE, &si, sizeof(si));
	tables(d, &l);
	domain_write(d, l.p2m * PAGE_SIZE, d->mfn, d->nr * sizeof(uint64_t));
	domain_offer(d, GRANT_REF_STORE, l.store);
}

void native_start(struct domain *d, const struct elf_image *elf, const void *module, size_t module_len)
{
	struct layout l = plan(elf, d->nr, module_len);

	domain_write(d, l.module * PAGE_SIZE, module, module_len);
	domain_start(d, elf->entry, GUISE_NATIVE_BASE + l.heap * PAGE_SIZE,
		     GUISE_NATIVE_BASE + l.start_info * PAGE_SIZE, l.tables);
}

void native_build(struct domain *d, const struct elf_image *elf, const void *module, size_t module_len,
		  const char *cmdline)
{
	native_fill(d, elf, module_len, cmdline);
	if (!d->error)
		native_start(d, elf, module, module_len);
}
