/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * personality.c - what a guest's kernel that was made for Guise may have beyond the Xen PV ABI.
 *
 * An area (guise.h, struct guise_vcpu_entry) is memory of the guest, which any of its vCPUs may write to at any time.
 * So a field is read once and made harmless before it is used; which mode runs, and where the guest's kernel is
 * entered, stand in the vCPU.  The fast ways are syscall_direct and syscall_direct_back in entry.S; here are
 * the same for when there is more to do.
 */
#include <arch/arch.h>
#include <arch/paging.h>
#include <arch/percpu.h>
#include <core/hypercall.h>
#include <core/vcpu.h>
#include <xen/sched.h>

/* Before a second vCPU exists: what is switched on here holds for all of them. */
static long enable(struct vcpu *v, uint64_t features)
{
	struct domain *d = v->domain;

	if (features & ~(uint64_t)PERSONALITY_OFFERED ||
	    (features & GUISE_PERSONALITY_LARGE && !((features | d->personality) & GUISE_PERSONALITY_MM)))
		return -EINVAL;
	for (unsigned i = 1; i < d->max_vcpus; i++)
		if (d->vcpu[i])
			return -EBUSY;
	if (features & ~d->personality & GUISE_PERSONALITY_MM) {
		spin_lock(&d->tlb.lock);
		d->paging = GUISE_DOMAIN_NATIVE;
		tlb_reset(d);
		spin_unlock(&d->tlb.lock);
	}
	d->personality |= features;
	return d->personality;
}

void direct_enter(struct vcpu *v)
{
	struct regs *r = &v->arch.regs;

	WRITE_ONCE(v->arch.area->rip, r->rip);
	WRITE_ONCE(v->arch.area->rflags, r->rflags);
	toggle_mode(v);
	v->info->evtchn_upcall_mask = 1;
	r->rip = v->arch.direct_entry;
	r->cs = SEL_GUEST_CS;
	r->ss = SEL_GUEST_SS;
	r->rflags = X86_RFLAGS_IF | 2;
}

void direct_back(struct vcpu *v)
{
	struct regs *r = &v->arch.regs;

	r->rip = r->rcx = (uint64_t)((int64_t)(READ_ONCE(v->arch.area->rip) << 16) >> 16);
	r->rflags = r->r11 = (READ_ONCE(v->arch.area->rflags) & X86_RFLAGS_GUEST) | X86_RFLAGS_IF | 2;
	r->vector = 0; /* rax is the user's */
	v->info->evtchn_upcall_mask = 0;
	toggle_mode(v);
}

void area_read(struct vcpu *v)
{
	uint64_t sp = READ_ONCE(v->arch.area->kernel_sp);
	struct regs *r = &v->arch.regs;

	if (sp != v->arch.kernel_sp)
		kernel_stack_set(v, sp);
	if (r->cs == SEL_GUEST_CS)
		r->cs = v->arch.user_cs;
	if (r->ss == SEL_GUEST_SS)
		r->ss = v->arch.user_ss;
}

void area_drop(struct vcpu *v)
{
	if (v->arch.area)
		frame_release(frame_of(virt_to_mfn(v->arch.area)));
	v->arch.area = NULL;
	v->arch.direct_back = DIRECT_NEVER;
	syscall_fast_update(v);
}

static long area_register(struct vcpu *v, guest_ptr_t at)
{
	struct arch_vcpu *a = &v->arch;
	struct guise_vcpu_entry e;
	struct frame *f;

	if (!at) {
		area_drop(v);
		return 0;
	}
	if (copy_from_guest(&e, at, sizeof(e)))
		return -EFAULT;
	if (e.area % sizeof(*a->area) || e.zero || !handler_ok(e.entry) || !canonical(e.back))
		return -EINVAL;
	f = frame_of(e.area >> PAGE_SHIFT);
	if (!f || frame_hold(f, v->domain->id))
		return -EPERM;
	area_drop(v);
	a->area = (void *)((char *)mfn_to_virt(e.area >> PAGE_SHIFT) + e.area % PAGE_SIZE);
	a->direct_entry = e.entry;
	a->direct_back = e.back;
	a->user_cs = e.user_cs | 3;
	a->user_ss = e.user_ss | 3;
	a->gs_base[1] = guest_gs_base_get();
	syscall_fast_update(v);
	return 0;
}

/* The deadlines are the guest's: a past one fires before it goes on. */
static long block(struct vcpu *v, uint64_t timer, uint64_t second)
{
	static const uint64_t op[] = { SCHEDOP_block };

	if (timer)
		timer_set(&v->timer, timer);
	if (second)
		timer_set(&v->second, second);
	return hc_sched_op(v, op);
}

long personality_quick(uint64_t op, uint64_t root, uint64_t user, uint64_t first, uint64_t last)
{
	struct cpu *c = this_cpu();
	struct vcpu *v = c->current;
	struct domain *d = v->domain;
	long rc = 1;

	if (d->timed || !(d->personality & GUISE_PERSONALITY_MM))
		return 1;
	if (op == GUISE_PERSONALITY_ROOTS)
		rc = roots_load(v, ROOT_USER | ROOT_KERNEL, root, user);
	else if (op == GUISE_PERSONALITY_FLUSH)
		rc = tlb_refresh(d, root, user, first, last);
	if (rc || c->resched || c->cr3 != READ_ONCE(v->arch.cr3[1]))
		return 1;
	d->hypercalls++;
	v->crossing[GUISE_HC_PERSONALITY].count++;
	return 0;
}

long hc_personality(struct vcpu *v, const uint64_t *arg)
{
	static const uint32_t needs[] = {
		[GUISE_PERSONALITY_FLUSH] = GUISE_PERSONALITY_MM,
		[GUISE_PERSONALITY_AREA] = GUISE_PERSONALITY_ENTRY,
		[GUISE_PERSONALITY_ROOTS] = GUISE_PERSONALITY_SWITCH | GUISE_PERSONALITY_MM,
		[GUISE_PERSONALITY_BLOCK] = GUISE_PERSONALITY_TIME,
	};

	if (arg[0] == GUISE_PERSONALITY_ENABLE)
		return enable(v, arg[1]);
	if (arg[0] >= ARRAY_SIZE(needs) || !needs[arg[0]])
		return -ENOSYS;
	if (!(v->domain->personality & needs[arg[0]]))
		return -EPERM;
	if (arg[0] == GUISE_PERSONALITY_AREA)
		return area_register(v, arg[1]);
	if (arg[0] == GUISE_PERSONALITY_ROOTS)
		return roots_load(v, ROOT_USER | ROOT_KERNEL, arg[1], arg[2]);
	if (arg[0] == GUISE_PERSONALITY_BLOCK)
		return block(v, arg[1], arg[2]);
	return tlb_refresh(v->domain, arg[1], arg[2], arg[3], arg[4]);
}
