/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kind.h - what the device of the test machine is, for its first domain.
 */
#pragma once

struct kind {
	const char *name; /* in the store	*/
	unsigned number;  /* of each frontend's device	*/

	/* The domain of the device's driver; below 0 when it does not work. */
	int (*driver)(void);

	/* Write what the two directories have besides what all have. */
	void (*show)(const char *front, const char *back, int honest, unsigned id);

	const char *const *attacks; /* their sentences */
	unsigned nr_attacks;
};

extern const struct kind kind;
