/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * start.h - how a native domain begins and ends, and where its memory is.
 */
#pragma once

#include <runtime/xen.h>

extern const struct start_info *start;
extern struct shared_info *const shared;
extern unsigned pulses; /* signs of life that this domain gave */

/* Each program defines it.  All of the runtime is ready; returning ends the domain: 0 as a
 * power-off, anything else as a crash. */
int domain_main(void);

/* The frame behind an address of the domain's own memory (not of the window); panics on others. */
uint64_t virt_to_mfn(const void *p); /* machine frame number */
uint64_t virt_to_gfn(const void *p); /* index in this domain's memory */

/* The address a device uses for p: good up to the end of p's page. */
uint64_t virt_to_bus(const void *p);

/* End the domain; reason is SHUTDOWN_* of xen/sched.h. */
__attribute__((noreturn)) void domain_shutdown(unsigned reason);
