/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slot.h - slots of PCI Express, in which devices come and go while the machine runs.
 */
#pragma once

#include <stdint.h>

/* Turn on slots that have got a device, and give the device addresses.  How many. */
unsigned slots_look(void);
/* Turn off the slot whose device is on this bus.  -1: there is none. */
int slot_off(uint8_t bus);
