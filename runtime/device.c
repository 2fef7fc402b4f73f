/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device.c - the hardware this driver was started for.
 */
#include <runtime/device.h>
#include <runtime/event.h>
#include <runtime/print.h>
#include <runtime/start.h>
#include <runtime/store.h>

const struct guise_device *device_info(void)
{
	if (start->mod_len < sizeof(struct guise_device))
		return NULL;
	return (const struct guise_device *)start->mod_start;
}

void device_ready(void)
{
	store_write("data/ready", "1");
}

static int owed;

void device_owes(void)
{
	owed = 1;
}

void device_served(void)
{
	if (owed)
		store_printf("data/served", "%lu", time_ns());
	owed = 0;
}

void device_failed(const char *why)
{
	print("%s\n", why);
	store_write("data/failed", why);
}

int device_open(const char *(*bring_up)(const struct guise_device *info))
{
	const struct guise_device *info = device_info();
	const char *error = "there is no device to drive";

	if (info && info->kind == GUISE_DEVICE_PCI)
		error = bring_up(info);
	if (error)
		device_failed(error);
	return error ? -1 : 0;
}
