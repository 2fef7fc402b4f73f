/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * checks.c - what a kernel built with DEBUG=1 looks after beyond its own assertions: memory that is written after it
 * was freed, what lies behind an object of the kernel, what lies behind an array on the stack, mappings, CPUs that
 * wait for each other, and what NMIs hit.
 *
 * The kernel does not know of it: some of its functions are wrapped when it is linked (build.mk).
 */
#include "handover.h"

#include <arch/arch.h>
#include <arch/cpu.h>
#include <arch/layout.h>
#include <arch/paging.h>
#include <arch/percpu.h>
#include <arch/x86.h>
#include <core/boot.h>
#include <core/domain.h>
#include <core/frame.h>
#include <core/lib.h>
#include <core/vcpu.h>

#define POISON 0xfefefefefefefefeull
#define FENCE  0xfdfdfdfdfdfdfdfdull
#define MOST   (1u << 20) /* frames that are looked after: those of 4 GiB */

mfn_t __real_frame_alloc(unsigned order, uint16_t owner);
mfn_t __wrap_frame_alloc(unsigned order, uint16_t owner);
void __real_frame_free(mfn_t m, unsigned order, uint16_t owner);
void __wrap_frame_free(mfn_t m, unsigned order, uint16_t owner);
void *__wrap_kpages_alloc(unsigned order, struct domain *d);
void __wrap_kpages_free(void *p, unsigned order, struct domain *d);
void __real_kmain(void);
void __wrap_kmain(void);
void __real_arch_relax(void);
void __wrap_arch_relax(void);
void __real_arch_idle(void);
void __wrap_arch_idle(void);
void __real_return_to_guest(struct vcpu *v) __attribute__((noreturn));
void __wrap_return_to_guest(struct vcpu *v) __attribute__((noreturn));
void __real_apic_init_cpu(void);
void __wrap_apic_init_cpu(void);
void __real_trap_paranoid(struct regs *r);
void __wrap_trap_paranoid(struct regs *r);
void __stack_chk_fail(void) __attribute__((noreturn));

static uint8_t poisoned[MOST];

static void fill(void *p, uint64_t value, size_t bytes)
{
	for (uint64_t *word = p; (char *)word < (char *)p + bytes; word++)
		*word = value;
}

static void expect(const void *p, uint64_t value, size_t bytes, const char *what)
{
	const uint64_t *word = p;

	for (size_t i = 0; i < bytes / 8; i++)
		if (word[i] != value)
			panic("%s: %lx stands at byte %lx of %p", what, word[i], i * 8, p);
}

mfn_t __wrap_frame_alloc(unsigned order, uint16_t owner)
{
	mfn_t m = __real_frame_alloc(order, owner);

	for (mfn_t i = m; m != INVALID_MFN && i < MIN(m + (1ull << order), (mfn_t)MOST); i++) {
		if (poisoned[i])
			expect(mfn_to_virt(i), POISON, PAGE_SIZE, "a frame was written after it was freed");
		poisoned[i] = 0;
	}
	return m;
}

void __wrap_frame_free(mfn_t m, unsigned order, uint16_t owner)
{
	fill(mfn_to_virt(m), POISON, PAGE_SIZE << order);
	for (mfn_t i = m; i < MIN(m + (1ull << order), (mfn_t)MOST); i++)
		poisoned[i] = 1;
	__real_frame_free(m, order, owner);
}

/* As in frame_alloc.c, but what is asked for is followed by as much that nobody may write.  A domain is charged for
 * both, and may have twice as many. */
void *__wrap_kpages_alloc(unsigned order, struct domain *d)
{
	uint64_t nr = 1ull << order, *charged = d ? &d->kernel_pages : NULL;
	mfn_t m = INVALID_MFN;

	if (!d || __atomic_add_fetch(charged, 2 * nr, __ATOMIC_RELAXED) <= 2 * d->max_kernel_pages)
		m = __wrap_frame_alloc(order + 1, OWNER_KERNEL);
	if (m == INVALID_MFN) {
		if (d)
			__atomic_sub_fetch(charged, 2 * nr, __ATOMIC_RELAXED);
		return NULL;
	}
	memset(mfn_to_virt(m), 0, PAGE_SIZE << order);
	fill(mfn_to_virt(m + nr), FENCE, PAGE_SIZE << order);
	return mfn_to_virt(m);
}

void __wrap_kpages_free(void *p, unsigned order, struct domain *d)
{
	if (!p)
		return;
	expect((char *)p + (PAGE_SIZE << order), FENCE, PAGE_SIZE << order, "behind a kernel object");
	if (d)
		__atomic_sub_fetch(&d->kernel_pages, 2ull << order, __ATOMIC_RELAXED);
	__wrap_frame_free(virt_to_mfn(p), order + 1, OWNER_KERNEL);
}

/* ---- CPUs that wait ---- */

#define WAIT_MS 300000ull /* longer than any host keeps one CPU from what another one waits for */

static uint64_t waits_since[MAX_CPUS]; /* TSC; 0: it has not waited since it was in a guest or idle */

void __wrap_arch_relax(void)
{
	uint64_t *since = &waits_since[arch_cpu_id()], now = rdtsc();

	if (!*since)
		*since = now;
	else if (tsc_khz && now - *since > WAIT_MS * tsc_khz)
		panic("CPU %u waits for another one without end", arch_cpu_id());
	__real_arch_relax();
}

void __wrap_arch_idle(void)
{
	waits_since[arch_cpu_id()] = 0;
	__real_arch_idle();
}

/* ---- a kernel that hides ---- */

extern const char _gate_text[], _gate_text_end[], _gate_data[], _gate_data_end[];

/* In the gate: code, the data that is marked so, and the stacks that the CPU itself changes to. */
static bool may_be_shown(uint64_t va)
{
	uint64_t stack = va - (uint64_t)cpu_stacks;

	if (va >= (uint64_t)_gate_text && va < (uint64_t)_gate_text_end)
		return true;
	if (va >= (uint64_t)_gate_data && va < (uint64_t)_gate_data_end)
		return true;
	return stack < sizeof(cpu_stacks) && stack % sizeof(struct stacks) < offsetof(struct stacks, guard);
}

/* Below an entry of the guests' roots stands nothing but the gate, at its own addresses, and not for ring 3. */
static void gate_check(uint64_t e, unsigned level, uint64_t va)
{
	if (!(e & PTE_P))
		return;
	if (level == 0) {
		BUG_ON(!may_be_shown(va) || e & PTE_U || (e & PTE_FRAME) != va - KERNEL_VIRT);
		return;
	}
	BUG_ON(level < 3 && e & PTE_PS);
	for (unsigned i = 0; i < 512; i++)
		gate_check(((const uint64_t *)mfn_to_virt((e & PTE_FRAME) >> PAGE_SHIFT))[i], level - 1,
			   va + ((uint64_t)i << (12 + 9 * (level - 1))));
}

/* The root that is about to be loaded for ring 3 has of the kernel's slots the gate alone, and what the guest's kernel
 * may read if it was loaded for that, too. */
static void root_check(void)
{
	const uint64_t *root = mfn_to_virt(pte_mfn(this_cpu()->cr3));

	BUG_ON(root[SLOT_M2P] && root[SLOT_M2P] != boot_l4[SLOT_M2P]);
	BUG_ON(root[SLOT_KERNEL] != guest_l4[SLOT_KERNEL] || root[SLOT_KERNEL] == boot_l4[SLOT_KERNEL]);
	for (unsigned i = SLOT_DIRECT; i < SLOT_END; i++)
		BUG_ON(root[i]);
}

/* ---- NMIs ---- */

#define NMIS_TOLD  100 /* from one line to the next */
#define APIC_LINT1 0x360
#define LVT_NMI	   0x400u
#define X2APIC	   (1u << 10) /* in MSR_APIC_BASE */

static uint64_t nmis_in_guests, nmis_at_entry, nmis_between, nmis_elsewhere;

/* The kernel masks the pin by which a machine's NMIs come; here it is open. */
void __wrap_apic_init_cpu(void)
{
	uint64_t base;

	__real_apic_init_cpu();
	base = rdmsr(MSR_APIC_BASE);
	if (base & X2APIC)
		wrmsr(0x800 + (APIC_LINT1 >> 4), LVT_NMI);
	else
		((volatile uint32_t *)mfn_to_virt((base & PTE_FRAME) >> PAGE_SHIFT))[APIC_LINT1 / 4] = LVT_NMI;
}

void __wrap_trap_paranoid(struct regs *r)
{
	uint64_t *where = &nmis_elsewhere;

	if (r->vector == TRAP_NMI) {
		BUG_ON(this_cpu()->self != this_cpu());
		if (r->cs & 3)
			where = &nmis_in_guests;
		else if (r->rip == (uint64_t)syscall_entry) /* the GS base is still the guest's */
			where = &nmis_at_entry;
		else if (r->rip >= (uint64_t)_gate_text && r->rip < (uint64_t)_gate_text_end)
			where = &nmis_between;
		__atomic_add_fetch(where, 1, __ATOMIC_RELAXED);
	}
	__real_trap_paranoid(r);
}

/* Here nothing is locked. */
static void nmis_tell(void)
{
	static uint64_t told;
	uint64_t now = nmis_in_guests + nmis_at_entry + nmis_between + nmis_elsewhere;

	if (now / NMIS_TOLD == told / NMIS_TOLD || __atomic_exchange_n(&told, now, __ATOMIC_RELAXED) == now)
		return;
	printk("guise: NMIs: %lu in guests, %lu at SYSCALL, %lu on other ways in and out, %lu elsewhere in the kernel\n",
	       nmis_in_guests, nmis_at_entry, nmis_between, nmis_elsewhere);
}

void __wrap_return_to_guest(struct vcpu *v)
{
	waits_since[arch_cpu_id()] = 0;
	handover_over();
	nmis_tell();
	if (speculation & SPECULATION_HIDDEN)
		root_check();
	__real_return_to_guest(v);
}

/* Nothing is both written and executed, and what is not present names no frame. */
static void table_check(const uint64_t *table, unsigned level, unsigned first, unsigned last)
{
	for (unsigned i = first; i < last; i++) {
		uint64_t e = table[i];

		if (!(e & PTE_P)) {
			if (e)
				panic("entry %u of a table of level %u is not present and not 0: %lx", i, level, e);
		} else if (level == 1 || (e & PTE_PS)) {
			if ((e & PTE_RW) && !(e & PTE_NX))
				panic("entry %u of a table of level %u is written and executed: %lx", i, level, e);
		} else {
			table_check(mfn_to_virt((e & PTE_FRAME) >> PAGE_SHIFT), level - 1, 0, 512);
		}
	}
}

/* The entry that maps a page of the kernel's; 0: none does. */
static uint64_t leaf_of(const void *p)
{
	const uint64_t *table = boot_l4;

	for (unsigned level = 4;; level--) {
		uint64_t e = table[pt_index((uint64_t)p, level)];

		if (!(e & PTE_P) || level == 1 || (e & PTE_PS))
			return e;
		table = mfn_to_virt((e & PTE_FRAME) >> PAGE_SHIFT);
	}
}

/* Each stack is mapped, the page below it is not. */
static void stacks_check(void)
{
	for (unsigned i = 0; i < MAX_CPUS; i++) {
		const struct stacks *s = &cpu_stacks[i];

		BUG_ON(leaf_of(s->guard) || !leaf_of(s->stack));
		for (unsigned k = 0; k < ARRAY_SIZE(s->ist); k++)
			BUG_ON(leaf_of(s->ist[k].guard) || !leaf_of(s->ist[k].stack));
	}
}

#define CR0_WP	(1u << 16)
#define CR4_MCE (1u << 6)

/* Ring 0 neither executes nor, but where it copies, touches a guest's memory, nor writes what is read-only. */
static void bits_check(void)
{
	uint64_t cr4 = read_cr4();

	BUG_ON(!(read_cr0() & CR0_WP) || !(cr4 & CR4_MCE));
	BUG_ON(cpuid(7, 0).ebx & 1u << 7 && !(cr4 & X86_CR4_SMEP));
	BUG_ON(cpuid(7, 0).ebx & 1u << 20 && !(cr4 & X86_CR4_SMAP));
	BUG_ON(cpuid(7, 0).ecx & 1u << 2 && !(cr4 & X86_CR4_UMIP));
}

void __wrap_kmain(void)
{
	table_check(boot_l4, 4, 0, 512);
	stacks_check();
	bits_check();
	if (speculation & SPECULATION_HIDDEN)
		gate_check(guest_l4[SLOT_KERNEL], 3, KERNEL_VIRT);
	__real_kmain();
}

/* gcc's -fstack-protector-strong. */
uintptr_t __stack_chk_guard = 0x595e9fbd94fda700;

void __stack_chk_fail(void)
{
	panic("an array on the stack was written beyond its end");
}
