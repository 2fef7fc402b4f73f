/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio_cap.h - where a virtio device has its registers (VIRTIO 1.2, 4.1.4), from its
 * configuration space alone.
 */
#pragma once

#include <guise.h>

#define VIRTIO_CAP_COMMON 1
#define VIRTIO_CAP_NOTIFY 2
#define VIRTIO_CAP_ISR	  3
#define VIRTIO_CAP_DEVICE 4

struct virtio_region {
	uint64_t phys; /* inside a memory BAR, all of it	*/
	uint32_t len;
	uint32_t notify_step; /* of VIRTIO_CAP_NOTIFY: bytes from one queue_notify_off to the next */
};

/* The first region of this type that lies in a BAR and has least bytes: 0, or -ENOENT. */
int virtio_region_find(const struct guise_device *dev, uint8_t type, uint32_t least, struct virtio_region *region);
