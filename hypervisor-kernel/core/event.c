/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * event.c - event channels (xen/event_channel.h), two-level bitmaps in shared_info.
 *
 * A pending bit is set once and stays until the guest clears it; the upcall is raised only by
 * whoever turned the bit and found it unmasked.  The guest writes the same words at any time, so
 * every access is atomic.
 */
#include <core/event.h>
#include <core/hypercall.h>
#include <core/irq.h>
#include <core/lib.h>
#include <core/vcpu.h>

#define NOBODY ~0u

/* Which states a port may go to from each state. */
static const uint8_t port_next[] = {
	[PORT_FREE] = 1 << PORT_UNBOUND | 1 << PORT_INTERDOMAIN | 1 << PORT_VIRQ | 1 << PORT_IPI | 1 << PORT_IRQ,
	[PORT_UNBOUND] = 1 << PORT_FREE | 1 << PORT_INTERDOMAIN,
	[PORT_INTERDOMAIN] = 1 << PORT_FREE | 1 << PORT_UNBOUND,
	[PORT_VIRQ] = 1 << PORT_FREE,
	[PORT_IPI] = 1 << PORT_FREE,
	[PORT_IRQ] = 1 << PORT_FREE,
};

static uint32_t dom_exc_domain = NOBODY; /* id of who bound VIRQ_DOM_EXC: cleared when it closes */

static void port_move(struct port *p, uint8_t to)
{
	BUG_ON(!(port_next[p->state] >> to & 1));
	p->state = to;
}

static struct port *port_of(const struct domain *d, uint32_t n)
{
	n &= (uint32_t)mask_below(n, NR_PORTS);
	if (n == 0 || !d->ports[n / PORTS_PER_PAGE])
		return NULL;
	return &d->ports[n / PORTS_PER_PAGE][n % PORTS_PER_PAGE];
}

/* Two domains' ports: always in the same order. */
static void lock_both(struct domain *a, struct domain *b) TAKES(a->event_lock, b->event_lock) NO_LOCK_CHECK
{
	spin_lock(&MIN(a, b)->event_lock);
	if (a != b)
		spin_lock(&MAX(a, b)->event_lock);
}

static void unlock_both(struct domain *a, struct domain *b) GIVES(a->event_lock, b->event_lock) NO_LOCK_CHECK
{
	spin_unlock(&a->event_lock);
	if (a != b)
		spin_unlock(&b->event_lock);
}

/* A free port becomes one such as this: its number in *port. */
static int port_alloc(struct domain *d, const struct port *such, uint32_t *port) MUST_HOLD(d->event_lock)
{
	_Static_assert(sizeof(struct port) * PORTS_PER_PAGE <= PAGE_SIZE, "ports fit a page");
	if (d->state == GUISE_STATE_DYING)
		return -ESRCH;
	for (uint32_t n = MAX(d->port_from, 1); n < NR_PORTS; n++) {
		struct port *p, **page = &d->ports[n / PORTS_PER_PAGE];

		if (!*page && !(*page = kpages_alloc(0, d)))
			return -ENOMEM;
		p = port_of(d, n);
		if (p->state != PORT_FREE)
			continue;
		*p = *such;
		p->state = PORT_FREE;
		port_move(p, such->state);
		d->nr_ports++;
		d->port_from = n + 1;
		*port = n;
		return 0;
	}
	return -ENOSPC;
}

static void upcall(struct vcpu *v, uint32_t n)
{
	uint64_t bit = 1ull << n / 64;

	if (__atomic_fetch_or(&v->info->evtchn_pending_sel, bit, __ATOMIC_SEQ_CST) & bit)
		return;
	__atomic_store_n(&v->info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
	vcpu_wake(v);
}

static void poll_wake(struct domain *d, uint32_t n)
{
	for (uint32_t i = 0; i < d->max_vcpus; i++) {
		struct vcpu *v = d->vcpu[i];

		for (uint32_t k = 0; v && v->event_masked_poll && k < v->nr_poll; k++)
			if (v->poll_ports[k] == n)
				vcpu_wake(v);
	}
}

/* The lock keeps the shared frame and vcpu_info from going away: a dying domain passes it first. */
static void raise(struct domain *d, uint32_t n) MUST_HOLD(d->event_lock)
{
	struct port *p = port_of(d, n);
	uint64_t bit = 1ull << n % 64;
	struct vcpu *v;

	if (!p || p->state == PORT_FREE || d->state == GUISE_STATE_DYING)
		return;
	if (__atomic_fetch_or(&d->shared->evtchn_pending[n / 64], bit, __ATOMIC_SEQ_CST) & bit)
		return;
	d->events_received++;
	v = d->vcpu[p->vcpu];
	if (!(__atomic_load_n(&d->shared->evtchn_mask[n / 64], __ATOMIC_SEQ_CST) & bit) && v)
		upcall(v, n);
	poll_wake(d, n);
}

void event_raise(struct domain *d, uint32_t n)
{
	spin_lock(&d->event_lock);
	raise(d, n);
	spin_unlock(&d->event_lock);
}

void event_virq(struct vcpu *v, uint32_t virq)
{
	if (virq < ARRAY_SIZE(v->virq_port) && v->virq_port[virq])
		event_raise(v->domain, v->virq_port[virq]);
}

void event_domain_changed(void)
{
	uint32_t id = READ_ONCE(dom_exc_domain);
	struct domain *d = id == NOBODY ? NULL : domain_get((uint16_t)id);

	if (d)
		event_virq(d->vcpu[0], VIRQ_DOM_EXC);
	domain_put(d);
}

static void pending_clear(struct domain *d, uint32_t n)
{
	__atomic_fetch_and(&d->shared->evtchn_pending[n / 64], ~(1ull << n % 64), __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&d->shared->evtchn_mask[n / 64], 1ull << n % 64, __ATOMIC_SEQ_CST);
}

/* The domain at the other end, counted, or NULL; its id, or NOBODY. */
static struct domain *port_peer(struct domain *d, uint32_t n, uint32_t *id)
{
	struct port *p;

	spin_lock(&d->event_lock);
	p = port_of(d, n);
	*id = p && p->state == PORT_INTERDOMAIN ? p->remote_dom : NOBODY;
	spin_unlock(&d->event_lock);
	return *id == NOBODY ? NULL : domain_get((uint16_t)*id);
}

static int port_close(struct domain *d, uint32_t n)
{
	uint32_t irq = NR_IRQS, id;
	struct domain *peer = port_peer(d, n, &id), *other = peer ? peer : d;
	struct port *p, *q;
	int rc = 0;

	lock_both(d, other);
	p = port_of(d, n);
	switch (p ? p->state : PORT_FREE) {
	case PORT_FREE:
		rc = -EINVAL;
		goto out;
	case PORT_INTERDOMAIN:
		if (id != p->remote_dom) {
			rc = HC_CONTINUE; /* it was bound meanwhile: look again */
			goto out;
		}
		q = peer ? port_of(peer, p->remote_port) : NULL;
		if (q && q != p && q->state == PORT_INTERDOMAIN && q->remote_dom == d->id && q->remote_port == n)
			port_move(q, PORT_UNBOUND); /* the same domain may bind again */
		break;
	case PORT_VIRQ:
		d->vcpu[p->vcpu]->virq_port[p->number] = 0;
		if (p->number == VIRQ_DOM_EXC)
			WRITE_ONCE(dom_exc_domain, NOBODY);
		break;
	case PORT_IRQ:
		irq = p->number;
		break;
	}
	port_move(p, PORT_FREE);
	d->nr_ports--;
	d->port_from = MIN(d->port_from, n);
	pending_clear(d, n);
out:
	unlock_both(d, other);
	if (irq < NR_IRQS)
		irq_unbind(d, irq);
	domain_put(peer);
	return rc;
}

/* Their memory goes with the domain's last reference (event_free). */
long event_close_all(struct domain *d)
{
	/* Whoever raises an event now is done before this, or sees that the domain dies. */
	spin_lock(&d->event_lock);
	spin_unlock(&d->event_lock);
	for (uint32_t page = 0; page < NR_PORTS / PORTS_PER_PAGE; page++) {
		if (!d->ports[page])
			continue;
		for (uint32_t i = 0; i < PORTS_PER_PAGE; i++) {
			if (d->ports[page][i].state == PORT_FREE)
				continue;
			port_close(d, page * PORTS_PER_PAGE + i);
			if (arch_irq_waiting(2))
				return HC_CONTINUE;
		}
	}
	return 0;
}

void event_free(struct domain *d)
{
	for (uint32_t page = 0; page < NR_PORTS / PORTS_PER_PAGE; page++)
		kpages_free(d->ports[page], 0, d);
}

int port_open(struct domain *d, const struct port *such, uint32_t *port)
{
	int rc;

	spin_lock(&d->event_lock);
	rc = port_alloc(d, such, port);
	spin_unlock(&d->event_lock);
	return rc;
}

/* ---- the hypercall ---- */

static int alloc_unbound(struct vcpu *v, evtchn_alloc_unbound_t *a)
{
	const struct port such = { .state = PORT_UNBOUND, .remote_dom = domain_named(v->domain, a->remote_dom) };
	struct domain *d = domain_get(domain_named(v->domain, a->dom));
	int rc = -EPERM;

	if (!d)
		return -ESRCH;
	if (d == v->domain || handle_covers(v->domain, GUISE_HANDLE_DOMAIN, d, 0, 0))
		rc = port_open(d, &such, &a->port);
	domain_put(d);
	return rc;
}

static int bind_interdomain(struct vcpu *v, evtchn_bind_interdomain_t *b)
{
	struct domain *d = v->domain, *r = domain_get(domain_named(d, b->remote_dom));
	struct port *q, such = { .state = PORT_INTERDOMAIN, .remote_port = b->remote_port };
	int rc = -EINVAL;

	if (!r)
		return -ESRCH;
	such.remote_dom = r->id;
	lock_both(d, r);
	q = port_of(r, b->remote_port);
	if (q && q->state == PORT_UNBOUND && q->remote_dom == d->id && r->state != GUISE_STATE_DYING) {
		rc = port_alloc(d, &such, &b->local_port);
		if (!rc) {
			port_move(q, PORT_INTERDOMAIN);
			q->remote_port = b->local_port;
		}
	}
	unlock_both(d, r);
	domain_put(r);
	if (!rc)
		event_raise(d, b->local_port); /* what was sent before the binding is not lost */
	return rc;
}

static int bind_virq(struct vcpu *v, evtchn_bind_virq_t *b)
{
	const struct port such = { .state = PORT_VIRQ, .vcpu = b->vcpu, .number = b->virq };
	struct domain *d = v->domain;
	struct vcpu *target = domain_vcpu(d, b->vcpu);
	int rc;

	if (b->virq >= ARRAY_SIZE(v->virq_port) || !target)
		return b->virq >= ARRAY_SIZE(v->virq_port) ? -EINVAL : -ENOENT;
	if (b->virq == VIRQ_DOM_EXC && (!handle_covers(d, GUISE_HANDLE_MEMORY, NULL, 0, 1) || b->vcpu))
		return -EPERM;
	spin_lock(&d->event_lock);
	rc = target->virq_port[b->virq] || (b->virq == VIRQ_DOM_EXC && READ_ONCE(dom_exc_domain) != NOBODY) ?
		   -EEXIST :
		   port_alloc(d, &such, &b->port);
	if (!rc) {
		target->virq_port[b->virq] = b->port;
		if (b->virq == VIRQ_DOM_EXC)
			WRITE_ONCE(dom_exc_domain, d->id);
	}
	spin_unlock(&d->event_lock);
	return rc;
}

static int bind_ipi(struct vcpu *v, evtchn_bind_ipi_t *b)
{
	const struct port such = { .state = PORT_IPI, .vcpu = b->vcpu };

	return domain_vcpu(v->domain, b->vcpu) ? port_open(v->domain, &such, &b->port) : -ENOENT;
}

static int send(struct vcpu *v, uint32_t n)
{
	struct domain *d = v->domain, *r;
	struct port *p, copy = { .state = PORT_FREE };

	d->events_sent++;
	spin_lock(&d->event_lock);
	p = port_of(d, n);
	if (p)
		copy = *p;
	if (copy.state == PORT_IPI)
		raise(d, n);
	spin_unlock(&d->event_lock);
	r = copy.state == PORT_INTERDOMAIN ? domain_get(copy.remote_dom) : NULL;
	if (r) {
		sched_rang(d, r);
		event_raise(r, copy.remote_port);
	}
	domain_put(r);
	return copy.state == PORT_FREE || copy.state == PORT_VIRQ || copy.state == PORT_IRQ ? -EINVAL : 0;
}

static int status(struct vcpu *v, evtchn_status_t *s)
{
	struct domain *d = v->domain;
	struct port *p;

	if (domain_named(d, s->dom) != d->id)
		return -EPERM;
	spin_lock(&d->event_lock);
	p = port_of(d, s->port);
	if (p) {
		s->vcpu = p->vcpu;
		s->status = p->state;
		if (p->state == PORT_UNBOUND || p->state == PORT_INTERDOMAIN) {
			s->u.interdomain.dom = p->remote_dom; /* in one place with that of unbound */
			s->u.interdomain.port = p->remote_port;
		} else {
			s->u.virq = p->number; /* and this with that of pirq */
		}
	}
	spin_unlock(&d->event_lock);
	return p ? 0 : -EINVAL;
}

static int bind_vcpu(struct vcpu *v, const evtchn_bind_vcpu_t *b)
{
	struct domain *d = v->domain;
	struct port *p;
	int rc = 0;

	spin_lock(&d->event_lock);
	p = port_of(d, b->port);
	if (!p || p->state == PORT_FREE || p->state == PORT_VIRQ || p->state == PORT_IPI)
		rc = -EINVAL;
	else if (!domain_vcpu(d, b->vcpu))
		rc = -ENOENT;
	else
		p->vcpu = b->vcpu;
	spin_unlock(&d->event_lock);
	return rc;
}

static int unmask(struct vcpu *v, uint32_t n)
{
	struct domain *d = v->domain;
	uint64_t bit = 1ull << n % 64;
	struct port *p;
	bool used;

	spin_lock(&d->event_lock);
	p = port_of(d, n);
	used = p && p->state != PORT_FREE;
	if (used) {
		__atomic_fetch_and(&d->shared->evtchn_mask[n / 64], ~bit, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&d->shared->evtchn_pending[n / 64], __ATOMIC_SEQ_CST) & bit)
			upcall(d->vcpu[p->vcpu], n);
	}
	spin_unlock(&d->event_lock);
	return used ? 0 : -EINVAL;
}

long hc_event_channel_op(struct vcpu *v, const uint64_t *arg)
{
	switch (arg[0]) {
	case EVTCHNOP_alloc_unbound:
		HC_REQUEST(evtchn_alloc_unbound_t, arg[1], alloc_unbound(v, &req), true);
	case EVTCHNOP_bind_interdomain:
		HC_REQUEST(evtchn_bind_interdomain_t, arg[1], bind_interdomain(v, &req), true);
	case EVTCHNOP_bind_virq:
		HC_REQUEST(evtchn_bind_virq_t, arg[1], bind_virq(v, &req), true);
	case EVTCHNOP_bind_ipi:
		HC_REQUEST(evtchn_bind_ipi_t, arg[1], bind_ipi(v, &req), true);
	case EVTCHNOP_close:
		HC_REQUEST(evtchn_close_t, arg[1], port_close(v->domain, req.port), false);
	case EVTCHNOP_send:
		HC_REQUEST(evtchn_send_t, arg[1], send(v, req.port), false);
	case EVTCHNOP_status:
		HC_REQUEST(evtchn_status_t, arg[1], status(v, &req), true);
	case EVTCHNOP_bind_vcpu:
		HC_REQUEST(evtchn_bind_vcpu_t, arg[1], bind_vcpu(v, &req), false);
	case EVTCHNOP_unmask:
		HC_REQUEST(evtchn_unmask_t, arg[1], unmask(v, req.port), false);
	}
	return -ENOSYS;
}
