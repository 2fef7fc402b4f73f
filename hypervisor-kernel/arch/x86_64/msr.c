/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * msr.c - the model-specific registers a PV kernel touches; every other one is a #GP.
 */
#include <arch/arch.h>
#include <core/vcpu.h>

bool guest_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	switch (msr) {
	case MSR_FS_BASE:
		*value = rdfsbase();
		return true;
	case MSR_GS_BASE:
		*value = guest_gs_base_get();
		return true;
	case MSR_KERNEL_GS_BASE:
		*value = v->arch.gs_base[0];
		return true;
	case MSR_EFER:
		*value = EFER_SCE | EFER_LME | EFER_LMA | EFER_NX;
		return true;
	case MSR_PAT:
		*value = 0x050100070406;
		return true;
	case MSR_APIC_BASE:
		*value = 0xfee00000 | 1u << 11 | (v->id ? 0 : 1u << 8);
		return true;
	case MSR_TSC_AUX:
		*value = 0;
		return true;
	}
	return false;
}

bool guest_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value)
{
	if (msr >= MSR_FS_BASE && msr <= MSR_KERNEL_GS_BASE && !canonical(value))
		return false;
	switch (msr) {
	case MSR_FS_BASE:
		wrfsbase(value);
		return true;
	case MSR_GS_BASE:
		guest_gs_base_set(value);
		return true;
	case MSR_KERNEL_GS_BASE:
		v->arch.gs_base[0] = value;
		return true;
	case MSR_TSC_AUX: /* RDTSCP is not used for the CPU number by a PV kernel's vDSO */
	case MSR_PAT:
	case MSR_APIC_BASE:
		return true;
	}
	return false;
}
