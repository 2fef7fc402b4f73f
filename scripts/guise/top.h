/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * top.h - who uses what of a machine, live.
 */
#pragma once

#include "client.h"

/* A table each so many seconds; rounds 0: until it is stopped.  An exit status of guise. */
int top(struct guise *g, long rounds, long seconds);
