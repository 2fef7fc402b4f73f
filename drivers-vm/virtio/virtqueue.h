/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtqueue.h - a split virtqueue (VIRTIO 1.2, 2.7) from the driver's side: memory and numbers
 * only, no device.
 *
 * The driver adds chains of buffers, each with a token of its own choice, and gets the tokens back
 * as the device is done with them.  What the device writes is not trusted: `broken` says what it
 * did wrong, and from then on nothing comes back.
 */
#pragma once

#include <stdint.h>

#define VIRTQ_SIZE     256u /* most descriptors: their table fills a page		*/
#define VIRTQ_INDIRECT 64u  /* descriptors in the indirect table that each head has	*/

#define VIRTQ_DESC_NEXT	    1u
#define VIRTQ_DESC_WRITE    2u /* the device writes it */
#define VIRTQ_DESC_INDIRECT 4u
#define VIRTQ_NO_NOTIFY	    1u

struct virtq_desc {
	uint64_t bus;
	uint32_t len;
	uint16_t flags, next;
};

/* Of the rings, only `size` entries exist; the event index is what follows them. */
struct virtq_avail {
	uint16_t flags, idx;
	uint16_t ring[VIRTQ_SIZE + 1];
};

struct virtq_used {
	uint16_t flags, idx;
	struct virtq_used_entry {
		uint32_t id, len;
	} ring[VIRTQ_SIZE + 1];
};

struct virtq_buffer {
	uint64_t bus;
	uint32_t len;
};

struct virtqueue {
	/* Set by the owner before virtqueue_init(). */
	unsigned size; /* a power of two, at most VIRTQ_SIZE		*/
	int event_idx; /* VIRTIO_F_EVENT_IDX was negotiated		*/
	struct virtq_desc *desc;
	struct virtq_avail *avail;
	struct virtq_used *used;
	struct {
		struct virtq_desc *desc;
		uint64_t bus;
	} table[VIRTQ_SIZE]; /* indirect tables, or desc = NULL: not negotiated */

	/* The device sees none of this. */
	const char *broken;
	uint16_t avail_idx, shown_idx, used_idx;
	unsigned first_free, nr_free;
	struct virtq_slot {
		void *token; /* NULL: not the head of a chain	*/
		uint32_t writable;
		uint16_t nr, next;
	} slot[VIRTQ_SIZE];
};

void virtqueue_init(struct virtqueue *vq);

/* Add a chain: first the buffers that the device reads, then those it writes.  Together 1 to
 * VIRTQ_INDIRECT, and at most size.  0, or -EBUSY when there is no room. */
int virtqueue_add(struct virtqueue *vq, const struct virtq_buffer *buffer, unsigned nr_read, unsigned nr_write,
		  void *token);

/* Show the device what was added; returns 1 when it wants to be notified. */
int virtqueue_show(struct virtqueue *vq);

/* Descriptors that the device has, or has given back unseen. */
static inline unsigned virtqueue_busy(const struct virtqueue *vq)
{
	return vq->size - vq->nr_free;
}

/* The token of a chain that the device is done with and how much it wrote, or NULL. */
void *virtqueue_take(struct virtqueue *vq, uint32_t *len);

/* Ask for an interrupt when there are nr more, at least 1; returns 1 when there are already.  A device
 * without VIRTIO_F_EVENT_IDX tells of each. */
int virtqueue_wait_for(struct virtqueue *vq, unsigned nr);
/* ... at the next one. */
int virtqueue_wait(struct virtqueue *vq);
