/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * speculation.c - what keeps a guest from learning by speculation what it may not read, by CPU: docs/security.md.
 *
 * Always there: the kernel's indirect calls are retpolines (build.mk), and page-table entries that are not present
 * are 0 (L1TF).
 */
#include <arch/arch.h>
#include <core/boot.h>
#include <core/lib.h>

/* IA32_ARCH_CAPABILITIES (SDM 4, table 2-2) */
#define CAP_RDCL_NO  (1u << 0)
#define CAP_IBRS_ALL (1u << 1)
#define CAP_CLEAN    (1u << 5 | 1u << 8)   /* MDS_NO, TAA_NO	*/
#define CAP_CLEAR    (1u << 17 | 1u << 28) /* FB_CLEAR, RFDS_CLEAR	*/

uint32_t speculation;

uint32_t speculation_decide(bool intel, uint32_t edx7, uint32_t ebx8, uint32_t eax21, uint64_t caps)
{
	bool leaks = intel && ~caps & CAP_CLEAN, verw = (leaks && edx7 & 1u << 10) || caps & CAP_CLEAR;

	return (intel && !(caps & CAP_RDCL_NO) ? SPECULATION_MELTDOWN : 0) |
	       (caps & CAP_IBRS_ALL ? SPECULATION_IBRS : 0) | (eax21 & 1u << 8 ? SPECULATION_AUTO_IBRS : 0) |
	       (verw ? SPECULATION_VERW : 0) | (leaks && !verw ? SPECULATION_LEAKS : 0) | SPECULATION_RETURNS |
	       ((edx7 & 1u << 26) || (ebx8 & 1u << 12) ? SPECULATION_IBPB : 0);
}

uint32_t speculation_hide(uint32_t s, bool hide, bool meltdown)
{
	return hide || (s & SPECULATION_MELTDOWN && !meltdown) ? (s & ~SPECULATION_MELTDOWN) | SPECULATION_HIDDEN : s;
}

void speculation_init_cpu(void)
{
	if (speculation & SPECULATION_IBRS)
		wrmsr(MSR_SPEC_CTRL, 1);
	if (speculation & SPECULATION_AUTO_IBRS)
		wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_AI);
}

/* Before the kernel's text is mapped for good.  An emulator executes nothing before its time. */
void speculation_init(void)
{
	static const char *const word[] = { "MELTDOWN", "LEAKS",   "IBRS", "automatic IBRS",
					    "IBPB",	"returns", "VERW", "hidden" };
	struct cpuid seven = cpuid(7, 0), amd = cpuid(0x80000000, 0);
	uint64_t caps = seven.edx & 1u << 29 ? rdmsr(MSR_ARCH_CAPS) : 0;

	if (!cpu_emulated())
		speculation = speculation_decide(cpuid(0, 0).ebx == 0x756e6547 /* Genu */, seven.edx,
						 cpuid(0x80000008, 0).ebx,
						 amd.eax < 0x80000021 ? 0 : cpuid(0x80000021, 0).eax, caps);
	speculation = speculation_hide(speculation, boot_flag("hide"), boot_flag("meltdown"));
	printk("guise: speculation: retpolines");
	for (unsigned i = 0; i < ARRAY_SIZE(word); i++)
		if (speculation & 1u << i)
			printk(", %s", word[i]);
	printk(cpu_emulated() ? "; an emulated CPU needs no more\n" : "\n");
	speculation_init_cpu();
}

/* Another domain than the last one gets this CPU: nothing that one did shall steer it, and 32 return addresses
 * lead nowhere. */
void speculation_switch(void)
{
	if (speculation & SPECULATION_IBPB)
		wrmsr(MSR_PRED_CMD, 1);
	if (speculation & SPECULATION_RETURNS)
		asm volatile(
			"mov $32, %%ecx; 1: call 3f; 2: pause; lfence; jmp 2b; 3: dec %%ecx; jnz 1b; add $256, %%rsp" ::
				: "ecx", "cc", "memory");
}
