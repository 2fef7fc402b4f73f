/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fsck.h - the books of the kernel, derived anew and compared.
 */
#pragma once

#include <core/types.h>

struct domain;
struct guise_system_check;

/* All of it; nothing else may change it meanwhile, and no lock is held.  The numbers of what was looked at. */
void fsck(struct guise_system_check *out);
/* Of this domain what is cached for its CPUs. */
void fsck_tlb(struct domain *d);
/* May d use m at this entry of this table of its?  table FRAME_NIL: at any of its tables. */
bool fsck_may_name(struct domain *d, uint32_t table, unsigned index, mfn_t m, bool write);

/* Something does not agree.  Whoever links this has it; it may return. */
void fsck_fault(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
