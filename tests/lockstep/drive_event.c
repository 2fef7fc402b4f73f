/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * drive_event.c - steps: event channels.
 */
#include "drive.h"

#include <core/event.h>
#include <xen/event_channel.h>

static long event(struct dom *d, unsigned cmd, void *arg)
{
	return hc(d->g.v, __HYPERVISOR_event_channel_op, cmd, PTR(arg), 0, 0);
}

static uint32_t port_some(uint16_t a)
{
	return a % 64 == 63 ? 256 + a : a % 12;
}

static void port_made(struct dom *d, long rc, int expected, uint32_t n, enum m_port_state state, uint32_t vcpu)
{
	same(rc, expected, "a new port");
	if (!rc)
		check_msg(!m_port_new(d->m, n, state, vcpu), "port %u is not free", n);
}

void port_step(struct dom *d, const struct step *s)
{
	evtchn_alloc_unbound_t alloc = { .dom = s->c & 7 ? DOMID_SELF : (domid_t)(4 + (s->c >> 3) % 4),
					 .remote_dom = s->b & 7 ? other(d)->m->id : DOMID_SELF };
	evtchn_bind_interdomain_t bind = { .remote_dom = s->b & 7 ? other(d)->m->id :
								    (domid_t)(s->b & 8 ? DOMID_SELF : 9),
					   .remote_port = port_some(s->a) };
	evtchn_bind_virq_t virq = { .virq = s->a % 5 == 4 ? 24 : s->a % 5, .vcpu = s->b % 3 };
	evtchn_bind_ipi_t ipi = { .vcpu = s->b % 3 };
	long rc;
	int expected;

	if (m_nr_ports(d->m) > M_PORTS - 4)
		return;
	switch (s->a >> 8 & 3) {
	case 0:
		trace(d, "alloc_unbound in %u for %u", alloc.dom, alloc.remote_dom);
		expected = m_alloc_unbound(d->m, alloc.dom, alloc.remote_dom);
		rc = event(d, EVTCHNOP_alloc_unbound, &alloc);
		port_made(d, rc, expected, alloc.port, M_UNBOUND, 0);
		if (!expected)
			d->m->port[alloc.port].remote = alloc.remote_dom == DOMID_SELF ? d->m->id : alloc.remote_dom;
		break;
	case 1:
		trace(d, "bind_interdomain to port %u of %u", bind.remote_port, bind.remote_dom);
		expected = m_bind_interdomain(d->m, bind.remote_dom, bind.remote_port);
		rc = event(d, EVTCHNOP_bind_interdomain, &bind);
		port_made(d, rc, expected, bind.local_port, M_BOUND, 0);
		if (!rc)
			m_bound(d->m, bind.local_port, bind.remote_dom, bind.remote_port);
		break;
	case 2:
		trace(d, "bind_virq %u of vCPU %u", virq.virq, virq.vcpu);
		expected = m_bind_virq(d->m, virq.virq, virq.vcpu);
		rc = event(d, EVTCHNOP_bind_virq, &virq);
		port_made(d, rc, expected, virq.port, M_VIRQ, virq.vcpu);
		if (!expected) {
			d->m->port[virq.port].virq = virq.virq;
			d->m->vcpu[virq.vcpu].virq_port[virq.virq] = virq.port;
		}
		break;
	default:
		trace(d, "bind_ipi to vCPU %u", ipi.vcpu);
		expected = m_bind_ipi(d->m, ipi.vcpu);
		rc = event(d, EVTCHNOP_bind_ipi, &ipi);
		port_made(d, rc, expected, ipi.port, M_IPI, ipi.vcpu);
	}
}

static void status_compare(struct dom *d, uint32_t n)
{
	static const uint32_t status[] = { EVTCHNSTAT_closed, EVTCHNSTAT_unbound, EVTCHNSTAT_interdomain,
					   EVTCHNSTAT_virq, EVTCHNSTAT_ipi };
	evtchn_status_t s = { .dom = DOMID_SELF, .port = n };
	const struct m_port *p = &d->m->port[n % M_PORTS];

	same(event(d, EVTCHNOP_status, &s), n && n < PORTS_PER_PAGE && d->m->ports ? 0 : -EINVAL, "status");
	if (!n || n >= M_PORTS || !d->m->ports)
		return;
	same(s.status, status[p->state], "state of the port");
	if (p->state == M_CLOSED)
		return;
	same(s.vcpu, p->vcpu, "vCPU of the port");
	if (p->state == M_UNBOUND)
		same(s.u.unbound.dom, p->remote, "who may bind");
	if (p->state == M_BOUND) {
		same(s.u.interdomain.dom, p->remote, "the peer");
		same(s.u.interdomain.port, p->remote_port, "its port");
	}
	if (p->state == M_VIRQ)
		same(s.u.virq, p->virq, "the VIRQ");
}

void event_step(struct dom *d, const struct step *s)
{
	uint32_t n = port_some(s->a), vcpu = s->b % 3, one = s->b & 1;
	evtchn_bind_vcpu_t bind = { n, vcpu };
	uint64_t bit = 1ull << n % 64;

	switch (s->a >> 8 & 7) {
	case 0:
	case 1:
		trace(d, "send by %u", n);
		same(event(d, EVTCHNOP_send, &n), m_send(d->m, n), "send");
		break;
	case 2:
		trace(d, "close %u", n);
		same(event(d, EVTCHNOP_close, &n), m_close(d->m, n), "close");
		break;
	case 3:
		trace(d, "unmask %u", n);
		same(event(d, EVTCHNOP_unmask, &n), m_unmask(d->m, n), "unmask");
		break;
	case 4:
		trace(d, "bind %u to vCPU %u", n, vcpu);
		same(event(d, EVTCHNOP_bind_vcpu, &bind), m_bind_vcpu(d->m, n, vcpu), "bind_vcpu");
		break;
	case 5:
		status_compare(d, n);
		break;
	case 6: /* the guest's own bits */
		if (n >= 64)
			break;
		trace(d, "%s %u", one ? "mask" : "not pending any more:", n);
		if (one) {
			d->g.d->shared->evtchn_mask[0] |= bit;
			d->m->masked |= bit;
		} else {
			d->g.d->shared->evtchn_pending[0] &= ~bit;
			d->m->pending &= ~bit;
		}
		break;
	default:
		if (!d->m->vcpu[one].exists)
			break;
		if (s->b & 2) {
			trace(d, "VIRQ %u of vCPU %u", s->b >> 2 & 3, one);
			event_virq(d->g.d->vcpu[one], s->b >> 2 & 3);
			m_virq(d->m, one, s->b >> 2 & 3);
		} else {
			trace(d, "vCPU %u looks at its events", one);
			d->g.d->vcpu[one]->info->evtchn_upcall_pending = 0;
			d->g.d->vcpu[one]->info->evtchn_pending_sel = 0;
			d->m->vcpu[one].upcall = false;
			d->m->vcpu[one].selector = 0;
		}
	}
}
