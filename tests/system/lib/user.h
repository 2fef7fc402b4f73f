/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * user.h - this domain's user mode: the same lower half under a root of its own.
 */
#pragma once

#include <stdint.h>

/* Give the vCPU user page tables and a stack for what comes back. */
void user_init(void);
/* Run fn in user mode with rdi = a, rsi = b until it traps: the details are in `trapped`. */
void user_run(void (*fn)(uint64_t a, uint64_t b), uint64_t a, uint64_t b);
/* The same for a frame of one's own. */
struct iret_context;
struct iret_context user_frame(void (*fn)(uint64_t a, uint64_t b));
/* Root and stack that user_init() made. */
extern uint64_t *user_root;
extern uint64_t user_kernel_sp, user_sp;
