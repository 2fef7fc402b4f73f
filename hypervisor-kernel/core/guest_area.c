/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest_area.c - small structures in guest memory that the kernel writes at any time, whatever
 * address space is loaded: translated once, their frames held.
 */
#include <core/lib.h>
#include <core/vcpu.h>

int guest_area_find(struct vcpu *v, struct guest_area *a, guest_ptr_t va, uint32_t len)
{
	struct guest_area n = { { INVALID_MFN, INVALID_MFN }, (uint32_t)(va & (PAGE_SIZE - 1)), len };
	unsigned pages = n.offset + len <= PAGE_SIZE ? 1 : 2;

	for (unsigned i = 0; i < pages; i++) {
		mfn_t m;

		if (arch_translate(v, va + i * PAGE_SIZE, &m) || frame_of(m) == NULL ||
		    frame_hold(frame_of(m), v->domain->id)) {
			guest_area_drop(&n);
			return -EFAULT;
		}
		n.mfn[i] = m;
	}
	*a = n;
	return 0;
}

void guest_area_write(const struct guest_area *a, const void *data)
{
	uint32_t first = (uint32_t)MIN(a->len, PAGE_SIZE - a->offset);

	if (a->mfn[0] == INVALID_MFN)
		return;
	memcpy((char *)mfn_to_virt(a->mfn[0]) + a->offset, data, first);
	if (a->mfn[1] != INVALID_MFN)
		memcpy(mfn_to_virt(a->mfn[1]), (const char *)data + first, a->len - first);
}

void guest_area_drop(struct guest_area *a)
{
	for (unsigned i = 0; i < 2; i++) {
		if (a->mfn[i] != INVALID_MFN)
			frame_release(frame_of(a->mfn[i]));
		a->mfn[i] = INVALID_MFN;
	}
}
