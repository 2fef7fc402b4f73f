/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device.h - the hardware this driver was started for.
 */
#pragma once

#include <guise.h>

/* What the VMM server passes to a driver, at mod_start. */
struct device_start {
	struct guise_device info;
	uint64_t believe_until; /* system time: who breaks a ring later than this is looked at by another incarnation */
	uint64_t patience;	/* signs of life that may pass without an answer to any request; 0: any number */
};

/* NULL when this domain drives nothing. */
const struct guise_device *device_info(void);

/* Tell the VMM server how it went: data/ready or data/failed in the store. */
void device_ready(void);
/* A frontend waits for what an earlier incarnation did not answer; and one has got an answer: the time of the
 * first is told. */
extern unsigned device_work; /* requests and packets that the device ended, or a frontend sent */
void device_owes(void);
void device_served(void);
void device_failed(const char *why);

/* Requests wait, and none goes on any more: the VMM server starts a new incarnation, which has more patience. */
__attribute__((noreturn)) void device_stalled(const char *why);
/* A frontend broke a ring, or so it seems.  Returns if it is to be believed; otherwise the VMM server starts a new
 * incarnation, which will be. */
void device_doubt(const char *why);
uint64_t device_patience(void);

/* Bring up the PCI device this driver was started for: 0; or -1 when there is none or bring_up()
 * said why it cannot be, which the VMM server then knows. */
int device_open(const char *(*bring_up)(const struct guise_device *info));
