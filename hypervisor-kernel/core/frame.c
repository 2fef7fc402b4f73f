/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frame.c - owner and holds of a frame, changed together.
 */
#include <core/frame.h>
#include <core/lib.h>

struct frame *frame_table;
mfn_t frame_max;

int frame_hold(struct frame *f, uint16_t owner)
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
