/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model_event.c - the model: event channels.  Errors are those of xen/errno.h.
 */
#include "model.h"

#include <stddef.h>

enum { EPERM = 1, ENOENT = 2, ESRCH = 3, EEXIST = 17, EINVAL = 22 };

#define SELF	0x7ff0 /* DOMID_SELF */
#define DOM_EXC 3

static uint16_t self_or(const struct m_domain *d, uint16_t id)
{
	return id == SELF ? d->id : id;
}

static struct m_port *port(struct m_domain *d, uint32_t n)
{
	return n && n < M_PORTS && d->port[n].state != M_CLOSED ? &d->port[n] : NULL;
}

static bool has_vcpu(const struct m_domain *d, uint32_t n)
{
	return n < M_VCPUS && d->vcpu[n].exists;
}

uint32_t m_nr_ports(const struct m_domain *d)
{
	uint32_t nr = 0;

	for (uint32_t n = 0; n < M_PORTS; n++)
		nr += d->port[n].state != M_CLOSED;
	return nr;
}

static void tell(struct m_domain *d, uint32_t vcpu)
{
	d->vcpu[vcpu].selector |= 1;
	d->vcpu[vcpu].upcall = true;
}

static void raise(struct m_domain *d, uint32_t n)
{
	struct m_port *p = port(d, n);
	uint64_t bit = 1ull << n;

	if (!p || d->dying || (d->pending & bit))
		return;
	d->pending |= bit;
	d->received++;
	/* One who has been told of the word looks at all of it. */
	if (!(d->masked & bit) && !(d->vcpu[p->vcpu].selector & 1))
		tell(d, p->vcpu);
}

int m_port_new(struct m_domain *d, uint32_t n, enum m_port_state state, uint32_t vcpu)
{
	if (!n || n >= M_PORTS || d->port[n].state != M_CLOSED)
		return -1;
	d->port[n] = (struct m_port){ .state = state, .vcpu = vcpu };
	d->ports = true;
	return 0;
}

int m_alloc_unbound(struct m_domain *d, uint16_t dom, uint16_t remote)
{
	(void)remote;
	if (!m_domain_of(self_or(d, dom)))
		return -ESRCH;
	return self_or(d, dom) == d->id ? 0 : -EPERM; /* nobody manages anybody */
}

int m_bind_interdomain(struct m_domain *d, uint16_t remote, uint32_t remote_port)
{
	struct m_domain *r = m_domain_of(self_or(d, remote));
	struct m_port *q;

	if (!r)
		return -ESRCH;
	q = port(r, remote_port);
	return q && q->state == M_UNBOUND && q->remote == d->id && !r->dying ? 0 : -EINVAL;
}

void m_bound(struct m_domain *d, uint32_t n, uint16_t remote, uint32_t remote_port)
{
	struct m_domain *r = m_domain_of(self_or(d, remote));

	d->port[n].remote = r->id;
	d->port[n].remote_port = remote_port;
	r->port[remote_port].state = M_BOUND;
	r->port[remote_port].remote_port = n;
	raise(d, n); /* what was sent before is not lost */
}

int m_bind_virq(struct m_domain *d, uint32_t virq, uint32_t vcpu)
{
	if (virq >= M_VIRQS)
		return -EINVAL;
	if (!has_vcpu(d, vcpu))
		return -ENOENT;
	if (virq == DOM_EXC)
		return -EPERM; /* is for who manages memory */
	return d->vcpu[vcpu].virq_port[virq] ? -EEXIST : 0;
}

int m_bind_ipi(struct m_domain *d, uint32_t vcpu)
{
	return has_vcpu(d, vcpu) ? 0 : -ENOENT;
}

int m_close(struct m_domain *d, uint32_t n)
{
	struct m_port *p = port(d, n), *q;
	struct m_domain *r;

	if (!p)
		return -EINVAL;
	if (p->state == M_BOUND) {
		r = m_domain_of(p->remote);
		q = r ? port(r, p->remote_port) : NULL;
		if (q && q != p)
			q->state = M_UNBOUND; /* the same domain may bind again */
	}
	if (p->state == M_VIRQ)
		d->vcpu[p->vcpu].virq_port[p->virq] = 0;
	p->state = M_CLOSED;
	d->pending &= ~(1ull << n);
	d->masked |= 1ull << n;
	return 0;
}

int m_send(struct m_domain *d, uint32_t n)
{
	struct m_port *p = port(d, n);
	struct m_domain *r;

	d->sent++;
	if (!p || p->state == M_VIRQ)
		return -EINVAL;
	if (p->state == M_IPI)
		raise(d, n);
	r = p->state == M_BOUND ? m_domain_of(p->remote) : NULL;
	if (r)
		raise(r, p->remote_port);
	return 0;
}

int m_bind_vcpu(struct m_domain *d, uint32_t n, uint32_t vcpu)
{
	struct m_port *p = port(d, n);

	if (!p || p->state == M_VIRQ || p->state == M_IPI)
		return -EINVAL;
	if (!has_vcpu(d, vcpu))
		return -ENOENT;
	p->vcpu = vcpu;
	return 0;
}

int m_unmask(struct m_domain *d, uint32_t n)
{
	struct m_port *p = port(d, n);

	if (!p)
		return -EINVAL;
	d->masked &= ~(1ull << n);
	if (d->pending & 1ull << n)
		tell(d, p->vcpu);
	return 0;
}

void m_virq(struct m_domain *d, uint32_t vcpu, uint32_t virq)
{
	if (d->vcpu[vcpu].virq_port[virq])
		raise(d, d->vcpu[vcpu].virq_port[virq]);
}
