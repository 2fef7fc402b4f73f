/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rest.h - CPUs rest where they hold nothing, while one looks at all.
 */
#pragma once

/* This CPU holds no lock: it waits here as long as another one wants it to. */
void rest_here(void);
