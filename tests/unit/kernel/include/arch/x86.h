/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x86.h - the kernel's constants; the instructions that ring 3 may not execute act on a fake CPU.
 */
#pragma once

#define write_cr3	  x86_write_cr3
#define invlpg		  x86_invlpg
#define invpcid		  x86_invpcid
#define rdmsr		  x86_rdmsr
#define wrmsr		  x86_wrmsr
#define rdfsbase	  x86_rdfsbase
#define wrfsbase	  x86_wrfsbase
#define guest_gs_base_get x86_guest_gs_base_get
#define guest_gs_base_set x86_guest_gs_base_set
#include_next <arch/x86.h>
#undef write_cr3
#undef invlpg
#undef invpcid
#undef rdmsr
#undef wrmsr
#undef rdfsbase
#undef wrfsbase
#undef guest_gs_base_get
#undef guest_gs_base_set

/* mmu_fake.c */
void write_cr3(uint64_t cr3);
void invlpg(uint64_t va);
void invpcid(uint64_t type, uint64_t pcid, uint64_t va);

/* arch_fake.c: what was written to model-specific registers, in order */
uint64_t rdmsr(uint32_t msr);
void wrmsr(uint32_t msr, uint64_t v);

struct fake_bases {
	uint64_t fs, gs;
};
extern struct fake_bases fake_bases;

static inline uint64_t rdfsbase(void)
{
	return fake_bases.fs;
}

static inline void wrfsbase(uint64_t v)
{
	fake_bases.fs = v;
}

static inline uint64_t guest_gs_base_get(void)
{
	return fake_bases.gs;
}

static inline void guest_gs_base_set(uint64_t v)
{
	fake_bases.gs = v;
}
