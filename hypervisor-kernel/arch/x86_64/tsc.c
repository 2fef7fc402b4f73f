/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tsc.c - system time is a linear function of the time-stamp counter, the same one that guests
 * compute from vcpu_time_info (xen/xen.h).  Calibrated once, against channel 2 of the 8254.
 */
#include <arch/arch.h>
#include <core/lib.h>
#include <core/timer.h>

#define PIT_HZ	     1193182ull
#define CALIBRATE_MS 50

uint32_t tsc_khz, pvclock_mul;
int8_t pvclock_shift;
uint64_t tsc_base;
static uint64_t tsc_hz;

uint64_t arch_tsc(void)
{
	return rdtsc();
}

static uint64_t pit_measure(void)
{
	uint32_t count = (uint32_t)(PIT_HZ * CALIBRATE_MS / 1000);
	uint64_t start;

	outb(0x61, (uint8_t)((inb(0x61) & ~2u) | 1)); /* gate on, speaker off */
	outb(0x43, 0xb0);			      /* channel 2, mode 0 */
	outb(0x42, (uint8_t)count);
	outb(0x42, (uint8_t)(count >> 8));
	start = rdtsc();
	while (!(inb(0x61) & 0x20))
		;
	return rdtsc() - start;
}

void tsc_init(void)
{
	uint64_t best = ~0ull, hz;

	for (int i = 0; i < 3; i++)
		best = MIN(best, pit_measure());
	hz = tsc_hz = best * 1000 / CALIBRATE_MS;
	tsc_khz = (uint32_t)(hz / 1000);
	BUG_ON(!tsc_khz);
	/* ns = (ticks << shift) * mul >> 32, with mul in 32 bits and as large as it goes. */
	for (; hz > 2000000000ull; hz >>= 1)
		pvclock_shift--;
	for (; hz <= 1000000000ull; hz <<= 1)
		pvclock_shift++;
	pvclock_mul = (uint32_t)((1000000000ull << 32) / hz);
	tsc_base = rdtsc();
}

uint64_t time_now(void)
{
	uint64_t t = rdtsc() - tsc_base;

	t = pvclock_shift < 0 ? t >> -pvclock_shift : t << pvclock_shift;
	return (uint64_t)((__uint128_t)t * pvclock_mul >> 32);
}

/* The counter's value at a system time; a little early does no harm, the timer is set again. */
uint64_t tsc_of_time(uint64_t ns)
{
	return tsc_base + 1 + ns / 1000000000 * tsc_hz + ns % 1000000000 * tsc_hz / 1000000000;
}

static uint8_t cmos(uint8_t reg)
{
	outb(0x70, reg);
	return inb(0x71);
}

static unsigned bcd(uint8_t v, bool binary)
{
	return binary ? v : (v >> 4) * 10u + (v & 15);
}

/* Seconds since 1970 at system time 0, from the CMOS clock (taken as UTC). */
uint64_t arch_wall_clock(void)
{
	static const uint16_t days[12] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	unsigned y, m, d, s;
	bool bin;

	while (cmos(0x0a) & 0x80)
		;
	bin = cmos(0x0b) & 4;
	s = bcd(cmos(0), bin) + 60 * bcd(cmos(2), bin) + 3600 * bcd(cmos(4), bin);
	d = bcd(cmos(7), bin);
	m = bcd(cmos(8), bin);
	y = 2000 + bcd(cmos(9), bin);
	if (m < 1 || m > 12)
		return 0;
	d += days[m - 1] + (m > 2 && y % 4 == 0 ? 1 : 0) + (y - 1970) * 365 + (y - 1969) / 4 - 1;
	return (uint64_t)d * 86400 + s - time_now() / 1000000000;
}
