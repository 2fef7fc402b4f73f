/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cpuid.c - the CPU a guest is told it runs on: the real one, less what ring 3 cannot use or the
 * kernel does not switch (docs/abi.md lists each bit and why).
 */
#include <arch/arch.h>
#include <core/lib.h>
#include <core/vcpu.h>

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

/* Leaf 0x80000001 EDX: the same as in leaf 1, and 1 GiB pages. */
#define HIDE_EXT_EDX ((HIDE_1_EDX & 0x0183f3ffu) | 1u << 26)
/* ECX: SVM, extended APIC, OSVW, IBS, SKINIT, WDT, LWP, node id, topology, perf counters, MWAITX. */
#define HIDE_EXT_ECX                                                                                                \
	(1u << 2 | 1u << 3 | 1u << 9 | 1u << 10 | 1u << 12 | 1u << 13 | 1u << 15 | 1u << 19 | 1u << 22 | 1u << 23 | \
	 1u << 24 | 1u << 27 | 1u << 28 | 1u << 29)
#define AVX512 0xdc230000u /* leaf 7 EBX */
#define ERMS   (1u << 9)   /* the same */
#define FSRM   (1u << 4)   /* leaf 7 EDX */

/* Shown as the CPU has them. */
static const uint32_t whole[] = { 0, 2, 4, 0xd, 0x80000002, 0x80000003, 0x80000004, 0x80000005, 0x80000006 };

/* Of each leaf, EAX to EDX: which bits of the CPU's are shown, and what is added.  All others are 0. */
static const struct view {
	uint32_t leaf, keep[4], set[4];
} views[] = {
	{ 1,
	  { ~0u, 0xff00, ~HIDE_1_ECX, ~HIDE_1_EDX },
	  { 0, 1u << 16, 1u << 31 | 1u << 27 } }, /* hypervisor, OSXSAVE */
	{ 7, { 0, ~HIDE_7_EBX, ~HIDE_7_ECX, KEEP_7_EDX }, { 0 } },
	{ 0x40000000, { 0 }, { 0x40000005, 0x566e6558, 0x65584d4d, 0x4d4d566e } }, /* XenVMMXenVMM */
	{ 0x40000001, { 0 }, { 4u << 16 | 17 } },
	{ 0x40000002, { 0 }, { 1, 0x40000200, 1 } }, /* MMU_PT_UPDATE_PRESERVE_AD */
	{ 0x40000003, { 0 }, { 1u << 1, 2 } },	     /* the TSC is a good clock, and never emulated */
	{ 0x40000005, { 0 }, { 0, 40 } },	     /* machine address bits: grant table version 1 will do */
	{ GUISE_CPUID_BASE, { 0 }, { GUISE_CPUID_CROSSINGS } },
	{ GUISE_CPUID_FEATURES, { 0 }, { PERSONALITY_OFFERED } },
	{ 0x80000000, { 0 }, { 0x80000021 } },
	{ 0x80000001, { ~0u, ~0u, ~HIDE_EXT_ECX, ~HIDE_EXT_EDX }, { 0, 0, 0, 1u << 11 } }, /* SYSCALL */
	{ 0x80000007, { 0 }, { 0, 0, 0, 1u << 8 } }, /* the TSC is invariant: the kernel keeps time by it */
	{ 0x80000008, { ~0u, 1u << 0 }, { 0 } },     /* CLZERO; nothing with an MSR */
	{ 0x80000021, { 0 }, { 1u << 6 } },	     /* a null selector clears the base */
};

static void xsave_leaf(uint32_t sub, uint32_t out[4])
{
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
}

static void leaf_7(uint32_t out[4])
{
	if (!(fpu_xcr0 & 0xe0))
		out[1] &= ~AVX512;
	if (cpu_emulated()) { /* it takes as long for a step of REP MOVSB as for one of REP MOVSQ */
		out[1] &= ~ERMS;
		out[3] &= ~FSRM;
	}
}

void guest_cpuid(struct vcpu *v, uint32_t leaf, uint32_t sub, uint32_t out[4])
{
	struct cpuid c = cpuid(leaf, sub);
	const uint32_t is[4] = { c.eax, c.ebx, c.ecx, c.edx };

	memset(out, 0, 16);
	for (unsigned i = 0; i < ARRAY_SIZE(whole); i++)
		if (whole[i] == leaf)
			memcpy(out, is, 16);
	for (unsigned i = 0; i < ARRAY_SIZE(views); i++)
		for (unsigned k = 0; k < 4 && views[i].leaf == leaf; k++)
			out[k] = (is[k] & views[i].keep[k]) | views[i].set[k];
	if (leaf == 0)
		out[0] = MIN(out[0], 0xdu);
	else if (leaf == 1)
		out[1] |= v->id << 24;
	else if (leaf == 7)
		leaf_7(out);
	else if (leaf == 0xd)
		xsave_leaf(sub, out);
	else if (leaf == 0x40000003)
		out[2] = tsc_khz;
	else if (leaf == GUISE_CPUID_BASE)
		memcpy(&out[1], GUISE_CPUID_SIGNATURE, 12);
	else if (leaf == GUISE_CPUID_CROSSINGS && sub < GUISE_CROSSINGS)
		memcpy(out, &v->crossing[sub], 16);
	if (sub && (leaf == 7 || leaf == 0x40000003))
		memset(out, 0, 16);
}
