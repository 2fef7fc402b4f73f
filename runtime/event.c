/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * event.c - event channels and waiting for them.
 *
 * The two levels are Xen's: a bit for each port in shared->evtchn_pending, a bit for each of
 * those words in the vCPU's selector, one byte that says that the selector is not empty.  Masked
 * ports have no handler and the other way round.  `deferred` holds selector bits that were taken
 * from the shared page but not yet looked at.
 */
#include <runtime/event.h>
#include <runtime/hypercall.h>
#include <runtime/io.h>
#include <runtime/print.h>
#include <runtime/start.h>

#define PORTS EVTCHN_2L_NR_CHANNELS
#define WORDS (PORTS / 64)

_Static_assert(sizeof(xen_ulong_t) == 8 && WORDS == 64, "the selector is one word");

static struct {
	event_fn fn;
	void *arg;
	int interrupt;
} handler[PORTS];

unsigned event_interrupts, event_rests, event_polls;

static uint64_t deferred;
static uint64_t armed; /* when the timer is to fire; 0: it is not set */

static int bit_clear(xen_ulong_t *words, uint32_t port)
{
	uint64_t bit = 1ull << port % 64;

	return (__atomic_fetch_and(&words[port / 64], ~bit, __ATOMIC_SEQ_CST) & bit) != 0;
}

static void bit_set(xen_ulong_t *words, uint32_t port)
{
	__atomic_fetch_or(&words[port / 64], 1ull << port % 64, __ATOMIC_SEQ_CST);
}

/* Move what the kernel selected into `deferred`.  The byte is cleared first: an event that comes
 * in between sets it again, which costs one idle round and loses nothing. */
static void collect(void)
{
	struct vcpu_info *v = &shared->vcpu_info[0];

	__atomic_store_n(&v->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
	deferred |= __atomic_exchange_n(&v->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
}

static int dispatch(void)
{
	uint64_t selected;
	int any = 0;

	collect();
	selected = deferred;
	deferred = 0;
	for (; selected; selected &= selected - 1) {
		uint32_t word = __builtin_ctzll(selected);
		uint64_t ready = __atomic_load_n(&shared->evtchn_pending[word], __ATOMIC_SEQ_CST) &
				 ~shared->evtchn_mask[word];

		for (; ready; ready &= ready - 1) {
			uint32_t port = word * 64 + __builtin_ctzll(ready);

			/* A handler that waited may have closed or served this port. */
			if (!handler[port].fn || !bit_clear(shared->evtchn_pending, port))
				continue;
			any = 1;
			event_interrupts += handler[port].interrupt;
			handler[port].fn(port, handler[port].arg);
		}
	}
	return any;
}

/* Returns at once when an event is pending.  Blocking clears the upcall mask; with no callback
 * registered that means nothing, but leave it as we found it. */
static void block(void)
{
	hc_sched(SCHEDOP_block, NULL);
	shared->vcpu_info[0].evtchn_upcall_mask = 1;
}

static void timer_event(uint32_t port, void *arg)
{
	armed = 0;
}

static void timer_arm(uint64_t deadline)
{
	struct vcpu_set_singleshot_timer timer = { .timeout_abs_ns = deadline };
	long rc;

	if (armed == deadline)
		return;
	rc = hc_vcpu(VCPUOP_set_singleshot_timer, 0, &timer);
	if (rc)
		panic("the timer cannot be set: %ld\n", rc);
	armed = deadline;
}

void event_loop_once(uint64_t deadline_ns)
{
	if (dispatch())
		return;
	if (!deadline_ns) {
		event_polls++;
		return;
	}
	if (deadline_ns != EVENT_FOREVER) {
		if (deadline_ns <= time_ns())
			return;
		timer_arm(deadline_ns);
	}
	event_rests++;
	block();
	dispatch();
}

void event_wait(uint32_t port)
{
	for (;;) {
		collect();
		if (bit_clear(shared->evtchn_pending, port))
			return;
		block();
	}
}

void event_again(uint32_t port)
{
	bit_set(shared->evtchn_pending, port);
	deferred |= 1ull << port / 64;
}

void event_handler(uint32_t port, event_fn fn, void *arg)
{
	if (port >= PORTS)
		panic("event port %u is out of range\n", port);
	handler[port].fn = fn;
	handler[port].arg = arg;
	bit_clear(shared->evtchn_mask, port);
	/* The kernel did not select what came while it was masked. */
	deferred |= 1ull << port / 64;
}

void event_mask(uint32_t port)
{
	bit_set(shared->evtchn_mask, port);
}

void event_unmask(uint32_t port)
{
	bit_clear(shared->evtchn_mask, port);
	/* The kernel did not select what came while it was masked. */
	if (__atomic_load_n(&shared->evtchn_pending[port / 64], __ATOMIC_SEQ_CST) >> port % 64 & 1)
		deferred |= 1ull << port / 64;
}

int event_alloc(uint16_t dom, uint16_t remote)
{
	struct evtchn_alloc_unbound op = { .dom = dom, .remote_dom = remote };
	long rc = hc_event_channel(EVTCHNOP_alloc_unbound, &op);

	return rc ? rc : (int)op.port;
}

int event_bind(uint16_t remote, uint32_t remote_port)
{
	struct evtchn_bind_interdomain op = { .remote_dom = remote, .remote_port = remote_port };
	long rc = hc_event_channel(EVTCHNOP_bind_interdomain, &op);

	return rc ? rc : (int)op.local_port;
}

int event_bind_virq(uint32_t virq)
{
	struct evtchn_bind_virq op = { .virq = virq, .vcpu = 0 };
	long rc = hc_event_channel(EVTCHNOP_bind_virq, &op);

	return rc ? rc : (int)op.port;
}

int event_bind_irq(uint32_t handle, uint32_t irq, uint32_t flags)
{
	struct guise_irq_bind op = { .handle = handle, .irq = irq, .flags = flags };
	long port = guise_irq(GUISE_IRQ_BIND, &op);

	if (port >= 0 && port < (long)PORTS)
		handler[port].interrupt = 1;
	return port;
}

void event_irq_done(uint32_t port)
{
	guise_irq_nr(GUISE_IRQ_EOI, port);
}

void event_send(uint32_t port)
{
	struct evtchn_send op = { .port = port };

	hc_event_channel(EVTCHNOP_send, &op);
}

void event_close(uint32_t port)
{
	struct evtchn_close op = { .port = port };

	bit_set(shared->evtchn_mask, port);
	handler[port].fn = NULL;
	handler[port].interrupt = 0;
	hc_event_channel(EVTCHNOP_close, &op);
	bit_clear(shared->evtchn_pending, port);
}

void event_init(void)
{
	int port;

	for (uint32_t i = 0; i < WORDS; i++)
		__atomic_store_n(&shared->evtchn_mask[i], ~0ull, __ATOMIC_SEQ_CST);
	port = event_bind_virq(VIRQ_TIMER);
	if (port < 0)
		panic("the timer cannot be bound: %d\n", port);
	event_handler(port, timer_event, NULL);
}
