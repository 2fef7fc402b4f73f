/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * elf.h - what the builders need of an ELF64 program, every field checked first.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define ELF_MAX_SEGMENTS 16

struct elf_segment {
	uint64_t vaddr, paddr, memsz, filesz;
	const char *data; /* filesz bytes in the file */
};

struct elf_image {
	uint64_t entry;
	unsigned nr;
	struct elf_segment segment[ELF_MAX_SEGMENTS];
	uint64_t low, high; /* physical range of all segments		*/
	/* of a Xen PV kernel's notes */
	int is_pv; /* it has an entry for Xen PV			*/
	uint64_t pv_entry, virt_base, paddr_offset, init_p2m;
	int mod_start_pfn, hypercall_page; /* hypercall_page: it wants one to be filled */
};

/* NULL, or why the file cannot be used. */
const char *elf_parse(const void *file, size_t size, struct elf_image *elf);
