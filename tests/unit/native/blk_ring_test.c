/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blk_ring_test.c - what a frontend asks for, and in which order it is answered.
 */
#include "torn.h"

#include <runtime/blk_ring.h>

static const struct blk_limits limits = {
	.first = 2048, .sectors = 1000, .sector_size = 512, .has_flush = 1, .has_discard = 1
};
static const struct blk_limits limits_4k = { .first = 2048, .sectors = 1000, .sector_size = 4096 };
static struct blk_command cmd;

static blkif_request_t transfer(uint8_t op, uint64_t sector, unsigned nr)
{
	blkif_request_t r = { .operation = op, .nr_segments = (uint8_t)nr, .id = 0xabcdef, .sector_number = sector };

	for (unsigned i = 0; i < 11; i++)
		r.seg[i] = (struct blkif_request_segment){ .gref = 100 + i, .first_sect = 0, .last_sect = 7 };
	return r;
}

START_TEST(a_transfer_is_moved_to_where_its_partition_begins)
{
	blkif_request_t r = transfer(BLKIF_OP_READ, 10, 3);

	r.seg[2].first_sect = 2;
	r.seg[2].last_sect = 3;
	ck_assert_int_eq(blk_command_decode(&cmd, &r, &limits), BLKIF_RSP_OKAY);
	ck_assert_int_eq(cmd.op, BLK_READ);
	ck_assert_uint_eq(cmd.id, 0xabcdef);
	ck_assert_uint_eq(cmd.reply, BLKIF_OP_READ);
	ck_assert_uint_eq(cmd.sector, 2058);
	ck_assert_uint_eq(cmd.nr_sectors, 18);
	ck_assert_uint_eq(cmd.nr_segments, 3);
	ck_assert_uint_eq(cmd.segment[2].gref, 102);
}
END_TEST

START_TEST(nothing_outside_the_partition_is_reached)
{
	static const struct {
		uint64_t sector;
		unsigned nr;
		int ok;
	} cases[] = { { 992, 1, 1 },	   { 993, 1, 0 },  { 1000, 1, 0 }, { ~0ull, 1, 0 },
		      { ~0ull - 7, 1, 0 }, { 912, 11, 1 }, { 913, 11, 0 }, { 1ull << 63, 1, 0 } };

	for (unsigned i = 0; i < 8; i++) {
		blkif_request_t r = transfer(BLKIF_OP_READ, cases[i].sector, cases[i].nr);

		ck_assert_int_eq(blk_command_decode(&cmd, &r, &limits), cases[i].ok ? BLKIF_RSP_OKAY : BLKIF_RSP_ERROR);
	}
}
END_TEST

START_TEST(a_segment_that_cannot_be_is_refused)
{
	static const uint8_t bad[][2] = { { 4, 3 }, { 0, 8 }, { 8, 8 }, { 255, 255 }, { 7, 255 } };

	for (unsigned i = 0; i < 5; i++) {
		blkif_request_t r = transfer(BLKIF_OP_READ, 0, 2);

		r.seg[1].first_sect = bad[i][0];
		r.seg[1].last_sect = bad[i][1];
		ck_assert_int_eq(blk_command_decode(&cmd, &r, &limits), BLKIF_RSP_ERROR);
	}
}
END_TEST

START_TEST(too_many_segments_or_none_are_refused)
{
	static const unsigned bad[] = { 0, 12, 255 };

	for (unsigned i = 0; i < 3; i++) {
		blkif_request_t r = transfer(BLKIF_OP_WRITE, 0, bad[i]);

		ck_assert_int_eq(blk_command_decode(&cmd, &r, &limits), BLKIF_RSP_ERROR);
		ck_assert_uint_eq(cmd.id, 0xabcdef);
		ck_assert_uint_eq(cmd.reply, BLKIF_OP_WRITE);
	}
}
END_TEST

START_TEST(transfers_keep_to_the_devices_own_sectors)
{
	blkif_request_t r = transfer(BLKIF_OP_READ, 8, 1);

	ck_assert_int_eq(blk_command_decode(&cmd, &r, &limits_4k), BLKIF_RSP_OKAY);
	r.sector_number = 9;
	ck_assert_int_eq(blk_command_decode(&cmd, &r, &limits_4k), BLKIF_RSP_ERROR);
	r.sector_number = 8;
	r.seg[0].last_sect = 6;
	ck_assert_int_eq(blk_command_decode(&cmd, &r, &limits_4k), BLKIF_RSP_ERROR);
	r.seg[0].first_sect = 1;
	r.seg[0].last_sect = 7;
	ck_assert_int_eq(blk_command_decode(&cmd, &r, &limits_4k), BLKIF_RSP_ERROR);
}
END_TEST

START_TEST(a_read_only_disk_is_not_written)
{
	struct blk_limits ro = limits;
	blkif_request_t r = transfer(BLKIF_OP_WRITE, 0, 1);
	blkif_request_discard_t *discard = (void *)&r;

	ro.read_only = 1;
	ck_assert_int_eq(blk_command_decode(&cmd, &r, &ro), BLKIF_RSP_ERROR);
	r.operation = BLKIF_OP_READ;
	ck_assert_int_eq(blk_command_decode(&cmd, &r, &ro), BLKIF_RSP_OKAY);
	*discard = (blkif_request_discard_t){ .operation = BLKIF_OP_DISCARD, .nr_sectors = 8 };
	ck_assert_int_eq(blk_command_decode(&cmd, &r, &ro), BLKIF_RSP_ERROR);
}
END_TEST

START_TEST(what_the_device_cannot_do_is_named_so)
{
	blkif_request_t r = transfer(BLKIF_OP_FLUSH_DISKCACHE, 0, 0);
	blkif_request_discard_t *discard = (void *)&r;

	ck_assert_int_eq(blk_command_decode(&cmd, &r, &limits), BLKIF_RSP_OKAY);
	ck_assert_int_eq(cmd.op, BLK_FLUSH);
	ck_assert_int_eq(blk_command_decode(&cmd, &r, &limits_4k), BLKIF_RSP_EOPNOTSUPP);
	r.nr_segments = 1;
	ck_assert_int_eq(blk_command_decode(&cmd, &r, &limits), BLKIF_RSP_ERROR);
	for (unsigned op = 0; op < 256; op++) {
		r = transfer((uint8_t)op, 0, 1);
		if (op == BLKIF_OP_WRITE_BARRIER || op > BLKIF_OP_INDIRECT)
			ck_assert_int_eq(blk_command_decode(&cmd, &r, &limits), BLKIF_RSP_EOPNOTSUPP);
	}
	*discard = (blkif_request_discard_t){
		.operation = BLKIF_OP_DISCARD, .id = 5, .sector_number = 16, .nr_sectors = 984
	};
	ck_assert_int_eq(blk_command_decode(&cmd, &r, &limits), BLKIF_RSP_OKAY);
	ck_assert_uint_eq(cmd.id, 5);
	ck_assert_uint_eq(cmd.sector, 2064);
	discard->nr_sectors = ~0ull;
	ck_assert_int_eq(blk_command_decode(&cmd, &r, &limits), BLKIF_RSP_ERROR);
	discard->nr_sectors = 0;
	ck_assert_int_eq(blk_command_decode(&cmd, &r, &limits), BLKIF_RSP_ERROR);
	discard->nr_sectors = 1;
	discard->flag = BLKIF_DISCARD_SECURE;
	ck_assert_int_eq(blk_command_decode(&cmd, &r, &limits), BLKIF_RSP_EOPNOTSUPP);
}
END_TEST

START_TEST(an_indirect_command_is_complete_with_its_segments)
{
	struct blkif_request_segment segment[BLK_SEGMENTS];
	blkif_request_t r;
	blkif_request_indirect_t *in = (void *)&r;

	memset(&r, 0, sizeof(r));
	*in = (blkif_request_indirect_t){ .operation = BLKIF_OP_INDIRECT,
					  .indirect_op = BLKIF_OP_WRITE,
					  .nr_segments = BLK_SEGMENTS,
					  .id = 9,
					  .sector_number = 0,
					  .indirect_grefs = { 55 } };
	ck_assert_int_eq(blk_command_decode(&cmd, &r, &limits), BLKIF_RSP_OKAY);
	ck_assert_int_eq(cmd.indirect, 1);
	ck_assert_uint_eq(cmd.page, 55);
	ck_assert_uint_eq(cmd.id, 9);
	ck_assert_uint_eq(cmd.reply, BLKIF_OP_WRITE);
	for (unsigned i = 0; i < BLK_SEGMENTS; i++)
		segment[i] = (struct blkif_request_segment){ .gref = i, .first_sect = 0, .last_sect = 7 };
	ck_assert_int_eq(blk_command_segments(&cmd, segment, &limits), BLKIF_RSP_OKAY);
	ck_assert_uint_eq(cmd.nr_sectors, BLK_SEGMENTS * 8);
	cmd.sector = 1000 - BLK_SEGMENTS * 8 + 1;
	ck_assert_int_eq(blk_command_segments(&cmd, segment, &limits), BLKIF_RSP_ERROR);
	in->nr_segments = BLK_SEGMENTS + 1;
	ck_assert_int_eq(blk_command_decode(&cmd, &r, &limits), BLKIF_RSP_ERROR);
	in->nr_segments = 0xffff;
	ck_assert_int_eq(blk_command_decode(&cmd, &r, &limits), BLKIF_RSP_ERROR);
	in->nr_segments = 1;
	in->indirect_op = BLKIF_OP_FLUSH_DISKCACHE;
	ck_assert_int_eq(blk_command_decode(&cmd, &r, &limits), BLKIF_RSP_EOPNOTSUPP);
	in->indirect_op = BLKIF_OP_INDIRECT;
	ck_assert_int_eq(blk_command_decode(&cmd, &r, &limits), BLKIF_RSP_EOPNOTSUPP);
}
END_TEST

/* ---- the ring ---- */

static union {
	blkif_sring_t ring;
	char bytes[PAGE_SIZE];
} shared;
static struct blk_ring ring;

static void setup(void)
{
	memset(&shared, 0, sizeof(shared));
	shared.ring.req_event = shared.ring.rsp_event = 1;
	ck_assert_int_eq(blk_ring_attach(&ring, &shared.ring), 0);
}

static void ask(uint64_t id)
{
	blkif_request_t r = transfer(BLKIF_OP_READ, 0, 1);

	r.id = id;
	shared.ring.ring[shared.ring.req_prod % BLK_RING_SLOTS].req = r;
	shared.ring.req_prod++;
}

START_TEST(responses_leave_in_the_order_of_requests)
{
	blkif_request_t r;
	RING_IDX index[3];

	for (unsigned i = 0; i < 3; i++)
		ask(100 + i);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(blk_ring_take(&ring, &r, &index[i]), 1);
		ck_assert_uint_eq(r.id, 100 + i);
	}
	ck_assert_int_eq(blk_ring_take(&ring, &r, &index[0]), 0);
	blk_ring_answer(&ring, 2, 102, BLKIF_OP_READ, BLKIF_RSP_OKAY);
	ck_assert_int_eq(blk_ring_publish(&ring), 0);
	ck_assert_uint_eq(shared.ring.rsp_prod, 0);
	ck_assert_uint_eq(shared.ring.ring[0].req.id, 100); /* the journal: still a request */
	blk_ring_answer(&ring, 0, 100, BLKIF_OP_READ, BLKIF_RSP_ERROR);
	ck_assert_int_eq(blk_ring_publish(&ring), 1);
	ck_assert_uint_eq(shared.ring.rsp_prod, 1);
	ck_assert_int_eq(shared.ring.ring[0].rsp.status, BLKIF_RSP_ERROR);
	shared.ring.rsp_event = 9; /* the frontend does not want to know yet */
	blk_ring_answer(&ring, 1, 101, BLKIF_OP_READ, BLKIF_RSP_OKAY);
	ck_assert_int_eq(blk_ring_publish(&ring), 0);
	ck_assert_uint_eq(shared.ring.rsp_prod, 3);
	ck_assert_uint_eq(blk_ring_busy(&ring), 0);
}
END_TEST

/* A frontend that gets such a one gives its disk up. */
START_TEST(an_answer_to_another_request_is_not_published)
{
	static const struct {
		uint64_t id;
		uint8_t operation;
		int status;
	} wrong[] = { { 101, BLKIF_OP_READ, 0 },
		      { 100, BLKIF_OP_WRITE, 0 },
		      { 100, BLKIF_OP_READ, 1 },
		      { 100, BLKIF_OP_READ, -3 } };
	blkif_request_t r;
	RING_IDX index;

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		setup();
		ask(100);
		ck_assert_int_eq(blk_ring_take(&ring, &r, &index), 1);
		blk_ring_answer(&ring, index, wrong[i].id, wrong[i].operation, wrong[i].status);
		ck_assert_int_eq(blk_ring_publish(&ring), -XEN_EINVAL);
		ck_assert_uint_eq(shared.ring.rsp_prod, 0);
		ck_assert_uint_eq(shared.ring.ring[0].req.id, 100);
		/* Who comes next finds the request. */
		ck_assert_int_eq(blk_ring_attach(&ring, &shared.ring), 0);
		ck_assert_uint_eq(shared.ring.rsp_prod, 0);
	}
	ck_assert_int_eq(blk_ring_take(&ring, &r, &index), 1);
	blk_ring_answer(&ring, index, 101, BLKIF_OP_READ, 0);
	ck_assert_int_eq(blk_ring_publish(&ring), -XEN_EINVAL);
	/* Its backend gives up the frontend, and has no end before all is answered. */
	ck_assert_int_ge(blk_ring_publish(&ring), 0);
	ck_assert_uint_eq(blk_ring_busy(&ring), 0);
}
END_TEST

/* When it takes the place of its request: the journal is valid then. */
static void changes_the_answer(void)
{
	RING_IDX next;

	memcpy(&next, shared.ring.__pad, sizeof(next));
	if (next == shared.ring.rsp_prod + 1)
		shared.ring.ring[0].rsp.id = 7;
}

static void changes_the_second_answer(void)
{
	union blkif_sring_entry *slot = shared.ring.ring;
	RING_IDX next;

	memcpy(&next, shared.ring.__pad, sizeof(next));
	if (next == 2)
		slot[1].rsp.id = 7;
}

START_TEST(an_answer_that_is_not_what_was_written_is_not_published)
{
	blkif_request_t r;
	RING_IDX index;

	ask(100);
	ck_assert_int_eq(blk_ring_take(&ring, &r, &index), 1);
	blk_ring_answer(&ring, index, 100, BLKIF_OP_READ, 0);
	torn_other(changes_the_answer);
	ck_assert_int_eq(blk_ring_publish(&ring), -XEN_EINVAL);
	ck_assert_uint_eq(shared.ring.rsp_prod, 0);
	ck_assert_int_eq(blk_ring_attach(&ring, &shared.ring), -XEN_EINVAL);
	torn_other(NULL);
	/* The next backend knows from the journal what it is. */
	ck_assert_int_eq(blk_ring_attach(&ring, &shared.ring), 0);
	ck_assert_uint_eq(shared.ring.rsp_prod, 1);
	ck_assert_uint_eq(shared.ring.ring[0].rsp.id, 100);
}
END_TEST

START_TEST(a_backend_that_has_lost_its_place_publishes_nothing)
{
	blkif_request_t r;
	RING_IDX index;

	ask(100);
	ck_assert_int_eq(blk_ring_take(&ring, &r, &index), 1);
	blk_ring_answer(&ring, index, 100, BLKIF_OP_READ, 0);
	ck_assert_int_ge(blk_ring_publish(&ring), 0);
	ask(101);
	ring.rsp_prod = 1000;
	ck_assert_int_eq(blk_ring_publish(&ring), -XEN_EINVAL);
	ck_assert_uint_eq(shared.ring.rsp_prod, 1);
	/* Not within the ring either. */
	ring.rsp_prod = ring.req_cons - BLK_RING_SLOTS;
	ck_assert_int_eq(blk_ring_publish(&ring), 0);
	ck_assert_uint_eq(shared.ring.rsp_prod, 1);
}
END_TEST

/* A frontend that finds such a one gives its disk up, whoever comes after. */
START_TEST(an_index_that_is_not_the_next_is_not_published)
{
	blkif_request_t r;
	RING_IDX index;

	for (unsigned i = 0; i < 3; i++)
		ask(100);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(blk_ring_take(&ring, &r, &index), 1);
		blk_ring_answer(&ring, index, 100, BLKIF_OP_READ, 0);
	}
	ring.rsp_prod = 2;
	ck_assert_int_eq(blk_ring_publish(&ring), -XEN_EINVAL);
	ck_assert_uint_eq(shared.ring.rsp_prod, 0);
}
END_TEST

/* By a store that went elsewhere.  The request of the first would be lost with the journal of the second. */
START_TEST(what_was_published_counts_before_more_is)
{
	union blkif_sring_entry *slot = shared.ring.ring;
	blkif_request_t r;
	RING_IDX index;

	for (unsigned i = 0; i < 2; i++) {
		ask(100 + i);
		ck_assert_int_eq(blk_ring_take(&ring, &r, &index), 1);
		blk_ring_answer(&ring, index, 100 + i, BLKIF_OP_READ, 0);
		if (!i)
			ck_assert_int_ge(blk_ring_publish(&ring), 0);
	}
	shared.ring.rsp_prod = 0;
	torn_other(changes_the_second_answer);
	ck_assert_int_eq(blk_ring_publish(&ring), -XEN_EINVAL);
	torn_other(NULL);
	ck_assert_uint_eq(shared.ring.rsp_prod, 1);
	ck_assert_uint_eq(shared.ring.ring[0].rsp.id, 100);
	/* The next backend knows the second one from the journal. */
	ck_assert_int_eq(blk_ring_attach(&ring, &shared.ring), 0);
	ck_assert_uint_eq(shared.ring.rsp_prod, 2);
	ck_assert_uint_eq(slot[1].rsp.id, 101);
}
END_TEST

START_TEST(a_frontend_that_is_not_told_of_what_it_asked_for_is_noticed)
{
	struct ring_indices page = { .req_prod = 10, .rsp_event = 5 };
	struct ring_out out;

	ring_out_begin(&out, &page, 2);
	ck_assert_int_eq(ring_publish(&out, 4, 2, 32), 0);
	ck_assert_int_eq(ring_untold(&out), 0); /* there is nothing that it would be told of */
	ck_assert_int_eq(ring_publish(&out, 5, 1, 32), 0);
	ck_assert_int_eq(ring_untold(&out), 1);
	ring_told(&out);
	ck_assert_int_eq(ring_publish(&out, 9, 4, 32), 0);
	ck_assert_int_eq(ring_untold(&out), 0); /* it has been told, and takes its time */
	page.rsp_event = 7;
	ck_assert_int_eq(ring_untold(&out), 1);
	page.rsp_event = 0xfffffff0; /* long ago */
	ck_assert_int_eq(ring_untold(&out), 0);
	ring_out_begin(&out, &page, 0xffffffef);
	out.published = 2;
	ck_assert_int_eq(ring_untold(&out), 1);
}
END_TEST

START_TEST(a_request_that_comes_before_the_wait_is_not_missed)
{
	blkif_request_t r;
	RING_IDX index;

	ck_assert_int_eq(blk_ring_take(&ring, &r, &index), 0);
	ck_assert_int_eq(blk_ring_wait(&ring), 0);
	ck_assert_uint_eq(shared.ring.req_event, 1);
	ask(1);
	ck_assert_int_eq(blk_ring_wait(&ring), 1);
}
END_TEST

START_TEST(a_ring_whose_indices_cannot_be_is_given_up)
{
	blkif_request_t r;
	RING_IDX index;

	shared.ring.req_prod = BLK_RING_SLOTS + 1;
	ck_assert_int_eq(blk_ring_take(&ring, &r, &index), -XEN_EINVAL);
	ck_assert_int_eq(blk_ring_attach(&ring, &shared.ring), -XEN_EINVAL);
	shared.ring.req_prod = 0;
	setup();
	ask(1);
	ask(2);
	ck_assert_int_eq(blk_ring_take(&ring, &r, &index), 1);
	ck_assert_int_eq(blk_ring_take(&ring, &r, &index), 1);
	shared.ring.req_prod = 1; /* it takes a request back */
	ck_assert_int_eq(blk_ring_take(&ring, &r, &index), -XEN_EINVAL);
}
END_TEST

START_TEST(another_backend_finds_all_that_is_unanswered)
{
	struct blk_ring next;
	blkif_request_t r;
	RING_IDX index;

	shared.ring.req_prod = shared.ring.rsp_prod = 0xfffffff0; /* wraps on the way */
	ck_assert_int_eq(blk_ring_attach(&ring, &shared.ring), 0);
	for (unsigned i = 0; i < 30; i++)
		ask(i);
	for (unsigned i = 0; i < 30; i++)
		ck_assert_int_eq(blk_ring_take(&ring, &r, &index), 1);
	for (unsigned i = 0; i < 20; i++)
		if (i != 10)
			blk_ring_answer(&ring, 0xfffffff0 + i, i, BLKIF_OP_READ, 0);
	blk_ring_publish(&ring);
	ck_assert_int_eq(blk_ring_attach(&next, &shared.ring), 0);
	for (unsigned i = 10; i < 30; i++) {
		ck_assert_int_eq(blk_ring_take(&next, &r, &index), 1);
		ck_assert_uint_eq(r.id, i);
		blk_ring_answer(&next, index, i, BLKIF_OP_READ, 0);
	}
	blk_ring_publish(&next);
	ck_assert_uint_eq(shared.ring.rsp_prod, shared.ring.req_prod);
}
END_TEST

/* What was asked at index has the id index, and the status -(index % 3) as its answer. */
static void answers_are_right(void)
{
	for (RING_IDX i = shared.ring.req_prod - 6; i != shared.ring.rsp_prod; i++) {
		const blkif_response_t *rsp = &shared.ring.ring[i % BLK_RING_SLOTS].rsp;

		ck_assert_uint_eq(rsp->id, i);
		ck_assert_int_eq(rsp->status, -(int)(i % 3));
	}
}

START_TEST(a_backend_may_die_at_any_store_and_no_request_is_lost)
{
	unsigned stretches;
	blkif_request_t r;
	RING_IDX index;

	shared.ring.req_prod = shared.ring.rsp_prod = 0xfffffffd; /* wraps on the way */
	ck_assert_int_eq(blk_ring_attach(&ring, &shared.ring), 0);
	for (RING_IDX i = 0xfffffffd; i != 3; i++)
		ask(i);
	for (unsigned i = 0; i < 5; i++) {
		ck_assert_int_eq(blk_ring_take(&ring, &r, &index), 1);
		blk_ring_answer(&ring, index, index, BLKIF_OP_READ, -(int)(index % 3));
	}
	torn_watch(&shared);
	blk_ring_publish(&ring);
	stretches = torn_end();
	ck_assert_uint_ge(stretches, 15);
	for (unsigned round = 0; round < 200 * stretches; round++) {
		torn_make(round % stretches);
		answers_are_right();
		ck_assert_int_eq(blk_ring_attach(&ring, &shared.ring), 0);
		answers_are_right();
		while (blk_ring_take(&ring, &r, &index) > 0) {
			ck_assert_uint_eq(r.id, index);
			ck_assert_uint_eq(r.seg[0].gref, 100);
			blk_ring_answer(&ring, index, r.id, r.operation, -(int)(index % 3));
		}
		blk_ring_publish(&ring);
		ck_assert_uint_eq(shared.ring.rsp_prod, 3);
		answers_are_right();
	}
}
END_TEST

START_TEST(a_journal_that_a_frontend_wrote_moves_nothing_beyond_its_requests)
{
	memset(shared.ring.__pad, 1, sizeof(shared.ring.__pad));
	memcpy(shared.ring.__pad, &(RING_IDX){ 1 }, sizeof(RING_IDX));
	ck_assert_int_eq(blk_ring_attach(&ring, &shared.ring), 0);
	ck_assert_uint_eq(shared.ring.rsp_prod, 0);
}
END_TEST

START_TEST(every_request_is_answered_once_whatever_the_order)
{
	static bool open[BLK_RING_SLOTS];
	RING_IDX taken[BLK_RING_SLOTS], seen = 0;
	unsigned nr = 0;
	uint64_t next = 0;

	for (unsigned step = 0; step < 20000; step++) {
		blkif_request_t r;
		RING_IDX index;

		if (test_below(2) && shared.ring.req_prod - seen < BLK_RING_SLOTS)
			ask(next++);
		if (test_below(2) && blk_ring_take(&ring, &r, &index) == 1) {
			check_that(!open[index % BLK_RING_SLOTS] && r.id == index);
			open[index % BLK_RING_SLOTS] = true;
			taken[nr++] = index;
		}
		if (test_below(2) && nr) {
			unsigned n = (unsigned)test_below(nr);

			blk_ring_answer(&ring, taken[n], taken[n], BLKIF_OP_READ, -(int)(taken[n] % 3));
			open[taken[n] % BLK_RING_SLOTS] = false;
			taken[n] = taken[--nr];
			blk_ring_publish(&ring);
		}
		for (; test_below(2) && seen != shared.ring.rsp_prod; seen++) {
			blkif_response_t *rsp = &shared.ring.ring[seen % BLK_RING_SLOTS].rsp;

			check_that(rsp->id == seen && rsp->status == -(int)(seen % 3));
		}
	}
	check_that(next > 1000);
}
END_TEST

START_TEST(a_request_has_no_more_than_the_device_takes)
{
	struct blk_device dev = { .max_segments = 3, .max_bytes = 8192, .seam = 4096 };
	struct blk_extent e[] = { { 0x10200, 0xe00 }, { 0x20000, 0x1000 }, { 0x30000, 0x200 }, { 0x40000, 0x1000 } };
	uint64_t sectors;

	ck_assert_uint_eq(blk_extents_fit(&dev, e, 4, &sectors), 3);
	ck_assert_uint_eq(sectors, 16);
	ck_assert_uint_eq(blk_extents_fit(&dev, e + 2, 2, &sectors), 1); /* it ends in the middle of a page */
	ck_assert_uint_eq(sectors, 1);
	e[1].bus += 512;
	ck_assert_uint_eq(blk_extents_fit(&dev, e, 4, &sectors), 1); /* it begins there */
	e[1].bus -= 512;
	dev.max_bytes = 4096;
	ck_assert_uint_eq(blk_extents_fit(&dev, e, 4, &sectors), 1);
	ck_assert_uint_eq(sectors, 7);
	dev = (struct blk_device){ .max_segments = 32 };
	ck_assert_uint_eq(blk_extents_fit(&dev, e, 4, &sectors), 4);
	ck_assert_uint_eq(sectors, 24);
	ck_assert_uint_eq(blk_extents_fit(&dev, e, 1, &sectors), 1);
	ck_assert_uint_eq(sectors, 7);
}
END_TEST

SUITE(blk_ring)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_transfer_is_moved_to_where_its_partition_begins);
	tcase_add_test(tc, a_request_has_no_more_than_the_device_takes);
	tcase_add_test(tc, nothing_outside_the_partition_is_reached);
	tcase_add_test(tc, a_segment_that_cannot_be_is_refused);
	tcase_add_test(tc, too_many_segments_or_none_are_refused);
	tcase_add_test(tc, transfers_keep_to_the_devices_own_sectors);
	tcase_add_test(tc, a_read_only_disk_is_not_written);
	tcase_add_test(tc, what_the_device_cannot_do_is_named_so);
	tcase_add_test(tc, an_indirect_command_is_complete_with_its_segments);
	tcase_add_test(tc, responses_leave_in_the_order_of_requests);
	tcase_add_test(tc, an_index_that_is_not_the_next_is_not_published);
	tcase_add_test(tc, what_was_published_counts_before_more_is);
	tcase_add_test(tc, a_frontend_that_is_not_told_of_what_it_asked_for_is_noticed);
	tcase_add_test(tc, a_request_that_comes_before_the_wait_is_not_missed);
	tcase_add_test(tc, an_answer_to_another_request_is_not_published);
	tcase_add_test(tc, an_answer_that_is_not_what_was_written_is_not_published);
	tcase_add_test(tc, a_backend_that_has_lost_its_place_publishes_nothing);
	tcase_add_test(tc, a_ring_whose_indices_cannot_be_is_given_up);
	tcase_add_test(tc, another_backend_finds_all_that_is_unanswered);
	tcase_add_test(tc, a_backend_may_die_at_any_store_and_no_request_is_lost);
	tcase_add_test(tc, a_journal_that_a_frontend_wrote_moves_nothing_beyond_its_requests);
	tcase_add_test(tc, every_request_is_answered_once_whatever_the_order);
}
