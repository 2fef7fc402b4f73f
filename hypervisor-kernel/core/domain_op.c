/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * domain_op.c - managing a domain by handle (guise.h): all that a builder needs and no more.
 */
#include <arch/cpu.h>
#include <core/domain.h>
#include <core/grant.h>
#include <core/hypercall.h>
#include <core/irq.h>
#include <core/lib.h>
#include <core/vcpu.h>

static long op_create(struct vcpu *v, guest_ptr_t p)
{
	struct guise_domain_create how;
	struct handle h, mem;
	struct domain *d;
	int rc;

	if (copy_from_guest(&how, p, sizeof(how)))
		return -EFAULT;
	rc = handle_lookup(v->domain, how.memory, GUISE_HANDLE_MEMORY, &mem);
	if (rc)
		return rc;
	if (how.domid == 0 || how.domid >= 0x7ff0u || how.priority > GUISE_PRIO_DRIVER ||
	    how.paging > GUISE_DOMAIN_NATIVE || how.max_vcpus == 0 || how.max_vcpus > MAX_VCPUS ||
	    how.max_frames == 0 || how.max_frames > frame_max || how.cache_frames > frame_max)
		return -EINVAL;
	d = domain_create(&how, &rc);
	if (!d)
		return rc;
	domain_ref(d);
	h = (struct handle){ .kind = GUISE_HANDLE_DOMAIN, .nr = 1, .target = d };
	rc = handle_add(v->domain, &h);
	if (rc < 0) {
		while (domain_destroy(d) == HC_CONTINUE)
			;
		domain_put(d);
	}
	return rc;
}

#define POPULATE_BATCH 512

static long op_populate(struct vcpu *v, guest_ptr_t p)
{
	struct guise_domain_populate req;
	uint64_t *mfns;
	uint32_t done = 0;
	struct domain *d;
	long rc = 0;

	if (copy_from_guest(&req, p, sizeof(req)))
		return -EFAULT;
	if (req.first_gfn + req.nr < req.first_gfn || req.first_gfn + req.nr > 1ull << 36)
		return -EINVAL;
	d = handle_domain(v->domain, req.handle);
	if (!d)
		return -EPERM;
	mfns = kpages_alloc(0, NULL);
	if (!mfns)
		rc = -ENOMEM;
	while (done < req.nr && !rc) {
		uint32_t n = MIN(req.nr - done, POPULATE_BATCH);
		uint32_t got = domain_populate(d, req.first_gfn + done, n, mfns);

		if (copy_to_guest(req.mfns + done * 8ull, mfns, got * 8ull))
			rc = -EFAULT;
		done += got;
		if (got < n || hypercall_preempt())
			break;
	}
	if (mfns)
		kpages_free(mfns, 0, NULL);
	domain_put(d);
	if (rc)
		return rc;
	return done || !req.nr ? (long)done : -ENOMEM;
}

static long op_copy(struct vcpu *v, guest_ptr_t p)
{
	struct guise_domain_copy req;
	struct domain *d;
	struct frame *f;
	char *at;
	long rc;

	if (copy_from_guest(&req, p, sizeof(req)))
		return -EFAULT;
	if (req.offset > PAGE_SIZE || req.len > PAGE_SIZE - req.offset || req.dir > GUISE_COPY_WRITE)
		return -EINVAL;
	d = handle_domain(v->domain, req.handle);
	if (!d)
		return -EPERM;
	f = frame_of(req.mfn);
	rc = f ? frame_hold(f, d->id) : -EPERM;
	if (!rc) {
		at = (char *)mfn_to_virt(req.mfn) + req.offset;
		rc = req.dir == GUISE_COPY_WRITE ? copy_from_guest(at, req.buffer, req.len) :
						   copy_to_guest(req.buffer, at, req.len);
		frame_release(f);
	}
	domain_put(d);
	return rc;
}

static long op_start(struct vcpu *v, guest_ptr_t p)
{
	struct guise_domain_start req;
	struct domain *d;
	long rc;

	if (copy_from_guest(&req, p, sizeof(req)))
		return -EFAULT;
	if (req.zero)
		return -EINVAL;
	d = handle_domain(v->domain, req.handle);
	if (!d)
		return -EPERM;
	rc = -EBUSY;
	if (d->state == GUISE_STATE_PAUSED && d->vcpu[0] && !d->vcpu[0]->initialised) {
		rc = arch_vcpu_start(d->vcpu[0], req.rip, req.rsp, req.rsi, req.cr3);
		if (!rc)
			vcpu_start_first(d->vcpu[0]);
	}
	domain_put(d);
	return rc;
}

static struct domain *domain_or_self(struct vcpu *v, uint32_t handle)
{
	if (handle != GUISE_INFO_SELF)
		return handle_domain(v->domain, handle);
	domain_ref(v->domain);
	return v->domain;
}

static long op_info(struct vcpu *v, guest_ptr_t p)
{
	struct guise_domain_info info;
	struct domain *d;
	long rc;

	if (copy_from_guest(&info.handle, p, sizeof(info.handle)))
		return -EFAULT;
	d = domain_or_self(v, info.handle);
	if (!d)
		return -EPERM;
	info = (struct guise_domain_info){
		.handle = info.handle,
		.domid = d->id,
		.state = d->state == GUISE_STATE_RUNNING && d->pauses ? GUISE_STATE_PAUSED : d->state,
		.reason = d->shutdown_reason,
		.frames = d->frames,
		.max_frames = d->max_frames,
		.cpu_ns = sched_cpu_ns(d),
		.shared_info_mfn = d->shared_mfn,
		.grant_mfn = d->state == GUISE_STATE_DYING ? INVALID_MFN : grant_frame(d, 0),
		.cache_frames = d->tlb.used,
		.faults = d->faults,
		.hypercalls = d->hypercalls,
		.dma_faults = d->dma_faults,
	};
	memcpy(info.text, d->text, sizeof(info.text));
	rc = copy_to_guest(p, &info, sizeof(info));
	domain_put(d);
	return rc;
}

static long op_sched(struct vcpu *v, guest_ptr_t p)
{
	struct guise_domain_sched req;
	struct domain *d;
	long rc = 0;

	if (copy_from_guest(&req, p, sizeof(req)))
		return -EFAULT;
	if (req.op > GUISE_SCHED_SET || (req.op == GUISE_SCHED_SET &&
					 (req.weight == 0 || req.weight > GUISE_WEIGHT_MAX || req.cap > GUISE_CAP_MAX)))
		return -EINVAL;
	d = handle_domain(v->domain, req.handle);
	if (!d)
		return -EPERM;
	if (req.op == GUISE_SCHED_SET) {
		sched_share_set(d, req.weight, req.cap);
	} else {
		req.weight = d->sched.weight;
		req.cap = d->sched.cap;
		rc = copy_to_guest(p, &req, sizeof(req));
	}
	domain_put(d);
	return rc;
}

static long op_count(struct vcpu *v, guest_ptr_t p)
{
	struct guise_domain_count *at = NULL;
	uint32_t req[4]; /* handle, vcpu, timed, zero */
	struct domain *d;
	long rc = -ENOENT;

	if (copy_from_guest(req, p, sizeof(req)))
		return -EFAULT;
	if (req[2] > 1 || req[3])
		return -EINVAL;
	d = domain_or_self(v, req[0]);
	if (!d)
		return -EPERM;
	if (domain_valid_vcpu(d, req[1])) {
		d->timed = req[2];
		rc = copy_to_guest(p + offsetof(struct guise_domain_count, crossing), d->vcpu[req[1]]->crossing,
				   sizeof(at->crossing));
	}
	domain_put(d);
	return rc;
}

static void vcpus_count(struct domain *d, struct guise_domain_counters *c)
{
	uint64_t now = time_now();

	for (uint32_t i = 0; i < d->max_vcpus; i++) {
		const struct vcpu *v = d->vcpu[i];

		if (!v)
			continue;
		c->vcpus += v->state != VCPU_DOWN;
		c->wait_ns += v->runstate.time[RUNSTATE_runnable];
		if (v->runstate.state == RUNSTATE_runnable)
			c->wait_ns += now - v->runstate.state_entry_time;
	}
}

static long op_counters(struct vcpu *v, guest_ptr_t p)
{
	struct guise_domain_counters c;
	uint32_t handle;
	struct domain *d;
	long rc;

	if (copy_from_guest(&handle, p, sizeof(handle)))
		return -EFAULT;
	d = domain_or_self(v, handle);
	if (!d)
		return -EPERM;
	c = (struct guise_domain_counters){
		.handle = handle,
		.cpu_ns = sched_cpu_ns(d),
		.frames = d->frames,
		.max_frames = d->max_frames,
		.kernel_frames = d->kernel_pages,
		.max_kernel_frames = d->max_kernel_pages,
		.cache_frames = d->tlb.used,
		.max_cache_frames = d->tlb.nr,
		.ports = d->nr_ports,
		.handles = handle_count(d),
		.events_sent = d->events_sent,
		.events_received = d->events_received,
		.hypercalls = d->hypercalls,
		.faults = d->faults,
	};
	vcpus_count(d, &c);
	grant_counters(d, &c.grants, &c.grant_maps);
	rc = copy_to_guest(p, &c, sizeof(c));
	domain_put(d);
	return rc;
}

static long op_destroy(struct vcpu *v, uint32_t handle)
{
	struct domain *d = handle_domain(v->domain, handle);
	long rc;

	if (!d)
		return -EPERM;
	rc = d == v->domain ? -EINVAL : domain_destroy(d);
	if (!rc)
		handle_drop(v->domain, handle);
	domain_put(d);
	return rc;
}

static long op_pause(struct vcpu *v, uint32_t handle, bool pause)
{
	struct domain *d = handle_domain(v->domain, handle);
	long rc = 0;

	if (!d)
		return -EPERM;
	if (d == v->domain)
		rc = -EINVAL;
	else if (pause)
		domain_pause(d);
	else
		domain_unpause(d);
	domain_put(d);
	return rc;
}

long hc_domain_op(struct vcpu *v, const uint64_t *arg)
{
	switch (arg[0]) {
	case GUISE_DOMAIN_CREATE:
		return op_create(v, arg[1]);
	case GUISE_DOMAIN_POPULATE:
		return op_populate(v, arg[1]);
	case GUISE_DOMAIN_COPY:
		return op_copy(v, arg[1]);
	case GUISE_DOMAIN_START:
		return op_start(v, arg[1]);
	case GUISE_DOMAIN_PAUSE:
		return op_pause(v, (uint32_t)arg[1], true);
	case GUISE_DOMAIN_UNPAUSE:
		return op_pause(v, (uint32_t)arg[1], false);
	case GUISE_DOMAIN_DESTROY:
		return op_destroy(v, (uint32_t)arg[1]);
	case GUISE_DOMAIN_INFO:
		return op_info(v, arg[1]);
	case GUISE_DOMAIN_COUNT:
		return op_count(v, arg[1]);
	case GUISE_DOMAIN_SCHED:
		return op_sched(v, arg[1]);
	case GUISE_DOMAIN_COUNTERS:
		return op_counters(v, arg[1]);
	}
	return -ENOSYS;
}

static long system_counters(guest_ptr_t p)
{
	struct guise_system_counters c = { .free_frames = frame_free_count(), .domains = domain_count() };

	sched_counters(&c.idle_ns, &c.switches);
	irq_counters(&c.irqs, &c.messages);
	return copy_to_guest(p, &c, sizeof(c));
}

long hc_system_op(struct vcpu *v, const uint64_t *arg)
{
	struct guise_system_info info;
	struct handle h;

	switch (arg[0]) {
	case GUISE_SYSTEM_INFO:
		arch_system_info(&info);
		info.free_frames = frame_free_count();
		info.verbose = verbose;
		return copy_to_guest(arg[1], &info, sizeof(info));
	case GUISE_SYSTEM_RESET:
		if (handle_lookup(v->domain, (uint32_t)arg[2], GUISE_HANDLE_SYSTEM, &h))
			return -EPERM;
		if (arg[1])
			return -EINVAL;
		arch_reset();
	case GUISE_SYSTEM_LATENCY:
	case GUISE_SYSTEM_COUNTERS:
		if (handle_lookup(v->domain, (uint32_t)arg[2], GUISE_HANDLE_SYSTEM, &h))
			return -EPERM;
		if (arg[0] == GUISE_SYSTEM_LATENCY)
			return copy_to_guest(arg[1], crossing_longest, sizeof(crossing_longest));
		return system_counters(arg[1]);
	}
	return -ENOSYS;
}
