/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * time.c - what time it is, from the clock page that the kernel keeps.
 */
#include <runtime/event.h>
#include <runtime/io.h>
#include <runtime/start.h>

uint64_t time_ns(void)
{
	const volatile struct vcpu_time_info *t = &shared->vcpu_info[0].time;
	uint32_t version;
	uint64_t ns;

	do {
		uint64_t ticks;

		version = t->version;
		rmb();
		ticks = rdtsc() - t->tsc_timestamp;
		ticks = t->tsc_shift < 0 ? ticks >> -t->tsc_shift : ticks << t->tsc_shift;
		ns = t->system_time + (uint64_t)((unsigned __int128)ticks * t->tsc_to_system_mul >> 32);
		rmb();
	} while (version & 1 || version != t->version);
	return ns;
}

uint64_t wall_seconds(void)
{
	const volatile struct shared_info *s = shared;
	uint32_t version;
	uint64_t ns;

	do {
		version = s->wc_version;
		rmb();
		ns = ((uint64_t)s->wc_sec_hi << 32 | s->wc_sec) * 1000000000ull + s->wc_nsec;
		rmb();
	} while (version & 1 || version != s->wc_version);
	return (ns + time_ns()) / 1000000000ull;
}
