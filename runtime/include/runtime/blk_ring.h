/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blk_ring.h - the deciding half of the block backend: what a frontend asks for, and in which
 * order it is answered.  No hypercalls, no device.
 */
#pragma once

#include <runtime/blk.h>
#include <runtime/io.h>
#include <runtime/ring_index.h>
#include <runtime/string.h>
#include <runtime/xen.h>
#include <xen/io/blkif.h>

#define BLK_RING_SLOTS 32u

/* ---- requests -------------------------------------------------------------------------------- */

/* The part of a device that a frontend may use. */
struct blk_limits {
	uint64_t first;	      /* sector on the device			*/
	uint64_t sectors;     /* size					*/
	uint32_t sector_size; /* bytes, a power of two			*/
	int read_only, has_flush, has_discard;
};

struct blk_command {
	uint64_t id;   /* as the frontend named it				*/
	uint8_t reply; /* operation that the response must carry			*/
	enum blk_op op;
	uint64_t sector; /* first, on the device					*/
	uint64_t nr_sectors;
	unsigned nr_segments;
	int indirect;  /* segments are still to be read from `page`		*/
	uint32_t page; /* grant of them						*/
	struct blkif_request_segment segment[BLK_SEGMENTS];
};

/* Decide about a private copy of a ring slot.  Returns BLKIF_RSP_OKAY, or the status to answer
 * with; id and reply are set in any case.  An indirect command is not complete before
 * blk_command_segments(). */
int blk_command_decode(struct blk_command *cmd, const blkif_request_t *req, const struct blk_limits *limits);

/* Take a private copy of the nr_segments segments; returns as above. */
int blk_command_segments(struct blk_command *cmd, const struct blkif_request_segment *segment,
			 const struct blk_limits *limits);

/* How many of these extents, of nr > 0, the device takes in one request; *sectors: what they hold. */
unsigned blk_extents_fit(const struct blk_device *dev, const struct blk_extent *extent, unsigned nr, uint64_t *sectors);

/* ---- the ring: responses leave in the order in which requests came -------------------------- */

struct blk_ring {
	blkif_sring_t *shared;
	RING_IDX req_cons; /* next request to take					*/
	RING_IDX rsp_prod; /* next response to publish; [rsp_prod, req_cons) is ours	*/
	struct ring_out out;
	int broken; /* an answer did not fit: from then on none has to */
	struct {
		int answered;
		blkif_response_t rsp;
	} slot[BLK_RING_SLOTS];
};

/* Take over a ring, new or with requests that another backend left unanswered.  0, or -EINVAL
 * when its indices cannot be. */
int blk_ring_attach(struct blk_ring *ring, blkif_sring_t *shared);

/* Copy the next request out; *index names it from then on.  1, 0 when there is none, -EINVAL when
 * the frontend broke the ring. */
int blk_ring_take(struct blk_ring *ring, blkif_request_t *req, RING_IDX *index);

/* Ask the frontend for an event at its next request; returns 1 when one came meanwhile. */
int blk_ring_wait(struct blk_ring *ring);

/* Note the answer to a request taken before. */
void blk_ring_answer(struct blk_ring *ring, RING_IDX index, uint64_t id, uint8_t operation, int status);

/* Publish all answers that are in turn; returns 1 when the frontend wants an event for them, -EINVAL when one is not
 * the answer to what stands in its slot. */
int blk_ring_publish(struct blk_ring *ring);

/* Requests that it holds, taken or not. */
static inline unsigned blk_ring_unanswered(const struct blk_ring *ring)
{
	return *(const volatile RING_IDX *)&ring->shared->req_prod - ring->rsp_prod;
}

static inline unsigned blk_ring_busy(const struct blk_ring *ring)
{
	return ring->req_cons - ring->rsp_prod;
}
