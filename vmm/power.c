/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * power.c - ACPI: the FADT names the PM1 registers, the DSDT's \_S5_ package the value that means
 * "off" (ACPI specification 4.8.3 and 7.4.2); a press of the power button raises the SCI.
 *
 * The package is found by its name in the table's bytes: running AML for one constant would need
 * an interpreter.
 */
#include <runtime/event.h>
#include <runtime/hypercall.h>
#include <runtime/io.h>
#include <runtime/print.h>
#include <runtime/string.h>

#include "acpi.h"
#include "console.h"
#include "power.h"

/* Offsets in the FADT. */
#define FADT_SCI	 46
#define FADT_SMI_CMD	 48
#define FADT_ACPI_ENABLE 52
#define FADT_PM1_EVENT	 56 /* a, then b			*/
#define FADT_PM1_CONTROL 64 /* a, then b			*/
#define FADT_EVENT_LEN	 88 /* status, then as many bytes enable */
#define FADT_NEEDED	 89

#define PM1_BUTTON (1u << 8) /* in status and enable		*/
#define PM1_SCI_EN (1u << 0) /* in control: ACPI has the registers	*/
#define PM1_SLP_EN (1u << 13)
#define ENABLE_NS  300000000ull

static unsigned exit_port, control[2], off[2], event[2], event_len;
static void (*pressed)(void);

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
			off[k] = v & 7;
		}
		return 1;
	}
	return 0;
}

void power_init(unsigned port)
{
	uint32_t fadt_len, dsdt_len;
	const uint8_t *fadt, *dsdt;

	exit_port = port;
	fadt = acpi_table("FACP", &fadt_len);
	dsdt = acpi_table("DSDT", &dsdt_len);
	if (!fadt || fadt_len < FADT_NEEDED || !dsdt || !s5_find(dsdt, dsdt_len))
		return;
	memcpy(&control[0], fadt + FADT_PM1_CONTROL, 4);
	memcpy(&control[1], fadt + FADT_PM1_CONTROL + 4, 4);
}

/* The SCI is low-active unless the MADT overrides it (5.2.12.5). */
static uint32_t sci_flags(unsigned sci)
{
	uint32_t len;
	const uint8_t *madt = acpi_table("APIC", &len);

	if (!madt)
		len = 0;
	for (uint32_t i = 44; i + 10 <= len && madt[i + 1] >= 2; i += madt[i + 1])
		if (madt[i] == 2 && madt[i + 3] == sci && (madt[i + 8] & 3) == 1)
			return GUISE_IRQ_LEVEL;
	return GUISE_IRQ_LEVEL | GUISE_IRQ_ACTIVE_LOW;
}

static void sci(uint32_t port, void *arg)
{
	int button = 0;

	(void)arg;
	for (unsigned k = 0; k < 2; k++) {
		unsigned status = event[k] ? inw((uint16_t)event[k]) : 0;

		if (!status)
			continue;
		outw((uint16_t)event[k], (uint16_t)status); /* writing a 1 clears it */
		button |= status & PM1_BUTTON;
	}
	event_irq_done(port);
	if (button)
		pressed();
}

int power_button(void (*fn)(void))
{
	uint32_t len, smi;
	const uint8_t *fadt = acpi_table("FACP", &len);
	uint64_t until = time_ns() + ENABLE_NS;
	uint16_t irq;
	int port;

	if (!fadt || len < FADT_NEEDED || !control[0])
		return -XEN_ENODEV;
	memcpy(&irq, fadt + FADT_SCI, 2);
	memcpy(&smi, fadt + FADT_SMI_CMD, 4);
	memcpy(&event[0], fadt + FADT_PM1_EVENT, 4);
	memcpy(&event[1], fadt + FADT_PM1_EVENT + 4, 4);
	event_len = fadt[FADT_EVENT_LEN];
	if (smi && fadt[FADT_ACPI_ENABLE] && !(inw((uint16_t)control[0]) & PM1_SCI_EN))
		outb((uint16_t)smi, fadt[FADT_ACPI_ENABLE]);
	while (!(inw((uint16_t)control[0]) & PM1_SCI_EN))
		if (time_ns() > until)
			return -XEN_ENODEV;
	port = event_bind_irq(GUISE_ROOT_IRQ, irq, sci_flags(irq));
	if (port < 0)
		return port;
	pressed = fn;
	event_handler((uint32_t)port, sci, NULL);
	for (unsigned k = 0; k < 2; k++) {
		if (!event[k])
			continue;
		outw((uint16_t)event[k], 0xffff);
		outw((uint16_t)(event[k] + event_len / 2), k ? 0 : PM1_BUTTON);
	}
	return 0;
}

void power_off(enum verdict verdict)
{
	struct guise_system_check c;

	console_flush();
	/* A kernel that checks itself does so now: what does not agree is its panic. */
	guise_system(GUISE_SYSTEM_CHECK, &c, GUISE_ROOT_SYSTEM);
	if (exit_port)
		outl((uint16_t)exit_port, verdict);
	for (unsigned k = 0; k < 2; k++)
		if (control[k])
			outw((uint16_t)control[k], (uint16_t)(off[k] << 10 | PM1_SLP_EN));
	for (uint64_t until = time_ns() + 1000000000; time_ns() < until;)
		;
	guise_system(GUISE_SYSTEM_RESET, NULL, GUISE_ROOT_SYSTEM);
	for (;;)
		hc_sched(SCHEDOP_block, NULL);
}
