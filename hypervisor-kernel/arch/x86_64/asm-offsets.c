/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * asm-offsets.c - offsets of structure fields for assembly; compiled to text, never linked.
 */
#include <arch/percpu.h>
#include <arch/x86.h>
#include <core/vcpu.h>

#define NUMBER(name, value)	   asm volatile("\n#define " #name " %c0" ::"i"(value))
#define OFFSET(name, type, member) NUMBER(name, offsetof(type, member))

void asm_offsets(void);
void asm_offsets(void)
{
	OFFSET(CPU_CURRENT, struct cpu, current);
	OFFSET(CPU_REGS_END, struct cpu, regs_end);
	OFFSET(CPU_STACK_TOP, struct cpu, stack_top);
	OFFSET(CPU_SCRATCH, struct cpu, scratch);
	OFFSET(CPU_CR3, struct cpu, cr3);
	OFFSET(CPU_FLUSH_EPOCH, struct cpu, flush_epoch);
	OFFSET(CPU_RESCHED, struct cpu, resched);
	OFFSET(CPU_TSS_RSP0, struct cpu, tss.rsp[0]);
	NUMBER(CPU_GATE_END, offsetof(struct cpu, gate) + sizeof(((struct cpu *)0)->gate));
	NUMBER(STACKS_SIZE, sizeof(struct stacks));
	OFFSET(VCPU_RCX, struct vcpu, arch.regs.rcx);
	OFFSET(VCPU_R11, struct vcpu, arch.regs.r11);
	OFFSET(VCPU_RAX, struct vcpu, arch.regs.rax);
	OFFSET(VCPU_VECTOR, struct vcpu, arch.regs.vector);
	OFFSET(VCPU_ERROR, struct vcpu, arch.regs.error);
	OFFSET(VCPU_RIP, struct vcpu, arch.regs.rip);
	OFFSET(VCPU_CS, struct vcpu, arch.regs.cs);
	OFFSET(VCPU_RFLAGS, struct vcpu, arch.regs.rflags);
	OFFSET(VCPU_RSP, struct vcpu, arch.regs.rsp);
	OFFSET(VCPU_SS, struct vcpu, arch.regs.ss);
	OFFSET(VCPU_KERNEL_MODE, struct vcpu, arch.kernel_mode);
	OFFSET(VCPU_BOUNCE_SP, struct vcpu, arch.bounce_sp);
	OFFSET(VCPU_FAULTED, struct vcpu, arch.faulted);
	OFFSET(VCPU_CR3_USER, struct vcpu, arch.cr3[0]);
	OFFSET(VCPU_CR3_KERNEL, struct vcpu, arch.cr3[1]);
	OFFSET(VCPU_GS_BASE_USER, struct vcpu, arch.gs_base[0]);
	OFFSET(VCPU_GS_BASE_KERNEL, struct vcpu, arch.gs_base[1]);
	OFFSET(VCPU_SYSCALL_CALLBACK, struct vcpu, arch.callback[CALLBACKTYPE_syscall].address);
	OFFSET(VCPU_SYSCALL_FAST, struct vcpu, arch.syscall_fast);
	OFFSET(VCPU_AREA, struct vcpu, arch.area);
	OFFSET(VCPU_DIRECT_ENTRY, struct vcpu, arch.direct_entry);
	OFFSET(VCPU_DIRECT_BACK, struct vcpu, arch.direct_back);
	OFFSET(AREA_RIP, struct guise_vcpu_area, rip);
	OFFSET(AREA_RFLAGS, struct guise_vcpu_area, rflags);
	OFFSET(VCPU_TRAP_PF, struct vcpu, arch.trap[TRAP_PF].address);
	OFFSET(VCPU_INFO, struct vcpu, info);
	OFFSET(VCPU_NR_SYSCALLS, struct vcpu, crossing[GUISE_CROSSING_SYSCALL].count);
	OFFSET(VCPU_NR_IRETS, struct vcpu, crossing[__HYPERVISOR_iret].count);
	OFFSET(INFO_PENDING, struct vcpu_info, evtchn_upcall_pending);
	OFFSET(INFO_MASK, struct vcpu_info, evtchn_upcall_mask);
	NUMBER(HYPERVISOR_IRET, __HYPERVISOR_iret);
	NUMBER(GUISE_HC_PERSONALITY, GUISE_HC_PERSONALITY);
	NUMBER(RFLAGS_IF, X86_RFLAGS_IF);
	NUMBER(RFLAGS_IOPL, X86_RFLAGS_IOPL);
	NUMBER(RFLAGS_GUEST, X86_RFLAGS_GUEST);
	NUMBER(RFLAGS_CLEARED, X86_RFLAGS_CLEARED);
}
