/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * program.h - other programs: run to their end, or left to live on without us.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "error.h"

/* Run argv; its output goes to the file output (NULL: nowhere).  Waits, without the lock, in a worker.  An
 * error has the last line that it said. */
int program_run(const char *const *argv, const char *output, struct error *e);
/* Start argv in a session of its own, with its output in the file log.  Its pid, or -1. */
pid_t program_start(const char *const *argv, const char *log, struct error *e);
/* The last line of a file, "" if there is none; prefix: only of lines that begin so. */
void program_last_line(const char *path, const char *prefix, char *line, size_t size);
