/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * checks.c - what a kernel built with DEBUG=1 looks after beyond its own assertions: memory that is written after it
 * was freed, what lies behind an object of the kernel, what lies behind an array on the stack, and mappings.
 *
 * The kernel does not know of it: its allocator's functions are wrapped when it is linked (build.mk).
 */
#include <arch/arch.h>
#include <arch/cpu.h>
#include <arch/layout.h>
#include <arch/paging.h>
#include <core/boot.h>
#include <core/domain.h>
#include <core/frame.h>
#include <core/lib.h>

#define POISON 0xfefefefefefefefeull
#define FENCE  0xfdfdfdfdfdfdfdfdull
#define MOST   (1u << 20) /* frames that are looked after: those of 4 GiB */

mfn_t __real_frame_alloc(unsigned order, uint16_t owner);
mfn_t __wrap_frame_alloc(unsigned order, uint16_t owner);
void __real_frame_free(mfn_t m, unsigned order, uint16_t owner);
void __wrap_frame_free(mfn_t m, unsigned order, uint16_t owner);
void *__wrap_kpages_alloc(unsigned order, struct domain *d);
void __wrap_kpages_free(void *p, unsigned order, struct domain *d);
void __real_kmain(void);
void __wrap_kmain(void);
void __stack_chk_fail(void) __attribute__((noreturn));

static uint8_t poisoned[MOST];

static void fill(void *p, uint64_t value, size_t bytes)
{
	for (uint64_t *word = p; (char *)word < (char *)p + bytes; word++)
		*word = value;
}

static void expect(const void *p, uint64_t value, size_t bytes, const char *what)
{
	const uint64_t *word = p;

	for (size_t i = 0; i < bytes / 8; i++)
		if (word[i] != value)
			panic("%s: %lx stands at byte %lx of %p", what, word[i], i * 8, p);
}

mfn_t __wrap_frame_alloc(unsigned order, uint16_t owner)
{
	mfn_t m = __real_frame_alloc(order, owner);

	for (mfn_t i = m; m != INVALID_MFN && i < MIN(m + (1ull << order), (mfn_t)MOST); i++) {
		if (poisoned[i])
			expect(mfn_to_virt(i), POISON, PAGE_SIZE, "a frame was written after it was freed");
		poisoned[i] = 0;
	}
	return m;
}

void __wrap_frame_free(mfn_t m, unsigned order, uint16_t owner)
{
	fill(mfn_to_virt(m), POISON, PAGE_SIZE << order);
	for (mfn_t i = m; i < MIN(m + (1ull << order), (mfn_t)MOST); i++)
		poisoned[i] = 1;
	__real_frame_free(m, order, owner);
}

/* As in frame_alloc.c, but what is asked for is followed by as much that nobody may write.  A domain is charged for
 * both, and may have twice as many. */
void *__wrap_kpages_alloc(unsigned order, struct domain *d)
{
	uint64_t nr = 1ull << order, *charged = d ? &d->kernel_pages : NULL;
	mfn_t m = INVALID_MFN;

	if (!d || __atomic_add_fetch(charged, 2 * nr, __ATOMIC_RELAXED) <= 2 * d->max_kernel_pages)
		m = __wrap_frame_alloc(order + 1, OWNER_KERNEL);
	if (m == INVALID_MFN) {
		if (d)
			__atomic_sub_fetch(charged, 2 * nr, __ATOMIC_RELAXED);
		return NULL;
	}
	memset(mfn_to_virt(m), 0, PAGE_SIZE << order);
	fill(mfn_to_virt(m + nr), FENCE, PAGE_SIZE << order);
	return mfn_to_virt(m);
}

void __wrap_kpages_free(void *p, unsigned order, struct domain *d)
{
	expect((char *)p + (PAGE_SIZE << order), FENCE, PAGE_SIZE << order, "behind a kernel object");
	if (d)
		__atomic_sub_fetch(&d->kernel_pages, 2ull << order, __ATOMIC_RELAXED);
	__wrap_frame_free(virt_to_mfn(p), order + 1, OWNER_KERNEL);
}

/* Nothing is both written and executed, and what is not present names no frame. */
static void table_check(const uint64_t *table, unsigned level, unsigned first, unsigned last)
{
	for (unsigned i = first; i < last; i++) {
		uint64_t e = table[i];

		if (!(e & PTE_P)) {
			if (e)
				panic("entry %u of a table of level %u is not present and not 0: %lx", i, level, e);
		} else if (level == 1 || (e & PTE_PS)) {
			if ((e & PTE_RW) && !(e & PTE_NX))
				panic("entry %u of a table of level %u is written and executed: %lx", i, level, e);
		} else {
			table_check(mfn_to_virt((e & PTE_FRAME) >> PAGE_SHIFT), level - 1, 0, 512);
		}
	}
}

void __wrap_kmain(void)
{
	table_check(boot_l4, 4, 0, 512);
	__real_kmain();
}

/* gcc's -fstack-protector-strong. */
uintptr_t __stack_chk_guard = 0x595e9fbd94fda700;

void __stack_chk_fail(void)
{
	panic("an array on the stack was written beyond its end");
}

void lock_misused(void)
{
	panic("a lock is taken twice, or given back by somebody else");
}
