/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * direct.h - RAM is the arena of arch_fake.c.
 */
#pragma once

#include <core/types.h>

void *mfn_to_virt(mfn_t m);
mfn_t virt_to_mfn(const void *p);
