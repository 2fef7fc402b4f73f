/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_attacks.c - each is the life of one frontend.
 */
#include <runtime/event.h>
#include <runtime/grant.h>
#include <runtime/heap.h>
#include <runtime/io.h>
#include <runtime/print.h>
#include <runtime/start.h>
#include <runtime/store.h>
#include <runtime/string.h>

#include "net_attacks.h"
#include "net_frontend.h"

#define X(function, sentence) void function(void);
ATTACKS(X)
#undef X

/* It still works, for a frontend that keeps to the rules again. */
static void still_served(void)
{
	packet(arp_request(), 0);
	expect_eq(outcome(), NETIF_RSP_OKAY);
}

static void closed(void)
{
	event_send(port);
	expect(wait_state(XenbusStateClosed));
}

static void begin(void)
{
	connect();
	still_served();
}

/* For all, which is copied, and for the host, which is pinned. */
static void send_to(int host)
{
	static const uint8_t mac[] = { 0x52, 0x55, 10, 0, 2, 2 };

	arp_request();
	if (host)
		memcpy(data, mac, sizeof(mac));
}

/* ---- indices --------------------------------------------------------------------------------- */

void full_ring(void)
{
	begin();
	send_to(1);
	for (unsigned i = 0; i < 14; i++)
		packet(65535, 0);
	push();
	for (unsigned i = 0; i < 14 * 16; i++)
		expect(wait_response() <= 0);
	still_served();
}

void requests_ahead(void)
{
	begin();
	tx->req_prod += SLOTS + 1;
	closed();
}

void requests_back(void)
{
	begin();
	tx->req_prod -= 1000;
	closed();
}

/* It is found out when there is a packet for it: the honest one's requests are for all. */
void buffers_ahead(void)
{
	begin();
	rx->req_prod += SLOTS + 1;
	closed();
}

void responses_moved(void)
{
	connect();
	for (RING_IDX i = 0; i < 100; i++) {
		uint64_t until = time_ns() + 10 * SECOND;

		packet(arp_request(), 0);
		tx->rsp_event = (RING_IDX)random64();
		tx->rsp_prod = (RING_IDX)random64();
		rx->rsp_prod = (RING_IDX)random64();
		push();
		while (*(volatile RING_IDX *)&tx->rsp_prod != i + 1) {
			expect(time_ns() < until);
			event_loop_once(time_ns() + SECOND / 1000);
		}
	}
}

/* ---- packets --------------------------------------------------------------------------------- */

void chain_without_end(void)
{
	begin();
	for (unsigned i = 0; i < SLOTS; i++) {
		netif_tx_request_t *req = next_slot();

		req->gref = data_ref[0];
		req->size = i ? 1 : 300;
		req->flags = NETTXF_more_data;
	}
	push();
	closed();
}

void slots_outside(void)
{
	begin();
	packet(9000, 0);
	part[random64() % 3]->offset = 4000;
	push();
	closed();
}

void extras_without_end(void)
{
	begin();
	packet(60, NETTXF_extra_info);
	for (unsigned i = 1; i < SLOTS; i++) {
		netif_extra_info_t *extra = (netif_extra_info_t *)next_slot();

		memset(extra, 0, sizeof(*extra));
		extra->type = XEN_NETIF_EXTRA_TYPE_GSO;
		extra->flags = XEN_NETIF_EXTRA_FLAG_MORE;
	}
	push();
	closed();
}

void bad_grants(void)
{
	static const uint32_t bad[] = { 0, 1, 7, 1000, 2047, 2048, 32767, 65536, 0x7fffffff, 0xffffffff };

	begin();
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		send_to(i & 1);
		packet(60, 0)->gref = bad[i];
		expect_eq(outcome(), NETIF_RSP_ERROR);
		packet(9000, 0); /* its head can be read, the rest not */
		part[2]->gref = bad[i];
		push();
		for (unsigned k = 0; k < 3; k++)
			expect_eq(wait_response(), NETIF_RSP_ERROR);
	}
	/* What was pinned of them was given back. */
	for (unsigned i = 0; i < DATA_PAGES; i++)
		expect_eq(grant_end(data_ref[i]), 0);
}

void withdrawn_pages(void)
{
	begin();
	for (unsigned round = 0; round < 300; round++) {
		unsigned page = 1 + round % 15;
		int taken;

		send_to(round & 1);
		packet(60000, 0);
		push();
		for (unsigned i = 0; i < round * 7 % 500; i++)
			barrier();
		taken = !grant_end(data_ref[page]);
		for (unsigned i = 0; i < 15; i++)
			expect(wait_response() <= 0);
		if (!taken)
			expect_eq(grant_end(data_ref[page]), 0);
		data_ref[page] = grant_offer(backend_id, data + page * PAGE_SIZE, 1);
	}
	still_served();
}

/* ---- buffers --------------------------------------------------------------------------------- */

/* Wait for packets in so many buffers, filled or not; the honest one's requests are for all. */
static void await_buffers(unsigned nr, int status)
{
	uint64_t until = time_ns() + 20 * SECOND;
	int len;

	while (nr) {
		expect(time_ns() < until);
		if (received(&len) < 0) {
			event_loop_once(time_ns() + SECOND / 100);
			continue;
		}
		nr--;
		if (status)
			expect_eq(len, status);
	}
}

void bad_buffers(void)
{
	static const uint32_t bad[] = { 0, 1, 7, 1000, 2048, 65536, 0xffffffff };
	unsigned nr = sizeof(bad) / sizeof(bad[0]);

	connect();
	memcpy(buffer_ref, bad, sizeof(bad));
	buffer_ref[nr++] = grant_offer(backend_id, data, 1); /* not to be written */
	post(nr);
	await_buffers(nr, NETIF_RSP_ERROR);
	still_served();
}

void withdrawn_buffers(void)
{
	connect();
	for (unsigned round = 0; round < 50; round++) {
		int taken;

		post(1);
		for (unsigned i = 0; i < round * 97 % 5000; i++)
			barrier();
		taken = !grant_end(buffer_ref[0]);
		if (taken)
			memset(buffer, 0xa5, PAGE_SIZE);
		await_buffers(1, 0);
		for (unsigned i = 0; taken && i < PAGE_SIZE; i++)
			expect_eq(buffer[i], 0xa5);
		if (!taken)
			expect_eq(grant_end(buffer_ref[0]), 0);
		buffer_ref[0] = grant_offer(backend_id, buffer, 0);
	}
}

void no_buffers(void)
{
	uint64_t until = time_ns() + 3 * SECOND;

	connect();
	while (time_ns() < until) {
		still_served();
		event_loop_once(time_ns() + SECOND / 100);
	}
}

/* ---- what they ask for ----------------------------------------------------------------------- */

/* A TCP packet for the host, of which so much is said. */
static int gso(uint32_t len, uint16_t size, uint8_t type, uint16_t flags)
{
	netif_tx_request_t *first = next_slot();
	netif_extra_info_t *extra = (netif_extra_info_t *)next_slot();
	unsigned nr = (len + PAGE_SIZE - 1) / PAGE_SIZE;
	int status;

	send_to(1);
	memset(data + 12, 0, 52);
	memcpy(data + 12, (uint8_t[]){ 8, 0, 0x45, 0 }, 4);
	data[16] = (len - 14) >> 8;
	data[17] = len - 14;
	data[23] = 6;
	data[46] = 5 << 4;
	*first = (netif_tx_request_t){ .gref = data_ref[0], .id = first->id, .size = len };
	first->flags = flags | NETTXF_extra_info | (nr > 1 ? NETTXF_more_data : 0);
	memset(extra, 0, sizeof(*extra));
	extra->type = XEN_NETIF_EXTRA_TYPE_GSO;
	extra->u.gso.size = size;
	extra->u.gso.type = type;
	for (unsigned i = 1; i < nr; i++) {
		netif_tx_request_t *req = next_slot();

		req->gref = data_ref[i];
		req->size = i + 1 < nr ? PAGE_SIZE : len - i * PAGE_SIZE;
		req->flags = i + 1 < nr ? NETTXF_more_data : 0;
	}
	push();
	status = wait_response();
	for (unsigned i = 0; i < nr; i++)
		expect(wait_response() <= 1);
	return status;
}

void bad_segments(void)
{
	begin();
	expect_eq(gso(30000, 1448, XEN_NETIF_GSO_TYPE_TCPV4, NETTXF_csum_blank), NETIF_RSP_OKAY);
	expect_eq(gso(30000, 0, XEN_NETIF_GSO_TYPE_TCPV4, NETTXF_csum_blank), NETIF_RSP_ERROR);
	expect_eq(gso(30000, 1448, XEN_NETIF_GSO_TYPE_TCPV6, NETTXF_csum_blank), NETIF_RSP_ERROR);
	expect_eq(gso(30000, 1448, 200, NETTXF_csum_blank), NETIF_RSP_ERROR);
	expect_eq(gso(30000, 1448, XEN_NETIF_GSO_TYPE_TCPV4, 0), NETIF_RSP_ERROR);
	for (unsigned size = 1; size < 1000; size += 13)
		expect(gso(60000, size, XEN_NETIF_GSO_TYPE_TCPV4, NETTXF_csum_blank) <= 0);
	for (unsigned len = 14; len < 120; len++)
		expect(gso(len, 1 + len / 4, XEN_NETIF_GSO_TYPE_TCPV4, NETTXF_csum_blank) <= 0);
	still_served();
}

static void offer_queues(unsigned said, unsigned written)
{
	char key[64];

	offer();
	put_key("multi-queue-num-queues", said);
	for (unsigned i = 0; i < written; i++) {
		static const char *const keys[] = { "tx-ring-ref", "rx-ring-ref", "event-channel" };

		for (unsigned k = 0; k < 3; k++) {
			uint64_t value = get_key(keys[k]);

			snprintf(key, sizeof(key), "queue-%u/%s", i, keys[k]);
			if (k < 2)
				put_key(key, value);
			else
				put_key(key, i ? event_alloc(DOMID_SELF, backend_id) : (int)port);
		}
	}
	put_key("state", XenbusStateConnected);
}

void many_queues(void)
{
	offer_queues(5, 5);
	expect(wait_state(XenbusStateClosed));
}

void shared_queues(void)
{
	uint64_t until = time_ns() + 3 * SECOND;

	offer_queues(4, 4);
	expect(wait_state(XenbusStateConnected));
	post(BUFFERS);
	while (time_ns() < until && backend_state() == XenbusStateConnected) {
		for (unsigned i = 0; i < 10; i++)
			packet(arp_request(), 0);
		push();
		event_loop_once(time_ns() + SECOND / 50);
	}
}

/* ---- floods ---------------------------------------------------------------------------------- */

/* Full rings for two seconds, with packets from made-up senders or our own. */
static void send_much(int invent)
{
	uint64_t until = time_ns() + 2 * SECOND, made = 0;
	unsigned waiting = 0;

	connect();
	post(BUFFERS);
	arp_request();
	while (time_ns() < until) {
		for (; waiting < 200; waiting++) {
			uint8_t *at = data + made % 60 * 64;

			memcpy(at, data, 60);
			if (invent)
				memcpy(at + 7, &made, 5);
			packet(60, 0)->offset = (uint16_t)(at - data);
			made++;
		}
		push();
		for (; waiting > 100; waiting--)
			expect(wait_response() <= 0);
	}
	while (waiting--)
		expect(wait_response() <= 0);
}

void flood(void)
{
	send_much(0);
}

void false_senders(void)
{
	send_much(1);
}

void doorbells(void)
{
	uint64_t until = time_ns() + 2 * SECOND;

	connect();
	while (time_ns() < until)
		for (unsigned i = 0; i < 1000; i++)
			event_send(port);
	still_served();
}

void states(void)
{
	uint64_t until = time_ns() + 2 * SECOND;

	connect();
	while (time_ns() < until)
		put_key("state", random64() % 10);
}

void bad_rings(void)
{
	expect(wait_state(XenbusStateInitWait));
	put_key("tx-ring-ref", 12345678);
	put_key("rx-ring-ref", 12345678);
	put_key("event-channel", 4000);
	put_key("request-rx-copy", 1);
	put_key("state", XenbusStateConnected);
	expect(wait_state(XenbusStateClosed));
	put_key("tx-ring-ref", ~0ull);
	put_key("state", XenbusStateInitialising);
	put_key("state", XenbusStateConnected);
}

void noise(void)
{
	uint64_t until = time_ns() + 3 * SECOND;
	int len;

	connect();
	while (time_ns() < until && backend_state() == XenbusStateConnected) {
		post(random64() % BUFFERS);
		for (unsigned n = 0; n < 300; n++) {
			netif_tx_request_t *req = packet(1 + (uint32_t)random64() % 9000, random64() % 8 ? 0 : 15);

			data[random64() % 64] = (uint8_t)random64();
			if (random64() % 4 == 0)
				((uint8_t *)req)[random64() % sizeof(*req)] = (uint8_t)random64();
			push();
			while (random64() % 3 == 0 && received(&len) >= 0)
				;
			if (random64() % 3 == 0)
				wait_some();
		}
	}
}

void vanishes(void)
{
	begin();
	post(BUFFERS);
	for (unsigned i = 0; i < 14; i++) {
		send_to(i & 1);
		packet(60000, 0);
	}
	push();
	store_write("data/holds", "1");
	domain_shutdown(SHUTDOWN_crash);
}
