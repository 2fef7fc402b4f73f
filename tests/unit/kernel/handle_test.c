/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handle_test.c - rights by number, and passing a part of one on.
 */
#include "fake.h"

static struct guest a, b;
static uint32_t manage; /* a's handle on b */

static uint32_t give(struct domain *d, uint32_t kind, uint64_t first, uint64_t nr)
{
	struct handle h = { .kind = kind, .first = first, .nr = nr };
	int n = handle_add(d, &h);

	ck_assert_int_gt(n, 0);
	return (uint32_t)n;
}

static void setup(void)
{
	struct handle h = { .kind = GUISE_HANDLE_DOMAIN, .nr = 1 };

	fake_boot(4096);
	guest_make(&a, 5, 16, GUISE_DOMAIN_STOCK);
	guest_make(&b, 6, 16, GUISE_DOMAIN_STOCK);
	h.target = b.d;
	domain_ref(b.d);
	manage = (uint32_t)handle_add(a.d, &h);
}

static long derive(struct guest *g, uint32_t parent, uint32_t to, uint64_t first, uint64_t nr)
{
	struct guise_handle_derive r = { parent, to, first, nr };

	return hc(g->v, GUISE_HC_HANDLE, GUISE_HANDLE_OP_DERIVE, PTR(&r), 0, 0);
}

START_TEST(a_handle_is_good_for_its_own_kind_only)
{
	uint32_t irq = give(a.d, GUISE_HANDLE_IRQ, 4, 1);
	struct handle out;

	for (uint32_t kind = 0; kind < 8; kind++)
		ck_assert_int_eq(handle_lookup(a.d, irq, kind, &out), kind == GUISE_HANDLE_IRQ ? 0 : -EPERM);
	ck_assert_int_eq(handle_lookup(a.d, 0, GUISE_HANDLE_NONE, &out), -EPERM);
	ck_assert_int_eq(handle_lookup(a.d, NR_HANDLES, GUISE_HANDLE_IRQ, &out), -EPERM);
	ck_assert_int_eq(handle_lookup(a.d, ~0u, GUISE_HANDLE_IRQ, &out), -EPERM);
	ck_assert_ptr_null(handle_domain(a.d, irq));
}
END_TEST

START_TEST(a_derived_range_lies_within_its_parent)
{
	uint32_t p = give(a.d, GUISE_HANDLE_PORT, 100, 50);

	ck_assert_int_gt(derive(&a, p, manage, 100, 50), 0);
	ck_assert_int_gt(derive(&a, p, manage, 149, 1), 0);
	ck_assert_int_eq(derive(&a, p, manage, 99, 1), -EPERM);
	ck_assert_int_eq(derive(&a, p, manage, 150, 1), -EPERM);
	ck_assert_int_eq(derive(&a, p, manage, 149, 2), -EPERM);
	ck_assert_int_eq(derive(&a, p, manage, 100, 0), -EPERM);
	ck_assert_int_eq(derive(&a, p, manage, 100, ~0ull), -EPERM);
	ck_assert_int_eq(derive(&a, p, manage, ~0ull, 2), -EPERM);
	ck_assert(handle_covers(b.d, GUISE_HANDLE_PORT, NULL, 120, 30));
	ck_assert(!handle_covers(b.d, GUISE_HANDLE_PORT, NULL, 120, 31));
	ck_assert(!handle_covers(b.d, GUISE_HANDLE_IRQ, NULL, 120, 1));
}
END_TEST

START_TEST(nothing_can_be_derived_from_or_for_what_one_does_not_hold)
{
	uint32_t p = give(a.d, GUISE_HANDLE_PORT, 100, 50), memory = give(a.d, GUISE_HANDLE_MEMORY, 0, 1);

	ck_assert_int_eq(derive(&a, p, p, 100, 1), -EPERM);
	ck_assert_int_eq(derive(&a, p, 0, 100, 1), -EPERM);
	ck_assert_int_eq(derive(&a, memory, manage, 0, 1), -EPERM);
	ck_assert_int_eq(derive(&a, manage, manage, 0, 1), -EPERM);
	ck_assert_int_eq(derive(&a, NR_HANDLES, manage, 0, 1), -EPERM);
	ck_assert_int_eq(derive(&b, p, manage, 100, 1), -EPERM);
	ck_assert_int_eq(hc(a.v, GUISE_HC_HANDLE, GUISE_HANDLE_OP_DERIVE, BAD_POINTER, 0, 0), -EFAULT);
	ck_assert_int_eq(hc(a.v, GUISE_HC_HANDLE, 9, 0, 0, 0), -ENOSYS);
}
END_TEST

START_TEST(a_dropped_handle_is_gone)
{
	uint32_t p = give(a.d, GUISE_HANDLE_PORT, 100, 50);

	ck_assert_int_eq(hc(a.v, GUISE_HC_HANDLE, GUISE_HANDLE_OP_DROP, p, 0, 0), 0);
	ck_assert_int_eq(hc(a.v, GUISE_HC_HANDLE, GUISE_HANDLE_OP_DROP, p, 0, 0), -EPERM);
	ck_assert_int_eq(hc(a.v, GUISE_HC_HANDLE, GUISE_HANDLE_OP_DROP, ~0ull, 0, 0), -EPERM);
	ck_assert_int_eq(hc(a.v, GUISE_HC_HANDLE, GUISE_HANDLE_OP_DROP, p + (1ull << 32), 0, 0), -EPERM);
	ck_assert(!handle_covers(a.d, GUISE_HANDLE_PORT, NULL, 100, 1));
}
END_TEST

START_TEST(handles_run_out_without_harm)
{
	struct handle h = { .kind = GUISE_HANDLE_IRQ, .nr = 1 };
	unsigned nr = 0;

	while (handle_add(b.d, &h) > 0)
		nr++;
	ck_assert_uint_eq(nr, NR_HANDLES - 1);
	ck_assert_int_eq(derive(&a, give(a.d, GUISE_HANDLE_IRQ, 0, 9), manage, 0, 1), -ENOSPC);
}
END_TEST

START_TEST(a_domain_lives_as_long_as_a_handle_names_it)
{
	struct handle out;
	uint32_t refs = b.d->refs;

	ck_assert_int_eq(handle_lookup(a.d, manage, GUISE_HANDLE_DOMAIN, &out), 0);
	ck_assert_uint_eq(b.d->refs, refs + 1);
	domain_put(out.target);
	ck_assert_int_eq(handle_drop(a.d, manage), 0);
	ck_assert_uint_eq(b.d->refs, refs - 1);
	ck_assert(!handle_covers(a.d, GUISE_HANDLE_DOMAIN, b.d, 0, 0));
}
END_TEST

/* ---- what handles are for: managing a domain ---- */

static long domain_op(unsigned op, void *arg)
{
	return hc(a.v, GUISE_HC_DOMAIN, op, PTR(arg), 0, 0);
}

START_TEST(a_domain_is_made_by_whoever_may_give_memory)
{
	struct guise_domain_create how = { .memory = 1, .domid = 9, .max_frames = 100, .max_vcpus = 1 };
	struct guise_domain_create bad;

	ck_assert_int_eq(domain_op(GUISE_DOMAIN_CREATE, &how), -EPERM);
	how.memory = give(a.d, GUISE_HANDLE_MEMORY, 0, 1);
	bad = how, bad.domid = 0;
	ck_assert_int_eq(domain_op(GUISE_DOMAIN_CREATE, &bad), -EINVAL);
	bad = how, bad.domid = 0x7ff0;
	ck_assert_int_eq(domain_op(GUISE_DOMAIN_CREATE, &bad), -EINVAL);
	bad = how, bad.domid = 6;
	ck_assert_int_eq(domain_op(GUISE_DOMAIN_CREATE, &bad), -EEXIST);
	bad = how, bad.max_vcpus = 33;
	ck_assert_int_eq(domain_op(GUISE_DOMAIN_CREATE, &bad), -EINVAL);
	bad = how, bad.max_vcpus = 0;
	ck_assert_int_eq(domain_op(GUISE_DOMAIN_CREATE, &bad), -EINVAL);
	bad = how, bad.priority = 3;
	ck_assert_int_eq(domain_op(GUISE_DOMAIN_CREATE, &bad), -EINVAL);
	bad = how, bad.max_frames = ~0ull;
	ck_assert_int_eq(domain_op(GUISE_DOMAIN_CREATE, &bad), -EINVAL);
	ck_assert_int_gt(domain_op(GUISE_DOMAIN_CREATE, &how), 0);
}
END_TEST

START_TEST(a_domain_gets_no_more_frames_than_its_limit)
{
	struct guise_domain_create how = { .domid = 9, .max_frames = 1000, .max_vcpus = 1 };
	static uint64_t mfns[2000];
	struct guise_domain_populate p = { .nr = 2000, .mfns = PTR(mfns) };
	struct guise_domain_info info = { 0 };
	long rc, got;

	how.memory = give(a.d, GUISE_HANDLE_MEMORY, 0, 1);
	p.handle = info.handle = (uint32_t)domain_op(GUISE_DOMAIN_CREATE, &how);
	for (rc = 0; (got = domain_op(GUISE_DOMAIN_POPULATE, &p)) > 0; rc += got) {
		p.first_gfn += (uint64_t)got;
		p.mfns += (uint64_t)got * 8;
	}
	ck_assert_int_eq(got, -ENOMEM);
	ck_assert_int_gt(rc, 900);
	ck_assert_int_eq(domain_op(GUISE_DOMAIN_INFO, &info), 0);
	ck_assert_uint_eq(info.frames, 1000);
	for (long i = 0; i < rc; i++)
		check_that(frame_owned_by(mfns[i], 9) && fake_m2p(mfns[i]) == (uint64_t)i);
	ck_assert_int_eq(domain_op(GUISE_DOMAIN_POPULATE, &p), -ENOMEM);
	p.first_gfn = ~0ull;
	ck_assert_int_eq(domain_op(GUISE_DOMAIN_POPULATE, &p), -EINVAL);
	fake.preempt = 1;
	ck_assert_int_eq(hc(a.v, GUISE_HC_DOMAIN, GUISE_DOMAIN_DESTROY, info.handle, 0, 0), 0);
	ck_assert_uint_gt(fake.continued, 5);
	ck_assert_int_eq(domain_op(GUISE_DOMAIN_INFO, &info), -EPERM);
}
END_TEST

START_TEST(only_a_managed_domains_own_frames_are_copied)
{
	char buf[64] = "hello";
	struct guise_domain_copy c = {
		.handle = manage, .dir = GUISE_COPY_WRITE, .mfn = b.mfn[2], .offset = 4090, .len = 6, .buffer = PTR(buf)
	};

	ck_assert_int_eq(domain_op(GUISE_DOMAIN_COPY, &c), 0);
	ck_assert_str_eq((char *)mfn_to_virt(b.mfn[2]) + 4090, "hello");
	c.len = 7;
	ck_assert_int_eq(domain_op(GUISE_DOMAIN_COPY, &c), -EINVAL);
	c.offset = ~0u;
	ck_assert_int_eq(domain_op(GUISE_DOMAIN_COPY, &c), -EINVAL);
	c.offset = 0;
	c.mfn = a.mfn[1];
	ck_assert_int_eq(domain_op(GUISE_DOMAIN_COPY, &c), -EPERM);
	c.mfn = ~0ull;
	ck_assert_int_eq(domain_op(GUISE_DOMAIN_COPY, &c), -EPERM);
	c.mfn = b.mfn[2];
	c.dir = 2;
	ck_assert_int_eq(domain_op(GUISE_DOMAIN_COPY, &c), -EINVAL);
	c.dir = GUISE_COPY_READ;
	c.buffer = BAD_POINTER;
	ck_assert_int_eq(domain_op(GUISE_DOMAIN_COPY, &c), -EFAULT);
	ck_assert_uint_eq(FRAME_HOLDS(frame_of(b.mfn[2])->state), 0);
}
END_TEST

SUITE(handle)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_handle_is_good_for_its_own_kind_only);
	tcase_add_test(tc, a_derived_range_lies_within_its_parent);
	tcase_add_test(tc, nothing_can_be_derived_from_or_for_what_one_does_not_hold);
	tcase_add_test(tc, a_dropped_handle_is_gone);
	tcase_add_test(tc, handles_run_out_without_harm);
	tcase_add_test(tc, a_domain_lives_as_long_as_a_handle_names_it);
	tcase_add_test(tc, a_domain_is_made_by_whoever_may_give_memory);
	tcase_add_test(tc, a_domain_gets_no_more_frames_than_its_limit);
	tcase_add_test(tc, only_a_managed_domains_own_frames_are_copied);
}
