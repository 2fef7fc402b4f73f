/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bystander.h - a domain that only looks after itself.
 */
#pragma once

/* Check for ever; report->rounds counts. */
void bystander_watch(void);
