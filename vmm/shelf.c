/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shelf.c - the device's memory, mapped behind the window by page tables of our own.
 *
 * The window is too small for kernels; only this server needs more address space, so it makes the tables
 * itself.  An entry that was not there needs no flush, as on hardware.
 */
#include <archive.h>
#include <guise.h>
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/print.h>
#include <runtime/start.h>
#include <runtime/string.h>

#include "pci.h"
#include "shelf.h"

#define VENDOR	  0x1af4
#define DEVICE	  0x1110
#define BAR	  2
#define AT	  (GUISE_NATIVE_WINDOW + 0x20000000ull) /* the upper half of the window's GiB */
#define MOST	  0x20000000ull
#define PER_TABLE 512ull
#define L2_SHIFT  21
#define PTE_TABLE 0x67ull /* present, writable, user, accessed, dirty	*/
#define PTE_READ  0x25ull /* present, user, accessed	*/

static const void *shelf;
static size_t shelf_len;

/* The page table page that is this frame. */
static uint64_t *table(uint64_t mfn)
{
	const uint64_t *mfn_of = (const void *)start->mfn_list;
	uint64_t first = (start->pt_base - GUISE_NATIVE_BASE) / PAGE_SIZE;

	for (uint64_t g = first; g < first + start->nr_pt_frames; g++)
		if (mfn_of[g] == mfn)
			return (uint64_t *)(GUISE_NATIVE_BASE + g * PAGE_SIZE);
	return NULL;
}

/* The second-level table of AT. */
static uint64_t *second_level(void)
{
	uint64_t *l3 = table(*(uint64_t *)start->pt_base >> PAGE_SHIFT & 0xffffffffffull);

	return l3 ? table(l3[AT >> 30] >> PAGE_SHIFT & 0xffffffffffull) : NULL;
}

static int map(uint64_t base, uint64_t size)
{
	uint64_t *l2 = second_level(), *l1;

	l1 = l2 ? page_alloc((unsigned)(size / PAGE_SIZE / PER_TABLE)) : NULL;
	if (!l1)
		return -1;
	for (uint64_t i = 0; i < size / PAGE_SIZE; i++)
		l1[i] = (base + i * PAGE_SIZE) | PTE_READ;
	for (uint64_t i = 0; i < size / PAGE_SIZE / PER_TABLE; i++)
		l2[(AT >> L2_SHIFT & (PER_TABLE - 1)) + i] = virt_to_mfn(l1 + i * PER_TABLE) << PAGE_SHIFT | PTE_TABLE;
	return 0;
}

void shelf_open(void)
{
	static struct pci_function functions[PCI_FUNCTIONS];
	unsigned nr = pci_scan(functions, PCI_FUNCTIONS);
	struct guise_bar bar;

	for (unsigned i = 0; i < nr; i++) {
		if (functions[i].vendor != VENDOR || functions[i].device != DEVICE)
			continue;
		pci_memory(&functions[i], BAR, &bar);
		if (!bar.size || bar.port || bar.size > MOST || bar.size % (PER_TABLE * PAGE_SIZE)) {
			print("guise: shelf: its memory cannot be used\n");
			return;
		}
		if (map(bar.base, bar.size)) {
			print("guise: shelf: no memory for its page tables\n");
			return;
		}
		shelf = (const void *)AT;
		shelf_len = bar.size;
		print("guise: shelf of %lu MiB\n", bar.size >> 20);
		return;
	}
}

const void *shelf_find(const char *name, size_t *len)
{
	return shelf ? archive_find(shelf, shelf_len, name, len) : NULL;
}
