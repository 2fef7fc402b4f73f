/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * calls.h - two guests that call the kernel as the input has it.
 */
#pragma once

#include "../unit/kernel/fake.h"

/* The guests' memory, at a fixed address so that an input can point into it. */
#define MEMORY 0x10000000ull
#define BYTES  16384u
#define FRAMES 48u /* of each guest, page tables included */

extern struct guest guests[2];

/* Somewhere in that memory; something that may be an argument. */
uint64_t some_pointer(void);
uint64_t some_value(void);
/* One call of g, which is running, or a thing that happens without one. */
void some_act(struct guest *g);
