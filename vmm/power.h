/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * power.h - the end of the machine: ACPI soft-off, or the exit device of a test machine.
 */
#pragma once

enum verdict { VERDICT_GOOD = 0, VERDICT_BAD_CONFIG = 1, VERDICT_GUEST_CRASHED = 2 };

/* Find the registers in the ACPI tables; a machine without them is reset instead. */
void power_init(unsigned exit_port);
/* Does not return. */
__attribute__((noreturn)) void power_off(enum verdict verdict);
