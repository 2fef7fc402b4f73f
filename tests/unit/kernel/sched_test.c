/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sched_test.c - who runs next, and for how long.
 */
#include "fake.h"

#include <arch/arch.h>
#include <arch/percpu.h>
#include <xen/event_channel.h>
#include <xen/sched.h>

#define SLICE 10000000ull
#define BATCH 1000000ull

static struct guest g[4];

static void setup(void)
{
	fake_boot(4096);
	fake.now = 1000;
	for (unsigned i = 0; i < 3; i++)
		guest_make(&g[i], (uint16_t)(5 + i), 16, GUISE_DOMAIN_STOCK);
}

static struct vcpu *next(void)
{
	struct vcpu *v = schedule();

	boot_cpu.current = v;
	return v;
}

START_TEST(equals_run_in_turn)
{
	struct vcpu *order[9];

	for (unsigned i = 0; i < 9; i++)
		order[i] = next();
	for (unsigned i = 3; i < 9; i++)
		ck_assert_ptr_eq(order[i], order[i - 3]);
	ck_assert(order[0] != order[1] && order[1] != order[2] && order[0] != order[2]);
}
END_TEST

START_TEST(a_higher_priority_runs_first_and_preempts_when_it_wakes)
{
	struct vcpu *low;

	g[2].d->priority = GUISE_PRIO_DRIVER;
	guest_run(&g[2]);
	ck_assert_ptr_eq(next(), g[2].v);
	vcpu_block(g[2].v);
	low = next();
	ck_assert_ptr_ne(low, g[2].v);
	boot_cpu.resched = false;
	vcpu_wake(g[2].v);
	/* what runs may have more work for it */
	ck_assert(!boot_cpu.resched);
	fake.now += BATCH;
	timer_run();
	ck_assert(boot_cpu.resched);
	ck_assert_ptr_eq(next(), g[2].v);
	vcpu_block(g[2].v);
	ck_assert_ptr_ne(next(), g[2].v);
}
END_TEST

START_TEST(a_higher_priority_that_woke_runs_at_once_when_the_other_waits)
{
	g[2].d->priority = GUISE_PRIO_DRIVER;
	guest_run(&g[2]);
	vcpu_block(next());
	domain_pause(g[1].d);
	ck_assert_ptr_eq(next(), g[0].v);
	vcpu_wake(g[2].v);
	vcpu_block(g[0].v);
	ck_assert_ptr_eq(next(), g[2].v);
}
END_TEST

START_TEST(a_lower_priority_that_wakes_does_not_preempt)
{
	guest_run(&g[0]);
	vcpu_block(g[0].v);
	guest_run(&g[1]);
	g[1].d->priority = GUISE_PRIO_SERVER;
	boot_cpu.resched = false;
	vcpu_wake(g[0].v);
	ck_assert(!boot_cpu.resched);
	ck_assert_ptr_eq(next(), g[1].v);
}
END_TEST

START_TEST(a_slice_is_armed_when_somebody_else_waits)
{
	next();
	ck_assert_uint_le(fake.programmed, fake.now + SLICE);
	boot_cpu.resched = false;
	fake.now += SLICE;
	timer_run();
	ck_assert(boot_cpu.resched);
}
END_TEST

START_TEST(one_that_runs_alone_is_not_interrupted)
{
	domain_pause(g[1].d);
	domain_pause(g[2].d);
	ck_assert_ptr_eq(next(), g[0].v);
	timer_run();
	ck_assert_uint_eq(fake.programmed, ~0ull);
	/* ... until somebody wants its turn */
	domain_unpause(g[1].d);
	ck_assert_uint_le(fake.programmed, fake.now + SLICE);
}
END_TEST

START_TEST(a_paused_domain_does_not_run_and_loses_no_wakeup)
{
	guest_run(&g[0]);
	vcpu_block(g[0].v);
	domain_pause(g[0].d);
	domain_pause(g[0].d);
	vcpu_wake(g[0].v);
	for (unsigned i = 0; i < 5; i++)
		ck_assert_ptr_ne(next(), g[0].v);
	domain_unpause(g[0].d);
	for (unsigned i = 0; i < 5; i++)
		ck_assert_ptr_ne(next(), g[0].v);
	domain_unpause(g[0].d);
	guest_run(&g[0]);
}
END_TEST

START_TEST(a_domain_paused_while_it_runs_is_back_after_the_pause)
{
	guest_run(&g[0]);
	domain_pause(g[0].d);
	ck_assert_ptr_ne(next(), g[0].v);
	domain_unpause(g[0].d);
	guest_run(&g[0]);
}
END_TEST

START_TEST(nobody_stands_in_the_queue_twice)
{
	guest_run(&g[0]);
	for (unsigned i = 0; i < 4; i++) {
		sched_enqueue(g[1].v);
		domain_pause(g[2].d);
		domain_unpause(g[2].d);
	}
	vcpu_block(g[1].v);
	next();
	vcpu_stop(g[1].v);
	for (unsigned i = 0; i < 8; i++)
		ck_assert_ptr_ne(next(), g[1].v);
}
END_TEST

START_TEST(an_idle_cpu_waits_for_the_next_timer)
{
	for (unsigned i = 0; i < 3; i++) {
		guest_run(&g[i]);
		vcpu_block(g[i].v);
	}
	timer_set(&g[1].v->poll_timer, 5000000);
	g[1].v->event_masked_poll = true;
	ck_assert_ptr_eq(next(), g[1].v);
	ck_assert_uint_ge(fake.now, 5000000);
}
END_TEST

/* By all of its vCPUs. */
static uint64_t ran(unsigned i)
{
	uint64_t ns = 0;

	for (uint32_t n = 0; n < g[i].d->max_vcpus; n++)
		ns += g[i].d->vcpu[n] ? g[i].d->vcpu[n]->cpu_ns : 0;
	return ns;
}

START_TEST(run_time_is_charged_to_the_domain_that_ran)
{
	guest_run(&g[0]);
	for (unsigned i = 0; i < 3; i++)
		g[i].v->cpu_ns = 0;
	fake.now += 700;
	next();
	ck_assert_uint_eq(ran(0), 700);
	ck_assert_uint_eq(ran(1) + ran(2), 0);
}
END_TEST

/* Each runs until somebody else shall, for so long. */
static void run_for(uint64_t ns)
{
	for (uint64_t end = fake.now + ns; fake.now < end;) {
		if (boot_cpu.resched || !boot_cpu.current)
			next();
		fake.now = MIN(MAX(fake.programmed, fake.now + 1), end);
		timer_run();
	}
	next();
}

static void from_now(void)
{
	next();
	for (unsigned i = 0; i < 3; i++)
		g[i].v->cpu_ns = 0;
}

static uint64_t percent(unsigned i)
{
	return ran(i) * 100 / (ran(0) + ran(1) + ran(2));
}

START_TEST(equal_weights_get_equal_time)
{
	from_now();
	run_for(3000000000);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(percent(i) >= 32 && percent(i) <= 34);
}
END_TEST

START_TEST(time_is_shared_by_weight)
{
	sched_share_set(g[0].d, 100, 0);
	sched_share_set(g[1].d, 300, 0);
	sched_share_set(g[2].d, 600, 0);
	from_now();
	run_for(5000000000);
	ck_assert(percent(0) >= 9 && percent(0) <= 11);
	ck_assert(percent(1) >= 29 && percent(1) <= 31);
	ck_assert(percent(2) >= 59 && percent(2) <= 61);
}
END_TEST

START_TEST(the_least_weight_is_not_starved_by_the_greatest)
{
	sched_share_set(g[0].d, 1, 0);
	sched_share_set(g[1].d, GUISE_WEIGHT_MAX, 0);
	domain_pause(g[2].d);
	from_now();
	run_for(2000000000000);
	ck_assert_uint_gt(ran(0), 0);
	ck_assert_uint_lt(ran(0), 100000000);
}
END_TEST

/* All want the CPU; the third is a driver that the first rings, and that works for half a millisecond then. */
START_TEST(who_rings_a_driver_pays_for_its_time)
{
	evtchn_alloc_unbound_t a = { .dom = DOMID_SELF, .remote_dom = g[0].d->id };
	evtchn_bind_interdomain_t b = { .remote_dom = g[2].d->id };

	guest_run(&g[2]);
	ck_assert_int_eq(hc(g[2].v, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, PTR(&a), 0, 0), 0);
	vcpu_block(g[2].v);
	g[2].d->priority = GUISE_PRIO_DRIVER;
	b.remote_port = a.port;
	guest_run(&g[0]);
	ck_assert_int_eq(hc(g[0].v, __HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, PTR(&b), 0, 0), 0);
	from_now();
	for (unsigned i = 0; i < 4000; i++) {
		run_for(1000000);
		if (boot_cpu.current == g[2].v) {
			fake.now += 500000;
			vcpu_block(g[2].v);
			next();
		} else if (boot_cpu.current == g[0].v) {
			hc(g[0].v, __HYPERVISOR_event_channel_op, EVTCHNOP_send, PTR(&b.local_port), 0, 0);
			vcpu_wake(g[2].v);
		}
	}
	ck_assert_uint_ge(percent(2), 10);
	ck_assert(percent(1) >= 48 && percent(1) <= 52);
	ck_assert(percent(0) + percent(2) >= 48);
}
END_TEST

START_TEST(a_cap_holds_on_an_idle_cpu_and_below_the_share)
{
	for (unsigned busy = 0; busy < 2; busy++) {
		sched_share_set(g[0].d, 60000, 20);
		if (busy)
			domain_unpause(g[1].d);
		else
			domain_pause(g[1].d);
		if (!busy)
			domain_pause(g[2].d);
		from_now();
		run_for(2000000000);
		ck_assert_uint_ge(ran(0), 380000000);
		ck_assert_uint_le(ran(0), 420000000);
		domain_pause(g[1].d);
	}
	sched_share_set(g[0].d, 256, 0);
	from_now();
	run_for(1000000000);
	ck_assert_uint_ge(ran(0), 990000000);
}
END_TEST

START_TEST(one_that_sleeps_saves_up_little)
{
	guest_run(&g[0]);
	vcpu_block(g[0].v);
	next();
	run_for(5000000000);
	vcpu_wake(g[0].v);
	for (unsigned i = 0; i < 3; i++)
		g[i].v->cpu_ns = 0;
	run_for(300000000);
	ck_assert_uint_le(ran(0), 120000000);
	ck_assert_uint_ge(ran(1), 80000000);
}
END_TEST

START_TEST(one_that_had_less_preempts_soon_when_it_wakes)
{
	guest_run(&g[0]);
	vcpu_block(g[0].v);
	next();
	run_for(100000000);
	vcpu_wake(g[0].v);
	ck_assert_uint_le(fake.programmed, fake.now + 500000);
	fake.now += 500000;
	timer_run();
	ck_assert(boot_cpu.resched);
	ck_assert_ptr_eq(next(), g[0].v);
}
END_TEST

START_TEST(one_that_yields_lets_the_others_go_first)
{
	sched_share_set(g[0].d, GUISE_WEIGHT_MAX, 0);
	for (unsigned i = 0; i < 10; i++) {
		guest_run(&g[0]);
		sched_yield_current(g[0].v);
		ck_assert_ptr_ne(next(), g[0].v);
	}
}
END_TEST

START_TEST(a_domain_with_many_vcpus_gets_no_more_than_one_with_one)
{
	for (uint32_t i = 1; i < 4; i++) {
		struct vcpu *v = vcpu_create(g[0].d, i);

		ck_assert_ptr_nonnull(v);
		vcpu_start_first(v);
	}
	from_now();
	run_for(3000000000);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(percent(i) >= 32 && percent(i) <= 34);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_uint_ge(g[0].d->vcpu[i]->runstate.time[RUNSTATE_running], 200000000);
}
END_TEST

START_TEST(time_in_each_state_adds_up)
{
	uint64_t sum = 0, begin = g[0].v->runstate.state_entry_time;

	for (unsigned i = 0; i < 4; i++)
		begin -= g[0].v->runstate.time[i];
	for (unsigned i = 0; i < 30; i++) {
		fake.now += 17 * i;
		if (next() == g[0].v && i % 2)
			vcpu_block(g[0].v);
		else if (i % 5 == 0)
			vcpu_wake(g[0].v);
	}
	for (unsigned i = 0; i < 4; i++)
		sum += g[0].v->runstate.time[i];
	ck_assert_uint_eq(sum, g[0].v->runstate.state_entry_time - begin);
}
END_TEST

/* ---- several CPUs ---- */

static struct vcpu *runs[4];

static struct vcpu *next_on(uint32_t cpu)
{
	fake.cpu = cpu;
	boot_cpu.current = runs[cpu];
	return runs[cpu] = next();
}

/* Nobody runs anywhere, and all are in the queue of the first CPU. */
static void setup_cpus(void)
{
	setup();
	fake.cpus = 2;
	memset(runs, 0, sizeof(runs));
}

static void one_wakes_on_the_first(void)
{
	fake.cpu = 0;
	vcpu_wake(g[1].v);
	ck_assert_uint_eq(fake.asked, 2);
	fake.cpu = 1;
}

START_TEST(an_idle_cpu_takes_over_who_wakes_on_another)
{
	domain_pause(g[2].d);
	guest_run(&g[1]);
	vcpu_block(g[1].v);
	runs[0] = next();
	ck_assert_ptr_eq(runs[0], g[0].v);
	fake.asked = 0;
	fake.idle = one_wakes_on_the_first;
	ck_assert_ptr_eq(next_on(1), g[1].v);
	ck_assert_uint_eq(g[1].v->cpu, 1);
	ck_assert_uint_eq(g[0].v->cpu, 0);
}
END_TEST

START_TEST(shares_hold_across_cpus)
{
	from_now();
	runs[0] = boot_cpu.current;
	for (unsigned i = 0; i < 600; i++) {
		next_on(i % 2);
		fake.now += SLICE / 2;
	}
	for (unsigned i = 0; i < 3; i++)
		ck_assert(percent(i) >= 32 && percent(i) <= 34);
}
END_TEST

START_TEST(nobody_runs_where_it_may_not)
{
	runs[0] = next();
	sched_affinity_set(g[1].d, 0, 2, 0);
	for (unsigned i = 0; i < 60; i++) {
		ck_assert_ptr_ne(next_on(0), g[1].v);
		next_on(1);
		fake.now += SLICE;
	}
	/* ... and gets its share where it may, though others may run there, too */
	ck_assert_uint_ge(sched_cpu_ns(g[1].v), 15 * SLICE);
}
END_TEST

static void nothing_wakes(void)
{
	ck_assert_uint_eq(fake.asked, 2);
	fake.idle = NULL;
	sched_affinity_set(g[0].d, 0, 3, 0);
}

/* The other CPU runs somebody and would not look by itself. */
START_TEST(one_that_may_not_stay_where_it_ran_is_offered_to_where_it_may_run)
{
	domain_pause(g[2].d);
	guest_run(&g[0]);
	runs[0] = g[0].v;
	ck_assert_ptr_eq(next_on(1), g[1].v);
	fake.cpu = 0;
	boot_cpu.current = runs[0];
	sched_affinity_set(g[0].d, 0, 2, 0);
	fake.asked = 0;
	fake.idle = nothing_wakes;
	ck_assert_ptr_eq(next_on(0), g[0].v);
}
END_TEST

START_TEST(a_driver_that_wakes_takes_the_cpu_of_a_guest_and_not_that_of_a_driver)
{
	g[1].d->priority = g[2].d->priority = GUISE_PRIO_DRIVER;
	guest_run(&g[2]);
	vcpu_block(g[2].v);
	guest_run(&g[1]);
	runs[0] = g[1].v;
	ck_assert_ptr_eq(next_on(1), g[0].v);
	fake.cpu = 0;
	fake.asked = 0;
	vcpu_wake(g[2].v);
	ck_assert_uint_eq(fake.asked, 2);
	/* what it is asked for: a time slice that ends soon */
	fake.cpu = 1;
	sched_interrupt();
	fake.now += BATCH;
	boot_cpu.resched = false;
	timer_run();
	ck_assert(boot_cpu.resched);
	ck_assert_ptr_eq(next_on(1), g[2].v);
	ck_assert_ptr_eq(next_on(0), g[1].v);
}
END_TEST

START_TEST(one_that_waits_for_another_cpu_can_be_stopped)
{
	runs[0] = next();
	for (unsigned i = 0; i < 3; i++)
		if (runs[0] != g[i].v) {
			fake.cpu = 1;
			vcpu_stop(g[i].v);
		}
	fake.idle = one_wakes_on_the_first;
	next_on(0);
	ck_assert_ptr_eq(runs[0], next_on(0));
}
END_TEST

START_TEST(a_timer_that_another_cpu_set_can_be_set_and_cancelled)
{
	struct timer *t = &g[0].v->poll_timer;

	timer_set(t, fake.now + 100);
	fake.cpu = 1;
	timer_set(t, fake.now + 200);
	fake.now += 150;
	fake.cpu = 0;
	timer_run();
	ck_assert(!list_empty(&t->link));
	timer_cancel(t);
	fake.now += 100;
	fake.cpu = 1;
	timer_run();
	ck_assert(list_empty(&t->link));
	ck_assert_uint_eq(fake.programmed, ~0ull);
}
END_TEST

/* ---- what a vCPU does to itself ---- */

static long sched_op(struct guest *x, unsigned op, void *arg)
{
	return hc(x->v, __HYPERVISOR_sched_op, op, PTR(arg), 0, 0);
}

START_TEST(blocking_with_an_event_pending_returns_at_once)
{
	guest_run(&g[0]);
	g[0].v->info->evtchn_upcall_pending = 1;
	g[0].v->info->evtchn_upcall_mask = 1;
	ck_assert_int_eq(sched_op(&g[0], SCHEDOP_block, NULL), 0);
	ck_assert_int_eq(g[0].v->state, VCPU_RUNNING);
	ck_assert_uint_eq(g[0].v->info->evtchn_upcall_mask, 0);
	g[0].v->info->evtchn_upcall_pending = 0;
	ck_assert_int_eq(sched_op(&g[0], SCHEDOP_block, NULL), 0);
	ck_assert_int_eq(g[0].v->state, VCPU_BLOCKED);
}
END_TEST

START_TEST(a_poll_wakes_on_its_port_though_it_is_masked)
{
	evtchn_port_t port = 9;
	struct sched_poll p = { .nr_ports = 1 };

	set_xen_guest_handle(p.ports, &port);
	guest_run(&g[0]);
	ck_assert_int_eq(sched_op(&g[0], SCHEDOP_poll, &p), 0);
	ck_assert_int_eq(g[0].v->state, VCPU_BLOCKED);
	vcpu_wake(g[0].v);
	guest_run(&g[0]);
	g[0].d->shared->evtchn_pending[0] = 1 << 9;
	ck_assert_int_eq(sched_op(&g[0], SCHEDOP_poll, &p), 0);
	ck_assert_int_eq(g[0].v->state, VCPU_RUNNING);
}
END_TEST

START_TEST(a_poll_ends_at_its_time_out)
{
	struct sched_poll p = { .nr_ports = 0, .timeout = 90000 };

	guest_run(&g[0]);
	ck_assert_int_eq(sched_op(&g[0], SCHEDOP_poll, &p), 0);
	ck_assert_int_eq(g[0].v->state, VCPU_BLOCKED);
	next();
	fake.now = 89999;
	timer_run();
	ck_assert_int_eq(g[0].v->state, VCPU_BLOCKED);
	fake.now = 90000;
	timer_run();
	ck_assert_int_eq(g[0].v->state, VCPU_RUNNABLE);
}
END_TEST

START_TEST(a_poll_of_ports_that_cannot_be_is_refused)
{
	evtchn_port_t port[9] = { NR_PORTS };
	struct sched_poll p = { .nr_ports = 1 };

	set_xen_guest_handle(p.ports, port);
	guest_run(&g[0]);
	ck_assert_int_eq(sched_op(&g[0], SCHEDOP_poll, &p), -EINVAL);
	ck_assert_int_eq(g[0].v->state, VCPU_RUNNING);
	p.nr_ports = 9;
	ck_assert_int_eq(sched_op(&g[0], SCHEDOP_poll, &p), -EINVAL);
	ck_assert(!g[0].v->event_masked_poll);
}
END_TEST

START_TEST(the_last_vcpu_that_goes_down_ends_the_domain)
{
	guest_run(&g[0]);
	ck_assert_int_eq(hc(g[0].v, __HYPERVISOR_vcpu_op, VCPUOP_down, 0, 0, 0), 0);
	ck_assert_int_eq(g[0].d->state, GUISE_STATE_SHUTDOWN);
	ck_assert_int_eq(g[0].d->shutdown_reason, SHUTDOWN_poweroff);
}
END_TEST

SUITE(sched)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, equals_run_in_turn);
	tcase_add_test(tc, a_higher_priority_runs_first_and_preempts_when_it_wakes);
	tcase_add_test(tc, a_higher_priority_that_woke_runs_at_once_when_the_other_waits);
	tcase_add_test(tc, a_lower_priority_that_wakes_does_not_preempt);
	tcase_add_test(tc, a_slice_is_armed_when_somebody_else_waits);
	tcase_add_test(tc, one_that_runs_alone_is_not_interrupted);
	tcase_add_test(tc, a_paused_domain_does_not_run_and_loses_no_wakeup);
	tcase_add_test(tc, a_domain_paused_while_it_runs_is_back_after_the_pause);
	tcase_add_test(tc, nobody_stands_in_the_queue_twice);
	tcase_add_test(tc, an_idle_cpu_waits_for_the_next_timer);
	tcase_add_test(tc, run_time_is_charged_to_the_domain_that_ran);
	tcase_add_test(tc, equal_weights_get_equal_time);
	tcase_add_test(tc, time_is_shared_by_weight);
	tcase_add_test(tc, the_least_weight_is_not_starved_by_the_greatest);
	tcase_add_test(tc, who_rings_a_driver_pays_for_its_time);
	tcase_add_test(tc, a_cap_holds_on_an_idle_cpu_and_below_the_share);
	tcase_add_test(tc, one_that_sleeps_saves_up_little);
	tcase_add_test(tc, one_that_had_less_preempts_soon_when_it_wakes);
	tcase_add_test(tc, one_that_yields_lets_the_others_go_first);
	tcase_add_test(tc, a_domain_with_many_vcpus_gets_no_more_than_one_with_one);
	tcase_add_test(tc, time_in_each_state_adds_up);
	tcase_add_test(tc, blocking_with_an_event_pending_returns_at_once);
	tcase_add_test(tc, a_poll_wakes_on_its_port_though_it_is_masked);
	tcase_add_test(tc, a_poll_ends_at_its_time_out);
	tcase_add_test(tc, a_poll_of_ports_that_cannot_be_is_refused);
	tcase_add_test(tc, the_last_vcpu_that_goes_down_ends_the_domain);
}

SUITE(sched_cpus)
{
	tcase_add_checked_fixture(tc, setup_cpus, NULL);
	tcase_add_test(tc, an_idle_cpu_takes_over_who_wakes_on_another);
	tcase_add_test(tc, shares_hold_across_cpus);
	tcase_add_test(tc, nobody_runs_where_it_may_not);
	tcase_add_test(tc, one_that_may_not_stay_where_it_ran_is_offered_to_where_it_may_run);
	tcase_add_test(tc, a_driver_that_wakes_takes_the_cpu_of_a_guest_and_not_that_of_a_driver);
	tcase_add_test(tc, one_that_waits_for_another_cpu_can_be_stopped);
	tcase_add_test(tc, a_timer_that_another_cpu_set_can_be_set_and_cancelled);
}
