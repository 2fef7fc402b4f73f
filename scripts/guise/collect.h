/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * collect.h - what a command prints that scripts/run started in each of several guests.
 */
#pragma once

#include "client.h"

/* Print the lines, each behind its guest's name, until all have ended.  The first status in the order of
 * the guests that is not 0; or EXIT_MACHINE + 256 when the machine ended before. */
int collect(struct guise *g, const char *nonce, char **guests, int nr);
