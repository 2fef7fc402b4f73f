/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handle.c - rights named by an index in their holder's own table, and passing a part of one on.
 */
#include <arch/iommu.h>
#include <core/handle.h>
#include <core/hypercall.h>
#include <core/vcpu.h>

/* An index that is none becomes 0, whose kind is always NONE. */
static struct handle *handle_at(struct domain *d, uint32_t index) MUST_HOLD(d->handle_lock)
{
	return &d->handles[index & (uint32_t)mask_below(index, NR_HANDLES)];
}

int handle_lookup(struct domain *d, uint32_t index, uint32_t kind, struct handle *out)
{
	int rc = -EPERM;

	spin_lock(&d->handle_lock);
	if (kind != GUISE_HANDLE_NONE && handle_at(d, index)->kind == kind) {
		*out = *handle_at(d, index);
		if (kind == GUISE_HANDLE_DOMAIN)
			domain_ref(out->target);
		rc = 0;
	}
	spin_unlock(&d->handle_lock);
	return rc;
}

struct domain *handle_domain(struct domain *d, uint32_t index)
{
	struct handle h;

	return handle_lookup(d, index, GUISE_HANDLE_DOMAIN, &h) ? NULL : h.target;
}

void handle_ports_changed(struct domain *d)
{
	static uint64_t changes;

	d->ports_change = __atomic_add_fetch(&changes, 1, __ATOMIC_RELAXED);
}

int handle_add(struct domain *d, const struct handle *h)
{
	int rc = -ENOSPC;

	spin_lock(&d->handle_lock);
	for (uint32_t i = 1; i < NR_HANDLES && d->state != GUISE_STATE_DYING; i++) {
		if (d->handles[i].kind == GUISE_HANDLE_NONE) {
			d->handles[i] = *h;
			if (h->kind == GUISE_HANDLE_PORT)
				handle_ports_changed(d);
			rc = (int)i;
			break;
		}
	}
	spin_unlock(&d->handle_lock);
	return rc;
}

int handle_drop(struct domain *d, uint32_t index)
{
	struct handle old;

	spin_lock(&d->handle_lock);
	old = *handle_at(d, index);
	*handle_at(d, index) = (struct handle){ .kind = GUISE_HANDLE_NONE };
	if (old.kind == GUISE_HANDLE_PORT)
		handle_ports_changed(d);
	spin_unlock(&d->handle_lock);
	if (old.kind == GUISE_HANDLE_DOMAIN)
		domain_put(old.target);
	else if (old.kind == GUISE_HANDLE_MMIO)
		tlb_drop_all(d); /* no cached translation may outlive the right */
	else if (old.kind == GUISE_HANDLE_PORT)
		arch_ports_changed(d);
	else if (old.kind == GUISE_HANDLE_DEVICE && old.nr == 1)
		iommu_detach(d, (uint16_t)old.first);
	return old.kind == GUISE_HANDLE_NONE ? -EPERM : 0;
}

bool handle_covers(struct domain *d, uint32_t kind, const struct domain *target, uint64_t first, uint64_t nr)
{
	bool found = false;

	spin_lock(&d->handle_lock);
	for (uint32_t i = 0; i < NR_HANDLES && !found; i++) {
		const struct handle *h = &d->handles[i];

		found = h->kind == kind && h->target == target && first >= h->first && nr <= h->nr &&
			first - h->first <= h->nr - nr;
	}
	spin_unlock(&d->handle_lock);
	return found;
}

uint32_t handle_count(const struct domain *d)
{
	uint32_t nr = 0;

	for (uint32_t i = 0; i < NR_HANDLES; i++)
		nr += d->handles[i].kind != GUISE_HANDLE_NONE;
	return nr;
}

void handle_drop_all(struct domain *d)
{
	for (uint32_t i = 0; i < NR_HANDLES; i++)
		handle_drop(d, i);
}

static long derive(struct domain *d, const struct guise_handle_derive *req)
{
	struct domain *to;
	struct handle h;
	long rc;

	spin_lock(&d->handle_lock);
	h = *handle_at(d, req->parent);
	spin_unlock(&d->handle_lock);
	if (h.kind != GUISE_HANDLE_MMIO && h.kind != GUISE_HANDLE_PORT && h.kind != GUISE_HANDLE_IRQ &&
	    h.kind != GUISE_HANDLE_DEVICE)
		return -EPERM;
	if (!req->nr || req->first < h.first || req->nr > h.nr || req->first - h.first > h.nr - req->nr)
		return -EPERM;
	if (h.kind == GUISE_HANDLE_DEVICE && req->nr != 1)
		return -EINVAL;
	to = handle_domain(d, req->domain);
	if (!to)
		return -EPERM;
	h.first = req->first;
	h.nr = req->nr;
	rc = h.kind == GUISE_HANDLE_DEVICE ? iommu_attach(to, (uint16_t)h.first) : 0;
	if (!rc) {
		rc = handle_add(to, &h);
		if (rc < 0 && h.kind == GUISE_HANDLE_DEVICE)
			iommu_detach(to, (uint16_t)h.first);
	}
	domain_put(to);
	return rc;
}

long hc_handle_op(struct vcpu *v, const uint64_t *arg)
{
	switch (arg[0]) {
	case GUISE_HANDLE_OP_DERIVE:
		HC_REQUEST(struct guise_handle_derive, arg[1], derive(v->domain, &req), false);
	case GUISE_HANDLE_OP_DROP:
		return handle_drop(v->domain, (uint32_t)MIN(arg[1], NR_HANDLES));
	}
	return -ENOSYS;
}
