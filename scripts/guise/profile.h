/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * profile.h - what a guest enters the kernel for.
 */
#pragma once

#include "client.h"

/* Watch it for so many seconds and print a table; trace: NULL, or a file for a trace of Chrome's JSON format, which
 * Perfetto opens.  An exit status of guise. */
int profile(struct guise *g, const char *guest, long seconds, const char *trace);
/* Have the kernel take its time while this guest runs for so many seconds.  An exit status of guise. */
int profile_watch(struct guise *g, const char *guest, long seconds);
/* Print an answer to `latency` as a table. */
void latency_table(struct json_object *answer);
