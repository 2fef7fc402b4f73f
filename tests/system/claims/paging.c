/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * paging.c - what a domain's tables say is what it gets: by mmu_update, update_va_mapping, mmuext and
 * direct writes; and never more than its own frames.
 */
#include <runtime/event.h>
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/start.h>
#include <runtime/string.h>

#include "claim.h"
#include "peer.h"
#include "pt.h"
#include "trap.h"

#define SLOT_VA (1ull << 39) /* top slot 1: nothing is there until a claim puts tables there */
#define MB2	(2ull << 20)

static void store(uint64_t va, uint64_t value)
{
	*(volatile uint64_t *)va = value;
}

/* Tables for top slot 1: the second level, whose 512 entries cover 1 GiB from SLOT_VA. */
static uint64_t *slot_tables(void)
{
	uint64_t *l3 = pt_page(), *l2 = pt_page();

	pt_fill(l3, 0, page_machine(l2) | PTE_DATA);
	pt_fill((uint64_t *)start->pt_base, 1, page_machine(l3) | PTE_DATA);
	return l2;
}

TEST("an entry made by mmu_update works at once, and one changed works after INVLPG", .paging = BOTH)
{
	uint64_t va = pt_space(), *entry = pt_entry(va, 1);

	expect(!can_read(va, NULL));
	expect_eq(pt_update(entry, page_machine(page_marked(11)) | PTE_DATA), 0);
	expect_eq(word_at(va), 11);
	expect_eq(pt_update(entry, page_machine(page_marked(12)) | PTE_DATA), 0);
	mmuext(MMUEXT_INVLPG_LOCAL, va, 0);
	expect_eq(word_at(va), 12);
	expect_eq(pt_update(entry, 0), 0);
	mmuext(MMUEXT_INVLPG_LOCAL, va, 0);
	expect(!can_read(va, NULL));
}

TEST("each flush operation makes a changed entry count", .paging = BOTH)
{
	static const unsigned cmd[] = { MMUEXT_TLB_FLUSH_LOCAL, MMUEXT_TLB_FLUSH_ALL, MMUEXT_TLB_FLUSH_MULTI,
					MMUEXT_INVLPG_LOCAL,	MMUEXT_INVLPG_ALL,    MMUEXT_INVLPG_MULTI };
	uint64_t va = pt_space(), mask = 1, *page[2] = { page_marked(1), page_marked(2) };

	pt_set(va, page_machine(page[1]) | PTE_DATA);
	for (unsigned i = 0; i < 6; i++) {
		expect_eq(word_at(va), i % 2 ? 1 : 2);
		if (stock)
			pt_update(pt_entry(va, 1), page_machine(page[i % 2]) | PTE_DATA);
		else
			*(volatile uint64_t *)pt_entry(va, 1) = page_machine(page[i % 2]) | PTE_DATA;
		expect_eq(mmuext(cmd[i], va, (uint64_t)&mask), 0);
		expect_eq(word_at(va), i % 2 + 1);
	}
	expect_eq(mmuext(MMUEXT_TLB_FLUSH_MULTI, 0, 0), -XEN_EFAULT);
	expect_eq(mmuext(MMUEXT_INVLPG_MULTI, va, 0xffff808000000000), -XEN_EFAULT);
	expect_eq(mmuext(MMUEXT_INVLPG_LOCAL, 0x8000000000000000, 0), 0);
	expect_eq(mmuext(MMUEXT_INVLPG_LOCAL, 0xffff808000000000, 0), 0);
}

TEST("update_va_mapping writes the entry, and flushes as it is told", .paging = BOTH)
{
	uint64_t va = pt_space(), *a = page_marked(21), *b = page_marked(22);

	expect_eq(hypercall(__HYPERVISOR_update_va_mapping, va, page_machine(a) | PTE_DATA, UVMF_NONE, 0, 0), 0);
	expect_eq(*pt_entry(va, 1), page_machine(a) | PTE_DATA);
	expect_eq(word_at(va), 21);
	expect_eq(hypercall(__HYPERVISOR_update_va_mapping, va, page_machine(b) | PTE_DATA, UVMF_INVLPG, 0, 0), 0);
	expect_eq(word_at(va), 22);
	expect_eq(hypercall(__HYPERVISOR_update_va_mapping, va, page_machine(a) | PTE_DATA, UVMF_TLB_FLUSH, 0, 0), 0);
	expect_eq(word_at(va), 21);
	expect_eq(
		hypercall(__HYPERVISOR_update_va_mapping, va, page_machine(b) | PTE_DATA, UVMF_INVLPG | UVMF_ALL, 0, 0),
		0);
	expect_eq(word_at(va), 22);
	expect_eq(hypercall(__HYPERVISOR_update_va_mapping, va, 0, UVMF_INVLPG, 0, 0), 0);
	expect(!can_read(va, NULL));
}

TEST("update_va_mapping with a bad address, flag or frame changes nothing", .paging = BOTH)
{
	uint64_t va = pt_space(), pte = page_machine(page_marked(1)) | PTE_DATA;

	expect_eq(hypercall(__HYPERVISOR_update_va_mapping, 0x8000000000000000, pte, 0, 0, 0), -XEN_EINVAL);
	expect_eq(hypercall(__HYPERVISOR_update_va_mapping, 0xffff808000000000, pte, 0, 0, 0), -XEN_EINVAL);
	expect_eq(hypercall(__HYPERVISOR_update_va_mapping, 0xffff800000000000, pte, 0, 0, 0), -XEN_EINVAL);
	expect_eq(hypercall(__HYPERVISOR_update_va_mapping, SLOT_VA, pte, 0, 0, 0), -XEN_EINVAL);
	expect_eq(hypercall(__HYPERVISOR_update_va_mapping, va, pte, 3, 0, 0), -XEN_EINVAL);
	expect_eq(*pt_entry(va, 1), 0);
	expect_eq(hypercall(__HYPERVISOR_update_va_mapping, va, 0x1000 | PTE_DATA, 0, 0, 0), -XEN_EPERM);
	expect_eq(*pt_entry(va, 1), 0);
	expect(!can_read(va, NULL));
}

TEST("mmu_update refuses unknown types, foreign tables and foreign domains", .paging = BOTH)
{
	uint64_t va = pt_space(), entry = pt_machine(pt_entry(va, 1));
	mmu_update_t u = { entry, 0 };

	for (unsigned type = 3; type < 8; type++)
		expect_eq(mmu_update(entry | type, page_machine(page_marked(1)) | PTE_DATA), -XEN_ENOSYS);
	expect_eq(*pt_entry(va, 1), 0);
	expect_eq(mmu_update(0x1000, 0), -XEN_EPERM);
	expect_eq(mmu_update((max_mfn() + 1) << PAGE_SHIFT, 0), -XEN_EPERM);
	expect_eq(mmu_update(~7ull, 0), -XEN_EPERM);
	expect_eq(mmu_update(1ull << 52 | entry, 0), -XEN_EPERM);
	expect_eq(hypercall(__HYPERVISOR_mmu_update, (uint64_t)&u, 1, 0, 0, 0), -XEN_EPERM);
	expect_eq(hypercall(__HYPERVISOR_mmu_update, (uint64_t)&u, 1, 0, DOMID_IO, 0), -XEN_EPERM);
	expect_eq(hypercall(__HYPERVISOR_mmu_update, (uint64_t)&u, 1, 0, DOMID_CLAIM, 0), 0);
	expect_eq(hypercall(__HYPERVISOR_mmu_update, va, 1, 0, DOMID_SELF, 0), -XEN_EFAULT);
	expect_eq(hypercall(__HYPERVISOR_mmu_update, 0xffff808000000000, 1, 0, DOMID_SELF, 0), -XEN_EFAULT);
	expect_eq(hypercall(__HYPERVISOR_mmu_update, (uint64_t)&u, 1, va, DOMID_SELF, 0), -XEN_EFAULT);
	expect_eq(hypercall(__HYPERVISOR_mmu_update, va, 0, 0, DOMID_SELF, 0), 0);
}

TEST("mmu_update stops at the first bad request and says how many were done", .paging = BOTH)
{
	uint64_t va[4];
	mmu_update_t u[4];
	uint32_t done = 77;

	for (unsigned i = 0; i < 4; i++) {
		va[i] = pt_space();
		u[i] = (mmu_update_t){ pt_machine(pt_entry(va[i], 1)), page_machine(page_marked(i + 1)) | PTE_DATA };
	}
	u[2].ptr = 0x1000;
	expect_eq(hypercall(__HYPERVISOR_mmu_update, (uint64_t)u, 4, (uint64_t)&done, DOMID_SELF, 0), -XEN_EPERM);
	expect_eq(done, 2);
	expect_eq(word_at(va[0]), 1);
	expect_eq(word_at(va[1]), 2);
	expect(!can_read(va[3], NULL));
}

TEST("a long mmu_update is done to its end and counted whole, whatever interrupts it", .paging = BOTH, .pages = 900)
{
	struct vcpu_set_singleshot_timer t;
	uint32_t count = 4096, done = 0;
	mmu_update_t *u = page_alloc(count * sizeof(*u) / PAGE_SIZE);
	uint64_t va = pt_space(), entry = pt_machine(pt_entry(va, 1)), *page[2] = { page_marked(1), page_marked(2) };

	expect(u);
	for (uint32_t i = 0; i < count; i++)
		u[i] = (mmu_update_t){ entry, page_machine(page[i % 2]) | PTE_DATA };
	for (unsigned round = 0; round < 20; round++) {
		done = 0;
		t = (struct vcpu_set_singleshot_timer){ .timeout_abs_ns = time_ns() + 30000 * round };
		hc_vcpu(VCPUOP_set_singleshot_timer, 0, &t);
		expect_eq(hypercall(__HYPERVISOR_mmu_update, (uint64_t)u, count, (uint64_t)&done, DOMID_SELF, 0), 0);
		expect_eq(done, count);
		pt_flush();
		expect_eq(word_at(va), 2);
	}
}

TEST("a long mmuext_op is done to its end and counted whole, whatever interrupts it", .paging = BOTH)
{
	struct vcpu_set_singleshot_timer t;
	uint32_t count = 500, done = 0;
	struct mmuext_op *op = page_alloc(4);

	for (uint32_t i = 0; i < count; i++)
		op[i].cmd = MMUEXT_TLB_FLUSH_LOCAL;
	for (unsigned round = 0; round < 5; round++) {
		done = 0;
		t = (struct vcpu_set_singleshot_timer){ .timeout_abs_ns = time_ns() + 200000 * round };
		hc_vcpu(VCPUOP_set_singleshot_timer, 0, &t);
		expect_eq(hypercall(__HYPERVISOR_mmuext_op, (uint64_t)op, count, (uint64_t)&done, DOMID_SELF, 0), 0);
		expect_eq(done, count);
	}
}

TEST("MMU_PT_UPDATE_PRESERVE_AD keeps accessed and dirty, the normal update does not", .paging = BOTH)
{
	uint64_t va = pt_space(), *entry = pt_entry(va, 1), bare = page_machine(page_marked(1)) | PTE_P | PTE_U;

	pt_set(va, bare | PTE_RW | PTE_A | PTE_D);
	expect_eq(mmu_update(pt_machine(entry) | MMU_PT_UPDATE_PRESERVE_AD, bare), 0);
	expect_eq(*entry, bare | PTE_A | PTE_D);
	expect_eq(mmu_update(pt_machine(entry) | MMU_NORMAL_PT_UPDATE, bare), 0);
	expect_eq(*entry, bare);
}

TEST("a read sets accessed, a write sets dirty, nothing else does", .paging = BOTH)
{
	volatile uint64_t *entry;
	uint64_t va = pt_space(), bare = page_machine(page_marked(1)) | PTE_P | PTE_RW | PTE_U;

	entry = pt_entry(va, 1);
	pt_set(va, bare);
	expect_eq(*entry, bare);
	word_at(va);
	expect_eq(*entry, bare | PTE_A);
	store(va, 1);
	expect_eq(*entry, bare | PTE_A | PTE_D);
	/* The kernel's own accesses on the guest's behalf are accesses. */
	pt_set(va, bare);
	expect_eq(hypercall(__HYPERVISOR_set_trap_table, va, 0, 0, 0, 0), -XEN_EFAULT); /* no end in this page */
	expect_eq(*entry & (PTE_A | PTE_D), PTE_A);
	pt_set(va, bare);
	expect_eq(hc_vcpu(VCPUOP_get_runstate_info, 0, (void *)va), 0);
	expect_eq(*entry & (PTE_A | PTE_D), PTE_A | PTE_D);
}

TEST("an upper entry without write permission or with NX holds for all below it", .paging = BOTH)
{
	uint64_t *l2 = slot_tables(), *l1 = pt_page(), *page = page_marked(5);

	memset(page, 0xc3, PAGE_SIZE); /* RET */
	pt_fill(l1, 0, page_machine(page) | PTE_DATA);
	expect_eq(pt_update(&l2[0], page_machine(l1) | PTE_DATA), 0);
	expect(can_read(SLOT_VA, NULL) && can_write(SLOT_VA + 64, 1) && can_run(SLOT_VA));
	expect_eq(pt_update(&l2[0], page_machine(l1) | PTE_P | PTE_U | PTE_A), 0);
	pt_flush();
	expect(can_read(SLOT_VA, NULL) && can_run(SLOT_VA));
	expect(!can_write(SLOT_VA + 64, 1));
	expect_eq(trapped.error, PF_PRESENT | PF_WRITE);
	expect_eq(pt_update(&l2[0], page_machine(l1) | PTE_DATA | PTE_NX), 0);
	pt_flush();
	expect(can_read(SLOT_VA, NULL) && can_write(SLOT_VA + 64, 1));
	expect(!can_run(SLOT_VA) && (trapped.error & PF_FETCH));
	expect_eq(pt_update(&l2[0], 0), 0);
	pt_flush();
	expect(!can_read(SLOT_VA, NULL));
}

TEST("an upper entry that changes from one table to another takes its range along", .paging = BOTH)
{
	uint64_t *l2 = slot_tables(), *a = pt_page(), *b = pt_page();

	pt_fill(a, 3, page_machine(page_marked(31)) | PTE_DATA);
	pt_fill(b, 3, page_machine(page_marked(32)) | PTE_DATA);
	for (unsigned i = 0; i < 4; i++) {
		expect_eq(pt_update(&l2[7], page_machine(i % 2 ? b : a) | PTE_DATA), 0);
		pt_flush();
		expect_eq(word_at(SLOT_VA + 7 * MB2 + 3 * PAGE_SIZE), i % 2 ? 32 : 31);
	}
}

TEST("a table that hangs at two places shows its changes at both", .paging = BOTH)
{
	uint64_t *l2 = slot_tables(), *l1 = pt_page();

	pt_fill(l2, 1, page_machine(l1) | PTE_DATA);
	pt_fill(l2, 2, page_machine(l1) | PTE_DATA);
	for (uint64_t i = 40; i < 44; i++) {
		expect_eq(pt_update(&l1[9], page_machine(page_marked(i)) | PTE_DATA), 0);
		pt_flush();
		expect_eq(word_at(SLOT_VA + MB2 + 9 * PAGE_SIZE), i);
		expect_eq(word_at(SLOT_VA + 2 * MB2 + 9 * PAGE_SIZE), i);
	}
}

TEST("a large-page entry is a fault, not a large page", .paging = BOTH)
{
	uint64_t *l2 = slot_tables(), *l1 = pt_page();

	pt_fill(l1, 0, page_machine(page_marked(1)) | PTE_DATA);
	expect_eq(pt_update(&l2[0], page_machine(l1) | PTE_DATA | PTE_PS), 0);
	expect(!can_read(SLOT_VA, NULL) && trapped.vector == TRAP_PF);
	expect_eq(pt_update(&l2[0], PTE_DATA | PTE_PS), 0);
	expect(!can_read(SLOT_VA + 0x100000, NULL) && trapped.vector == TRAP_PF);
}

TEST("more tables than the software TLB holds are all seen right", .paging = BOTH, .pages = 600)
{
	uint64_t *l2 = slot_tables(), *page[8];
	unsigned nr = 140;

	for (unsigned i = 0; i < 8; i++)
		page[i] = page_marked(100 + i);
	for (unsigned i = 0; i < nr; i++) {
		uint64_t *l1 = pt_page();

		pt_fill(l1, i, page_machine(page[i % 8]) | PTE_DATA);
		pt_fill(l2, i, page_machine(l1) | PTE_DATA);
	}
	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 0; i < nr; i++) {
			unsigned k = (i * 37 + round) % nr;

			expect_eq(word_at(SLOT_VA + k * MB2 + k * PAGE_SIZE), 100 + k % 8);
			expect(!can_read(SLOT_VA + k * MB2 + (k + 1) * PAGE_SIZE, NULL));
		}
}

TEST("many roots, each loaded in turn, are all seen right", .paging = BOTH, .pages = 800)
{
	uint64_t *root[60], va = 3ull << 39;

	for (unsigned i = 0; i < 60; i++) {
		uint64_t *l3 = pt_page(), *l2 = pt_page(), *l1 = pt_page();

		root[i] = pt_page();
		pt_fill(l1, 0, page_machine(page_marked(1000 + i)) | PTE_DATA);
		pt_fill(l2, 0, page_machine(l1) | PTE_DATA);
		pt_fill(l3, 0, page_machine(l2) | PTE_DATA);
		pt_fill(root[i], 0, *pt_entry(0, 4));
		pt_fill(root[i], 3, page_machine(l3) | PTE_DATA);
	}
	for (unsigned i = 0; i < 200; i++) {
		unsigned k = i * 23 % 60;

		expect_eq(mmuext(MMUEXT_NEW_BASEPTR, virt_to_mfn(root[k]), 0), 0);
		expect_eq(word_at(va), 1000 + k);
	}
}

TEST("the hypervisor's slots of a top table mean nothing", .paging = BOTH)
{
	uint64_t *l4 = (uint64_t *)start->pt_base, *l3 = pt_page(), own = virt_to_mfn(l3);

	for (unsigned slot = 256; slot < 272; slot++)
		expect_eq(pt_update(&l4[slot], page_machine(l3) | PTE_DATA), 0);
	pt_flush();
	expect_eq(m2p(own), virt_to_gfn(l3));
	for (uint64_t slot = 257; slot < 272; slot++)
		expect(!can_read(0xffff000000000000 | slot << 39, NULL));
	expect_eq(mmuext(MMUEXT_NEW_BASEPTR, virt_to_mfn(l4), 0), 0);
	expect_eq(m2p(own), virt_to_gfn(l3));
	for (uint64_t slot = 257; slot < 272; slot++)
		expect(!can_read(0xffff000000000000 | slot << 39, NULL));
}

TEST("machine-to-physical tells the domain's own frames, and cannot be written", .paging = BOTH)
{
	const uint64_t *list = (const uint64_t *)start->mfn_list;
	uint64_t va = 0xffff800000000000;

	for (uint64_t g = 0; g < start->nr_pages; g++)
		expect_eq(m2p(list[g]), g);
	expect(!can_write(va, 0));
	expect(!can_write(va + list[0] * 8, 0));
	expect(!can_run(va));
	expect(!can_read(0xffff807ffffff000, NULL));
	expect_eq(mmu_update(list[9] << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, 12345), 0);
	expect_eq(m2p(list[9]), 12345);
	expect_eq(mmu_update(0x1000 | MMU_MACHPHYS_UPDATE, 1), -XEN_EPERM);
	expect_eq(mmu_update((max_mfn() + 1) << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, 1), -XEN_EPERM);
}

/* ---- frames of others ---- */

TEST("no frame of the machine but its own can be mapped by update_va_mapping", .paging = BOTH, .watched = 1)
{
	uint64_t va = pt_space();

	for (uint64_t m = 0; m < max_mfn() + 64; m++) {
		long rc = hypercall(__HYPERVISOR_update_va_mapping, va, m << PAGE_SHIFT | PTE_DATA, UVMF_INVLPG, 0, 0);

		if (rc == 0 ? !is_own(m) && !is_lent(m) : is_own(m) || rc != -XEN_EPERM)
			fails(__FILE__, __LINE__, "frame 0x%lx: %ld", m, rc);
	}
}

TEST("an entry that names any frame but its own can be written, not used", .paging = BOTH, .watched = 1)
{
	uint64_t va = pt_space(), *entry = pt_entry(va, 1);

	for (uint64_t m = 0; m < max_mfn() + 64; m++) {
		if (is_own(m))
			continue;
		pt_set(va, m << PAGE_SHIFT | PTE_DATA);
		expect_eq(*entry, m << PAGE_SHIFT | PTE_DATA);
		if (can_write(va, 0xbad) && !is_lent(m))
			fails(__FILE__, __LINE__, "frame 0x%lx can be written", m);
	}
}

TEST("no frame of a device can be mapped", .paging = BOTH)
{
	static const uint64_t mfn[] = { 0xa0,	 0xb8,	   0xc0,      0xf0,	  0xfec00,	    0xfed00,
					0xfee00, 0xfed1c,  0xb0000,   0xffc00,	  0xfffff,	    0xe0000,
					0xfebff, 0x100000, 0x1000000, 1ull << 28, (1ull << 28) - 1, (1ull << 40) - 1 };
	uint64_t va = pt_space();

	for (unsigned i = 0; i < sizeof(mfn) / sizeof(mfn[0]); i++) {
		expect_eq(hc_update_va_mapping(va, mfn[i] << PAGE_SHIFT | PTE_DATA), -XEN_EPERM);
		pt_set(va, mfn[i] << PAGE_SHIFT | PTE_DATA);
		expect(!can_read(va, NULL) && trapped.vector == TRAP_PF);
		expect(!can_write(va, 0) && trapped.vector == TRAP_PF);
	}
}

TEST("no frame of others serves as a table, at any level", .paging = BOTH, .watched = 1, .seconds = 60)
{
	uint64_t *l2 = slot_tables(), *l3 = pt_table(SLOT_VA, 3), *l4 = pt_table(SLOT_VA, 4);
	uint64_t *entry[3] = { &l2[5], &l3[5], &l4[5] }, value;
	uint64_t va[3] = { SLOT_VA + 5 * MB2, SLOT_VA + 5 * 512 * MB2, 5ull << 39 };

	for (uint64_t m = 0; m < max_mfn() + 16; m++) {
		if (is_own(m) || is_lent(m))
			continue;
		for (unsigned i = 0; i < 3; i++) {
			expect_eq(pt_update(entry[i], m << PAGE_SHIFT | PTE_DATA), 0);
			pt_flush();
			if (can_read(va[i] + (m & 511) * PAGE_SIZE, &value))
				fails(__FILE__, __LINE__, "level %u through frame 0x%lx gives 0x%lx", i + 2, m, value);
			expect_eq(pt_update(entry[i], 0), 0);
		}
		m += random64() % 200; /* a sample: each frame was tried as a leaf elsewhere */
	}
}

TEST("a table that stands in another domain's memory is neither walked nor marked", .paging = BOTH, .peer = 1)
{
	uint64_t mfn, there = peer_page(&mfn), *page = page_marked(7), *l2 = slot_tables(), *l3 = pt_table(SLOT_VA, 3);
	uint64_t *l4 = pt_table(SLOT_VA, 4), leaf = page_machine(page) | PTE_P | PTE_RW | PTE_U, *l1 = pt_page();

	/* As a leaf table, then as each level above, naming only frames of our own. */
	peer_poke(there, leaf, NULL);
	expect_eq(pt_update(&l2[5], mfn << PAGE_SHIFT | PTE_DATA), 0);
	expect(!can_read(SLOT_VA + 5 * MB2, NULL));
	expect(!can_write(SLOT_VA + 5 * MB2, 0));
	expect_eq(peer_peek(there, NULL), leaf);
	pt_fill(l1, 0, leaf);
	peer_poke(there, page_machine(l1) | PTE_DATA, NULL);
	expect_eq(pt_update(&l3[5], mfn << PAGE_SHIFT | PTE_DATA), 0);
	expect(!can_read(SLOT_VA + 5 * 512 * MB2, NULL));
	peer_poke(there, page_machine(l2) | PTE_DATA, NULL);
	expect_eq(pt_update(&l2[0], page_machine(l1) | PTE_DATA), 0);
	expect_eq(pt_update(&l4[5], mfn << PAGE_SHIFT | PTE_DATA), 0);
	expect(!can_read(5ull << 39, NULL));
	expect(can_read(SLOT_VA, NULL)); /* the same tables, found by an own way */
}

/* ---- odd tables ---- */

TEST("a top table that contains itself is usable and harmless", .paging = BOTH, .watched = 1)
{
	uint64_t *l4 = (uint64_t *)start->pt_base, base = 0x10ull << 39, value;
	uint64_t self = base | 0x10ull << 30 | 0x10ull << 21 | 0x10ull << 12;

	expect_eq(pt_update(&l4[0x10], page_machine(l4) | PTE_P | PTE_U | PTE_A), 0);
	for (unsigned i = 0; i < 3; i++) {
		if (can_read(self + 8 * 0x10, &value))
			expect_eq(value & PTE_FRAME, page_machine(l4));
		expect(!can_write(self, 0));
		pt_flush();
	}
	expect_eq(pt_update(&l4[0x10], 0), 0);
	pt_flush();
	expect(!can_read(self, NULL));
	pt_set(pt_space(), page_machine(page_marked(1)) | PTE_DATA);
}

TEST("one frame used as a table at every level at once is harmless", .paging = BOTH, .watched = 1)
{
	uint64_t *t = pt_page(), *l4 = (uint64_t *)start->pt_base, value;

	for (unsigned i = 0; i < 512; i++)
		pt_fill(t, i, page_machine(t) | PTE_P | PTE_U | PTE_A);
	expect_eq(pt_update(&l4[1], page_machine(t) | PTE_DATA), 0);
	for (unsigned i = 0; i < 300; i++) {
		uint64_t va = SLOT_VA + (random64() & (SLOT_VA - 1) & ~7ull);

		if (can_read(va, &value))
			expect_eq(value & PTE_FRAME, page_machine(t));
		expect(!can_write(va, 0));
		if (i % 5 == 0)
			pt_flush();
	}
	expect_eq(pt_update(&l4[1], 0), 0);
	pt_flush();
	expect(!can_read(SLOT_VA, NULL));
}

TEST("a live table that the domain maps writable harms nobody", .paging = BOTH, .watched = 1)
{
	uint64_t *l2 = slot_tables(), *l1 = pt_page(), va = pt_space(), m;

	pt_fill(l2, 0, page_machine(l1) | PTE_DATA);
	pt_set(va, page_machine(l1) | PTE_DATA);
	for (m = 0; m < max_mfn(); m += 61) {
		((volatile uint64_t *)va)[m % 512] = m << PAGE_SHIFT | PTE_DATA;
		if (!is_own(m) && !is_lent(m) && can_write(SLOT_VA + m % 512 * PAGE_SIZE, 0xbad))
			fails(__FILE__, __LINE__, "frame 0x%lx was written", m);
		((volatile uint64_t *)va)[m % 512] = 0;
	}
}

TEST("a root that maps nothing stops the domain", .paging = BOTH, .dies = "no stack", .watched = 1)
{
	mmuext(MMUEXT_NEW_BASEPTR, virt_to_mfn(pt_page()), 0);
}

TEST("a root whose entries are garbage stops the domain", .paging = BOTH, .dies = "no stack", .watched = 1)
{
	uint64_t *root = page_alloc(1);

	for (unsigned i = 0; i < 512; i++)
		root[i] = random64() | PTE_P;
	mmuext(MMUEXT_NEW_BASEPTR, virt_to_mfn(root), 0);
}

TEST("a frame of others is refused as a root", .paging = BOTH)
{
	static const uint64_t mfn[] = { 0, 1, 0x100, 0xfee00, ~0ull, 1ull << 40 };

	for (unsigned i = 0; i < 6; i++) {
		expect_eq(mmuext(MMUEXT_NEW_BASEPTR, mfn[i], 0), -XEN_EPERM);
		if (mfn[i])
			expect_eq(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn[i], 0), -XEN_EPERM);
	}
	expect_eq(mmuext(MMUEXT_NEW_USER_BASEPTR, 0, 0), 0);
	expect_eq(mmuext(MMUEXT_NEW_BASEPTR, virt_to_mfn((void *)start->pt_base), 0), 0);
	expect_eq(mmuext(MMUEXT_NEW_USER_BASEPTR, virt_to_mfn((void *)start->pt_base), 0), 0);
}

TEST("a frame is pinned once and unpinned once, and only an own one", .paging = BOTH)
{
	uint64_t m = virt_to_mfn(pt_page()), root = virt_to_mfn((void *)start->pt_base);

	for (unsigned cmd = MMUEXT_PIN_L1_TABLE; cmd <= MMUEXT_PIN_L4_TABLE; cmd++) {
		expect_eq(mmuext(cmd, m, 0), 0);
		expect_eq(mmuext(cmd, m, 0), -XEN_EINVAL);
		expect_eq(mmuext(MMUEXT_UNPIN_TABLE, m, 0), 0);
		expect_eq(mmuext(MMUEXT_UNPIN_TABLE, m, 0), -XEN_EINVAL);
		expect_eq(mmuext(cmd, 0, 0), -XEN_EPERM);
		expect_eq(mmuext(cmd, max_mfn() + 1, 0), -XEN_EPERM);
		expect_eq(mmuext(cmd, ~0ull, 0), -XEN_EPERM);
		expect_eq(mmuext(cmd, start->shared_info >> PAGE_SHIFT, 0), -XEN_EPERM);
	}
	expect_eq(mmuext(MMUEXT_UNPIN_TABLE, 0, 0), -XEN_EPERM);
	expect_eq(mmuext(MMUEXT_PIN_L4_TABLE, root, 0), -XEN_EINVAL); /* the builder's is pinned */
	expect_eq(mmuext(MMUEXT_UNPIN_TABLE, root, 0), 0);
}

TEST("mmuext_op stops at the first bad operation and says how many were done")
{
	struct mmuext_op op[3] = { { .cmd = MMUEXT_TLB_FLUSH_LOCAL },
				   { .cmd = 99 },
				   { .cmd = MMUEXT_TLB_FLUSH_LOCAL } };
	uint32_t done = 77;

	expect_eq(hypercall(__HYPERVISOR_mmuext_op, (uint64_t)op, 3, (uint64_t)&done, DOMID_SELF, 0), -XEN_ENOSYS);
	expect_eq(done, 1);
	expect_eq(hypercall(__HYPERVISOR_mmuext_op, (uint64_t)op, 1, 0, 0, 0), -XEN_EPERM);
	expect_eq(hypercall(__HYPERVISOR_mmuext_op, (uint64_t)op, 1, 0, DOMID_XEN, 0), -XEN_EPERM);
	expect_eq(hypercall(__HYPERVISOR_mmuext_op, 0, 1, 0, DOMID_SELF, 0), -XEN_EFAULT);
	expect_eq(hypercall(__HYPERVISOR_mmuext_op, (uint64_t)op, 1, 0xffff808000000000, DOMID_SELF, 0), -XEN_EFAULT);
	expect_eq(hypercall(__HYPERVISOR_mmuext_op, 0, 0, 0, DOMID_SELF, 0), 0);
	for (unsigned cmd = 20; cmd < 40; cmd++)
		expect(mmuext(cmd, 0, 0) < 0);
}

/* ---- direct writes to live, read-only leaf tables ---- */

static void direct_mov(volatile uint64_t *e, uint64_t v)
{
	*e = v;
}

static void direct_xchg(volatile uint64_t *e, uint64_t v)
{
	uint64_t old = *e;

	expect_eq(__atomic_exchange_n(e, v, __ATOMIC_SEQ_CST), old);
}

static void direct_and(volatile uint64_t *e, uint64_t v)
{
	*e |= v;
	__asm__ volatile("lock andq %1, %0" : "+m"(*e) : "r"(v));
}

static void direct_or(volatile uint64_t *e, uint64_t v)
{
	*e = 0;
	__asm__ volatile("lock orq %1, %0" : "+m"(*e) : "r"(v));
}

static void direct_cmpxchg(volatile uint64_t *e, uint64_t v)
{
	uint64_t old = *e;

	expect(__atomic_compare_exchange_n(e, &old, v, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	old = ~v;
	expect(!__atomic_compare_exchange_n(e, &old, 0, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
}

static void direct_halves(volatile uint64_t *e, uint64_t v)
{
	((volatile uint32_t *)e)[1] = (uint32_t)(v >> 32);
	((volatile uint32_t *)e)[0] = (uint32_t)v;
}

static void direct_bytes(volatile uint64_t *e, uint64_t v)
{
	*e = 0;
	for (unsigned i = 8; i-- > 0;)
		((volatile uint8_t *)e)[i] = (uint8_t)(v >> i * 8);
}

static void direct_stos(volatile uint64_t *e, uint64_t v)
{
	uint64_t count = 1;

	__asm__ volatile("rep stosq" : "+D"(e), "+c"(count) : "a"(v) : "memory");
}

TEST("a direct write to a live leaf table is seen at once and counts after a flush", .paging = BOTH)
{
	static void (*const way[])(volatile uint64_t *, uint64_t) = { direct_mov,   direct_xchg,    direct_and,
								      direct_or,    direct_cmpxchg, direct_halves,
								      direct_bytes, direct_stos };
	uint64_t va = pt_space(), *page[2] = { page_marked(61), page_marked(62) };
	volatile uint64_t *entry = pt_entry(va, 1);

	pt_set(va, page_machine(page[1]) | PTE_DATA);
	for (unsigned i = 0; i < 8; i++) {
		uint64_t want = page_machine(page[i % 2]) | PTE_DATA;

		expect_eq(word_at(va), i % 2 ? 61 : 62);
		way[i](entry, want);
		expect_eq(*entry, want);
		pt_flush();
		expect_eq(*entry, want);
		expect_eq(word_at(va), 61 + i % 2);
	}
}

TEST("btr of the writable bit makes a page read-only after a flush", .paging = BOTH)
{
	uint64_t va = pt_space(), old = 0;
	volatile uint64_t *entry = pt_entry(va, 1);

	pt_set(va, page_machine(page_marked(1)) | PTE_DATA);
	store(va, 2);
	__asm__ volatile("lock btrq $1, %0; adcq $0, %1" : "+m"(*entry), "+r"(old));
	expect_eq(old, 1);
	mmuext(MMUEXT_INVLPG_LOCAL, va, 0);
	expect(!can_write(va, 3));
	expect_eq(word_at(va), 2);
	__asm__ volatile("lock btsq $1, %0" : "+m"(*entry));
	mmuext(MMUEXT_INVLPG_LOCAL, va, 0);
	store(va, 3);
}

TEST("directly written tables count at the next CR3 load too", .paging = STOCK)
{
	uint64_t va = pt_space(), *a = page_marked(1), *b = page_marked(2);
	volatile uint64_t *entry = pt_entry(va, 1);

	pt_set(va, page_machine(a) | PTE_DATA);
	word_at(va);
	for (unsigned i = 0; i < 4; i++) {
		*entry = page_machine(i % 2 ? a : b) | PTE_DATA;
		expect_eq(mmuext(MMUEXT_NEW_BASEPTR, virt_to_mfn((void *)start->pt_base), 0), 0);
		expect_eq(word_at(va), i % 2 ? 1 : 2);
	}
}

TEST("a direct write and a hypercall to the same table do not undo each other", .paging = STOCK)
{
	uint64_t va = pt_space(), vb = pt_space(), *page[4];
	volatile uint64_t *a = pt_entry(va, 1), *b = pt_entry(vb, 1);

	for (unsigned i = 0; i < 4; i++)
		page[i] = page_marked(70 + i);
	expect_eq(mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn((void *)pt_table(va, 1)), 0), 0);
	for (unsigned i = 0; i < 8; i++) {
		*a = page_machine(page[i % 4]) | PTE_DATA;
		expect_eq(pt_update((uint64_t *)b, page_machine(page[(i + 1) % 4]) | PTE_DATA), 0);
		*a = page_machine(page[(i + 2) % 4]) | PTE_DATA;
		expect_eq(pt_update((uint64_t *)a, page_machine(page[(i + 3) % 4]) | PTE_DATA), 0);
		pt_flush();
		expect_eq(word_at(va), 70 + (i + 3) % 4);
		expect_eq(word_at(vb), 70 + (i + 1) % 4);
	}
}

TEST("many tables written directly before one flush all count", .paging = BOTH)
{
	uint64_t *l2 = slot_tables(), *l1[60], *page[2] = { page_marked(81), page_marked(82) };

	for (unsigned i = 0; i < 60; i++) {
		l1[i] = pt_page();
		pt_fill(l1[i], i, page_machine(page[0]) | PTE_DATA);
		pt_fill(l2, i, page_machine(l1[i]) | PTE_DATA);
		expect_eq(word_at(SLOT_VA + i * MB2 + i * PAGE_SIZE), 81);
	}
	for (unsigned round = 1; round < 5; round++) {
		for (unsigned i = 0; i < 60; i++)
			*(volatile uint64_t *)&l1[i][i] = page_machine(page[round % 2]) | PTE_DATA;
		pt_flush();
		for (unsigned i = 0; i < 60; i++)
			expect_eq(word_at(SLOT_VA + i * MB2 + i * PAGE_SIZE), 81 + round % 2);
	}
}

TEST("a whole table filled by direct writes is there after one flush", .paging = BOTH)
{
	uint64_t *l2 = slot_tables(), *l1 = pt_page(), *page[2] = { page_marked(91), page_marked(92) };

	pt_fill(l2, 0, page_machine(l1) | PTE_DATA);
	pt_fill(l1, 0, page_machine(page[0]) | PTE_DATA);
	expect_eq(word_at(SLOT_VA), 91);
	for (unsigned i = 0; i < 512; i++)
		((volatile uint64_t *)l1)[i] = i % 3 ? page_machine(page[i % 2]) | PTE_DATA : 0;
	pt_flush();
	for (unsigned i = 0; i < 512; i++) {
		uint64_t value = 0;

		expect_eq(can_read(SLOT_VA + i * PAGE_SIZE, &value), i % 3 != 0);
		expect_eq(value, i % 3 ? 91 + i % 2 : 0);
	}
}

TEST("a read-only page that is no table stays read-only", .paging = BOTH)
{
	uint64_t va = pt_space(), *page = page_marked(5);

	pt_set(va, page_machine(page) | PTE_RO);
	expect_eq(word_at(va), 5);
	for (unsigned i = 0; i < 3; i++) {
		expect(!can_write(va, 6));
		expect_eq(trapped.error, PF_PRESENT | PF_WRITE);
		pt_flush();
	}
	expect_eq(word_at(va), 5);
}

/* Memory that was a table, and that a device filled then: a write to it is the kernel's to copy it first. */
TEST("a read-only page of the user that was a table stays read-only", .paging = BOTH)
{
	uint64_t va = pt_space(), *page = pt_page();

	expect_eq(mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(page), 0), 0);
	expect_eq(mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(page), 0), 0);
	pt_set(va, virt_to_bus(page) | PTE_RO);
	expect_eq(word_at(va), 0);
	expect(!can_write(va, 6));
	expect_eq(trapped.error, PF_PRESENT | PF_WRITE);
	expect_eq(hc_vcpu(VCPUOP_get_runstate_info, 0, (void *)va), -XEN_EFAULT);
	expect_eq(word_at(va), 0);
}

TEST("the kernel writes a result to a read-only page of no table with -EFAULT", .paging = BOTH)
{
	uint64_t va = pt_space();

	pt_set(va, page_machine(page_marked(5)) | PTE_RO);
	expect_eq(hc_vcpu(VCPUOP_get_runstate_info, 0, (void *)va), -XEN_EFAULT);
	expect_eq(hc_vcpu(VCPUOP_get_runstate_info, 0, (void *)(va - 8)), -XEN_EFAULT);
	expect_eq(word_at(va), 5);
}

TEST("a frame that stops being a table may be data, and a table again", .paging = BOTH)
{
	uint64_t *l2 = slot_tables(), *l1 = pt_page(), va = (uint64_t)l1, *page = page_marked(7);

	for (unsigned round = 0; round < 4; round++) {
		pt_fill(l1, 1, page_machine(page) | PTE_DATA);
		pt_fill(l2, 0, page_machine(l1) | PTE_DATA);
		expect_eq(mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(l1), 0), 0);
		expect_eq(word_at(SLOT_VA + PAGE_SIZE), 7);
		pt_fill(l2, 0, 0);
		expect_eq(mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(l1), 0), 0);
		pt_flush();
		expect(!can_read(SLOT_VA + PAGE_SIZE, NULL));
		expect_eq(hc_update_va_mapping(va, page_machine(l1) | PTE_DATA), 0);
		memset(l1, 0x5a, PAGE_SIZE);
		expect_eq(l1[511], 0x5a5a5a5a5a5a5a5a);
		memset(l1, 0, PAGE_SIZE);
		if (stock)
			expect_eq(hc_update_va_mapping(va, page_machine(l1) | PTE_RO), 0);
	}
}
