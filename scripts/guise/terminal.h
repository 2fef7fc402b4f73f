/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * terminal.h - a guest's console on this terminal.
 */
#pragma once

#include "client.h"

/* Until Ctrl-], the guest's end or the machine's: an exit status of guise. */
int terminal(struct guise *g, const char *guest, int console);
