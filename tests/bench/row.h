/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * row.h - what a program of rows hands to harness.c, which has main().
 */
#pragma once

#include "measure.h"

#include <errno.h>
#include <string.h>

struct row {
	const char *name, *what;
	unsigned ops;
	void (*run)(unsigned ops); /* with go() done; may stop() and go() on */
	void (*begin)(void), (*end)(void);
};

extern const struct row rows[];
extern const unsigned nr_rows;
extern unsigned row_did; /* what run() sets if it made another number of operations than it was asked for */
extern char self[256];	 /* path of this program; it ends at once when its argument is "child" */

#define MUST(expr)                                             \
	do {                                                   \
		if ((long)(expr) < 0)                          \
			die("%s: %s", #expr, strerror(errno)); \
	} while (0)
