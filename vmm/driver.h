/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * driver.h - the driver VMs: one device, one domain, one program of the archive's drivers/.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Find the devices and start a driver VM for each that has a driver in the archive.  control: a serial
 * line beside com1 and com2 that is wanted, or -1. */
void drivers_start(const void *archive, size_t len, int control);
/* Wait until each has said that its device works or that it does not. */
void drivers_wait(void);
/* Domain id of the driver of disk n (0: vda), or -1: there is no such disk, or it does not work. */
int driver_of_disk(unsigned n);
unsigned driver_disks(void);
/* The same for network device n. */
int driver_of_net(unsigned n);
unsigned driver_nets(void);
/* A domain ended: notice if it was a driver. */
void drivers_check(void);

/* Look for devices that came since, and start their drivers: they are ready, or not, some time later. */
void drivers_look(void);
/* Take away the driver of the device on this bus of a slot, and the slot's power: NULL, or why not yet. */
const char *driver_unplug(uint8_t bus);
struct json_out;
/* What there is, as the members "disks" and "nets". */
void drivers_put(struct json_out *o);
