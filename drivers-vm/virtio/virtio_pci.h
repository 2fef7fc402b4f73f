/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio_pci.h - a virtio device behind PCI (VIRTIO 1.2, 4.1): reset, features, queues.
 *
 * In order: virtio_open(), virtio_accept(), virtio_queue() for each, virtio_go().  What can fail
 * returns NULL, or why.
 */
#pragma once

#include <guise.h>

#include <virtio/virtqueue.h>

#define VIRTIO_F_INDIRECT	 (1ull << 28)
#define VIRTIO_F_EVENT_IDX	 (1ull << 29)
#define VIRTIO_F_VERSION_1	 (1ull << 32)
#define VIRTIO_F_ACCESS_PLATFORM (1ull << 33) /* DMA goes through the IOMMU, if there is one */

struct virtio_device {
	const struct guise_device *info;
	uint64_t features; /* negotiated */
	char *common, *config;
	uint32_t config_len;
	uint64_t notify_phys;
	uint32_t notify_len, notify_step;
	uint32_t port[GUISE_DEVICE_IRQS]; /* of each message that is in use; 0: none */
};

struct virtio_queue {
	struct virtqueue vq;
	void *notify; /* register */
	uint16_t index;
	uint32_t port; /* of its interrupt; queues with the same message share it */
};

/* Find the registers and stop the device: whoever drove it before, its DMA has ended on return. */
const char *virtio_open(struct virtio_device *dev, const struct guise_device *info);

/* All features that it has, where one depends on another. */
uint64_t virtio_offers(struct virtio_device *dev);

/* Accept those of the wanted features that it offers, and those above where useful. */
const char *virtio_accept(struct virtio_device *dev, uint64_t wanted);

/* Give the device queue `index`, with its interrupt by message `message`, for chains of up to `longest`. */
const char *virtio_queue(struct virtio_device *dev, struct virtio_queue *q, uint16_t index, unsigned message,
			 unsigned longest);

void virtio_go(struct virtio_device *dev);

/* Show the device what was added to the queue, and notify it if it wants to be. */
void virtio_kick(struct virtio_queue *q);

/* Copy from the device's configuration, consistently; what it does not have reads as 0. */
void virtio_config(struct virtio_device *dev, unsigned offset, void *to, unsigned len);
