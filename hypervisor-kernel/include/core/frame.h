/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frame.h - whose page of RAM it is, and who else holds on to it.
 *
 * A frame has one owner and one count, in one word so that nobody sees half a change:
 *	holds	outside uses: grant mappings, DMA, copies under way
 * It changes owner only at holds == 0, and only after every cached translation that names it was
 * dropped and flushed.
 */
#pragma once

#include <core/spinlock.h>

struct domain;

#define OWNER_FREE   0xffff
#define OWNER_KERNEL 0xfffe
#define OWNER_NONE   0xfffd /* not RAM, or RAM the firmware keeps	*/

#define FRAME_TABLE  1 /* the owner last used it as a table of leaves: a direct write to it is unsynced	*/
#define FRAME_SHARED 2 /* made by the kernel for its owner (shared info, grant table): never leaves	*/
#define FRAME_PINNED 4 /* the owner pinned it; bookkeeping only					*/

struct frame {
	uint64_t state;	     /* owner:16 | holds:48, atomic				*/
	uint32_t cached;     /* node + 1 of the owner's software TLB, 0 = none; tlb.lock	*/
	uint8_t flags;	     /* FRAME_*; tlb.lock of the owner				*/
	uint8_t order;	     /* of a free block, else 0; allocator lock			*/
	uint32_t next, prev; /* mfn; list of the owner (domain.lock) or of free blocks	*/
};

extern struct frame *frame_table; /* indexed by machine frame number		*/
extern mfn_t frame_max;		  /* first frame number that is not in the table	*/

#define FRAME_OWNER(s)	  ((uint16_t)((s) >> 48))
#define FRAME_HOLDS(s)	  ((s)&0xffffffffffffull)
#define FRAME_STATE(o, h) ((uint64_t)(o) << 48 | (h))
#define FRAME_HOLDS_MAX	  0xffffffffffffull
#define FRAME_NIL	  0xffffffffu

static inline struct frame *frame_of(mfn_t m)
{
	return m < frame_max ? &frame_table[m] : NULL;
}

static inline uint16_t frame_owner(const struct frame *f)
{
	return FRAME_OWNER(__atomic_load_n(&f->state, __ATOMIC_ACQUIRE));
}

/* Is m a RAM frame that the domain owns?  The question behind every cached translation. */
static inline bool frame_owned_by(mfn_t m, uint16_t domid)
{
	return m < frame_max && frame_owner(&frame_table[m]) == domid;
}

/* The same for a frame that is read then, and what it says followed: m, or 0, which is no domain's, also ahead of checks. */
static inline mfn_t frame_if_owned(mfn_t m, uint16_t domid)
{
	return m < frame_max ? m & mask_below(frame_owner(&frame_table[m]) ^ domid, 1) : 0;
}

/* Count one outside use.  -EPERM: not owner's; -EOVERFLOW. */
static inline int frame_hold(struct frame *f, uint16_t owner)
{
	uint64_t old = __atomic_load_n(&f->state, __ATOMIC_ACQUIRE);

	do {
		if (FRAME_OWNER(old) != owner)
			return -EPERM;
		if (FRAME_HOLDS(old) == FRAME_HOLDS_MAX)
			return -EOVERFLOW;
	} while (!__atomic_compare_exchange_n(&f->state, &old, old + 1, true, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	return 0;
}

void frame_release(struct frame *f);
/* Change the owner.  -EPERM: not from's; -EBUSY: held.  The caller dropped cached translations. */
int frame_give(struct frame *f, uint16_t from, uint16_t to);

/* Enter m into a list whose head (FRAME_NIL: empty) is the caller's, under a lock of the caller's; take it out. */
void frame_list_add(uint32_t *head, mfn_t m);
void frame_list_del(uint32_t *head, mfn_t m);

/* The allocator: blocks of 2^order frames.  The frames belong to owner; contents are undefined.
 * INVALID_MFN when there is none. */
#define FRAME_MAX_ORDER 10
mfn_t frame_alloc(unsigned order, uint16_t owner);
/* Give a block back; every frame must be owned by owner with no holds (BUG otherwise). */
void frame_free(mfn_t m, unsigned order, uint16_t owner);
uint64_t frame_free_count(void);

/* Of the smallest block that has room for so many bytes. */
static inline unsigned order_of(uint64_t bytes)
{
	unsigned order = 0;

	while (PAGE_SIZE << order < bytes)
		order++;
	return order;
}

/* Add RAM to the allocator at boot: frames [first, last). */
void frame_add_ram(mfn_t first, mfn_t last);

/* Zeroed kernel pages, as an address in the direct map; charged to d's kernel memory quota when d is
 * not NULL.  NULL: none left, or over quota. */
void *kpages_alloc(unsigned order, struct domain *d);
void kpages_free(void *p, unsigned order, struct domain *d); /* or NULL */
