/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * qmp.h - a word with QEMU, by its machine protocol.  Waits, without the lock, in a worker.
 */
#pragma once

#include <json-c/json.h>

#include "error.h"

/* Connect at path and execute command with arguments (given away; may be NULL).  What it returns, NULL: an
 * error is kept. */
struct json_object *qmp(const char *path, const char *command, struct json_object *arguments, struct error *e);
/* The same where only success counts. */
int qmp_do(const char *path, const char *command, struct json_object *arguments, struct error *e);
