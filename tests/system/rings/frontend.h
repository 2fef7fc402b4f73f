/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frontend.h - a block frontend of the test's own, which does as it is told.
 */
#pragma once

#include <runtime/xen.h>
#include <xen/io/blkif.h>
#include <xen/io/xenbus.h>

#define DATA_PAGES 32u
#define SECOND	   1000000000ull

extern blkif_sring_t *ring;
extern uint32_t port; /* event channel of the ring */
extern uint16_t backend_id;
extern uint8_t *data; /* DATA_PAGES pages, granted by data_ref */
extern int data_ref[DATA_PAGES];

/* Offer a new ring, and wait until the backend serves it. */
void connect(void);

/* Write what the store says of us. */
void put_key(const char *key, uint64_t value);

/* The backend's state. */
unsigned backend_state(void);
/* Wait for a state: 1, or 0 after 10 s. */
int wait_state(unsigned state);

/* The next slot to fill, and publishing it. */
blkif_request_t *next_slot(void);
void push(void);
/* A request of nr whole pages, from data. */
blkif_request_t *transfer(uint8_t operation, uint64_t sector, unsigned nr);

/* The next response: its status, or 1 when none came within 10 s. */
int wait_response(void);
/* push() and wait_response(). */
int outcome(void);

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
