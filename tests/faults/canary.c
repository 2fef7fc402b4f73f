/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * canary.c - a PV guest without devices: most of its memory holds numbers, and it looks at them all the time.
 *
 * It crashes when one of them is another.  It says a dot each time that it has looked at all of them.
 */
#include <stdint.h>
#include <runtime/xen.h>
#include <xen/event_channel.h>
#include <xen/sched.h>
#include <xen/io/console.h>

#define PAGE  4096ul
#define WORDS ((48ul << 20) / 8)

static volatile uint64_t words[WORDS];

static void hypercall(unsigned nr, uint64_t a1, const void *a2)
{
	long rax = nr;

	__asm__ volatile("syscall" : "+a"(rax), "+D"(a1), "+S"(a2) : : "rcx", "r11", "rdx", "r10", "r8", "memory");
}

/* Those that find no room are lost. */
static void dot(const start_info_t *si)
{
	struct xencons_interface *console = (struct xencons_interface *)((char *)si + 2 * PAGE); /* vmm/pvguest.c */
	struct evtchn_send op = { .port = si->console.domU.evtchn };

	if (console->out_prod - *(volatile XENCONS_RING_IDX *)&console->out_cons < sizeof(console->out)) {
		console->out[console->out_prod % sizeof(console->out)] = '.';
		__atomic_store_n(&console->out_prod, console->out_prod + 1, __ATOMIC_SEQ_CST);
	}
	hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &op);
}

static uint64_t number(uint64_t i)
{
	return (i + 1) * 0x9e3779b97f4a7c15ul;
}

void guest(const start_info_t *si);
void guest(const start_info_t *si)
{
	struct sched_shutdown crash = { .reason = SHUTDOWN_crash };

	for (uint64_t i = 0; i < WORDS; i++)
		words[i] = number(i);
	for (;;) {
		for (uint64_t i = 0; i < WORDS; i++)
			if (words[i] != number(i))
				hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &crash);
		dot(si);
	}
}
