/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device.c - the hardware this driver was started for.
 */
#include <runtime/device.h>
#include <runtime/event.h>
#include <runtime/print.h>
#include <runtime/start.h>
#include <runtime/store.h>

static const struct device_start *told(void)
{
	return start->mod_len < sizeof(struct device_start) ? NULL : (const struct device_start *)start->mod_start;
}

const struct guise_device *device_info(void)
{
	return told() ? &told()->info : NULL;
}

uint64_t device_patience(void)
{
	return told() ? told()->patience : 0;
}

void device_ready(void)
{
	store_write("data/ready", "1");
}

unsigned device_work;
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

/* The server stops this domain before it answers. */
__attribute__((noreturn)) static void end(const char *key, const char *why)
{
	store_write(key, why);
	panic("%s\n", why);
}

void device_stalled(const char *why)
{
	end("data/stalled", why);
}

void device_doubt(const char *why)
{
	if (told() && time_ns() >= told()->believe_until)
		end("data/doubted", why);
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
