/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * manage_test.c - a domain made, filled, started, watched and ended by another, which has its handle.
 */
#include "fake.h"

#include <arch/iommu.h>
#include <core/handle.h>
#include <xen/event_channel.h>

static struct guest a;
static uint32_t memory, system_right;

static int give(uint32_t kind)
{
	struct handle h = { .kind = kind, .nr = 1 };

	return handle_add(a.d, &h);
}

static void setup(void)
{
	fake_boot(8192);
	guest_make(&a, 5, 64, GUISE_DOMAIN_STOCK);
	memory = (uint32_t)give(GUISE_HANDLE_MEMORY);
	system_right = (uint32_t)give(GUISE_HANDLE_SYSTEM);
}

static long op(unsigned cmd, uint64_t arg)
{
	return hc(a.v, GUISE_HC_DOMAIN, cmd, arg, 0, 0);
}

static struct guise_domain_create plan(void)
{
	return (struct guise_domain_create){ .memory = memory,
					     .domid = 7,
					     .priority = GUISE_PRIO_SERVER,
					     .paging = GUISE_DOMAIN_NATIVE,
					     .max_frames = 100,
					     .max_vcpus = 2,
					     .cache_frames = 40 };
}

static uint32_t make(void)
{
	struct guise_domain_create how = plan();
	long handle = op(GUISE_DOMAIN_CREATE, PTR(&how));

	ck_assert_int_gt(handle, 0);
	return (uint32_t)handle;
}

static long populate(uint32_t handle, uint64_t first, uint32_t nr, uint64_t *mfns)
{
	struct guise_domain_populate req = { handle, nr, first, PTR(mfns) };

	return op(GUISE_DOMAIN_POPULATE, PTR(&req));
}

static long copy(uint32_t handle, uint32_t dir, uint64_t mfn, uint32_t offset, uint32_t len, void *buffer)
{
	struct guise_domain_copy req = { handle, dir, mfn, offset, len, PTR(buffer) };

	return op(GUISE_DOMAIN_COPY, PTR(&req));
}

static long start(uint32_t handle, uint64_t top)
{
	struct guise_domain_start req = { .handle = handle, .rip = 0x1000, .rsp = 0x2000, .cr3 = top };

	return op(GUISE_DOMAIN_START, PTR(&req));
}

static struct guise_domain_info info(uint32_t handle)
{
	struct guise_domain_info i = { .handle = handle };

	ck_assert_int_eq(op(GUISE_DOMAIN_INFO, PTR(&i)), 0);
	return i;
}

START_TEST(a_domain_is_made_by_who_has_a_right_to_memory)
{
	struct guise_domain_create how = plan();

	how.memory = system_right;
	ck_assert_int_eq(op(GUISE_DOMAIN_CREATE, PTR(&how)), -EPERM);
	how.memory = 99;
	ck_assert_int_eq(op(GUISE_DOMAIN_CREATE, PTR(&how)), -EPERM);
	ck_assert_int_eq(op(GUISE_DOMAIN_CREATE, BAD_POINTER), -EFAULT);
	ck_assert_ptr_null(domain_get(7));
	make();
	ck_assert_ptr_nonnull(domain_get(7));
}
END_TEST

START_TEST(a_domain_that_cannot_be_as_wanted_is_not_made_and_costs_nothing)
{
	uint64_t before = frame_free_count();

	for (unsigned i = 0; i < 10; i++) {
		struct guise_domain_create how = plan();

		switch (i) {
		case 0:
			how.domid = 0;
			break;
		case 1:
			how.domid = 0x7ff0;
			break;
		case 2:
			how.priority = GUISE_PRIO_DRIVER + 1;
			break;
		case 3:
			how.paging = GUISE_DOMAIN_NATIVE + 1;
			break;
		case 4:
			how.max_vcpus = 0;
			break;
		case 5:
			how.max_vcpus = MAX_VCPUS + 1;
			break;
		case 6:
			how.max_frames = 0;
			break;
		case 7:
			how.max_frames = frame_max + 1;
			break;
		case 8:
			how.cache_frames = (uint32_t)frame_max + 1;
			break;
		default:
			how.domid = 5; /* there is one */
		}
		ck_assert_int_eq(op(GUISE_DOMAIN_CREATE, PTR(&how)), i < 9 ? -EINVAL : -EEXIST);
	}
	ck_assert_uint_eq(frame_free_count(), before);
}
END_TEST

START_TEST(a_domain_whose_handle_finds_no_room_is_not_made)
{
	uint64_t before = frame_free_count();
	struct guise_domain_create how = plan();

	while (give(GUISE_HANDLE_SYSTEM) > 0)
		;
	ck_assert_int_eq(op(GUISE_DOMAIN_CREATE, PTR(&how)), -ENOSPC);
	ck_assert_ptr_null(domain_get(7));
	ck_assert_uint_eq(frame_free_count(), before);
}
END_TEST

START_TEST(a_domain_is_filled_started_and_runs)
{
	uint32_t h = make();
	static uint64_t mfns[100];
	char text[32] = "";
	struct vcpu *v;

	ck_assert_int_eq(populate(h, 10, 3, mfns), 3);
	ck_assert_uint_eq(fake_m2p(mfns[2]), 12);
	ck_assert_int_eq(copy(h, GUISE_COPY_WRITE, mfns[1], 4090, 6, "hello"), 0);
	ck_assert_int_eq(copy(h, GUISE_COPY_READ, mfns[1], 4090, 6, text), 0);
	ck_assert_str_eq(text, "hello");
	ck_assert_int_eq(start(h, mfns[0]), 0);
	v = domain_get(7)->vcpu[0];
	ck_assert(schedule() != v); /* it is paused until somebody says otherwise */
	ck_assert_int_eq(op(GUISE_DOMAIN_UNPAUSE, h), 0);
	ck_assert_ptr_eq(schedule(), v);
	ck_assert_uint_eq(v->arch.regs.rip, 0x1000);
}
END_TEST

START_TEST(a_domain_is_started_once_and_with_a_table_of_its_own)
{
	uint32_t h = make();
	uint64_t mfn;
	struct guise_domain_start odd = { .handle = h, .domid = GUISE_DOMID_LAST + 1 };

	ck_assert_int_eq(populate(h, 0, 1, &mfn), 1);
	ck_assert_int_eq(op(GUISE_DOMAIN_START, PTR(&odd)), -EINVAL);
	ck_assert_int_eq(start(h, a.mfn[1]), -EPERM);
	ck_assert_int_eq(start(h, mfn), 0);
	ck_assert_int_eq(start(h, mfn), -EBUSY);
}
END_TEST

static long start_as(uint32_t handle, uint64_t top, uint16_t id)
{
	struct guise_domain_start req = { .handle = handle, .domid = id, .rip = 0x1000, .rsp = 0x2000, .cr3 = top };

	return op(GUISE_DOMAIN_START, PTR(&req));
}

/* All frames of the list. */
static unsigned owned(const struct domain *d, uint16_t id)
{
	unsigned nr = 0;

	for (uint32_t m = d->frames_head; m != FRAME_NIL; m = frame_of(m)->next)
		nr += frame_owner(frame_of(m)) == id;
	return nr;
}

START_TEST(a_domain_may_be_started_under_another_id_that_is_free)
{
	uint32_t h = make();
	struct domain *d = domain_get(7);
	uint64_t mfns[8], before = info(h).frames;
	struct guise_domain_create how = plan();

	ck_assert_int_eq(populate(h, 0, 8, mfns), 8);
	ck_assert_int_eq(start_as(h, mfns[0], 5), -EEXIST);
	ck_assert_int_eq(start_as(h, mfns[0], 7), -EEXIST);
	ck_assert_uint_eq(owned(d, 7), before + 8);
	ck_assert_int_eq(start_as(h, mfns[0], 9), 0);
	ck_assert_ptr_null(domain_get(7));
	ck_assert_ptr_eq(domain_get(9), d);
	ck_assert_uint_eq(info(h).domid, 9);
	ck_assert_uint_eq(owned(d, 9), before + 8);
	ck_assert_int_gt(op(GUISE_DOMAIN_CREATE, PTR(&how)), 0); /* the old one is free */
	ck_assert_int_eq(op(GUISE_DOMAIN_UNPAUSE, h), 0);
	ck_assert_ptr_eq(schedule(), d->vcpu[0]);
	ck_assert_int_eq(start_as(h, mfns[0], 10), -EBUSY);
}
END_TEST

START_TEST(a_domain_whose_frames_are_held_or_too_many_keeps_its_id_and_all_of_them)
{
	uint32_t h = make();
	struct domain *d = domain_get(7);
	uint64_t mfns[8], all = info(h).frames + 8;

	ck_assert_int_eq(populate(h, 0, 8, mfns), 8);
	ck_assert_int_eq(frame_hold(frame_of(mfns[3]), 7), 0);
	ck_assert_int_eq(start_as(h, mfns[0], 9), -EBUSY);
	ck_assert_uint_eq(owned(d, 7), all);
	ck_assert_ptr_eq(domain_get(7), d);
	frame_release(frame_of(mfns[3]));
	d->frames = IOMMU_FRAMES + 1;
	ck_assert_int_eq(start_as(h, mfns[0], 9), -E2BIG);
	ck_assert_uint_eq(owned(d, 7), all);
	d->frames = all;
	ck_assert_int_eq(start_as(h, mfns[0], 9), 0);
}
END_TEST

START_TEST(only_frames_of_the_domain_are_read_and_written)
{
	uint32_t h = make();
	char text[16] = "unchanged";
	uint64_t mfn;

	ck_assert_int_eq(populate(h, 0, 1, &mfn), 1);
	ck_assert_int_eq(copy(h, GUISE_COPY_READ, a.mfn[1], 0, 8, text), -EPERM);
	ck_assert_int_eq(copy(h, GUISE_COPY_READ, frame_max + 1, 0, 8, text), -EPERM);
	ck_assert_int_eq(copy(h, GUISE_COPY_READ, mfn, 4089, 8, text), -EINVAL);
	ck_assert_int_eq(copy(h, GUISE_COPY_READ, mfn, ~0u, 8, text), -EINVAL);
	ck_assert_int_eq(copy(h, GUISE_COPY_WRITE + 1, mfn, 0, 8, text), -EINVAL);
	ck_assert_int_eq(copy(h, GUISE_COPY_READ, mfn, 0, 8, (void *)BAD_POINTER), -EFAULT);
	ck_assert_str_eq(text, "unchanged");
	ck_assert_uint_eq(FRAME_HOLDS(frame_of(mfn)->state), 0);
}
END_TEST

START_TEST(a_domain_gets_no_more_memory_than_it_may_have)
{
	static uint64_t mfns[200];
	uint32_t h = make();
	uint64_t room = 100 - info(h).frames;

	ck_assert_int_eq(populate(h, 0, 200, mfns), (long)room);
	ck_assert_int_eq(populate(h, 200, 1, mfns), -ENOMEM);
	ck_assert_int_eq(populate(h, 200, 0, mfns), 0);
	ck_assert_int_eq(populate(h, ~0ull, 2, mfns), -EINVAL);
	ck_assert_int_eq(populate(h, 1ull << 36, 1, mfns), -EINVAL);
	ck_assert_uint_eq(info(h).frames, 100);
}
END_TEST

/* An interrupt waits whenever it is looked, and somebody else takes frames meanwhile. */
START_TEST(a_large_block_goes_on_where_an_interrupt_left_it_and_leaves_nothing_behind)
{
	static uint64_t mfns[1024], other[16];
	struct guise_domain_create how = plan();
	uint64_t before;
	uint32_t handle, nr = 0;

	how.max_frames = 1100;
	handle = (uint32_t)op(GUISE_DOMAIN_CREATE, PTR(&how));
	before = frame_free_count();
	fake.preempt = 16;
	for (unsigned i = 0; nr < 700; i++) {
		long got = populate(handle, nr, 512, mfns + nr);

		ck_assert_int_ge(got, 1);
		ck_assert_int_le(got, 16);
		nr += (uint32_t)got;
		if (i % 8 == 0) {
			ck_assert_int_eq(populate(handle, 5001 + i, 1, other), 1);
			for (uint32_t k = 0; k < nr; k++)
				check_that(mfns[k] != other[0]);
		}
	}
	fake.preempt = 0;
	ck_assert_uint_eq(mfns[0] % 512, 0);
	ck_assert_uint_eq(mfns[512] % 512, 0);
	for (uint32_t k = 0; k < nr; k++)
		check_that(mfns[k] == mfns[k / 512 * 512] + k % 512);
	ck_assert_int_eq(op(GUISE_DOMAIN_DESTROY, handle), 0);
	ck_assert_uint_ge(frame_free_count(), before);
}
END_TEST

START_TEST(memory_whose_numbers_cannot_be_told_still_belongs_to_the_domain)
{
	uint32_t h = make();
	uint64_t before = info(h).frames;

	ck_assert_int_eq(populate(h, 0, 4, (void *)BAD_POINTER), -EFAULT);
	ck_assert_uint_eq(info(h).frames, before + 4);
}
END_TEST

START_TEST(a_pause_counts_and_shows)
{
	uint32_t h = make();
	uint64_t mfn;

	ck_assert_int_eq(populate(h, 0, 1, &mfn), 1);
	ck_assert_int_eq(start(h, mfn), 0);
	ck_assert_uint_eq(info(h).state, GUISE_STATE_PAUSED);
	op(GUISE_DOMAIN_UNPAUSE, h);
	ck_assert_uint_eq(info(h).state, GUISE_STATE_RUNNING);
	op(GUISE_DOMAIN_PAUSE, h);
	op(GUISE_DOMAIN_PAUSE, h);
	op(GUISE_DOMAIN_UNPAUSE, h);
	ck_assert_uint_eq(info(h).state, GUISE_STATE_PAUSED);
	op(GUISE_DOMAIN_UNPAUSE, h);
	ck_assert_uint_eq(info(h).state, GUISE_STATE_RUNNING);
	ck_assert(domain_runnable(domain_get(7)));
}
END_TEST

START_TEST(why_a_domain_ended_can_be_asked)
{
	uint32_t h = make();
	uint64_t mfn;

	ck_assert_int_eq(populate(h, 0, 1, &mfn), 1);
	ck_assert_int_eq(start(h, mfn), 0);
	op(GUISE_DOMAIN_UNPAUSE, h);
	domain_crash(domain_get(7), "it had no %s", "luck");
	ck_assert_uint_eq(info(h).state, GUISE_STATE_CRASHED);
	ck_assert_str_eq(info(h).text, "it had no luck");
}
END_TEST

START_TEST(a_share_of_the_cpus_is_set_within_its_limits)
{
	uint32_t h = make();
	struct guise_domain_sched s = { .handle = h, .op = GUISE_SCHED_SET, .weight = 512, .cap = 50 };
	const struct guise_domain_sched wrong[] = { { h, GUISE_SCHED_SET, 0, 0 },
						    { h, GUISE_SCHED_SET, GUISE_WEIGHT_MAX + 1, 0 },
						    { h, GUISE_SCHED_SET, 1, GUISE_CAP_MAX + 1 },
						    { h, GUISE_SCHED_SET + 1, 1, 1 } };

	ck_assert_int_eq(op(GUISE_DOMAIN_SCHED, PTR(&s)), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++)
		ck_assert_int_eq(op(GUISE_DOMAIN_SCHED, PTR(&wrong[i])), -EINVAL);
	s = (struct guise_domain_sched){ .handle = h, .op = GUISE_SCHED_GET };
	ck_assert_int_eq(op(GUISE_DOMAIN_SCHED, PTR(&s)), 0);
	ck_assert_uint_eq(s.weight, 512);
	ck_assert_uint_eq(s.cap, 50);
}
END_TEST

START_TEST(a_vcpu_is_bound_to_cpus_that_there_are)
{
	uint32_t h = make();
	const struct guise_domain_affinity right = { h, 0, 1, 2 }, no_cpu = { h, 0, 2, 0 }, no_vcpu = { h, 32, 1, 0 };

	ck_assert_int_eq(op(GUISE_DOMAIN_AFFINITY, PTR(&right)), 0);
	ck_assert_int_eq(op(GUISE_DOMAIN_AFFINITY, PTR(&no_cpu)), -EINVAL);
	ck_assert_int_eq(op(GUISE_DOMAIN_AFFINITY, PTR(&no_vcpu)), -ENOENT);
}
END_TEST

START_TEST(crossings_of_a_vcpu_are_counted_and_timed_on_demand)
{
	struct guise_domain_count c = { .handle = GUISE_INFO_SELF, .timed = 1 };
	uint64_t calls;

	ck_assert_int_eq(op(GUISE_DOMAIN_COUNT, PTR(&c)), 0);
	calls = c.crossing[GUISE_HC_DOMAIN].count;
	ck_assert_int_eq(op(GUISE_DOMAIN_COUNT, PTR(&c)), 0);
	ck_assert_uint_eq(c.crossing[GUISE_HC_DOMAIN].count, calls + 1);
	ck_assert(a.d->timed);
	c.timed = 2;
	ck_assert_int_eq(op(GUISE_DOMAIN_COUNT, PTR(&c)), -EINVAL);
	c.timed = 0;
	c.vcpu = 3;
	ck_assert_int_eq(op(GUISE_DOMAIN_COUNT, PTR(&c)), -ENOENT);
	ck_assert(a.d->timed);
	c.vcpu = 0;
	ck_assert_int_eq(op(GUISE_DOMAIN_COUNT, PTR(&c)), 0);
	ck_assert(!a.d->timed);
}
END_TEST

START_TEST(each_kind_of_object_of_a_domain_is_counted)
{
	struct guise_domain_info was = info(GUISE_INFO_SELF), is;
	evtchn_alloc_unbound_t port = { .dom = DOMID_SELF, .remote_dom = 7 };

	ck_assert_int_eq(hc(a.v, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, PTR(&port), 0, 0), 0);
	ck_assert_int_gt(give(GUISE_HANDLE_IRQ), 0);
	ck_assert(cpu_access(a.v, 0x400000, 0).ok == false);
	is = info(GUISE_INFO_SELF);
	ck_assert_uint_eq(is.ports, was.ports + 1);
	ck_assert_uint_eq(is.handles, was.handles + 1);
	ck_assert_uint_eq(is.kernel_frames, was.kernel_frames + 1); /* the first port's page */
	ck_assert_uint_eq(is.vcpus, 1);
	ck_assert_uint_eq(is.frames, a.d->frames);
	ck_assert_uint_eq(is.cache_frames, was.cache_frames + 1); /* the root */
}
END_TEST

START_TEST(time_spent_waiting_for_a_cpu_is_counted)
{
	uint32_t h = make();
	uint64_t mfn, waited;

	ck_assert_int_eq(populate(h, 0, 1, &mfn), 1);
	ck_assert_int_eq(start(h, mfn), 0);
	op(GUISE_DOMAIN_UNPAUSE, h);
	waited = info(h).wait_ns;
	fake.now += 5000;
	ck_assert_uint_eq(info(h).wait_ns, waited + 5000);
}
END_TEST

START_TEST(a_destroyed_domain_is_gone_with_its_handle_and_all_its_memory)
{
	static uint64_t mfns[50];
	uint64_t before = frame_free_count();
	uint32_t h = make();
	long rc;

	ck_assert_int_eq(populate(h, 0, 50, mfns), 50);
	do {
		rc = op(GUISE_DOMAIN_DESTROY, h);
	} while (rc == -EAGAIN);
	ck_assert_int_eq(rc, 0);
	ck_assert_int_eq(op(GUISE_DOMAIN_PAUSE, h), -EPERM);
	ck_assert_ptr_null(domain_get(7));
	ck_assert_uint_eq(frame_free_count(), before);
}
END_TEST

START_TEST(nobody_pauses_or_destroys_himself)
{
	struct handle self = { .kind = GUISE_HANDLE_DOMAIN, .nr = 1, .target = a.d };
	int h;

	domain_ref(a.d);
	h = handle_add(a.d, &self);
	ck_assert_int_gt(h, 0);
	ck_assert_int_eq(op(GUISE_DOMAIN_PAUSE, (uint64_t)h), -EINVAL);
	ck_assert_int_eq(op(GUISE_DOMAIN_UNPAUSE, (uint64_t)h), -EINVAL);
	ck_assert_int_eq(op(GUISE_DOMAIN_DESTROY, (uint64_t)h), -EINVAL);
	ck_assert_uint_eq(a.d->state, GUISE_STATE_RUNNING);
}
END_TEST

START_TEST(without_a_handle_a_domain_learns_of_itself_and_can_change_nothing)
{
	uint64_t mfn;

	ck_assert_uint_eq(info(GUISE_INFO_SELF).domid, 5);
	ck_assert_int_eq(populate(GUISE_INFO_SELF, 0, 1, &mfn), -EPERM);
	ck_assert_int_eq(op(GUISE_DOMAIN_PAUSE, GUISE_INFO_SELF), -EPERM);
	ck_assert_int_eq(op(GUISE_DOMAIN_AFFINITY + 1, 0), -ENOSYS);
	ck_assert_int_eq(op(GUISE_DOMAIN_INFO, BAD_POINTER), -EFAULT);
}
END_TEST

static long system_op(unsigned cmd, void *p, uint64_t right)
{
	return hc(a.v, GUISE_HC_SYSTEM, cmd, PTR(p), right, 0);
}

START_TEST(anybody_may_ask_how_much_memory_is_free)
{
	struct guise_system_info i;

	ck_assert_int_eq(system_op(GUISE_SYSTEM_INFO, &i, 0), 0);
	ck_assert_uint_eq(i.free_frames, frame_free_count());
	ck_assert_int_eq(system_op(GUISE_SYSTEM_INFO, (void *)BAD_POINTER, 0), -EFAULT);
}
END_TEST

START_TEST(counters_and_reset_of_the_machine_need_a_right)
{
	struct guise_system_counters c;
	uint64_t longest[GUISE_CROSSINGS];

	ck_assert_int_eq(system_op(GUISE_SYSTEM_COUNTERS, &c, memory), -EPERM);
	ck_assert_int_eq(system_op(GUISE_SYSTEM_LATENCY, longest, memory), -EPERM);
	ck_assert_int_eq(system_op(GUISE_SYSTEM_RESET, NULL, memory), -EPERM);
	ck_assert_int_eq(system_op(GUISE_SYSTEM_RESET, longest, system_right), -EINVAL);
	ck_assert_int_eq(system_op(99, &c, system_right), -ENOSYS);
	ck_assert_int_eq(system_op(GUISE_SYSTEM_COUNTERS, &c, system_right), 0);
	ck_assert_uint_eq(c.domains, 1);
	make();
	ck_assert_int_eq(system_op(GUISE_SYSTEM_COUNTERS, &c, system_right), 0);
	ck_assert_uint_eq(c.domains, 2);
	ck_assert_uint_eq(c.free_frames, frame_free_count());
	crossing_longest[3] = 77;
	ck_assert_int_eq(system_op(GUISE_SYSTEM_LATENCY, longest, system_right), 0);
	ck_assert_uint_eq(longest[3], 77);
}
END_TEST

START_TEST(who_has_the_right_resets_the_machine)
{
	fake.expect_panic = true;
	system_op(GUISE_SYSTEM_RESET, NULL, system_right);
}
END_TEST

SUITE(manage)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_domain_is_made_by_who_has_a_right_to_memory);
	tcase_add_test(tc, a_domain_that_cannot_be_as_wanted_is_not_made_and_costs_nothing);
	tcase_add_test(tc, a_domain_whose_handle_finds_no_room_is_not_made);
	tcase_add_test(tc, a_domain_is_filled_started_and_runs);
	tcase_add_test(tc, a_domain_is_started_once_and_with_a_table_of_its_own);
	tcase_add_test(tc, a_domain_may_be_started_under_another_id_that_is_free);
	tcase_add_test(tc, a_domain_whose_frames_are_held_or_too_many_keeps_its_id_and_all_of_them);
	tcase_add_test(tc, only_frames_of_the_domain_are_read_and_written);
	tcase_add_test(tc, a_domain_gets_no_more_memory_than_it_may_have);
	tcase_add_test(tc, a_large_block_goes_on_where_an_interrupt_left_it_and_leaves_nothing_behind);
	tcase_add_test(tc, memory_whose_numbers_cannot_be_told_still_belongs_to_the_domain);
	tcase_add_test(tc, a_pause_counts_and_shows);
	tcase_add_test(tc, why_a_domain_ended_can_be_asked);
	tcase_add_test(tc, a_share_of_the_cpus_is_set_within_its_limits);
	tcase_add_test(tc, a_vcpu_is_bound_to_cpus_that_there_are);
	tcase_add_test(tc, crossings_of_a_vcpu_are_counted_and_timed_on_demand);
	tcase_add_test(tc, each_kind_of_object_of_a_domain_is_counted);
	tcase_add_test(tc, time_spent_waiting_for_a_cpu_is_counted);
	tcase_add_test(tc, a_destroyed_domain_is_gone_with_its_handle_and_all_its_memory);
	tcase_add_test(tc, nobody_pauses_or_destroys_himself);
	tcase_add_test(tc, without_a_handle_a_domain_learns_of_itself_and_can_change_nothing);
	tcase_add_test(tc, anybody_may_ask_how_much_memory_is_free);
	tcase_add_test(tc, counters_and_reset_of_the_machine_need_a_right);
	tcase_add_test_raise_signal(tc, who_has_the_right_resets_the_machine, SIGABRT);
}
