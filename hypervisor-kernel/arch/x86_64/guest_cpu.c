/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest_cpu.c - the hypercalls by which a guest sets up its virtual CPU: traps, descriptors,
 * stacks, callbacks, segment bases, debug registers, and iret.
 */
#include <arch/arch.h>
#include <arch/paging.h>
#include <arch/percpu.h>
#include <core/hypercall.h>
#include <core/lib.h>
#include <core/vcpu.h>
#include <xen/physdev.h>

long hc_set_trap_table(struct vcpu *v, const uint64_t *arg)
{
	guest_ptr_t p = arg[0];

	if (!p) {
		memset(v->arch.trap, 0, sizeof(v->arch.trap));
		return 0;
	}
	for (unsigned i = 0; i < 257; i++, p += sizeof(struct trap_info)) {
		struct trap_info t;

		if (copy_from_guest(&t, p, sizeof(t)))
			return -EFAULT;
		if (!t.address)
			return 0;
		trap_set(v, t.vector, &t);
	}
	return -EINVAL;
}

/* Take over the descriptors at the start of frame m; everything is checked before it counts. */
int gdt_load(struct vcpu *v, mfn_t m, uint32_t entries)
{
	uint64_t gdt[GUEST_GDT_ENTRIES] = { 0 };
	struct domain *d = v->domain;

	if (entries > GUEST_GDT_ENTRIES)
		return -EINVAL;
	if (entries && (!frame_of(m) || frame_hold(frame_of(m), d->id)))
		return -EPERM;
	for (uint32_t i = 0; i < entries; i++) {
		gdt[i] = READ_ONCE(((const uint64_t *)mfn_to_virt(m))[i]);
		if (!descriptor_check(&gdt[i]))
			gdt[i] = 0; /* system descriptors of the guest mean nothing to the CPU */
	}
	if (entries)
		frame_release(frame_of(m));
	memcpy(v->arch.gdt, gdt, sizeof(gdt));
	v->arch.gdt_mfn = entries ? m : INVALID_MFN;
	v->arch.gdt_entries = entries;
	if (this_cpu()->loaded == v)
		segment_load_gdt(this_cpu(), v);
	return 0;
}

long hc_set_gdt(struct vcpu *v, const uint64_t *arg)
{
	uint64_t frame = INVALID_MFN;

	if (arg[1] && copy_from_guest(&frame, arg[0], sizeof(frame)))
		return -EFAULT;
	return gdt_load(v, frame, (uint32_t)MIN(arg[1], GUEST_GDT_ENTRIES + 1ul));
}

long hc_update_descriptor(struct vcpu *v, const uint64_t *arg)
{
	mfn_t m = arg[0] >> PAGE_SHIFT;
	unsigned index = (unsigned)(arg[0] & (PAGE_SIZE - 1)) / 8;
	struct domain *d = v->domain;
	uint64_t desc = arg[1];

	if ((arg[0] & 7) || !descriptor_check(&desc))
		return -EINVAL;
	if (!frame_of(m) || frame_hold(frame_of(m), d->id))
		return -EPERM;
	__atomic_store_n((uint64_t *)mfn_to_virt(m) + index, desc, __ATOMIC_RELEASE);
	frame_release(frame_of(m));
	for_each_vcpu(o, d) {
		if (o->arch.gdt_mfn != m || index >= o->arch.gdt_entries)
			continue;
		WRITE_ONCE(o->arch.gdt[index], desc);
		__atomic_store_n(&o->arch.gdt_changed, true, __ATOMIC_SEQ_CST);
		if (this_cpu()->loaded == o)
			segment_load_gdt(this_cpu(), o);
		else if (sched_elsewhere(o)) /* or it finds the change when it is loaded */
			arch_resched_cpu(READ_ONCE(o->cpu));
	}
	return 0;
}

long hc_stack_switch(struct vcpu *v, const uint64_t *arg)
{
	kernel_stack_set(v, arg[1]);
	return 0;
}

long hc_fpu_taskswitch(struct vcpu *v, const uint64_t *arg)
{
	v->arch.fpu_ts = !!arg[0];
	if (v->arch.fpu_ts)
		write_cr0(read_cr0() | X86_CR0_TS);
	else
		asm volatile("clts");
	return 0;
}

/* Breakpoints lie where the guest may have memory, so none ends in the kernel's own; those on ports, and to be told
 * of accesses to these registers (GD), are refused. */
long hc_set_debugreg(struct vcpu *v, const uint64_t *arg)
{
	uint64_t value = arg[1];

	if (arg[0] < 4) {
		/* What would read back as an error, or as a call to be issued again, is none. */
		if (!guest_range_ok(value, 1) || value >= (uint64_t)HC_CONTINUE)
			return -EINVAL;
	} else if (arg[0] == 7) {
		if (value >> 32 || value & X86_DR7_GD || value >> 1 & ~value & X86_DR7_RW_LOW)
			return -EINVAL;
		value = (value & X86_DR7_GUEST) | X86_DR7_FIXED;
	} else if (arg[0] != 6 || value >> 32) {
		return -EINVAL;
	}
	v->arch.dr[arg[0]] = value;
	breakpoints_load(this_cpu(), v);
	return 0;
}

long hc_get_debugreg(struct vcpu *v, const uint64_t *arg)
{
	return arg[0] > 7 ? -EINVAL : (long)v->arch.dr[arg[0]];
}

/* Of Xen's types these are there; failsafe is never called: a frame that cannot be loaded is a #GP. */
#define CALLBACKS                                                                              \
	(1u << CALLBACKTYPE_event | 1u << CALLBACKTYPE_failsafe | 1u << CALLBACKTYPE_syscall | \
	 1u << CALLBACKTYPE_syscall32)

static int callback_set(struct vcpu *v, uint16_t type, bool masks, uint64_t address)
{
	if (!canonical(address))
		return -EINVAL;
	if (type >= ARRAY_SIZE(v->arch.callback) || !(CALLBACKS >> type & 1))
		return -ENOSYS;
	v->arch.callback[type] = (struct callback){ address, masks };
	syscall_fast_update(v);
	return 0;
}

long hc_callback_op(struct vcpu *v, const uint64_t *arg)
{
	switch (arg[0]) {
	case CALLBACKOP_register:
		HC_REQUEST(struct callback_register, arg[1],
			   callback_set(v, req.type, req.flags & CALLBACKF_mask_events, req.address), false);
	case CALLBACKOP_unregister:
		HC_REQUEST(struct callback_unregister, arg[1], callback_set(v, req.type, false, 0), false);
	}
	return -ENOSYS;
}

long hc_set_segment_base(struct vcpu *v, const uint64_t *arg)
{
	static const uint32_t msr[] = {
		[SEGBASE_FS] = MSR_FS_BASE, [SEGBASE_GS_USER] = MSR_KERNEL_GS_BASE, [SEGBASE_GS_KERNEL] = MSR_GS_BASE
	};

	if (arg[0] == SEGBASE_GS_USER_SEL) {
		v->arch.gs_base[0] = load_selector_gs((uint16_t)arg[1]);
		return 0;
	}
	return arg[0] < ARRAY_SIZE(msr) && guest_wrmsr(v, msr[arg[0]], arg[1]) ? 0 : -EINVAL;
}

/* The frame that HYPERVISOR_iret finds on the guest's stack (xen/arch-x86/xen-x86_64.h). */
long hc_iret(struct vcpu *v, const uint64_t *arg)
{
	struct regs *r = &v->arch.regs;
	struct iret_context f;

	if (copy_from_guest(&f, r->rsp, sizeof(f))) {
		domain_crash(v->domain, "iret with a bad stack: rsp %lx", r->rsp);
		return 0;
	}
	if ((f.cs & 3) == 3) {
		if (v->arch.root[0] == INVALID_MFN || !frame_owned_by(v->arch.root[0], v->domain->id)) {
			domain_crash(v->domain, "iret to user mode without user page tables");
			return 0;
		}
		if (v->arch.faulted)
			tlb_fill_answered(v);
		toggle_mode(v);
	}
	r->rax = f.rax;
	r->r11 = f.r11;
	r->rcx = f.rcx;
	r->rip = f.rip;
	r->rsp = f.rsp;
	r->cs = (f.cs & 0xffff) | 3;
	r->ss = (f.ss & 0xffff) | 3;
	r->rflags = (f.rflags & X86_RFLAGS_GUEST) | X86_RFLAGS_IF | 2;
	v->info->evtchn_upcall_mask = !(f.rflags & X86_RFLAGS_IF);
	r->vector = 0; /* rax is the guest's */
	return 0;
}

long hc_vm_assist(struct vcpu *v, const uint64_t *arg)
{
	/* 0 4gb_segments, 2 writable_pagetables, 3 pae_extended_cr3, 5 runstate_update_flag */
	if (arg[0] > 1 || arg[1] > 63)
		return -EINVAL;
	if (arg[1] == 5)
		v->domain->runstate_flag = arg[0] == 0;
	return 0x2dull >> arg[1] & 1 ? 0 : -EINVAL;
}

static int iopl_set(struct vcpu *v, uint32_t iopl)
{
	if (iopl > 3)
		return -EINVAL;
	v->arch.iopl = iopl > 0;
	return 0;
}

long hc_physdev_op(struct vcpu *v, const uint64_t *arg)
{
	switch (arg[0]) {
	case PHYSDEVOP_set_iopl:
		HC_REQUEST(struct physdev_set_iopl, arg[1], iopl_set(v, req.iopl), false);
	case PHYSDEVOP_set_iobitmap:
		return 0; /* a guest has no ports to give to its processes */
	}
	return -ENOSYS;
}
