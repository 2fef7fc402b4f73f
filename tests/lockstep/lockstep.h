/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lockstep.h - a sequence of steps, carried out by the kernel and by the model (model.h), compared after each.
 *
 * A sequence is bytes: a head that says what kind of domains there are, then steps of 8 bytes.  Any bytes are one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct step {
	uint8_t what, who; /* modulo the number of kinds and of domains */
	uint16_t a, b, c;
};

/* Carry it out; abort() at the first difference.  Nothing is left behind. */
void lockstep_run(const uint8_t *bytes, size_t size);
extern bool lockstep_trace; /* print each step before it is done */
