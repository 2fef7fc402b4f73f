/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * smp.h - a second vCPU of this domain.
 */
#pragma once

#include <stdint.h>

#include <runtime/hypercall.h>

/* A context that runs fn(arg) on a stack of its own, with this domain's traps. */
void vcpu_context(vcpu_guest_context_t *c, void (*fn)(uint64_t arg), uint64_t arg);
/* Initialise and start vCPU id. */
void vcpu_start(unsigned id, void (*fn)(uint64_t arg), uint64_t arg);
long vcpu_op(unsigned cmd, uint64_t id, void *arg);
