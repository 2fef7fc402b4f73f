/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cpu.h - what core may ask of a CPU.  tests/unit/kernel/arch_fake.c is one more architecture.
 */
#pragma once

#include <arch/direct.h>

struct domain;

/* The vCPU that trapped into the kernel on this CPU (never NULL inside a hypercall). */
struct vcpu *current_vcpu(void);

uint64_t arch_tsc(void);
/* One character to the debug console. */
void arch_console_putc(char c);
/* Program this CPU's timer to interrupt at system time deadline (ns); ~0 = off. */
void arch_timer_program(uint64_t deadline_ns);

/* Interrupt controllers.  gsi: route to this CPU with a vector; flags GUISE_IRQ_*; starts masked. */
int arch_gsi_route(uint32_t gsi, uint8_t vector, uint32_t flags);
void arch_gsi_mask(uint32_t gsi, bool masked);
/* What device bdf, and no other where interrupts are remapped, writes to interrupt this CPU with vector. */
void arch_msi_message(uint8_t vector, uint16_t bdf, uint64_t *address, uint32_t *data);
/* A long call did so many items more, short ones, or one that is as long as so many: should it stop here and continue later,
 * since an interrupt waits?  Looking costs more than one of them, in a virtual machine seven exits, so it is done once in
 * 64 items of a call, whichever calls within a multicall these are. */
bool arch_irq_waiting(uint32_t items);

/* Flush every translation this CPU may hold; all CPUs that may run d (NULL: all). */
void arch_tlb_flush(struct domain *d);
/* d's PORT handles changed: what it may not use any more is closed on return. */
void arch_ports_changed(struct domain *d);
void arch_reset(void) __attribute__((noreturn));
/* The same after a panic, and the virtual machine's monitor is told. */
void arch_crash(void) __attribute__((noreturn));

/* Machine-to-physical: what gfn the owner of m knows it by; ~0 = none. */
void m2p_set(mfn_t m, gfn_t g);

/* v->arch of a new vCPU; of one that starts at rip with rsp, rsi and the top table cr3. */
void arch_vcpu_init(struct vcpu *v);
int arch_vcpu_start(struct vcpu *v, uint64_t rip, uint64_t rsp, uint64_t rsi, mfn_t cr3);
/* VCPUOP_initialise. */
int arch_vcpu_set_context(struct vcpu *v, const vcpu_guest_context_t *c);
void arch_vcpu_forget(struct vcpu *v);
/* Machine address of a guest kernel's virtual address if it may be written, else -EFAULT. */
int arch_translate(struct vcpu *v, guest_ptr_t va, mfn_t *m);
/* Argument register n (rdi rsi rdx r10 r8) of the hypercall that will be issued again. */
void arch_set_arg(struct vcpu *v, unsigned n, uint64_t value);
/* Wait for an interrupt and handle it. */
void arch_idle(void);
void arch_resched(void); /* this CPU: choose again before returning to a guest */
void arch_resched_cpu(uint32_t cpu);
void arch_resched_done(void);
/* Another CPU takes an interrupt, which calls sched_interrupt(). */
void arch_poke_cpu(uint32_t cpu);
/* Registers of the vCPU that this CPU has are put to memory, so that another may take it up. */
void arch_vcpu_leave(void);
/* CPUs have numbers below arch_cpu_count(), which does not change once a domain exists. */
#define MAX_CPUS 32
uint32_t arch_cpu_id(void);
uint32_t arch_cpu_count(void);
/* Start all the others; they run guests from then on. */
void arch_start_cpus(void);
/* How many machine frames the CPU can address. */
mfn_t arch_frames(void);
struct xen_machphys_mapping;
int arch_machphys(struct xen_machphys_mapping *m); /* 0 */
struct guise_system_info;
/* Everything but free_frames and verbose. */
void arch_system_info(struct guise_system_info *info);
uint64_t arch_wall_clock(void); /* seconds since 1970 at system time 0 */
void arch_time_info(struct vcpu_time_info *t);
