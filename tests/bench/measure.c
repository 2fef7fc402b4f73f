/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * measure.c - see measure.h.
 *
 * Guise answers the forced CPUID of Xen's PV guests in user mode, too, and counts there what this vCPU did in its
 * kernel (docs/abi.md).  On a machine without Xen the form is an illegal instruction: it is tried only where the
 * kernel says that Xen is below.
 */
#include "measure.h"

#include <fcntl.h>
#include <guise.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

_Static_assert(CROSSINGS == GUISE_CROSSINGS, "as the kernel counts");

static const char *const names[CROSSINGS] = {
#define CROSSING(nr, name) [nr] = name,
#include <crossings.def>
#undef CROSSING
};

struct reading {
	uint64_t ticks, ns;
	uint64_t crossing[CROSSINGS], crossing_ticks[CROSSINGS];
};

static const char *hypervisor = "native";
static bool counted;
static struct reading begin;
static struct sample sum;

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("{\"error\": \"");
	vprintf(fmt, ap);
	printf("\"}\n");
	va_end(ap);
	exit(1);
}

static void forced_cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
	asm volatile(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2"
		     : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
		     : "a"(leaf), "c"(sub));
}

void measure_init(void)
{
	char type[16] = "";
	uint32_t r[4];
	int fd = open("/sys/hypervisor/type", O_RDONLY);

	if (fd < 0)
		return;
	if (read(fd, type, sizeof(type) - 1) > 0 && !strcmp(type, "xen\n")) {
		hypervisor = "xen";
		forced_cpuid(GUISE_CPUID_BASE, 0, r);
		if (!memcmp(&r[1], GUISE_CPUID_SIGNATURE, 12)) {
			hypervisor = "guise";
			counted = r[0] >= GUISE_CPUID_CROSSINGS;
		}
	}
	close(fd);
}

const char *measure_system(void)
{
	return hypervisor;
}

static void read_crossings(struct reading *to)
{
	uint32_t r[4];

	for (uint32_t i = 0; counted && i < CROSSINGS; i++) {
		forced_cpuid(GUISE_CPUID_CROSSINGS, i, r);
		to->crossing[i] = r[0] | (uint64_t)r[1] << 32;
		to->crossing_ticks[i] = r[2] | (uint64_t)r[3] << 32;
	}
}

static uint64_t nanoseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static inline uint64_t ticks(void)
{
	uint32_t low, high;

	asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
	return low | (uint64_t)high << 32;
}

void measure_reset(void)
{
	memset(&sum, 0, sizeof(sum));
}

void go(void)
{
	read_crossings(&begin);
	begin.ns = nanoseconds();
	begin.ticks = ticks();
}

void stop(void)
{
	static struct reading end;

	end.ticks = ticks();
	end.ns = nanoseconds();
	read_crossings(&end);
	sum.ticks += (double)(end.ticks - begin.ticks);
	sum.ns += (double)(end.ns - begin.ns);
	for (unsigned i = 0; i < CROSSINGS; i++) {
		sum.crossing[i] += (double)(end.crossing[i] - begin.crossing[i]);
		sum.crossing_ticks[i] += (double)(end.crossing_ticks[i] - begin.crossing_ticks[i]);
	}
	/* What reading the counters itself emulates. */
	if (counted)
		sum.crossing[GUISE_CROSSING_EMULATED] -= CROSSINGS;
}

struct sample measure_result(unsigned ops)
{
	struct sample s = sum;

	s.ticks /= ops;
	s.ns /= ops;
	for (unsigned i = 0; i < CROSSINGS; i++) {
		s.crossing[i] /= ops;
		s.crossing_ticks[i] /= ops;
	}
	return s;
}

void measure_print_crossings(const struct sample *s)
{
	const char *comma = "";

	for (unsigned i = 0; i < CROSSINGS; i++) {
		if (s->crossing[i] < 0.005)
			continue;
		printf("%s\"%s\": [%.2f, %.1f]", comma, names[i] ? names[i] : "other", s->crossing[i],
		       s->crossing_ticks[i]);
		comma = ", ";
	}
}
