/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blk_ring.c - what a frontend asks for, and in which order it is answered.
 *
 * The shared ring is the journal: a request stays in its slot, readable, until its response is
 * published, and responses are published in the order of requests.  So whoever serves the ring
 * next finds all that is unanswered in [rsp_prod, req_prod), and begins there.
 *
 * A response is written over its request just before rsp_prod moves.  A backend that dies between
 * the two leaves a slot that is neither.  So each response is written down in the padding of the shared
 * page first, which a frontend clears when it makes the ring and does not look at again.
 */
#include <runtime/blk_ring.h>

_Static_assert(__CONST_RING_SIZE(blkif, PAGE_SIZE) == BLK_RING_SLOTS, "slots of a one-page ring");
_Static_assert(BLK_SEGMENTS * sizeof(struct blkif_request_segment) <= PAGE_SIZE,
	       "all segments fit in one indirect page");

/* ---- requests -------------------------------------------------------------------------------- */

/* Check the range cmd names in sectors of its own, then make it the device's. */
static int place_range(struct blk_command *cmd, const struct blk_limits *limits)
{
	uint32_t unit = limits->sector_size / BLK_SECTOR;

	if (cmd->sector % unit || cmd->nr_sectors % unit || !cmd->nr_sectors)
		return BLKIF_RSP_ERROR;
	if (cmd->sector > limits->sectors || cmd->nr_sectors > limits->sectors - cmd->sector)
		return BLKIF_RSP_ERROR;
	cmd->sector += limits->first;
	return BLKIF_RSP_OKAY;
}

int blk_command_segments(struct blk_command *cmd, const struct blkif_request_segment *segment,
			 const struct blk_limits *limits)
{
	uint32_t inside = limits->sector_size / BLK_SECTOR - 1; /* bits of a number within a sector */

	cmd->nr_sectors = 0;
	for (unsigned i = 0; i < cmd->nr_segments; i++) {
		const struct blkif_request_segment *s = &cmd->segment[i];

		cmd->segment[i] = segment[i];
		if (s->first_sect > s->last_sect || s->last_sect >= PAGE_SIZE / BLK_SECTOR)
			return BLKIF_RSP_ERROR;
		if ((s->first_sect | (s->last_sect + 1u)) & inside)
			return BLKIF_RSP_ERROR;
		cmd->nr_sectors += s->last_sect - s->first_sect + 1;
	}
	return place_range(cmd, limits);
}

static int decode_transfer(struct blk_command *cmd, uint8_t operation, unsigned nr, uint64_t sector, unsigned most,
			   const struct blk_limits *limits)
{
	if (operation != BLKIF_OP_READ && operation != BLKIF_OP_WRITE)
		return BLKIF_RSP_EOPNOTSUPP;
	if (operation == BLKIF_OP_WRITE && limits->read_only)
		return BLKIF_RSP_ERROR;
	if (!nr || nr > most)
		return BLKIF_RSP_ERROR;
	cmd->op = operation == BLKIF_OP_READ ? BLK_READ : BLK_WRITE;
	cmd->nr_segments = nr;
	cmd->sector = sector;
	return BLKIF_RSP_OKAY;
}

static int decode_indirect(struct blk_command *cmd, const blkif_request_t *req, const struct blk_limits *limits)
{
	blkif_request_indirect_t indirect;

	memcpy(&indirect, req, sizeof(indirect));
	cmd->id = indirect.id;
	cmd->reply = indirect.indirect_op;
	cmd->indirect = 1;
	cmd->page = indirect.indirect_grefs[0];
	return decode_transfer(cmd, indirect.indirect_op, indirect.nr_segments, indirect.sector_number, BLK_SEGMENTS,
			       limits);
}

static int decode_discard(struct blk_command *cmd, const blkif_request_t *req, const struct blk_limits *limits)
{
	blkif_request_discard_t discard;

	memcpy(&discard, req, sizeof(discard));
	cmd->id = discard.id;
	if (!limits->has_discard || discard.flag & BLKIF_DISCARD_SECURE)
		return BLKIF_RSP_EOPNOTSUPP;
	if (limits->read_only)
		return BLKIF_RSP_ERROR;
	cmd->op = BLK_DISCARD;
	cmd->sector = discard.sector_number;
	cmd->nr_sectors = discard.nr_sectors;
	return place_range(cmd, limits);
}

int blk_command_decode(struct blk_command *cmd, const blkif_request_t *req, const struct blk_limits *limits)
{
	int status;

	cmd->id = req->id;
	cmd->reply = req->operation;
	cmd->indirect = 0;
	cmd->sector = cmd->nr_sectors = cmd->nr_segments = 0;

	switch (req->operation) {
	case BLKIF_OP_INDIRECT:
		return decode_indirect(cmd, req, limits);
	case BLKIF_OP_DISCARD:
		return decode_discard(cmd, req, limits);
	case BLKIF_OP_FLUSH_DISKCACHE:
		cmd->op = BLK_FLUSH;
		if (!limits->has_flush)
			return BLKIF_RSP_EOPNOTSUPP;
		return req->nr_segments ? BLKIF_RSP_ERROR : BLKIF_RSP_OKAY;
	}
	status = decode_transfer(cmd, req->operation, req->nr_segments, req->sector_number,
				 BLKIF_MAX_SEGMENTS_PER_REQUEST, limits);
	return status == BLKIF_RSP_OKAY ? blk_command_segments(cmd, req->seg, limits) : status;
}

unsigned blk_extents_fit(const struct blk_device *dev, const struct blk_extent *extent, unsigned nr, uint64_t *sectors)
{
	uint64_t bytes = extent[0].len;
	unsigned n = 1;

	for (; n < nr && n < dev->max_segments; n++) {
		const struct blk_extent *e = &extent[n];

		if (dev->max_bytes && bytes + e->len > dev->max_bytes)
			break;
		if (dev->seam && ((e[-1].bus + e[-1].len) | e->bus) & (dev->seam - 1))
			break;
		bytes += e->len;
	}
	*sectors = bytes / BLK_SECTOR;
	return n;
}

/* ---- the ring -------------------------------------------------------------------------------- */

static union blkif_sring_entry *slot_at(struct blk_ring *ring, RING_IDX index)
{
	return &ring->shared->ring[index % BLK_RING_SLOTS];
}

/* The response that is published next: valid when `next` is one beyond rsp_prod. */
struct journal {
	RING_IDX next;
	uint8_t rsp[sizeof(blkif_response_t)];
};
_Static_assert(sizeof(struct journal) <= sizeof(((blkif_sring_t *)0)->__pad), "the journal fits the padding");

static struct journal *journal_of(blkif_sring_t *shared)
{
	return (struct journal *)shared->__pad;
}

/* Is what stands in the journal the answer to the request that it will take the place of?  And is it what stands there,
 * later?  Neither is asked within the function that writes them, which may be out of its mind: a frontend that gets
 * another answer serves itself no more. */
__attribute__((noinline)) static int fits(struct blk_ring *ring)
{
	const volatile blkif_request_indirect_t *req =
		(const volatile blkif_request_indirect_t *)slot_at(ring, ring->rsp_prod);
	uint8_t operation = req->operation;
	blkif_response_t rsp;

	memcpy(&rsp, journal_of(ring->shared)->rsp, sizeof(rsp));
	if (operation == BLKIF_OP_INDIRECT)
		operation = req->indirect_op;
	return req->id == rsp.id && operation == rsp.operation && rsp.status <= BLKIF_RSP_OKAY &&
	       rsp.status >= BLKIF_RSP_EOPNOTSUPP;
}

__attribute__((noinline)) static int stands(struct blk_ring *ring)
{
	const volatile blkif_response_t *is = &slot_at(ring, ring->rsp_prod)->rsp;
	const blkif_response_t *rsp = &ring->slot[ring->rsp_prod % BLK_RING_SLOTS].rsp;

	return is->id == rsp->id && is->operation == rsp->operation && is->status == rsp->status;
}

/* What stands in the journal, and is valid. */
static int publish_one(struct blk_ring *ring)
{
	memcpy(&slot_at(ring, ring->rsp_prod)->rsp, journal_of(ring->shared)->rsp, sizeof(blkif_response_t));
	wmb(); /* the response before rsp_prod */
	if (ring->broken)
		index_write(&ring->shared->rsp_prod, ring->rsp_prod + 1);
	else if (!stands(ring) || ring_publish(&ring->out, ring->rsp_prod + 1, 1, BLK_RING_SLOTS))
		return 0;
	ring->rsp_prod++;
	return 1;
}

int blk_ring_attach(struct blk_ring *ring, blkif_sring_t *shared)
{
	struct journal *journal = journal_of(shared);

	memset(ring, 0, sizeof(*ring));
	ring->shared = shared;
	ring->rsp_prod = index_read(&shared->rsp_prod);
	ring_out_begin(&ring->out, shared, ring->rsp_prod);
	if (index_read(&shared->req_prod) - ring->rsp_prod > BLK_RING_SLOTS)
		return -XEN_EINVAL;
	if (index_read(&journal->next) == ring->rsp_prod + 1 && index_read(&shared->req_prod) != ring->rsp_prod) {
		memcpy(&ring->slot[ring->rsp_prod % BLK_RING_SLOTS].rsp, journal->rsp, sizeof(journal->rsp));
		if (!publish_one(ring))
			return -XEN_EINVAL;
	}
	ring->req_cons = ring->rsp_prod;
	return 0;
}

int blk_ring_take(struct blk_ring *ring, blkif_request_t *req, RING_IDX *index)
{
	RING_IDX prod = index_read(&ring->shared->req_prod);

	if (prod - ring->rsp_prod > BLK_RING_SLOTS || prod - ring->rsp_prod < blk_ring_busy(ring))
		return -XEN_EINVAL;
	if (prod == ring->req_cons)
		return 0;
	rmb(); /* req_prod before the request */
	*index = ring->req_cons++;
	*req = *(volatile blkif_request_t *)&slot_at(ring, *index)->req;
	ring->slot[*index % BLK_RING_SLOTS].answered = 0;
	return 1;
}

int blk_ring_wait(struct blk_ring *ring)
{
	index_write(&ring->shared->req_event, ring->req_cons + 1);
	mb(); /* pairs with the frontend's: it writes req_prod, then reads req_event */
	return index_read(&ring->shared->req_prod) != ring->req_cons;
}

void blk_ring_answer(struct blk_ring *ring, RING_IDX index, uint64_t id, uint8_t operation, int status)
{
	blkif_response_t *rsp = &ring->slot[index % BLK_RING_SLOTS].rsp;

	memset(rsp, 0, sizeof(*rsp));
	rsp->id = id;
	rsp->operation = operation;
	rsp->status = status;
	ring->slot[index % BLK_RING_SLOTS].answered = 1;
}

/* The next answer, if there is one: 1, 0, or -EINVAL. */
static int publish_next(struct blk_ring *ring)
{
	struct journal *journal = journal_of(ring->shared);
	unsigned at = ring->rsp_prod % BLK_RING_SLOTS;

	if (ring->rsp_prod == ring->req_cons || !ring->slot[at].answered)
		return 0;
	if (!ring->broken)
		ring_restate(&ring->out);
	wmb(); /* what it holds is published before it is lost */
	memcpy(journal->rsp, &ring->slot[at].rsp, sizeof(journal->rsp));
	wmb(); /* whole before it is valid */
	if (!ring->broken && !fits(ring))
		goto broken;
	index_write(&journal->next, ring->rsp_prod + 1);
	wmb(); /* valid before the request is lost */
	if (!publish_one(ring))
		goto broken;
	ring->slot[at].answered = 0;
	return 1;
broken:
	ring->broken = 1;
	return -XEN_EINVAL;
}

int blk_ring_publish(struct blk_ring *ring)
{
	RING_IDX old = ring->rsp_prod;
	int rc;

	if (blk_ring_busy(ring) > BLK_RING_SLOTS)
		return -XEN_EINVAL;
	while ((rc = publish_next(ring)) > 0)
		;
	if (rc < 0)
		return rc;
	if (ring->rsp_prod == old)
		return 0;
	mb(); /* rsp_prod before rsp_event: the frontend does it the other way round */
	return ring->rsp_prod - index_read(&ring->shared->rsp_event) < ring->rsp_prod - old;
}
