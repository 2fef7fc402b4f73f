/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_ring.h - the deciding half of the network backend: what a frontend sends, and which of its
 * buffers is filled next.  No hypercalls, no device.
 */
#pragma once

#include <runtime/io.h>
#include <runtime/net.h>
#include <runtime/ring_index.h>
#include <runtime/string.h>
#include <runtime/xen.h>
#include <xen/io/netif.h>

#define NET_RING_SLOTS 256u
#define NET_HEADER     14u /* of Ethernet: no packet is shorter */

/* ---- packets that a frontend sends ----------------------------------------------------------- */

struct net_slot {
	uint32_t ref;
	uint16_t offset, len; /* within the page */
};

struct net_request {
	RING_IDX index;	      /* of its first ring slot				*/
	unsigned nr_ring;     /* ring slots that it takes, extra information too	*/
	int status;	      /* NETIF_RSP_OKAY, or what to answer it with		*/
	uint32_t len;	      /* of all slots together				*/
	struct net_meta meta; /* as the frontend says; no offsets yet	*/
	unsigned nr_slots;
	struct net_slot slot[NET_PIECES];
};

struct net_tx_ring {
	netif_tx_sring_t *shared;
	RING_IDX req_cons; /* next request to take					*/
	RING_IDX rsp_prod; /* next response to publish; [rsp_prod, req_cons) is ours	*/
	struct ring_out out;
	int broken; /* an answer was not what was written: from then on none has to be */
	struct net_tx_packet {
		uint16_t nr; /* slots that it takes		*/
		int16_t status;
		uint32_t extras; /* those that hold extra information, of the first 32	*/
		int answered;
	} packet[NET_RING_SLOTS]; /* by the slot in which it begins */
};

/* Take over a ring, new or with requests that another backend left unanswered.  0, or -EINVAL
 * when its indices cannot be. */
int net_tx_attach(struct net_tx_ring *ring, netif_tx_sring_t *shared);

/* Copy the next packet's requests out.  1, 0 when there is none, -EINVAL when the frontend broke
 * the ring: then nothing was taken. */
int net_tx_take(struct net_tx_ring *ring, struct net_request *req);

/* Ask the frontend for an event at its next request; returns 1 when one came meanwhile. */
int net_tx_wait(struct net_tx_ring *ring);

/* Note the answer to a packet taken before, NETIF_RSP_*. */
void net_tx_answer(struct net_tx_ring *ring, const struct net_request *req, int status);

/* Publish all answers that are in turn; returns 1 when the frontend wants an event for them, -EINVAL when one belongs
 * to no packet that was taken, -EIO when one is not what was written, so that somebody else wrote, too. */
int net_tx_publish(struct net_tx_ring *ring);

/* Requests that it holds, taken or not. */
static inline unsigned net_tx_unanswered(const struct net_tx_ring *ring)
{
	return *(const volatile RING_IDX *)&ring->shared->req_prod - ring->rsp_prod;
}

static inline unsigned net_tx_busy(const struct net_tx_ring *ring)
{
	return ring->req_cons - ring->rsp_prod;
}

/* ---- buffers that a frontend posted: the answer to slot i goes to slot i --------------------- */

struct net_rx_ring {
	netif_rx_sring_t *shared;
	RING_IDX req_cons, rsp_prod;
	struct ring_out out;
	RING_IDX adopted; /* what was posted before it was so to an earlier backend, or at the start */
	union {
		netif_rx_response_t rsp;
		netif_extra_info_t extra;
	} slot[NET_RING_SLOTS];
};

/* Buffers that were taken and are not answered. */
static inline unsigned net_rx_busy(const struct net_rx_ring *ring)
{
	return ring->req_cons - ring->rsp_prod;
}

int net_rx_attach(struct net_rx_ring *ring, netif_rx_sring_t *shared);

/* Buffers that may be taken, or -EINVAL when the frontend broke the ring. */
int net_rx_room(const struct net_rx_ring *ring);

/* Take one of those that there are: its grant.  *index names it. */
uint32_t net_rx_take(struct net_rx_ring *ring, RING_IDX *index);

/* Ring slots that a packet takes. */
unsigned net_rx_slots(uint32_t len, const struct net_meta *meta);

/* What is in a buffer taken: len bytes from its start; NETRXF_*. */
void net_rx_answer(struct net_rx_ring *ring, RING_IDX index, uint32_t len, uint16_t flags);

/* It could not be filled.  Other buffers that were adopted may have been taken, and fail with it: so not while a packet has
 * but some of its buffers. */
void net_rx_fail(struct net_rx_ring *ring, RING_IDX index);

/* The slot behind the first of a packet holds this instead of data. */
void net_rx_gso(struct net_rx_ring *ring, RING_IDX index, const struct net_meta *meta);

/* Publish the answers to all that was taken; returns 1 when the frontend wants an event, -EINVAL when more was taken
 * than a ring holds, -EIO when they are not the next ones, or were not posted. */
int net_rx_publish(struct net_rx_ring *ring);

/* Ask for an event when there are nr buffers; returns 1 when there are already. */
int net_rx_wait(struct net_rx_ring *ring, unsigned nr);
