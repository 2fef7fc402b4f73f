/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uaccess.c - reading and writing the memory of the guest that called.
 *
 * The guest's own translation is used, so a miss is filled like any other and a bad address ends
 * in the exception table, never in the kernel.
 */
#include <arch/arch.h>
#include <core/hypercall.h>
#include <core/lib.h>
#include <core/vcpu.h>

bool guest_range_ok(guest_ptr_t p, size_t len)
{
	guest_ptr_t last = p + len - 1;

	if (p >= HYPER_END && last >= p) /* most of them: the guest kernel's own data */
		return true;
	if (!len)
		return true;
	if (last < p || !canonical(p) || !canonical(last) || (int64_t)(p ^ last) < 0)
		return false;
	return last < HYPER_START || p >= HYPER_END;
}

int copy_from_guest(void *dst, guest_ptr_t src, size_t len)
{
	if (!guest_range_ok(src, len) || uaccess_copy(dst, (const void *)src, len))
		return -EFAULT;
	return 0;
}

int copy_to_guest(guest_ptr_t dst, const void *src, size_t len)
{
	if (!guest_range_ok(dst, len) || uaccess_copy((void *)dst, src, len))
		return -EFAULT;
	return 0;
}

struct extable_entry {
	uint64_t rip, fixup;
};

extern const struct extable_entry _extable[], _extable_end[];

bool extable_fixup(struct regs *r)
{
	for (const struct extable_entry *e = _extable; e < _extable_end; e++) {
		if (e->rip == r->rip) {
			r->rip = e->fixup;
			return true;
		}
	}
	return false;
}

extern const uint64_t _smap_sites[], _smap_sites_end[];

/* Where the CPU has SMAP, the kernel touches guest memory only between STAC and CLAC.  VERW becomes a NOP where
 * it is not needed. */
void smap_init(void)
{
	bool smap = cpuid(7, 0).ebx >> 20 & 1;

	for (const uint64_t *s = _smap_sites; s < _smap_sites_end; s += 2)
		if (s[1] == 2 && !(speculation & SPECULATION_VERW))
			memcpy((void *)s[0], "\x0f\x1f\x80\0\0\0\0", 7);
		else if (s[1] < 2 && smap)
			memcpy((void *)s[0], s[1] ? "\x0f\x01\xcb" : "\x0f\x01\xca", 3);
	write_cr4(read_cr4() | (smap ? X86_CR4_SMAP : 0));
}
