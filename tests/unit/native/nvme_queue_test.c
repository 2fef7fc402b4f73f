/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nvme_queue_test.c - commands into a queue of NVMe, their ends out of it, and where their memory is.
 */
#include "fake.h"

#include <nvme/nvme.h>
#include <runtime/blk.h>
#include <runtime/xen.h>

#define SIZE 8u

static struct nvme_command sq[SIZE];
static struct nvme_completion cq[SIZE];
static uint64_t list[SIZE][NVME_LIST];
static uint32_t sq_doorbell, cq_doorbell;
static struct nvme_queue q;
static unsigned posted; /* completions so far */

static void setup(void)
{
	q = (struct nvme_queue){
		.sq = sq, .cq = cq, .sq_doorbell = &sq_doorbell, .cq_doorbell = &cq_doorbell, .size = SIZE
	};
	for (unsigned i = 0; i < SIZE; i++) {
		q.io[i].list = list[i];
		q.io[i].list_bus = 0x100000 + i * sizeof(list[i]);
	}
	nvme_queue_init(&q);
	sq_doorbell = cq_doorbell = ~0u;
}

/* The controller ends a command. */
static void post(uint16_t id, uint16_t status)
{
	struct nvme_completion *c = &cq[posted % SIZE];

	c->id = id;
	c->result = id * 3;
	c->status = (uint16_t)(status << 1 | !(posted / SIZE & 1));
	posted++;
}

static uint16_t put(void *token)
{
	unsigned at = q.sq_tail;
	struct nvme_command c = { .opcode = 2 };

	nvme_put(&q, &c, token);
	return sq[at].id;
}

START_TEST(commands_end_in_any_order)
{
	int a, b;
	uint16_t id_a, id_b;
	struct nvme_io *io;

	setup();
	id_a = put(&a);
	id_b = put(&b);
	ck_assert_uint_ne(id_a, id_b);
	ck_assert_ptr_null(nvme_take(&q));
	post(id_b, 0);
	post(id_a, 0x281);
	io = nvme_take(&q);
	ck_assert_ptr_eq(io->token, &b);
	ck_assert_uint_eq(io->status, 0);
	nvme_free(&q, io);
	io = nvme_take(&q);
	ck_assert_ptr_eq(io->token, &a);
	ck_assert_uint_eq(io->status, 0x281);
	ck_assert_uint_eq(io->result, id_a * 3);
	nvme_free(&q, io);
	ck_assert_ptr_null(nvme_take(&q));
	ck_assert_ptr_null(q.broken);
}
END_TEST

START_TEST(a_queue_goes_round_and_round)
{
	unsigned tokens[1000];

	setup();
	for (unsigned i = 0, done = 0; done < 1000;) {
		uint16_t id[SIZE];
		unsigned nr = 0;
		struct nvme_io *io;

		while (i < 1000 && q.free)
			id[nr++] = put(&tokens[i++]);
		ck_assert_uint_ge(nr, 1);
		ck_assert_uint_le(nr, SIZE - 1);
		while (nr--)
			post(id[nr], 0);
		for (unsigned before = done; (io = nvme_take(&q)); done++) {
			ck_assert_uint_lt(done - before, SIZE - 1);
			nvme_free(&q, io);
		}
		ck_assert_ptr_null(q.broken);
	}
}
END_TEST

START_TEST(doorbells_ring_only_for_something)
{
	int a;
	uint16_t id;

	setup();
	nvme_kick(&q);
	ck_assert_uint_eq(sq_doorbell, ~0u);
	id = put(&a);
	put(&a);
	nvme_kick(&q);
	ck_assert_uint_eq(sq_doorbell, 2);
	sq_doorbell = 77;
	nvme_kick(&q);
	ck_assert_uint_eq(sq_doorbell, 77);
	ck_assert_ptr_null(nvme_take(&q));
	ck_assert_uint_eq(cq_doorbell, ~0u);
	post(id, 0);
	ck_assert_ptr_nonnull(nvme_take(&q));
	ck_assert_ptr_null(nvme_take(&q));
	ck_assert_uint_eq(cq_doorbell, 1);
}
END_TEST

START_TEST(a_controller_that_ends_what_it_has_not_is_broken)
{
	int a;
	uint16_t id;

	setup();
	id = put(&a);
	post(id, 0);
	post(id, 0);
	nvme_free(&q, nvme_take(&q));
	ck_assert_ptr_null(nvme_take(&q));
	ck_assert_ptr_nonnull(q.broken);

	for (unsigned bad = SIZE - 1; bad <= 0xffff; bad += 0x1ff8) {
		memset(cq, 0, sizeof(cq));
		posted = 0;
		setup();
		put(&a);
		post((uint16_t)bad, 0);
		ck_assert_ptr_null(nvme_take(&q));
		ck_assert_ptr_nonnull(q.broken);
	}
}
END_TEST

/* What the controller would make of PRPs: the nth page, and where in it the data begins. */
static uint64_t page_of(const struct nvme_command *c, const struct nvme_io *io, unsigned n, unsigned pages)
{
	if (!n)
		return c->prp1;
	if (pages == 2)
		return c->prp2;
	ck_assert_uint_eq(c->prp2, io->list_bus);
	return io->list[n - 1];
}

START_TEST(all_pages_of_a_transfer_are_named_in_order)
{
	static const struct {
		unsigned nr, pages;
		struct blk_extent e[3];
		uint64_t expect[5];
	} cases[] = {
		{ 1, 1, { { 0x10000, 0x1000 } }, { 0x10000 } },
		{ 1, 1, { { 0x10e00, 0x200 } }, { 0x10e00 } },
		{ 1, 2, { { 0x10e00, 0x400 } }, { 0x10e00, 0x11000 } },
		{ 2, 2, { { 0x10200, 0xe00 }, { 0x40000, 0x600 } }, { 0x10200, 0x40000 } },
		{ 1, 3, { { 0x10000, 0x3000 } }, { 0x10000, 0x11000, 0x12000 } },
		{ 3,
		  5,
		  { { 0x10400, 0x1c00 }, { 0x40000, 0x2000 }, { 0x70000, 0x200 } },
		  { 0x10400, 0x11000, 0x40000, 0x41000, 0x70000 } },
	};

	setup();
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nvme_command c = { .prp2 = 5 };

		nvme_prp(&c, &q.io[3], cases[i].e, cases[i].nr);
		for (unsigned n = 0; n < cases[i].pages; n++)
			ck_assert_uint_eq(page_of(&c, &q.io[3], n, cases[i].pages), cases[i].expect[n]);
		if (cases[i].pages == 1)
			ck_assert_uint_eq(c.prp2, 0);
	}
}
END_TEST

SUITE(nvme_queue)
{
	tcase_add_test(tc, commands_end_in_any_order);
	tcase_add_test(tc, a_queue_goes_round_and_round);
	tcase_add_test(tc, doorbells_ring_only_for_something);
	tcase_add_test(tc, a_controller_that_ends_what_it_has_not_is_broken);
	tcase_add_test(tc, all_pages_of_a_transfer_are_named_in_order);
}
