/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flush_test.c - changes of tables: by hypercall, by writing a read-only table, by INVLPG.
 */
#include "fake.h"

#include <arch/arch.h>
#include <arch/paging.h>
#include <arch/percpu.h>
#include <arch/x86.h>
#include <xen/memory.h>

#define VA    0x0000123456600000ull
#define LEAF  (PTE_P | PTE_RW | PTE_U | PTE_A | PTE_D)
#define RO    (PTE_P | PTE_A) /* the kernel's alone */
#define DATA  128
#define ALIAS 0xffff888000000000ull /* where the guest's kernel maps all its frames */

static struct guest g;
static uint32_t next_table;

static uint64_t alias(unsigned n)
{
	return ALIAS + n * PAGE_SIZE;
}

static mfn_t table_of(uint64_t va)
{
	return guest_table(&g, g.mfn[0], va, 1, &next_table);
}

/* Which of the guest's frames is m? */
static unsigned number_of(mfn_t m)
{
	unsigned n = 0;

	while (g.mfn[n] != m)
		n++;
	return n;
}

static void start(uint8_t paging)
{
	fake_boot(8192);
	guest_make(&g, 5, 512, paging);
	next_table = 1;
	for (unsigned i = 0; i < 32; i++)
		guest_map(&g, g.mfn[0], VA + (uint64_t)i * 0x200000, g.mfn[DATA + i] << PAGE_SHIFT | LEAF, &next_table);
	for (unsigned i = 0; i < 512; i++)
		guest_map(&g, g.mfn[0], alias(i), g.mfn[i] << PAGE_SHIFT | LEAF, &next_table);
	for (unsigned i = 0; i < next_table; i++) /* a stock kernel's tables are read-only to itself */
		if (paging == GUISE_DOMAIN_STOCK)
			guest_map(&g, g.mfn[0], alias(i), g.mfn[i] << PAGE_SHIFT | RO, &next_table);
}

static void setup(void)
{
	start(GUISE_DOMAIN_STOCK);
}

static void setup_native(void)
{
	start(GUISE_DOMAIN_NATIVE);
}

static void check(void)
{
	tlb_check(g.d);
	cpu_check(g.d);
}

static void mmuext(unsigned cmd, uint64_t arg1)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = arg1 };

	ck_assert_int_eq(hc(g.v, __HYPERVISOR_mmuext_op, PTR(&op), 1, 0, DOMID_SELF), 0);
	check();
}

static void flush(void)
{
	mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0);
}

/* The guest's kernel writes entry i of its table m through its own read-only mapping. */
static void write_directly(mfn_t m, unsigned i, uint64_t value)
{
	cpu_write(g.v, alias(number_of(m)) + i * 8, value);
	check();
}

START_TEST(many_direct_writes_to_a_table_cost_one_fault)
{
	mfn_t t = table_of(VA);
	uint64_t faults;

	ck_assert(cpu_access(g.v, VA, 0).ok);
	write_directly(t, 0, 0);
	faults = g.d->tlb.nr_unsynced;
	for (unsigned i = 1; i < 512; i++)
		write_directly(t, i, g.mfn[DATA] << PAGE_SHIFT | LEAF);
	ck_assert_uint_eq(g.d->tlb.nr_unsynced, faults);
	ck_assert_uint_eq(faults, 1);
}
END_TEST

START_TEST(a_direct_write_takes_effect_at_the_next_flush)
{
	mfn_t t = table_of(VA);

	ck_assert_uint_eq(cpu_access(g.v, VA, 0).m, g.mfn[DATA]);
	write_directly(t, pt_index(VA, 1), g.mfn[DATA + 5] << PAGE_SHIFT | LEAF);
	flush();
	ck_assert_uint_eq(cpu_access(g.v, VA, 0).m, g.mfn[DATA + 5]);
	write_directly(t, pt_index(VA, 1), 0);
	mmuext(MMUEXT_INVLPG_LOCAL, VA);
	ck_assert(!cpu_access(g.v, VA, 0).ok);
}
END_TEST

START_TEST(a_table_is_protected_again_after_a_flush)
{
	mfn_t t = table_of(VA);

	ck_assert(cpu_access(g.v, VA, 0).ok);
	for (unsigned i = 0; i < 5; i++) {
		write_directly(t, pt_index(VA, 1), g.mfn[DATA + i] << PAGE_SHIFT | LEAF);
		ck_assert_uint_eq(g.d->tlb.nr_unsynced, 1);
		flush();
		ck_assert_uint_eq(g.d->tlb.nr_unsynced, 0);
		ck_assert_uint_eq(cpu_access(g.v, VA, 0).m, g.mfn[DATA + i]);
	}
}
END_TEST

START_TEST(more_unsynced_tables_than_the_list_holds_are_all_seen)
{
	for (unsigned i = 0; i < 32; i++)
		ck_assert(cpu_access(g.v, VA + (uint64_t)i * 0x200000, 0).ok);
	for (unsigned i = 0; i < 32; i++)
		write_directly(table_of(VA + (uint64_t)i * 0x200000), pt_index(VA, 1),
			       g.mfn[DATA + 100 + i] << PAGE_SHIFT | LEAF);
	ck_assert_uint_le(g.d->tlb.nr_unsynced, TLB_UNSYNCED);
	flush();
	for (unsigned i = 0; i < 32; i++)
		ck_assert_uint_eq(cpu_access(g.v, VA + (uint64_t)i * 0x200000, 0).m, g.mfn[DATA + 100 + i]);
}
END_TEST

START_TEST(a_read_only_page_that_is_no_table_stays_read_only)
{
	guest_map(&g, g.mfn[0], alias(300), g.mfn[300] << PAGE_SHIFT | RO, &next_table);
	ck_assert_uint_eq(cpu_access(g.v, alias(300), PF_WRITE).error, PF_PRESENT | PF_WRITE);
}
END_TEST

START_TEST(a_table_below_a_read_only_upper_entry_stays_read_only)
{
	mfn_t t = table_of(VA), upper = guest_table(&g, g.mfn[0], ALIAS, 2, &next_table);

	*guest_entry(upper, pt_index(ALIAS, 2)) &= ~PTE_RW;
	ck_assert(cpu_access(g.v, VA, 0).ok);
	ck_assert_uint_eq(cpu_access(g.v, alias(number_of(t)), PF_WRITE).error, PF_PRESENT | PF_WRITE);
}
END_TEST

START_TEST(a_native_domains_read_only_table_stays_read_only)
{
	guest_map(&g, g.mfn[0], alias(number_of(table_of(VA))), table_of(VA) << PAGE_SHIFT | RO, &next_table);
	ck_assert(cpu_access(g.v, VA, 0).ok);
	ck_assert_uint_eq(cpu_access(g.v, alias(number_of(table_of(VA))), PF_WRITE).error, PF_PRESENT | PF_WRITE);
}
END_TEST

START_TEST(a_table_that_becomes_data_again_is_written_without_being_watched)
{
	mfn_t t = table_of(VA);
	unsigned n = number_of(t);
	mmu_update_t u = { .ptr = (table_of(alias(n)) << PAGE_SHIFT) + pt_index(alias(n), 1) * 8,
			   .val = t << PAGE_SHIFT | LEAF };

	ck_assert(cpu_access(g.v, VA, 0).ok);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_mmu_update, PTR(&u), 1, 0, DOMID_SELF), 0);
	flush();
	cpu_write(g.v, alias(n), 0x1234);
	ck_assert_uint_eq(g.d->tlb.nr_unsynced, 0);
	ck_assert_uint_eq(frame_of(t)->cached, 0);
	check();
}
END_TEST

START_TEST(what_was_written_directly_counts_after_the_table_is_unpinned)
{
	mfn_t t = table_of(VA);

	mmuext(MMUEXT_PIN_L1_TABLE, t);
	ck_assert(cpu_access(g.v, VA, 0).ok);
	write_directly(t, pt_index(VA, 1), 0);
	mmuext(MMUEXT_UNPIN_TABLE, t);
	flush();
	ck_assert(!cpu_access(g.v, VA, 0).ok);
}
END_TEST

START_TEST(what_was_written_directly_counts_after_the_table_is_used_at_another_level)
{
	uint64_t va = VA + (1ull << 30);
	mfn_t t = table_of(VA), upper = guest_table(&g, g.mfn[0], VA, 3, &next_table);

	*guest_entry(t, pt_index(va, 2)) = g.mfn[300] << PAGE_SHIFT | LEAF;
	*guest_entry(g.mfn[300], pt_index(va, 1)) = g.mfn[DATA + 1] << PAGE_SHIFT | LEAF;
	*guest_entry(upper, pt_index(va, 3)) = t << PAGE_SHIFT | LEAF;
	ck_assert(cpu_access(g.v, VA, 0).ok);
	write_directly(t, pt_index(VA, 1), 0);
	ck_assert_uint_eq(cpu_access(g.v, va, 0).m, g.mfn[DATA + 1]);
	flush();
	ck_assert(!cpu_access(g.v, VA, 0).ok);
}
END_TEST

/* Its node is detached while the rest of it is compared. */
START_TEST(a_table_that_comes_to_map_itself_writable_is_looked_at_to_its_end)
{
	mfn_t t = table_of(VA);

	guest_map(&g, g.mfn[0], VA + 40 * PAGE_SIZE, g.mfn[DATA + 1] << PAGE_SHIFT | LEAF, &next_table);
	ck_assert(cpu_access(g.v, VA, 0).ok && cpu_access(g.v, VA + 40 * PAGE_SIZE, 0).ok);
	write_directly(t, pt_index(VA, 1), t << PAGE_SHIFT | LEAF);
	write_directly(t, pt_index(VA, 1) + 40, g.mfn[DATA + 2] << PAGE_SHIFT | LEAF);
	flush();
	ck_assert_uint_eq(cpu_access(g.v, VA + 40 * PAGE_SIZE, 0).m, g.mfn[DATA + 2]);
	ck_assert_uint_eq(cpu_access(g.v, VA, PF_WRITE).m, t);
}
END_TEST

/* ---- hypercalls ---- */

static long update(uint64_t ptr, uint64_t val)
{
	mmu_update_t u = { ptr, val };
	long rc = hc(g.v, __HYPERVISOR_mmu_update, PTR(&u), 1, 0, DOMID_SELF);

	check();
	return rc;
}

START_TEST(an_update_changes_the_guests_table_and_the_cache_together)
{
	uint64_t slot = (table_of(VA) << PAGE_SHIFT) + pt_index(VA, 1) * 8;

	ck_assert(cpu_access(g.v, VA, PF_WRITE).ok);
	ck_assert_int_eq(update(slot, g.mfn[DATA + 9] << PAGE_SHIFT | LEAF), 0);
	invlpg(VA);
	ck_assert_uint_eq(cpu_access(g.v, VA, PF_WRITE).m, g.mfn[DATA + 9]);
	ck_assert_int_eq(update(slot, 0), 0);
	invlpg(VA);
	ck_assert(!cpu_access(g.v, VA, 0).ok);
}
END_TEST

START_TEST(an_update_that_preserves_keeps_accessed_and_dirty)
{
	uint64_t slot = (table_of(VA) << PAGE_SHIFT) + pt_index(VA, 1) * 8;

	ck_assert_int_eq(update(slot | MMU_PT_UPDATE_PRESERVE_AD, g.mfn[DATA] << PAGE_SHIFT | PTE_P | PTE_U), 0);
	ck_assert_uint_eq(*guest_entry(table_of(VA), pt_index(VA, 1)),
			  g.mfn[DATA] << PAGE_SHIFT | PTE_P | PTE_U | PTE_A | PTE_D);
}
END_TEST

START_TEST(only_own_frames_can_be_updated)
{
	struct guest other;
	uint64_t before;

	guest_make(&other, 6, 16, GUISE_DOMAIN_STOCK);
	before = fake_m2p(other.mfn[3]);
	ck_assert_int_eq(update(other.mfn[3] << PAGE_SHIFT, ~0ull), -EPERM);
	ck_assert_int_eq(update(other.mfn[3] << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, 1), -EPERM);
	ck_assert_int_eq(update(g.d->tlb.page[0] << PAGE_SHIFT, ~0ull), -EPERM);
	ck_assert_int_eq(update(~7ull, 1), -EPERM);
	ck_assert_int_eq(update(~7ull | MMU_MACHPHYS_UPDATE, 1), -EPERM);
	ck_assert_uint_eq(fake_m2p(other.mfn[3]), before);
	ck_assert_uint_eq(*guest_entry(other.mfn[3], 0), 0);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_mmu_update, 0, 0, 0, 6), -EPERM);
}
END_TEST

START_TEST(a_mapping_of_a_foreign_frame_is_refused_and_changes_nothing)
{
	uint64_t before = *guest_entry(table_of(VA), pt_index(VA, 1));
	struct guest other;

	guest_make(&other, 6, 16, GUISE_DOMAIN_STOCK);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_update_va_mapping, VA, other.mfn[1] << PAGE_SHIFT | LEAF, UVMF_INVLPG, 0),
			 -EPERM);
	ck_assert_uint_eq(*guest_entry(table_of(VA), pt_index(VA, 1)), before);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_update_va_mapping, 0xffff800000000000, LEAF, 0, 0), -EINVAL);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_update_va_mapping, 1ull << 47, LEAF, 0, 0), -EINVAL);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_update_va_mapping, VA + (1ull << 40), LEAF, 0, 0), -EINVAL);
}
END_TEST

START_TEST(a_long_list_of_updates_is_finished_whatever_interrupts_it)
{
	mmu_update_t u[300];
	uint32_t done = 0;

	for (unsigned i = 0; i < 300; i++)
		u[i] = (mmu_update_t){ (g.mfn[200] << PAGE_SHIFT) + i * 8, g.mfn[DATA + i % 64] << PAGE_SHIFT | LEAF };
	fake.preempt = 1;
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_mmu_update, PTR(u), 300, PTR(&done), DOMID_SELF), 0);
	ck_assert_uint_gt(fake.continued, 5);
	for (unsigned i = 0; i < 300; i++)
		ck_assert_uint_eq(*guest_entry(g.mfn[200], i), u[i].val);
}
END_TEST

START_TEST(a_table_is_pinned_once)
{
	struct mmuext_op op = { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = g.mfn[200] };
	struct guest other;

	mmuext(MMUEXT_PIN_L1_TABLE, g.mfn[200]);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_mmuext_op, PTR(&op), 1, 0, DOMID_SELF), -EINVAL);
	mmuext(MMUEXT_UNPIN_TABLE, g.mfn[200]);
	op.cmd = MMUEXT_UNPIN_TABLE;
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_mmuext_op, PTR(&op), 1, 0, DOMID_SELF), -EINVAL);
	guest_make(&other, 6, 16, GUISE_DOMAIN_STOCK);
	op = (struct mmuext_op){ .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = other.mfn[1] };
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_mmuext_op, PTR(&op), 1, 0, DOMID_SELF), -EPERM);
	op = (struct mmuext_op){ .cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = other.mfn[1] };
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_mmuext_op, PTR(&op), 1, 0, DOMID_SELF), -EPERM);
	op = (struct mmuext_op){ .cmd = MMUEXT_NEW_USER_BASEPTR, .arg1.mfn = INVALID_MFN };
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_mmuext_op, PTR(&op), 1, 0, DOMID_SELF), -EPERM);
}
END_TEST

/* With PCIDs a crossing forgets nothing, so the new root has to. */
START_TEST(a_new_root_for_user_mode_counts_at_the_next_crossing)
{
	fake_pcids(_i);
	load_cr3(0);
	guest_map(&g, g.mfn[40], VA, g.mfn[DATA + 1] << PAGE_SHIFT | LEAF, &next_table);
	guest_map(&g, g.mfn[41], VA, g.mfn[DATA + 2] << PAGE_SHIFT | LEAF, &next_table);
	for (unsigned round = 0; round < 4; round++) {
		mmuext(MMUEXT_NEW_USER_BASEPTR, g.mfn[40 + round % 2]);
		g.v->arch.kernel_mode = 0;
		ck_assert_uint_eq(cpu_access(g.v, VA, 0).m, g.mfn[DATA + 1 + round % 2]);
		g.v->arch.kernel_mode = 1;
		ck_assert_uint_eq(cpu_access(g.v, VA, 0).m, g.mfn[DATA]);
	}
}
END_TEST

START_TEST(a_page_that_was_a_table_is_read_only_to_the_user)
{
	uint64_t *page = mfn_to_virt(g.mfn[200]);

	mmuext(MMUEXT_PIN_L1_TABLE, g.mfn[200]);
	mmuext(MMUEXT_UNPIN_TABLE, g.mfn[200]);
	*page = 0; /* as a device writes it */
	guest_map(&g, g.mfn[0], VA, g.mfn[200] << PAGE_SHIFT | PTE_P | PTE_U | PTE_A, &next_table);
	for (unsigned mode = 0; mode < 2; mode++) {
		struct cpu_result r;

		g.v->arch.root[0] = g.mfn[0];
		g.v->arch.kernel_mode = mode;
		ck_assert(cpu_access(g.v, VA, 0).ok);
		r = cpu_access(g.v, VA, PF_WRITE);
		ck_assert(!r.ok);
		ck_assert_uint_eq(r.error & (PF_PRESENT | PF_WRITE), PF_PRESENT | PF_WRITE);
	}
}
END_TEST

static struct guest next_owner;

/* The domain gives the frame back, and the next one gets it. */
static void frame_moves(void)
{
	xen_pfn_t frame = g.mfn[200], new = 1000;
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

	set_xen_guest_handle(r.extent_start, &frame);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_memory_op, XENMEM_decrease_reservation, PTR(&r), 0, 0), 1);
	set_xen_guest_handle(r.extent_start, &new);
	ck_assert_int_eq(hc(next_owner.v, __HYPERVISOR_memory_op, XENMEM_populate_physmap, PTR(&r), 0, 0), 1);
	ck_assert_uint_eq(new, g.mfn[200]);
	boot_cpu.current = boot_cpu.loaded = g.v;
}

START_TEST(a_frame_that_changes_hands_meanwhile_is_not_pinned)
{
	struct mmuext_op op = { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = g.mfn[200] };

	guest_make(&next_owner, 6, 16, GUISE_DOMAIN_STOCK);
	fake.faster.lock = &g.d->tlb.lock;
	fake.faster.nth = 1;
	fake.faster.act = frame_moves;
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_mmuext_op, PTR(&op), 1, 0, DOMID_SELF), -EPERM);
	ck_assert_uint_eq(frame_owner(frame_of(g.mfn[200])), 6);
	ck_assert_uint_eq(frame_of(g.mfn[200])->flags, 0);
}
END_TEST

START_TEST(a_native_domain_tells_of_one_page_by_invlpg)
{
	ck_assert(cpu_access(g.v, VA, PF_WRITE).ok);
	*guest_entry(table_of(VA), pt_index(VA, 1)) = g.mfn[DATA + 7] << PAGE_SHIFT | LEAF;
	mmuext(MMUEXT_INVLPG_LOCAL, VA);
	ck_assert_uint_eq(cpu_access(g.v, VA, PF_WRITE).m, g.mfn[DATA + 7]);
	*guest_entry(guest_table(&g, g.mfn[0], VA, 2, &next_table), pt_index(VA, 2)) = 0;
	mmuext(MMUEXT_INVLPG_LOCAL, VA);
	ck_assert(!cpu_access(g.v, VA, 0).ok);
}
END_TEST

START_TEST(writing_a_table_marks_its_mapping_as_accessed)
{
	mfn_t t = table_of(VA), aliases = table_of(alias(0));
	unsigned n = pt_index(alias(number_of(t)), 1);

	ck_assert(cpu_access(g.v, VA, 0).ok); /* now it is a table */
	*guest_entry(aliases, n) = t << PAGE_SHIFT | PTE_P;
	write_directly(t, 1, 0);
	ck_assert_uint_eq(*guest_entry(aliases, n), t << PAGE_SHIFT | RO);
}
END_TEST

START_TEST(a_table_that_becomes_a_large_page_by_update_is_found_out_at_once)
{
	mfn_t upper = guest_table(&g, g.mfn[0], VA, 2, &next_table);
	uint64_t entry = *guest_entry(upper, pt_index(VA, 2));
	mmu_update_t u = { (upper << PAGE_SHIFT) + pt_index(VA, 2) * 8, entry | PTE_PS };
	struct cpu_result r;

	ck_assert(cpu_access(g.v, VA, 0).ok);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_mmu_update, PTR(&u), 1, 0, DOMID_SELF), 0);
	flush();
	r = cpu_access(g.v, VA, 0);
	ck_assert(!r.ok);
	ck_assert_uint_eq(r.error, PF_PRESENT | PF_RSVD);
}
END_TEST

START_TEST(invlpg_is_for_a_table_that_this_root_did_not_use_yet_too)
{
	mfn_t t = table_of(VA), root = g.mfn[300];

	guest_map(&g, g.mfn[0], VA + PAGE_SIZE, g.mfn[DATA + 1] << PAGE_SHIFT | LEAF, &next_table);
	memcpy(guest_entry(root, 0), guest_entry(g.mfn[0], 0), PAGE_SIZE);
	ck_assert_uint_eq(cpu_access(g.v, VA, 0).m, g.mfn[DATA]);
	mmuext(MMUEXT_NEW_BASEPTR, root);
	write_directly(t, pt_index(VA, 1), g.mfn[DATA + 5] << PAGE_SHIFT | LEAF);
	mmuext(MMUEXT_INVLPG_LOCAL, VA);
	ck_assert_uint_eq(cpu_access(g.v, VA + PAGE_SIZE, 0).m, g.mfn[DATA + 1]);
	ck_assert_uint_eq(cpu_access(g.v, VA, 0).m, g.mfn[DATA + 5]);
}
END_TEST

/* Hardware forgets more at an INVLPG than the page (SDM 3A 4.10.4.1), and kernels count on it when they free tables. */
START_TEST(a_table_that_a_native_domain_took_away_is_not_reached_after_invlpg)
{
	mfn_t upper = guest_table(&g, g.mfn[0], VA, 2, &next_table), t = table_of(VA), other = table_of(VA + 0x200000);

	ck_assert_uint_eq(cpu_access(g.v, VA, 0).m, g.mfn[DATA]);
	*guest_entry(upper, pt_index(VA, 2)) = other << PAGE_SHIFT | LEAF;
	*guest_entry(upper, pt_index(VA + 0x400000, 2)) = t << PAGE_SHIFT | LEAF;
	mmuext(MMUEXT_INVLPG_LOCAL, VA);
	/* What the table says to others, from here on, is not for this address. */
	ck_assert_uint_eq(cpu_access(g.v, VA + 0x400000, 0).m, g.mfn[DATA]);
	ck_assert_uint_eq(cpu_access(g.v, VA, 0).m, g.mfn[DATA + 1]);
	check();
}
END_TEST

SUITE(flush)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, many_direct_writes_to_a_table_cost_one_fault);
	tcase_add_test(tc, a_direct_write_takes_effect_at_the_next_flush);
	tcase_add_test(tc, a_table_is_protected_again_after_a_flush);
	tcase_add_test(tc, more_unsynced_tables_than_the_list_holds_are_all_seen);
	tcase_add_test(tc, a_read_only_page_that_is_no_table_stays_read_only);
	tcase_add_test(tc, a_table_below_a_read_only_upper_entry_stays_read_only);
	tcase_add_test(tc, a_table_that_becomes_data_again_is_written_without_being_watched);
	tcase_add_test(tc, what_was_written_directly_counts_after_the_table_is_unpinned);
	tcase_add_test(tc, what_was_written_directly_counts_after_the_table_is_used_at_another_level);
	tcase_add_test(tc, a_table_that_comes_to_map_itself_writable_is_looked_at_to_its_end);
	tcase_add_test(tc, an_update_changes_the_guests_table_and_the_cache_together);
	tcase_add_test(tc, an_update_that_preserves_keeps_accessed_and_dirty);
	tcase_add_test(tc, only_own_frames_can_be_updated);
	tcase_add_test(tc, a_mapping_of_a_foreign_frame_is_refused_and_changes_nothing);
	tcase_add_test(tc, a_long_list_of_updates_is_finished_whatever_interrupts_it);
	tcase_add_test(tc, a_table_is_pinned_once);
	tcase_add_test(tc, a_page_that_was_a_table_is_read_only_to_the_user);
	tcase_add_test(tc, a_frame_that_changes_hands_meanwhile_is_not_pinned);
	tcase_add_test(tc, writing_a_table_marks_its_mapping_as_accessed);
	tcase_add_test(tc, invlpg_is_for_a_table_that_this_root_did_not_use_yet_too);
	tcase_add_test(tc, a_table_that_becomes_a_large_page_by_update_is_found_out_at_once);
}

SUITE(flush_native)
{
	tcase_add_checked_fixture(tc, setup_native, NULL);
	tcase_add_test(tc, a_native_domains_read_only_table_stays_read_only);
	tcase_add_loop_test(tc, a_new_root_for_user_mode_counts_at_the_next_crossing, 0, 2);
	tcase_add_test(tc, a_native_domain_tells_of_one_page_by_invlpg);
	tcase_add_test(tc, a_table_that_a_native_domain_took_away_is_not_reached_after_invlpg);
}
