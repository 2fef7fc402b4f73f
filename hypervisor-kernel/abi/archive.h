/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * archive.h - the boot archive: a plain cpio archive of format newc.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The contents of the file of that exact name, and its size; NULL if it is not there or the archive
 * is damaged before it.  Reads nothing beyond len. */
const void *archive_find(const void *archive, size_t len, const char *name, size_t *size);
