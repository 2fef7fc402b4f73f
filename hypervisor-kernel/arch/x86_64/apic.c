/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * apic.c - the local APIC of this CPU: its timer, end of interrupt, and message addresses
 * (SDM 3A chapter 11).  x2APIC and the TSC deadline are used when CPUID shows them.
 */
#include <arch/arch.h>
#include <arch/percpu.h>
#include <arch/vtd.h>
#include <core/irq.h>
#include <core/lib.h>
#include <core/vcpu.h>

#define VECTOR_TIMER	0xf0
#define VECTOR_IPI	0xf1
#define VECTOR_SPURIOUS 0xff

#define IRQ_LOOK_EACH 64 /* items */

#define APIC_ID	     0x20
#define APIC_TPR     0x80
#define APIC_EOI     0xb0
#define APIC_SPIV    0xf0
#define APIC_IRR     0x200
#define APIC_ICR     0x300
#define APIC_ICR_HI  0x310
#define APIC_LVTT    0x320
#define APIC_LINT0   0x350
#define APIC_LINT1   0x360
#define APIC_LVTERR  0x370
#define APIC_TMICT   0x380
#define APIC_TMCCT   0x390
#define APIC_TDCR    0x3e0
#define LVT_MASKED   (1u << 16)
#define LVT_DEADLINE (2u << 17)

static volatile uint32_t *mmio;
bool x2apic;
static bool deadline_mode;
static uint64_t ticks_per_ms; /* of the divided timer clock */

static uint32_t apic_read(unsigned reg)
{
	return x2apic ? (uint32_t)rdmsr(0x800 + (reg >> 4)) : mmio[reg / 4];
}

static void apic_write(unsigned reg, uint32_t v)
{
	if (x2apic)
		wrmsr(0x800 + (reg >> 4), v);
	else
		mmio[reg / 4] = v;
}

/* Does an interrupt wait that the CPU would take now? */
bool arch_irq_waiting(uint32_t items)
{
	struct cpu *c = this_cpu();

	/* Seven registers outside of the CPU are dearer than most items between two looks. */
	c->irq_items += items;
	if (c->irq_items < IRQ_LOOK_EACH)
		return false;
	c->irq_items = 0;
	crossing_look(c->current);
	for (unsigned i = 1; i < 8; i++)
		if (apic_read(APIC_IRR + i * 0x10))
			return true;
	return false;
}

/* The timer and spurious interrupts are the kernel's own; the timer work is done by whoever leaves
 * the kernel next. */
void apic_interrupt(uint8_t vector)
{
	if (vector == VECTOR_SPURIOUS)
		return;
	if (vector == VECTOR_TIMER) {
		timer_run();
	} else if (vector == VECTOR_IOMMU) {
		vtd_interrupt();
	} else if (vector == VECTOR_IPI) {
		cpu_serve(this_cpu());
		sched_interrupt();
	} else {
		irq_handle(vector);
	}
	apic_write(APIC_EOI, 0);
}

#define ICR_INIT    0x4500u
#define ICR_STARTUP 0x4600u
#define ICR_FIXED   0x4000u
#define ICR_PENDING (1u << 12)

static void icr_write(uint32_t apic_id, uint32_t what)
{
	if (x2apic) {
		__atomic_thread_fence(__ATOMIC_SEQ_CST); /* WRMSR waits for no store (SDM 3A 11.12.3) */
		wrmsr(0x830, (uint64_t)apic_id << 32 | what);
		return;
	}
	apic_write(APIC_ICR_HI, apic_id << 24);
	apic_write(APIC_ICR, what);
	while (apic_read(APIC_ICR) & ICR_PENDING)
		__builtin_ia32_pause();
}

void apic_ipi(uint32_t apic_id)
{
	icr_write(apic_id, ICR_FIXED | VECTOR_IPI);
}

static void delay_us(uint64_t us)
{
	for (uint64_t start = rdtsc(); rdtsc() - start < us * tsc_khz / 1000;)
		__builtin_ia32_pause();
}

/* SDM 3A 9.4.4.1: the processor begins in real mode at this page below 1 MiB. */
void apic_start(uint32_t apic_id, paddr_t at)
{
	icr_write(apic_id, ICR_INIT);
	delay_us(10000);
	for (unsigned i = 0; i < 2; i++) {
		icr_write(apic_id, ICR_STARTUP | (uint32_t)(at >> PAGE_SHIFT));
		delay_us(200);
	}
}

static void timer_calibrate(void)
{
	apic_write(APIC_LVTT, LVT_MASKED | VECTOR_TIMER);
	apic_write(APIC_TMICT, 0xffffffff);
	delay_us(10000);
	ticks_per_ms = (0xffffffffu - apic_read(APIC_TMCCT)) / 10;
	apic_write(APIC_TMICT, 0);
	BUG_ON(!ticks_per_ms);
}

void apic_init_cpu(void)
{
	struct cpuid c = cpuid(1, 0);
	uint64_t base = rdmsr(MSR_APIC_BASE);

	mmio = mfn_to_virt((base & 0xffffff000ull) >> PAGE_SHIFT);
	x2apic = c.ecx & (1u << 21);
	deadline_mode = c.ecx & (1u << 24);
	wrmsr(MSR_APIC_BASE, base | 1u << 11 | (x2apic ? 1u << 10 : 0));
	apic_write(APIC_TPR, 0);
	apic_write(APIC_LINT0, LVT_MASKED);
	apic_write(APIC_LINT1, LVT_MASKED);
	apic_write(APIC_LVTERR, LVT_MASKED);
	apic_write(APIC_SPIV, 0x100 | VECTOR_SPURIOUS);
	this_cpu()->apic_id = x2apic ? apic_read(APIC_ID) : apic_read(APIC_ID) >> 24;
	apic_write(APIC_TDCR, 0xb); /* divide by 1 */
	if (!deadline_mode && !ticks_per_ms)
		timer_calibrate();
	apic_write(APIC_LVTT, VECTOR_TIMER | (deadline_mode ? LVT_DEADLINE : 0));
}

void arch_timer_program(uint64_t deadline)
{
	uint64_t now, ticks = 0; /* the timer is off	*/

	if (deadline_mode) {
		wrmsr(MSR_TSC_DEADLINE, deadline == ~0ull ? 0 : tsc_of_time(deadline));
		return;
	}
	now = time_now();
	if (deadline != ~0ull)
		ticks = deadline <= now ? 1 : MIN(deadline - now, 1000000000ull) * ticks_per_ms / 1000000 + 1;
	apic_write(APIC_TMICT, (uint32_t)MIN(ticks, 0xffffffffull));
}

void arch_msi_message(uint8_t vector, uint16_t bdf, uint64_t *address, uint32_t *data)
{
	*address = vtd_remap(vector, boot_cpu.apic_id, false, bdf) ?
			   VTD_MESSAGE :
			   0xfee00000 | (uint64_t)(boot_cpu.apic_id & 0xff) << 12;
	*data = vector;
}
