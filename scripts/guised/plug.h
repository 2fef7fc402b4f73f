/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plug.h - disks of guests as devices of the machine, which come and go while it runs.
 */
#pragma once

#include "error.h"

#define PLUG_SLOTS 16u

struct def;

/* Make disk n of def a device, unless it is; the name that it has in the machine.  Waits, in a worker. */
int plug_disk(const char *qmp_path, const struct def *def, unsigned n, char name[16], struct error *e);
/* Take it out again. */
int unplug_disk(const char *qmp_path, const struct def *def, unsigned n, struct error *e);
