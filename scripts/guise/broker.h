/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * broker.h - serve many clients at path what QEMU's socket serves one.
 */
#pragma once

/* Runs until QEMU ends or a signal comes: 0; 1: it could not begin, which was said. */
int broker(const char *qemu, const char *path);
