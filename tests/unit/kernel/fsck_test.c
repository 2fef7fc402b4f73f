/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fsck_test.c - the books derived anew (tests/debug/fsck.c) agree with the kernel's, and would not if those were wrong.
 */
#include "fake.h"

#include "../../debug/fsck.h"

#include <arch/arch.h>
#include <arch/paging.h>
#include <arch/percpu.h>
#include <arch/x86.h>
#include <core/event.h>
#include <core/grant.h>
#include <guise.h>

#define VA  0x400000ull
#define REF 8

static struct guest owner, user;
static struct guise_system_check found;

/* One uses a frame of the other's, each has a port to the other, and tables that are cached. */
static void setup(void)
{
	evtchn_alloc_unbound_t a = { .dom = DOMID_SELF, .remote_dom = 6 };
	evtchn_bind_interdomain_t b = { .remote_dom = 5 };
	gnttab_map_grant_ref_t op = { .host_addr = VA, .ref = REF, .dom = 5, .flags = GNTMAP_host_map };
	uint32_t next = 1;

	fake_boot(4096);
	guest_make(&owner, 5, 64, GUISE_DOMAIN_STOCK);
	guest_make(&user, 6, 64, GUISE_DOMAIN_STOCK);
	guest_map(&user, user.mfn[0], VA, 0, &next);
	guest_map(&user, user.mfn[0], VA + PAGE_SIZE, user.mfn[40] << PAGE_SHIFT | PTE_P | PTE_RW, &next);
	owner.d->grants->entry[0][REF] = (grant_entry_v1_t){ GTF_permit_access, 6, (uint32_t)owner.mfn[3] };
	ck_assert_int_eq(hc(user.v, __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, PTR(&op), 1, 0), 0);
	ck_assert_int_eq(op.status, GNTST_okay);
	ck_assert_int_eq(hc(owner.v, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, PTR(&a), 0, 0), 0);
	b.remote_port = a.port;
	ck_assert_int_eq(hc(user.v, __HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, PTR(&b), 0, 0), 0);
	guest_run(&user);
	ck_assert(cpu_access(user.v, VA, PF_WRITE).ok && cpu_access(user.v, VA + PAGE_SIZE, PF_WRITE).ok);
}

static struct tlb_node *leaves(void)
{
	for (uint32_t n = 0; n < user.d->tlb.fresh; n++)
		if (user.d->tlb.node[n].level == 1)
			return &user.d->tlb.node[n];
	ck_abort_msg("nothing is cached");
}

static uint64_t *cached(unsigned i)
{
	return &node_entries(&user.d->tlb, (uint32_t)(leaves() - user.d->tlb.node))[i];
}

static unsigned faults(void)
{
	fsck_faults = 0;
	fsck_expected = true;
	fsck(&found);
	fsck_expected = false;
	return fsck_faults;
}

START_TEST(what_agrees_is_counted)
{
	ck_assert_uint_eq(faults(), 0);
	ck_assert_uint_eq(found.domains, 2);
	ck_assert_uint_eq(found.frames, 4096);
	ck_assert_uint_eq(found.holds, 1);
	ck_assert_uint_eq(found.uses, 1);
	ck_assert_uint_eq(found.ports, 2);
	ck_assert_uint_eq(found.translations, 2);
}
END_TEST

/* The state is wrong between the two, by no more than this. */
#define NOTICED(wrong, right)                   \
	do {                                    \
		wrong;                          \
		ck_assert_uint_gt(faults(), 0); \
		right;                          \
		ck_assert_uint_eq(faults(), 0); \
	} while (0)

START_TEST(a_translation_to_a_frame_that_is_not_the_domains_is_noticed)
{
	uint64_t *e = cached(1), was = *e, foreign = owner.mfn[5] << PAGE_SHIFT;

	NOTICED(*e = (was & ~PTE_FRAME) | foreign, *e = was);
	NOTICED(*e = (was & ~(PTE_FRAME | PTE_OWN)) | foreign, *e = was);
	NOTICED(*e = was & ~PTE_P, *e = was);
}
END_TEST

START_TEST(a_grant_that_is_cached_beyond_its_mapping_is_noticed)
{
	struct grant_map *map = grant_map_at(user.d->grants, 0);

	NOTICED(map->index++, map->index--);
	NOTICED(map->writable = false, map->writable = true);
	NOTICED(map->kind = GRANT_MAP_DMA, map->kind = GRANT_MAP_CPU);
	NOTICED(cached(2)[0] = *cached(0), cached(2)[0] = 0);
}
END_TEST

START_TEST(wrong_books_of_the_cache_are_noticed)
{
	struct tlb *t = &user.d->tlb;
	struct tlb_node *n = leaves();
	uint64_t lines = n->lines;

	NOTICED(n->refs++, n->refs--);
	NOTICED(n->level = 2, n->level = 1);
	NOTICED(n->lines = 0, n->lines = lines);
	NOTICED(t->used++, t->used--);
	NOTICED(frame_table[n->table].cached++, frame_table[n->table].cached--);
	NOTICED(boot_cpu.cr3 += PAGE_SIZE, boot_cpu.cr3 -= PAGE_SIZE);
	NOTICED(t->cpus = 0, t->cpus = 1);
}
END_TEST

START_TEST(wrong_owners_and_holds_are_noticed)
{
	struct frame *f = frame_of(owner.mfn[7]);
	uint64_t was = f->state;

	NOTICED(f->state = FRAME_STATE(6, 0), f->state = was);
	NOTICED(f->state = FRAME_STATE(9, 0), f->state = was);
	NOTICED(f->state = FRAME_STATE(OWNER_FREE, 0), f->state = was);
	NOTICED(f->state++, f->state--);
	NOTICED(owner.d->frames++, owner.d->frames--);
	NOTICED(frame_of(owner.mfn[3])->state--, frame_of(owner.mfn[3])->state++);
}
END_TEST

START_TEST(wrong_uses_ports_and_references_are_noticed)
{
	struct grant_uses *u = &owner.d->grants->uses[0][REF];
	struct port *p = &user.d->ports[0][1];

	NOTICED(u->reads++, u->reads--);
	NOTICED(u->writes--, u->writes++);
	NOTICED(owner.d->grants->nr_used++, owner.d->grants->nr_used--);
	NOTICED(user.d->grants->nr_maps++, user.d->grants->nr_maps--);
	NOTICED(p->remote_port++, p->remote_port--);
	NOTICED(p->state = PORT_UNBOUND, p->state = PORT_INTERDOMAIN);
	NOTICED(user.d->nr_ports++, user.d->nr_ports--);
	NOTICED(domain_ref(user.d), domain_put(user.d));
}
END_TEST

SUITE(fsck)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, what_agrees_is_counted);
	tcase_add_test(tc, a_translation_to_a_frame_that_is_not_the_domains_is_noticed);
	tcase_add_test(tc, a_grant_that_is_cached_beyond_its_mapping_is_noticed);
	tcase_add_test(tc, wrong_books_of_the_cache_are_noticed);
	tcase_add_test(tc, wrong_owners_and_holds_are_noticed);
	tcase_add_test(tc, wrong_uses_ports_and_references_are_noticed);
}
