/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * grant_copy_test.c - copying between an own frame and a granted one; the table itself.
 */
#include "fake.h"

#include <core/grant.h>
#include <xen/grant_table.h>

static struct guest owner, user;
static grant_entry_v1_t *table;

static void setup(void)
{
	fake_boot(4096);
	guest_make(&owner, 5, 64, GUISE_DOMAIN_STOCK);
	guest_make(&user, 6, 64, GUISE_DOMAIN_STOCK);
	table = mfn_to_virt(grant_frame(owner.d, 0));
	table[8] = (grant_entry_v1_t){ GTF_permit_access, 6, (uint32_t)owner.mfn[3] };
	table[9] = (grant_entry_v1_t){ GTF_permit_access | GTF_readonly, 6, (uint32_t)owner.mfn[4] };
	memset(mfn_to_virt(owner.mfn[3]), 'o', PAGE_SIZE);
	memset(mfn_to_virt(owner.mfn[4]), 'r', PAGE_SIZE);
	memset(mfn_to_virt(user.mfn[3]), 'u', PAGE_SIZE);
}

static gnttab_copy_t in(uint32_t ref)
{
	return (gnttab_copy_t){ .source = { .u.ref = ref, .domid = 5 },
				.dest = { .u.gmfn = user.mfn[3], .domid = DOMID_SELF },
				.len = PAGE_SIZE,
				.flags = GNTCOPY_source_gref };
}

static gnttab_copy_t out(uint32_t ref)
{
	return (gnttab_copy_t){ .source = { .u.gmfn = user.mfn[3], .domid = DOMID_SELF },
				.dest = { .u.ref = ref, .domid = 5 },
				.len = PAGE_SIZE,
				.flags = GNTCOPY_dest_gref };
}

static int16_t copy(gnttab_copy_t op)
{
	ck_assert_int_eq(hc(user.v, __HYPERVISOR_grant_table_op, GNTTABOP_copy, PTR(&op), 1, 0), 0);
	for (unsigned i = 0; i < 16; i++)
		check_that(FRAME_HOLDS(frame_of(owner.mfn[i])->state) == 0 &&
			   FRAME_HOLDS(frame_of(user.mfn[i])->state) == 0);
	check_that(table[8].flags == GTF_permit_access && table[9].flags == (GTF_permit_access | GTF_readonly));
	return op.status;
}

START_TEST(a_copy_moves_exactly_the_bytes_it_names)
{
	gnttab_copy_t op = in(8);
	char *to = mfn_to_virt(user.mfn[3]);

	op.source.offset = 100;
	op.dest.offset = 200;
	op.len = 300;
	ck_assert_int_eq(copy(op), GNTST_okay);
	for (unsigned i = 0; i < PAGE_SIZE; i++)
		check_that(to[i] == (i >= 200 && i < 500 ? 'o' : 'u'));
}
END_TEST

START_TEST(a_copy_out_needs_a_writable_grant)
{
	ck_assert_int_eq(copy(out(9)), GNTST_general_error);
	ck_assert_int_eq(*(char *)mfn_to_virt(owner.mfn[4]), 'r');
	ck_assert_int_eq(copy(out(8)), GNTST_okay);
	ck_assert_int_eq(*(char *)mfn_to_virt(owner.mfn[3]), 'u');
	ck_assert_int_eq(copy(in(9)), GNTST_okay);
}
END_TEST

START_TEST(a_copy_past_the_end_of_a_frame_is_refused)
{
	static const uint16_t bad[][2] = {
		{ 1, PAGE_SIZE }, { PAGE_SIZE, 1 }, { 0xffff, 2 }, { 4000, 97 }, { 0, 0xffff }
	};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		gnttab_copy_t op = in(8);

		op.source.offset = bad[i][0];
		op.len = bad[i][1];
		ck_assert_int_eq(copy(op), GNTST_bad_copy_arg);
		op = in(8);
		op.dest.offset = bad[i][0];
		op.len = bad[i][1];
		ck_assert_int_eq(copy(op), GNTST_bad_copy_arg);
	}
}
END_TEST

START_TEST(a_foreign_frame_is_reached_by_grant_only)
{
	gnttab_copy_t op = in(8);

	op.flags = 0;
	op.source.u.gmfn = owner.mfn[3];
	ck_assert_int_eq(copy(op), GNTST_permission_denied);
	op.source.domid = DOMID_SELF;
	ck_assert_int_eq(copy(op), GNTST_bad_page);
	op = in(8);
	op.dest.u.gmfn = owner.mfn[3];
	ck_assert_int_eq(copy(op), GNTST_bad_page);
	op.dest.u.gmfn = INVALID_MFN;
	ck_assert_int_eq(copy(op), GNTST_bad_page);
	op = in(8);
	op.source.domid = 99;
	ck_assert_int_eq(copy(op), GNTST_bad_domain);
	op = in(8);
	op.flags |= 0x100;
	ck_assert_int_eq(copy(op), GNTST_general_error);
}
END_TEST

START_TEST(a_copy_between_two_grants_holds_neither_afterwards)
{
	gnttab_copy_t op = { .source = { .u.ref = 9, .domid = 5 },
			     .dest = { .u.ref = 8, .domid = 5 },
			     .len = 10,
			     .flags = GNTCOPY_source_gref | GNTCOPY_dest_gref };

	ck_assert_int_eq(copy(op), GNTST_okay);
	ck_assert_int_eq(memcmp(mfn_to_virt(owner.mfn[3]), "rrrrrrrrrro", 11), 0);
	op.source.u.ref = 8; /* the same frame on both sides */
	op.source.offset = 5;
	op.len = 100;
	ck_assert_int_eq(copy(op), GNTST_okay);
	ck_assert_int_eq(memcmp(mfn_to_virt(owner.mfn[3]), "rrrrrooooo", 10), 0);
}
END_TEST

START_TEST(a_long_array_is_finished_whatever_interrupts_it)
{
	gnttab_copy_t op[50];

	for (unsigned i = 0; i < 50; i++) {
		op[i] = in(i % 3 ? 8 : 77);
		op[i].len = 1;
	}
	fake.preempt = 3;
	ck_assert_int_eq(hc(user.v, __HYPERVISOR_grant_table_op, GNTTABOP_copy, PTR(op), 50, 0), 0);
	ck_assert_uint_ge(fake.continued, 3);
	for (unsigned i = 0; i < 50; i++)
		ck_assert_int_eq(op[i].status, i % 3 ? GNTST_okay : GNTST_bad_gntref);
	ck_assert_int_eq(copy(in(8)), GNTST_okay); /* and nothing is held */
}
END_TEST

/* A side that copies have in common is opened once: with what they differ in, it is another one. */
START_TEST(copies_of_one_call_each_have_their_own_sides)
{
	struct guest third;
	gnttab_copy_t op[6] = { out(8), out(8), out(9), in(9), in(9), in(8) };
	char *mine = mfn_to_virt(user.mfn[3]), *theirs;

	guest_make(&third, 7, 64, GUISE_DOMAIN_STOCK);
	((grant_entry_v1_t *)mfn_to_virt(grant_frame(third.d, 0)))[9] =
		(grant_entry_v1_t){ GTF_permit_access, 6, (uint32_t)third.mfn[4] };
	theirs = mfn_to_virt(third.mfn[4]);
	memset(theirs, 't', PAGE_SIZE);
	for (unsigned i = 0; i < 6; i++) {
		op[i].len = 10;
		op[i].source.offset = op[i].dest.offset = (uint16_t)(i * 10);
	}
	op[4].source.domid = 7; /* the same number, of another table */
	ck_assert_int_eq(hc(user.v, __HYPERVISOR_grant_table_op, GNTTABOP_copy, PTR(op), 6, 0), 0);
	for (unsigned i = 0; i < 6; i++)
		ck_assert_int_eq(op[i].status, i == 2 ? GNTST_general_error : GNTST_okay);
	ck_assert_int_eq(memcmp(mfn_to_virt(owner.mfn[3]), "uuuuuuuuuuuuuuuuuuuuo", 21), 0);
	ck_assert_int_eq(memcmp(mine + 29, "urrrrrrrrrrttttttttttoooooooooou", 32), 0);
	ck_assert_uint_eq(FRAME_HOLDS(frame_of(third.mfn[4])->state), 0);
	ck_assert_int_eq(copy(in(8)), GNTST_okay); /* and nothing is held */
}
END_TEST

START_TEST(the_table_grows_up_to_its_limit)
{
	xen_pfn_t frames[GRANT_MAX_FRAMES + 1];
	gnttab_setup_table_t op = { .dom = DOMID_SELF, .nr_frames = GRANT_MAX_FRAMES };
	gnttab_query_size_t size = { .dom = DOMID_SELF };

	set_xen_guest_handle(op.frame_list, frames);
	ck_assert_int_eq(hc(user.v, __HYPERVISOR_grant_table_op, GNTTABOP_setup_table, PTR(&op), 1, 0), 0);
	ck_assert_int_eq(op.status, GNTST_okay);
	for (unsigned i = 0; i < GRANT_MAX_FRAMES; i++)
		ck_assert(frame_owned_by(frames[i], 6) && frame_of(frames[i])->flags & FRAME_SHARED);
	op.nr_frames++;
	ck_assert_int_eq(hc(user.v, __HYPERVISOR_grant_table_op, GNTTABOP_setup_table, PTR(&op), 1, 0), 0);
	ck_assert_int_eq(op.status, GNTST_general_error);
	ck_assert_int_eq(hc(user.v, __HYPERVISOR_grant_table_op, GNTTABOP_query_size, PTR(&size), 1, 0), 0);
	ck_assert_uint_eq(size.nr_frames, GRANT_MAX_FRAMES);
	op = (gnttab_setup_table_t){ .dom = 5, .nr_frames = 1 };
	set_xen_guest_handle(op.frame_list, frames);
	ck_assert_int_eq(hc(user.v, __HYPERVISOR_grant_table_op, GNTTABOP_setup_table, PTR(&op), 1, 0), 0);
	ck_assert_int_eq(op.status, GNTST_permission_denied);
	ck_assert_int_eq(domain_destroy(user.d), 0);
}
END_TEST

SUITE(grant_copy)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_copy_moves_exactly_the_bytes_it_names);
	tcase_add_test(tc, a_copy_out_needs_a_writable_grant);
	tcase_add_test(tc, a_copy_past_the_end_of_a_frame_is_refused);
	tcase_add_test(tc, a_foreign_frame_is_reached_by_grant_only);
	tcase_add_test(tc, a_copy_between_two_grants_holds_neither_afterwards);
	tcase_add_test(tc, a_long_array_is_finished_whatever_interrupts_it);
	tcase_add_test(tc, copies_of_one_call_each_have_their_own_sides);
	tcase_add_test(tc, the_table_grows_up_to_its_limit);
}
