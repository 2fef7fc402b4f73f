/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * measure.h - the clock of a benchmark, in TSC ticks and nanoseconds, and what the vCPU did in Guise's kernel
 * meanwhile.  Under QEMU's -icount shift=0 a tick is an instruction, the hypervisor's included.
 */
#pragma once

#include <stdint.h>

#define CROSSINGS 80 /* GUISE_CROSSINGS in guise.h */

struct sample {
	double ticks, ns;
	double pace; /* what harness.c's pace() took before and after, nanoseconds */
	double crossing[CROSSINGS], crossing_ticks[CROSSINGS];
};

/* Find out whether Guise is below; once, at start. */
void measure_init(void);
/* From reset() on, the time between go() and stop() adds up. */
void measure_reset(void);
void go(void);
void stop(void);
/* The sum, divided by ops. */
struct sample measure_result(unsigned ops);
/* Print `"name": value` for each crossing of s that was taken, with its ticks where they are known. */
void measure_print_crossings(const struct sample *s);
const char *measure_system(void); /* "guise", "xen" or "native" */

__attribute__((noreturn, format(printf, 1, 2))) void die(const char *fmt, ...);
