/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vcpu_test.c - what a vCPU asks about itself and its siblings: to start, stop, block, poll, and be told the time.
 */
#include "fake.h"

#include <arch/arch.h>
#include <arch/percpu.h>
#include <core/event.h>
#include <xen/event_channel.h>
#include <xen/sched.h>

static struct guest a, b;

static void setup(void)
{
	fake_boot(4096);
	fake.now = 1000;
	guest_make(&b, 6, 16, GUISE_DOMAIN_STOCK);
	guest_make(&a, 5, 64, GUISE_DOMAIN_STOCK);
}

static long vcpu_op(unsigned cmd, unsigned id, void *arg)
{
	return hc(a.v, __HYPERVISOR_vcpu_op, cmd, id, PTR(arg), 0);
}

static long sched_op(unsigned cmd, void *arg)
{
	return hc(a.v, __HYPERVISOR_sched_op, cmd, PTR(arg), 0, 0);
}

static uint32_t bind_virq(uint32_t virq)
{
	evtchn_bind_virq_t r = { .virq = virq };

	ck_assert_int_eq(hc(a.v, __HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, PTR(&r), 0, 0), 0);
	a.d->shared->evtchn_mask[0] &= ~(1ul << r.port);
	return r.port;
}

static bool pending(uint32_t port)
{
	return a.d->shared->evtchn_pending[port / 64] >> port % 64 & 1;
}

/* As the guest's kernel has it for a second CPU. */
static vcpu_guest_context_t *context(void)
{
	static vcpu_guest_context_t c;

	memset(&c, 0, sizeof(c));
	c.flags = VGCF_in_kernel;
	c.user_regs.rip = 0x1000;
	c.user_regs.rsp = 0x2000;
	c.ctrlreg[3] = a.mfn[0] << PAGE_SHIFT;
	return &c;
}

static void second_up(void)
{
	ck_assert_int_eq(vcpu_op(VCPUOP_initialise, 1, context()), 0);
	ck_assert_int_eq(vcpu_op(VCPUOP_up, 1, NULL), 0);
}

START_TEST(a_second_vcpu_starts_where_it_was_told_to)
{
	ck_assert_int_eq(vcpu_op(VCPUOP_is_up, 1, NULL), 0);
	ck_assert_int_eq(vcpu_op(VCPUOP_up, 1, NULL), -EINVAL); /* it has no context */
	ck_assert_int_eq(vcpu_op(VCPUOP_initialise, 1, (void *)BAD_POINTER), -EFAULT);
	second_up();
	ck_assert_int_eq(vcpu_op(VCPUOP_is_up, 1, NULL), 1);
	ck_assert_uint_eq(a.d->vcpu[1]->arch.regs.rip, 0x1000);
	ck_assert_int_eq(vcpu_op(VCPUOP_initialise, 1, context()), -EEXIST);
	ck_assert_int_eq(vcpu_op(VCPUOP_is_up, 4, NULL), -ENOENT);
	ck_assert_int_eq(vcpu_op(99, 1, NULL), -ENOSYS);
	for (unsigned i = 0; i < 8 && a.d->vcpu[1]->state != VCPU_RUNNING; i++)
		schedule();
	ck_assert_int_eq(a.d->vcpu[1]->state, VCPU_RUNNING);
}
END_TEST

START_TEST(the_last_vcpu_that_goes_down_ends_its_domain)
{
	second_up();
	ck_assert_int_eq(vcpu_op(VCPUOP_down, 1, NULL), 0);
	ck_assert_int_eq(vcpu_op(VCPUOP_is_up, 1, NULL), 0);
	ck_assert_uint_eq(a.d->state, GUISE_STATE_RUNNING);
	ck_assert_int_eq(vcpu_op(VCPUOP_down, 0, NULL), 0);
	ck_assert_uint_eq(a.d->state, GUISE_STATE_SHUTDOWN);
	ck_assert_uint_eq(a.d->shutdown_reason, SHUTDOWN_poweroff);
}
END_TEST

START_TEST(a_domain_that_shuts_down_says_why)
{
	struct sched_shutdown s = { .reason = SHUTDOWN_suspend };

	ck_assert_int_eq(sched_op(SCHEDOP_shutdown, &s), -ENOSYS);
	s.reason = SHUTDOWN_MAX + 1;
	ck_assert_int_eq(sched_op(SCHEDOP_shutdown, &s), -EINVAL);
	ck_assert_int_eq(sched_op(SCHEDOP_shutdown, (void *)BAD_POINTER), -EFAULT);
	ck_assert_uint_eq(a.d->state, GUISE_STATE_RUNNING);
	s.reason = SHUTDOWN_reboot;
	ck_assert_int_eq(sched_op(SCHEDOP_shutdown, &s), 0);
	ck_assert_uint_eq(a.d->state, GUISE_STATE_SHUTDOWN);
	ck_assert_uint_eq(a.d->shutdown_reason, SHUTDOWN_reboot);
	ck_assert_ptr_eq(schedule(), b.v);
}
END_TEST

START_TEST(one_that_blocks_sleeps_until_an_event)
{
	uint32_t port = bind_virq(VIRQ_DEBUG);

	a.v->info->evtchn_upcall_mask = 1;
	ck_assert_int_eq(sched_op(SCHEDOP_block, NULL), 0);
	ck_assert_int_eq(a.v->state, VCPU_BLOCKED);
	ck_assert_uint_eq(a.v->info->evtchn_upcall_mask, 0);
	ck_assert_ptr_eq(schedule(), b.v);
	event_raise(a.d, port);
	ck_assert_int_eq(a.v->state, VCPU_RUNNABLE);
}
END_TEST

START_TEST(one_that_has_events_does_not_block)
{
	event_raise(a.d, bind_virq(VIRQ_DEBUG));
	ck_assert_int_eq(sched_op(SCHEDOP_block, NULL), 0);
	ck_assert_int_eq(a.v->state, VCPU_RUNNING);
}
END_TEST

START_TEST(one_that_yields_lets_others_of_its_priority_go_first)
{
	ck_assert_int_eq(sched_op(SCHEDOP_yield, NULL), 0);
	ck_assert(boot_cpu.resched);
	ck_assert_ptr_eq(schedule(), b.v);
	ck_assert_int_eq(sched_op(99, NULL), -ENOSYS);
}
END_TEST

static long poll(uint32_t *ports, uint32_t nr, uint64_t timeout)
{
	struct sched_poll p = { .nr_ports = nr, .timeout = timeout };

	set_xen_guest_handle(p.ports, ports);
	return sched_op(SCHEDOP_poll, &p);
}

START_TEST(one_that_polls_is_woken_by_its_ports_though_they_are_masked)
{
	uint32_t port = bind_virq(VIRQ_DEBUG), other = bind_virq(VIRQ_TIMER);

	a.d->shared->evtchn_mask[0] = ~0ul;
	ck_assert_int_eq(poll(&port, 1, 0), 0);
	ck_assert_int_eq(a.v->state, VCPU_BLOCKED);
	ck_assert_ptr_eq(schedule(), b.v);
	event_raise(a.d, other);
	ck_assert_int_eq(a.v->state, VCPU_BLOCKED);
	event_raise(a.d, port);
	ck_assert_int_eq(a.v->state, VCPU_RUNNABLE);
}
END_TEST

START_TEST(one_that_polls_what_is_pending_goes_on)
{
	uint32_t ports[2] = { bind_virq(VIRQ_DEBUG), bind_virq(VIRQ_TIMER) };

	event_raise(a.d, ports[1]);
	ck_assert_int_eq(poll(ports, 2, 0), 0);
	ck_assert_int_ne(a.v->state, VCPU_BLOCKED);
}
END_TEST

START_TEST(a_poll_ends_in_time)
{
	uint32_t port = bind_virq(VIRQ_DEBUG);

	ck_assert_int_eq(poll(&port, 1, fake.now + 500), 0);
	ck_assert_ptr_eq(schedule(), b.v);
	fake.now += 499;
	timer_run();
	ck_assert_int_eq(a.v->state, VCPU_BLOCKED);
	fake.now += 1;
	timer_run();
	ck_assert_int_eq(a.v->state, VCPU_RUNNABLE);
	ck_assert(!pending(port));
}
END_TEST

START_TEST(a_poll_of_what_cannot_be_is_refused)
{
	uint32_t ports[9] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 }, wrong = NR_PORTS;

	ck_assert_int_eq(poll(ports, 9, 0), -EINVAL);
	ck_assert_int_eq(poll(&wrong, 1, 0), -EINVAL);
	ck_assert_int_eq(poll((void *)BAD_POINTER, 1, 0), -EFAULT);
	ck_assert_int_eq(sched_op(SCHEDOP_poll, (void *)BAD_POINTER), -EFAULT);
	ck_assert_int_eq(a.v->state, VCPU_RUNNING);
}
END_TEST

START_TEST(a_timer_fires_once_at_its_time)
{
	uint32_t port = bind_virq(VIRQ_TIMER);
	struct vcpu_set_singleshot_timer t = { .timeout_abs_ns = fake.now + 100 };

	ck_assert_int_eq(vcpu_op(VCPUOP_set_singleshot_timer, 0, &t), 0);
	fake.now += 99;
	timer_run();
	ck_assert(!pending(port));
	fake.now++;
	timer_run();
	ck_assert(pending(port));
	a.d->shared->evtchn_pending[0] = 0;
	fake.now += 1000;
	timer_run();
	ck_assert(!pending(port));
}
END_TEST

START_TEST(a_timer_that_is_stopped_does_not_fire)
{
	uint32_t port = bind_virq(VIRQ_TIMER);
	struct vcpu_set_singleshot_timer t = { .timeout_abs_ns = fake.now + 100 };

	ck_assert_int_eq(vcpu_op(VCPUOP_set_singleshot_timer, 0, &t), 0);
	ck_assert_int_eq(vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
	ck_assert_int_eq(hc(a.v, __HYPERVISOR_set_timer_op, fake.now + 100, 0, 0, 0), 0);
	ck_assert_int_eq(hc(a.v, __HYPERVISOR_set_timer_op, 0, 0, 0, 0), 0);
	ck_assert_int_eq(vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
	fake.now += 1000;
	timer_run();
	ck_assert(!pending(port));
}
END_TEST

START_TEST(a_timer_is_set_by_its_vcpu_and_for_the_future_if_that_is_said)
{
	struct vcpu_set_singleshot_timer t = { .timeout_abs_ns = fake.now - 1, .flags = VCPU_SSHOTTMR_future };

	ck_assert_int_eq(vcpu_op(VCPUOP_set_singleshot_timer, 0, &t), -62);
	ck_assert_int_eq(vcpu_op(VCPUOP_set_singleshot_timer, 0, (void *)BAD_POINTER), -EFAULT);
	t.flags = 0;
	ck_assert_int_eq(vcpu_op(VCPUOP_set_singleshot_timer, 1, &t), -EINVAL);
	ck_assert(list_empty(&a.v->timer.link));
}
END_TEST

static long block_until(uint64_t timer, uint64_t second)
{
	return hc(a.v, GUISE_HC_PERSONALITY, GUISE_PERSONALITY_BLOCK, timer, second, 0);
}

static bool nothing_armed(void)
{
	return list_empty(&a.v->timer.link) && list_empty(&a.v->second.link);
}

START_TEST(one_that_blocks_may_set_two_timers)
{
	uint32_t port = bind_virq(VIRQ_TIMER);
	uint64_t now = fake.now;

	ck_assert_int_eq(block_until(now + 300, now + 100), -EPERM);
	ck_assert(nothing_armed());
	ck_assert_int_eq(hc(a.v, GUISE_HC_PERSONALITY, GUISE_PERSONALITY_ENABLE, GUISE_PERSONALITY_TIME, 0, 0),
			 GUISE_PERSONALITY_TIME);
	for (unsigned i = 0; i < 2; i++) {
		/* The second time nothing is set: the later one is still armed. */
		ck_assert_int_eq(i ? block_until(0, 0) : block_until(now + 300, now + 100), 0);
		ck_assert_int_eq(a.v->state, VCPU_BLOCKED);
		ck_assert_ptr_eq(schedule(), b.v);
		fake.now = now + (i ? 299 : 99);
		timer_run();
		ck_assert_int_eq(a.v->state, VCPU_BLOCKED);
		fake.now++;
		timer_run();
		ck_assert_int_eq(a.v->state, VCPU_RUNNABLE);
		ck_assert(pending(port));
		a.d->shared->evtchn_pending[0] = 0;
		a.v->info->evtchn_pending_sel = 0;
		a.v->info->evtchn_upcall_pending = 0;
		for (unsigned k = 0; k < 8 && a.v->state != VCPU_RUNNING; k++)
			schedule();
	}
	ck_assert(nothing_armed());
}
END_TEST

START_TEST(any_deadline_of_one_that_blocks_is_only_a_number)
{
	static const uint64_t never[] = { 1ull << 63, ~0ull >> 1, ~0ull };
	uint32_t port = bind_virq(VIRQ_TIMER);

	ck_assert_int_gt(hc(a.v, GUISE_HC_PERSONALITY, GUISE_PERSONALITY_ENABLE, GUISE_PERSONALITY_TIME, 0, 0), 0);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(block_until(never[i], never[2 - i]), 0);
		timer_run();
		ck_assert(!pending(port));
		ck_assert_int_eq(block_until(i, 3 - i), 0); /* of which one is past, or both are */
		timer_run();
		ck_assert(pending(port));
		ck_assert_int_eq(a.v->state, a.v->on_cpu ? VCPU_RUNNING : VCPU_RUNNABLE);
		a.d->shared->evtchn_pending[0] = 0;
		a.v->info->evtchn_pending_sel = 0;
		a.v->info->evtchn_upcall_pending = 0;
	}
	ck_assert_int_eq(block_until(never[0], never[0]), 0);
	ck_assert_int_eq(domain_destroy(a.d), 0);
}
END_TEST

START_TEST(time_in_each_state_is_told)
{
	vcpu_runstate_info_t r;

	fake.now += 300;
	ck_assert_int_eq(sched_op(SCHEDOP_block, NULL), 0);
	ck_assert_ptr_eq(schedule(), b.v);
	fake.now += 40;
	vcpu_wake(a.v);
	fake.now += 20000000; /* the other's time slice is over */
	guest_run(&a);
	ck_assert_int_eq(vcpu_op(VCPUOP_get_runstate_info, 0, &r), 0);
	ck_assert_int_eq(r.state, RUNSTATE_running);
	ck_assert_uint_eq(r.time[RUNSTATE_running], 300);
	ck_assert_uint_eq(r.time[RUNSTATE_blocked], 40);
	ck_assert_uint_eq(r.time[RUNSTATE_runnable], 20000000);
	ck_assert_int_eq(vcpu_op(VCPUOP_get_runstate_info, 0, (void *)BAD_POINTER), -EFAULT);
}
END_TEST

START_TEST(the_area_for_run_states_follows_them)
{
	uint32_t next = 1;
	uint64_t va = 0x400ff0; /* it crosses a page */
	const char *first, *second;
	vcpu_runstate_info_t r;

	guest_map(&a, a.mfn[0], 0x400000, a.mfn[40] << PAGE_SHIFT | 0x67, &next);
	guest_map(&a, a.mfn[0], 0x401000, a.mfn[41] << PAGE_SHIFT | 0x67, &next);
	ck_assert_int_eq(hc(a.v, __HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag, 0, 0), 0);
	ck_assert_int_eq(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &va), 0);
	ck_assert_int_eq(sched_op(SCHEDOP_block, NULL), 0);
	first = (char *)mfn_to_virt(a.mfn[40]) + 0xff0;
	second = mfn_to_virt(a.mfn[41]);
	memcpy(&r, first, 16);
	memcpy((char *)&r + 16, second, sizeof(r) - 16);
	ck_assert_int_eq(r.state, RUNSTATE_blocked);
	ck_assert_uint_eq(r.state_entry_time, fake.now); /* and nobody writes to it now */
	va = 0x800000;
	ck_assert_int_eq(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &va), -EFAULT);
	ck_assert_uint_eq(FRAME_HOLDS(frame_of(a.mfn[40])->state), 1);
	va = 0;
	ck_assert_int_eq(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &va), 0);
	ck_assert_uint_eq(FRAME_HOLDS(frame_of(a.mfn[40])->state), 0);
}
END_TEST

START_TEST(the_area_for_the_time_has_a_version_that_is_even)
{
	const struct vcpu_time_info *t;
	uint64_t va = 0x400000;
	uint32_t next = 1;

	guest_map(&a, a.mfn[0], va, a.mfn[40] << PAGE_SHIFT | 0x67, &next);
	ck_assert_int_eq(vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &va), 0);
	t = mfn_to_virt(a.mfn[40]);
	ck_assert_uint_eq(t->version % 2, 0);
	ck_assert_uint_eq(t->tsc_to_system_mul, a.v->info->time.tsc_to_system_mul);
	ck_assert_uint_ne(t->tsc_to_system_mul, 0);
}
END_TEST

START_TEST(vcpu_info_moves_once_to_a_frame_of_the_domain)
{
	struct vcpu_register_vcpu_info r = { .mfn = a.mfn[30], .offset = 4096 - sizeof(vcpu_info_t) + 8 };
	const vcpu_info_t *info = mfn_to_virt(a.mfn[30]);

	ck_assert_int_eq(vcpu_op(VCPUOP_register_vcpu_info, 0, &r), -EINVAL);
	r.offset = 4;
	ck_assert_int_eq(vcpu_op(VCPUOP_register_vcpu_info, 0, &r), -EINVAL);
	r = (struct vcpu_register_vcpu_info){ .mfn = b.mfn[1] };
	ck_assert_int_eq(vcpu_op(VCPUOP_register_vcpu_info, 0, &r), -EINVAL);
	r.mfn = a.mfn[30];
	ck_assert_int_eq(vcpu_op(VCPUOP_register_vcpu_info, 0, &r), 0);
	ck_assert_ptr_eq(a.v->info, info);
	ck_assert_uint_eq(info->evtchn_upcall_pending, 1); /* nothing is lost on the way */
	ck_assert_int_eq(vcpu_op(VCPUOP_register_vcpu_info, 0, &r), -EINVAL);
	ck_assert_uint_eq(FRAME_HOLDS(frame_of(a.mfn[30])->state), 1);
}
END_TEST

SUITE(vcpu)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_second_vcpu_starts_where_it_was_told_to);
	tcase_add_test(tc, the_last_vcpu_that_goes_down_ends_its_domain);
	tcase_add_test(tc, a_domain_that_shuts_down_says_why);
	tcase_add_test(tc, one_that_blocks_sleeps_until_an_event);
	tcase_add_test(tc, one_that_has_events_does_not_block);
	tcase_add_test(tc, one_that_yields_lets_others_of_its_priority_go_first);
	tcase_add_test(tc, one_that_polls_is_woken_by_its_ports_though_they_are_masked);
	tcase_add_test(tc, one_that_polls_what_is_pending_goes_on);
	tcase_add_test(tc, a_poll_ends_in_time);
	tcase_add_test(tc, a_poll_of_what_cannot_be_is_refused);
	tcase_add_test(tc, a_timer_fires_once_at_its_time);
	tcase_add_test(tc, a_timer_that_is_stopped_does_not_fire);
	tcase_add_test(tc, a_timer_is_set_by_its_vcpu_and_for_the_future_if_that_is_said);
	tcase_add_test(tc, one_that_blocks_may_set_two_timers);
	tcase_add_test(tc, any_deadline_of_one_that_blocks_is_only_a_number);
	tcase_add_test(tc, time_in_each_state_is_told);
	tcase_add_test(tc, the_area_for_run_states_follows_them);
	tcase_add_test(tc, the_area_for_the_time_has_a_version_that_is_even);
	tcase_add_test(tc, vcpu_info_moves_once_to_a_frame_of_the_domain);
}
