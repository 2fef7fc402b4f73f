/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blk.h - what a block driver implements, and the backend that serves it to frontends.
 *
 * The backend owns rings, grants, checks, partitions, the order of responses and the store; the
 * driver moves sectors between its device and bus addresses, and never sees the data.
 */
#pragma once

#include <stdint.h>

#define BLK_SECTOR   512u /* unit of all sector numbers, whatever the device's own	*/
#define BLK_SEGMENTS 32u  /* most pages in one request from a frontend		*/

enum blk_op { BLK_READ, BLK_WRITE, BLK_FLUSH, BLK_DISCARD, BLK_OPS };

struct blk_extent {
	uint64_t bus; /* physically contiguous memory for the device	*/
	uint32_t len; /* bytes, a multiple of the device's sector size	*/
};

struct blk_request {
	enum blk_op op;
	uint64_t sector;				   /* first, on the device				*/
	uint64_t nr_sectors;				   /* 0 for a flush					*/
	unsigned nr_extents;				   /* 0 for flush and discard				*/
	struct blk_extent *extent;			   /* they add up to nr_sectors			*/
	void (*done)(struct blk_request *req, int status); /* the backend's		*/
};

struct blk_device {
	const char *name;
	uint64_t sectors;	      /* size in BLK_SECTOR				*/
	uint32_t sector_size;	      /* bytes, a power of two, 512..4096		*/
	uint32_t physical_size;	      /* bytes that the medium writes at once; 0: sector_size */
	uint32_t max_segments;	      /* most extents in one request, at least 1	*/
	uint32_t max_extent;	      /* most bytes in one, at least 4096; 0: any	*/
	uint32_t max_bytes;	      /* most in one request, pages; 0: any		*/
	uint32_t seam;		      /* extents of one request end and begin at its multiples; 0: anywhere */
	uint32_t max_discard;	      /* most sectors in one discard; 0: any		*/
	uint32_t discard_granularity; /* bytes; 0: sector_size			*/
	int has_flush;		      /* writes are durable only after a flush	*/
	int has_discard;
	int read_only;
	void *ctx;

	/* Start a request: 0, or -EBUSY when the queue is full (the same request comes again
	 * after some blk_complete()).  Must not call blk_complete() itself. */
	int (*submit)(struct blk_device *dev, struct blk_request *req);

	/* Tell the device about all that was submitted since the last kick. */
	void (*kick)(struct blk_device *dev);

	/* Finish what the device has done, and have it tell of the next.  Called now and then while it has
	 * several requests, so that it need not tell of each.  May be NULL. */
	void (*look)(struct blk_device *dev);

	/* Each second while it has requests: look whether it still works.  May be NULL. */
	void (*check)(struct blk_device *dev);
};

/* From the driver's event handler: the device finished a request.  status 0 or -errno;
 * -EOPNOTSUPP is passed on as such, others as an I/O error. */
void blk_complete(struct blk_request *req, int status);

/* Serve frontends; returns only when the store cannot be used. */
int blk_serve(struct blk_device *dev);
