/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vcpu.c - a vCPU's first state, as the ABI lays it down (docs/abi.md).
 */
#include <arch/arch.h>
#include <arch/paging.h>
#include <arch/percpu.h>
#include <arch/vtd.h>
#include <core/boot.h>
#include <core/lib.h>
#include <core/vcpu.h>
#include <xen/memory.h>

void arch_vcpu_init(struct vcpu *v)
{
	v->arch.root[0] = v->arch.root[1] = INVALID_MFN;
	v->arch.gdt_mfn = INVALID_MFN;
	v->arch.direct_back = DIRECT_NEVER;
	v->arch.kernel_mode = 1;
	v->arch.dr[6] = X86_DR6_FIXED;
	v->arch.dr[7] = X86_DR7_FIXED;
	/* XRSTOR makes initial what XSTATE_BV does not name, but takes MXCSR from memory (SDM 1 13.8.1). */
	*(uint32_t *)&v->arch.fpu[24] = 0x1f80;
}

int arch_vcpu_start(struct vcpu *v, uint64_t rip, uint64_t rsp, uint64_t rsi, mfn_t cr3)
{
	if (!frame_owned_by(cr3, v->domain->id))
		return -EPERM;
	if (!canonical(rip) || !canonical(rsp))
		return -EINVAL;
	v->arch.root[1] = cr3;
	frame_of(cr3)->flags |= FRAME_PINNED; /* the builder's table counts as pinned */
	kernel_stack_set(v, rsp);
	v->arch.regs = (struct regs){
		.rip = rip, .rsp = rsp, .rsi = rsi, .cs = SEL_GUEST_CS, .ss = SEL_GUEST_SS, .rflags = X86_RFLAGS_IF | 2
	};
	return 0;
}

int arch_vcpu_set_context(struct vcpu *v, const vcpu_guest_context_t *c)
{
	const struct cpu_user_regs *u = &c->user_regs;
	struct arch_vcpu *a = &v->arch;
	mfn_t root = c->ctrlreg[3] >> PAGE_SHIFT;
	uint32_t entries = (uint32_t)MIN(c->gdt_ents, GUEST_GDT_ENTRIES + 1ul);

	if (!(c->flags & VGCF_in_kernel) || c->ldt_ents || entries > GUEST_GDT_ENTRIES)
		return -EINVAL;
	if (!frame_owned_by(root, v->domain->id) || (entries && !frame_owned_by(c->gdt_frames[0], v->domain->id)))
		return -EPERM;
	if (!canonical(c->fs_base) || !canonical(c->gs_base_kernel) || !canonical(c->gs_base_user) ||
	    !canonical(u->rip) || !canonical(c->event_callback_eip) || !canonical(c->syscall_callback_eip))
		return -EINVAL;
	arch_vcpu_init(v);
	a->root[1] = root;
	_Static_assert(offsetof(struct regs, rdi) == offsetof(struct cpu_user_regs, rdi), "the same order");
	memcpy(&a->regs, u, offsetof(struct regs, vector));
	a->regs.rip = u->rip;
	a->regs.rsp = u->rsp;
	a->regs.cs = u->cs | 3u;
	a->regs.ss = u->ss | 3u;
	a->regs.rflags = (u->rflags & X86_RFLAGS_GUEST) | X86_RFLAGS_IF | 2;
	a->iopl = (u->rflags & X86_RFLAGS_IOPL) != 0;
	a->ds = u->ds;
	a->es = u->es;
	a->fs = u->fs;
	a->gs = u->gs;
	a->fs_base = c->fs_base;
	a->gs_base[1] = c->gs_base_kernel;
	a->gs_base[0] = c->gs_base_user;
	a->callback[CALLBACKTYPE_event].address = c->event_callback_eip;
	a->callback[CALLBACKTYPE_syscall] =
		(struct callback){ c->syscall_callback_eip, c->flags & VGCF_syscall_disables_events };
	kernel_stack_set(v, c->kernel_sp);
	for (unsigned i = 0; i < 256; i++)
		trap_set(v, i, &c->trap_ctxt[i]);
	return gdt_load(v, c->gdt_frames[0], entries);
}

void arch_vcpu_forget(struct vcpu *v)
{
	context_forget(v);
	ldt_free(v);
	area_drop(v);
}

int arch_translate(struct vcpu *v, guest_ptr_t va, mfn_t *m)
{
	enum walk_result result;
	struct walk w;

	if (!guest_range_ok(va, 1))
		return -EFAULT;
	spin_lock(&v->domain->tlb.lock);
	result = walk(v->domain, v->arch.root[1], va, PF_WRITE, &w);
	spin_unlock(&v->domain->tlb.lock);
	if (result != WALK_OK)
		return -EFAULT;
	*m = pte_mfn(w.entry[w.level]) + (w.level > 1 ? pt_index(va, 1) : 0);
	return 0;
}

void arch_resched(void)
{
	this_cpu()->resched = true;
}

void arch_resched_done(void)
{
	this_cpu()->resched = false;
}

void arch_time_info(struct vcpu_time_info *t)
{
	t->tsc_timestamp = tsc_base;
	t->system_time = 0;
	t->tsc_to_system_mul = pvclock_mul;
	t->tsc_shift = pvclock_shift;
	t->flags = XEN_PVCLOCK_TSC_STABLE_BIT;
}

mfn_t arch_frames(void)
{
	return 1ull << ((cpuid(0x80000008, 0).eax & 0xff) - PAGE_SHIFT);
}

int arch_machphys(struct xen_machphys_mapping *m)
{
	m->v_start = M2P_VIRT;
	m->v_end = M2P_VIRT + ALIGN_UP(frame_max * 8, 2ull << 20);
	m->max_mfn = frame_max - 1;
	return 0;
}

void arch_system_info(struct guise_system_info *info)
{
	*info = (struct guise_system_info){ .acpi_root = boot_info.acpi_root,
					    .tsc_khz = tsc_khz,
					    .nr_cpus = arch_cpu_count() };
	info->max_mfn = frame_max - 1;
	info->features = (vtd.on ? GUISE_FEATURE_IOMMU : 0) | (vtd.remaps ? GUISE_FEATURE_IRQ_REMAP : 0);
	for (unsigned i = 0; i < boot_info.nr_ram; i++)
		info->total_frames += (boot_info.ram[i].end - boot_info.ram[i].start) >> PAGE_SHIFT;
}

void arch_set_arg(struct vcpu *v, unsigned n, uint64_t value)
{
	struct regs *r = &v->arch.regs;
	uint64_t *arg[] = { &r->rdi, &r->rsi, &r->rdx, &r->r10, &r->r8 };

	*arg[n] = value;
}
