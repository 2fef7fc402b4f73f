/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * supervise.h - driver VMs that end, hang or break a rule are replaced by a new incarnation.
 */
#pragma once

#include <stdint.h>

struct driver;

/* Offer "driver-list" and the like on the control channel. */
void supervise_commands(void);

/* Time went by, or, with ended set, some domain ended: see to all drivers. */
void supervise_work(int ended);
/* When supervise_work() has something to do even if nothing happens: system time. */
uint64_t supervise_due(void);

/* An incarnation was built and is about to run: NULL, or why it cannot be watched over. */
const char *supervise_begin(struct driver *d);
/* It is about to be taken apart. */
void supervise_end(struct driver *d);
/* It must end, and the next one follows. */
void supervise_stop(struct driver *d, const char *why);
/* There will be no other one. */
void supervise_give_up(struct driver *d, const char *why);
