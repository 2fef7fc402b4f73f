/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fpu.c - vector state: XSAVE with one fixed set of components for all domains.
 *
 * XCR0 never changes after boot, so what user space reads with XGETBV is always what is switched.
 */
#include <arch/arch.h>
#include <core/lib.h>
#include <core/vcpu.h>

#define XCR0_WANTED 0xe7ull /* x87, SSE, AVX, AVX-512; no MPX, PKRU or AMX */

uint64_t fpu_xcr0;

void fpu_init_cpu(void)
{
	struct cpuid c = cpuid(1, 0);

	if (!(c.ecx & (1u << 26)))
		panic("this CPU has no XSAVE; use -cpu max or host");
	if (!(cpuid(7, 0).ebx & 1))
		panic("this CPU has no FSGSBASE; use -cpu max or host");
	write_cr4(read_cr4() | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | X86_CR4_OSXSAVE | X86_CR4_FSGSBASE | X86_CR4_DE);
	write_cr0((read_cr0() & ~(uint64_t)(X86_CR0_EM | X86_CR0_TS)) | X86_CR0_MP | X86_CR0_NE);
	fpu_xcr0 = cpuid(13, 0).eax & XCR0_WANTED;
	if ((fpu_xcr0 & 0xe0) != 0xe0)
		fpu_xcr0 &= 7;
	xsetbv(0, fpu_xcr0);
	BUG_ON(cpuid(13, 0).ebx > FPU_AREA_SIZE);
}
