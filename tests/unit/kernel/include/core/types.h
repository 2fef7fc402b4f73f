/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * types.h - the kernel's, but for the visibility: here the C library's names follow it.
 */
#pragma once

#include_next <core/types.h>
#pragma GCC visibility pop
