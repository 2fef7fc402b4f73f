/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * profile.h - what a guest enters the kernel for.
 */
#pragma once

#include "client.h"

/* Watch it for so many seconds and print a table; trace: NULL, or a file for a trace of Chrome's JSON format, which
 * Perfetto opens.  An exit status of guise. */
int profile(struct guise *g, const char *guest, long seconds, const char *trace);
