/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rest.c - GUISE_SYSTEM_CHECK: all other CPUs come to where they hold no lock and have nothing half done, before they
 * choose a vCPU, and wait there until the books were compared (fsck.c).
 *
 * Whoever waits answers flushes as anywhere else.  Only the first domain, which has one vCPU, waits in the kernel for a
 * vCPU to leave a CPU; it is the one who asks, so nobody who shall rest waits for one who does.
 */
#include "fsck.h"

#include <arch/cpu.h>
#include <core/hypercall.h>
#include <core/lib.h>
#include <core/vcpu.h>
#include <stdarg.h>

#define FAULTS_TOLD 20
#define ASK_EACH    4096 /* looks, from one asking of a CPU to the next: it may have chosen just before */

void __real_arch_resched_done(void);
void __wrap_arch_resched_done(void);
long __real_hc_system_op(struct vcpu *v, const uint64_t *arg);
long __wrap_hc_system_op(struct vcpu *v, const uint64_t *arg);

static bool wanted;
static uint32_t resting; /* bitmap of CPUs */
static unsigned faults;

void fsck_fault(const char *fmt, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (faults++ < FAULTS_TOLD)
		printk("guise: fsck: %s\n", text);
}

/* schedule() calls it with no lock held, before each choice and when the CPU was idle. */
void __wrap_arch_resched_done(void)
{
	uint32_t me = 1u << arch_cpu_id();

	if (__atomic_load_n(&wanted, __ATOMIC_SEQ_CST)) {
		__atomic_fetch_or(&resting, me, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&wanted, __ATOMIC_SEQ_CST))
			arch_relax();
		__atomic_fetch_and(&resting, ~me, __ATOMIC_SEQ_CST);
	}
	__real_arch_resched_done();
}

static void all_rest(void)
{
	uint32_t others = (uint32_t)((1ull << arch_cpu_count()) - 1) & ~(1u << arch_cpu_id()), missing;

	__atomic_store_n(&wanted, true, __ATOMIC_SEQ_CST);
	for (uint64_t looks = 0; (missing = others & ~__atomic_load_n(&resting, __ATOMIC_SEQ_CST)); looks++) {
		for (uint32_t m = looks % ASK_EACH ? 0 : missing; m; m &= m - 1)
			arch_resched_cpu((uint32_t)__builtin_ctz(m));
		arch_relax();
	}
}

static void all_go(void)
{
	__atomic_store_n(&wanted, false, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&resting, __ATOMIC_SEQ_CST))
		arch_relax();
}

long __wrap_hc_system_op(struct vcpu *v, const uint64_t *arg)
{
	struct guise_system_check c;
	struct handle h;

	if (arg[0] != GUISE_SYSTEM_CHECK)
		return __real_hc_system_op(v, arg);
	if (handle_lookup(v->domain, (uint32_t)arg[2], GUISE_HANDLE_SYSTEM, &h))
		return -EPERM;
	all_rest();
	fsck(&c);
	if (faults)
		panic("fsck: %u faults", faults);
	printk("guise: fsck: %lu frames, %lu holds, %lu translations and all else agree\n", c.frames, c.holds,
	       c.translations);
	all_go();
	return copy_to_guest(arg[1], &c, sizeof(c));
}
