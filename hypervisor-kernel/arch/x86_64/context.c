/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * context.c - which vCPU's context is in the CPU.
 *
 * General registers live in the vCPU already.  Here: FPU, selectors, bases, descriptors, open I/O
 * ports, breakpoints and the page-table root.  Everything is switched eagerly: no state of one domain is in the
 * CPU while another runs.
 */
#include <arch/arch.h>
#include <arch/paging.h>
#include <arch/percpu.h>
#include <core/lib.h>
#include <core/vcpu.h>

static void context_save(struct cpu *c)
{
	struct arch_vcpu *a;

	if (!c->loaded)
		return;
	a = &c->loaded->arch;
	a->fs_base = rdfsbase();
	a->gs_base[a->kernel_mode] = guest_gs_base_get();
	asm volatile("mov %%ds, %0; mov %%es, %1; mov %%fs, %2; mov %%gs, %3"
		     : "=m"(a->ds), "=m"(a->es), "=m"(a->fs), "=m"(a->gs));
	asm volatile("clts; xsave64 %0" : "+m"(a->fpu) : "a"(~0u), "d"(~0u) : "memory");
	c->loaded = NULL;
}

void breakpoints_load(struct cpu *c, const struct vcpu *v)
{
	const uint64_t *dr = v->arch.dr;
	bool on = dr[7] & X86_DR7_ON;

	if (!on && !c->breakpoints)
		return;
	asm volatile("mov %0, %%db7; mov %1, %%db0; mov %2, %%db1; mov %3, %%db2; mov %4, %%db3; mov %5, %%db7" ::"r"(
			     (uint64_t)X86_DR7_FIXED),
		     "r"(dr[0]), "r"(dr[1]), "r"(dr[2]), "r"(dr[3]), "r"(dr[7]));
	c->breakpoints = on;
}

void breakpoints_hit(struct vcpu *v)
{
	uint64_t hit, told = X86_DR6_BS;

	asm volatile("mov %%db6, %0; mov %1, %%db6" : "=&r"(hit) : "r"((uint64_t)X86_DR6_FIXED));
	/* Of one that is off it says nothing: the address is perhaps another vCPU's. */
	for (unsigned i = 0; i < 4; i++)
		if (v->arch.dr[7] >> 2 * i & 3)
			told |= 1u << i;
	v->arch.dr[6] = X86_DR6_FIXED | (hit & told);
}

static void iomap_open(uint8_t *map, uint64_t first, uint64_t end)
{
	for (; first < end && first % 8; first++)
		map[first / 8] &= (uint8_t) ~(1u << first % 8);
	for (; first < end && end % 8; end--)
		map[(end - 1) / 8] &= (uint8_t) ~(1u << (end - 1) % 8);
	if (first < end)
		memset(map + first / 8, 0, (end - first) / 8);
}

/* Built anew only when it last showed another state of ports than this one. */
static void iomap_load(struct cpu *c, struct domain *d)
{
	uint8_t *map = c->tss.iomap;

	c->tss.iomap_base = d->ports_change ? offsetof(struct tss, iomap) : sizeof(struct tss);
	if (!d->ports_change || c->iomap_change == d->ports_change)
		return;
	spin_lock(&d->handle_lock);
	memset(map + c->iomap_low, 0xff, c->iomap_high - c->iomap_low);
	c->iomap_low = sizeof(c->tss.iomap);
	c->iomap_high = 0;
	for (unsigned i = 0; i < NR_HANDLES; i++) {
		const struct handle *h = &d->handles[i];
		uint64_t end = MIN(h->first + h->nr, 65536);

		if (h->kind != GUISE_HANDLE_PORT || h->first >= end)
			continue;
		iomap_open(map, h->first, end);
		c->iomap_low = MIN(c->iomap_low, (uint32_t)h->first / 8);
		c->iomap_high = MAX(c->iomap_high, (uint32_t)(end + 7) / 8);
	}
	c->iomap_low = MIN(c->iomap_low, c->iomap_high);
	c->iomap_change = d->ports_change;
	spin_unlock(&d->handle_lock);
}

void arch_ports_changed(struct domain *d)
{
	struct cpu *c = this_cpu();

	if (c->loaded && c->loaded->domain == d)
		iomap_load(c, d);
	arch_tlb_flush(d); /* other CPUs look at their ports, too */
}

/* With one CPU the context stays where it is until another vCPU needs the place. */
void arch_vcpu_leave(void)
{
	struct cpu *c = this_cpu();
	struct vcpu *v = c->loaded;

	if (arch_cpu_count() == 1 || !v)
		return;
	context_save(c);
	c->kept = v;
	c->current = NULL;
}

/* Answer what other CPUs want of this one, with no lock assumed. */
void cpu_serve(struct cpu *c)
{
	if (c->loaded && c->loaded->domain->ports_change != c->iomap_change && c->loaded->domain->ports_change) {
		c->tss.iomap_base = sizeof(struct tss); /* closed until it is built anew on the way out */
		c->resched = true;
	}
	flush_serve(c);
}

void context_switch(struct cpu *c, struct vcpu *next)
{
	static const int32_t nothing;
	struct arch_vcpu *a = &next->arch;

	context_save(c);
	if (c->last_domain != next->domain->id)
		speculation_switch();
	c->last_domain = next->domain->id;
	c->current = next;
	c->loaded = next;
	if (c->kept != next || a->home != c) {
		a->home = c;
		c->regs_end = (uint64_t)(&a->regs + 1);
		c->tss.rsp[0] = c->regs_end;
		__atomic_store_n(&a->gdt_changed, false, __ATOMIC_SEQ_CST);
		segment_load_gdt(c, next);
		segment_load_ldt(c, next);
		load_selector_ds(a->ds);
		load_selector_es(a->es);
		load_selector_fs(a->fs);
		load_selector_gs(a->gs);
		wrfsbase(a->fs_base);
		guest_gs_base_set(a->gs_base[a->kernel_mode]);
		/* XRSTOR of an AMD CPU before Zen leaves where the last x87 instruction and its operand were, if none is in
		 * error (CPUID 80000008 EBX, RstrFpErrPtrs): these become the kernel's. */
		asm volatile("fnclex; emms; fildl %1; xrstor64 %0" ::"m"(a->fpu), "m"(nothing), "a"(~0u), "d"(~0u)
			     : "memory");
		breakpoints_load(c, next);
		root_load(next, (unsigned)a->kernel_mode);
	} else if (__atomic_exchange_n(&a->gdt_changed, false, __ATOMIC_SEQ_CST)) {
		segment_load_gdt(c, next);
	}
	c->kept = NULL;
	if (a->fpu_ts)
		write_cr0(read_cr0() | X86_CR0_TS);
	iomap_load(c, next->domain);
}

/* The vCPU goes away: nothing of it may stay in a CPU.  Others that had it have saved it. */
void context_forget(struct vcpu *v)
{
	struct cpu *c = this_cpu();

	if (c->loaded == v) {
		context_save(c);
		load_cr3(0);
	}
	if (c->current == v)
		c->current = NULL;
}
