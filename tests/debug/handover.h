/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handover.h - what leaves a domain is flushed before anybody else gets it.
 */
#pragma once

/* This CPU returns to a guest: nothing may be on its way. */
void handover_over(void);
