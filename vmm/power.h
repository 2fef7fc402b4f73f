/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * power.h - the end of the machine: ACPI soft-off, or the exit device of a test machine; and the
 * button that asks for it.
 */
#pragma once

enum verdict { VERDICT_GOOD = 0, VERDICT_BAD_CONFIG = 1, VERDICT_GUEST_CRASHED = 2 };

/* Find the registers in the ACPI tables; a machine without them is reset instead. */
void power_init(unsigned exit_port);
/* Call fn from the event loop at each press of the ACPI power button.  0, or -errno: the machine has
 * no such button.  Call once, after power_init(). */
int power_button(void (*fn)(void));
/* Does not return. */
__attribute__((noreturn)) void power_off(enum verdict verdict);
