/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * event.h - event channels: one-way asynchronous doorbells, two-level bitmap (Xen ABI, 2L).
 *
 * A port is private to its domain.  Its state moves only as port_next[] in event.c allows.
 */
#pragma once

#include <core/types.h>
#include <xen/event_channel.h>

struct domain;
struct vcpu;

/* As the guest is told by EVTCHNOP_status. */
enum port_state {
	PORT_FREE = EVTCHNSTAT_closed,
	PORT_UNBOUND = EVTCHNSTAT_unbound,
	PORT_INTERDOMAIN = EVTCHNSTAT_interdomain,
	PORT_IRQ = EVTCHNSTAT_pirq,
	PORT_VIRQ = EVTCHNSTAT_virq,
	PORT_IPI = EVTCHNSTAT_ipi
};

struct port {
	uint8_t state;
	uint16_t remote_dom;  /* UNBOUND: who may bind; INTERDOMAIN: the peer		*/
	uint32_t remote_port; /* INTERDOMAIN						*/
	uint32_t vcpu;	      /* whom to notify					*/
	uint32_t number;      /* VIRQ or IRQ number					*/
};

/* Raise port p of d (p is a valid, non-free port): pending bit, selector, upcall, wake. */
void event_raise(struct domain *d, uint32_t p);
/* Raise a VIRQ of v, if bound. */
void event_virq(struct vcpu *v, uint32_t virq);
/* Raise VIRQ_DOM_EXC in whoever bound it: d's state changed. */
void event_domain_changed(void);
/* The domain dies: close all; peers fall back to UNBOUND for the same domid.  0, or HC_CONTINUE: an interrupt waits. */
long event_close_all(struct domain *d);
void event_free(struct domain *d);
/* A free port becomes one such as this: its number in *port.  0, -ESRCH, -ENOMEM or -ENOSPC. */
int port_open(struct domain *d, const struct port *such, uint32_t *port);
