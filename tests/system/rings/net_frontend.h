/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_frontend.h - a network frontend of the test's own, which does as it is told.
 */
#pragma once

#include <runtime/xen.h>
#include <xen/io/netif.h>

#include "part.h"

#define SLOTS	   256u
#define DATA_PAGES 18u /* to send from: a packet of 64 KiB			*/
#define BUFFERS	   64u /* to receive into					*/

extern netif_tx_sring_t *tx;
extern netif_rx_sring_t *rx;
extern uint32_t port; /* event channel of both */
extern uint8_t *data, *buffer;
extern int data_ref[DATA_PAGES], buffer_ref[BUFFERS];

/* Offer new rings, and wait until the backend serves them; buffers are posted by post(). */
void connect(void);
/* Write what the store says of the rings, but for the state. */
void offer(void);

/* The next slot to fill, zeroed but for its id, and publishing what was filled. */
netif_tx_request_t *next_slot(void);
void push(void);
/* A packet of len bytes, from data: all its slots. */
netif_tx_request_t *packet(uint32_t len, uint16_t flags);
extern netif_tx_request_t *part[DATA_PAGES]; /* those of the last packet */

/* The next response: its status, or 1000 when none came within 10 s. */
int wait_response(void);
/* Take what responses there are. */
void wait_some(void);
/* push() and wait_response() for a packet of one slot. */
int outcome(void);

/* Post buffers [0, nr), those that are not posted. */
void post(unsigned nr);
/* The next packet received, in one buffer: its number and *len, or -1 when there is none now. */
int received(int *len);

/* Write an ARP request of ours for the device's host, 10.0.2.2, as data[0..]: its length. */
uint32_t arp_request(void);
/* Is this its answer? */
int arp_answer(const uint8_t *p, int len);
