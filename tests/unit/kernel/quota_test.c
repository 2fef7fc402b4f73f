/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * quota_test.c - one domain takes all that it can get of each kind of kernel object; another one gets its own as before.
 */
#include "fake.h"

#include <arch/arch.h>
#include <core/grant.h>
#include <core/handle.h>
#include <core/irq.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>

#define GREEDY 5
#define OTHER  6

static struct guest greedy, other;

static void setup(void)
{
	fake_boot(16384);
	guest_make(&other, OTHER, 64, GUISE_DOMAIN_STOCK);
	guest_make(&greedy, GREEDY, 64, GUISE_DOMAIN_NATIVE);
}

static long more_memory(struct guest *g)
{
	static uint64_t gfn = 1000;
	xen_pfn_t at = gfn++;
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

	set_xen_guest_handle(r.extent_start, &at);
	return hc(g->v, __HYPERVISOR_memory_op, XENMEM_populate_physmap, PTR(&r), 0, 0) == 1 ? 0 : -ENOMEM;
}

static long a_port(struct guest *g)
{
	evtchn_alloc_unbound_t r = { .dom = DOMID_SELF, .remote_dom = 1 };

	return hc(g->v, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, PTR(&r), 0, 0);
}

static long a_grant_frame(struct guest *g)
{
	gnttab_setup_table_t r = { .dom = DOMID_SELF };
	static uint64_t mfns[GRANT_MAX_FRAMES + 1];

	while (grant_frame(g->d, r.nr_frames) != INVALID_MFN)
		r.nr_frames++;
	r.nr_frames++;
	set_xen_guest_handle(r.frame_list, mfns);
	ck_assert_int_eq(hc(g->v, __HYPERVISOR_grant_table_op, GNTTABOP_setup_table, PTR(&r), 1, 0), 0);
	return r.status;
}

/* A use of what the other one grants. */
static long a_grant_use(struct guest *g)
{
	struct guest *from = g == &greedy ? &other : &greedy;
	struct guise_dma_map map = { .domid = from->d->id, .ref = 5 };

	*((grant_entry_v1_t *)mfn_to_virt(grant_frame(from->d, 0)) + 5) = (grant_entry_v1_t){
		(uint16_t)(GTF_permit_access | (((grant_entry_v1_t *)mfn_to_virt(grant_frame(from->d, 0)) + 5)->flags &
						(GTF_reading | GTF_writing))),
		g->d->id, (uint32_t)from->mfn[20]
	};
	ck_assert_int_eq(hc(g->v, GUISE_HC_DMA, GUISE_DMA_MAP, PTR(&map), 1, 0), 0);
	return map.status;
}

static long a_handle(struct guest *g)
{
	struct handle h = { .kind = GUISE_HANDLE_PORT, .nr = 1 };
	int rc = handle_add(g->d, &h);

	return rc < 0 ? rc : 0;
}

static long a_vcpu(struct guest *g)
{
	for (unsigned i = 1; i < MAX_VCPUS; i++)
		if (i >= g->d->max_vcpus || !g->d->vcpu[i])
			return hc(g->v, __HYPERVISOR_vcpu_op, VCPUOP_is_up, i, 0, 0);
	return -ENOENT;
}

/* All that the kernel spends on a domain comes from here. */
static long a_kernel_page(struct guest *g)
{
	return kpages_alloc(0, g->d) ? 0 : -ENOMEM;
}

static const struct kind {
	long (*take)(struct guest *g);
	unsigned least, most; /* that one domain gets	*/
	long end;	      /* and how it is told	*/
} kinds[] = {
	{ more_memory, 1, 64, -ENOMEM },
	{ a_port, 4095, 4095, -ENOSPC },
	{ a_grant_frame, 60, 60, GNTST_general_error },
	{ a_grant_use, 4096, 4096, GNTST_no_space },
	{ a_handle, 127, 127, -ENOSPC },
	{ a_vcpu, 3, 3, -ENOENT },
	{ a_kernel_page, 1000, 3000, -ENOMEM },
};

/* Each kind, by itself. */
START_TEST(one_who_takes_all_he_can_get_takes_nothing_of_anothers)
{
	const struct kind *k = &kinds[_i];
	unsigned n = 0, had = 0;
	long rc;

	while (!(rc = k->take(&greedy)))
		check_that(++n <= k->most);
	ck_assert_int_eq(rc, k->end);
	ck_assert_uint_ge(n, k->least);
	ck_assert_int_eq(k->take(&greedy), k->end); /* and goes on being told so */
	while (had < n && !k->take(&other))
		had++;
	ck_assert_uint_ge(had, k->least);
}
END_TEST

/* All of them, one after the other; then the other one does what it always did. */
START_TEST(one_who_takes_all_of_everything_hurts_nobody)
{
	uint32_t used = other.d->tlb.used, next = 1;
	struct cpu_result r;

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		while (!kinds[i].take(&greedy))
			;
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		ck_assert_int_eq(kinds[i].take(&other), 0);
	guest_map(&other, other.mfn[0], 0x400000, other.mfn[40] << PAGE_SHIFT | 0x67, &next);
	guest_run(&other);
	r = cpu_access(other.v, 0x400000, 0);
	ck_assert(r.ok);
	ck_assert_uint_eq(r.m, other.mfn[40]);
	ck_assert_uint_ge(other.d->tlb.used, used);
}
END_TEST

START_TEST(a_domain_that_fills_its_cache_leaves_the_others_alone)
{
	uint32_t next = 1;

	guest_map(&other, other.mfn[0], 0x400000, other.mfn[40] << PAGE_SHIFT | 0x67, &next);
	guest_run(&other);
	ck_assert(cpu_access(other.v, 0x400000, 0).ok);
	next = other.d->tlb.used;
	/* A top table that is a table at all levels: every address is another way through it. */
	for (unsigned i = 0; i < 512; i++)
		*guest_entry(greedy.mfn[0], i) = greedy.mfn[i % 8] << PAGE_SHIFT | 0x67;
	for (unsigned m = 1; m < 8; m++)
		memcpy(guest_entry(greedy.mfn[m], 0), guest_entry(greedy.mfn[0], 0), PAGE_SIZE);
	guest_run(&greedy);
	for (unsigned i = 0; i < 5000; i++)
		ck_assert(cpu_access(greedy.v, test_random() & 0x7ffffffff000, 0).ok);
	ck_assert_uint_le(greedy.d->tlb.used, greedy.d->tlb.nr);
	ck_assert_uint_eq(other.d->tlb.used, next);
	tlb_check(greedy.d);
	tlb_check(other.d);
}
END_TEST

/* Messages are the machine's: who has a right to one of them takes that one. */
START_TEST(a_right_to_one_message_takes_one)
{
	struct handle one = { .kind = GUISE_HANDLE_IRQ, .first = GUISE_IRQ_MSI + 3, .nr = 1 },
		      all = { .kind = GUISE_HANDLE_IRQ, .nr = NR_IRQS };
	struct guise_msi_alloc r = { .handle = (uint32_t)handle_add(greedy.d, &one) };

	ck_assert_int_eq(hc(greedy.v, GUISE_HC_IRQ, GUISE_IRQ_MSI_ALLOC, PTR(&r), 0, 0), GUISE_IRQ_MSI + 3);
	ck_assert_int_lt(hc(greedy.v, GUISE_HC_IRQ, GUISE_IRQ_MSI_ALLOC, PTR(&r), 0, 0), 0);
	r.handle = (uint32_t)handle_add(other.d, &all);
	for (unsigned i = 0; i < NR_MSI - 1; i++)
		ck_assert_int_gt(hc(other.v, GUISE_HC_IRQ, GUISE_IRQ_MSI_ALLOC, PTR(&r), 0, 0), 0);
}
END_TEST

START_TEST(when_no_more_domains_can_be_made_those_that_are_go_on)
{
	struct guise_domain_create how = { .domid = 100, .max_frames = 10, .max_vcpus = 1, .cache_frames = 32 };
	unsigned n = domain_count;
	int err = 0;

	for (; domain_create(&how, &err); n++, how.domid++)
		check_that(n <= MAX_DOMAINS);
	ck_assert_uint_eq(n, MAX_DOMAINS);
	ck_assert_int_lt(err, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		ck_assert_int_eq(kinds[i].take(&other), 0);
}
END_TEST

SUITE(quota)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, one_who_takes_all_he_can_get_takes_nothing_of_anothers, 0, ARRAY_SIZE(kinds));
	tcase_add_test(tc, one_who_takes_all_of_everything_hurts_nobody);
	tcase_add_test(tc, a_domain_that_fills_its_cache_leaves_the_others_alone);
	tcase_add_test(tc, a_right_to_one_message_takes_one);
	tcase_add_test(tc, when_no_more_domains_can_be_made_those_that_are_go_on);
}
