/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * smp.c - the other CPUs: found in the MADT, started one after the other, and interrupted by each other.
 */
#include <arch/arch.h>
#include <arch/paging.h>
#include <arch/percpu.h>
#include <core/boot.h>
#include <core/lib.h>

#define TRAMPOLINE	 0x8000 /* a page below 1 MiB: RAM on every PC, never given away	*/
#define START_WAIT_NS	 5000000000ull
#define TSC_CHECK_ROUNDS 2000

extern const char trampoline[], trampoline_end[];

static struct cpu others[MAX_CPUS - 1] IN_GATE;
static struct cpu *cpus[MAX_CPUS] = { &boot_cpu };
static uint32_t nr_cpus = 1;
static uint32_t found[MAX_CPUS], nr_found; /* APIC ids, of the boot CPU too	*/
static uint32_t go;			   /* the others may run guests	*/

struct cpu *cpu_starting; /* the one that trampoline.S starts	*/

uint32_t arch_cpu_id(void)
{
	return this_cpu()->id;
}

uint32_t arch_cpu_count(void)
{
	return nr_cpus;
}

struct cpu *cpu_of(uint32_t id)
{
	return cpus[id];
}

void cpu_add(uint32_t apic_id)
{
	if (nr_found < MAX_CPUS)
		found[nr_found++] = apic_id;
}

void arch_relax(void)
{
	__builtin_ia32_pause();
	cpu_serve(this_cpu());
}

void arch_poke_cpu(uint32_t cpu)
{
	if (cpu != arch_cpu_id())
		apic_ipi(cpus[cpu]->apic_id);
}

void arch_resched_cpu(uint32_t cpu)
{
	__atomic_store_n(&cpus[cpu]->resched, true, __ATOMIC_SEQ_CST);
	arch_poke_cpu(cpu);
}

/* ---- is time the same on both CPUs? ---- */

static struct spinlock tsc_lock = { .rank = LOCK_CONSOLE };
static uint64_t tsc_last;
static bool tsc_warps;

/* Run by two CPUs at once: none may see a counter that is behind what the other saw before. */
static void tsc_compare(void)
{
	for (unsigned i = 0; i < TSC_CHECK_ROUNDS; i++) {
		uint64_t now;

		spin_lock(&tsc_lock);
		now = rdtsc();
		tsc_warps |= now < tsc_last;
		tsc_last = now;
		spin_unlock(&tsc_lock);
	}
}

/* ---- starting ---- */

/* The new CPU's first C code, on its own stack, with the boot page tables. */
void cpu_entry(struct cpu *c) __attribute__((noreturn));
void cpu_entry(struct cpu *c)
{
	segment_init_cpu(c);
	fpu_init_cpu();
	write_cr4(c->boot_cr4);
	speculation_init_cpu();
	write_cr3(c->cr3);
	apic_init_cpu();
	__atomic_store_n(&c->online, true, __ATOMIC_RELEASE);
	tsc_compare();
	while (!__atomic_load_n(&go, __ATOMIC_ACQUIRE))
		__builtin_ia32_pause();
	arch_start_guests();
}

/* It may not become a CPU of ours once it was given up: its structure stays for the rest of the boot. */
static bool cpu_start(uint32_t apic_id)
{
	static unsigned made;
	struct cpu *c = &others[made];
	uint64_t since = time_now();

	c->self = c;
	c->stacks = &cpu_stacks[++made];
	c->stack_top = (uint64_t)(c->stacks + 1);
	c->id = nr_cpus;
	c->apic_id = apic_id;
	c->cr3 = (uint64_t)boot_l4 - KERNEL_VIRT;
	c->boot_cr4 = read_cr4();
	cpu_starting = c;
	apic_start(apic_id, TRAMPOLINE);
	while (!__atomic_load_n(&c->online, __ATOMIC_ACQUIRE)) {
		if (time_now() - since > START_WAIT_NS)
			return false;
		__builtin_ia32_pause();
	}
	cpus[nr_cpus] = c;
	tsc_compare();
	nr_cpus++;
	return true;
}

void arch_start_cpus(void)
{
	uint64_t most = boot_number("cpus", MAX_CPUS);

	if (nr_found < 2 || most < 2)
		return;
	memcpy(mfn_to_virt(TRAMPOLINE >> PAGE_SHIFT), trampoline, (size_t)(trampoline_end - trampoline));
	boot_l4[0] = (uint64_t)boot_l3 - KERNEL_VIRT + (PTE_P | PTE_RW);
	for (uint32_t i = 0; i < nr_found && nr_cpus < MIN(most, MAX_CPUS); i++)
		if (found[i] != boot_cpu.apic_id && !cpu_start(found[i]))
			printk("guise: the CPU with APIC id %u does not start\n", found[i]);
	boot_l4[0] = 0;
	write_cr3(read_cr3());
	if (tsc_warps)
		panic("the CPUs' time-stamp counters differ: use cpus=1");
	printk("guise: %u CPUs\n", nr_cpus);
	__atomic_store_n(&go, 1, __ATOMIC_RELEASE);
}
