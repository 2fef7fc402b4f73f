/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * power.c - ACPI: the FADT names the PM1 control registers, the DSDT's \_S5_ package the value that
 * means "off" (ACPI specification 4.8.3.2 and 7.4.2).
 *
 * The package is found by its name in the table's bytes: running AML for one constant would need
 * an interpreter.
 */
#include <runtime/event.h>
#include <runtime/hypercall.h>
#include <runtime/io.h>
#include <runtime/print.h>
#include <runtime/string.h>
#include <runtime/window.h>

#include "console.h"
#include "power.h"

#define TABLE_MAX (1u << 20)

static unsigned exit_port, pm1a, pm1b, s5_a, s5_b;

/* A whole ACPI table, mapped; NULL if it is too large. */
static const uint8_t *table(uint64_t at, uint32_t *len)
{
	const uint8_t *head = at ? mmio_map(at, 36) : NULL;

	if (!head)
		return NULL;
	memcpy(len, head + 4, 4);
	return *len < 36 || *len > TABLE_MAX ? NULL : mmio_map(at, *len);
}

/* "_S5_", package operator, length, count, then two numbers. */
static int s5_find(const uint8_t *dsdt, uint32_t len)
{
	for (uint32_t i = 36; i + 12 < len; i++) {
		const uint8_t *p = dsdt + i + 4;

		if (memcmp(dsdt + i, "_S5_", 4) || *p++ != 0x12)
			continue;
		p += (*p >> 6) + 2; /* the package's length and count */
		for (unsigned k = 0; k < 2; k++) {
			unsigned v = *p++;

			if (v == 0x0a)
				v = *p++;
			*(k ? &s5_b : &s5_a) = v & 7;
		}
		return 1;
	}
	return 0;
}

void power_init(unsigned port)
{
	struct guise_system_info info;
	uint32_t len, fadt_len, dsdt_len;
	const uint8_t *root, *fadt = NULL, *dsdt;
	uint64_t at;
	unsigned width;

	exit_port = port;
	if (guise_system(GUISE_SYSTEM_INFO, &info, GUISE_ROOT_SYSTEM))
		return;
	root = table(info.acpi_root, &len);
	width = root && !memcmp(root, "XSDT", 4) ? 8 : 4;
	for (uint32_t i = 36; root && i + width <= len && !fadt; i += width) {
		at = 0;
		memcpy(&at, root + i, width);
		fadt = table(at, &fadt_len);
		if (fadt && memcmp(fadt, "FACP", 4))
			fadt = NULL;
	}
	if (!fadt || fadt_len < 72)
		return;
	at = 0;
	memcpy(&at, fadt + 40, 4);
	dsdt = table(at, &dsdt_len);
	if (!dsdt || !s5_find(dsdt, dsdt_len))
		return;
	memcpy(&pm1a, fadt + 64, 4);
	memcpy(&pm1b, fadt + 68, 4);
}

void power_off(enum verdict verdict)
{
	console_flush();
	if (exit_port)
		outl((uint16_t)exit_port, verdict);
	if (pm1a)
		outw((uint16_t)pm1a, (uint16_t)(s5_a << 10 | 1 << 13));
	if (pm1b)
		outw((uint16_t)pm1b, (uint16_t)(s5_b << 10 | 1 << 13));
	for (uint64_t until = time_ns() + 1000000000; time_ns() < until;)
		;
	guise_system(GUISE_SYSTEM_RESET, NULL, GUISE_ROOT_SYSTEM);
	for (;;)
		hc_sched(SCHEDOP_block, NULL);
}
