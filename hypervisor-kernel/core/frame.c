/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frame.c - owner and holds of a frame, changed together; lists that run through the frame table.
 */
#include <core/frame.h>
#include <core/lib.h>

struct frame *frame_table;
mfn_t frame_max;

void frame_release(struct frame *f)
{
	BUG_ON(FRAME_HOLDS(__atomic_fetch_sub(&f->state, 1, __ATOMIC_RELEASE)) == 0);
}

int frame_give(struct frame *f, uint16_t from, uint16_t to)
{
	uint64_t old = __atomic_load_n(&f->state, __ATOMIC_ACQUIRE);

	do {
		if (FRAME_OWNER(old) != from)
			return -EPERM;
		if (FRAME_HOLDS(old))
			return -EBUSY;
	} while (!__atomic_compare_exchange_n(&f->state, &old, FRAME_STATE(to, 0), true, __ATOMIC_ACQ_REL,
					      __ATOMIC_ACQUIRE));
	return 0;
}

void frame_list_add(uint32_t *head, mfn_t m)
{
	struct frame *f = &frame_table[m];

	f->prev = FRAME_NIL;
	f->next = *head;
	if (*head != FRAME_NIL)
		frame_table[*head].prev = (uint32_t)m;
	*head = (uint32_t)m;
}

void frame_list_del(uint32_t *head, mfn_t m)
{
	struct frame *f = &frame_table[m];

	if (f->prev == FRAME_NIL)
		*head = f->next;
	else
		frame_table[f->prev].next = f->next;
	if (f->next != FRAME_NIL)
		frame_table[f->next].prev = f->prev;
}
