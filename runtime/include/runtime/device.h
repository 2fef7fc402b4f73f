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
void device_failed(const char *why);
