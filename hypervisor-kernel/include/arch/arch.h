/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arch.h - what the files of arch/x86_64 share with each other, and the CPU's instructions.
 */
#pragma once

#include <arch/cpu.h>
#include <arch/layout.h>
#include <arch/x86.h>
#include <core/tlb.h>

struct regs;

extern struct cpu boot_cpu;
extern uint64_t boot_l3[512];  /* head.S: the first GiB */
extern uint64_t boot_l4[512];  /* kernel half only; the root while no domain is loaded	*/
extern uint64_t guest_l4[512]; /* what a guest's root has of it: all, or only the gate */

/* entry.S */
void syscall_entry(void);
void syscall32_entry(void);
void return_to_guest(struct vcpu *v) __attribute__((noreturn));
int uaccess_copy(void *dst, const void *src, size_t len);
int uaccess_hidden(void *dst, const void *src, size_t len);
/* What that does, with the guest's side and the kernel's told apart. */
int copy_hidden(guest_ptr_t va, void *kernel, size_t len, bool write);
void load_selector_ds(uint16_t sel);
void load_selector_es(uint16_t sel);
void load_selector_fs(uint16_t sel);
uint64_t load_selector_gs(uint16_t sel);

/* segment.c */
void segment_init_cpu(struct cpu *c);
bool descriptor_check(uint64_t *desc);
void segment_load_gdt(struct cpu *c, const struct vcpu *v);
/* Take over entries descriptors at `at` in the guest's memory as v's LDT; v is current.  -EINVAL,
 * -ENOMEM or -EFAULT: the old one stays. */
int ldt_set(struct vcpu *v, guest_ptr_t at, uint64_t entries);
void segment_load_ldt(struct cpu *c, const struct vcpu *v);
void ldt_free(struct vcpu *v);

/* guest_cpu.c */
int gdt_load(struct vcpu *v, mfn_t m, uint32_t entries);

/* traps.c */
void trap_from_guest(struct regs *r) __attribute__((noreturn));
void trap_from_kernel(struct regs *r);
void trap_paranoid(struct regs *r);
void syscall_from_guest(struct regs *r) __attribute__((noreturn));
/* Deliver what is due and resume current, or whoever should run. */
void exit_to_guest(void) __attribute__((noreturn));

uint64_t page_fault_from_guest(struct vcpu *v);

/* upcall.c */
/* Where bounces from user mode put their frame. */
void kernel_stack_set(struct vcpu *v, uint64_t sp);
void trap_set(struct vcpu *v, unsigned vector, const struct trap_info *t);
/* Callback, mask or stack changed: may entry.S bounce system calls by itself? */
void syscall_fast_update(struct vcpu *v);
/* May the guest kernel be entered at this address?  0 may not. */
bool handler_ok(uint64_t handler);
void toggle_mode(struct vcpu *v);
/* Enter the guest kernel at handler with a bounce frame; crashes the domain when that fails. */
void bounce(struct vcpu *v, uint64_t handler, bool masks, bool has_error, uint64_t error);
/* Deliver an exception through the guest's trap table. */
void bounce_trap(struct vcpu *v, unsigned vector, uint64_t error);

/* personality.c, of a vCPU with an area */
#define DIRECT_NEVER (1ull << 62) /* no instruction ends there */
/* SYSCALL in user mode; SYSCALL of the kernel at direct_back. */
void direct_enter(struct vcpu *v);
/* ROOTS and FLUSH of current's kernel, from entry.S.  0: done, and nothing else is to be done before the guest goes on.
 * Otherwise the call is still to be made, by hc_personality(): to do either twice does no harm. */
long personality_quick(uint64_t op, uint64_t root, uint64_t user, uint64_t first, uint64_t last);
void direct_back(struct vcpu *v);
/* A frame is to be bounced from user mode: where to, and with which selectors. */
void area_read(struct vcpu *v);
void area_drop(struct vcpu *v);

/* mmu.c: the current vCPU's top tables change; user 0: none.  -EPERM: no frames of the domain. */
#define ROOT_USER   1u /* bits by mode */
#define ROOT_KERNEL 2u
int roots_load(struct vcpu *v, unsigned modes, mfn_t kernel, mfn_t user);

/* context.c */
void context_switch(struct cpu *c, struct vcpu *next);
/* Other CPUs may wait for this one: flush, and look at I/O ports. */
void cpu_serve(struct cpu *c);
void context_forget(struct vcpu *v);
/* The debug registers of the vCPU in the CPU are what it says; after #DB, its DR6 what the CPU's says. */
void breakpoints_load(struct cpu *c, const struct vcpu *v);
void breakpoints_hit(struct vcpu *v);
void load_cr3(uint64_t cr3); /* 0: the kernel's own, where no guest is mapped */

/* smp.c */
struct cpu *cpu_of(uint32_t id);
void cpu_add(uint32_t apic_id);
/* fpu.c */
void fpu_init_cpu(void);
extern uint64_t fpu_xcr0;

/* speculation.c */
#define SPECULATION_MELTDOWN  1u   /* user mode reads what is mapped for the kernel			*/
#define SPECULATION_LEAKS     2u   /* buffers would have to be cleared, and the CPU does not know how	*/
#define SPECULATION_IBRS      4u   /* set once: user mode does not steer the kernel's branches	*/
#define SPECULATION_AUTO_IBRS 8u   /* the same, in EFER						*/
#define SPECULATION_IBPB      16u  /* branch predictions are forgotten between domains		*/
#define SPECULATION_RETURNS   32u  /* so are return addresses					*/
#define SPECULATION_VERW      64u  /* buffers are cleared on the way to a guest			*/
#define SPECULATION_HIDDEN    128u /* guests' roots do not map the kernel: it cannot be read by Meltdown	*/
extern uint32_t speculation;
/* From CPUID 7 EDX, 0x80000008 EBX and 0x80000021 EAX, and IA32_ARCH_CAPABILITIES, 0 if there is none. */
uint32_t speculation_decide(bool intel, uint32_t edx7, uint32_t ebx8, uint32_t eax21, uint64_t caps);
/* Does the kernel hide on such a CPU, given the options of these names? */
uint32_t speculation_hide(uint32_t s, bool hide, bool meltdown);
void speculation_init(void);
void speculation_init_cpu(void);
void speculation_switch(void);

/* emulate.c: true if the instruction was carried out and rip advanced */
bool emulate_privileged(struct vcpu *v);
bool emulate_forced_cpuid(struct vcpu *v);
/* An INT n that its gate refused: deliver it or not. */
bool emulate_soft_interrupt(struct vcpu *v);

/* cpuid.c, msr.c */
void guest_cpuid(struct vcpu *v, uint32_t leaf, uint32_t sub, uint32_t out[4]);
bool guest_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *value);
bool guest_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value);

/* apic.c, ioapic.c, tsc.c, acpi.c, uart.c */
void apic_init_cpu(void);
void ioapic_add(uint8_t id, paddr_t base, uint32_t gsi);
void ioapic_override(uint8_t isa, uint32_t gsi);
void tsc_init(void);
uint64_t tsc_of_time(uint64_t ns);
paddr_t acpi_init(paddr_t rsdp); /* 0: search; returns the address of the XSDT or RSDT */
extern const void *acpi_dmar;	 /* the table, unchecked; NULL: none	*/
void uart_init(void);
extern bool x2apic; /* the mode that the local APICs are in */
void apic_interrupt(uint8_t vector);
#define VECTOR_IOMMU 0xef
void apic_ipi(uint32_t apic_id);
void apic_start(uint32_t apic_id, paddr_t at); /* INIT and two SIPIs */
extern uint32_t tsc_khz;
extern uint32_t pvclock_mul;
extern int8_t pvclock_shift;
extern uint64_t tsc_base;

/* uaccess.c */
bool extable_fixup(struct regs *r);
bool guest_range_ok(guest_ptr_t p, size_t len);
void patch_init(void);
