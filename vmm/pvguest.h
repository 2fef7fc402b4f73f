/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pvguest.h - the memory of a stock PV guest at its first instruction (docs/abi.md, "Domain start").
 */
#pragma once

#include "domain.h"
#include "elf.h"

struct pv_layout { /* all in pages from guest frame 0 */
	uint64_t start_info, store, console, tables, nr_tables, stack, mapped;
	uint64_t ramdisk, nr_ramdisk, p2m, nr_p2m, p2m_tables, nr_p2m_tables, end;
};

/* Where everything goes for a guest of nr pages.  NULL, or why it cannot be. */
const char *pv_layout_plan(struct pv_layout *l, const struct elf_image *elf, uint64_t nr, uint64_t ramdisk_bytes);

struct pv_build {
	struct elf_image elf;
	struct pv_layout layout;
	const char *ramdisk; /* stays valid while it is built	*/
	size_t ramdisk_len;
	const char *cmdline;
	unsigned stage; /* what is being written, and how much of it is	*/
	size_t done;
};

/* Fill a populated domain a piece at a time and set its first vCPU's context; d->error says what went
 * wrong.  1: call again. */
int pv_build_step(struct domain *d, struct pv_build *b);
