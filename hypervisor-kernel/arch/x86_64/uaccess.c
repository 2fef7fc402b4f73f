/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uaccess.c - reading and writing the memory of the guest that called.
 *
 * The guest's own translation is used, so a miss is filled like any other and a bad address ends
 * in the exception table, never in the kernel.
 */
#include <arch/arch.h>
#include <arch/paging.h>
#include <arch/percpu.h>
#include <core/hypercall.h>
#include <core/lib.h>
#include <core/vcpu.h>

bool guest_range_ok(guest_ptr_t p, size_t len)
{
	guest_ptr_t last = p + len - 1;

	if ((p >= HYPER_END && last >= p) || !len) /* the first: most of them, the guest kernel's own data */
		return true;
	if (last < p || !canonical(p) || !canonical(last) || (int64_t)(p ^ last) < 0)
		return false;
	return last < HYPER_START || p >= HYPER_END;
}

/* p, if it is no address of the kernel's, also ahead of the check. */
static void *guest_only(guest_ptr_t p)
{
	return (void *)(p & ~mask_below(p - HYPER_START, HYPER_END - HYPER_START));
}

int copy_from_guest(void *dst, guest_ptr_t src, size_t len)
{
	return !guest_range_ok(src, len) || uaccess_copy(dst, guest_only(src), len) ? -EFAULT : 0;
}

int copy_to_guest(guest_ptr_t dst, const void *src, size_t len)
{
	return !guest_range_ok(dst, len) || uaccess_copy(guest_only(dst), src, len) ? -EFAULT : 0;
}

/* What the hardware would find for va in the cached tables with this root, RW as all levels have it; 0: nothing. */
static uint64_t leaf_cached(uint64_t cr3, uint64_t va)
{
	uint64_t e = cr3, rw = PTE_RW;

	for (unsigned level = 4; e && level > 0; level--) {
		e = READ_ONCE(((const uint64_t *)mfn_to_virt(pte_mfn(e)))[pt_index(va, level)]);
		rw &= e;
		if (e & PTE_PS)
			return (e & (rw | ~PTE_RW)) + (va & 0x1ff000);
	}
	return e & (rw | ~PTE_RW);
}

/* A kernel that hides has no guest's root loaded, so it looks into the tables itself.  Whoever takes a frame away
 * passes the lock before anybody else gets it. */
int copy_hidden(guest_ptr_t va, void *kernel, size_t len, bool write)
{
	struct vcpu *v = this_cpu()->current;
	char *p = kernel;

	while (len) {
		size_t n = MIN(len, PAGE_SIZE - va % PAGE_SIZE);
		uint64_t leaf, error = write ? PF_WRITE : 0;
		bool hit, ok;

		spin_lock(&v->domain->tlb.lock);
		leaf = leaf_cached(v->arch.cr3[v->arch.kernel_mode], va);
		hit = leaf & (write ? PTE_RW : PTE_P);
		ok = hit && frame_of(pte_mfn(leaf)); /* no device */
		if (ok) {
			char *at = (char *)mfn_to_virt(pte_mfn(leaf)) + va % PAGE_SIZE;

			memcpy(write ? at : p, write ? p : at, n);
			va += n;
			p += n;
			len -= n;
		}
		spin_unlock(&v->domain->tlb.lock);
		if (!ok && (hit || !tlb_fill(v, va, &error)))
			return 1;
	}
	return 0;
}

/* entry.S: in place of uaccess_copy(). */
int uaccess_hidden(void *dst, const void *src, size_t len)
{
	bool write = !slot_is_hypervisor(pt_index((uint64_t)dst, 4));

	return copy_hidden((guest_ptr_t)(write ? dst : src), (void *)(uintptr_t)(write ? src : dst), len, write);
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

extern const uint64_t _patch_sites[], _patch_sites_end[];

/* Where the CPU has SMAP, the kernel touches guest memory only between STAC and CLAC.  VERW becomes a NOP where
 * it is not needed, and so does the count of flushes where a crossing is none.  Where the kernel hides, it goes other
 * ways. */
void patch_init(void)
{
	bool smap = cpuid(7, 0).ebx >> 20 & 1;

	if (cpuid(1, 0).ecx >> 17 & cpuid(7, 0).ebx >> 10 & 1 && !(speculation & SPECULATION_HIDDEN))
		for (unsigned mode = 0; mode < 2; mode++)
			pcid_bits[mode] = 1ull << 63 | PCID(mode);
	if (pcid_bits[0])
		printk("guise: PCIDs keep the translations of both modes\n");
	for (const uint64_t *s = _patch_sites; s < _patch_sites_end; s += 2)
		if (s[1] > 3 && speculation & SPECULATION_HIDDEN) {
			uint64_t jmp = 0xe9 | (s[1] - s[0] - 5) << 8;

			memcpy((void *)s[0], &jmp, 5);
		} else if (s[1] == 2 && !(speculation & SPECULATION_VERW))
			memcpy((void *)s[0], "\x0f\x1f\x80\0\0\0\0", 7);
		else if (s[1] == 3 && pcid_bits[0])
			memcpy((void *)s[0], "\x66\x0f\x1f\x84\0\0\0\0\0", 9);
		else if (s[1] < 2 && smap)
			memcpy((void *)s[0], s[1] ? "\x0f\x01\xcb" : "\x0f\x01\xca", 3);
	write_cr4(read_cr4() | (smap ? X86_CR4_SMAP : 0) | (pcid_bits[0] ? X86_CR4_PCIDE : 0));
}
