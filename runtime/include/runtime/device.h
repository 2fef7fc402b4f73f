/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device.h - the hardware this driver was started for.
 */
#pragma once

#include <guise.h>

/* What the VMM server passed, or NULL when this domain drives nothing. */
const struct guise_device *device_info(void);

/* Tell the VMM server how it went: data/ready or data/failed in the store. */
void device_ready(void);
/* A frontend waits for what an earlier incarnation did not answer; and one has got an answer: the time of the
 * first is told. */
void device_owes(void);
void device_served(void);
void device_failed(const char *why);

/* Bring up the PCI device this driver was started for: 0; or -1 when there is none or bring_up()
 * said why it cannot be, which the VMM server then knows. */
int device_open(const char *(*bring_up)(const struct guise_device *info));
