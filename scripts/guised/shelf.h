/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shelf.h - where the machine finds guests' kernels and ramdisks that came after it had started.
 *
 * It is a file that QEMU gives to the machine as the memory of a PCI device (ivshmem), and within it an
 * archive like the boot archive, which only grows while guests run.  A file is on it once for all who use it.
 */
#pragma once

#include <stddef.h>

#include "error.h"

#define SHELF_NAME 128

/* A new and empty shelf of so many bytes, or the one that is there. */
int shelf_new(const char *path, size_t size, struct error *e);
int shelf_open(const char *path, struct error *e);
/* Put file on the shelf under a name that says which file it is, unless it is there; the name for a
 * configuration.  unpack: a program that makes an ELF file of a kernel, NULL for what needs none.  Waits, in a
 * worker. */
int shelf_put(const char *file, const char *unpack, const char *work_dir, char name[SHELF_NAME], struct error *e);
/* Nobody uses anything on it. */
void shelf_clear(void);
