/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * part.h - what frontends of the test's own have in common, whatever their device is.
 *
 * Command line: honest, or the number of an attack.
 */
#pragma once

#include <runtime/xen.h>
#include <xen/io/xenbus.h>

#define SECOND 1000000000ull

/* ---- the device's ---------------------------------------------------------------------------- */

extern const char device[]; /* its directory */
extern void (*const attacks[])(void);
extern const unsigned nr_attacks;

/* Pages to work with. */
void prepare(void);

/* Work for ever, and tell of each round in data/rounds. */
void honest(void);

/* ---- and for it ------------------------------------------------------------------------------ */

extern uint16_t backend_id;

/* Write and read what the store says of us. */
void put_key(const char *key, uint64_t value);
uint64_t get_key(const char *key);

/* The backend's state. */
unsigned backend_state(void);
/* Wait for a state: 1, or 0 after 10 s. */
int wait_state(unsigned state);

/* The same numbers each time. */
uint64_t random64(void);

/* How it went; does not return. */
__attribute__((noreturn, format(printf, 1, 2))) void fails(const char *fmt, ...);

#define expect(what)                                           \
	do {                                                   \
		if (!(what))                                   \
			fails("line %d: %s", __LINE__, #what); \
	} while (0)

#define expect_eq(a, b)                                                             \
	do {                                                                        \
		long a_ = (long)(a), b_ = (long)(b);                                \
                                                                                    \
		if (a_ != b_)                                                       \
			fails("line %d: %s is %ld, not %ld", __LINE__, #a, a_, b_); \
	} while (0)
