/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * segment.c - the descriptor tables of a CPU, and the guest's descriptors in them.
 *
 * The first entries of a CPU's GDT are a checked copy of the running vCPU's descriptors; the
 * kernel's own stand from SEL_BASE on.  A guest never gets a table the CPU reads mapped.
 */
#include <arch/arch.h>
#include <arch/percpu.h>
#include <core/hypercall.h>
#include <core/lib.h>
#include <core/vcpu.h>

static uint64_t idt[256][2] IN_GATE; /* SDM 3A, figure 6-8 */
extern const uint8_t trap_stubs[256][16];

/* One table for all CPUs. */
static void gates_set(void)
{
	static const uint8_t ist[256] = { [TRAP_NMI] = 1, [TRAP_DF] = 2, [TRAP_MC] = 3, [TRAP_DB] = 4 };

	for (unsigned i = 0; i < 256; i++) {
		uint64_t a = (uint64_t)trap_stubs[i], dpl = i == TRAP_BP || i == TRAP_OF ? 3 : 0;

		idt[i][0] = (a & 0xffff) | (uint64_t)SEL_KERNEL_CS << 16 | (uint64_t)ist[i] << 32 |
			    (0x8e | dpl << 5) << 40 | (a >> 16 & 0xffff) << 48;
		idt[i][1] = a >> 32;
	}
}

struct table_pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

void segment_init_cpu(struct cpu *c)
{
	uint64_t tss = (uint64_t)&c->tss;
	struct table_pointer gdtr = { GDT_BYTES - 1, (uint64_t)c->gdt };
	struct table_pointer idtr = { sizeof(idt) - 1, (uint64_t)idt };
	uint64_t *g = &c->gdt[SEL_BASE / 8];

	g[1] = 0x00af9b000000ffff; /* kernel code	*/
	g[2] = 0x00cf93000000ffff; /* kernel data	*/
	g[4] = 0x00cffb000000ffff; /* guest code, 32 bit */
	g[5] = 0x00cff3000000ffff; /* guest data	*/
	g[6] = 0x00affb000000ffff; /* guest code	*/
	g[8] = (sizeof(struct tss) - 1) | (tss & 0xffffff) << 16 | 0x89ull << 40 | (tss >> 24 & 0xff) << 56;
	g[9] = tss >> 32;

	for (unsigned i = 0; i < ARRAY_SIZE(c->stacks->ist); i++) {
		uint64_t *top = (uint64_t *)(&c->stacks->ist[i] + 1) - 2;

		*top = (uint64_t)c;
		c->tss.ist[i] = (uint64_t)top;
	}
	c->tss.iomap_base = sizeof(struct tss); /* beyond the limit: no port is open */
	memset(c->tss.iomap, 0xff, sizeof(c->tss.iomap));

	if (c == &boot_cpu)
		gates_set();

	asm volatile("lgdt %0; lidt %1" ::"m"(gdtr), "m"(idtr));
	asm volatile("pushq %0; leaq 1f(%%rip), %%rax; pushq %%rax; lretq; 1:" ::"i"(SEL_KERNEL_CS) : "rax", "memory");
	asm volatile("movl %0, %%ss" ::"r"(SEL_KERNEL_SS));
	asm volatile("movl %0, %%ds; movl %0, %%es; movl %0, %%fs; movl %0, %%gs" ::"r"(0));
	asm volatile("ltr %w0" ::"r"(SEL_TSS));
	wrmsr(MSR_GS_BASE, (uint64_t)c);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
	wrmsr(MSR_SYSENTER_CS, 0); /* SYSENTER is #GP (SDM 2, "SYSENTER") */
	wrmsr(MSR_STAR, (uint64_t)SEL_GUEST_CS32 << 48 | (uint64_t)SEL_KERNEL_CS << 32);
	wrmsr(MSR_LSTAR, (uint64_t)syscall_entry);
	wrmsr(MSR_CSTAR, (uint64_t)syscall32_entry);
	wrmsr(MSR_SYSCALL_MASK, X86_RFLAGS_CLEARED | X86_RFLAGS_IF | X86_RFLAGS_IOPL);
}

/* Make a guest's descriptor harmless: code or data segment of ring 3, or nothing.  System
 * descriptors and gates are refused. */
bool descriptor_check(uint64_t *desc)
{
	uint64_t d = *desc;

	if (!(d >> 47 & 1))
		return true; /* not present: any contents */
	if (!(d >> 44 & 1))
		return false;
	if ((d >> 43 & 1) && (d >> 42 & 1))
		return false; /* conforming code */
	if ((d >> 43 & 1) && (d >> 53 & 1) && (d >> 54 & 1))
		return false; /* L and D together: reserved */
	*desc = d | 3ull << 45 | 1ull << 40;
	return true;
}

void segment_load_gdt(struct cpu *c, const struct vcpu *v)
{
	memcpy(c->gdt, v->arch.gdt, sizeof(v->arch.gdt));
}

/* ---- the local descriptor table: a checked copy in kernel pages charged to the domain ---- */

void segment_load_ldt(struct cpu *c, const struct vcpu *v)
{
	uint64_t at = (uint64_t)v->arch.ldt, *g = &c->gdt[SEL_LDT / 8];

	if (!at && !c->ldt_loaded)
		return;
	if (at && speculation & SPECULATION_HIDDEN)
		at = (uint64_t)memcpy(c->ldt, v->arch.ldt, v->arch.ldt_entries * 8ull);
	if (at) {
		g[0] = (v->arch.ldt_entries * 8ull - 1) | (at & 0xffffff) << 16 | 0x82ull << 40 |
		       (at >> 24 & 0xff) << 56;
		g[1] = at >> 32;
	}
	asm volatile("lldt %w0" ::"r"(at ? SEL_LDT : 0));
	c->ldt_loaded = at;
}

void ldt_free(struct vcpu *v)
{
	kpages_free(v->arch.ldt, order_of(v->arch.ldt_entries * 8), v->domain);
	v->arch.ldt = NULL;
	v->arch.ldt_entries = 0;
}

int ldt_set(struct vcpu *v, guest_ptr_t at, uint64_t entries)
{
	uint64_t *ldt = NULL;

	if (entries > LDT_MAX)
		return -EINVAL;
	if (entries) {
		ldt = kpages_alloc(order_of(entries * 8), v->domain);
		if (!ldt)
			return -ENOMEM;
		if (copy_from_guest(ldt, at, entries * 8)) {
			kpages_free(ldt, order_of(entries * 8), v->domain);
			return -EFAULT;
		}
		for (uint64_t i = 0; i < entries; i++)
			if (!descriptor_check(&ldt[i]))
				ldt[i] = 0; /* gates and system descriptors mean nothing here */
	}
	ldt_free(v);
	v->arch.ldt = ldt;
	v->arch.ldt_entries = (uint32_t)entries;
	segment_load_ldt(this_cpu(), v);
	return 0;
}
