/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ring.c - packets and buffers as descriptors of an 82574L.
 *
 * A packet that is to be cut needs its headers changed: the device adds up what it finds, and wants no
 * length in there.  They are copied, so that the frontend's page stays as it is and so do the pages
 * of others who get the packet.
 */
#include <runtime/io.h>
#include <runtime/net_header.h>
#include <runtime/string.h>
#include <runtime/xen.h>

#include "ring.h"

_Static_assert(sizeof(struct e1000e_tx_desc) == 16 && sizeof(struct e1000e_rx_desc) == 16,
	       "layouts are the data sheet's");
_Static_assert(TX_HEADERS >= NET_HEADERS, "all headers that the backend finds fit");

/* Of `command`: bits 0 to 19 are a length. */
#define TX_DATA	    (1u << 20) /* else a context */
#define TX_EOP	    (1u << 24)
#define TX_FCS	    (1u << 25)
#define TX_SEGMENT  (1u << 26)
#define TX_REPORT   (1u << 27)
#define TX_EXTENDED (1u << 29)
#define TX_CTX_TCP  (1u << 24)
#define TX_CTX_IPV4 (1u << 25)

/* Of `word`, in a data descriptor. */
#define TX_DONE	   1u
#define TX_SUM_IP  (1u << 8)
#define TX_SUM_TCP (1u << 9)

#define RX_DONE	     0x01u
#define RX_EOP	     0x02u
#define RX_NO_SUM    0x04u
#define RX_SUM_UDP   0x10u
#define RX_SUM_TCP   0x20u
#define RX_BAD_SUM   0x60u /* of TCP or UDP, of IP */
#define RX_BAD_FRAME 0x97u

static struct e1000e_tx_desc *put(struct e1000e_tx_ring *ring, uint64_t address, uint32_t command, uint32_t word)
{
	struct e1000e_tx_desc *d = &ring->desc[ring->tail];

	*d = (struct e1000e_tx_desc){ address, command, word };
	ring->tail = (ring->tail + 1) % RING_SIZE;
	return d;
}

/* The sum of the pseudo-header without a length: the device adds each segment's own. */
static void unmeasure(uint8_t *head, const struct net_meta *meta)
{
	uint8_t *ip = head + meta->ip_start;
	int ipv6 = meta->gso == NET_GSO_TCPV6;

	if (ipv6) {
		memset(ip + 4, 0, 2);
	} else {
		memset(ip + 2, 0, 2);
		memset(ip + 10, 0, 2);
	}
	net_put16(head + meta->csum_start + meta->csum_offset, net_tcp_pseudo_sum(ip, ipv6, 0));
}

/* The headers of a packet that is cut, as a piece of its own. */
static void put_header(struct e1000e_tx_ring *ring, const struct net_tx *tx, uint32_t command, uint32_t word)
{
	uint8_t *head = ring->header[ring->tail];

	memcpy(head, tx->head, tx->meta.header_len);
	unmeasure(head, &tx->meta);
	put(ring, ring->header_bus[ring->tail], command | tx->meta.header_len, word);
}

static void put_context(struct e1000e_tx_ring *ring, const struct net_tx *tx, uint32_t len)
{
	const struct net_meta *meta = &tx->meta;
	uint64_t where = (uint64_t)(meta->csum_start + meta->csum_offset) << 40 | (uint64_t)meta->csum_start << 32;
	uint32_t command = TX_EXTENDED, word = 0;

	if (meta->gso) {
		command |= TX_SEGMENT | TX_CTX_TCP | (len - meta->header_len);
		word = (uint32_t)meta->gso_size << 16 | meta->header_len << 8;
		where |= meta->ip_start;
		if (meta->gso == NET_GSO_TCPV4) {
			command |= TX_CTX_IPV4;
			where |= (meta->ip_start + 10u) << 8 | (meta->csum_start - 1u) << 16;
		}
	}
	put(ring, where, command, word);
}

int e1000e_tx_add(struct e1000e_tx_ring *ring, struct net_tx *tx)
{
	uint32_t command = TX_EXTENDED | TX_DATA | TX_FCS, word = 0, len = 0;
	uint32_t skip = tx->meta.gso ? tx->meta.header_len : 0;
	unsigned first = ring->tail;
	struct e1000e_tx_desc *last = NULL;

	if (e1000e_tx_busy(ring) + TX_MOST >= RING_SIZE)
		return -XEN_EBUSY;
	for (unsigned i = 0; i < tx->nr_extents; i++)
		len += tx->extent[i].len;
	if (tx->meta.csum == NET_CSUM_BLANK) {
		put_context(ring, tx, len);
		word = TX_SUM_TCP; /* or UDP's: the context says where */
	}
	if (tx->meta.gso) {
		command |= TX_SEGMENT;
		word |= tx->meta.gso == NET_GSO_TCPV4 ? TX_SUM_IP : 0;
		put_header(ring, tx, command, word);
	}
	for (unsigned i = 0; i < tx->nr_extents; i++) {
		uint32_t cut = skip < tx->extent[i].len ? skip : tx->extent[i].len;

		skip -= cut;
		if (cut < tx->extent[i].len)
			last = put(ring, tx->extent[i].bus + cut, command | (tx->extent[i].len - cut), word);
	}
	if (!last) /* nothing behind the headers */
		last = &ring->desc[(ring->tail - 1) % RING_SIZE];
	last->command |= TX_EOP | TX_REPORT;
	ring->slot[first].tx = tx;
	ring->slot[first].last = last - ring->desc;
	return 0;
}

static struct net_tx *tx_remove(struct e1000e_tx_ring *ring)
{
	unsigned first = ring->clean;

	ring->clean = (ring->slot[first].last + 1u) % RING_SIZE;
	return ring->slot[first].tx;
}

struct net_tx *e1000e_tx_take(struct e1000e_tx_ring *ring)
{
	if (ring->clean == ring->tail ||
	    !(*(volatile uint32_t *)&ring->desc[ring->slot[ring->clean].last].word & TX_DONE))
		return NULL;
	return tx_remove(ring);
}

struct net_tx *e1000e_tx_give_up(struct e1000e_tx_ring *ring)
{
	if (ring->clean != ring->tail)
		return tx_remove(ring);
	ring->clean = ring->tail = 0;
	return NULL;
}

/* ---- receiving ------------------------------------------------------------------------------- */

void e1000e_rx_add(struct e1000e_rx_ring *ring, void *page, uint64_t bus)
{
	ring->page[ring->tail] = page;
	ring->desc[ring->tail] = (struct e1000e_rx_desc){ .address = bus };
	ring->tail = (ring->tail + 1) % RING_SIZE;
}

void *e1000e_rx_give_up(struct e1000e_rx_ring *ring)
{
	void *page = ring->page[ring->next];

	if (ring->next != ring->tail) {
		ring->next = (ring->next + 1) % RING_SIZE;
		return page;
	}
	ring->next = ring->tail = ring->skipping = 0;
	return NULL;
}

static uint8_t csum_of(uint8_t status, uint8_t errors)
{
	return status & (RX_SUM_TCP | RX_SUM_UDP) && !(status & RX_NO_SUM) && !(errors & RX_BAD_SUM) ? NET_CSUM_VALID :
												       NET_CSUM_NONE;
}

int e1000e_rx_due(const struct e1000e_rx_ring *ring)
{
	return ring->next != ring->tail && *(const volatile uint8_t *)&ring->desc[ring->next].status & RX_DONE;
}

void *e1000e_rx_take(struct e1000e_rx_ring *ring, struct net_piece *piece, struct net_meta *meta)
{
	const volatile struct e1000e_rx_desc *d = &ring->desc[ring->next];
	void *page = ring->page[ring->next];
	uint8_t status, errors;
	uint16_t len;

	if (!e1000e_rx_due(ring))
		return NULL;
	rmb(); /* the status before the rest */
	status = d->status;
	errors = d->errors;
	len = d->len;
	memset(meta, 0, sizeof(*meta));
	meta->csum = csum_of(status, errors);
	*piece = (struct net_piece){ page, len };
	if (ring->skipping || !(status & RX_EOP) || errors & RX_BAD_FRAME || len > RX_BYTES)
		piece->len = 0;
	ring->skipping = !(status & RX_EOP);
	ring->next = (ring->next + 1) % RING_SIZE;
	return page;
}
