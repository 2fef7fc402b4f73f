/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x86.h - the instructions and constants C cannot say (SDM volumes 2 and 3).
 */
#pragma once

#include <core/types.h>

#define X86_CR0_MP (1u << 1)
#define X86_CR0_EM (1u << 2)
#define X86_CR0_TS (1u << 3)
#define X86_CR0_NE (1u << 5)

#define X86_CR4_DE	   (1u << 3)
#define X86_CR4_OSFXSR	   (1u << 9)
#define X86_CR4_OSXMMEXCPT (1u << 10)
#define X86_CR4_UMIP	   (1u << 11)
#define X86_CR4_FSGSBASE   (1u << 16)
#define X86_CR4_PCIDE	   (1u << 17)
#define X86_CR4_OSXSAVE	   (1u << 18)
#define X86_CR4_SMEP	   (1u << 20)
#define X86_CR4_SMAP	   (1u << 21)

#define X86_RFLAGS_TF	(1u << 8)
#define X86_RFLAGS_IF	(1u << 9)
#define X86_RFLAGS_IOPL (3u << 12)
#define X86_RFLAGS_VM	(1u << 17)
#define X86_RFLAGS_AC	(1u << 18)
/* What a guest may choose for itself: the arithmetic flags, TF, DF, NT, RF, AC, ID. */
#define X86_RFLAGS_GUEST 0x00254dd5u
/* What an entry clears, as SYSCALL does for Linux on hardware: TF, DF, NT, RF, VM, AC. */
#define X86_RFLAGS_CLEARED 0x00074500u

#define X86_DR6_FIXED  0xffff0ff0u
#define X86_DR6_BS     (1u << 14)
#define X86_DR7_FIXED  (1u << 10)
#define X86_DR7_GD     (1u << 13)
#define X86_DR7_ON     0x000000ffu /* L and G of all four	*/
#define X86_DR7_RW_LOW 0x11110000u /* the lower bits of the kinds of access: 2 is one to a port	*/
#define X86_DR7_GUEST  0xffff03ffu /* all but what is fixed, GD and RTM	*/

#define MSR_APIC_BASE	   0x1b
#define MSR_SPEC_CTRL	   0x48
#define MSR_PRED_CMD	   0x49
#define MSR_ARCH_CAPS	   0x10a
#define MSR_SYSENTER_CS	   0x174
#define MSR_PAT		   0x277
#define MSR_TSC_DEADLINE   0x6e0
#define MSR_EFER	   0xc0000080
#define MSR_STAR	   0xc0000081
#define MSR_LSTAR	   0xc0000082
#define MSR_CSTAR	   0xc0000083
#define MSR_SYSCALL_MASK   0xc0000084
#define MSR_FS_BASE	   0xc0000100
#define MSR_GS_BASE	   0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102
#define MSR_TSC_AUX	   0xc0000103

#define EFER_SCE 1u
#define EFER_LME (1u << 8)
#define EFER_LMA (1u << 10)
#define EFER_NX	 (1u << 11)
#define EFER_AI	 (1u << 21) /* automatic IBRS, AMD */

#define TRAP_DB	 1
#define TRAP_NMI 2
#define TRAP_BP	 3
#define TRAP_OF	 4
#define TRAP_UD	 6
#define TRAP_NM	 7
#define TRAP_DF	 8
#define TRAP_GP	 13
#define TRAP_PF	 14
#define TRAP_MC	 18

/* Page-fault error code bits (SDM 3A 4.7). */
#define PF_PRESENT 1u
#define PF_WRITE   2u
#define PF_USER	   4u
#define PF_RSVD	   8u
#define PF_FETCH   16u

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (uint64_t)hi << 32 | lo;
}

static inline void wrmsr(uint32_t msr, uint64_t v)
{
	asm volatile("wrmsr" ::"c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t sub)
{
	struct cpuid c;

	asm volatile("cpuid" : "=a"(c.eax), "=b"(c.ebx), "=c"(c.ecx), "=d"(c.edx) : "a"(leaf), "c"(sub));
	return c;
}

/* Is this CPU one of QEMU's translator? */
static inline bool cpu_emulated(void)
{
	return cpuid(1, 0).ecx >> 31 && cpuid(0x40000000, 0).ebx == 0x54474354; /* TCGT */
}

static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

static inline void outb(uint16_t port, uint8_t v)
{
	asm volatile("outb %0, %1" ::"a"(v), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t v;

	asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

#define X86_CR(n)                                                       \
	static inline uint64_t read_cr##n(void)                         \
	{                                                               \
		uint64_t v;                                             \
                                                                        \
		asm volatile("mov %%cr" #n ", %0" : "=r"(v)::"memory"); \
		return v;                                               \
	}                                                               \
	static inline void write_cr##n(uint64_t v)                      \
	{                                                               \
		asm volatile("mov %0, %%cr" #n ::"r"(v) : "memory");    \
	}
X86_CR(0)
X86_CR(2)
X86_CR(3)
X86_CR(4)
#undef X86_CR

static inline void invlpg(uint64_t va)
{
	asm volatile("invlpg (%0)" ::"r"(va) : "memory");
}

/* What was cached with a PCID: of one address, of all; or with whatever PCID (SDM 2A, INVPCID). */
#define INVPCID_PAGE 0ull
#define INVPCID_PCID 1ull
#define INVPCID_ALL  2ull
static inline void invpcid(uint64_t type, uint64_t pcid, uint64_t va)
{
	const uint64_t descriptor[2] = { pcid, va };

	asm volatile("invpcid %0, %1" ::"m"(descriptor), "r"(type) : "memory");
}

static inline uint64_t rdfsbase(void)
{
	uint64_t v;

	asm volatile("rdfsbase %0" : "=r"(v));
	return v;
}

static inline void wrfsbase(uint64_t v)
{
	asm volatile("wrfsbase %0" ::"r"(v));
}

/* The guest's live GS base hides behind SWAPGS while the kernel runs. */
static inline uint64_t guest_gs_base_get(void)
{
	uint64_t v;

	asm volatile("swapgs; rdgsbase %0; swapgs" : "=r"(v)::"memory");
	return v;
}

static inline void guest_gs_base_set(uint64_t v)
{
	asm volatile("swapgs; wrgsbase %0; swapgs" ::"r"(v) : "memory");
}

static inline void xsetbv(uint32_t reg, uint64_t v)
{
	asm volatile("xsetbv" ::"c"(reg), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)));
}

static inline bool canonical(uint64_t va)
{
	return (uint64_t)((int64_t)(va << 16) >> 16) == va;
}
