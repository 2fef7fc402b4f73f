/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shelf.h - files from the host after the start: an archive in the memory of a PCI device.
 *
 * The device is QEMU's ivshmem-plain (docs/specs/ivshmem-spec of QEMU): its BAR 2 is a file of the host's.
 */
#pragma once

#include <stddef.h>

/* Look for the device. */
void shelf_open(void);
/* A file on the shelf, as it is now; NULL: there is none of this name, or no shelf. */
const void *shelf_find(const char *name, size_t *len);
