/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * native.h - the memory of a native domain (a driver) at its first instruction (guise.h).
 */
#pragma once

#include "domain.h"
#include "elf.h"

/* Fill a created domain from its program; module is what mod_start points to (page aligned). */
void native_build(struct domain *d, const struct elf_image *elf, const void *module, size_t module_len,
		  const char *cmdline);
