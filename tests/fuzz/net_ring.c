/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_ring.c - a network frontend that writes its rings as it likes, against a backend that answers in any
 * order; and headers of packets, as it likes.
 */
#include "fuzz.h"

#include <runtime/net_ring.h>
#include <runtime/net_segment.h>

#define TAKEN NET_RING_SLOTS /* packets of one piece, before any is answered */

static struct net_tx_ring tx;
static struct net_rx_ring rx;
static struct net_request taken[TAKEN + 1];
static unsigned nr_taken;

static void within(const struct net_request *req)
{
	uint32_t sum = 0;

	check_that(req->nr_slots >= 1 && req->nr_slots <= NET_PIECES);
	check_that(req->nr_ring >= req->nr_slots && req->nr_ring <= NET_RING_SLOTS);
	for (unsigned i = 0; i < req->nr_slots; i++) {
		check_that(req->slot[i].offset + req->slot[i].len <= PAGE_SIZE);
		sum += req->slot[i].len;
	}
	check_that(sum == req->len);
	check_that(req->status != NETIF_RSP_OKAY || req->len >= NET_HEADER);
	check_that(!req->meta.gso || req->status != NETIF_RSP_OKAY ||
		   (req->meta.gso_size && req->meta.csum == NET_CSUM_BLANK));
}

static void send(netif_tx_sring_t *shared, unsigned op)
{
	const uint8_t *p;
	size_t n;

	switch (op % 6) {
	case 0:
		p = input_bytes(sizeof(netif_tx_request_t), &n);
		memcpy(&shared->ring[(op >> 3) % NET_RING_SLOTS], p, n);
		break;
	case 1:
		shared->req_prod += op >> 3;
		break;
	case 2:
		*(op & 8 ? &shared->rsp_prod : &shared->req_prod) = (RING_IDX)input_number(4);
		break;
	case 3:
		if (net_tx_take(&tx, &taken[nr_taken]) == 1) {
			within(&taken[nr_taken++]);
			check_that(nr_taken <= TAKEN);
		}
		break;
	case 4:
		if (nr_taken) {
			unsigned k = (op >> 3) % nr_taken;

			net_tx_answer(&tx, &taken[k], (int)input_number(1));
			taken[k] = taken[--nr_taken];
		}
		break;
	default:
		net_tx_publish(&tx);
		net_tx_wait(&tx);
	}
	check_that(net_tx_busy(&tx) <= NET_RING_SLOTS);
}

static void receive(netif_rx_sring_t *shared, unsigned op)
{
	struct net_meta meta = { .gso = (uint8_t)(op & 1), .gso_size = 1448 };
	unsigned slots = net_rx_slots(1 + (uint32_t)input_number(2), &meta);
	RING_IDX index = 0;
	int room;

	switch (op % 4) {
	case 0:
		shared->req_prod += op >> 3;
		break;
	case 1:
		shared->req_prod = (RING_IDX)input_number(4);
		break;
	case 2:
		room = net_rx_room(&rx);
		check_that(room <= (int)NET_RING_SLOTS);
		for (unsigned i = 0; (int)slots <= room && i < slots; i++) {
			net_rx_take(&rx, &index);
			if (i == 1 && meta.gso)
				net_rx_gso(&rx, index, &meta);
			else
				net_rx_answer(&rx, index, 1, 0);
		}
		if ((int)slots <= room && op & 128)
			net_rx_fail(&rx, index);
		break;
	default:
		net_rx_publish(&rx);
		net_rx_wait(&rx, slots);
	}
	check_that(rx.req_cons - rx.rsp_prod <= NET_RING_SLOTS);
}

/* A packet's first bytes, at the end of accessible memory. */
static void parse(void)
{
	size_t n;
	const uint8_t *p = input_bytes(NET_HEADERS, &n);
	uint8_t *copy = malloc(n ? n : 1), made[NET_HEADERS];
	struct net_headers h;
	int data;

	memcpy(copy, p, n);
	net_flow_hash(copy, (unsigned)n);
	if (!net_headers_parse(&h, copy, (unsigned)n)) {
		check_that(h.ip < h.start && h.start + h.offset + 2u <= n && h.start < h.len);
		if (h.tcp) {
			data = net_segment_data(copy, &h, (uint32_t)n);
			check_that(data < (int)n);
		}
		if (h.tcp && h.len <= n) {
			net_segment_header(made, copy, &h, 100000, 1000, 7);
			check_that(net_segment_same(copy, &h, copy, &h) && net_segment_alike(copy, copy, &h));
		}
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	netif_tx_sring_t *tx_page = calloc(1, PAGE_SIZE);
	netif_rx_sring_t *rx_page = calloc(1, PAGE_SIZE);

	input_begin(data, size);
	nr_taken = 0;
	tx_page->req_prod = tx_page->rsp_prod = (RING_IDX)input_number(4);
	rx_page->req_prod = rx_page->rsp_prod = (RING_IDX)input_number(4);
	tx_page->req_prod += (RING_IDX)input_number(1);
	rx_page->req_prod += (RING_IDX)input_number(1);
	if (!net_tx_attach(&tx, tx_page) && !net_rx_attach(&rx, rx_page)) {
		while (input_more()) {
			unsigned op = (unsigned)input_number(1);

			if (op < 160)
				send(tx_page, op);
			else if (op < 240)
				receive(rx_page, op);
			else
				parse();
		}
	}
	free(tx_page);
	free(rx_page);
	return 0;
}
