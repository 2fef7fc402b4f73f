/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judge.h - trials: a claim with a kind of paging, and what came of it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../lib/claim.h"

struct trial {
	const struct claim *claim; /* a copy; its pointers are those of the program	*/
	const char *name;
	unsigned index; /* of the claim in the program			*/
	int stock;
	int here; /* it is the judge's own, about managing domains	*/
};

struct outcome {
	enum verdict verdict;
	char text[500]; /* why not */
};

/* Read the claims out of the program: NULL, or what is wrong with it. */
const char *trials_init(const void *program, size_t len);
/* The nth trial; 0 when there are no more. */
int trial_get(unsigned n, struct trial *t);
/* Build what it needs, let it run, take it apart. */
struct outcome trial_run(const struct trial *t, uint64_t seed);
/* main.c.  The kernel looks at all of its books.  What does not agree is its panic, and refutes the claim. */
void fsck(void);
/* edu.c.  Make the machine's device ready: 1, or 0 when it has none. */
struct guise_device;
int edu_prepare(struct guise_device *dev);
/* Give it to a domain, with a message that only device speaker may send: 0, or -1. */
int edu_give(struct guise_device *dev, uint32_t domain, uint16_t speaker);
void edu_take(struct guise_device *dev);
/* Run one of the judge's own. */
struct outcome here_run(const struct trial *t);
