/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * traps.c - what brought a guest into the kernel, and how it leaves again.
 *
 * Every way in ends in exit_to_guest(): timers, scheduling, pending events, then the return.  The
 * last look at pending events is made with interrupts off, so none is lost.
 */
#include <arch/arch.h>
#include <arch/paging.h>
#include <arch/percpu.h>
#include <core/event.h>
#include <core/hypercall.h>
#include <core/lib.h>
#include <core/vcpu.h>

struct vcpu *current_vcpu(void)
{
	return this_cpu()->current;
}

/* Are events pending and unmasked for v? */
static bool event_pending(const struct vcpu *v)
{
	return READ_ONCE(v->info->evtchn_upcall_pending) && !READ_ONCE(v->info->evtchn_upcall_mask);
}

/* Whatever keeps current from going on -- a wake-up, a block, a pause, a crash -- sets resched. */
void exit_to_guest(void)
{
	struct cpu *c = this_cpu();

	for (;;) {
		struct vcpu *v = c->current;

		if (c->resched) {
			if (v)
				crossing_end(v);
			v = schedule();
		}
		if (c->loaded != v) {
			crossing_begin(v);
			crossing_count(v, GUISE_CROSSING_SWITCH);
			context_switch(c, v);
		}
		if (event_pending(v) && v->arch.callback[CALLBACKTYPE_event].address) {
			v->crossing[GUISE_CROSSING_EVENT].count++;
			bounce(v, v->arch.callback[CALLBACKTYPE_event].address, true, false, 0);
			continue;
		}
		if (c->cr3 != v->arch.cr3[v->arch.kernel_mode] && !root_load(v, (unsigned)v->arch.kernel_mode)) {
			domain_crash(v->domain, "no page tables in %s mode", v->arch.kernel_mode ? "kernel" : "user");
			continue;
		}
		if (!c->resched) {
			crossing_end(v);
			return_to_guest(v);
		}
	}
}

/* A page fault of current: 0: resume it; else enter its kernel from user mode by the fast way, with this
 * hardware root: cr2 and error code are in place.  Does not return when there is more to do. */
uint64_t page_fault_from_guest(struct vcpu *v)
{
	const struct trap_entry *t = &v->arch.trap[TRAP_PF];
	uint64_t va = read_cr2(), *error = &v->arch.regs.error;
	struct cpu *c = this_cpu();
	uint64_t cr3;

	crossing_begin(v);
	if (tlb_fill(v, va, error)) {
		v->crossed = GUISE_CROSSING_FILL;
		if (c->resched || c->cr3 != v->arch.cr3[v->arch.kernel_mode])
			exit_to_guest();
		crossing_end(v);
		return 0;
	}
	crossing_count(v, GUISE_CROSSING_FAULT);
	v->info->arch.cr2 = va;
	if (!v->arch.kernel_mode) {
		*error |= PF_USER;
		if (v->domain->personality & GUISE_PERSONALITY_MM && va < VA_KERNEL)
			v->arch.faulted = va;
		if (v->arch.area)
			area_read(v);
	}
	if (v->arch.kernel_mode || !t->fast || !v->arch.bounce_sp || !v->arch.cr3[1] || v->info->evtchn_upcall_mask ||
	    c->resched) {
		bounce_trap(v, TRAP_PF, *error);
		exit_to_guest();
	}
	crossing_end(v);
	cr3 = READ_ONCE(v->arch.cr3[1]);
	if (!cr3)
		exit_to_guest(); /* dropped meanwhile: the fault comes again */
	return cr3;
}

/* Is there nothing left to do about an exception that the kernel can do itself? */
static bool emulate(struct vcpu *v, unsigned vector)
{
	struct regs *r = &v->arch.regs;

	switch (vector) {
	case TRAP_UD:
		return emulate_forced_cpuid(v);
	case TRAP_GP:
		return ((r->error & 2) && emulate_soft_interrupt(v)) || (v->arch.kernel_mode && emulate_privileged(v));
	case TRAP_NM:
		asm volatile("clts");
		if (!v->arch.fpu_ts)
			return true;
		v->arch.fpu_ts = false;
		break;
	case TRAP_DB:
		breakpoints_hit(v);
		break;
	}
	return false;
}

void trap_from_guest(struct regs *r)
{
	struct vcpu *v = this_cpu()->current;
	unsigned vector = (unsigned)r->vector;

	crossing_begin(v);
	if (vector == VECTOR_NO_STACK) {
		domain_crash(v->domain, "no stack for an upcall from user mode: rsp %lx", v->arch.bounce_sp);
	} else if (vector == VECTOR_BAD_RETURN) {
		/* The frame the guest asked for cannot be loaded: a #GP where it wanted to go. */
		if (!canonical(r->rip))
			r->rip = 0;
		bounce_trap(v, TRAP_GP, r->error);
	} else if (emulate(v, vector)) {
		crossing_count(v, GUISE_CROSSING_EMULATED);
	} else if (vector == 0x80 || vector < 0x30) {
		crossing_count(v, GUISE_CROSSING_EXCEPTION);
		bounce_trap(v, vector, r->error);
	} else {
		crossing_count(v, GUISE_CROSSING_INTERRUPT);
		apic_interrupt((uint8_t)vector);
	}
	exit_to_guest();
}

void trap_from_kernel(struct regs *r)
{
	uint64_t va = read_cr2(), rip = r->rip, error = r->error;
	struct vcpu *v = this_cpu()->current;

	if (r->vector >= 0x30) {
		apic_interrupt((uint8_t)r->vector);
		return;
	}
	if (!extable_fixup(r))
		panic("exception %lu in the kernel: rip %lx, error %lx, cr2 %lx, rsp %lx", r->vector, rip, error, va,
		      r->rsp);
	/* A miss on a guest's memory is filled, and the access made again. */
	if (r->vector == TRAP_PF && v && tlb_fill(v, va, &error))
		r->rip = rip;
}

void trap_paranoid(struct regs *r)
{
	if (r->vector == TRAP_DB)
		asm volatile("mov %0, %%db6" ::"r"((uint64_t)X86_DR6_FIXED));
	if (r->vector == TRAP_NMI || r->vector == TRAP_DB)
		return;
	panic("%s: rip %lx, cs %lx, rsp %lx, cr2 %lx", r->vector == TRAP_DF ? "double fault" : "machine check", r->rip,
	      r->cs, r->rsp, read_cr2());
}

static void user_syscall(struct vcpu *v, bool is32)
{
	struct regs *r = &v->arch.regs;
	const struct callback *c = &v->arch.callback[is32 ? CALLBACKTYPE_syscall32 : CALLBACKTYPE_syscall];

	if (!c->address) {
		r->rip -= 2;
		bounce_trap(v, TRAP_UD, 0);
		return;
	}
	bounce(v, c->address, c->masks, false, 0);
}

void syscall_from_guest(struct regs *r)
{
	struct vcpu *v = this_cpu()->current;
	uint64_t arg[5] = { r->rdi, r->rsi, r->rdx, r->r10, r->r8 };
	long rc;

	if (r->vector == VECTOR_NO_STACK)
		trap_from_guest(r);
	crossing_begin(v);
	if (!v->arch.kernel_mode) {
		crossing_count(v, GUISE_CROSSING_SYSCALL);
		if (v->arch.area && r->vector == VECTOR_SYSCALL)
			direct_enter(v);
		else
			user_syscall(v, r->vector == VECTOR_SYSCALL32);
		exit_to_guest();
	}
	if (r->rip == v->arch.direct_back && r->vector == VECTOR_SYSCALL) {
		crossing_count(v, __HYPERVISOR_iret);
		direct_back(v);
		exit_to_guest();
	}
	v->domain->hypercalls++;
	this_cpu()->irq_items = 0; /* until here nothing waited */
	if (v->entered)
		v->crossed = (uint32_t)MIN(r->rax, GUISE_CROSSINGS - 1ul);
	rc = hypercall(v, r->rax, arg);
	if (rc == HC_CONTINUE)
		r->rip -= 2;	 /* the length of SYSCALL: issue it again */
	else if (r->vector != 0) /* an iret made a new register set */
		r->rax = (uint64_t)rc;
	exit_to_guest();
}
