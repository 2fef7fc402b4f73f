/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * native.h - the memory of a native domain (a driver) at its first instruction (guise.h).
 */
#pragma once

#include "domain.h"
#include "elf.h"

/* Fill a created domain from its program, but for the module of that length; nobody has to know yet what it will hold. */
void native_fill(struct domain *d, const struct elf_image *elf, size_t module_len, const char *cmdline);
/* Write the module, which is what mod_start points to (page aligned), and start it. */
void native_start(struct domain *d, const struct elf_image *elf, const void *module, size_t module_len);
/* Both. */
void native_build(struct domain *d, const struct elf_image *elf, const void *module, size_t module_len,
		  const char *cmdline);
