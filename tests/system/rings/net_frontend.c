/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_frontend.c - see net_frontend.h; and the honest one.
 */
#include <runtime/event.h>
#include <runtime/grant.h>
#include <runtime/heap.h>
#include <runtime/io.h>
#include <runtime/net_mac.h>
#include <runtime/print.h>
#include <runtime/start.h>
#include <runtime/store.h>
#include <runtime/string.h>

#include "net_attacks.h"
#include "net_frontend.h"

const char device[] = "device/vif/0";

netif_tx_sring_t *tx;
netif_rx_sring_t *rx;
uint32_t port;
uint8_t *data, *buffer;
int data_ref[DATA_PAGES], buffer_ref[BUFFERS];
netif_tx_request_t *part[DATA_PAGES];

static RING_IDX tx_prod, tx_cons, rx_prod, rx_cons;
static int posted[BUFFERS];
static int tx_ref, rx_ref;
static uint8_t mac[6];

static netif_tx_request_t *tx_at(RING_IDX at)
{
	return (netif_tx_request_t *)((char *)tx + offsetof(netif_tx_sring_t, ring)) + at % SLOTS;
}

static void *rx_at(RING_IDX at)
{
	return (union netif_rx_sring_entry *)((char *)rx + offsetof(netif_rx_sring_t, ring)) + at % SLOTS;
}

static void ring_event(uint32_t event_port, void *arg)
{
}

void prepare(void)
{
	char text[32], path[64];

	snprintf(path, sizeof(path), "%s/mac", device);
	expect(store_read(path, text, sizeof(text)) > 0);
	expect_eq(net_mac_parse(mac, text), 0);
	data = page_alloc(DATA_PAGES);
	buffer = page_alloc(BUFFERS);
	expect(data && buffer);
	for (unsigned i = 0; i < DATA_PAGES; i++)
		expect((data_ref[i] = grant_offer(backend_id, data + i * PAGE_SIZE, 1)) > 0);
	for (unsigned i = 0; i < BUFFERS; i++)
		expect((buffer_ref[i] = grant_offer(backend_id, buffer + i * PAGE_SIZE, 0)) > 0);
}

void offer(void)
{
	expect(wait_state(XenbusStateInitWait));
	tx = page_alloc(1);
	rx = page_alloc(1);
	expect(tx && rx);
	SHARED_RING_INIT(tx);
	SHARED_RING_INIT(rx);
	port = event_alloc(DOMID_SELF, backend_id);
	event_handler(port, ring_event, NULL);
	tx_ref = grant_offer(backend_id, tx, 0);
	rx_ref = grant_offer(backend_id, rx, 0);
	put_key("tx-ring-ref", tx_ref);
	put_key("rx-ring-ref", rx_ref);
	put_key("event-channel", port);
	put_key("request-rx-copy", 1);
	put_key("feature-sg", 1);
	put_key("feature-gso-tcpv4", 1);
}

void connect(void)
{
	offer();
	put_key("state", XenbusStateConnected);
	expect(wait_state(XenbusStateConnected));
}

netif_tx_request_t *next_slot(void)
{
	netif_tx_request_t *req = tx_at(tx_prod);

	memset(req, 0, sizeof(*req));
	req->id = tx_prod++;
	return req;
}

void push(void)
{
	wmb();
	tx->req_prod = tx_prod;
	mb();
	event_send(port);
}

netif_tx_request_t *packet(uint32_t len, uint16_t flags)
{
	unsigned nr = (len + PAGE_SIZE - 1) / PAGE_SIZE;
	netif_tx_request_t *first = part[0] = next_slot();

	*first = (netif_tx_request_t){ .gref = data_ref[0], .id = first->id, .size = len, .flags = flags };
	for (unsigned i = 1; i < nr; i++) {
		netif_tx_request_t *req = part[i] = next_slot();

		req->gref = data_ref[i];
		req->size = i + 1 < nr ? PAGE_SIZE : len - i * PAGE_SIZE;
		req->flags = i + 1 < nr ? NETTXF_more_data : 0;
	}
	if (nr > 1)
		first->flags |= NETTXF_more_data;
	return first;
}

int wait_response(void)
{
	uint64_t until = time_ns() + 10 * SECOND;

	while (*(volatile RING_IDX *)&tx->rsp_prod == tx_cons) {
		if (time_ns() > until)
			return 1000;
		tx->rsp_event = tx_cons + 1;
		event_loop_once(time_ns() + SECOND / 100);
	}
	rmb();
	return ((netif_tx_response_t *)tx_at(tx_cons++))->status;
}

void wait_some(void)
{
	event_loop_once(time_ns() + SECOND / 1000);
	tx_cons = *(volatile RING_IDX *)&tx->rsp_prod;
}

int outcome(void)
{
	push();
	return wait_response();
}

void post(unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		if (posted[i])
			continue;
		*(netif_rx_request_t *)rx_at(rx_prod) = (netif_rx_request_t){ .id = i, .gref = buffer_ref[i] };
		rx_prod++;
		posted[i] = 1;
	}
	wmb();
	rx->req_prod = rx_prod;
	mb();
	if ((RING_IDX)(rx_prod - *(volatile RING_IDX *)&rx->req_event) < SLOTS)
		event_send(port);
}

int received(int *len)
{
	netif_rx_response_t rsp;

	if (*(volatile RING_IDX *)&rx->rsp_prod == rx_cons)
		return -1;
	rmb();
	rsp = *(netif_rx_response_t *)rx_at(rx_cons++);
	rx->rsp_event = rx_cons + 1;
	if (rsp.id >= BUFFERS) { /* extra information, or what an attack made of it */
		*len = 0;
		return 0;
	}
	posted[rsp.id] = 0;
	*len = rsp.status;
	return rsp.id;
}

uint32_t arp_request(void)
{
	static const uint8_t head[] = { 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1 }, host[] = { 10, 0, 2, 2 };

	memset(data, 0, 60);
	memset(data, 0xff, 6);
	memcpy(data + 6, mac, 6);
	memcpy(data + 12, head, sizeof(head));
	memcpy(data + 22, mac, 6);
	memcpy(data + 28, (uint8_t[]){ 10, 0, 2, mac[5] }, 4);
	memcpy(data + 38, host, sizeof(host));
	return 60;
}

int arp_answer(const uint8_t *p, int len)
{
	static const uint8_t head[] = { 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 2 }, host[] = { 10, 0, 2, 2 };

	return len >= 42 && !memcmp(p, mac, 6) && !memcmp(p + 12, head, sizeof(head)) && !memcmp(p + 28, host, 4);
}

/* ---- the honest one -------------------------------------------------------------------------- */

static int answered(void)
{
	int len, i, yes = 0;

	while ((i = received(&len)) >= 0)
		yes |= arp_answer(buffer + i * PAGE_SIZE, len);
	post(BUFFERS);
	return yes;
}

/* Ask the host, until it answers: again and again, and for ever.  What is lost is asked for once more. */
void honest(void)
{
	connect();
	post(BUFFERS);
	for (uint64_t round = 1;; round++) {
		for (int yes = 0; !yes;) {
			uint64_t until = time_ns() + SECOND / 20;

			packet(arp_request(), 0);
			expect_eq(outcome(), NETIF_RSP_OKAY);
			while (!(yes = answered()) && time_ns() < until)
				event_loop_once(until);
		}
		store_printf("data/rounds", "%lu", round);
		event_loop_once(time_ns() + SECOND / 1000);
	}
}

#define X(function, sentence) void function(void);
ATTACKS(X)
#undef X

void (*const attacks[])(void) = {
#define X(function, sentence) function,
	ATTACKS(X)
#undef X
};
const unsigned nr_attacks = sizeof(attacks) / sizeof(attacks[0]);
