/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vcpu.c - the life of a vCPU: born with its domain or by VCPUOP_initialise, up, down, blocked and
 * woken, its run states told to the guest (xen/vcpu.h), and the calls a vCPU makes on itself.
 */
#include <core/event.h>
#include <core/hypercall.h>
#include <core/lib.h>
#include <core/vcpu.h>
#include <xen/sched.h>

static const struct guest_area no_area = { { INVALID_MFN, INVALID_MFN }, 0, 0 };

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
	struct vcpu *v, *other = NULL;

	_Static_assert(sizeof(struct vcpu) <= PAGE_SIZE << VCPU_ORDER, "a vCPU fits its pages");
	v = kpages_alloc(VCPU_ORDER, d);
	if (!v)
		return NULL;
	v->domain = d;
	v->id = id;
	v->area_lock.rank = LOCK_AREA;
	v->state = VCPU_DOWN;
	v->info = &d->shared->vcpu_info[id];
	v->info->evtchn_upcall_mask = 1;
	v->info_mfn = INVALID_MFN;
	v->runstate_area = v->time_area = no_area;
	v->runstate.state = RUNSTATE_offline;
	v->runstate.state_entry_time = time_now();
	list_init(&v->run);
	timer_init(&v->timer, timer_fired, v);
	timer_init(&v->second, timer_fired, v);
	timer_init(&v->poll_timer, poll_timed_out, v);
	arch_vcpu_init(v);
	vcpu_time_publish(v);
	if (__atomic_compare_exchange_n(&d->vcpu[id], &other, v, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return v;
	kpages_free(v, VCPU_ORDER, d); /* another vCPU was faster */
	return other;
}

void vcpu_start_first(struct vcpu *v)
{
	v->claimed = v->initialised = true;
	vcpu_up(v);
}

/* Bit 63 of state_entry_time says "being written" to guests that asked for it (VM_ASST 5). */
static void runstate_publish(struct vcpu *v) MUST_HOLD(v->area_lock)
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

/* What stands in an area is right from the beginning.  The old one's frames are let go when nobody can write to it any
 * more. */
static void area_swap(struct vcpu *v, struct guest_area *a, const struct guest_area *with)
{
	struct guest_area old;

	spin_lock(&v->area_lock);
	old = *a;
	*a = *with;
	runstate_publish(v);
	spin_unlock(&v->area_lock);
	guest_area_drop(&old);
	vcpu_time_publish(v);
}

void vcpu_runstate_set(struct vcpu *v, int state)
{
	uint64_t now = time_now();

	spin_lock(&v->area_lock);
	if (v->runstate.state != state) {
		v->runstate.time[v->runstate.state] += now - v->runstate.state_entry_time;
		v->runstate.state = state;
		v->runstate.state_entry_time = now;
		runstate_publish(v);
	}
	spin_unlock(&v->area_lock);
}

/* The version is odd while the rest is not to be trusted (xen/xen.h, struct vcpu_time_info). */
void vcpu_time_publish(struct vcpu *v)
{
	struct vcpu_time_info *t = &v->info->time;
	struct vcpu_time_info copy = { 0 };

	spin_lock(&v->area_lock);
	WRITE_ONCE(t->version, (t->version | 1) + 2);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	arch_time_info(t);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	WRITE_ONCE(t->version, t->version + 1);
	arch_time_info(&copy);
	copy.version = 2;
	guest_area_write(&v->time_area, &copy);
	spin_unlock(&v->area_lock);
}

void vcpu_end(struct vcpu *v)
{
	timer_cancel_wait(&v->timer);
	timer_cancel_wait(&v->second);
	timer_cancel_wait(&v->poll_timer);
	sched_forget(v);
	arch_vcpu_forget(v);
	area_swap(v, &v->runstate_area, &no_area);
	area_swap(v, &v->time_area, &no_area);
	if (v->info_mfn != INVALID_MFN)
		frame_release(frame_of(v->info_mfn));
	v->info_mfn = INVALID_MFN;
}

/* ---- sched_op ---- */

static long sched_poll(struct vcpu *v, const struct sched_poll *poll)
{
	const uint32_t *ports = v->poll_ports;

	if (poll->nr_ports > ARRAY_SIZE(v->poll_ports))
		return -EINVAL;
	if (copy_from_guest(v->poll_ports, (guest_ptr_t)poll->ports.p, poll->nr_ports * sizeof(ports[0])))
		return -EFAULT;
	for (uint32_t i = 0; i < poll->nr_ports; i++)
		if (ports[i] >= NR_PORTS)
			return -EINVAL;
	v->nr_poll = poll->nr_ports;
	timer_cancel(&v->poll_timer);
	v->event_masked_poll = true;
	/* First block, then look: an event in between wakes it. */
	vcpu_block(v);
	for (uint32_t i = 0; i < poll->nr_ports; i++) {
		if (READ_ONCE(v->domain->shared->evtchn_pending[ports[i] / 64]) >> ports[i] % 64 & 1) {
			vcpu_wake(v);
			return 0;
		}
	}
	if (poll->timeout)
		timer_set(&v->poll_timer, poll->timeout);
	return 0;
}

static long shutdown(struct domain *d, unsigned reason)
{
	if (reason == SHUTDOWN_suspend)
		return -ENOSYS;
	if (reason > SHUTDOWN_MAX)
		return -EINVAL;
	domain_shutdown(d, (uint8_t)reason);
	return 0;
}

long hc_sched_op(struct vcpu *v, const uint64_t *arg)
{
	switch (arg[0]) {
	case SCHEDOP_yield:
		sched_yield_current(v);
		return 0;
	case SCHEDOP_block:
		/* Unmask, block, then look: an event in between is not lost. */
		v->info->evtchn_upcall_mask = 0;
		if (READ_ONCE(v->info->evtchn_upcall_pending))
			return 0;
		vcpu_block(v);
		if (READ_ONCE(v->info->evtchn_upcall_pending))
			vcpu_wake(v);
		return 0;
	case SCHEDOP_shutdown:
		HC_REQUEST(struct sched_shutdown, arg[1], shutdown(v->domain, req.reason), false);
	case SCHEDOP_poll:
		HC_REQUEST(struct sched_poll, arg[1], sched_poll(v, &req), false);
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

static long vcpu_initialise(struct vcpu *v, guest_ptr_t p)
{
	vcpu_guest_context_t *c;
	long rc = -EFAULT;

	if (__atomic_exchange_n(&v->claimed, true, __ATOMIC_ACQUIRE))
		return -EEXIST;
	c = kpages_alloc(1, NULL);
	if (!c)
		rc = -ENOMEM;
	else if (!copy_from_guest(c, p, sizeof(*c)))
		rc = arch_vcpu_set_context(v, c);
	kpages_free(c, 1, NULL);
	if (rc)
		__atomic_store_n(&v->claimed, false, __ATOMIC_RELEASE);
	else
		__atomic_store_n(&v->initialised, true, __ATOMIC_RELEASE);
	return rc;
}

/* The guest chooses where vcpu_info lives, once: the old contents move there and everything is
 * marked pending, so that nothing is lost on the way. */
static long register_info(struct vcpu *v, const struct vcpu_register_vcpu_info *reg)
{
	struct domain *d = v->domain;
	struct vcpu_info *info;
	struct frame *f;
	bool ok;

	if (reg->offset > PAGE_SIZE - sizeof(*info) || reg->offset % 8)
		return -EINVAL;
	f = frame_of(reg->mfn);
	if (!f || frame_hold(f, d->id))
		return -EINVAL;
	info = (struct vcpu_info *)((char *)mfn_to_virt(reg->mfn) + reg->offset);
	spin_lock(&d->event_lock);
	ok = v->info_mfn == INVALID_MFN && (v == current_vcpu() || (v->state == VCPU_DOWN && !v->on_cpu));
	if (ok) {
		memcpy(info, v->info, sizeof(*info));
		v->info_mfn = reg->mfn;
		v->info = info;
		__atomic_store_n(&info->evtchn_pending_sel, ~0ul, __ATOMIC_SEQ_CST);
		__atomic_store_n(&info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
	}
	spin_unlock(&d->event_lock);
	if (ok)
		vcpu_time_publish(v);
	else
		frame_release(f);
	return ok ? 0 : -EINVAL;
}

static long set_singleshot(struct vcpu *v, const struct vcpu_set_singleshot_timer *t)
{
	if ((t->flags & VCPU_SSHOTTMR_future) && t->timeout_abs_ns < time_now())
		return -ETIME;
	timer_set(&v->timer, t->timeout_abs_ns);
	return 0;
}

/* The address is one of the caller's, whosever area it is. */
static long register_area(struct vcpu *self, struct vcpu *v, struct guest_area *a, guest_ptr_t p, uint32_t len)
{
	struct guest_area new = no_area;
	guest_ptr_t va;

	if (copy_from_guest(&va, p, sizeof(va)) || (va && guest_area_find(self, &new, va, len)))
		return -EFAULT;
	area_swap(v, a, &new);
	return 0;
}

static bool is_last(const struct vcpu *v)
{
	for_each_vcpu(other, v->domain)
		if (other != v && other->state != VCPU_DOWN)
			return false;
	return true;
}

/* On return it runs nowhere.  Its CPU may wait for this one to stop another, so this does not wait for
 * it in the kernel: the call is issued again. */
static long vcpu_down(struct vcpu *v)
{
	struct domain *d = v->domain;
	bool last;

	spin_lock(&d->lock);
	last = v->state != VCPU_DOWN && is_last(v);
	if (!last)
		vcpu_stop(v);
	spin_unlock(&d->lock);
	if (last) {
		domain_shutdown(d, SHUTDOWN_poweroff);
		return 0;
	}
	return sched_elsewhere(v) ? HC_CONTINUE : 0;
}

static long runstate_get(struct vcpu *v, guest_ptr_t p)
{
	vcpu_runstate_info_t r;

	spin_lock(&v->area_lock);
	r = v->runstate;
	spin_unlock(&v->area_lock);
	return copy_to_guest(p, &r, sizeof(r));
}

long hc_vcpu_op(struct vcpu *self, const uint64_t *arg)
{
	struct domain *d = self->domain;
	uint64_t cmd = arg[0], id = arg[1];
	struct vcpu *v;

	if (id >= d->max_vcpus)
		return -ENOENT;
	if (!domain_vcpu(d, id) && !vcpu_create(d, (uint32_t)id))
		return -ENOMEM;
	v = domain_vcpu(d, id);
	switch (cmd) {
	case VCPUOP_initialise:
		return vcpu_initialise(v, arg[2]);
	case VCPUOP_up:
		if (!__atomic_load_n(&v->initialised, __ATOMIC_ACQUIRE))
			return -EINVAL;
		vcpu_up(v);
		return 0;
	case VCPUOP_down:
		return vcpu_down(v);
	case VCPUOP_is_up:
		return v->state != VCPU_DOWN;
	case VCPUOP_get_runstate_info:
		return runstate_get(v, arg[2]);
	case VCPUOP_register_runstate_memory_area:
		return register_area(self, v, &v->runstate_area, arg[2], sizeof(v->runstate));
	case VCPUOP_register_vcpu_time_memory_area:
		return register_area(self, v, &v->time_area, arg[2], sizeof(struct vcpu_time_info));
	case VCPUOP_stop_periodic_timer:
		return 0; /* there is none */
	case VCPUOP_set_singleshot_timer:
		if (v != self)
			return -EINVAL;
		HC_REQUEST(struct vcpu_set_singleshot_timer, arg[2], set_singleshot(v, &req), false);
	case VCPUOP_stop_singleshot_timer:
		timer_cancel(&v->timer);
		return 0;
	case VCPUOP_register_vcpu_info:
		HC_REQUEST(struct vcpu_register_vcpu_info, arg[2], register_info(v, &req), false);
	}
	return -ENOSYS;
}
