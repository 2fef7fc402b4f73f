/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * window.c - address space with nothing behind it, for grants and devices.
 */
#include <runtime/hypercall.h>
#include <runtime/print.h>
#include <runtime/window.h>

#define PAGES (GUISE_NATIVE_WINDOW_SIZE / PAGE_SIZE)

#define PTE_PRESENT  0x01ull
#define PTE_WRITE    0x02ull
#define PTE_USER     0x04ull
#define PTE_UNCACHED 0x18ull /* PCD and PWT */
#define PTE_ACCESSED 0x20ull
#define PTE_DIRTY    0x40ull
#define PTE_DATA     (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_DIRTY)

static uint8_t taken[PAGES];

static unsigned page_index(const void *va)
{
	uint64_t index = ((uint64_t)va - GUISE_NATIVE_WINDOW) / PAGE_SIZE;

	if (index >= PAGES)
		panic("%p is not in the window\n", va);
	return index;
}

void *window_alloc(unsigned pages)
{
	unsigned run = 0;

	for (unsigned i = 0; pages && i < PAGES; i++) {
		run = taken[i] ? 0 : run + 1;
		if (run < pages)
			continue;
		for (unsigned j = i + 1 - pages; j <= i; j++)
			taken[j] = 1;
		return (void *)(GUISE_NATIVE_WINDOW + (i + 1 - pages) * PAGE_SIZE);
	}
	return NULL;
}

void window_free(void *va, unsigned pages)
{
	unsigned first = page_index(va);

	for (unsigned i = 0; i < pages; i++)
		taken[first + i] = 0;
}

int window_map(void *va, uint64_t mfn)
{
	return hc_update_va_mapping((uint64_t)va, mfn << PAGE_SHIFT | PTE_DATA);
}

int window_unmap(void *va)
{
	return hc_update_va_mapping((uint64_t)va, 0);
}

void *mmio_map(uint64_t phys, size_t len)
{
	uint64_t offset = phys & ~PAGE_MASK;
	unsigned pages = (offset + len + PAGE_SIZE - 1) / PAGE_SIZE;
	char *va = window_alloc(pages);

	for (unsigned i = 0; va && i < pages; i++) {
		uint64_t pte = ((phys & PAGE_MASK) + i * PAGE_SIZE) | PTE_DATA | PTE_UNCACHED;

		if (!hc_update_va_mapping((uint64_t)va + i * PAGE_SIZE, pte))
			continue;
		while (i--)
			window_unmap(va + i * PAGE_SIZE);
		window_free(va, pages);
		return NULL;
	}
	return va ? va + offset : NULL;
}
