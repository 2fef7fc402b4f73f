/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blk.c - a frontend that writes its ring as it likes, against a backend that answers in any order.
 */
#include "fuzz.h"

#include <runtime/blk_ring.h>

static const struct blk_limits all_limits[] = {
	{ .first = 4096, .sectors = 100000, .sector_size = 512, .has_flush = 1, .has_discard = 1 },
	{ .first = 0, .sectors = 64, .sector_size = 4096, .has_flush = 1 },
	{ .first = 1ull << 40, .sectors = 1ull << 40, .sector_size = 1024, .read_only = 1, .has_discard = 1 },
};

static void within(const struct blk_command *cmd, const struct blk_limits *l)
{
	uint64_t sum = 0;

	if (cmd->op == BLK_FLUSH)
		return;
	check_that(cmd->nr_sectors && cmd->sector >= l->first && cmd->nr_sectors <= l->sectors);
	check_that(cmd->sector - l->first <= l->sectors - cmd->nr_sectors);
	check_that(!(l->read_only && cmd->op != BLK_READ));
	check_that(cmd->nr_segments <= BLK_SEGMENTS);
	for (unsigned i = 0; i < cmd->nr_segments; i++) {
		check_that(cmd->segment[i].first_sect <= cmd->segment[i].last_sect && cmd->segment[i].last_sect < 8);
		sum += cmd->segment[i].last_sect - cmd->segment[i].first_sect + 1u;
	}
	check_that(cmd->op == BLK_DISCARD || sum == cmd->nr_sectors);
}

/* The parts that a device takes add up to the whole, and each keeps to what the device says. */
static void cut(const struct blk_command *cmd)
{
	uint32_t limits = (uint32_t)input_number(1);
	struct blk_device dev = {
		.max_segments = 1 + limits % 32,
		.max_bytes = limits & 32 ? 4096u << (limits >> 6) : 0,
		.seam = limits & 1 ? 4096 : 0,
	};
	struct blk_extent extent[BLK_SEGMENTS];
	uint64_t sectors, sum = 0;
	unsigned n;

	for (unsigned i = 0; i < cmd->nr_segments; i++) {
		const struct blkif_request_segment *s = &cmd->segment[i];

		extent[i].bus = s->gref * 4096ull + s->first_sect * 512;
		extent[i].len = (s->last_sect - s->first_sect + 1u) * 512;
	}
	for (unsigned at = 0; at < cmd->nr_segments; at += n, sum += sectors) {
		n = blk_extents_fit(&dev, extent + at, cmd->nr_segments - at, &sectors);
		check_that(n && n <= dev.max_segments && n <= cmd->nr_segments - at);
		check_that(!dev.max_bytes || sectors * 512 <= dev.max_bytes);
		for (unsigned i = at + 1; dev.seam && i < at + n; i++)
			check_that((extent[i - 1].bus + extent[i - 1].len) % 4096 == 0 && extent[i].bus % 4096 == 0);
	}
	check_that(!cmd->nr_segments || sum == cmd->nr_sectors);
}

static void decode(const blkif_request_t *req, const struct blk_limits *l)
{
	struct blkif_request_segment segment[BLK_SEGMENTS];
	struct blk_command cmd;
	const uint8_t *p;
	size_t n;

	if (blk_command_decode(&cmd, req, l) != BLKIF_RSP_OKAY)
		return;
	if (cmd.indirect) {
		check_that(cmd.nr_segments && cmd.nr_segments <= BLK_SEGMENTS);
		memset(segment, 0, sizeof(segment));
		p = input_bytes(cmd.nr_segments * sizeof(segment[0]), &n);
		memcpy(segment, p, n);
		if (blk_command_segments(&cmd, segment, l) != BLKIF_RSP_OKAY)
			return;
	}
	within(&cmd, l);
	cut(&cmd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	blkif_sring_t *shared = calloc(1, PAGE_SIZE);
	RING_IDX taken[BLK_RING_SLOTS], index;
	const struct blk_limits *l;
	struct blk_ring ring;
	blkif_request_t req;
	unsigned nr = 0;

	input_begin(data, size);
	l = &all_limits[input_number(1) % 3];
	shared->req_prod = shared->rsp_prod = (RING_IDX)input_number(4);
	shared->req_prod += (RING_IDX)input_number(1);
	if (blk_ring_attach(&ring, shared))
		goto out;
	while (input_more()) {
		unsigned op = (unsigned)input_number(1);
		const uint8_t *p;
		size_t n;

		switch (op % 6) {
		case 0:
			p = input_bytes(sizeof(req), &n);
			memcpy(&shared->ring[(op >> 3) % BLK_RING_SLOTS], p, n);
			break;
		case 1:
			shared->req_prod += op >> 3;
			break;
		case 2:
			*(op & 8 ? &shared->rsp_prod : &shared->req_prod) = (RING_IDX)input_number(4);
			break;
		case 3:
			if (blk_ring_take(&ring, &req, &index) == 1) {
				check_that(nr < BLK_RING_SLOTS);
				taken[nr++] = index;
				decode(&req, l);
			}
			break;
		case 4:
			if (nr) {
				unsigned k = (op >> 3) % nr;

				blk_ring_answer(&ring, taken[k], input_number(2), BLKIF_OP_READ, 0);
				taken[k] = taken[--nr];
			}
			break;
		default:
			blk_ring_publish(&ring);
			blk_ring_wait(&ring);
		}
		check_that(blk_ring_busy(&ring) <= BLK_RING_SLOTS);
	}
out:
	free(shared);
	return 0;
}
