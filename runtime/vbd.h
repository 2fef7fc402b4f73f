/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vbd.h - one virtual disk: a device, or a partition of it, as one frontend sees it.
 *
 * vbd.c shows it in the store and takes the frontend's ring; blk.c moves its requests.
 */
#pragma once

#include <guise.h>
#include <runtime/blk_ring.h>

#include "backend.h"

/* A request on its way.  It lives in the ring slot it came in, so it cannot be overtaken by a
 * newer one before its response is published. */
struct job {
	struct vbd *vbd;
	struct job *next; /* in the one list it is in	*/
	RING_IDX index;
	int status; /* BLKIF_RSP_*			*/
	int gone;   /* so is its frontend		*/
	struct blk_command cmd;
	struct blk_request io; /* the part that the device has now	*/
	uint64_t sectors_done; /* of earlier parts			*/
	unsigned nr_extents, extents_done;
	unsigned nr_cookies;
	struct blk_extent extent[BLK_SEGMENTS];
	uint32_t cookie[BLK_SEGMENTS];
};

struct vbd {
	struct backend backend;
	struct blk_limits limits;
	struct backend_page page;
	uint32_t port;
	struct blk_ring ring;
	struct backend_watch watch;
	int kicked;	 /* the ring may hold requests */
	int asked;	 /* the frontend will tell of the next */
	unsigned active; /* jobs that were taken and are not finished */
	struct job job[BLK_RING_SLOTS];

	uint64_t requests[BLK_OPS], bytes[BLK_OPS], errors; /* answered */
	uint64_t reported;				    /* requests, then */
};

static inline void vbd_tell(struct vbd *v)
{
	event_send(v->port);
	ring_told(&v->ring.out);
}

/* All of them, in no order. */
static inline struct vbd *vbd_first(void)
{
	return (struct vbd *)backends;
}

static inline struct vbd *vbd_next(const struct vbd *v)
{
	return (struct vbd *)v->backend.next;
}

/* Begin to watch the store: 0 or -errno. */
int vbd_start(struct blk_device *dev);

/* Look up a partition by its number from 1: 0, or -errno.  Waits for the device. */
int partition_find(struct blk_device *dev, unsigned number, struct blk_limits *limits);
