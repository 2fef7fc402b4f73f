/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest.h - a guest from its configuration to its end.
 */
#pragma once

#include <stddef.h>

#include "config.h"

/* Build and start it.  NULL, or why not (the text names what). */
const char *guest_start(const struct guest_config *config, const void *archive, size_t len);
/* Look for guests that ended, and do what their configuration says. */
void guests_check(void);
/* Ask all of them to power off, as their own administrator would.  They are not restarted. */
void guests_shutdown(void);
/* How many run or are about to. */
unsigned guests_alive(void);
/* How many crashed and were not restarted. */
unsigned guests_crashed(void);
