/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * domain_op.c - managing a domain by handle (guise.h): all that a builder needs and no more.
 */
#include <core/grant.h>
#include <core/hypercall.h>
#include <core/irq.h>
#include <core/lib.h>
#include <core/vcpu.h>

static long op_create(struct vcpu *v, const struct guise_domain_create *how)
{
	struct handle h = { .kind = GUISE_HANDLE_DOMAIN, .nr = 1 }, memory;
	struct domain *d;
	int rc;

	if (handle_lookup(v->domain, how->memory, GUISE_HANDLE_MEMORY, &memory))
		return -EPERM;
	if (how->domid == 0 || how->domid > GUISE_DOMID_LAST || how->priority > GUISE_PRIO_DRIVER ||
	    how->paging > GUISE_DOMAIN_NATIVE || how->max_vcpus == 0 || how->max_vcpus > MAX_VCPUS ||
	    how->max_frames == 0 || how->max_frames > frame_max || how->cache_frames > frame_max)
		return -EINVAL;
	d = domain_create(how, &rc);
	if (!d)
		return rc;
	domain_ref(d);
	h.target = d;
	rc = handle_add(v->domain, &h);
	if (rc < 0) {
		while (domain_destroy(d) == HC_CONTINUE)
			;
		domain_put(d);
	}
	return rc;
}

#define POPULATE_MOST 512

static long op_populate(struct domain *d, const struct guise_domain_populate *req)
{
	uint64_t mfns[POPULATE_MOST];
	uint32_t got;

	if (req->first_gfn + req->nr < req->first_gfn || req->first_gfn + req->nr > 1ull << 36)
		return -EINVAL;
	got = domain_populate(d, req->first_gfn, MIN(req->nr, POPULATE_MOST), mfns);
	if (copy_to_guest(req->mfns, mfns, got * 8ull))
		return -EFAULT;
	return got || !req->nr ? (long)got : -ENOMEM;
}

static long op_copy(struct domain *d, const struct guise_domain_copy *req)
{
	struct frame *f = frame_of(req->mfn);
	char *at;
	long rc;

	if (req->offset > PAGE_SIZE || req->len > PAGE_SIZE - req->offset || req->dir > GUISE_COPY_WRITE)
		return -EINVAL;
	if (!f || frame_hold(f, d->id))
		return -EPERM;
	at = (char *)mfn_to_virt(req->mfn) + req->offset;
	rc = req->dir == GUISE_COPY_WRITE ? copy_from_guest(at, req->buffer, req->len) :
					    copy_to_guest(req->buffer, at, req->len);
	frame_release(f);
	return rc;
}

static long op_start(struct domain *d, const struct guise_domain_start *req)
{
	long rc;

	if (req->domid > GUISE_DOMID_LAST)
		return -EINVAL;
	if (d->state != GUISE_STATE_PAUSED || !d->vcpu[0] || d->vcpu[0]->initialised)
		return -EBUSY;
	rc = tlb_grow(d);
	if (!rc && req->domid)
		rc = domain_rename(d, (uint16_t)req->domid);
	if (!rc)
		rc = arch_vcpu_start(d->vcpu[0], req->rip, req->rsp, req->rsi, req->cr3);
	if (!rc)
		vcpu_start_first(d->vcpu[0]);
	return rc;
}

static void vcpus_count(struct domain *d, struct guise_domain_info *info)
{
	uint64_t now = time_now();

	for_each_vcpu(v, d) {
		info->vcpus += v->state != VCPU_DOWN;
		info->vcpu_ns[v->id] = sched_cpu_ns(v);
		info->cpu_ns += info->vcpu_ns[v->id];
		info->wait_ns += v->runstate.time[RUNSTATE_runnable];
		if (v->runstate.state == RUNSTATE_runnable)
			info->wait_ns += now - v->runstate.state_entry_time;
	}
}

static long op_info(struct domain *d, uint32_t handle, guest_ptr_t p)
{
	struct guise_domain_info info = {
		.handle = handle,
		.domid = d->id,
		.state = d->state == GUISE_STATE_RUNNING && d->pauses ? GUISE_STATE_PAUSED : d->state,
		.reason = d->shutdown_reason,
		.handles = handle_count(d),
		.shared_info_mfn = d->shared_mfn,
		.grant_mfn = d->state == GUISE_STATE_DYING ? INVALID_MFN : grant_frame(d, 0),
		.frames = d->frames,
		.max_frames = d->max_frames,
		.kernel_frames = d->kernel_pages,
		.max_kernel_frames = d->max_kernel_pages,
		.cache_frames = d->tlb.used,
		.max_cache_frames = d->tlb.nr,
		.ports = d->nr_ports,
		.grants = d->grants->nr_used,
		.grant_maps = d->grants->nr_maps,
		.events_sent = d->events_sent,
		.events_received = d->events_received,
		.hypercalls = d->hypercalls,
		.faults = d->faults,
		.dma_faults = d->dma_faults,
	};

	memcpy(info.text, d->text, sizeof(info.text));
	vcpus_count(d, &info);
	return copy_to_guest(p, &info, sizeof(info));
}

static long op_sched(struct domain *d, struct guise_domain_sched *req, guest_ptr_t p)
{
	if (req->op == GUISE_SCHED_GET) {
		req->weight = d->sched.weight;
		req->cap = d->sched.cap;
		return copy_to_guest(p, req, sizeof(*req));
	}
	if (req->op != GUISE_SCHED_SET || req->weight == 0 || req->weight > GUISE_WEIGHT_MAX ||
	    req->cap > GUISE_CAP_MAX)
		return -EINVAL;
	sched_share_set(d, req->weight, req->cap);
	return 0;
}

static long op_affinity(struct domain *d, const struct guise_domain_affinity *req)
{
	uint32_t hard = req->hard & (uint32_t)((1ull << arch_cpu_count()) - 1);

	if (req->vcpu >= d->max_vcpus || !hard)
		return hard ? -ENOENT : -EINVAL;
	sched_affinity_set(d, req->vcpu, hard, req->soft);
	return 0;
}

/* Of struct guise_domain_count, without what is out. */
struct count_request {
	uint32_t handle, vcpu, timed, zero;
};

static long op_count(struct domain *d, const struct count_request *req, guest_ptr_t p)
{
	const struct vcpu *v = domain_vcpu(d, req->vcpu);

	if (req->timed > 1 || req->zero)
		return -EINVAL;
	if (!v)
		return -ENOENT;
	d->timed = req->timed;
	return copy_to_guest(p + offsetof(struct guise_domain_count, crossing), v->crossing, sizeof(v->crossing));
}

/* Of d, which the caller's handle names; the operation's structure, if it has one, is at p. */
static long operate(struct vcpu *v, struct domain *d, uint64_t op, uint32_t handle, guest_ptr_t p)
{
	switch (op) {
	case GUISE_DOMAIN_POPULATE:
		HC_REQUEST(struct guise_domain_populate, p, op_populate(d, &req), false);
	case GUISE_DOMAIN_COPY:
		HC_REQUEST(struct guise_domain_copy, p, op_copy(d, &req), false);
	case GUISE_DOMAIN_START:
		HC_REQUEST(struct guise_domain_start, p, op_start(d, &req), false);
	case GUISE_DOMAIN_INFO:
		return op_info(d, handle, p);
	case GUISE_DOMAIN_COUNT:
		HC_REQUEST(struct count_request, p, op_count(d, &req, p), false);
	case GUISE_DOMAIN_SCHED:
		HC_REQUEST(struct guise_domain_sched, p, op_sched(d, &req, p), false);
	case GUISE_DOMAIN_AFFINITY:
		HC_REQUEST(struct guise_domain_affinity, p, op_affinity(d, &req), false);
	}
	if (d == v->domain)
		return -EINVAL;
	if (op == GUISE_DOMAIN_DESTROY) {
		long rc = domain_destroy(d);

		if (!rc)
			handle_drop(v->domain, handle);
		return rc;
	}
	if (op == GUISE_DOMAIN_PAUSE)
		domain_pause(d);
	else
		domain_unpause(d);
	return 0;
}

long hc_domain_op(struct vcpu *v, const uint64_t *arg)
{
	uint32_t handle = (uint32_t)arg[1]; /* of GUISE_DOMAIN_PAUSE to _DESTROY; else the structure's first word */
	uint64_t op = arg[0];
	struct domain *d;
	long rc;

	if (op == GUISE_DOMAIN_CREATE)
		HC_REQUEST(struct guise_domain_create, arg[1], op_create(v, &req), false);
	if (op > GUISE_DOMAIN_AFFINITY)
		return -ENOSYS;
	if ((op < GUISE_DOMAIN_PAUSE || op > GUISE_DOMAIN_DESTROY) && copy_from_guest(&handle, arg[1], sizeof(handle)))
		return -EFAULT;
	if (handle == GUISE_INFO_SELF && (op == GUISE_DOMAIN_INFO || op == GUISE_DOMAIN_COUNT)) {
		d = v->domain;
		domain_ref(d);
	} else {
		d = handle_domain(v->domain, handle);
	}
	rc = d ? operate(v, d, op, handle, arg[1]) : -EPERM;
	domain_put(d);
	return rc;
}

static long system_info(guest_ptr_t p)
{
	struct guise_system_info info;

	arch_system_info(&info);
	info.free_frames = frame_free_count();
	info.verbose = verbose;
	return copy_to_guest(p, &info, sizeof(info));
}

static long system_counters(guest_ptr_t p)
{
	struct guise_system_counters c = { .free_frames = frame_free_count(), .domains = domain_count };

	sched_counters(&c.idle_ns, &c.switches);
	irq_counters(&c.irqs, &c.messages);
	return copy_to_guest(p, &c, sizeof(c));
}

long hc_system_op(struct vcpu *v, const uint64_t *arg)
{
	struct handle h;

	if (arg[0] > GUISE_SYSTEM_LATENCY)
		return -ENOSYS;
	if (arg[0] == GUISE_SYSTEM_INFO)
		return system_info(arg[1]);
	if (handle_lookup(v->domain, (uint32_t)arg[2], GUISE_HANDLE_SYSTEM, &h))
		return -EPERM;
	if (arg[0] == GUISE_SYSTEM_LATENCY)
		return copy_to_guest(arg[1], crossing_longest, sizeof(crossing_longest));
	if (arg[0] == GUISE_SYSTEM_COUNTERS)
		return system_counters(arg[1]);
	if (arg[1])
		return -EINVAL;
	arch_reset();
}
