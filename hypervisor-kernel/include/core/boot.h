/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * boot.h - what the boot loader said, copied out of its memory before anything is allocated.
 */
#pragma once

#include <core/types.h>

#define BOOT_MAX_RANGES 64

struct boot_range {
	paddr_t start, end; /* usable RAM, not overlapping	*/
};

struct boot_info {
	struct boot_range ram[BOOT_MAX_RANGES];
	unsigned nr_ram;
	paddr_t archive, archive_len; /* the boot archive		*/
	paddr_t rsdp;		      /* ACPI root pointer, 0 = to be searched */
	paddr_t acpi_root;	      /* the RSDT or XSDT */
	char cmdline[512];
};

extern struct boot_info boot_info;

/* Value of "name=..." or presence of "name" on the kernel's command line. */
bool boot_flag(const char *name);
uint64_t boot_number(const char *name, uint64_t otherwise);

/* core/boot.c: the order the system is born in; called by the arch code with paging and the
 * direct map ready. */
void kmain(void) __attribute__((noreturn));

/* core/first_domain.c: build domain 0 from the archive. */
void first_domain_build(void);
/* arch: bring up this CPU's parts. */
void arch_init(void);
/* This CPU runs domains from here on. */
void arch_start_guests(void) __attribute__((noreturn));
