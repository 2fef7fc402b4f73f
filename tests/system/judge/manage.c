/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * manage.c - the judge's own claims: managing domains by handle, seen from the one who may.
 */
#include <runtime/event.h>
#include <runtime/hypercall.h>
#include <runtime/string.h>

#include "../lib/claim.h"
#include "domain.h"

static long create(uint32_t memory, uint16_t id, uint8_t prio, uint8_t paging, uint64_t frames, uint32_t vcpus,
		   uint32_t cache)
{
	struct guise_domain_create how = { memory, id, prio, paging, frames, vcpus, cache };

	return guise_domain(GUISE_DOMAIN_CREATE, &how);
}

static void destroy(long handle)
{
	expect_eq(guise_domain_nr(GUISE_DOMAIN_DESTROY, (uint32_t)handle), 0);
}

TEST("a domain is not made with an identity, size, priority or kind that is out of range")
{
	uint32_t m = GUISE_ROOT_MEMORY;

	expect_eq(create(m, 0, 0, 0, 100, 1, 0), -XEN_EINVAL);
	expect_eq(create(m, DOMID_SELF, 0, 0, 100, 1, 0), -XEN_EINVAL);
	expect_eq(create(m, 0xfffe, 0, 0, 100, 1, 0), -XEN_EINVAL);
	expect_eq(create(m, 9, GUISE_PRIO_DRIVER + 1, 0, 100, 1, 0), -XEN_EINVAL);
	expect_eq(create(m, 9, 0, GUISE_DOMAIN_NATIVE + 1, 100, 1, 0), -XEN_EINVAL);
	expect_eq(create(m, 9, 0, 0, 0, 1, 0), -XEN_EINVAL);
	expect_eq(create(m, 9, 0, 0, ~0ull, 1, 0), -XEN_EINVAL);
	expect_eq(create(m, 9, 0, 0, 100, 0, 0), -XEN_EINVAL);
	expect_eq(create(m, 9, 0, 0, 100, 33, 0), -XEN_EINVAL);
	expect_eq(create(m, 9, 0, 0, 100, 1, ~0u), -XEN_EINVAL);
	expect_eq(create(GUISE_ROOT_SYSTEM, 9, 0, 0, 100, 1, 0), -XEN_EPERM);
	expect_eq(create(77, 9, 0, 0, 100, 1, 0), -XEN_EPERM);
	expect_eq(create(~0u, 9, 0, 0, 100, 1, 0), -XEN_EPERM);
	expect_eq(guise_domain(GUISE_DOMAIN_CREATE, NULL), -XEN_EFAULT);
}

TEST("a domain id in use is refused")
{
	long a = create(GUISE_ROOT_MEMORY, 9, 0, 0, 100, 1, 0);

	expect(a > 0);
	expect_eq(create(GUISE_ROOT_MEMORY, 9, 0, 0, 100, 1, 0), -XEN_EEXIST);
	destroy(a);
}

/* ---- a domain to play with: a page of code and its tables ---- */

#define FRAMES 8

struct toy {
	long handle;
	uint64_t mfn[FRAMES]; /* 0..3: tables from the top, 4: code and stack	*/
};

static long copy(const struct toy *t, unsigned dir, uint64_t mfn, uint32_t offset, void *buffer, uint32_t len)
{
	struct guise_domain_copy req = { (uint32_t)t->handle, dir, mfn, offset, len, (uint64_t)buffer };

	return guise_domain(GUISE_DOMAIN_COPY, &req);
}

/* An interrupt may end a call early. */
static long populate(const struct toy *t, uint32_t nr, uint64_t first, uint64_t *mfns)
{
	uint32_t done = 0;
	long got;

	do {
		struct guise_domain_populate req = { (uint32_t)t->handle, nr - done, first + done,
						     (uint64_t)(mfns + done) };

		got = guise_domain(GUISE_DOMAIN_POPULATE, &req);
		done += got > 0 ? (uint32_t)got : 0;
	} while (got > 0 && done < nr);
	return done ? (long)done : got;
}

static struct toy toy_make_as(uint16_t id, const void *code, uint32_t len)
{
	struct toy t = { .handle = create(GUISE_ROOT_MEMORY, id, GUISE_PRIO_GUEST, GUISE_DOMAIN_NATIVE, 100, 1, 0) };

	expect(t.handle > 0);
	expect_eq(populate(&t, FRAMES, 0, t.mfn), FRAMES);
	for (unsigned i = 0; i < 4; i++) {
		uint64_t e = t.mfn[i + 1] << 12 | 0x67;

		expect_eq(copy(&t, GUISE_COPY_WRITE, t.mfn[i], 0, &e, sizeof(e)), 0);
	}
	if (code)
		expect_eq(copy(&t, GUISE_COPY_WRITE, t.mfn[4], 0, (void *)(uint64_t)code, len), 0);
	return t;
}

static struct toy toy_make(const void *code, uint32_t len)
{
	return toy_make_as(9, code, len);
}

static long begin(const struct toy *t, uint64_t rip, uint64_t rsp, uint64_t cr3)
{
	struct guise_domain_start req = { .handle = (uint32_t)t->handle, .rip = rip, .rsp = rsp, .cr3 = cr3 };

	return guise_domain(GUISE_DOMAIN_START, &req);
}

static struct guise_domain_info info(const struct toy *t)
{
	struct guise_domain_info i = { .handle = (uint32_t)t->handle };

	expect_eq(guise_domain(GUISE_DOMAIN_INFO, &i), 0);
	return i;
}

static void sleep_ms(uint64_t ms)
{
	uint64_t end = time_ns() + ms * 1000000;

	while (time_ns() < end)
		event_loop_once(end);
}

static const uint8_t count_code[] = {
	0x48, 0xff, 0x04, 0x25, 0x00, 0x08, 0x00, 0x00, 0xeb, 0xf6
}; /* 1: incq 0x800; jmp 1b */

static uint64_t counted(const struct toy *t)
{
	uint64_t n = 0;

	expect_eq(copy(t, GUISE_COPY_READ, t->mfn[4], 0x800, &n, sizeof(n)), 0);
	return n;
}

TEST("populate gives zeroed frames up to the maximum and no more")
{
	struct toy t = { .handle = create(GUISE_ROOT_MEMORY, 9, 0, 0, 100, 1, 0) };
	static uint64_t mfns[600];
	struct guise_domain_info i = info(&t);
	uint64_t word, had = i.frames;

	expect_eq(populate(&t, 600, 0, mfns), 100 - (long)had);
	for (unsigned k = 0; k < 100 - had; k++) {
		expect_eq(copy(&t, GUISE_COPY_READ, mfns[k], 8 * (k % 512), &word, 8), 0);
		expect_eq(word, 0);
	}
	expect(populate(&t, 1, 0, mfns) < 0);
	expect_eq(info(&t).frames, 100);
	expect_eq(populate(&t, 0, 0, mfns), 0);
	expect_eq(populate(&t, 1, 1ull << 36, mfns), -XEN_EINVAL);
	expect_eq(populate(&t, 2, ~0ull, mfns), -XEN_EINVAL);
	destroy(t.handle);
}

TEST("populate into memory that is not there is -EFAULT, and the frames are still the domain's")
{
	struct toy t = { .handle = create(GUISE_ROOT_MEMORY, 9, 0, 0, 100, 1, 0) };

	expect_eq(populate(&t, 4, 0, NULL), -XEN_EFAULT);
	expect_eq(populate(&t, 4, 0, (uint64_t *)0xffff808000100000), -XEN_EFAULT);
	expect(info(&t).frames <= 100);
	destroy(t.handle);
}

TEST("copy reaches frames of that domain only, and stays within one")
{
	struct toy t = toy_make(NULL, 0);
	uint64_t word = 0x1234, back = 0;
	uint32_t reached = 0;

	expect_eq(copy(&t, GUISE_COPY_WRITE, t.mfn[5], 4088, &word, 8), 0);
	expect_eq(copy(&t, GUISE_COPY_READ, t.mfn[5], 4088, &back, 8), 0);
	expect_eq(back, word);
	expect_eq(copy(&t, GUISE_COPY_READ, t.mfn[5], 4089, &back, 8), -XEN_EINVAL);
	expect_eq(copy(&t, GUISE_COPY_READ, t.mfn[5], ~0u, &back, 8), -XEN_EINVAL);
	expect_eq(copy(&t, GUISE_COPY_READ, t.mfn[5], 8, &back, ~0u), -XEN_EINVAL);
	expect_eq(copy(&t, 2, t.mfn[5], 0, &back, 8), -XEN_EINVAL);
	expect_eq(copy(&t, GUISE_COPY_READ, t.mfn[5], 0, NULL, 8), -XEN_EFAULT);
	expect_eq(copy(&t, GUISE_COPY_WRITE, t.mfn[5], 0, (void *)0xffff808000100000, 8), -XEN_EFAULT);
	for (uint64_t m = 0; m < 0x10000; m++) {
		long rc = copy(&t, GUISE_COPY_READ, m, 0, &back, 8);

		expect(!rc || rc == -XEN_EPERM);
		reached += !rc;
		for (unsigned i = 0; i < FRAMES; i++)
			expect(t.mfn[i] != m || !rc);
	}
	expect_eq(reached, info(&t).frames);
	expect_eq(copy(&t, GUISE_COPY_READ, ~0ull, 0, &back, 8), -XEN_EPERM);
	destroy(t.handle);
}

TEST("a domain is started once, at a canonical address, with a root of its own")
{
	struct toy t = toy_make(count_code, sizeof(count_code));
	struct guise_domain_start req = { .handle = (uint32_t)t.handle,
					  .domid = GUISE_DOMID_LAST + 1,
					  .cr3 = t.mfn[0] };

	expect_eq(guise_domain(GUISE_DOMAIN_START, &req), -XEN_EINVAL);
	expect_eq(begin(&t, 0x8000000000000000, 0x1000, t.mfn[0]), -XEN_EINVAL);
	expect_eq(begin(&t, 0, 0x8000000000000000, t.mfn[0]), -XEN_EINVAL);
	expect_eq(begin(&t, 0, 0x1000, 0x100), -XEN_EPERM);
	expect_eq(begin(&t, 0, 0x1000, ~0ull), -XEN_EPERM);
	expect_eq(begin(&t, 0, 0x1000, t.mfn[0]), 0);
	expect_eq(begin(&t, 0, 0x1000, t.mfn[0]), -XEN_EBUSY);
	destroy(t.handle);
}

TEST("a domain that has not started takes another domain id, if nobody has it")
{
	struct toy t = toy_make(count_code, sizeof(count_code)), other = toy_make_as(10, NULL, 0);
	struct guise_domain_start req = { .handle = (uint32_t)t.handle, .domid = 10, .rsp = 0x1000, .cr3 = t.mfn[0] };

	expect_eq(guise_domain(GUISE_DOMAIN_START, &req), -XEN_EEXIST);
	destroy(other.handle);
	expect_eq(guise_domain(GUISE_DOMAIN_START, &req), 0);
	expect_eq(info(&t).domid, 10);
	other = toy_make(NULL, 0); /* with the id that is free now */
	expect_eq(event_alloc(10, 0) > 0, 1);
	expect_eq(copy(&other, GUISE_COPY_READ, t.mfn[4], 0, &req, 8), -XEN_EPERM);
	guise_domain_nr(GUISE_DOMAIN_UNPAUSE, (uint32_t)t.handle);
	for (unsigned i = 0; i < 200 && !counted(&t); i++)
		sleep_ms(5);
	expect(counted(&t));
	destroy(t.handle);
	destroy(other.handle);
}

TEST("a domain runs when it is started and not paused, and a pause counts")
{
	struct toy t = toy_make(count_code, sizeof(count_code));
	uint64_t n;

	expect_eq(begin(&t, 0, 0x1000, t.mfn[0]), 0);
	sleep_ms(5);
	expect_eq(counted(&t), 0);
	expect_eq(info(&t).state, GUISE_STATE_PAUSED);
	expect_eq(guise_domain_nr(GUISE_DOMAIN_UNPAUSE, (uint32_t)t.handle), 0);
	for (unsigned i = 0; i < 200 && !counted(&t); i++)
		sleep_ms(5);
	expect(counted(&t));
	expect_eq(info(&t).state, GUISE_STATE_RUNNING);
	expect_eq(guise_domain_nr(GUISE_DOMAIN_PAUSE, (uint32_t)t.handle), 0);
	expect_eq(guise_domain_nr(GUISE_DOMAIN_PAUSE, (uint32_t)t.handle), 0);
	n = counted(&t);
	sleep_ms(10);
	expect_eq(counted(&t), n);
	expect_eq(guise_domain_nr(GUISE_DOMAIN_UNPAUSE, (uint32_t)t.handle), 0);
	sleep_ms(10);
	expect_eq(counted(&t), n);
	expect_eq(guise_domain_nr(GUISE_DOMAIN_UNPAUSE, (uint32_t)t.handle), 0);
	for (unsigned i = 0; i < 200 && counted(&t) == n; i++)
		sleep_ms(5);
	expect(counted(&t) > n);
	expect(info(&t).cpu_ns > 0 && info(&t).faults > 0);
	destroy(t.handle);
}

TEST("a domain without its root, its code or its stack stops with a reason")
{
	struct toy t = toy_make(NULL, 0);
	uint64_t zero = 0;

	expect_eq(begin(&t, 0x100, 0x1000, t.mfn[0]), 0);
	expect_eq(copy(&t, GUISE_COPY_WRITE, t.mfn[0], 0, &zero, sizeof(zero)), 0);
	guise_domain_nr(GUISE_DOMAIN_UNPAUSE, (uint32_t)t.handle);
	for (unsigned i = 0; i < 200 && info(&t).state == GUISE_STATE_RUNNING; i++)
		sleep_ms(5);
	expect_eq(info(&t).state, GUISE_STATE_CRASHED);
	expect(info(&t).text[0]);
	/* There is no way back. */
	guise_domain_nr(GUISE_DOMAIN_UNPAUSE, (uint32_t)t.handle);
	sleep_ms(5);
	expect_eq(info(&t).state, GUISE_STATE_CRASHED);
	expect_eq(begin(&t, 0, 0x1000, t.mfn[0]), -XEN_EBUSY);
	destroy(t.handle);
}

/* ---- shares of the CPU ---- */

static long share(long handle, uint32_t op, uint32_t weight, uint32_t cap)
{
	struct guise_domain_sched req = { (uint32_t)handle, op, weight, cap };

	return guise_domain(GUISE_DOMAIN_SCHED, &req);
}

static void share_set(const struct toy *t, uint32_t weight, uint32_t cap)
{
	struct guise_domain_sched req = { (uint32_t)t->handle, GUISE_SCHED_GET, 0, 0 };

	expect_eq(share(t->handle, GUISE_SCHED_SET, weight, cap), 0);
	expect_eq(guise_domain(GUISE_DOMAIN_SCHED, &req), 0);
	expect_eq(req.weight, weight);
	expect_eq(req.cap, cap);
}

static struct guise_domain_info counters(const struct toy *t)
{
	struct guise_domain_info c = { .handle = (uint32_t)t->handle };

	expect_eq(guise_domain(GUISE_DOMAIN_INFO, &c), 0);
	return c;
}

#define NR_SPINNERS 4

/* They count, for so long; how much CPU time each got, ns. */
static void spin_together(struct toy *t, unsigned nr, uint64_t ms, uint64_t *ns)
{
	uint64_t before[NR_SPINNERS];

	for (unsigned i = 0; i < nr; i++)
		guise_domain_nr(GUISE_DOMAIN_UNPAUSE, (uint32_t)t[i].handle);
	sleep_ms(100);
	for (unsigned i = 0; i < nr; i++)
		before[i] = counters(&t[i]).cpu_ns;
	sleep_ms(ms);
	for (unsigned i = 0; i < nr; i++)
		ns[i] = counters(&t[i]).cpu_ns - before[i];
	for (unsigned i = 0; i < nr; i++)
		guise_domain_nr(GUISE_DOMAIN_PAUSE, (uint32_t)t[i].handle);
}

static void spinners_make(struct toy *t, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		t[i] = toy_make_as((uint16_t)(9 + i), count_code, sizeof(count_code));
		expect_eq(begin(&t[i], 0, 0x1000, t[i].mfn[0]), 0);
	}
}

/* How far the shares are from those wanted at most, in percent of all. */
static unsigned share_error(const uint64_t *ns, unsigned nr, const unsigned *wanted)
{
	unsigned worst = 0;
	uint64_t sum = 0;

	for (unsigned i = 0; i < nr; i++)
		sum += ns[i];
	for (unsigned i = 0; i < nr; i++) {
		unsigned percent = (unsigned)((ns[i] * 1000 / sum + 5) / 10);

		worst = percent > wanted[i] + worst ? percent - wanted[i] :
			wanted[i] > percent + worst ? wanted[i] - percent :
						      worst;
	}
	return worst;
}

static long bind(long handle, uint32_t vcpu, uint32_t hard)
{
	struct guise_domain_affinity req = { (uint32_t)handle, vcpu, hard, 0 };

	return guise_domain(GUISE_DOMAIN_AFFINITY, &req);
}

/* If the machine itself stands still for a while, whoever runs is charged for it: so more than one try. */
#define TRIES 5

TEST("domains that spin share the CPU by their weights")
{
	static const unsigned wanted[2][NR_SPINNERS] = { { 25, 25, 25, 25 }, { 10, 20, 30, 40 } };
	struct toy t[NR_SPINNERS];
	uint64_t ns[NR_SPINNERS];

	spinners_make(t, NR_SPINNERS);
	for (unsigned i = 0; i < NR_SPINNERS; i++)
		expect_eq(bind(t[i].handle, 0, 1), 0);
	for (unsigned round = 0; round < 2; round++) {
		unsigned error = 100;

		for (unsigned i = 0; i < NR_SPINNERS; i++)
			share_set(&t[i], wanted[round][i] * 10, 0);
		for (unsigned tries = 0; tries < TRIES && error > 5; tries++) {
			spin_together(t, NR_SPINNERS, 2000, ns);
			error = share_error(ns, NR_SPINNERS, wanted[round]);
		}
		expect(error <= 5);
	}
	for (unsigned i = 0; i < NR_SPINNERS; i++)
		destroy(t[i].handle);
}

static uint32_t nr_cpus(void)
{
	struct guise_system_info info;

	expect_eq(guise_system(GUISE_SYSTEM_INFO, &info, GUISE_ROOT_SYSTEM), 0);
	return info.nr_cpus;
}

TEST("two vCPUs that are bound to one CPU have no more than its time")
{
	struct toy t[2];
	uint64_t ns[2], began;

	spinners_make(t, 2);
	for (uint32_t cpu = 0; cpu < nr_cpus(); cpu++) {
		for (unsigned i = 0; i < 2; i++)
			expect_eq(bind(t[i].handle, 0, 1u << cpu), 0);
		ns[0] = ns[1] = 0;
		for (unsigned tries = 0; tries < TRIES && !(ns[0] && ns[1]); tries++) {
			began = time_ns();
			spin_together(t, 2, 300, ns);
			expect(ns[0] + ns[1] <= time_ns() - began);
		}
		expect(ns[0] && ns[1]);
	}
	for (unsigned i = 0; i < 2; i++)
		destroy(t[i].handle);
}

TEST("a vCPU that runs goes on where it is bound to, and others where it was")
{
	struct toy t[2];
	uint32_t last = nr_cpus() - 1;

	spinners_make(t, 2);
	for (unsigned i = 0; i < 2; i++)
		expect_eq(guise_domain_nr(GUISE_DOMAIN_UNPAUSE, (uint32_t)t[i].handle), 0);
	for (unsigned round = 0; round < 20; round++) {
		uint64_t before[2] = { counted(&t[0]), counted(&t[1]) }, until = time_ns() + 5000000000ull;

		expect_eq(bind(t[0].handle, 0, 1u << (round & 1 ? last : 0)), 0);
		expect_eq(bind(t[1].handle, 0, round & 2 ? 1u << last : ~0u), 0);
		while ((counted(&t[0]) == before[0] || counted(&t[1]) == before[1]) && time_ns() < until)
			sleep_ms(1);
		expect(time_ns() < until);
	}
	for (unsigned i = 0; i < 2; i++)
		destroy(t[i].handle);
}

TEST("three vCPUs that spin on two CPUs share them")
{
	static const unsigned wanted[] = { 33, 33, 33 };
	struct toy t[3];
	unsigned error = 100;
	uint64_t ns[3];

	spinners_make(t, 3);
	for (unsigned i = 0; i < 3; i++)
		expect_eq(bind(t[i].handle, 0, 3), 0);
	for (unsigned tries = 0; tries < TRIES && error > 5; tries++) {
		spin_together(t, 3, 2000, ns);
		error = share_error(ns, 3, wanted);
	}
	expect(error <= 5);
	for (unsigned i = 0; i < 3; i++)
		destroy(t[i].handle);
}

TEST("a vCPU is not bound to CPUs that there are not, nor by who does not manage it")
{
	struct toy t = toy_make(NULL, 0);

	expect_eq(bind(t.handle, 0, 0), -XEN_EINVAL);
	if (nr_cpus() < 32)
		expect_eq(bind(t.handle, 0, 1u << nr_cpus()), -XEN_EINVAL);
	expect_eq(bind(t.handle, 1, 1), -XEN_ENOENT);
	expect_eq(bind(t.handle, ~0u, 1), -XEN_ENOENT);
	expect_eq(bind(GUISE_ROOT_MEMORY, 0, 1), -XEN_EPERM);
	expect_eq(bind(GUISE_INFO_SELF, 0, 1), -XEN_EPERM);
	expect_eq(guise_domain(GUISE_DOMAIN_AFFINITY, NULL), -XEN_EFAULT);
	destroy(t.handle);
}

TEST("a cap holds, whether or not others want the CPU")
{
	struct toy t[2];
	uint64_t ns[2], began, percent;

	spinners_make(t, 2);
	share_set(&t[0], GUISE_WEIGHT_MAX, 20);
	for (unsigned nr = 1; nr <= 2; nr++) {
		percent = 100;
		for (unsigned tries = 0; tries < TRIES && percent > 25; tries++) {
			began = time_ns();
			spin_together(t, nr, 2000, ns);
			percent = ns[0] * 100 / (time_ns() - began);
		}
		expect(percent <= 25);
		expect(ns[0] > 0);
	}
	for (unsigned i = 0; i < 2; i++)
		destroy(t[i].handle);
}

TEST("a weight or cap that is out of range, or of a domain one does not manage, is refused")
{
	struct toy t = toy_make(NULL, 0);

	expect_eq(share(t.handle, GUISE_SCHED_SET, 0, 0), -XEN_EINVAL);
	expect_eq(share(t.handle, GUISE_SCHED_SET, GUISE_WEIGHT_MAX + 1, 0), -XEN_EINVAL);
	expect_eq(share(t.handle, GUISE_SCHED_SET, 256, GUISE_CAP_MAX + 1), -XEN_EINVAL);
	expect_eq(share(t.handle, GUISE_SCHED_SET + 1, 256, 0), -XEN_EINVAL);
	expect_eq(share(GUISE_ROOT_MEMORY, GUISE_SCHED_SET, 256, 0), -XEN_EPERM);
	expect_eq(share(GUISE_INFO_SELF, GUISE_SCHED_GET, 256, 0), -XEN_EPERM);
	expect_eq(guise_domain(GUISE_DOMAIN_SCHED, NULL), -XEN_EFAULT);
	share_set(&t, 1, GUISE_CAP_MAX);
	destroy(t.handle);
}

static struct guise_system_counters machine(void)
{
	struct guise_system_counters c;

	expect_eq(guise_system(GUISE_SYSTEM_COUNTERS, &c, GUISE_ROOT_SYSTEM), 0);
	return c;
}

TEST("after 100 domains came and went every counter is where it was")
{
	struct guise_domain_info self = { .handle = GUISE_INFO_SELF }, after = self;
	struct guise_system_counters before = machine(), now;

	expect_eq(guise_domain(GUISE_DOMAIN_INFO, &self), 0);
	for (unsigned i = 0; i < 100; i++) {
		struct toy t = toy_make(count_code, sizeof(count_code));
		struct guise_domain_info c;
		evtchn_alloc_unbound_t open = { .dom = 9, .remote_dom = DOMID_SELF };

		expect_eq(begin(&t, 0, 0x1000, t.mfn[0]), 0);
		expect_eq(hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, (uint64_t)&open, 0, 0, 0),
			  0);
		share_set(&t, 256, i % 2 ? 50 : 0);
		guise_domain_nr(GUISE_DOMAIN_UNPAUSE, (uint32_t)t.handle);
		if (i % 10 == 0)
			sleep_ms(5);
		c = counters(&t);
		expect_eq(c.vcpus, 1);
		expect_eq(c.ports, 1);
		expect(c.frames >= FRAMES && c.frames <= c.max_frames);
		expect(c.kernel_frames > 0 && c.kernel_frames <= c.max_kernel_frames);
		expect_eq(machine().domains, before.domains + 1);
		destroy(t.handle);
	}
	now = machine();
	expect_eq(now.free_frames, before.free_frames);
	expect_eq(now.domains, before.domains);
	expect_eq(now.irqs, before.irqs);
	expect_eq(now.messages, before.messages);
	expect_eq(guise_domain(GUISE_DOMAIN_INFO, &after), 0);
	expect_eq(after.frames, self.frames);
	expect_eq(after.kernel_frames, self.kernel_frames);
	expect_eq(after.ports, self.ports);
	expect_eq(after.handles, self.handles);
	expect_eq(after.grants, self.grants);
	expect_eq(after.grant_maps, self.grant_maps);
	expect(after.hypercalls > self.hypercalls);
}

TEST("a domain is destroyed in whatever state, and its handle is gone")
{
	for (unsigned state = 0; state < 4; state++) {
		struct toy t = toy_make(count_code, sizeof(count_code));

		if (state > 0)
			expect_eq(begin(&t, state == 3 ? 0x1000 : 0, 0x1000, t.mfn[0]), 0);
		if (state > 1) {
			guise_domain_nr(GUISE_DOMAIN_UNPAUSE, (uint32_t)t.handle);
			sleep_ms(20);
		}
		destroy(t.handle);
		expect_eq(guise_domain_nr(GUISE_DOMAIN_DESTROY, (uint32_t)t.handle), -XEN_EPERM);
		expect_eq(guise_domain_nr(GUISE_DOMAIN_PAUSE, (uint32_t)t.handle), -XEN_EPERM);
	}
}

/* One that takes all memory there is. */
static struct toy toy_of_all(void)
{
	static uint64_t mfns[512];
	struct guise_system_info sys;
	struct toy t;
	uint64_t g = 0;
	long got;

	expect_eq(guise_system(GUISE_SYSTEM_INFO, &sys, GUISE_ROOT_SYSTEM), 0);
	t.handle = create(GUISE_ROOT_MEMORY, 9, 0, 0, sys.max_mfn, 1, 0);
	expect(t.handle > 0);
	while ((got = populate(&t, 512, g, mfns)) > 0)
		g += (uint64_t)got;
	expect_eq(got, -XEN_ENOMEM);
	return t;
}

TEST("memory that runs out is -ENOMEM, and comes back")
{
	struct toy t = toy_of_all();
	struct guise_system_info low;

	expect_eq(guise_system(GUISE_SYSTEM_INFO, &low, GUISE_ROOT_SYSTEM), 0);
	expect(low.free_frames < 8);
	expect_eq(create(GUISE_ROOT_MEMORY, 10, 0, 0, 100, 1, 0), -XEN_ENOMEM);
	destroy(t.handle);
}

/* Start a domain of the server's, as the server does, in vain. */
static void start_fails(struct domain *d, uint64_t rip, const char *why)
{
	domain_start(d, rip, 0x1000, 0, 0);
	if (!d->error || strcmp(d->error, why))
		fails(__FILE__, __LINE__, "it says: %s", d->error ? d->error : "nothing");
	d->error = NULL;
}

TEST("the server says why a domain does not start, and can once there is memory")
{
	struct domain d;
	struct toy all;

	domain_create(&d, 10, FRAMES, FRAMES, 1, GUISE_PRIO_GUEST, GUISE_DOMAIN_NATIVE);
	expect(!d.error);
	all = toy_of_all();
	start_fails(&d, 0, "it cannot be started: the machine has too little free memory to cache its page tables");
	destroy(all.handle);
	start_fails(&d, 1ull << 63, "it cannot be started: its entry or its stack is at no address of x86-64");
	domain_start(&d, 0, 0x1000, 0, 0);
	expect(!d.error);
	start_fails(&d, 0, "it cannot be started: it has been already, or others use its memory");
	expect_eq(domain_destroy(&d), 0);
}

TEST("as many domains as there may be can be made, and no more")
{
	static long handle[200];
	unsigned n = 0;

	while (n < 200 && (handle[n] = create(GUISE_ROOT_MEMORY, (uint16_t)(100 + n), 0, 0, 40, 1, 32)) > 0)
		n++;
	expect(n > 50 && n < 200);
	while (n--)
		destroy(handle[n]);
}

TEST("a part of a range may be passed on, not more, and not of another kind")
{
	struct toy t = toy_make(NULL, 0);
	struct guise_handle_derive req = { GUISE_ROOT_PORT, (uint32_t)t.handle, 0x80, 1 };

#define REFUSED(change)                                                                             \
	do {                                                                                        \
		req = (struct guise_handle_derive){ GUISE_ROOT_PORT, (uint32_t)t.handle, 0x80, 1 }; \
		change;                                                                             \
		if (guise_handle(GUISE_HANDLE_OP_DERIVE, &req) != -XEN_EPERM)                       \
			fails(__FILE__, __LINE__, "not refused: %s", #change);                      \
	} while (0)
	expect(guise_handle(GUISE_HANDLE_OP_DERIVE, &req) > 0);
	REFUSED(req.first = 65536);
	REFUSED(req.first = 65535; req.nr = 2);
	REFUSED(req.nr = 0);
	REFUSED(req.nr = ~0ull);
	REFUSED(req.first = ~0ull; req.nr = 2);
	REFUSED(req.parent = GUISE_ROOT_MEMORY);
	REFUSED(req.parent = GUISE_ROOT_SYSTEM);
	REFUSED(req.parent = (uint32_t)t.handle);
	REFUSED(req.parent = 120);
	REFUSED(req.parent = ~0u);
	REFUSED(req.domain = GUISE_ROOT_PORT);
	REFUSED(req.domain = ~0u);
	destroy(t.handle);
}

TEST("a domain's handles run out with -ENOSPC")
{
	struct toy t = toy_make(NULL, 0);
	struct guise_handle_derive req = { GUISE_ROOT_PORT, (uint32_t)t.handle, 0x80, 1 };
	long rc = 0;
	unsigned n = 0;

	while (n < 1000 && (rc = guise_handle(GUISE_HANDLE_OP_DERIVE, &req)) > 0)
		n++;
	expect_eq(rc, -XEN_ENOSPC);
	expect(n > 100);
	destroy(t.handle);
}

TEST("one domain is told of others' ends")
{
	expect_eq(event_bind_virq(VIRQ_DOM_EXC), -XEN_EEXIST);
}

TEST("ports of a managed domain are opened for it, and only for it")
{
	struct toy t = toy_make(NULL, 0);
	int port = event_alloc(9, 0);

	expect(port > 0);
	expect(event_bind(9, (uint32_t)port) > 0);
	expect(event_bind(9, (uint32_t)port) < 0);
	expect(event_alloc(8, 0) < 0);
	destroy(t.handle);
}
