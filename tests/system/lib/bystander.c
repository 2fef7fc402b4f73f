/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bystander.c - a domain that only looks after itself: its memory, its program, its page tables, its
 * vector registers and its segment bases must stay what they were, whatever goes on beside it.
 */
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/start.h>
#include <runtime/string.h>

#include "bystander.h"
#include "claim.h"

#define PAGES	 160
#define FS_BASE	 0x123456789000ull
#define XMM_WORD 0x0123456789abcdefull

static uint64_t mix(uint64_t h, uint64_t v)
{
	h ^= v;
	h *= 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

static uint64_t sum(const void *from, size_t len)
{
	const uint64_t *p = from;
	uint64_t h = 1;

	for (size_t i = 0; i < len / 8; i++)
		h = mix(h, p[i]);
	return h;
}

static void xmm_set(void)
{
	uint64_t v[2] = { XMM_WORD, ~XMM_WORD };

	__asm__ volatile("movdqu %0, %%xmm0; movdqa %%xmm0, %%xmm7; movdqa %%xmm0, %%xmm15" ::"m"(v));
}

static int xmm_same(void)
{
	uint64_t v[6];

	__asm__ volatile("movdqu %%xmm0, (%0); movdqu %%xmm7, 16(%0); movdqu %%xmm15, 32(%0)" ::"r"(v) : "memory");
	for (unsigned i = 0; i < 6; i++)
		if (v[i] != (i % 2 ? ~XMM_WORD : XMM_WORD))
			return 0;
	return 1;
}

static uint64_t fs_base(void)
{
	uint64_t v;

	__asm__ volatile("rdfsbase %0" : "=r"(v));
	return v;
}

void bystander_watch(void)
{
	uint64_t *page = page_alloc(PAGES), tables, memory;

	expect(page);
	for (unsigned i = 0; i < PAGES * PAGE_SIZE / 8; i++)
		page[i] = mix(random_seed, i);
	hypercall(__HYPERVISOR_set_segment_base, SEGBASE_FS, FS_BASE, 0, 0, 0);
	xmm_set();
	memory = sum(page, PAGES * PAGE_SIZE);
	tables = sum((void *)start->pt_base, start->nr_pt_frames * PAGE_SIZE);
	for (;;) {
		if (sum(page, PAGES * PAGE_SIZE) != memory)
			fails("the bystander", 0, "its memory changed");
		if (sum((void *)start->pt_base, start->nr_pt_frames * PAGE_SIZE) != tables)
			fails("the bystander", 0, "its page tables changed");
		if (!xmm_same())
			fails("the bystander", 0, "its vector registers changed");
		if (fs_base() != FS_BASE)
			fails("the bystander", 0, "its FS base changed");
		report->rounds++;
	}
}
