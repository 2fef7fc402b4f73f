/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * event_test.c - event channels: who may bind what, what is raised where, and what a close leaves.
 */
#include "fake.h"

#include <core/event.h>
#include <core/irq.h>
#include <xen/event_channel.h>

static struct guest a, b, c;

static void setup(void)
{
	fake_boot(4096);
	guest_make(&a, 5, 16, GUISE_DOMAIN_STOCK);
	guest_make(&b, 6, 16, GUISE_DOMAIN_STOCK);
	guest_make(&c, 7, 16, GUISE_DOMAIN_STOCK);
}

static long op(struct guest *g, unsigned cmd, void *arg)
{
	return hc(g->v, __HYPERVISOR_event_channel_op, cmd, PTR(arg), 0, 0);
}

static uint32_t alloc(struct guest *g, uint16_t remote)
{
	evtchn_alloc_unbound_t r = { .dom = DOMID_SELF, .remote_dom = remote };

	ck_assert_int_eq(op(g, EVTCHNOP_alloc_unbound, &r), 0);
	return r.port;
}

static long bind(struct guest *g, uint16_t remote, uint32_t port, uint32_t *local)
{
	evtchn_bind_interdomain_t r = { .remote_dom = remote, .remote_port = port };
	long rc = op(g, EVTCHNOP_bind_interdomain, &r);

	*local = r.local_port;
	return rc;
}

static uint32_t status(struct guest *g, uint32_t port)
{
	evtchn_status_t s = { .dom = DOMID_SELF, .port = port };

	ck_assert_int_eq(op(g, EVTCHNOP_status, &s), 0);
	return s.status;
}

static long send(struct guest *g, uint32_t port)
{
	evtchn_send_t s = { port };

	return op(g, EVTCHNOP_send, &s);
}

static long close_port(struct guest *g, uint32_t port)
{
	evtchn_close_t r = { port };

	return op(g, EVTCHNOP_close, &r);
}

static bool pending(struct guest *g, uint32_t port)
{
	return g->d->shared->evtchn_pending[port / 64] >> port % 64 & 1;
}

static void set_mask(struct guest *g, uint32_t port, bool masked)
{
	unsigned long bit = 1ul << port % 64;

	g->d->shared->evtchn_mask[port / 64] &= ~bit;
	g->d->shared->evtchn_mask[port / 64] |= masked ? bit : 0;
}

/* a's port bound to b's. */
static void pair(uint32_t *pa, uint32_t *pb)
{
	*pa = alloc(&a, 6);
	ck_assert_int_eq(bind(&b, 5, *pa, pb), 0);
	b.d->shared->evtchn_pending[*pb / 64] = 0;
}

START_TEST(an_event_arrives_at_the_other_end_only)
{
	uint32_t pa, pb;

	pair(&pa, &pb);
	set_mask(&a, pa, false);
	ck_assert_int_eq(send(&b, pb), 0);
	ck_assert(pending(&a, pa));
	ck_assert(!pending(&b, pb));
	ck_assert_uint_eq(a.v->info->evtchn_pending_sel, 1ul << pa / 64);
	ck_assert_uint_eq(a.v->info->evtchn_upcall_pending, 1);
}
END_TEST

START_TEST(a_masked_event_is_kept_until_it_is_unmasked)
{
	uint32_t pa, pb;
	evtchn_unmask_t u;

	pair(&pa, &pb);
	ck_assert_int_eq(send(&b, pb), 0);
	ck_assert(pending(&a, pa));
	ck_assert_uint_eq(a.v->info->evtchn_upcall_pending, 0);
	u.port = pa;
	ck_assert_int_eq(op(&a, EVTCHNOP_unmask, &u), 0);
	ck_assert_uint_eq(a.v->info->evtchn_upcall_pending, 1);
	ck_assert_uint_eq(a.v->info->evtchn_pending_sel, 1ul << pa / 64);
}
END_TEST

START_TEST(an_unbound_port_can_only_be_bound_by_the_domain_it_names)
{
	uint32_t pa = alloc(&a, 6), local;

	ck_assert_int_eq(bind(&c, 5, pa, &local), -EINVAL);
	ck_assert_int_eq(bind(&a, 5, pa, &local), -EINVAL);
	ck_assert_int_eq(bind(&b, 5, pa + 1, &local), -EINVAL);
	ck_assert_int_eq(bind(&b, 5, 0, &local), -EINVAL);
	ck_assert_int_eq(bind(&b, 5, NR_PORTS, &local), -EINVAL);
	ck_assert_int_eq(bind(&b, 5, 0xffffffff, &local), -EINVAL);
	ck_assert_int_eq(bind(&b, 77, pa, &local), -ESRCH);
	ck_assert_int_eq(bind(&b, 5, pa, &local), 0);
}
END_TEST

START_TEST(a_bound_port_cannot_be_bound_again)
{
	uint32_t pa, pb, local;

	pair(&pa, &pb);
	ck_assert_int_eq(bind(&b, 5, pa, &local), -EINVAL);
	ck_assert_int_eq(bind(&a, 6, pb, &local), -EINVAL);
}
END_TEST

static uint32_t other_end;

static void bind_meanwhile(void)
{
	ck_assert_int_eq(bind(&b, 5, 1, &other_end), 0);
}

START_TEST(a_port_that_is_bound_while_it_is_closed_leaves_nobody_bound_to_it)
{
	uint32_t pa = alloc(&a, 6);

	ck_assert_uint_eq(pa, 1);
	fake.faster.lock = &a.d->event_lock;
	fake.faster.nth = 2; /* first it looks who is at the other end */
	fake.faster.act = bind_meanwhile;
	ck_assert_int_eq(close_port(&a, pa), 0);
	ck_assert_uint_ne(other_end, 0);
	ck_assert_uint_eq(status(&b, other_end), EVTCHNSTAT_unbound);
	ck_assert_uint_eq(alloc(&a, 7), pa);
	ck_assert_int_eq(send(&b, other_end), 0);
	ck_assert(!pending(&a, pa));
}
END_TEST

START_TEST(a_failed_bind_leaves_no_port_behind)
{
	uint32_t pa = alloc(&a, 6), local, before = alloc(&c, 5), after;

	ck_assert_int_eq(bind(&c, 5, pa, &local), -EINVAL);
	after = alloc(&c, 5);
	ck_assert_uint_eq(after, before + 1);
}
END_TEST

START_TEST(what_was_sent_before_the_binding_is_not_lost)
{
	uint32_t pa = alloc(&a, 6), pb;

	ck_assert_int_eq(send(&a, pa), 0);
	ck_assert_int_eq(bind(&b, 5, pa, &pb), 0);
	ck_assert(pending(&b, pb));
}
END_TEST

START_TEST(a_closed_end_leaves_the_other_open_to_the_same_domain)
{
	uint32_t pa, pb, again;

	pair(&pa, &pb);
	ck_assert_int_eq(close_port(&b, pb), 0);
	ck_assert_uint_eq(status(&a, pa), EVTCHNSTAT_unbound);
	ck_assert_uint_eq(status(&b, pb), EVTCHNSTAT_closed);
	ck_assert_int_eq(send(&a, pa), 0);
	ck_assert_int_eq(bind(&c, 5, pa, &again), -EINVAL);
	ck_assert_int_eq(bind(&b, 5, pa, &again), 0);
	ck_assert_int_eq(send(&a, pa), 0);
	ck_assert(pending(&b, again));
}
END_TEST

START_TEST(a_dead_domains_peers_can_be_bound_by_its_next_incarnation)
{
	uint32_t pa, pb, again;

	pair(&pa, &pb);
	ck_assert_int_eq(domain_destroy(b.d), 0);
	ck_assert_uint_eq(status(&a, pa), EVTCHNSTAT_unbound);
	ck_assert_int_eq(send(&a, pa), 0);
	guest_make(&b, 6, 16, GUISE_DOMAIN_STOCK);
	ck_assert_int_eq(bind(&b, 5, pa, &again), 0);
	ck_assert_int_eq(send(&a, pa), 0);
	ck_assert(pending(&b, again));
}
END_TEST

START_TEST(a_domain_may_talk_to_itself)
{
	uint32_t p = alloc(&a, DOMID_SELF), q;

	ck_assert_int_eq(bind(&a, 5, p, &q), 0);
	ck_assert_int_eq(send(&a, p), 0);
	ck_assert(pending(&a, q));
	ck_assert_int_eq(close_port(&a, q), 0);
	ck_assert_uint_eq(status(&a, p), EVTCHNSTAT_unbound);
	ck_assert_int_eq(close_port(&a, p), 0);
}
END_TEST

START_TEST(a_closed_port_is_masked_and_not_pending)
{
	uint32_t pa, pb;

	pair(&pa, &pb);
	set_mask(&a, pa, false);
	ck_assert_int_eq(send(&b, pb), 0);
	ck_assert_int_eq(close_port(&a, pa), 0);
	ck_assert(!pending(&a, pa));
	ck_assert(a.d->shared->evtchn_mask[pa / 64] >> pa % 64 & 1);
	ck_assert_int_eq(close_port(&a, pa), -EINVAL);
	ck_assert_int_eq(send(&a, pa), -EINVAL);
	ck_assert_int_eq(send(&b, pb), 0);
	ck_assert(!pending(&a, pa));
}
END_TEST

START_TEST(ports_of_others_need_a_right_to_manage_them)
{
	evtchn_alloc_unbound_t r = { .dom = 6, .remote_dom = 5 };
	struct handle h = { .kind = GUISE_HANDLE_DOMAIN, .nr = 1, .target = b.d };

	ck_assert_int_eq(op(&a, EVTCHNOP_alloc_unbound, &r), -EPERM);
	domain_ref(b.d);
	ck_assert_int_gt(handle_add(a.d, &h), 0);
	ck_assert_int_eq(op(&a, EVTCHNOP_alloc_unbound, &r), 0);
	ck_assert_uint_eq(status(&b, r.port), EVTCHNSTAT_unbound);
	r.dom = 99;
	ck_assert_int_eq(op(&a, EVTCHNOP_alloc_unbound, &r), -ESRCH);
}
END_TEST

START_TEST(a_virq_is_bound_once_a_vcpu)
{
	evtchn_bind_virq_t r = { .virq = VIRQ_TIMER, .vcpu = 0 };

	ck_assert_int_eq(op(&a, EVTCHNOP_bind_virq, &r), 0);
	ck_assert_int_eq(op(&a, EVTCHNOP_bind_virq, &r), -EEXIST);
	event_virq(a.v, VIRQ_TIMER);
	ck_assert(pending(&a, r.port));
	ck_assert_int_eq(send(&a, r.port), -EINVAL);
	ck_assert_int_eq(close_port(&a, r.port), 0);
	event_virq(a.v, VIRQ_TIMER);
	ck_assert(!pending(&a, r.port));
	ck_assert_int_eq(op(&a, EVTCHNOP_bind_virq, &r), 0);
	r = (evtchn_bind_virq_t){ .virq = 24 };
	ck_assert_int_eq(op(&a, EVTCHNOP_bind_virq, &r), -EINVAL);
	r = (evtchn_bind_virq_t){ .virq = VIRQ_TIMER, .vcpu = 3 };
	ck_assert_int_eq(op(&a, EVTCHNOP_bind_virq, &r), -ENOENT);
	r.vcpu = 0xffffffff;
	ck_assert_int_eq(op(&a, EVTCHNOP_bind_virq, &r), -ENOENT);
}
END_TEST

START_TEST(only_a_builder_is_told_of_domains_ends)
{
	evtchn_bind_virq_t r = { .virq = VIRQ_DOM_EXC };
	struct handle h = { .kind = GUISE_HANDLE_MEMORY, .nr = 1 };

	ck_assert_int_eq(op(&a, EVTCHNOP_bind_virq, &r), -EPERM);
	ck_assert_int_gt(handle_add(a.d, &h), 0);
	ck_assert_int_gt(handle_add(b.d, &h), 0);
	ck_assert_int_eq(op(&a, EVTCHNOP_bind_virq, &r), 0);
	ck_assert_int_eq(op(&b, EVTCHNOP_bind_virq, &(evtchn_bind_virq_t){ .virq = VIRQ_DOM_EXC }), -EEXIST);
	domain_crash(c.d, "for the test");
	ck_assert(pending(&a, r.port));
	ck_assert_int_eq(domain_destroy(a.d), 0);
	domain_crash(b.d, "nobody is told");
}
END_TEST

START_TEST(an_ipi_goes_to_the_vcpu_it_was_bound_for)
{
	evtchn_bind_ipi_t r = { .vcpu = 1 };
	evtchn_bind_vcpu_t v;

	ck_assert_int_eq(op(&a, EVTCHNOP_bind_ipi, &r), -ENOENT);
	ck_assert_int_eq(hc(a.v, __HYPERVISOR_vcpu_op, VCPUOP_is_up, 1, 0, 0), 0);
	ck_assert_int_eq(op(&a, EVTCHNOP_bind_ipi, &r), 0);
	set_mask(&a, r.port, false);
	ck_assert_int_eq(send(&a, r.port), 0);
	ck_assert_uint_eq(a.d->vcpu[1]->info->evtchn_upcall_pending, 1);
	ck_assert_uint_eq(a.v->info->evtchn_upcall_pending, 0);
	v = (evtchn_bind_vcpu_t){ .port = r.port, .vcpu = 0 };
	ck_assert_int_eq(op(&a, EVTCHNOP_bind_vcpu, &v), -EINVAL);
}
END_TEST

START_TEST(a_port_can_be_moved_to_another_vcpu)
{
	evtchn_bind_vcpu_t v;
	uint32_t pa, pb;

	pair(&pa, &pb);
	v = (evtchn_bind_vcpu_t){ .port = pa, .vcpu = 1 };
	ck_assert_int_eq(op(&a, EVTCHNOP_bind_vcpu, &v), -ENOENT);
	ck_assert_int_eq(hc(a.v, __HYPERVISOR_vcpu_op, VCPUOP_is_up, 1, 0, 0), 0);
	ck_assert_int_eq(op(&a, EVTCHNOP_bind_vcpu, &v), 0);
	set_mask(&a, pa, false);
	ck_assert_int_eq(send(&b, pb), 0);
	ck_assert_uint_eq(a.d->vcpu[1]->info->evtchn_upcall_pending, 1);
}
END_TEST

START_TEST(ports_run_out_without_harm)
{
	evtchn_alloc_unbound_t r = { .dom = DOMID_SELF, .remote_dom = 6 };
	uint32_t nr = 0;
	long rc;

	while ((rc = op(&a, EVTCHNOP_alloc_unbound, &r)) == 0)
		nr++;
	ck_assert_int_eq(rc, -ENOSPC);
	ck_assert_uint_eq(nr, NR_PORTS - 1);
	ck_assert_int_eq(close_port(&a, 4095), 0);
	ck_assert_uint_eq(alloc(&a, 6), 4095);
	event_close_all(a.d);
	ck_assert_uint_eq(alloc(&a, 6), 1);
}
END_TEST

START_TEST(a_bad_address_changes_nothing)
{
	for (unsigned cmd = 0; cmd < 12; cmd++) {
		long rc = hc(a.v, __HYPERVISOR_event_channel_op, cmd, BAD_POINTER, 0, 0);

		ck_assert(rc == -EFAULT || rc == -ENOSYS);
	}
	ck_assert_uint_eq(alloc(&a, 6), 1);
}
END_TEST

SUITE(event)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, an_event_arrives_at_the_other_end_only);
	tcase_add_test(tc, a_masked_event_is_kept_until_it_is_unmasked);
	tcase_add_test(tc, an_unbound_port_can_only_be_bound_by_the_domain_it_names);
	tcase_add_test(tc, a_bound_port_cannot_be_bound_again);
	tcase_add_test(tc, a_port_that_is_bound_while_it_is_closed_leaves_nobody_bound_to_it);
	tcase_add_test(tc, a_failed_bind_leaves_no_port_behind);
	tcase_add_test(tc, what_was_sent_before_the_binding_is_not_lost);
	tcase_add_test(tc, a_closed_end_leaves_the_other_open_to_the_same_domain);
	tcase_add_test(tc, a_dead_domains_peers_can_be_bound_by_its_next_incarnation);
	tcase_add_test(tc, a_domain_may_talk_to_itself);
	tcase_add_test(tc, a_closed_port_is_masked_and_not_pending);
	tcase_add_test(tc, ports_of_others_need_a_right_to_manage_them);
	tcase_add_test(tc, a_virq_is_bound_once_a_vcpu);
	tcase_add_test(tc, only_a_builder_is_told_of_domains_ends);
	tcase_add_test(tc, an_ipi_goes_to_the_vcpu_it_was_bound_for);
	tcase_add_test(tc, a_port_can_be_moved_to_another_vcpu);
	tcase_add_test(tc, ports_run_out_without_harm);
	tcase_add_test(tc, a_bad_address_changes_nothing);
}
