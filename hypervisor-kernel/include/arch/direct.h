/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * direct.h - the direct map: every RAM frame is always addressable by the kernel.
 */
#pragma once

#include <arch/layout.h>
#include <core/types.h>

static inline void *mfn_to_virt(mfn_t m)
{
	return (void *)(DIRECT_VIRT + (m << PAGE_SHIFT));
}

mfn_t virt_to_mfn(const void *p);
