/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attacks.c - each is the life of one frontend.  Its disk has 8192 sectors.
 */
#include <runtime/event.h>
#include <runtime/grant.h>
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/io.h>
#include <runtime/start.h>
#include <runtime/store.h>
#include <runtime/string.h>

#include "attacks.h"
#include "frontend.h"

#define SECTORS 8192ull

#define X(function, sentence) void function(void);
ATTACKS(X)
#undef X

/* It still works, for a frontend that keeps to the rules again. */
static void still_served(void)
{
	transfer(BLKIF_OP_READ, 0, 1);
	expect_eq(outcome(), BLKIF_RSP_OKAY);
}

static void closed(void)
{
	event_send(port);
	expect(wait_state(XenbusStateClosed));
}

/* ---- indices --------------------------------------------------------------------------------- */

void requests_ahead(void)
{
	connect();
	still_served();
	ring->req_prod += 33;
	closed();
}

void requests_back(void)
{
	connect();
	still_served();
	ring->req_prod -= 1000;
	closed();
}

/* What it publishes it takes from its own count. */
void responses_moved(void)
{
	connect();
	for (RING_IDX i = 0; i < 100; i++) {
		uint64_t until = time_ns() + 10 * SECOND;

		transfer(BLKIF_OP_READ, i, 4);
		ring->rsp_event = (RING_IDX)random64();
		ring->rsp_prod = (RING_IDX)random64();
		push();
		event_send(port);
		while (*(volatile RING_IDX *)&ring->rsp_prod != i + 1) {
			expect(time_ns() < until);
			event_loop_once(time_ns() + SECOND / 1000);
		}
	}
}

/* ---- requests -------------------------------------------------------------------------------- */

void bad_segments(void)
{
	static const uint8_t bad[][2] = { { 4, 3 }, { 0, 8 }, { 8, 8 }, { 255, 255 }, { 7, 255 }, { 255, 0 } };
	static const uint8_t counts[] = { 0, 12, 13, 128, 255 };

	connect();
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		blkif_request_t *req = transfer(i & 1 ? BLKIF_OP_READ : BLKIF_OP_WRITE, 0, 11);

		req->seg[i].first_sect = bad[i][0];
		req->seg[i].last_sect = bad[i][1];
		expect_eq(outcome(), BLKIF_RSP_ERROR);
	}
	for (unsigned i = 0; i < sizeof(counts); i++) {
		transfer(BLKIF_OP_READ, 0, 11)->nr_segments = counts[i];
		expect_eq(outcome(), BLKIF_RSP_ERROR);
	}
	still_served();
}

void bad_ranges(void)
{
	static const uint64_t bad[] = { SECTORS - 87, SECTORS,	  SECTORS + 1, 1ull << 32,
					1ull << 55,   1ull << 63, ~0ull,       ~0ull - 86 };

	connect();
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		blkif_request_discard_t *discard;

		transfer(i & 1 ? BLKIF_OP_READ : BLKIF_OP_WRITE, bad[i], 11);
		expect_eq(outcome(), BLKIF_RSP_ERROR);
		discard = (blkif_request_discard_t *)next_slot();
		discard->operation = BLKIF_OP_DISCARD;
		discard->sector_number = bad[i];
		discard->nr_sectors = 88;
		expect_eq(outcome(), BLKIF_RSP_ERROR);
	}
	still_served();
}

void bad_grants(void)
{
	static const uint32_t bad[] = { 0, 1, 7, 1000, 2047, 2048, 32767, 65536, 0x7fffffff, 0xffffffff };

	connect();
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		transfer(BLKIF_OP_WRITE, 0, 11)->seg[i].gref = bad[i];
		expect_eq(outcome(), BLKIF_RSP_ERROR);
	}
	/* What was pinned of them was given back. */
	for (unsigned i = 0; i < DATA_PAGES; i++)
		expect_eq(grant_end(data_ref[i]), 0);
}

void read_only_grants(void)
{
	uint8_t *page = page_alloc(1);
	int ref = grant_offer(backend_id, page, 1);

	connect();
	memset(page, 0x5a, PAGE_SIZE);
	transfer(BLKIF_OP_READ, 0, 3)->seg[1].gref = ref;
	expect_eq(outcome(), BLKIF_RSP_ERROR);
	for (unsigned i = 0; i < PAGE_SIZE; i++)
		expect_eq(page[i], 0x5a);
	transfer(BLKIF_OP_WRITE, 0, 1)->seg[0].gref = ref;
	expect_eq(outcome(), BLKIF_RSP_OKAY);
}

void withdrawn_grants(void)
{
	connect();
	for (unsigned round = 0; round < 300; round++) {
		unsigned page = round % 11;
		int taken;

		transfer(BLKIF_OP_READ, round % 4096, 11);
		push();
		for (unsigned i = 0; i < round * 7 % 500; i++)
			barrier();
		taken = !grant_end(data_ref[page]);
		if (taken)
			memset(data + page * PAGE_SIZE, 0xa5, PAGE_SIZE);
		expect(wait_response() <= 0);
		for (unsigned i = 0; taken && i < PAGE_SIZE; i++)
			expect_eq(data[page * PAGE_SIZE + i], 0xa5);
		if (!taken)
			expect_eq(grant_end(data_ref[page]), 0);
		data_ref[page] = grant_offer(backend_id, data + page * PAGE_SIZE, 0);
	}
	still_served();
}

/* An indirect request for nr segments that stand in the last page of data. */
static blkif_request_indirect_t *indirect(uint8_t operation, unsigned nr)
{
	struct blkif_request_segment *segment = (void *)(data + (DATA_PAGES - 1) * PAGE_SIZE);
	blkif_request_indirect_t *req = (blkif_request_indirect_t *)next_slot();

	req->operation = BLKIF_OP_INDIRECT;
	req->indirect_op = operation;
	req->nr_segments = nr;
	req->indirect_grefs[0] = data_ref[DATA_PAGES - 1];
	for (unsigned i = 0; i < 32; i++)
		segment[i] = (struct blkif_request_segment){ .gref = data_ref[i % (DATA_PAGES - 1)], .last_sect = 7 };
	return req;
}

void full_ring(void)
{
	connect();
	for (unsigned i = 0; i < 32; i++)
		indirect(BLKIF_OP_READ, 32)->sector_number = i * 240;
	push();
	for (unsigned i = 0; i < 32; i++)
		expect_eq(wait_response(), BLKIF_RSP_OKAY);
}

void bad_indirect(void)
{
	static const uint16_t counts[] = { 0, 33, 512, 4096, 65535 };
	static const uint32_t grants[] = { 0, 5, 2048, 0xffffffff };
	struct blkif_request_segment *segment = (void *)(data + (DATA_PAGES - 1) * PAGE_SIZE);

	connect();
	indirect(BLKIF_OP_READ, 32);
	expect_eq(outcome(), BLKIF_RSP_OKAY);
	for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		indirect(BLKIF_OP_READ, counts[i]);
		expect_eq(outcome(), BLKIF_RSP_ERROR);
	}
	for (unsigned i = 0; i < sizeof(grants) / sizeof(grants[0]); i++) {
		indirect(BLKIF_OP_READ, 8)->indirect_grefs[0] = grants[i];
		expect_eq(outcome(), BLKIF_RSP_ERROR);
	}
	/* Indirect segments of indirect segments, of a flush, of nothing. */
	indirect(BLKIF_OP_INDIRECT, 8);
	expect_eq(outcome(), BLKIF_RSP_EOPNOTSUPP);
	indirect(BLKIF_OP_FLUSH_DISKCACHE, 8);
	expect_eq(outcome(), BLKIF_RSP_EOPNOTSUPP);
	indirect(255, 8);
	expect_eq(outcome(), BLKIF_RSP_EOPNOTSUPP);
	/* The segments are where the data goes. */
	indirect(BLKIF_OP_READ, 8);
	segment[3].gref = data_ref[DATA_PAGES - 1];
	expect_eq(outcome(), BLKIF_RSP_OKAY);
	indirect(BLKIF_OP_READ, 8);
	segment[7].last_sect = 8;
	expect_eq(outcome(), BLKIF_RSP_ERROR);
	still_served();
}

void changing_indirect(void)
{
	volatile struct blkif_request_segment *segment = (void *)(data + (DATA_PAGES - 1) * PAGE_SIZE);

	connect();
	for (unsigned round = 0; round < 300; round++) {
		indirect(BLKIF_OP_READ, 32);
		push();
		for (unsigned i = 0; i < 200; i++) {
			segment[i % 32].first_sect = (uint8_t)random64();
			segment[i % 32].last_sect = (uint8_t)random64();
			segment[i % 32].gref = (uint32_t)random64() % 64;
		}
		expect(wait_response() <= 0);
	}
	still_served();
}

void unknown_operations(void)
{
	connect();
	for (unsigned op = 0; op < 256; op++) {
		if (op <= BLKIF_OP_FLUSH_DISKCACHE || op == BLKIF_OP_DISCARD || op == BLKIF_OP_INDIRECT)
			continue;
		transfer(op, 0, 1);
		expect_eq(outcome(), BLKIF_RSP_EOPNOTSUPP);
	}
	transfer(BLKIF_OP_WRITE_BARRIER, 0, 1);
	expect_eq(outcome(), BLKIF_RSP_EOPNOTSUPP);
	transfer(BLKIF_OP_FLUSH_DISKCACHE, 0, 1);
	expect_eq(outcome(), BLKIF_RSP_ERROR);
	still_served();
}

/* The device overwrites indices and requests. */
void ring_as_data(void)
{
	uint64_t until = time_ns() + SECOND;
	int ref;

	memset(data, 0xff, PAGE_SIZE);
	connect();
	ref = grant_offer(backend_id, ring, 0);
	transfer(BLKIF_OP_WRITE, 0, 1);
	expect_eq(outcome(), BLKIF_RSP_OKAY);
	for (unsigned i = 0; i < 8; i++) {
		transfer(BLKIF_OP_READ, 0, 11)->seg[i].gref = ref;
		push();
	}
	while (time_ns() < until) {
		event_send(port);
		event_loop_once(time_ns() + SECOND / 100);
	}
}

/* ---- events and the store -------------------------------------------------------------------- */

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

/* Rings that do not exist: the backend says so, and does not come back. */
void bad_rings(void)
{
	expect(wait_state(XenbusStateInitWait));
	put_key("ring-ref", 12345678);
	put_key("event-channel", 4000);
	put_key("state", XenbusStateInitialised);
	expect(wait_state(XenbusStateClosed));
	put_key("ring-ref", ~0ull);
	put_key("state", XenbusStateInitialising);
	put_key("state", XenbusStateInitialised);
}

void noise(void)
{
	uint64_t until = time_ns() + 3 * SECOND;

	connect();
	while (time_ns() < until && backend_state() == XenbusStateConnected) {
		for (unsigned n = 0; n < 300; n++) {
			blkif_request_t *req =
				transfer((uint8_t)(random64() % 8), random64() % (2 * SECTORS), random64() % 13 % 12);

			if (random64() % 4 == 0)
				((uint8_t *)req)[random64() % sizeof(*req)] = (uint8_t)random64();
			push();
			if (random64() % 8 == 0)
				event_send(port);
			if (random64() % 3 == 0 && wait_response() > 0)
				return; /* it serves us no more */
		}
	}
}

void vanishes(void)
{
	connect();
	for (unsigned i = 0; i < 32; i++)
		transfer(i & 1 ? BLKIF_OP_READ : BLKIF_OP_WRITE, i * 88, 11);
	push();
	event_send(port);
	store_write("data/holds", "1");
	domain_shutdown(SHUTDOWN_crash);
}
