/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * acpi.h - the machine's ACPI tables, mapped to be read.
 */
#pragma once

#include <stdint.h>

/* The whole table with this signature (four characters; "DSDT" is found through the FADT), or NULL:
 * there is none, it is cut off, or longer than 1 MiB.  *len: its bytes, at least 36. */
const uint8_t *acpi_table(const char *signature, uint32_t *len);
