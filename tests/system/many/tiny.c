/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tiny.c - the smallest stock PV guest: it says its name and does what is typed on its console.
 *
 *	q	powers off		r	reboots
 *	c	crashes			s	spins for ever
 *	f	floods its console	other	is said again
 */
#include <stdint.h>
#include <runtime/xen.h>
#include <xen/event_channel.h>
#include <xen/sched.h>
#include <xen/io/console.h>

#define PAGE 4096ul

static start_info_t *start;
static struct xencons_interface *console;
static struct shared_info *shared;
static char window[2 * PAGE] __attribute__((aligned(4096))); /* one page of it maps the shared info	*/

static long hypercall(unsigned nr, uint64_t a1, uint64_t a2, uint64_t a3)
{
	long rax = nr;

	__asm__ volatile("syscall" : "+a"(rax), "+D"(a1), "+S"(a2), "+d"(a3) : : "rcx", "r11", "r10", "r8", "memory");
	return rax;
}

static void end(unsigned reason)
{
	struct sched_shutdown how = { .reason = reason };

	for (;;)
		hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, (uint64_t)&how, 0);
}

/* Until the console has news; what it has is forgotten here, and looked at by the caller. */
static void wait(void)
{
	evtchn_port_t port = start->console.domU.evtchn;
	struct sched_poll poll = { .nr_ports = 1 };

	poll.ports.p = &port;
	hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, (uint64_t)&poll, 0);
	__atomic_and_fetch(&shared->evtchn_pending[port / 64], ~(1ul << port % 64), __ATOMIC_SEQ_CST);
}

static void say(const char *text, unsigned len)
{
	struct evtchn_send op = { .port = start->console.domU.evtchn };

	for (unsigned i = 0; i < len; i++) {
		while (console->out_prod - *(volatile XENCONS_RING_IDX *)&console->out_cons == sizeof(console->out))
			wait();
		console->out[console->out_prod % sizeof(console->out)] = text[i];
		__atomic_store_n(&console->out_prod, console->out_prod + 1, __ATOMIC_SEQ_CST);
		if (i % 512 == 511 || i + 1 == len)
			hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (uint64_t)&op, 0);
	}
}

static void obey(char c)
{
	if (c == 'q')
		end(SHUTDOWN_poweroff);
	if (c == 'r')
		end(SHUTDOWN_reboot);
	if (c == 'c')
		end(SHUTDOWN_crash);
	while (c == 's')
		__asm__ volatile("pause");
	while (c == 'f')
		say("0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnop\n", 63);
	say(&c, 1);
}

void guest(start_info_t *si);
void guest(start_info_t *si)
{
	unsigned len = 0;

	start = si;
	console = (struct xencons_interface *)((char *)si + 2 * PAGE); /* vmm/pvguest.c */
	shared = (struct shared_info *)window;
	hypercall(__HYPERVISOR_update_va_mapping, (uint64_t)shared, si->shared_info | 0x67, UVMF_INVLPG);
	while (si->cmd_line[len])
		len++;
	say((const char *)si->cmd_line, len);
	say(" is up\n", 7);
	for (;;) {
		while (console->in_cons != *(volatile XENCONS_RING_IDX *)&console->in_prod) {
			char c = console->in[console->in_cons % sizeof(console->in)];

			__atomic_store_n(&console->in_cons, console->in_cons + 1, __ATOMIC_SEQ_CST);
			obey(c);
		}
		wait();
	}
}
