/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ring.h - the descriptor rings of an Intel 82574L (data sheet, 7.1 and 7.2): memory and numbers only,
 * no device.
 *
 * A ring is a page of 256 descriptors.  The device owns those from its head to the tail that it was
 * told; one always stays empty, since a full ring would look like an empty one.
 */
#pragma once

#include <runtime/net.h>

#define RING_SIZE  256u
#define RING_BYTES 4096u
#define RX_BYTES   2048u /* that the device writes into a page: more than any packet without jumbo */

#define TX_MOST	   (NET_PIECES + 2) /* descriptors of a packet: context, headers, pieces */
#define TX_HEADERS 128u		    /* of a packet that is to be cut			 */

/* Context and data descriptors share the place of `word`: what it says is in ring.c. */
struct e1000e_tx_desc {
	uint64_t address;
	uint32_t command; /* length, type, command */
	uint32_t word;	  /* status, options; or the segments' size */
};

struct e1000e_rx_desc {
	uint64_t address;
	uint16_t len, checksum;
	uint8_t status, errors;
	uint16_t tag;
};

struct e1000e_tx_ring {
	struct e1000e_tx_desc *desc;
	uint8_t (*header)[TX_HEADERS]; /* of our own, one a descriptor: a packet that is cut begins here */
	uint64_t header_bus[RING_SIZE];
	unsigned clean, tail; /* [clean, tail) is the device's, or was */
	struct {
		struct net_tx *tx; /* by a packet's first descriptor */
		uint8_t last;
	} slot[RING_SIZE];
};

struct e1000e_rx_ring {
	struct e1000e_rx_desc *desc;
	unsigned next, tail;   /* [next, tail) has buffers that the device fills in this order */
	int skipping;	       /* to the end of a packet that has more than a buffer */
	void *page[RING_SIZE]; /* the buffers: what the device leaves in a descriptor is not read */
};

/* Put a packet into the ring: 0, or -EBUSY. */
int e1000e_tx_add(struct e1000e_tx_ring *ring, struct net_tx *tx);

/* A packet that the device has sent, or NULL. */
struct net_tx *e1000e_tx_take(struct e1000e_tx_ring *ring);

/* After a reset: a packet that the device never sent, or NULL; the ring is new when there are no more. */
struct net_tx *e1000e_tx_give_up(struct e1000e_tx_ring *ring);

/* Descriptors that may be in use by the device. */
static inline unsigned e1000e_tx_busy(const struct e1000e_tx_ring *ring)
{
	return (ring->tail - ring->clean) % RING_SIZE;
}

/* Room for another buffer? */
static inline int e1000e_rx_room(const struct e1000e_rx_ring *ring)
{
	return (ring->tail + 1) % RING_SIZE != ring->next;
}

/* Buffers that the device may receive into, or has filled. */
static inline unsigned e1000e_rx_busy(const struct e1000e_rx_ring *ring)
{
	return (ring->tail - ring->next) % RING_SIZE;
}

void e1000e_rx_add(struct e1000e_rx_ring *ring, void *page, uint64_t bus);

/* After a reset: a page that the device did not fill, or NULL; the ring is new when there are no more. */
void *e1000e_rx_give_up(struct e1000e_rx_ring *ring);

/* The next buffer that the device is done with, or NULL; piece->len is 0 when nothing in it is of use. */
void *e1000e_rx_take(struct e1000e_rx_ring *ring, struct net_piece *piece, struct net_meta *meta);

/* Is there one? */
int e1000e_rx_due(const struct e1000e_rx_ring *ring);
