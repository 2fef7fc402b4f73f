/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * asm-offsets.c - offsets of structure fields for assembly; compiled to text, never linked.
 */
#include <arch/percpu.h>
#include <core/vcpu.h>

#define OFFSET(name, type, member) asm volatile("\n#define " #name " %c0" ::"i"(offsetof(type, member)))

void asm_offsets(void);
void asm_offsets(void)
{
	OFFSET(CPU_CURRENT, struct cpu, current);
	OFFSET(CPU_REGS_END, struct cpu, regs_end);
	OFFSET(CPU_STACK_TOP, struct cpu, stack_top);
	OFFSET(CPU_SCRATCH, struct cpu, scratch);
	OFFSET(CPU_CR3, struct cpu, cr3);
	OFFSET(CPU_RESCHED, struct cpu, resched);
	OFFSET(VCPU_KERNEL_MODE, struct vcpu, arch.kernel_mode);
	OFFSET(VCPU_KERNEL_SP, struct vcpu, arch.kernel_sp);
	OFFSET(VCPU_CR3_USER, struct vcpu, arch.cr3[0]);
	OFFSET(VCPU_CR3_KERNEL, struct vcpu, arch.cr3[1]);
	OFFSET(VCPU_GS_BASE_USER, struct vcpu, arch.gs_base[0]);
	OFFSET(VCPU_GS_BASE_KERNEL, struct vcpu, arch.gs_base[1]);
	OFFSET(VCPU_SYSCALL_CALLBACK, struct vcpu, arch.syscall_callback);
	OFFSET(VCPU_SYSCALL_MASKS, struct vcpu, arch.syscall_masks);
	OFFSET(VCPU_INFO, struct vcpu, arch.info);
	asm volatile("\n#define REGS_SIZE %c0" ::"i"(sizeof(struct regs)));
	asm volatile("\n#define CPU_SIZE %c0" ::"i"(sizeof(struct cpu)));
	OFFSET(CPU_STACK, struct cpu, stack);
}
