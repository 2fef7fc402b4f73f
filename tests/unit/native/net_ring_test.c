/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_ring_test.c - the deciding half of the network backend, against a frontend that lies.
 */
#include "torn.h"

#include <runtime/net_ring.h>

static union {
	netif_tx_sring_t ring;
	uint8_t page[PAGE_SIZE];
} tx_page;
static union {
	netif_rx_sring_t ring;
	uint8_t page[PAGE_SIZE];
} rx_page;
static struct net_tx_ring tx;
static struct net_rx_ring rx;
static struct net_request req;

/* Slots by number; the headers say that a ring has one. */
static union netif_tx_sring_entry *tx_slot(RING_IDX at)
{
	return &tx_page.ring.ring[at % NET_RING_SLOTS];
}

static union netif_rx_sring_entry *rx_slot(RING_IDX at)
{
	return &rx_page.ring.ring[at % NET_RING_SLOTS];
}

static void setup(void)
{
	SHARED_RING_INIT(&tx_page.ring);
	SHARED_RING_INIT(&rx_page.ring);
	ck_assert_int_eq(net_tx_attach(&tx, &tx_page.ring), 0);
	ck_assert_int_eq(net_rx_attach(&rx, &rx_page.ring), 0);
}

/* The frontend's next request; the caller publishes. */
static netif_tx_request_t *put(uint16_t size, uint16_t flags, uint16_t offset)
{
	RING_IDX at = tx_page.ring.req_prod++;
	netif_tx_request_t *r = &tx_slot(at)->req;

	*r = (netif_tx_request_t){
		.gref = 100 + at, .offset = offset, .flags = flags, .id = (uint16_t)at, .size = size
	};
	return r;
}

static netif_extra_info_t *put_extra(uint8_t type, uint8_t flags)
{
	netif_extra_info_t *e = (netif_extra_info_t *)put(0, 0, 0);

	memset(e, 0, sizeof(netif_tx_request_t));
	e->type = type;
	e->flags = flags;
	return e;
}

static void put_gso(uint16_t size, uint8_t type)
{
	netif_extra_info_t *e = put_extra(XEN_NETIF_EXTRA_TYPE_GSO, 0);

	e->u.gso.size = size;
	e->u.gso.type = type;
}

START_TEST(a_packet_of_one_piece_is_taken_as_it_stands)
{
	put(60, NETTXF_csum_blank | NETTXF_data_validated, 4000);
	ck_assert_int_eq(net_tx_take(&tx, &req), 1);
	ck_assert_int_eq(req.status, NETIF_RSP_OKAY);
	ck_assert_uint_eq(req.len, 60);
	ck_assert_uint_eq(req.nr_slots, 1);
	ck_assert_uint_eq(req.nr_ring, 1);
	ck_assert_uint_eq(req.slot[0].ref, 100);
	ck_assert_uint_eq(req.slot[0].offset, 4000);
	ck_assert_uint_eq(req.slot[0].len, 60);
	ck_assert_uint_eq(req.meta.csum, NET_CSUM_BLANK);
	ck_assert_int_eq(net_tx_take(&tx, &req), 0);
}
END_TEST

START_TEST(the_first_slot_holds_what_the_others_leave)
{
	put(1000, NETTXF_more_data, 0);
	put(300, NETTXF_more_data, 0);
	put(600, 0, 8);
	ck_assert_int_eq(net_tx_take(&tx, &req), 1);
	ck_assert_uint_eq(req.len, 1000);
	ck_assert_uint_eq(req.nr_slots, 3);
	ck_assert_uint_eq(req.slot[0].len, 100);
	ck_assert_uint_eq(req.slot[1].len, 300);
	ck_assert_uint_eq(req.slot[2].len, 600);
	ck_assert_uint_eq(req.slot[2].offset, 8);
}
END_TEST

START_TEST(extra_information_takes_a_slot_and_gets_no_answer)
{
	put(9000, NETTXF_extra_info | NETTXF_more_data | NETTXF_csum_blank, 0);
	put_gso(1448, XEN_NETIF_GSO_TYPE_TCPV4);
	put(4096, NETTXF_more_data, 0);
	put(4096, 0, 0);
	ck_assert_int_eq(net_tx_take(&tx, &req), 1);
	ck_assert_int_eq(req.status, NETIF_RSP_OKAY);
	ck_assert_uint_eq(req.nr_slots, 3);
	ck_assert_uint_eq(req.nr_ring, 4);
	ck_assert_uint_eq(req.meta.gso, NET_GSO_TCPV4);
	ck_assert_uint_eq(req.meta.gso_size, 1448);
	ck_assert_uint_eq(req.slot[0].len, 9000 - 8192);
	net_tx_answer(&tx, &req, NETIF_RSP_OKAY);
	net_tx_publish(&tx);
	ck_assert_uint_eq(tx_page.ring.rsp_prod, 4);
	ck_assert_int_eq(tx_slot(0)->rsp.status, NETIF_RSP_OKAY);
	ck_assert_int_eq(tx_slot(1)->rsp.status, NETIF_RSP_NULL);
	ck_assert_int_eq(tx_slot(3)->rsp.status, NETIF_RSP_OKAY);
	ck_assert_uint_eq(tx_slot(3)->rsp.id, 3);
}
END_TEST

START_TEST(segments_without_a_size_cost_their_packet_only)
{
	put(4000, NETTXF_extra_info | NETTXF_csum_blank, 0);
	put_gso(0, XEN_NETIF_GSO_TYPE_TCPV4);
	put(4000, NETTXF_extra_info | NETTXF_csum_blank, 0);
	put_gso(1448, 7);
	put(4000, NETTXF_extra_info, 0);
	put_gso(1448, XEN_NETIF_GSO_TYPE_TCPV6);
	put(60, 0, 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(net_tx_take(&tx, &req), 1);
		ck_assert_int_eq(req.status, NETIF_RSP_ERROR);
	}
	ck_assert_int_eq(net_tx_take(&tx, &req), 1);
	ck_assert_int_eq(req.status, NETIF_RSP_OKAY);
}
END_TEST

START_TEST(a_packet_without_a_header_is_an_error)
{
	put(13, 0, 0);
	ck_assert_int_eq(net_tx_take(&tx, &req), 1);
	ck_assert_int_eq(req.status, NETIF_RSP_ERROR);
}
END_TEST

static void broken(void)
{
	ck_assert_int_eq(net_tx_take(&tx, &req), -XEN_EINVAL);
	ck_assert_uint_eq(net_tx_busy(&tx), 0);
}

START_TEST(a_chain_without_an_end_breaks_the_ring)
{
	put(1000, NETTXF_more_data, 0);
	broken();
}
END_TEST

START_TEST(a_slot_that_leaves_its_page_breaks_the_ring)
{
	put(60, 0, 4050);
	broken();
	put(60, 0, 0xffff);
	broken();
}
END_TEST

START_TEST(a_further_slot_that_leaves_its_page_breaks_the_ring)
{
	put(1000, NETTXF_more_data, 0);
	put(600, 0, 4000);
	broken();
}
END_TEST

START_TEST(slots_larger_than_their_packet_break_the_ring)
{
	put(1000, NETTXF_more_data, 0);
	put(600, NETTXF_more_data, 0);
	put(600, 0, 0);
	broken();
}
END_TEST

START_TEST(more_slots_than_a_packet_has_break_the_ring)
{
	put(2000, NETTXF_more_data, 0);
	for (unsigned i = 0; i < NET_PIECES; i++)
		put(10, i + 1 < NET_PIECES ? NETTXF_more_data : 0, 0);
	broken();
}
END_TEST

START_TEST(extra_information_without_an_end_or_a_type_breaks_the_ring)
{
	put(1000, NETTXF_extra_info, 0);
	broken();
	for (unsigned i = 1; i < NET_RING_SLOTS; i++)
		put_extra(XEN_NETIF_EXTRA_TYPE_HASH, XEN_NETIF_EXTRA_FLAG_MORE);
	broken();
	tx_slot(1)->req = (netif_tx_request_t){ 0 };
	broken();
}
END_TEST

START_TEST(indices_that_cannot_be_break_the_ring)
{
	tx_page.ring.req_prod = NET_RING_SLOTS + 1;
	ck_assert_int_eq(net_tx_take(&tx, &req), -XEN_EINVAL);
	ck_assert_int_eq(net_tx_attach(&tx, &tx_page.ring), -XEN_EINVAL);
	tx_page.ring.req_prod = 0;
	put(60, 0, 0);
	ck_assert_int_eq(net_tx_attach(&tx, &tx_page.ring), 0);
	ck_assert_int_eq(net_tx_take(&tx, &req), 1);
	tx_page.ring.req_prod = 0; /* taken back */
	ck_assert_int_eq(net_tx_take(&tx, &req), -XEN_EINVAL);
	rx_page.ring.req_prod = NET_RING_SLOTS + 1;
	ck_assert_int_eq(net_rx_room(&rx), -XEN_EINVAL);
	ck_assert_int_eq(net_rx_attach(&rx, &rx_page.ring), -XEN_EINVAL);
}
END_TEST

START_TEST(answers_leave_in_the_order_of_requests)
{
	struct net_request first, second;

	put(60, 0, 0);
	put(60, 0, 0);
	ck_assert_int_eq(net_tx_take(&tx, &first), 1);
	ck_assert_int_eq(net_tx_take(&tx, &second), 1);
	net_tx_answer(&tx, &second, NETIF_RSP_OKAY);
	ck_assert_int_eq(net_tx_publish(&tx), 0);
	ck_assert_uint_eq(tx_page.ring.rsp_prod, 0);
	net_tx_answer(&tx, &first, NETIF_RSP_DROPPED);
	ck_assert_int_eq(net_tx_publish(&tx), 1);
	ck_assert_uint_eq(tx_page.ring.rsp_prod, 2);
	ck_assert_int_eq(tx_slot(0)->rsp.status, NETIF_RSP_DROPPED);
}
END_TEST

static void changes_the_answer(void)
{
	tx_slot(1)->rsp.id = 7;
}

START_TEST(an_answer_that_is_not_what_was_written_is_not_published)
{
	put(60, 0, 0);
	put(60, 0, 0);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(net_tx_take(&tx, &req), 1);
		net_tx_answer(&tx, &req, NETIF_RSP_OKAY);
	}
	torn_other(changes_the_answer);
	ck_assert_int_eq(net_tx_publish(&tx), -XEN_EIO);
	ck_assert_uint_eq(tx_page.ring.rsp_prod, 1);
	ck_assert_int_eq(net_tx_attach(&tx, &tx_page.ring), -XEN_EINVAL);
	torn_other(NULL);
	/* The next backend knows from the journal what it is. */
	ck_assert_int_eq(net_tx_attach(&tx, &tx_page.ring), 0);
	ck_assert_uint_eq(tx_page.ring.rsp_prod, 2);
	ck_assert_uint_eq(tx_slot(1)->rsp.id, 1);
}
END_TEST

START_TEST(a_backend_that_closes_a_changed_ring_comes_to_its_end)
{
	put(60, 0, 0);
	put(60, 0, 0);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(net_tx_take(&tx, &req), 1);
		net_tx_answer(&tx, &req, NETIF_RSP_OKAY);
	}
	torn_other(changes_the_answer);
	ck_assert_int_eq(net_tx_publish(&tx), -XEN_EIO);
	ck_assert_int_ge(net_tx_publish(&tx), 0);
	torn_other(NULL);
	ck_assert_uint_eq(net_tx_busy(&tx), 0);
}
END_TEST

START_TEST(a_backend_that_has_lost_its_place_publishes_nothing)
{
	RING_IDX index;

	put(60, 0, 0);
	ck_assert_int_eq(net_tx_take(&tx, &req), 1);
	net_tx_answer(&tx, &req, NETIF_RSP_OKAY);
	ck_assert_int_ge(net_tx_publish(&tx), 0);
	tx.rsp_prod = 1000;
	ck_assert_int_eq(net_tx_publish(&tx), -XEN_EINVAL);
	tx.rsp_prod = tx.req_cons - NET_RING_SLOTS;
	ck_assert_int_eq(net_tx_publish(&tx), 0);
	ck_assert_uint_eq(tx_page.ring.rsp_prod, 1);
	rx_page.ring.req_prod = 5;
	net_rx_take(&rx, &index);
	rx.rsp_prod = 1000;
	ck_assert_int_eq(net_rx_publish(&rx), -XEN_EINVAL);
	ck_assert_uint_eq(rx_page.ring.rsp_prod, 0);
}
END_TEST

/* A frontend that gets one of them serves itself no more, or keeps the packet's pages for ever. */
START_TEST(an_answer_that_cannot_be_is_not_published)
{
	static const int wrong[] = { NETIF_RSP_NULL, 2, -3, 0x7fff };

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		setup();
		put(60, 0, 0);
		ck_assert_int_eq(net_tx_take(&tx, &req), 1);
		net_tx_answer(&tx, &req, wrong[i]);
		ck_assert_int_eq(net_tx_publish(&tx), -XEN_EIO);
		ck_assert_uint_eq(tx_page.ring.rsp_prod, 0);
		/* Who comes next finds the request. */
		ck_assert_int_eq(net_tx_attach(&tx, &tx_page.ring), 0);
		ck_assert_uint_eq(tx_page.ring.rsp_prod, 0);
		ck_assert_int_eq(net_tx_take(&tx, &req), 1);
	}
}
END_TEST

START_TEST(an_index_that_is_not_the_next_is_not_published)
{
	RING_IDX index;

	for (unsigned i = 0; i < 3; i++) {
		put(60, 0, 0);
		ck_assert_int_eq(net_tx_take(&tx, &req), 1);
		net_tx_answer(&tx, &req, NETIF_RSP_OKAY);
	}
	rx_page.ring.req_prod = 5;
	net_rx_take(&rx, &index);
	net_rx_answer(&rx, index, 60, 0);
	tx.rsp_prod = rx.rsp_prod = 1;
	rx.req_cons = 2;
	ck_assert_int_eq(net_tx_publish(&tx), -XEN_EIO);
	ck_assert_int_eq(net_rx_publish(&rx), -XEN_EIO);
	ck_assert_uint_eq(tx_page.ring.rsp_prod, 0);
	ck_assert_uint_eq(rx_page.ring.rsp_prod, 0);
	/* More buffers than were posted. */
	setup();
	rx_page.ring.req_prod = 1;
	for (unsigned i = 0; i < 2; i++)
		net_rx_take(&rx, &index);
	ck_assert_int_eq(net_rx_publish(&rx), -XEN_EIO);
	ck_assert_uint_eq(rx_page.ring.rsp_prod, 0);
}
END_TEST

/* By a store that went elsewhere.  The requests of the first would be lost with the journal of the second. */
START_TEST(what_was_published_counts_before_more_is)
{
	RING_IDX index;

	for (unsigned i = 0; i < 2; i++) {
		put(60, 0, 0);
		ck_assert_int_eq(net_tx_take(&tx, &req), 1);
		net_tx_answer(&tx, &req, i ? NETIF_RSP_NULL : NETIF_RSP_OKAY); /* which cannot be */
		rx_page.ring.req_prod++;
		net_rx_take(&rx, &index);
		net_rx_answer(&rx, index, 60, 0);
		if (i)
			continue;
		ck_assert_int_ge(net_tx_publish(&tx), 0);
		ck_assert_int_ge(net_rx_publish(&rx), 0);
	}
	tx_page.ring.rsp_prod = rx_page.ring.rsp_prod = 0;
	ck_assert_int_eq(net_tx_publish(&tx), -XEN_EIO);
	ck_assert_uint_eq(tx_page.ring.rsp_prod, 1);
	rx_page.ring.req_prod = 1; /* the second was never asked for */
	ck_assert_int_eq(net_rx_publish(&rx), -XEN_EIO);
	ck_assert_uint_eq(rx_page.ring.rsp_prod, 1);
}
END_TEST

START_TEST(a_frontend_that_waits_for_later_answers_is_not_told)
{
	tx_page.ring.rsp_event = 2;
	for (int i = 0; i < 2; i++) {
		put(60, 0, 0);
		ck_assert_int_eq(net_tx_take(&tx, &req), 1);
		net_tx_answer(&tx, &req, NETIF_RSP_OKAY);
		ck_assert_int_eq(net_tx_publish(&tx), i == 1);
	}
}
END_TEST

START_TEST(an_adopted_ring_begins_where_answers_end)
{
	for (int i = 0; i < 3; i++)
		put(60, 0, 0);
	ck_assert_int_eq(net_tx_take(&tx, &req), 1);
	net_tx_answer(&tx, &req, NETIF_RSP_OKAY);
	net_tx_publish(&tx);
	ck_assert_int_eq(net_tx_take(&tx, &req), 1);
	ck_assert_int_eq(net_tx_attach(&tx, &tx_page.ring), 0);
	ck_assert_int_eq(net_tx_take(&tx, &req), 1);
	ck_assert_uint_eq(req.index, 1);
}
END_TEST

START_TEST(waiting_tells_of_what_came_meanwhile)
{
	ck_assert_int_eq(net_tx_wait(&tx), 0);
	ck_assert_uint_eq(tx_page.ring.req_event, 1);
	put(60, 0, 0);
	ck_assert_int_eq(net_tx_wait(&tx), 1);
	ck_assert_int_eq(net_rx_wait(&rx, 3), 0);
	ck_assert_uint_eq(rx_page.ring.req_event, 3);
	rx_page.ring.req_prod = 3;
	ck_assert_int_eq(net_rx_wait(&rx, 3), 1);
}
END_TEST

START_TEST(the_answer_to_a_buffer_goes_to_its_own_slot)
{
	const struct net_meta gso = { .gso = NET_GSO_TCPV4, .gso_size = 1448 };
	const netif_extra_info_t *extra;
	RING_IDX index;

	for (RING_IDX i = 0; i < 5; i++)
		rx_slot(i)->req = (netif_rx_request_t){ .id = (uint16_t)(40 + i), .gref = 7 + i };
	rx_page.ring.req_prod = 5;
	ck_assert_int_eq(net_rx_room(&rx), 5);
	ck_assert_uint_eq(net_rx_slots(5000, &gso), 3);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_uint_eq(net_rx_take(&rx, &index), 7 + i);
		ck_assert_uint_eq(index, i);
		if (i == 1)
			net_rx_gso(&rx, index, &gso);
		else
			net_rx_answer(&rx, index, i ? 904 : 4096, i ? 0 : NETRXF_more_data | NETRXF_extra_info);
	}
	ck_assert_int_eq(net_rx_room(&rx), 2);
	ck_assert_int_eq(net_rx_publish(&rx), 1);
	ck_assert_uint_eq(rx_page.ring.rsp_prod, 3);
	ck_assert_uint_eq(rx_slot(0)->rsp.id, 40);
	ck_assert_int_eq(rx_slot(0)->rsp.status, 4096);
	ck_assert_uint_eq(rx_slot(2)->rsp.id, 42);
	extra = (const netif_extra_info_t *)rx_slot(1);
	ck_assert_uint_eq(extra->type, XEN_NETIF_EXTRA_TYPE_GSO);
	ck_assert_uint_eq(extra->u.gso.size, 1448);
	ck_assert_int_eq(net_rx_publish(&rx), 0);
}
END_TEST

START_TEST(adopted_buffers_go_back_if_one_of_them_cannot_be_filled)
{
	RING_IDX index;

	rx_page.ring.req_prod = rx_page.ring.rsp_prod = 0xfffffffe; /* wraps on the way */
	rx_page.ring.req_prod += 10;
	for (RING_IDX i = 0xfffffffe; i != 8; i++)
		rx_slot(i)->req = (netif_rx_request_t){ .id = (uint16_t)(i + 42), .gref = i };
	ck_assert_int_eq(net_rx_attach(&rx, &rx_page.ring), 0);
	rx_page.ring.req_prod += 5;
	for (unsigned i = 0; i < 3; i++) {
		net_rx_take(&rx, &index);
		net_rx_answer(&rx, index, 100, 0);
	}
	net_rx_fail(&rx, 0xffffffff);
	net_rx_publish(&rx);
	ck_assert_uint_eq(rx_page.ring.rsp_prod, 8);
	for (RING_IDX i = 0xfffffffe; i != 8; i++) {
		ck_assert_uint_eq(rx_slot(i)->rsp.id, i + 42);
		ck_assert_int_eq(rx_slot(i)->rsp.status, i == 0xfffffffe || i == 0 ? 100 : NETIF_RSP_ERROR);
	}
	/* Those that came later are looked at one by one. */
	ck_assert_int_eq(net_rx_room(&rx), 5);
	net_rx_take(&rx, &index);
	net_rx_fail(&rx, index);
	ck_assert_int_eq(net_rx_room(&rx), 4);
}
END_TEST

/* Packets of one, three and two slots; in the second the middle one is no data. */
static void tx_answers_are_right(void)
{
	for (RING_IDX i = 0; i < tx_page.ring.rsp_prod; i++) {
		if (i != 2)
			ck_assert_uint_eq(tx_slot(i)->rsp.id, i);
		ck_assert_int_eq(tx_slot(i)->rsp.status, i == 2 ? NETIF_RSP_NULL :
							 i	? NETIF_RSP_OKAY :
								  NETIF_RSP_ERROR);
	}
}

START_TEST(a_backend_may_die_at_any_store_and_no_packet_is_answered_in_part)
{
	unsigned stretches;

	put(60, 0, 0);
	put(3000, NETTXF_extra_info | NETTXF_csum_blank | NETTXF_more_data, 0);
	put_gso(1000, XEN_NETIF_GSO_TYPE_TCPV4);
	put(100, 0, 0);
	put(500, NETTXF_more_data, 0);
	put(100, 0, 0);
	put(70, 0, 0);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(net_tx_take(&tx, &req), 1);
		net_tx_answer(&tx, &req, i ? NETIF_RSP_OKAY : NETIF_RSP_ERROR);
	}
	torn_watch(&tx_page);
	net_tx_publish(&tx);
	stretches = torn_end();
	ck_assert_uint_ge(stretches, 9);
	for (unsigned round = 0; round < 200 * stretches; round++) {
		torn_make(round % stretches);
		tx_answers_are_right();
		ck_assert_int_eq(net_tx_attach(&tx, &tx_page.ring), 0);
		tx_answers_are_right();
		while (net_tx_take(&tx, &req) > 0) {
			ck_assert_uint_eq(req.slot[0].ref, 100 + req.index);
			net_tx_answer(&tx, &req, req.index ? NETIF_RSP_OKAY : NETIF_RSP_ERROR);
		}
		net_tx_publish(&tx);
		ck_assert_uint_eq(tx_page.ring.rsp_prod, 7);
		tx_answers_are_right();
	}
}
END_TEST

START_TEST(a_backend_may_die_at_any_store_and_every_buffer_is_given_back_once)
{
	RING_IDX index;
	unsigned stretches;

	for (RING_IDX i = 0; i < 6; i++)
		rx_slot(i)->req = (netif_rx_request_t){ .id = (uint16_t)(40 + i), .gref = 7 + i };
	rx_page.ring.req_prod = 6;
	for (unsigned i = 0; i < 4; i++) {
		net_rx_take(&rx, &index);
		net_rx_answer(&rx, index, 1000 + i, 0);
	}
	torn_watch(&rx_page);
	net_rx_publish(&rx);
	stretches = torn_end();
	for (unsigned round = 0; round < 200 * stretches; round++) {
		RING_IDX begin;

		torn_make(round % stretches);
		begin = rx_page.ring.rsp_prod;
		ck_assert_int_eq(net_rx_attach(&rx, &rx_page.ring), 0);
		ck_assert(rx.rsp_prod == begin || rx.rsp_prod == 4);
		for (RING_IDX i = 0; i < rx.rsp_prod; i++) {
			ck_assert_uint_eq(rx_slot(i)->rsp.id, 40 + i);
			ck_assert_int_eq(rx_slot(i)->rsp.status, begin ? (int)(1000 + i) : NETIF_RSP_ERROR);
		}
		while (net_rx_room(&rx))
			ck_assert_uint_eq(net_rx_take(&rx, &index), 7 + index);
		ck_assert_uint_eq(index, 5);
	}
}
END_TEST

START_TEST(a_journal_that_a_frontend_wrote_moves_nothing_beyond_its_slots)
{
	put(60, 0, 0);
	memset(tx_page.ring.__pad, 1, sizeof(tx_page.ring.__pad));
	memset(rx_page.ring.__pad, 1, sizeof(rx_page.ring.__pad));
	memcpy(tx_page.ring.__pad, &(RING_IDX){ 1 }, sizeof(RING_IDX));
	memcpy(rx_page.ring.__pad, &(RING_IDX){ 1 }, sizeof(RING_IDX));
	ck_assert_int_eq(net_tx_attach(&tx, &tx_page.ring), 0);
	ck_assert_int_eq(net_rx_attach(&rx, &rx_page.ring), 0);
	ck_assert_uint_eq(tx_page.ring.rsp_prod, 0);
	ck_assert_uint_eq(rx_page.ring.rsp_prod, 0);
}
END_TEST

START_TEST(whatever_a_frontend_writes_a_taken_packet_is_within_its_pages)
{
	for (unsigned round = 0; round < 20000; round++) {
		unsigned nr = (unsigned)test_below(24);

		for (unsigned i = 0; i < nr; i++)
			put((uint16_t)test_below(test_below(4) ? 300 : 65536), (uint16_t)test_below(16),
			    (uint16_t)test_below(test_below(4) ? 100 : 65536));
		while (net_tx_take(&tx, &req) > 0) {
			uint32_t sum = 0;

			check_that(req.nr_slots >= 1 && req.nr_slots <= NET_PIECES);
			for (unsigned i = 0; i < req.nr_slots; i++) {
				check_that(req.slot[i].offset + req.slot[i].len <= PAGE_SIZE);
				sum += req.slot[i].len;
			}
			check_that(sum == req.len);
			net_tx_answer(&tx, &req, NETIF_RSP_OKAY);
			net_tx_publish(&tx);
		}
		tx_page.ring.req_prod = tx_page.ring.rsp_prod; /* begin anew behind what was broken */
		ck_assert_int_eq(net_tx_attach(&tx, &tx_page.ring), 0);
	}
}
END_TEST

SUITE(net_ring)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_packet_of_one_piece_is_taken_as_it_stands);
	tcase_add_test(tc, the_first_slot_holds_what_the_others_leave);
	tcase_add_test(tc, extra_information_takes_a_slot_and_gets_no_answer);
	tcase_add_test(tc, segments_without_a_size_cost_their_packet_only);
	tcase_add_test(tc, a_packet_without_a_header_is_an_error);
	tcase_add_test(tc, a_chain_without_an_end_breaks_the_ring);
	tcase_add_test(tc, a_slot_that_leaves_its_page_breaks_the_ring);
	tcase_add_test(tc, a_further_slot_that_leaves_its_page_breaks_the_ring);
	tcase_add_test(tc, slots_larger_than_their_packet_break_the_ring);
	tcase_add_test(tc, more_slots_than_a_packet_has_break_the_ring);
	tcase_add_test(tc, extra_information_without_an_end_or_a_type_breaks_the_ring);
	tcase_add_test(tc, indices_that_cannot_be_break_the_ring);
	tcase_add_test(tc, answers_leave_in_the_order_of_requests);
	tcase_add_test(tc, an_answer_that_is_not_what_was_written_is_not_published);
	tcase_add_test(tc, a_backend_that_closes_a_changed_ring_comes_to_its_end);
	tcase_add_test(tc, a_backend_that_has_lost_its_place_publishes_nothing);
	tcase_add_test(tc, an_answer_that_cannot_be_is_not_published);
	tcase_add_test(tc, an_index_that_is_not_the_next_is_not_published);
	tcase_add_test(tc, what_was_published_counts_before_more_is);
	tcase_add_test(tc, a_frontend_that_waits_for_later_answers_is_not_told);
	tcase_add_test(tc, an_adopted_ring_begins_where_answers_end);
	tcase_add_test(tc, waiting_tells_of_what_came_meanwhile);
	tcase_add_test(tc, the_answer_to_a_buffer_goes_to_its_own_slot);
	tcase_add_test(tc, adopted_buffers_go_back_if_one_of_them_cannot_be_filled);
	tcase_add_test(tc, a_backend_may_die_at_any_store_and_no_packet_is_answered_in_part);
	tcase_add_test(tc, a_backend_may_die_at_any_store_and_every_buffer_is_given_back_once);
	tcase_add_test(tc, a_journal_that_a_frontend_wrote_moves_nothing_beyond_its_slots);
	tcase_add_test(tc, whatever_a_frontend_writes_a_taken_packet_is_within_its_pages);
}
