/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * events.c - event channels: what state a port may be in, who may touch it, and that no event is lost.
 */
#include <runtime/event.h>
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/start.h>
#include <xen/callback.h>

#include "claim.h"
#include "peer.h"
#include "pt.h"
#include "trap.h"

static uint32_t status(uint32_t port)
{
	struct evtchn_status s = { .dom = DOMID_SELF, .port = port };

	expect_eq(hc_event_channel(EVTCHNOP_status, &s), 0);
	return s.status;
}

static long send(uint32_t port)
{
	return hc_event_channel(EVTCHNOP_send, &(struct evtchn_send){ .port = port });
}

static long close_port(uint32_t port)
{
	return hc_event_channel(EVTCHNOP_close, &(struct evtchn_close){ .port = port });
}

static long bind_vcpu(uint32_t port, uint32_t vcpu)
{
	return hc_event_channel(EVTCHNOP_bind_vcpu, &(struct evtchn_bind_vcpu){ .port = port, .vcpu = vcpu });
}

static long unmask(uint32_t port)
{
	return hc_event_channel(EVTCHNOP_unmask, &(struct evtchn_unmask){ .port = port });
}

static int bind_ipi(uint32_t vcpu)
{
	struct evtchn_bind_ipi op = { .vcpu = vcpu };
	long rc = hc_event_channel(EVTCHNOP_bind_ipi, &op);

	return rc ? (int)rc : (int)op.port;
}

static int bind_virq(uint32_t virq, uint32_t vcpu)
{
	struct evtchn_bind_virq op = { .virq = virq, .vcpu = vcpu };
	long rc = hc_event_channel(EVTCHNOP_bind_virq, &op);

	return rc ? (int)rc : (int)op.port;
}

static int is_pending(uint32_t port)
{
	return ((volatile uint64_t *)shared->evtchn_pending)[port / 64] >> port % 64 & 1;
}

static void clear(uint32_t port)
{
	__atomic_fetch_and(&shared->evtchn_pending[port / 64], ~(1ull << port % 64), __ATOMIC_SEQ_CST);
}

static void set_mask(uint32_t port, int masked)
{
	uint64_t bit = 1ull << port % 64;

	if (masked)
		__atomic_fetch_or(&shared->evtchn_mask[port / 64], bit, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(&shared->evtchn_mask[port / 64], ~bit, __ATOMIC_SEQ_CST);
}

static volatile struct vcpu_info *info(void)
{
	return &shared->vcpu_info[0];
}

static void quiet(void)
{
	info()->evtchn_upcall_pending = 0;
	info()->evtchn_pending_sel = 0;
}

TEST("a port goes from closed to unbound to bound and back")
{
	int a = event_alloc(DOMID_SELF, DOMID_SELF), b;

	expect(a > 0);
	expect_eq(status((uint32_t)a), EVTCHNSTAT_unbound);
	b = event_bind(DOMID_SELF, (uint32_t)a);
	expect(b > 0 && b != a);
	expect_eq(status((uint32_t)a), EVTCHNSTAT_interdomain);
	expect_eq(status((uint32_t)b), EVTCHNSTAT_interdomain);
	expect_eq(event_bind(DOMID_SELF, (uint32_t)a), -XEN_EINVAL);
	expect_eq(close_port((uint32_t)b), 0);
	expect_eq(status((uint32_t)b), EVTCHNSTAT_closed);
	expect_eq(status((uint32_t)a), EVTCHNSTAT_unbound);
	expect_eq(close_port((uint32_t)a), 0);
	expect_eq(status((uint32_t)a), EVTCHNSTAT_closed);
	expect_eq(close_port((uint32_t)a), -XEN_EINVAL);
}

TEST("a send sets the other side's pending bit, once")
{
	uint32_t a = (uint32_t)event_alloc(DOMID_SELF, DOMID_SELF), b = (uint32_t)event_bind(DOMID_SELF, a);

	expect(is_pending(b)); /* binding raises it: what came before is not lost */
	clear(b);
	expect_eq(send(a), 0);
	expect(is_pending(b) && !is_pending(a));
	expect_eq(send(a), 0);
	clear(b);
	expect(!is_pending(b));
	expect_eq(send(b), 0);
	expect(is_pending(a));
}

TEST("a masked port is pending without an upcall, and unmask brings it")
{
	uint32_t a = (uint32_t)event_alloc(DOMID_SELF, DOMID_SELF), b = (uint32_t)event_bind(DOMID_SELF, a);

	clear(b);
	set_mask(b, 1);
	quiet();
	expect_eq(send(a), 0);
	expect(is_pending(b));
	expect_eq(info()->evtchn_upcall_pending, 0);
	expect_eq(unmask(b), 0);
	expect_eq(info()->evtchn_upcall_pending, 1);
	expect_eq(info()->evtchn_pending_sel, 1ull << b / 64);
	clear(b);
	quiet();
	expect_eq(unmask(b), 0);
	expect_eq(info()->evtchn_upcall_pending, 0);
	expect_eq(send(a), 0);
	expect_eq(info()->evtchn_upcall_pending, 1);
}

TEST("an upcall comes to the callback with upcalls masked, when they are unmasked", .paging = BOTH)
{
	struct callback_register reg = { .type = CALLBACKTYPE_event,
					 .flags = CALLBACKF_mask_events,
					 .address = trap_handler(TRAP_EVENT) };
	uint32_t a = (uint32_t)event_alloc(DOMID_SELF, DOMID_SELF), b = (uint32_t)event_bind(DOMID_SELF, a);

	expect_eq(hypercall(__HYPERVISOR_callback_op, CALLBACKOP_register, (uint64_t)&reg, 0, 0, 0), 0);
	clear(b);
	quiet();
	set_mask(b, 0);
	/* Masked: nothing happens, not even at the way out of a call. */
	send(a);
	hc_xen_version(0, NULL);
	expect_eq(info()->evtchn_upcall_pending, 1);
	expect_eq(trapped.count, 0);
	info()->evtchn_upcall_mask = 0;
	if (!traps((void (*)(uint64_t, uint64_t))(void *)hc_xen_version, 0, 0))
		fails(__FILE__, __LINE__, "no upcall");
	expect_eq(trapped.vector, TRAP_EVENT);
	expect_eq(trapped.word[3] >> 32 & 0xff, 0);
	expect(trapped.rflags & FLAG_IF);
	expect_eq(trapped.mask, 1);
	expect_eq(trapped.handler_cs, FLAT_KERNEL_CS);
}

/* Sets the timer itself: it cannot fire before the loop is reached. */
INSN(arm_and_spin, "mov %rdi, %rdx; mov $24, %eax; mov $8, %edi; xor %esi, %esi; syscall; 1: jmp 1b")

TEST("a spinning guest kernel is interrupted by its timer")
{
	struct callback_register reg = { .type = CALLBACKTYPE_event, .address = trap_handler(TRAP_EVENT) };
	struct vcpu_set_singleshot_timer t = { .timeout_abs_ns = time_ns() + 2000000 };

	expect_eq(hypercall(__HYPERVISOR_callback_op, CALLBACKOP_register, (uint64_t)&reg, 0, 0, 0), 0);
	quiet();
	info()->evtchn_upcall_mask = 0;
	expect_trap(TRAP_EVENT, arm_and_spin, (uint64_t)&t, 0);
	expect_eq(*(const uint16_t *)trapped.rip, 0xfeeb); /* the jump to itself */
	expect(time_ns() >= t.timeout_abs_ns);
}

TEST("an IPI port raises itself, and a VIRQ port cannot be sent on")
{
	int ipi = bind_ipi(0), virq = bind_virq(VIRQ_DEBUG, 0);

	expect(ipi > 0 && virq > 0);
	expect_eq(status((uint32_t)ipi), EVTCHNSTAT_ipi);
	expect_eq(status((uint32_t)virq), EVTCHNSTAT_virq);
	expect_eq(send((uint32_t)ipi), 0);
	expect(is_pending((uint32_t)ipi));
	expect_eq(send((uint32_t)virq), -XEN_EINVAL);
	expect(!is_pending((uint32_t)virq));
	expect_eq(bind_virq(VIRQ_DEBUG, 0), -XEN_EEXIST);
	expect_eq(close_port((uint32_t)virq), 0);
	expect(bind_virq(VIRQ_DEBUG, 0) > 0);
}

TEST("a VIRQ or IPI is not bound to a vCPU or number that there is not")
{
	expect_eq(bind_virq(24, 0), -XEN_EINVAL);
	expect_eq(bind_virq(~0u, 0), -XEN_EINVAL);
	expect(bind_virq(VIRQ_TIMER, 1) < 0);
	expect(bind_virq(VIRQ_TIMER, ~0u) < 0);
	expect_eq(bind_virq(VIRQ_DOM_EXC, 0), -XEN_EPERM);
	expect(bind_ipi(1) < 0);
	expect(bind_ipi(32) < 0);
	expect(bind_ipi(~0u) < 0);
}

TEST("operations on ports that are closed or do not exist are refused")
{
	static const uint32_t port[] = { 0, 100, 300, 4095, 4096, 4097, 0x7fffffff, 0xffffffff };

	for (unsigned i = 0; i < 8; i++) {
		struct evtchn_status s = { .dom = DOMID_SELF, .port = port[i] };

		expect_eq(send(port[i]), -XEN_EINVAL);
		expect_eq(close_port(port[i]), -XEN_EINVAL);
		expect_eq(unmask(port[i]), -XEN_EINVAL);
		expect_eq(bind_vcpu(port[i], 0), -XEN_EINVAL);
		expect_eq(event_bind(DOMID_SELF, port[i]), -XEN_EINVAL);
		if (hc_event_channel(EVTCHNOP_status, &s) == 0)
			expect_eq(s.status, EVTCHNSTAT_closed);
	}
}

TEST("a port is bound to a vCPU that exists, and only if it is one that may move", .vcpus = 2)
{
	uint32_t a = (uint32_t)event_alloc(DOMID_SELF, DOMID_SELF);

	expect_eq(bind_vcpu(a, 0), 0);
	expect(bind_vcpu(a, 2) < 0);
	expect(bind_vcpu(a, ~0u) < 0);
	expect_eq(bind_vcpu((uint32_t)bind_ipi(0), 0), -XEN_EINVAL);
	expect_eq(bind_vcpu((uint32_t)bind_virq(VIRQ_DEBUG, 0), 0), -XEN_EINVAL);
}

TEST("nobody opens, binds or looks at ports of a domain that is not his", .peer = 1)
{
	struct evtchn_status s = { .dom = DOMID_PEER, .port = 1 };
	static const uint16_t dom[] = { 0, DOMID_PEER, 77, DOMID_IO, DOMID_XEN, DOMID_INVALID, 0xffff };

	for (unsigned i = 0; i < 7; i++) {
		expect(event_alloc(dom[i], DOMID_SELF) < 0);
		for (uint32_t port = 0; port < 8; port++)
			expect(event_bind(dom[i], port) < 0);
		s.dom = dom[i];
		expect(hc_event_channel(EVTCHNOP_status, &s) < 0);
	}
}

TEST("only the domain that a port was offered to binds it", .peer = 1)
{
	struct evtchn_bind_interdomain *op = (void *)mailbox->data;
	uint32_t other = (uint32_t)event_alloc(DOMID_SELF, DOMID_BYSTANDER),
		 mine = (uint32_t)event_alloc(DOMID_SELF, DOMID_PEER);

	*op = (struct evtchn_bind_interdomain){ .remote_dom = DOMID_CLAIM, .remote_port = other };
	expect_eq(peer_call(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, PEER_PTR(0), 0, 0, 0),
		  -XEN_EINVAL);
	expect_eq(event_bind(DOMID_SELF, mine), -XEN_EINVAL);
	op->remote_port = mine;
	expect_eq(peer_call(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, PEER_PTR(0), 0, 0, 0), 0);
	expect_eq(status(mine), EVTCHNSTAT_interdomain);
}

static uint32_t peer_bind(uint32_t port)
{
	struct evtchn_bind_interdomain *op = (void *)mailbox->data;

	*op = (struct evtchn_bind_interdomain){ .remote_dom = DOMID_CLAIM, .remote_port = port };
	expect_eq(peer_call(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, PEER_PTR(0), 0, 0, 0), 0);
	return op->local_port;
}

static int64_t peer_port_op(unsigned cmd, uint32_t port)
{
	*(uint32_t *)mailbox->data = port;
	return peer_call(__HYPERVISOR_event_channel_op, cmd, PEER_PTR(0), 0, 0, 0);
}

TEST("an event crosses from domain to domain", .peer = 1)
{
	uint32_t mine = (uint32_t)event_alloc(DOMID_SELF, DOMID_PEER), theirs = peer_bind(mine);

	clear(mine);
	expect_eq(peer_port_op(EVTCHNOP_send, theirs), 0);
	expect(is_pending(mine));
}

TEST("when the other side closes, the port is unbound, harmless, and may be bound again", .peer = 1)
{
	uint32_t mine = (uint32_t)event_alloc(DOMID_SELF, DOMID_PEER), theirs = peer_bind(mine);

	expect_eq(peer_port_op(EVTCHNOP_close, theirs), 0);
	expect_eq(status(mine), EVTCHNSTAT_unbound);
	expect_eq(send(mine), 0);
	theirs = peer_bind(mine);
	expect_eq(status(mine), EVTCHNSTAT_interdomain);
	clear(mine);
	expect_eq(peer_port_op(EVTCHNOP_send, theirs), 0);
	expect(is_pending(mine));
}

TEST("when the other domain shuts down, its end stays and sends are harmless", .peer = 1)
{
	uint32_t mine = (uint32_t)event_alloc(DOMID_SELF, DOMID_PEER);

	peer_bind(mine);
	peer_end();
	for (unsigned i = 0; i < 50; i++) {
		expect_eq(send(mine), 0);
		hc_sched(SCHEDOP_yield, NULL);
	}
	expect_eq(close_port(mine), 0);
}

TEST("ports run out with -ENOSPC, and closed ones can be had again")
{
	int rc = 0, last = 0;
	unsigned n = 0;

	while ((rc = event_alloc(DOMID_SELF, DOMID_SELF)) > 0) {
		expect(n++ < 4096);
		last = rc;
	}
	expect_eq(rc, -XEN_ENOSPC);
	expect(n > 4000);
	expect_eq(event_alloc(DOMID_SELF, DOMID_SELF), -XEN_ENOSPC);
	expect_eq(close_port((uint32_t)last), 0);
	expect_eq(event_alloc(DOMID_SELF, DOMID_SELF), last);
}

TEST("a new port has nothing pending from its former life")
{
	uint32_t a = (uint32_t)event_alloc(DOMID_SELF, DOMID_SELF), b = (uint32_t)event_bind(DOMID_SELF, a);

	send(a);
	expect(is_pending(b));
	expect_eq(close_port(b), 0);
	expect(!is_pending(b));
	expect_eq(event_alloc(DOMID_SELF, DOMID_SELF), b);
	expect(!is_pending(b));
}

TEST("event channel calls with a bad address are -EFAULT, those left out -ENOSYS")
{
	static const unsigned cmd[] = {
		EVTCHNOP_bind_interdomain, EVTCHNOP_bind_virq, EVTCHNOP_close,	   EVTCHNOP_send,  EVTCHNOP_status,
		EVTCHNOP_alloc_unbound,	   EVTCHNOP_bind_ipi,  EVTCHNOP_bind_vcpu, EVTCHNOP_unmask
	};
	static const unsigned out[] = { EVTCHNOP_bind_pirq,    EVTCHNOP_reset,	      EVTCHNOP_init_control,
					EVTCHNOP_expand_array, EVTCHNOP_set_priority, 99 };

	for (unsigned i = 0; i < 9; i++) {
		expect_eq(hc_event_channel(cmd[i], NULL), -XEN_EFAULT);
		expect_eq(hc_event_channel(cmd[i], (void *)0xffff808000100000), -XEN_EFAULT);
	}
	for (unsigned i = 0; i < sizeof(out) / sizeof(out[0]); i++)
		expect_eq(hc_event_channel(out[i], NULL), -XEN_ENOSYS);
}

TEST("an event that comes between looking and blocking is not lost")
{
	uint32_t a = (uint32_t)event_alloc(DOMID_SELF, DOMID_SELF), b = (uint32_t)event_bind(DOMID_SELF, a);

	set_mask(b, 0);
	for (unsigned i = 0; i < 20; i++) {
		clear(b);
		quiet();
		send(a);
		expect_eq(hc_sched(SCHEDOP_block, NULL), 0); /* returns at once */
		expect(is_pending(b));
	}
}
