/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vbd.h - one virtual disk: a device, or a partition of it, as one frontend sees it.
 *
 * vbd.c brings it to life and to its end by the store; blk.c moves its requests in between.
 */
#pragma once

#include <guise.h>
#include <runtime/blk_ring.h>
#include <runtime/store.h>

/* A request on its way.  It lives in the ring slot it came in, so it cannot be overtaken by a
 * newer one before its response is published. */
struct job {
	struct vbd *vbd;
	struct job *next; /* in the one list it is in	*/
	RING_IDX index;
	int status; /* BLKIF_RSP_*			*/
	struct blk_command cmd;
	struct blk_request io; /* the part that the device has now	*/
	uint64_t sectors_done; /* of earlier parts			*/
	unsigned nr_extents, extents_done;
	unsigned nr_cookies;
	struct blk_extent extent[BLK_SEGMENTS];
	uint32_t cookie[BLK_SEGMENTS];
};

enum vbd_state {
	VBD_NEW,       /* nothing shown to the frontend yet			*/
	VBD_OFFERED,   /* state 2; waits for the frontend's ring		*/
	VBD_CONNECTED, /* state 4						*/
	VBD_CLOSING,   /* takes nothing new; what the device has is awaited	*/
	VBD_CLOSED,    /* holds nothing of the frontend				*/
};

struct vbd {
	struct vbd *next;
	char path[STORE_PATH_MAX / 2]; /* of its directory; also the watch's token */
	char frontend[STORE_PATH_MAX / 2];
	uint16_t domid; /* of the frontend		*/
	enum vbd_state state;
	unsigned shown; /* XenbusState in the store, 0: none yet	*/
	unsigned front; /* the frontend's, at the last look		*/
	int listed;	/* its directory was there then			*/
	int gone;	/* ... but was not, or was another: it ends	*/
	int refused;
	const char *broken; /* why the ring is not served any more, NULL: it is */

	struct blk_limits limits;
	void *page; /* the mapped ring */
	uint32_t page_handle;
	uint32_t port;
	struct blk_ring ring;
	int kicked; /* the ring may hold requests */
	struct job job[BLK_RING_SLOTS];
};

/* All of them, in no order. */
extern struct vbd *vbds;

/* Begin to watch the store: 0 or -errno. */
int vbd_start(struct blk_device *dev);

/* Follow what changed in the store and in the rings since the last call.  Not from a handler. */
void vbd_update(void);

/* Is there anything for vbd_update() to do? */
int vbd_due(void);

/* Look up a partition by its number from 1: 0, or -errno.  Waits for the device. */
int partition_find(struct blk_device *dev, unsigned number, struct blk_limits *limits);
