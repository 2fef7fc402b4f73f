/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * upcall.c - entering the guest kernel on the kernel's own initiative: exceptions, system calls
 * and events, each with a bounce frame on the guest's stack (docs/abi.md).  System calls and page
 * faults of user mode have faster ways in entry.S; the frames are the same.
 */
#include <arch/arch.h>
#include <arch/paging.h>
#include <core/hypercall.h>
#include <core/vcpu.h>

#define BOUNCE_MAX 64 /* bytes of a frame: rcx, r11, an error code, and what IRET takes */

bool handler_ok(uint64_t handler)
{
	return handler && canonical(handler) && !slot_is_hypervisor(pt_index(handler, 4));
}

void trap_set(struct vcpu *v, unsigned vector, const struct trap_info *t)
{
	bool masks = t->flags & 4, fast = masks && handler_ok(t->address) && !(speculation & SPECULATION_HIDDEN);

	v->arch.trap[vector] = (struct trap_entry){ t->address, t->flags & 3, masks, fast };
}

void syscall_fast_update(struct vcpu *v)
{
	const struct callback *c = &v->arch.callback[CALLBACKTYPE_syscall];

	v->arch.syscall_fast = v->arch.area ? 2 : c->masks && v->arch.bounce_sp && handler_ok(c->address);
}

void kernel_stack_set(struct vcpu *v, uint64_t sp)
{
	v->arch.kernel_sp = sp;
	sp &= ~15ull;
	v->arch.bounce_sp = sp >= BOUNCE_MAX && guest_range_ok(sp - BOUNCE_MAX, BOUNCE_MAX) ? sp : 0;
	syscall_fast_update(v);
}

/* Between guest user and guest kernel: the GS base and the root change hands. */
void toggle_mode(struct vcpu *v)
{
	unsigned old = (unsigned)v->arch.kernel_mode;

	v->arch.gs_base[old] = guest_gs_base_get();
	guest_gs_base_set(v->arch.gs_base[!old]);
	v->arch.kernel_mode = !old;
	root_load(v, !old);
}

void bounce(struct vcpu *v, uint64_t handler, bool masks, bool has_error, uint64_t error)
{
	struct regs *r = &v->arch.regs;
	uint8_t mask = v->info->evtchn_upcall_mask;
	uint64_t frame[8], *f = frame, sp = r->rsp, cs = r->cs & 0xfffc;

	if (!handler_ok(handler)) {
		domain_crash(v->domain, "no handler for an upcall, rip %lx, vector %lx", r->rip, r->vector);
		return;
	}
	if (!v->arch.kernel_mode) {
		if (v->arch.area)
			area_read(v);
		cs = r->cs & 0xffff;
		sp = v->arch.kernel_sp;
		toggle_mode(v);
	}
	*f++ = r->rcx;
	*f++ = r->r11;
	if (has_error)
		*f++ = error;
	*f++ = r->rip;
	*f++ = cs | (uint64_t)mask << 32;
	*f++ = (r->rflags & ~(uint64_t)(X86_RFLAGS_IF | X86_RFLAGS_IOPL)) | (mask ? 0 : X86_RFLAGS_IF);
	*f++ = r->rsp;
	*f++ = r->ss;
	sp = (sp & ~15ull) - (uint64_t)(f - frame) * 8;
	if (copy_to_guest(sp, frame, (size_t)(f - frame) * 8)) {
		domain_crash(v->domain, "no stack for an upcall: rsp %lx, rip %lx, vector %lx, error %lx", sp, r->rip,
			     r->vector, r->error);
		return;
	}
	if (masks)
		v->info->evtchn_upcall_mask = 1;
	r->rip = handler;
	r->cs = SEL_GUEST_CS;
	r->ss = SEL_GUEST_SS;
	r->rsp = sp;
	r->rflags &= ~(uint64_t)X86_RFLAGS_CLEARED;
}

#define ERROR_CODES 0x60227d00ull /* bitmap of the vectors that have one */

void bounce_trap(struct vcpu *v, unsigned vector, uint64_t error)
{
	const struct trap_entry *t = &v->arch.trap[vector];

	v->arch.regs.vector = vector;
	if (!t->address) {
		domain_crash(v->domain, "exception %u at rip %lx (error %lx, address %lx) and no handler", vector,
			     v->arch.regs.rip, error, (unsigned long)v->info->arch.cr2);
		return;
	}
	bounce(v, t->address, t->masks, vector < 32 && ERROR_CODES >> vector & 1, error);
}
