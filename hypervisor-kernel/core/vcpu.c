/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vcpu.c - the life of a vCPU: born with its domain or by VCPUOP_initialise, up, down, blocked and
 * woken, its run states told to the guest (xen/vcpu.h), and the calls a vCPU makes on itself.
 */
#include <arch/cpu.h>
#include <core/domain.h>
#include <core/event.h>
#include <core/hypercall.h>
#include <core/lib.h>
#include <core/vcpu.h>
#include <xen/sched.h>

#define VCPU_ORDER 2

static void timer_fired(void *arg)
{
	event_virq(arg, VIRQ_TIMER);
}

static void poll_timed_out(void *arg)
{
	struct vcpu *v = arg;

	if (v->event_masked_poll)
		vcpu_wake(v);
}

struct vcpu *vcpu_create(struct domain *d, uint32_t id)
{
	struct vcpu *v;

	_Static_assert(sizeof(struct vcpu) <= PAGE_SIZE << VCPU_ORDER, "a vCPU fits its pages");
	v = kpages_alloc(VCPU_ORDER, d);
	if (!v)
		return NULL;
	v->domain = d;
	v->id = id;
	v->state = VCPU_DOWN;
	v->info = &d->shared->vcpu_info[id];
	v->info->evtchn_upcall_mask = 1;
	v->info_mfn = INVALID_MFN;
	v->runstate_area.mfn[0] = v->runstate_area.mfn[1] = INVALID_MFN;
	v->time_area.mfn[0] = v->time_area.mfn[1] = INVALID_MFN;
	v->runstate.state = RUNSTATE_offline;
	v->runstate.state_entry_time = time_now();
	list_init(&v->run);
	timer_init(&v->timer, timer_fired, v);
	timer_init(&v->poll_timer, poll_timed_out, v);
	arch_vcpu_init(v);
	vcpu_time_publish(v);
	d->vcpu[id] = v;
	return v;
}

void vcpu_free(struct vcpu *v)
{
	vcpu_stop(v);
	timer_cancel(&v->timer);
	timer_cancel(&v->poll_timer);
	arch_vcpu_forget(v);
	guest_area_drop(&v->runstate_area);
	guest_area_drop(&v->time_area);
	if (v->info_mfn != INVALID_MFN)
		frame_release(frame_of(v->info_mfn));
	v->domain->vcpu[v->id] = NULL;
	kpages_free(v, VCPU_ORDER, v->domain);
}

void vcpu_stop(struct vcpu *v)
{
	sched_forget(v);
	v->state = VCPU_DOWN;
	v->event_masked_poll = false;
	vcpu_runstate_set(v, RUNSTATE_offline);
}

void vcpu_block(struct vcpu *v)
{
	if (v->state != VCPU_RUNNING)
		return;
	v->state = VCPU_BLOCKED;
	vcpu_runstate_set(v, RUNSTATE_blocked);
	arch_resched();
}

void vcpu_wake(struct vcpu *v)
{
	if (v->state != VCPU_BLOCKED)
		return;
	v->event_masked_poll = false;
	v->state = VCPU_RUNNABLE;
	vcpu_runstate_set(v, RUNSTATE_runnable);
	if (domain_runnable(v->domain))
		sched_enqueue(v);
}

static void vcpu_up(struct vcpu *v)
{
	v->state = VCPU_RUNNABLE;
	vcpu_runstate_set(v, RUNSTATE_runnable);
	if (domain_runnable(v->domain))
		sched_enqueue(v);
}

void vcpu_start_first(struct vcpu *v)
{
	v->initialised = true;
	vcpu_up(v);
}

/* Bit 63 of state_entry_time says "being written" to guests that asked for it (VM_ASST 5). */
static void runstate_publish(struct vcpu *v)
{
	vcpu_runstate_info_t r = v->runstate;

	if (v->runstate_area.mfn[0] == INVALID_MFN)
		return;
	if (v->domain->runstate_flag) {
		r.state_entry_time |= XEN_RUNSTATE_UPDATE;
		guest_area_write(&v->runstate_area, &r);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		r.state_entry_time &= ~XEN_RUNSTATE_UPDATE;
	}
	guest_area_write(&v->runstate_area, &r);
}

void vcpu_runstate_set(struct vcpu *v, int state)
{
	uint64_t now = time_now();

	if (v->runstate.state == state)
		return;
	v->runstate.time[v->runstate.state] += now - v->runstate.state_entry_time;
	v->runstate.state = state;
	v->runstate.state_entry_time = now;
	runstate_publish(v);
}

/* The version is odd while the rest is not to be trusted (xen/xen.h, struct vcpu_time_info). */
void vcpu_time_publish(struct vcpu *v)
{
	struct vcpu_time_info *t = &v->info->time;
	struct vcpu_time_info copy = { 0 };

	WRITE_ONCE(t->version, (t->version | 1) + 2);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	arch_time_info(t);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	WRITE_ONCE(t->version, t->version + 1);
	arch_time_info(&copy);
	copy.version = 2;
	guest_area_write(&v->time_area, &copy);
}

/* ---- sched_op ---- */

static long sched_poll(struct vcpu *v, guest_ptr_t p)
{
	struct sched_poll poll;
	uint32_t ports[ARRAY_SIZE(v->poll_ports)];

	if (copy_from_guest(&poll, p, sizeof(poll)))
		return -EFAULT;
	if (poll.nr_ports > ARRAY_SIZE(v->poll_ports))
		return -EINVAL;
	if (copy_from_guest(ports, (guest_ptr_t)poll.ports.p, poll.nr_ports * sizeof(ports[0])))
		return -EFAULT;
	for (uint32_t i = 0; i < poll.nr_ports; i++) {
		if (ports[i] >= NR_PORTS)
			return -EINVAL;
		v->poll_ports[i] = ports[i];
	}
	v->nr_poll = poll.nr_ports;
	v->event_masked_poll = true;
	for (uint32_t i = 0; i < poll.nr_ports; i++) {
		if (READ_ONCE(v->domain->shared->evtchn_pending[ports[i] / 64]) >> ports[i] % 64 & 1) {
			v->event_masked_poll = false;
			return 0;
		}
	}
	if (poll.timeout)
		timer_set(&v->poll_timer, poll.timeout);
	else
		timer_cancel(&v->poll_timer);
	vcpu_block(v);
	return 0;
}

long hc_sched_op(struct vcpu *v, const uint64_t *arg)
{
	struct sched_shutdown shutdown;

	switch (arg[0]) {
	case SCHEDOP_yield:
		sched_yield_current(v);
		return 0;
	case SCHEDOP_block:
		/* Unmask first, then look: an event in between is not lost. */
		v->info->evtchn_upcall_mask = 0;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (!READ_ONCE(v->info->evtchn_upcall_pending))
			vcpu_block(v);
		return 0;
	case SCHEDOP_shutdown:
		if (copy_from_guest(&shutdown, arg[1], sizeof(shutdown)))
			return -EFAULT;
		if (shutdown.reason == SHUTDOWN_suspend)
			return -ENOSYS;
		if (shutdown.reason > SHUTDOWN_MAX)
			return -EINVAL;
		domain_shutdown(v->domain, (uint8_t)shutdown.reason);
		return 0;
	case SCHEDOP_poll:
		return sched_poll(v, arg[1]);
	}
	return -ENOSYS;
}

long hc_set_timer_op(struct vcpu *v, const uint64_t *arg)
{
	if (arg[0])
		timer_set(&v->timer, arg[0]);
	else
		timer_cancel(&v->timer);
	return 0;
}

/* ---- vcpu_op ---- */

static long vcpu_initialise(struct domain *d, uint32_t id, guest_ptr_t p)
{
	vcpu_guest_context_t *c;
	struct vcpu *v;
	long rc;

	if (d->vcpu[id] && d->vcpu[id]->initialised)
		return -EEXIST;
	c = kpages_alloc(1, NULL);
	if (!c)
		return -ENOMEM;
	rc = -EFAULT;
	if (copy_from_guest(c, p, sizeof(*c)))
		goto out;
	v = d->vcpu[id];
	rc = v ? arch_vcpu_set_context(v, c) : -ENOMEM;
	if (!rc)
		v->initialised = true;
out:
	kpages_free(c, 1, NULL);
	return rc;
}

/* The guest chooses where vcpu_info lives, once: the old contents move there and everything is
 * marked pending, so that nothing is lost on the way. */
static long register_info(struct vcpu *v, guest_ptr_t p)
{
	struct domain *d = v->domain;
	struct vcpu_register_vcpu_info reg;
	struct vcpu_info *info;
	struct frame *f;

	if (copy_from_guest(&reg, p, sizeof(reg)))
		return -EFAULT;
	if (v->info_mfn != INVALID_MFN || reg.offset > PAGE_SIZE - sizeof(*info) || reg.offset % 8)
		return -EINVAL;
	if (v != current_vcpu() && v->state != VCPU_DOWN)
		return -EINVAL;
	f = frame_of(reg.mfn);
	if (!f || frame_hold(f, d->id))
		return -EINVAL;
	info = (struct vcpu_info *)((char *)mfn_to_virt(reg.mfn) + reg.offset);
	memcpy(info, v->info, sizeof(*info));
	v->info_mfn = reg.mfn;
	v->info = info;
	__atomic_store_n(&info->evtchn_pending_sel, ~0ul, __ATOMIC_SEQ_CST);
	__atomic_store_n(&info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
	vcpu_time_publish(v);
	return 0;
}

static long set_singleshot(struct vcpu *v, guest_ptr_t p)
{
	struct vcpu_set_singleshot_timer t;

	if (copy_from_guest(&t, p, sizeof(t)))
		return -EFAULT;
	if ((t.flags & VCPU_SSHOTTMR_future) && t.timeout_abs_ns < time_now())
		return -62; /* ETIME */
	timer_set(&v->timer, t.timeout_abs_ns);
	return 0;
}

/* The address is one of the caller's, whosever area it is. */
static long register_area(struct vcpu *self, struct guest_area *a, guest_ptr_t p, uint32_t len)
{
	guest_ptr_t va;

	if (copy_from_guest(&va, p, sizeof(va)))
		return -EFAULT;
	if (!va) {
		guest_area_drop(a);
		return 0;
	}
	return guest_area_set(self, a, va, len);
}

static long vcpu_go_down(struct vcpu *v)
{
	bool last = true;

	for (uint32_t i = 0; i < v->domain->max_vcpus; i++) {
		struct vcpu *o = v->domain->vcpu[i];

		if (o && o != v && o->state != VCPU_DOWN)
			last = false;
	}
	if (last)
		domain_shutdown(v->domain, SHUTDOWN_poweroff);
	else
		vcpu_stop(v);
	return 0;
}

long hc_vcpu_op(struct vcpu *self, const uint64_t *arg)
{
	struct domain *d = self->domain;
	uint64_t cmd = arg[0], id = arg[1];
	struct vcpu *v;
	long rc;

	if (id >= d->max_vcpus)
		return -ENOENT;
	if (!d->vcpu[id] && !vcpu_create(d, (uint32_t)id))
		return -ENOMEM;
	v = d->vcpu[id];
	switch (cmd) {
	case VCPUOP_initialise:
		return vcpu_initialise(d, (uint32_t)id, arg[2]);
	case VCPUOP_up:
		if (!v->initialised)
			return -EINVAL;
		if (v->state == VCPU_DOWN)
			vcpu_up(v);
		return 0;
	case VCPUOP_down:
		return v->state == VCPU_DOWN ? 0 : vcpu_go_down(v);
	case VCPUOP_is_up:
		return v->state != VCPU_DOWN;
	case VCPUOP_get_runstate_info:
		return copy_to_guest(arg[2], &v->runstate, sizeof(v->runstate));
	case VCPUOP_register_runstate_memory_area:
		rc = register_area(self, &v->runstate_area, arg[2], sizeof(v->runstate));
		if (!rc)
			runstate_publish(v);
		return rc;
	case VCPUOP_register_vcpu_time_memory_area:
		rc = register_area(self, &v->time_area, arg[2], sizeof(struct vcpu_time_info));
		if (!rc)
			vcpu_time_publish(v);
		return rc;
	case VCPUOP_stop_periodic_timer:
		return 0; /* there is none */
	case VCPUOP_set_singleshot_timer:
		return v == self ? set_singleshot(v, arg[2]) : -EINVAL;
	case VCPUOP_stop_singleshot_timer:
		timer_cancel(&v->timer);
		return 0;
	case VCPUOP_register_vcpu_info:
		return register_info(v, arg[2]);
	}
	return -ENOSYS;
}
