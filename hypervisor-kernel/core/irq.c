/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * irq.c - interrupts of devices become events of the domain that holds the handle.
 *
 * Each bound interrupt has a vector of its own.  A level-triggered one is masked when it fires and
 * unmasked by GUISE_IRQ_EOI, so a driver that does not serve its device costs one interrupt.
 */
#include <core/event.h>
#include <core/hypercall.h>
#include <core/irq.h>
#include <core/vcpu.h>

#define VECTOR_FIRST 0x30
#define VECTOR_LAST  0xdf

struct irq {
	struct domain *domain; /* counted; NULL = nobody	*/
	uint32_t port;
	uint8_t vector; /* 0 = none yet; kept once given	*/
	bool level;
	uint16_t allocator; /* of a message: domain id + 1, 0 = nobody	*/
};

static struct spinlock irq_lock = { .rank = LOCK_IRQS };
static struct irq irqs[NR_IRQS];
static uint16_t irq_of_vector[256]; /* irq + 1	*/

static int vector_get(uint32_t n) MUST_HOLD(irq_lock)
{
	if (irqs[n].vector)
		return irqs[n].vector;
	for (unsigned v = VECTOR_FIRST; v <= VECTOR_LAST; v++) {
		if (v != 0x80 && !irq_of_vector[v]) {
			irq_of_vector[v] = (uint16_t)(n + 1);
			irqs[n].vector = (uint8_t)v;
			return (int)v;
		}
	}
	return -ENOSPC;
}

void irq_handle(uint8_t vector)
{
	struct domain *d = NULL;
	uint32_t n, port = 0;
	struct irq *q;

	spin_lock(&irq_lock);
	n = irq_of_vector[vector];
	if (n) {
		q = &irqs[--n];
		if (n < GUISE_IRQ_MSI && (q->level || !q->domain))
			arch_gsi_mask(n, true);
		d = q->domain;
		port = q->port;
		if (d)
			domain_ref(d);
	}
	spin_unlock(&irq_lock);
	if (!d)
		return;
	event_raise(d, port);
	domain_put(d);
}

void irq_unbind(struct domain *d, uint32_t n)
{
	struct irq *q = &irqs[n];
	bool mine;

	spin_lock(&irq_lock);
	mine = q->domain == d;
	if (mine) {
		if (n < GUISE_IRQ_MSI)
			arch_gsi_mask(n, true);
		q->domain = NULL;
	}
	spin_unlock(&irq_lock);
	if (mine)
		domain_put(d);
}

static bool may_use(struct domain *d, uint32_t handle, uint32_t n)
{
	struct handle h;

	return !handle_lookup(d, handle, GUISE_HANDLE_IRQ, &h) && n >= h.first && n - h.first < h.nr && n < NR_IRQS;
}

/* The interrupt is d's from here on, masked, if nobody has it. */
static int claim(struct domain *d, const struct guise_irq_bind *req) MUST_HOLD(irq_lock)
{
	struct irq *q = &irqs[req->irq];
	int rc;

	if (q->domain)
		return -EBUSY;
	if (req->irq >= GUISE_IRQ_MSI && !q->allocator)
		return -ENOENT;
	rc = vector_get(req->irq);
	if (rc < 0)
		return rc;
	rc = req->irq < GUISE_IRQ_MSI ? arch_gsi_route(req->irq, (uint8_t)rc, req->flags) : 0;
	if (rc)
		return rc;
	q->level = req->flags & GUISE_IRQ_LEVEL;
	q->port = 0;
	q->domain = d;
	return 0;
}

static long bind(struct domain *d, const struct guise_irq_bind *req)
{
	const struct port such = { .state = PORT_IRQ, .number = req->irq };
	uint32_t port;
	int rc;

	if (!may_use(d, req->handle, req->irq))
		return -EPERM;
	if (req->zero || req->flags & ~(GUISE_IRQ_LEVEL | GUISE_IRQ_ACTIVE_LOW) ||
	    (req->irq >= GUISE_IRQ_MSI && req->flags))
		return -EINVAL;
	domain_ref(d);
	spin_lock(&irq_lock);
	rc = claim(d, req);
	spin_unlock(&irq_lock);
	if (rc) {
		domain_put(d);
		return rc;
	}
	rc = port_open(d, &such, &port);
	if (rc) {
		irq_unbind(d, req->irq);
		return rc;
	}
	spin_lock(&irq_lock);
	if (irqs[req->irq].domain == d) { /* its port may be closed again */
		irqs[req->irq].port = port;
		if (req->irq < GUISE_IRQ_MSI)
			arch_gsi_mask(req->irq, false);
	}
	spin_unlock(&irq_lock);
	return port;
}

static long eoi(struct domain *d, uint64_t port)
{
	long rc = -EINVAL;

	spin_lock(&irq_lock);
	for (uint32_t n = 0; n < GUISE_IRQ_MSI && rc; n++) {
		if (irqs[n].domain != d || irqs[n].port != port)
			continue;
		if (irqs[n].level)
			arch_gsi_mask(n, false);
		rc = 0;
	}
	spin_unlock(&irq_lock);
	return rc;
}

/* A free message of those that the handle h spans, or -errno. */
static long msi_take(struct domain *d, const struct handle *h) MUST_HOLD(irq_lock)
{
	for (uint64_t n = MAX(h->first, GUISE_IRQ_MSI); n < NR_IRQS && n - h->first < h->nr; n++) {
		int vector;

		if (irqs[n].allocator || irqs[n].domain)
			continue;
		vector = vector_get((uint32_t)n);
		if (vector < 0)
			return vector;
		irqs[n].allocator = (uint16_t)(d->id + 1);
		return (long)n;
	}
	return -ENOSPC;
}

static long msi_free(struct domain *d, uint64_t n)
{
	long rc = 0;

	if (n < GUISE_IRQ_MSI || n >= NR_IRQS || !handle_covers(d, GUISE_HANDLE_IRQ, NULL, n, 1))
		return -EPERM;
	spin_lock(&irq_lock);
	if (!irqs[n].allocator)
		rc = -ENOENT;
	else if (irqs[n].domain)
		rc = -EBUSY;
	else
		irqs[n].allocator = 0;
	spin_unlock(&irq_lock);
	return rc;
}

static long msi_alloc(struct domain *d, guest_ptr_t p, struct guise_msi_alloc *req)
{
	struct handle h;
	long n;

	if (req->bdf > 0xffff || req->zero)
		return -EINVAL;
	if (handle_lookup(d, req->handle, GUISE_HANDLE_IRQ, &h))
		return -EPERM;
	spin_lock(&irq_lock);
	n = msi_take(d, &h);
	spin_unlock(&irq_lock);
	if (n < 0)
		return n;
	arch_msi_message(irqs[n].vector, (uint16_t)req->bdf, &req->address, &req->data);
	if (copy_to_guest(p, req, sizeof(*req))) {
		msi_free(d, (uint64_t)n);
		return -EFAULT;
	}
	return n;
}

void irq_free_all(const struct domain *d)
{
	spin_lock(&irq_lock);
	for (uint32_t n = GUISE_IRQ_MSI; n < NR_IRQS; n++)
		if (irqs[n].allocator == d->id + 1)
			irqs[n].allocator = 0;
	spin_unlock(&irq_lock);
}

void irq_counters(uint32_t *bound, uint32_t *messages)
{
	for (uint32_t n = 0; n < NR_IRQS; n++) {
		*bound += irqs[n].domain != NULL;
		*messages += irqs[n].allocator != 0;
	}
}

long hc_irq_op(struct vcpu *v, const uint64_t *arg)
{
	switch (arg[0]) {
	case GUISE_IRQ_BIND:
		HC_REQUEST(struct guise_irq_bind, arg[1], bind(v->domain, &req), false);
	case GUISE_IRQ_EOI:
		return eoi(v->domain, arg[1]);
	case GUISE_IRQ_MSI_ALLOC:
		HC_REQUEST(struct guise_msi_alloc, arg[1], msi_alloc(v->domain, arg[1], &req), false);
	case GUISE_IRQ_MSI_FREE:
		return msi_free(v->domain, arg[1]);
	}
	return -ENOSYS;
}
