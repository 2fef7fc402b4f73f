/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frontend.h - a block frontend of the test's own, which does as it is told.
 */
#pragma once

#include <runtime/xen.h>
#include <xen/io/blkif.h>

#include "part.h"

#define DATA_PAGES 32u

extern blkif_sring_t *ring;
extern uint32_t port; /* event channel of the ring */
extern uint8_t *data; /* DATA_PAGES pages, granted by data_ref */
extern int data_ref[DATA_PAGES];

/* Offer a new ring, and wait until the backend serves it. */
void connect(void);

/* The next slot to fill, and publishing it. */
blkif_request_t *next_slot(void);
void push(void);
/* A request of nr whole pages, from data. */
blkif_request_t *transfer(uint8_t operation, uint64_t sector, unsigned nr);

/* The next response: its status, or 1 when none came within 10 s. */
int wait_response(void);
/* push() and wait_response(). */
int outcome(void);
