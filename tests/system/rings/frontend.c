/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frontend.c - see frontend.h; and the honest one.
 */
#include <runtime/event.h>
#include <runtime/grant.h>
#include <runtime/heap.h>
#include <runtime/io.h>
#include <runtime/print.h>
#include <runtime/start.h>
#include <runtime/store.h>
#include <runtime/string.h>

#include "attacks.h"
#include "frontend.h"

const char device[] = "device/vbd/51712";
blkif_sring_t *ring;
uint32_t port;
uint8_t *data;
int data_ref[DATA_PAGES];

static blkif_front_ring_t front;

static void ring_event(uint32_t event_port, void *arg)
{
}

void prepare(void)
{
	data = page_alloc(DATA_PAGES);
	expect(data);
	for (unsigned i = 0; i < DATA_PAGES; i++) {
		data_ref[i] = grant_offer(backend_id, data + i * PAGE_SIZE, 0);
		expect(data_ref[i] > 0);
	}
}

void connect(void)
{
	expect(wait_state(XenbusStateInitWait));
	ring = page_alloc(1);
	expect(ring);
	SHARED_RING_INIT(ring);
	FRONT_RING_INIT(&front, ring, PAGE_SIZE);
	port = event_alloc(DOMID_SELF, backend_id);
	event_handler(port, ring_event, NULL);
	put_key("ring-ref", grant_offer(backend_id, ring, 0));
	put_key("event-channel", port);
	put_key("state", XenbusStateInitialised);
	expect(wait_state(XenbusStateConnected));
	put_key("state", XenbusStateConnected);
}

blkif_request_t *next_slot(void)
{
	blkif_request_t *req = RING_GET_REQUEST(&front, front.req_prod_pvt);

	memset(req, 0, sizeof(*req));
	req->id = front.req_prod_pvt++;
	return req;
}

void push(void)
{
	int notify;

	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&front, notify);
	if (notify)
		event_send(port);
}

blkif_request_t *transfer(uint8_t operation, uint64_t sector, unsigned nr)
{
	blkif_request_t *req = next_slot();

	req->operation = operation;
	req->sector_number = sector;
	req->nr_segments = nr;
	for (unsigned i = 0; i < nr; i++)
		req->seg[i] = (struct blkif_request_segment){ .gref = data_ref[i], .last_sect = 7 };
	return req;
}

int wait_response(void)
{
	uint64_t until = time_ns() + 10 * SECOND;
	int more;

	for (;;) {
		RING_FINAL_CHECK_FOR_RESPONSES(&front, more);
		if (more)
			return RING_GET_RESPONSE(&front, front.rsp_cons++)->status;
		if (time_ns() > until)
			return 1;
		event_loop_once(until);
	}
}

int outcome(void)
{
	push();
	return wait_response();
}

/* ---- the honest one -------------------------------------------------------------------------- */

/* Write, flush and read back for ever, another place and content each time. */
void honest(void)
{
	connect();
	for (uint64_t round = 1;; round++) {
		uint64_t sector = round * 88 % 8000;

		for (unsigned i = 0; i < 11 * PAGE_SIZE / 8; i++)
			((uint64_t *)data)[i] = round * 0x9e3779b97f4a7c15ull + i;
		transfer(BLKIF_OP_WRITE, sector, 11);
		expect_eq(outcome(), BLKIF_RSP_OKAY);
		next_slot()->operation = BLKIF_OP_FLUSH_DISKCACHE;
		expect_eq(outcome(), BLKIF_RSP_OKAY);
		memset(data, 0, 11 * PAGE_SIZE);
		transfer(BLKIF_OP_READ, sector, 11);
		expect_eq(outcome(), BLKIF_RSP_OKAY);
		for (unsigned i = 0; i < 11 * PAGE_SIZE / 8; i++)
			expect_eq(((uint64_t *)data)[i], round * 0x9e3779b97f4a7c15ull + i);
		store_printf("data/rounds", "%lu", round);
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
