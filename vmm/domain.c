/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * domain.c - the hypercalls that make a domain, fill it and end it.
 */
#include <runtime/event.h>
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/string.h>

#include "domain.h"

#define POPULATE 512

static void fail(struct domain *d, const char *why)
{
	if (!d->error)
		d->error = why;
}

void domain_begin(struct domain *d, uint16_t id, uint64_t nr, uint64_t max, unsigned vcpus, unsigned priority,
		  unsigned paging)
{
	struct guise_domain_create how = {
		.memory = GUISE_ROOT_MEMORY,
		.domid = id,
		.priority = (uint8_t)priority,
		.paging = (uint8_t)paging,
		.max_frames = max + 128, /* and what the kernel adds: shared info, grant table */
		.max_vcpus = vcpus,
	};
	struct guise_domain_info info;
	long rc;

	*d = (struct domain){ .id = id, .nr = nr };
	rc = guise_domain(GUISE_DOMAIN_CREATE, &how);
	if (rc < 0) {
		d->error = rc == -XEN_EEXIST ? "its domain id is in use" : "the kernel has no memory for it";
		return;
	}
	d->handle = (uint32_t)rc;
	d->mfn = heap_alloc(nr * sizeof(uint64_t));
	if (!d->mfn) {
		d->error = "the VMM server has too little memory for its list of frames (vmm_mem=)";
		return;
	}
	info.handle = d->handle;
	if (guise_domain(GUISE_DOMAIN_INFO, &info))
		fail(d, "the kernel does not tell about it");
	d->shared_info = info.shared_info_mfn;
	d->grant_frame = info.grant_mfn;
	rc = event_alloc(id, 0);
	d->store_port = rc > 0 ? (uint32_t)rc : 0;
	rc = event_alloc(id, 0);
	d->console_port = rc > 0 ? (uint32_t)rc : 0;
	if (!d->store_port || !d->console_port)
		fail(d, "no event channels for it");
}

int domain_populate(struct domain *d, uint64_t most)
{
	while (d->populated < d->nr && most && !d->error) {
		uint64_t want = d->nr - d->populated < POPULATE ? d->nr - d->populated : POPULATE;
		struct guise_domain_populate req = {
			.handle = d->handle,
			.nr = (uint32_t)want,
			.first_gfn = d->populated,
			.mfns = (uint64_t)&d->mfn[d->populated],
		};
		long got = guise_domain(GUISE_DOMAIN_POPULATE, &req);

		if (got <= 0)
			fail(d, "the machine has too little free memory");
		else
			d->populated += (uint64_t)got;
		most -= got > 0 && (uint64_t)got < most ? (uint64_t)got : most;
	}
	return !d->error && d->populated < d->nr;
}

void domain_create(struct domain *d, uint16_t id, uint64_t nr, uint64_t max, unsigned vcpus, unsigned priority,
		   unsigned paging)
{
	domain_begin(d, id, nr, max, vcpus, priority, paging);
	domain_populate(d, nr);
}

static void copy(struct domain *d, uint64_t mfn, uint32_t offset, const void *data, uint32_t len)
{
	struct guise_domain_copy req = {
		.handle = d->handle,
		.dir = GUISE_COPY_WRITE,
		.mfn = mfn,
		.offset = offset,
		.len = len,
		.buffer = (uint64_t)data,
	};

	if (guise_domain(GUISE_DOMAIN_COPY, &req))
		fail(d, "its memory cannot be written");
}

void domain_write(struct domain *d, uint64_t at, const void *data, size_t len)
{
	const char *from = data;

	while (len && !d->error) {
		uint32_t offset = (uint32_t)(at & ~PAGE_MASK);
		uint32_t n = len < PAGE_SIZE - offset ? (uint32_t)len : (uint32_t)(PAGE_SIZE - offset);

		if (at / PAGE_SIZE >= d->nr) {
			fail(d, "it does not fit its memory");
			return;
		}
		copy(d, d->mfn[at / PAGE_SIZE], offset, from, n);
		at += n;
		from += n;
		len -= n;
	}
}

void domain_offer(struct domain *d, uint32_t ref, uint64_t gfn)
{
	grant_entry_v1_t e = { .flags = GTF_permit_access, .domid = 0, .frame = (uint32_t)d->mfn[gfn] };

	copy(d, d->grant_frame, ref * (uint32_t)sizeof(e), &e, sizeof(e));
}

/* What the kernel means by it (core/domain_op.c, op_start()). */
static const char *start_error(long rc)
{
	switch (rc) {
	case -XEN_ENOMEM:
		return "it cannot be started: the machine has too little free memory to cache its page tables";
	case -XEN_EEXIST:
		return "it cannot be started: its domain id is in use";
	case -XEN_EINVAL:
		return "it cannot be started: its entry or its stack is at no address of x86-64";
	case -XEN_EPERM:
		return "it cannot be started: its page tables are in memory that is not its own";
	case -XEN_EBUSY:
		return "it cannot be started: it has been already, or others use its memory";
	default:
		return "it cannot be started: the kernel refuses";
	}
}

void domain_start(struct domain *d, uint64_t rip, uint64_t rsp, uint64_t rsi, uint64_t root_gfn)
{
	struct guise_domain_start req = {
		.handle = d->handle, .domid = d->start_id, .rip = rip, .rsp = rsp, .rsi = rsi
	};
	long rc;

	if (d->error)
		return;
	req.cr3 = d->mfn[root_gfn];
	rc = guise_domain(GUISE_DOMAIN_START, &req);
	if (rc)
		fail(d, start_error(rc));
	else if (d->start_id)
		d->id = d->start_id;
}

void domain_unpause(struct domain *d)
{
	guise_domain_nr(GUISE_DOMAIN_UNPAUSE, d->handle);
}

void domain_built(struct domain *d)
{
	heap_free(d->mfn);
	d->mfn = NULL;
}

int domain_destroy(struct domain *d)
{
	long rc;

	domain_built(d);
	if (!d->handle)
		return 0;
	rc = guise_domain_nr(GUISE_DOMAIN_DESTROY, d->handle);
	if (!rc)
		d->handle = 0;
	return (int)rc;
}
