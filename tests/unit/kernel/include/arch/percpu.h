/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * percpu.h - the kernel's, with one CPU that is a variable.
 */
#pragma once

#define this_cpu x86_this_cpu
#include_next <arch/percpu.h>
#undef this_cpu

static inline struct cpu *this_cpu(void)
{
	extern struct cpu boot_cpu;

	return &boot_cpu;
}
