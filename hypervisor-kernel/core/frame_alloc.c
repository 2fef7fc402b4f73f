/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frame_alloc.c - free RAM: a buddy allocator whose lists run through the frame table.
 *
 * A free block of 2^order frames is aligned to its size; its first frame stands in free_list[order]
 * and has order set.  All its frames are owned by OWNER_FREE.
 */
#include <arch/cpu.h>
#include <core/domain.h>
#include <core/frame.h>
#include <core/lib.h>

static struct spinlock alloc_lock = { .rank = LOCK_FRAMES };
static uint32_t free_list[FRAME_MAX_ORDER + 1] = { [0 ... FRAME_MAX_ORDER] = FRAME_NIL };
static uint64_t nr_free;

#define ORDER_NONE 0xff /* a free frame that does not begin a block */

static void list_enter(mfn_t m, unsigned order)
{
	frame_table[m].order = (uint8_t)order;
	frame_list_add(&free_list[order], m);
}

static void list_leave(mfn_t m, unsigned order)
{
	frame_table[m].order = ORDER_NONE;
	frame_list_del(&free_list[order], m);
}

/* The frames are OWNER_FREE already. */
static void block_free(mfn_t m, unsigned order)
{
	nr_free += 1ull << order;
	for (; order < FRAME_MAX_ORDER; order++) {
		mfn_t buddy = m ^ (1ull << order);

		if (buddy + (1ull << order) > frame_max || frame_owner(&frame_table[buddy]) != OWNER_FREE ||
		    frame_table[buddy].order != order)
			break;
		list_leave(buddy, order);
		m &= ~(1ull << order);
	}
	list_enter(m, order);
}

mfn_t frame_alloc(unsigned order, uint16_t owner)
{
	unsigned have = order;
	mfn_t m;

	spin_lock(&alloc_lock);
	while (have <= FRAME_MAX_ORDER && free_list[have] == FRAME_NIL)
		have++;
	if (have > FRAME_MAX_ORDER) {
		spin_unlock(&alloc_lock);
		return INVALID_MFN;
	}
	m = free_list[have];
	list_leave(m, have);
	while (have > order) {
		have--;
		list_enter(m + (1ull << have), have);
	}
	nr_free -= 1ull << order;
	for (mfn_t i = 0; i < 1ull << order; i++)
		frame_table[m + i] =
			(struct frame){ .state = FRAME_STATE(owner, 0), .next = FRAME_NIL, .prev = FRAME_NIL };
	spin_unlock(&alloc_lock);
	return m;
}

void frame_free(mfn_t m, unsigned order, uint16_t owner)
{
	spin_lock(&alloc_lock);
	for (mfn_t i = 0; i < 1ull << order; i++) {
		frame_table[m + i].flags = 0;
		BUG_ON(frame_give(&frame_table[m + i], owner, OWNER_FREE));
		frame_table[m + i].order = ORDER_NONE;
	}
	block_free(m, order);
	spin_unlock(&alloc_lock);
}

uint64_t frame_free_count(void)
{
	return nr_free;
}

void frame_add_ram(mfn_t first, mfn_t last)
{
	first = MAX(first, 0x100); /* the first MiB belongs to the firmware */
	spin_lock(&alloc_lock);
	for (mfn_t m = first; m < last; m++) {
		frame_table[m].state = FRAME_STATE(OWNER_FREE, 0);
		frame_table[m].order = ORDER_NONE;
	}
	while (first < last) {
		unsigned order = FRAME_MAX_ORDER;

		while (first & ((1ull << order) - 1) || first + (1ull << order) > last)
			order--;
		block_free(first, order);
		first += 1ull << order;
	}
	spin_unlock(&alloc_lock);
}

void *kpages_alloc(unsigned order, struct domain *d)
{
	bool fits = !d || __atomic_add_fetch(&d->kernel_pages, 1ull << order, __ATOMIC_RELAXED) <= d->max_kernel_pages;
	mfn_t m = fits ? frame_alloc(order, OWNER_KERNEL) : INVALID_MFN;

	if (m == INVALID_MFN) {
		if (d)
			__atomic_sub_fetch(&d->kernel_pages, 1ull << order, __ATOMIC_RELAXED);
		return NULL;
	}
	return memset(mfn_to_virt(m), 0, PAGE_SIZE << order);
}

void kpages_free(void *p, unsigned order, struct domain *d)
{
	if (!p)
		return;
	if (d)
		__atomic_sub_fetch(&d->kernel_pages, 1ull << order, __ATOMIC_RELAXED);
	frame_free(virt_to_mfn(p), order, OWNER_KERNEL);
}
