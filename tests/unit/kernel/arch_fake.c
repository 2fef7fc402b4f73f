/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arch_fake.c - what the kernel asks of a CPU, answered on the host.
 */
#include "fake.h"

#include <arch/arch.h>
#include <arch/layout.h>
#include <arch/percpu.h>
#include <arch/x86.h>
#include <core/boot.h>
#include <core/irq.h>
#include <core/timer.h>
#include <stdarg.h>
#include <sys/mman.h>

struct fake fake;
struct fake_bases fake_bases;
struct cpu boot_cpu;
uint64_t boot_l4[512], guest_l4[512];
struct boot_info boot_info;
uint64_t fpu_xcr0 = 7, tsc_base;
uint32_t tsc_khz = 1000000, pvclock_mul = 0x80000000;
int8_t pvclock_shift = 1;
const uint64_t _extable[2], _extable_end[1], _patch_sites[2], _patch_sites_end[1];
const uint8_t trap_stubs[256][16];

static char *arena;
static gfn_t *m2p;

void fake_boot(mfn_t frames)
{
	fake = (struct fake){ .programmed = ~0ull };
	arena = mmap(NULL, frames * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	frame_max = frames;
	frame_table = calloc(frames, sizeof(*frame_table));
	m2p = calloc(frames, sizeof(*m2p));
	for (mfn_t m = 0; m < frames; m++)
		frame_table[m].state = FRAME_STATE(OWNER_NONE, 0);
	frame_add_ram(0, frames - FAKE_DEVICE);
	boot_cpu.self = &boot_cpu;
	fake_pcids(getenv("PCID"));
	for (unsigned i = SLOT_M2P; i < SLOT_END; i++)
		boot_l4[i] = guest_l4[i] = 0xdead0000000ull + i;
	load_cr3((uint64_t)boot_l4 - KERNEL_VIRT);
	sched_init();
}

/* ---- memory ---- */

void *mfn_to_virt(mfn_t m)
{
	if (m >= frame_max)
		panic("frame %lx is not in the direct map", m);
	if (frame_owner(&frame_table[m]) == OWNER_FREE || frame_owner(&frame_table[m]) == OWNER_NONE)
		panic("frame %lx is touched and nobody's", m);
	if (fake.touched)
		fake.touched(m);
	return arena + m * PAGE_SIZE;
}

mfn_t virt_to_mfn(const void *p)
{
	return (mfn_t)((const char *)p - arena) >> PAGE_SHIFT;
}

void m2p_set(mfn_t m, gfn_t g)
{
	m2p[m] = g;
}

gfn_t fake_m2p(mfn_t m)
{
	return m2p[m];
}

/* uaccess.c's, under other names: here a guest may have less memory than the host. */
int uaccess_from_guest(void *dst, guest_ptr_t src, size_t len);
int uaccess_to_guest(guest_ptr_t dst, const void *src, size_t len);

static bool is_guests(guest_ptr_t p, size_t len)
{
	return !fake.memory_end || (p >= fake.memory && p <= fake.memory_end && len <= fake.memory_end - p);
}

int copy_from_guest(void *dst, guest_ptr_t src, size_t len)
{
	return is_guests(src, len) || !len ? uaccess_from_guest(dst, src, len) : -EFAULT;
}

int copy_to_guest(guest_ptr_t dst, const void *src, size_t len)
{
	return is_guests(dst, len) || !len ? uaccess_to_guest(dst, src, len) : -EFAULT;
}

static bool faults(const void *p, size_t len)
{
	uint64_t a = (uint64_t)p;

	return a < PAGE_SIZE || a >> 47 || (a < fake.hole_end && a + len > fake.hole);
}

int uaccess_copy(void *dst, const void *src, size_t len)
{
	if (!len)
		return 0;
	if (faults(dst, len) || faults(src, len))
		return 1;
	memcpy(dst, src, len);
	return 0;
}

/* ---- locks ---- */

void order_wanted(const struct spinlock *l); /* of tests/debug/locks.c, under another name */

void lock_wanted(const struct spinlock *l)
{
	if (l == fake.faster.lock && fake.faster.nth && !--fake.faster.nth)
		fake.faster.act();
	order_wanted(l);
}

/* ---- model-specific registers ---- */

void wrmsr(uint32_t msr, uint64_t v)
{
	if (fake.nr_msrs == ARRAY_SIZE(fake.msr))
		panic("more registers are written than a test looks at");
	fake.msr[fake.nr_msrs].msr = msr;
	fake.msr[fake.nr_msrs++].value = v;
}

uint64_t rdmsr(uint32_t msr)
{
	for (unsigned i = fake.nr_msrs; i > 0; i--)
		if (fake.msr[i - 1].msr == msr)
			return fake.msr[i - 1].value;
	return 0;
}

/* ---- time, interrupts, console ---- */

uint64_t time_now(void)
{
	return fake.now;
}

uint64_t arch_wall_clock(void)
{
	return 1700000000;
}

void arch_timer_program(uint64_t deadline_ns)
{
	fake.programmed = deadline_ns;
}

void arch_idle(void)
{
	if (fake.idle) {
		fake.idle();
		return;
	}
	if (fake.programmed == ~0ull)
		panic("the CPU would idle for ever");
	fake.now = MAX(fake.now, fake.programmed);
	timer_run();
}

bool arch_irq_waiting(uint32_t items)
{
	return fake.preempt && ++fake.looks % fake.preempt == 0;
}

int arch_gsi_route(uint32_t gsi, uint8_t vector, uint32_t flags)
{
	if (gsi >= 24)
		return -ENOENT;
	fake.gsi[gsi] = (struct fake_gsi){ vector, flags, true, true };
	return 0;
}

void arch_gsi_mask(uint32_t gsi, bool masked)
{
	fake.gsi[gsi].masked = masked;
}

void arch_msi_message(uint8_t vector, uint16_t bdf, uint64_t *address, uint32_t *data)
{
	*address = 0xfee00000;
	*data = vector;
}

void arch_console_putc(char c)
{
	if (fake.console_len < sizeof(fake.console) - 1)
		fake.console[fake.console_len++] = c;
}

/* ---- ways to stop ---- */

/* Of gcov, where lines are counted: what was reached till then is written. */
void __gcov_dump(void) __attribute__((weak));

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (!fake.expect_panic) {
		fprintf(stderr, "panic: ");
		vfprintf(stderr, fmt, ap);
		fprintf(stderr, "\n");
	}
	va_end(ap);
	if (__gcov_dump)
		__gcov_dump();
	abort();
}

/* ---- birth ---- */

void arch_init(void)
{
}

void arch_start_cpus(void)
{
}

void arch_start_guests(void)
{
	exit(schedule() == fake_first() ? FAKE_FIRST_RUNS : 1);
}

struct vcpu *fake_first(void)
{
	struct domain *d = domain_get(DOMID_FIRST);

	return d ? d->vcpu[0] : NULL;
}

/* What acpi.c finds. */
void cpu_add(uint32_t apic_id)
{
	fake.found.cpu[fake.found.cpus++ % 8] = apic_id;
}

void ioapic_add(uint8_t id, paddr_t base, uint32_t gsi)
{
	fake.found.ioapic = base;
	fake.found.ioapic_gsi = gsi;
}

void ioapic_override(uint8_t isa, uint32_t gsi)
{
	fake.found.isa[isa % 16] = gsi;
}

void arch_ports_changed(struct domain *d)
{
}

void arch_reset(void)
{
	panic("reset");
}

/* ---- a vCPU's parts that only real ones have ---- */

uint32_t arch_cpu_id(void)
{
	return fake.cpu;
}

uint32_t arch_cpu_count(void)
{
	return MAX(fake.cpus, 1);
}

struct cpu *cpu_of(uint32_t id)
{
	return &boot_cpu;
}

void arch_resched_cpu(uint32_t cpu)
{
	if (cpu == fake.cpu)
		boot_cpu.resched = true;
	else
		arch_poke_cpu(cpu);
}

void arch_poke_cpu(uint32_t cpu)
{
	if (cpu == fake.cpu || cpu >= fake.cpus)
		panic("CPU %u interrupts CPU %u", fake.cpu, cpu);
	fake.asked |= 1u << cpu;
}

void arch_relax(void)
{
	panic("the only CPU waits for another one");
}

void arch_vcpu_leave(void)
{
}

struct vcpu *current_vcpu(void)
{
	return boot_cpu.current;
}

void context_forget(struct vcpu *v)
{
	if (boot_cpu.loaded == v)
		boot_cpu.loaded = NULL;
	if (!boot_cpu.loaded || boot_cpu.tlb_of == v->domain)
		load_cr3(0);
	if (boot_cpu.current == v)
		boot_cpu.current = NULL;
}

void breakpoints_load(struct cpu *c, const struct vcpu *v)
{
	(void)c, (void)v;
}

uint64_t load_selector_gs(uint16_t sel)
{
	return sel;
}

/* guest_cpu.c's would execute CLTS. */
long hc_fpu_taskswitch(struct vcpu *v, const uint64_t *arg)
{
	v->arch.fpu_ts = !!arg[0];
	return 0;
}

void syscall_entry(void)
{
}

void syscall32_entry(void)
{
}

void guest_cpuid(struct vcpu *v, uint32_t leaf, uint32_t sub, uint32_t out[4])
{
	(void)v;
	out[0] = leaf;
	out[1] = sub;
	out[2] = out[3] = 0;
}
