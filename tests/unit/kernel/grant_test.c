/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * grant_test.c - frames lent to one named domain: for mapping, for copying, for DMA.
 */
#include "fake.h"

#include <arch/arch.h>
#include <arch/paging.h>
#include <arch/x86.h>
#include <core/grant.h>
#include <pthread.h>
#include <xen/grant_table.h>
#include <xen/memory.h>

#define VA 0x400000ull

static struct guest owner, user, third;
static uint32_t next_table = 1;
static grant_entry_v1_t *table;

static void setup(void)
{
	fake_boot(4096);
	guest_make(&owner, 5, 64, GUISE_DOMAIN_STOCK);
	guest_make(&user, 6, 64, GUISE_DOMAIN_STOCK);
	guest_make(&third, 7, 64, GUISE_DOMAIN_STOCK);
	table = mfn_to_virt(grant_frame(owner.d, 0));
	guest_map(&user, user.mfn[0], VA, 0, &next_table); /* tables for VA, nothing mapped */
}

static void offer(uint32_t ref, uint16_t to, unsigned frame, uint16_t flags)
{
	table[ref] = (grant_entry_v1_t){ GTF_permit_access | flags, to, (uint32_t)owner.mfn[frame] };
}

static int16_t map(struct guest *g, uint64_t va, uint32_t ref, uint32_t flags, grant_handle_t *h)
{
	gnttab_map_grant_ref_t op = { .host_addr = va, .ref = ref, .dom = 5, .flags = flags };

	ck_assert_int_eq(hc(g->v, __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, PTR(&op), 1, 0), 0);
	*h = op.handle;
	return op.status;
}

static int16_t unmap(struct guest *g, grant_handle_t h)
{
	gnttab_unmap_grant_ref_t op = { .handle = h };

	ck_assert_int_eq(hc(g->v, __HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, PTR(&op), 1, 0), 0);
	tlb_check(g->d);
	cpu_check(g->d);
	return op.status;
}

static uint64_t holds(unsigned frame)
{
	return FRAME_HOLDS(frame_of(owner.mfn[frame])->state);
}

START_TEST(a_mapped_grant_is_reached_at_its_address_and_nowhere_after)
{
	grant_handle_t h;

	offer(8, 6, 3, 0);
	ck_assert_int_eq(map(&user, VA, 8, GNTMAP_host_map, &h), GNTST_okay);
	ck_assert_uint_eq(cpu_access(user.v, VA, PF_WRITE).m, owner.mfn[3]);
	ck_assert_int_eq(unmap(&user, h), GNTST_okay);
	ck_assert(!cpu_access(user.v, VA, 0).ok);
	ck_assert_int_eq(unmap(&user, h), GNTST_bad_handle);
}
END_TEST

START_TEST(a_mapped_grant_cannot_be_withdrawn)
{
	grant_handle_t h;

	offer(8, 6, 3, 0);
	ck_assert_int_eq(map(&user, VA, 8, GNTMAP_host_map, &h), GNTST_okay);
	ck_assert_uint_eq(table[8].flags & (GTF_reading | GTF_writing), GTF_reading | GTF_writing);
	ck_assert_uint_eq(holds(3), 1);
	ck_assert_int_eq(frame_give(frame_of(owner.mfn[3]), 5, OWNER_KERNEL), -EBUSY);
	ck_assert_int_eq(unmap(&user, h), GNTST_okay);
	ck_assert_uint_eq(table[8].flags & (GTF_reading | GTF_writing), 0);
	ck_assert_uint_eq(holds(3), 0);
}
END_TEST

START_TEST(the_bits_stay_until_the_last_use_ends)
{
	grant_handle_t a, b, c;

	offer(8, 6, 3, 0);
	ck_assert_int_eq(map(&user, VA, 8, GNTMAP_host_map, &a), GNTST_okay);
	ck_assert_int_eq(map(&user, VA + PAGE_SIZE, 8, GNTMAP_host_map | GNTMAP_readonly, &b), GNTST_okay);
	ck_assert_int_eq(map(&user, VA + 2 * PAGE_SIZE, 8, GNTMAP_host_map, &c), GNTST_okay);
	ck_assert_int_eq(unmap(&user, a), GNTST_okay);
	ck_assert_uint_eq(table[8].flags & (GTF_reading | GTF_writing), GTF_reading | GTF_writing);
	ck_assert_int_eq(unmap(&user, c), GNTST_okay);
	ck_assert_uint_eq(table[8].flags & (GTF_reading | GTF_writing), GTF_reading);
	ck_assert_int_eq(unmap(&user, b), GNTST_okay);
	ck_assert_uint_eq(table[8].flags & (GTF_reading | GTF_writing), 0);
}
END_TEST

START_TEST(only_the_named_domain_may_use_an_entry)
{
	grant_handle_t h;

	offer(8, 7, 3, 0);
	ck_assert_int_eq(map(&user, VA, 8, GNTMAP_host_map, &h), GNTST_bad_gntref);
	ck_assert_uint_eq(h, ~0u);
	ck_assert_uint_eq(table[8].flags, GTF_permit_access);
	ck_assert_int_eq(map(&user, VA, 9, GNTMAP_host_map, &h), GNTST_bad_gntref);
	ck_assert_int_eq(map(&user, VA, 512 * 4, GNTMAP_host_map, &h), GNTST_bad_gntref);
	ck_assert_int_eq(map(&user, VA, ~0u, GNTMAP_host_map, &h), GNTST_bad_gntref);
	offer(8, 5, 3, 0);
	ck_assert_int_eq(map(&owner, VA, 8, GNTMAP_host_map, &h), GNTST_bad_domain);
}
END_TEST

START_TEST(a_read_only_grant_is_never_written)
{
	grant_handle_t h;

	offer(8, 6, 3, GTF_readonly);
	ck_assert_int_eq(map(&user, VA, 8, GNTMAP_host_map, &h), GNTST_general_error);
	ck_assert_int_eq(map(&user, VA, 8, GNTMAP_host_map | GNTMAP_readonly, &h), GNTST_okay);
	ck_assert_uint_eq(cpu_access(user.v, VA, 0).m, owner.mfn[3]);
	ck_assert(!cpu_access(user.v, VA, PF_WRITE).ok);
	/* The user's own entry cannot say otherwise. */
	*guest_entry(guest_table(&user, user.mfn[0], VA, 1, &next_table), pt_index(VA, 1)) |= PTE_RW | PTE_D;
	tlb_drop_all(user.d);
	ck_assert_uint_eq(cpu_access(user.v, VA, PF_WRITE).error, PF_WRITE | PF_PRESENT);
	tlb_check(user.d);
}
END_TEST

START_TEST(a_grant_is_good_for_its_own_slot_only)
{
	grant_handle_t h;

	offer(8, 6, 3, 0);
	ck_assert_int_eq(map(&user, VA, 8, GNTMAP_host_map, &h), GNTST_okay);
	*guest_entry(guest_table(&user, user.mfn[0], VA, 1, &next_table), pt_index(VA, 1) + 1) =
		owner.mfn[3] << PAGE_SHIFT | PTE_P | PTE_RW | PTE_U;
	ck_assert(!cpu_access(user.v, VA + PAGE_SIZE, 0).ok);
	ck_assert(cpu_access(user.v, VA, 0).ok);
}
END_TEST

START_TEST(only_the_owners_ordinary_frames_can_be_granted)
{
	static const mfn_t bad[] = { 0x10, 0xffffffff };
	grant_handle_t h;

	offer(8, 6, 3, 0);
	table[8].frame = (uint32_t)third.mfn[3];
	ck_assert_int_eq(map(&user, VA, 8, GNTMAP_host_map, &h), GNTST_bad_page);
	table[8].frame = (uint32_t)user.mfn[3];
	ck_assert_int_eq(map(&user, VA, 8, GNTMAP_host_map, &h), GNTST_bad_page);
	table[8].frame = (uint32_t)owner.d->shared_mfn;
	ck_assert_int_eq(map(&user, VA, 8, GNTMAP_host_map, &h), GNTST_bad_page);
	table[8].frame = (uint32_t)owner.d->tlb.page[0];
	ck_assert_int_eq(map(&user, VA, 8, GNTMAP_host_map, &h), GNTST_bad_page);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		table[8].frame = (uint32_t)bad[i];
		ck_assert_int_eq(map(&user, VA, 8, GNTMAP_host_map, &h), GNTST_bad_page);
	}
	ck_assert_uint_eq(table[8].flags, GTF_permit_access);
}
END_TEST

START_TEST(a_mapping_that_fails_half_way_leaves_no_use_behind)
{
	grant_handle_t h;

	offer(8, 6, 3, 0);
	ck_assert_int_eq(map(&user, VA + (1ull << 30), 8, GNTMAP_host_map, &h), GNTST_bad_virt_addr);
	ck_assert_int_eq(map(&user, 0xffff800000000000, 8, GNTMAP_host_map, &h), GNTST_bad_virt_addr);
	ck_assert_int_eq(map(&user, 1ull << 50, 8, GNTMAP_host_map, &h), GNTST_bad_virt_addr);
	ck_assert_int_eq(map(&user, VA, 8, GNTMAP_host_map | GNTMAP_contains_pte, &h), GNTST_general_error);
	ck_assert_int_eq(map(&user, VA, 8, GNTMAP_device_map, &h), GNTST_general_error);
	ck_assert_uint_eq(table[8].flags, GTF_permit_access);
	ck_assert_uint_eq(holds(3), 0);
}
END_TEST

/* The granter on another CPU, which keeps to the rules (xen/grant_table.h): it lends one frame to the user, takes it
 * back, and lends another one to somebody else by the same entry. */
static unsigned lent;
static bool lender_stops;

static void *lender(void *arg)
{
	uint32_t *word = (uint32_t *)&table[8];

	for (unsigned n = 0; !__atomic_load_n(&lender_stops, __ATOMIC_ACQUIRE); n++) {
		uint32_t entry = GTF_permit_access | (n % 2 ? 7u : 6u) << 16, old;

		__atomic_store_n(&table[8].frame, (uint32_t)owner.mfn[n % 2 ? 4 : 3], __ATOMIC_RELEASE);
		__atomic_store_n(word, entry, __ATOMIC_RELEASE);
		do
			old = entry;
		while (!__atomic_compare_exchange_n(word, &old, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
		__atomic_store_n(&lent, n, __ATOMIC_RELEASE);
	}
	return arg;
}

START_TEST(an_entry_that_changes_while_it_is_claimed_lends_what_it_said)
{
	unsigned got = 0, refused = 0, turns = 0, last = ~0u, now;
	time_t began = time(NULL);
	pthread_t thread;
	uint32_t m;

	ck_assert_int_eq(pthread_create(&thread, NULL, lender, NULL), 0);
	/* Both at once, as often as that happens within some seconds. */
	for (; turns < 300000 && (time(NULL) - began < 5 || !got || !refused); turns += now != last, last = now) {
		now = __atomic_load_n(&lent, __ATOMIC_ACQUIRE);
		if (grant_pin(owner.d, 8, 6, true, &m)) {
			refused++;
			continue;
		}
		got++;
		check_msg(m == owner.mfn[3], "after %u", got);
		grant_unpin(owner.d, 8, true, m);
	}
	__atomic_store_n(&lender_stops, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(holds(4), 0);
}
END_TEST

static void no_look(void)
{
	ck_abort_msg("the grants are looked at");
}

/* There may be 4096 of them, and a call may write as many entries. */
START_TEST(grants_are_looked_at_when_they_are_used_not_when_an_entry_is_written)
{
	mfn_t t = guest_table(&user, user.mfn[0], VA, 1, &next_table);
	uint64_t foreign = owner.mfn[5] << PAGE_SHIFT | PTE_P | PTE_RW | PTE_U | PTE_A | PTE_D;
	struct mmuext_op flush = { .cmd = MMUEXT_TLB_FLUSH_LOCAL };
	mmu_update_t u[2] = { { (t << PAGE_SHIFT) + 8, foreign },
			      { (t << PAGE_SHIFT) + 16, user.mfn[9] << PAGE_SHIFT | PTE_P | PTE_U | PTE_A } };
	grant_handle_t h;

	offer(8, 6, 3, 0);
	ck_assert_int_eq(map(&user, VA, 8, GNTMAP_host_map, &h), GNTST_okay);
	ck_assert_uint_eq(cpu_access(user.v, VA, PF_WRITE).m, owner.mfn[3]);
	fake.faster.lock = &user.d->grants->lock;
	fake.faster.nth = 1;
	fake.faster.act = no_look;
	ck_assert_int_eq(hc(user.v, __HYPERVISOR_mmu_update, PTR(u), 2, 0, DOMID_SELF), 0);
	ck_assert(cpu_access(user.v, VA + 2 * PAGE_SIZE, 0).ok);
	ck_assert_int_eq(hc(user.v, __HYPERVISOR_mmuext_op, PTR(&flush), 1, 0, DOMID_SELF), 0);
	fake.faster.nth = 0;
	ck_assert_uint_eq(cpu_access(user.v, VA, PF_WRITE).m, owner.mfn[3]);
	ck_assert(!cpu_access(user.v, VA + PAGE_SIZE, 0).ok);
	ck_assert_int_eq(unmap(&user, h), GNTST_okay);
}
END_TEST

static unsigned touched;

/* Whatever frame the kernel looks at, another vCPU of its domain gives it back at that moment. */
static void give_back(mfn_t m)
{
	xen_pfn_t frame = m;
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

	fake.touched = NULL;
	touched++;
	set_xen_guest_handle(r.extent_start, &frame);
	ck_assert_int_eq(hc(owner.v, __HYPERVISOR_memory_op, XENMEM_decrease_reservation, PTR(&r), 0, 0), 0);
	fake.touched = give_back;
}

START_TEST(a_frame_of_the_table_cannot_be_given_back_before_it_is_one)
{
	static uint64_t mfns[GRANT_MAX_FRAMES];
	gnttab_setup_table_t op = { .dom = DOMID_SELF, .nr_frames = 8 };
	uint64_t before = owner.d->frames;

	set_xen_guest_handle(op.frame_list, mfns);
	fake.touched = give_back;
	ck_assert_int_eq(hc(owner.v, __HYPERVISOR_grant_table_op, GNTTABOP_setup_table, PTR(&op), 1, 0), 0);
	fake.touched = NULL;
	ck_assert_uint_gt(touched, 4);
	ck_assert_int_eq(op.status, GNTST_okay);
	ck_assert_uint_eq(owner.d->frames, before + 4);
	for (unsigned i = 0; i < 8; i++) {
		ck_assert_uint_eq(frame_owner(frame_of(mfns[i])), 5);
		give_back(mfns[i]);
	}
	fake.touched = NULL;
}
END_TEST

START_TEST(mappings_run_out_without_harm)
{
	grant_handle_t h[GRANT_MAX_MAPS + 1];
	unsigned nr = 0;

	offer(8, 6, 3, 0);
	while (map(&user, VA, 8, GNTMAP_host_map, &h[nr]) == GNTST_okay)
		nr++;
	ck_assert_uint_eq(nr, GRANT_MAX_MAPS);
	ck_assert_uint_eq(holds(3), nr);
	while (nr)
		ck_assert_int_eq(unmap(&user, h[--nr]), GNTST_okay);
	ck_assert_uint_eq(holds(3), 0);
	ck_assert_uint_eq(table[8].flags, GTF_permit_access);
}
END_TEST

START_TEST(a_dead_user_gives_all_back)
{
	struct guise_dma_map dma = { .domid = 5, .ref = 9 };
	grant_handle_t h;

	offer(8, 6, 3, 0);
	offer(9, 6, 4, 0);
	ck_assert_int_eq(map(&user, VA, 8, GNTMAP_host_map, &h), GNTST_okay);
	ck_assert(cpu_access(user.v, VA, PF_WRITE).ok);
	ck_assert_int_eq(hc(user.v, GUISE_HC_DMA, GUISE_DMA_MAP, PTR(&dma), 1, 0), 0);
	ck_assert_int_eq(dma.status, 0);
	grant_unmap_all(user.d);
	cpu_check(user.d);
	tlb_check(user.d);
	ck_assert_uint_eq(holds(3) + holds(4), 0);
	ck_assert_uint_eq(table[8].flags | table[9].flags, GTF_permit_access);
	ck_assert_int_eq(domain_destroy(user.d), 0);
}
END_TEST

START_TEST(a_dead_owner_stays_until_the_last_user_lets_go)
{
	grant_handle_t h;

	offer(8, 6, 3, 0);
	ck_assert_int_eq(map(&user, VA, 8, GNTMAP_host_map, &h), GNTST_okay);
	domain_ref(owner.d);
	ck_assert_int_eq(domain_destroy(owner.d), -EAGAIN);
	ck_assert_uint_eq(cpu_access(user.v, VA, PF_WRITE).m, owner.mfn[3]);
	ck_assert_int_eq(unmap(&user, h), GNTST_okay);
	ck_assert_int_eq(domain_destroy(owner.d), 0);
	ck_assert_int_eq(map(&user, VA, 8, GNTMAP_host_map, &h), GNTST_bad_domain);
}
END_TEST

/* ---- DMA ---- */

START_TEST(a_frame_pinned_for_a_device_is_held_like_a_mapped_one)
{
	struct guise_dma_map dma[2] = { { .domid = 5, .ref = 8 }, { .domid = 5, .ref = 9, .flags = GUISE_DMA_RDONLY } };
	uint32_t cookie[2];

	offer(8, 6, 3, 0);
	offer(9, 6, 4, GTF_readonly);
	ck_assert_int_eq(hc(user.v, GUISE_HC_DMA, GUISE_DMA_MAP, PTR(dma), 2, 0), 0);
	ck_assert_int_eq(dma[0].status, 0);
	ck_assert_int_eq(dma[1].status, 0);
	ck_assert_uint_eq(dma[0].bus, owner.mfn[3] << PAGE_SHIFT);
	ck_assert_uint_eq(table[9].flags, GTF_permit_access | GTF_readonly | GTF_reading);
	ck_assert_uint_eq(holds(3) + holds(4), 2);
	cookie[0] = dma[0].cookie;
	cookie[1] = dma[1].cookie;
	ck_assert_int_eq(unmap(&user, cookie[0]), GNTST_bad_handle);
	ck_assert_int_eq(hc(user.v, GUISE_HC_DMA, GUISE_DMA_UNMAP, PTR(cookie), 2, 0), 0);
	ck_assert_int_eq(hc(user.v, GUISE_HC_DMA, GUISE_DMA_UNMAP, PTR(cookie), 1, 0), -EINVAL);
	ck_assert_uint_eq(holds(3) + holds(4), 0);
}
END_TEST

START_TEST(a_bad_dma_element_fails_alone)
{
	struct guise_dma_map dma[4] = { { .domid = 5, .ref = 20 },
					{ .domid = 99, .ref = 8 },
					{ .domid = 5, .ref = 9 },
					{ .domid = 5, .ref = 8, .flags = 0x80 } };
	static const int32_t want[] = { GNTST_bad_gntref, GNTST_bad_domain, GNTST_general_error, GNTST_general_error };

	offer(8, 6, 3, 0);
	offer(9, 6, 4, GTF_readonly);
	ck_assert_int_eq(hc(user.v, GUISE_HC_DMA, GUISE_DMA_MAP, PTR(dma), 4, 0), 0);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_int_eq(dma[i].status, want[i]);
	ck_assert_uint_eq(holds(3) + holds(4), 0);
	ck_assert_int_eq(hc(user.v, GUISE_HC_DMA, GUISE_DMA_MAP, PTR(dma), 0, 0), -EINVAL);
	ck_assert_int_eq(hc(user.v, GUISE_HC_DMA, GUISE_DMA_MAP, PTR(dma), GUISE_DMA_BATCH + 1, 0), -EINVAL);
	ck_assert_int_eq(hc(user.v, GUISE_HC_DMA, GUISE_DMA_MAP, BAD_POINTER, 1, 0), -EFAULT);
}
END_TEST

START_TEST(a_batch_for_a_device_may_name_granters_in_turn)
{
	struct guise_dma_map dma[6] = { { .domid = 5, .ref = 8 },
					{ .domid = 7, .ref = 8 },
					{ .domid = 7, .ref = 8, .flags = GUISE_DMA_RDONLY },
					{ .domid = 7, .ref = 8, .flags = 0x80 },
					{ .domid = 6, .ref = 8 },
					{ .domid = 5, .ref = 9, .flags = GUISE_DMA_RDONLY } };
	static const int32_t want[6] = { [3] = GNTST_general_error, [4] = GNTST_bad_domain };
	grant_entry_v1_t *others = mfn_to_virt(grant_frame(third.d, 0));
	uint32_t cookie[4];

	offer(8, 6, 3, 0);
	offer(9, 6, 4, GTF_readonly);
	others[8] = (grant_entry_v1_t){ GTF_permit_access, 6, (uint32_t)third.mfn[3] };
	ck_assert_int_eq(hc(user.v, GUISE_HC_DMA, GUISE_DMA_MAP, PTR(dma), 6, 0), 0);
	for (unsigned i = 0; i < 6; i++)
		ck_assert_int_eq(dma[i].status, want[i]);
	ck_assert_uint_eq(dma[1].bus, third.mfn[3] << PAGE_SHIFT);
	ck_assert_uint_eq(dma[5].bus, owner.mfn[4] << PAGE_SHIFT);
	ck_assert_uint_eq(holds(3) + holds(4), 2);
	ck_assert_uint_eq(FRAME_HOLDS(frame_of(third.mfn[3])->state), 2);
	ck_assert_uint_eq(user.d->grants->nr_maps, 4);

	cookie[0] = dma[1].cookie;
	cookie[1] = dma[5].cookie;
	cookie[2] = dma[0].cookie;
	ck_assert_int_eq(hc(user.v, GUISE_HC_DMA, GUISE_DMA_UNMAP, PTR(cookie), 3, 0), 0);
	ck_assert_uint_eq(holds(3) + holds(4), 0);
	ck_assert_uint_eq(table[8].flags, GTF_permit_access);
	ck_assert_uint_eq(table[9].flags, GTF_permit_access | GTF_readonly);
	ck_assert_uint_eq(others[8].flags, GTF_permit_access | GTF_reading);
	ck_assert_int_eq(hc(user.v, GUISE_HC_DMA, GUISE_DMA_UNMAP, PTR(&dma[2].cookie), 1, 0), 0);
	ck_assert_uint_eq(others[8].flags, GTF_permit_access);
	ck_assert_uint_eq(user.d->grants->nr_maps + user.d->grants->top_map + user.d->grants->low_map, 0);
}
END_TEST

START_TEST(a_batch_for_a_device_that_finds_no_room_pins_no_more_than_it_has)
{
	struct guise_dma_map dma[2] = { { .domid = 5, .ref = 8 }, { .domid = 5, .ref = 9 } };
	uint32_t cookie;

	offer(8, 6, 3, 0);
	offer(9, 6, 4, 0);
	for (unsigned i = 0; i < GRANT_MAX_MAPS; i++)
		check_that(!hc(user.v, GUISE_HC_DMA, GUISE_DMA_MAP, PTR(dma), 1, 0) && !dma[0].status);
	cookie = 1234;
	ck_assert_int_eq(hc(user.v, GUISE_HC_DMA, GUISE_DMA_UNMAP, PTR(&cookie), 1, 0), 0);
	ck_assert_int_eq(hc(user.v, GUISE_HC_DMA, GUISE_DMA_MAP, PTR(dma), 2, 0), 0);
	ck_assert_int_eq(dma[0].status, GNTST_okay);
	ck_assert_uint_eq(dma[0].cookie, 1234);
	ck_assert_int_eq(dma[1].status, GNTST_no_space);
	ck_assert_uint_eq(table[9].flags, GTF_permit_access);
	ck_assert_uint_eq(holds(3), GRANT_MAX_MAPS);
	ck_assert_uint_eq(holds(4), 0);
}
END_TEST

SUITE(grant)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_mapped_grant_is_reached_at_its_address_and_nowhere_after);
	tcase_add_test(tc, a_mapped_grant_cannot_be_withdrawn);
	tcase_add_test(tc, the_bits_stay_until_the_last_use_ends);
	tcase_add_test(tc, only_the_named_domain_may_use_an_entry);
	tcase_add_test(tc, a_read_only_grant_is_never_written);
	tcase_add_test(tc, a_grant_is_good_for_its_own_slot_only);
	tcase_add_test(tc, only_the_owners_ordinary_frames_can_be_granted);
	tcase_add_test(tc, a_mapping_that_fails_half_way_leaves_no_use_behind);
	tcase_add_test(tc, an_entry_that_changes_while_it_is_claimed_lends_what_it_said);
	tcase_add_test(tc, a_frame_of_the_table_cannot_be_given_back_before_it_is_one);
	tcase_add_test(tc, grants_are_looked_at_when_they_are_used_not_when_an_entry_is_written);
	tcase_add_test(tc, mappings_run_out_without_harm);
	tcase_add_test(tc, a_dead_user_gives_all_back);
	tcase_add_test(tc, a_dead_owner_stays_until_the_last_user_lets_go);
	tcase_add_test(tc, a_frame_pinned_for_a_device_is_held_like_a_mapped_one);
	tcase_add_test(tc, a_bad_dma_element_fails_alone);
	tcase_add_test(tc, a_batch_for_a_device_may_name_granters_in_turn);
	tcase_add_test(tc, a_batch_for_a_device_that_finds_no_room_pins_no_more_than_it_has);
}
