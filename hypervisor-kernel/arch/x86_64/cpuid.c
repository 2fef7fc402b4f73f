/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cpuid.c - the CPU a guest is told it runs on: the real one, less what ring 3 cannot use or the
 * kernel does not switch (docs/abi.md lists each bit and why).
 */
#include <arch/arch.h>
#include <arch/x86.h>
#include <core/lib.h>
#include <core/vcpu.h>
#include <guise.h>

/* Leaf 1 EDX: VME PSE MCE SEP MTRR PGE MCA PSE36 ACPI are hidden. */
#define HIDE_1_EDX (1u << 1 | 1u << 3 | 1u << 7 | 1u << 11 | 1u << 12 | 1u << 13 | 1u << 14 | 1u << 17 | 1u << 22)
/* Leaf 1 ECX: DTES64 MONITOR DSCPL VMX SMX EST TM2 PDCM PCID DCA X2APIC TSC_DEADLINE. */
#define HIDE_1_ECX                                                                                              \
	(1u << 2 | 1u << 3 | 1u << 4 | 1u << 5 | 1u << 6 | 1u << 7 | 1u << 8 | 1u << 15 | 1u << 17 | 1u << 18 | \
	 1u << 21 | 1u << 24)
/* Leaf 7 EBX: FSGSBASE TSC_ADJUST SGX SMEP INVPCID PQM MPX PQE SMAP PT. */
#define HIDE_7_EBX \
	(1u << 0 | 1u << 1 | 1u << 2 | 1u << 7 | 1u << 10 | 1u << 12 | 1u << 14 | 1u << 15 | 1u << 20 | 1u << 25)
/* Leaf 7 ECX: UMIP PKU OSPKE WAITPKG CET_SS LA57 RDPID KL BUS_LOCK ENQCMD PKS SGX_LC. */
#define HIDE_7_ECX                                                                                                \
	(1u << 2 | 1u << 3 | 1u << 4 | 1u << 5 | 1u << 7 | 1u << 16 | 1u << 22 | 1u << 23 | 1u << 24 | 1u << 29 | \
	 1u << 30 | 1u << 31)
/* Leaf 7 EDX: everything with an MSR behind it: UINTR, LBR, PCONFIG, CET_IBT, AMX, IBRS, STIBP,
 * FLUSH_L1D, ARCH_CAPABILITIES, CORE_CAPABILITIES, SSBD, hybrid. */
#define KEEP_7_EDX (1u << 2 | 1u << 3 | 1u << 4 | 1u << 10 | 1u << 14 | 1u << 23)

static const char guise_signature[] = GUISE_CPUID_SIGNATURE;

static void hypervisor_leaf(const struct vcpu *v, uint32_t leaf, uint32_t sub, uint32_t out[4])
{
	switch (leaf) {
	case 0x40000000:
		out[0] = 0x40000005;
		memcpy(&out[1], "XenVMMXenVMM", 12);
		break;
	case 0x40000001:
		out[0] = 4u << 16 | 17;
		break;
	case 0x40000002:
		out[0] = 1;
		out[1] = 0x40000200;
		out[2] = 1; /* MMU_PT_UPDATE_PRESERVE_AD */
		break;
	case 0x40000003:
		if (sub == 0) {
			out[0] = 1u << 1; /* the TSC is a good clock */
			out[1] = 2;	  /* and never emulated */
			out[2] = tsc_khz;
		}
		break;
	case 0x40000005:
		out[1] = 40; /* machine address bits: grant table version 1 will do */
		break;
	case GUISE_CPUID_BASE:
		out[0] = GUISE_CPUID_CROSSINGS;
		memcpy(&out[1], guise_signature, 12);
		break;
	case GUISE_CPUID_FEATURES:
		out[0] = PERSONALITY_OFFERED;
		break;
	case GUISE_CPUID_CROSSINGS:
		if (sub < GUISE_CROSSINGS)
			memcpy(out, &v->crossing[sub], 16);
		break;
	}
}

static void basic_leaf(struct vcpu *v, uint32_t leaf, uint32_t sub, uint32_t out[4])
{
	switch (leaf) {
	case 0:
		out[0] = MIN(out[0], 0xdu);
		break;
	case 1:
		out[3] &= ~HIDE_1_EDX;
		out[2] &= ~HIDE_1_ECX;
		out[2] |= 1u << 31 | 1u << 27; /* hypervisor, OSXSAVE */
		out[1] = (out[1] & 0xff00) | v->id << 24 | 1u << 16;
		break;
	case 7:
		if (sub) {
			memset(out, 0, 16);
			break;
		}
		out[0] = 0;
		out[1] &= ~HIDE_7_EBX;
		out[2] &= ~HIDE_7_ECX;
		out[3] &= KEEP_7_EDX;
		if (!(fpu_xcr0 & 0xe0))
			out[1] &= ~(0xdc230000u); /* AVX-512 */
		break;
	case 0xd:
		if (sub == 0) {
			out[0] = (uint32_t)fpu_xcr0;
			out[3] = 0;
			out[2] = out[1];
		} else if (sub == 1) {
			out[0] &= 3; /* XSAVEOPT, XSAVEC; no XSAVES */
			out[1] = out[2] = out[3] = 0;
		} else if (sub > 62 || !(fpu_xcr0 >> sub & 1)) {
			memset(out, 0, 16);
		}
		break;
	case 2:
	case 4:
		break;
	default:
		memset(out, 0, 16);
	}
}

static void extended_leaf(uint32_t leaf, uint32_t out[4])
{
	switch (leaf) {
	case 0x80000000:
		out[0] = 0x80000021;
		break;
	case 0x80000001:
		out[3] &= ~(HIDE_1_EDX & 0x0183f3ffu) & ~(1u << 26); /* and 1 GiB pages */
		out[3] |= 1u << 11;				     /* SYSCALL */
		/* SVM, extended APIC, OSVW, IBS, SKINIT, WDT, LWP, node id, topology, perf counters, MWAITX */
		out[2] &= ~(1u << 2 | 1u << 3 | 1u << 9 | 1u << 10 | 1u << 12 | 1u << 13 | 1u << 15 | 1u << 19 |
			    1u << 22 | 1u << 23 | 1u << 24 | 1u << 27 | 1u << 28 | 1u << 29);
		break;
	case 0x80000007:
		out[0] = out[1] = out[2] = 0;
		out[3] = 1u << 8; /* the TSC is invariant: the kernel keeps time by it */
		break;
	case 0x80000008:
		out[1] &= 1u << 0; /* CLZERO; nothing with an MSR */
		out[2] = out[3] = 0;
		break;
	case 0x80000021:
		out[0] = 1u << 6; /* a null selector clears the base */
		out[1] = out[2] = out[3] = 0;
		break;
	case 0x80000002:
	case 0x80000003:
	case 0x80000004:
	case 0x80000005:
	case 0x80000006:
		break;
	default:
		memset(out, 0, 16);
	}
}

void guest_cpuid(struct vcpu *v, uint32_t leaf, uint32_t sub, uint32_t out[4])
{
	struct cpuid c;

	if (leaf >= 0x40000000 && leaf < 0x40010000) {
		memset(out, 0, 16);
		hypervisor_leaf(v, leaf, sub, out);
		return;
	}
	c = cpuid(leaf, sub);
	out[0] = c.eax;
	out[1] = c.ebx;
	out[2] = c.ecx;
	out[3] = c.edx;
	if (leaf < 0x80000000)
		basic_leaf(v, leaf, sub, out);
	else
		extended_leaf(leaf, out);
}
