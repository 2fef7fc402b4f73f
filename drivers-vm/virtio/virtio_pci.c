/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio_pci.c - a virtio device behind PCI: reset, features, queues.
 *
 * All memory that the device reads or writes by itself is this domain's own: a page of
 * descriptors and a page of rings a queue, and pages of indirect tables.
 */
#include <runtime/event.h>
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/io.h>
#include <runtime/start.h>
#include <runtime/string.h>
#include <runtime/window.h>

#include "virtio_cap.h"
#include "virtio_pci.h"

/* The common configuration, VIRTIO 1.2, 4.1.4.3. */
#define DEVICE_FEATURE_SELECT 0x00
#define DEVICE_FEATURE	      0x04
#define DRIVER_FEATURE_SELECT 0x08
#define DRIVER_FEATURE	      0x0c
#define CONFIG_VECTOR	      0x10
#define STATUS		      0x14
#define GENERATION	      0x15
#define QUEUE_SELECT	      0x16
#define QUEUE_SIZE	      0x18
#define QUEUE_VECTOR	      0x1a
#define QUEUE_ENABLE	      0x1c
#define QUEUE_NOTIFY_OFF      0x1e
#define QUEUE_DESC	      0x20
#define QUEUE_DRIVER	      0x28
#define QUEUE_DEVICE	      0x30
#define COMMON_LEN	      0x38

#define STATUS_ACKNOWLEDGE 1
#define STATUS_DRIVER	   2
#define STATUS_DRIVER_OK   4
#define STATUS_FEATURES_OK 8

#define NO_VECTOR 0xffff

#define RESET_NS    2000000000ull
#define CONFIG_MOST 256u  /* bytes of configuration that any driver here reads	*/
#define USED_OFFSET 1024u /* of the used ring in the page of rings		*/

_Static_assert(sizeof(struct virtq_avail) <= USED_OFFSET && USED_OFFSET + sizeof(struct virtq_used) <= PAGE_SIZE &&
		       VIRTQ_SIZE * sizeof(struct virtq_desc) <= PAGE_SIZE,
	       "a queue is two pages");

static uint8_t status(struct virtio_device *dev)
{
	return mmio_read8(dev->common + STATUS);
}

static void status_add(struct virtio_device *dev, uint8_t bit)
{
	mmio_write8(dev->common + STATUS, status(dev) | bit);
}

static void write64(char *reg, uint64_t value)
{
	mmio_write32(reg, value);
	mmio_write32(reg + 4, value >> 32);
}

static const char *reset(struct virtio_device *dev)
{
	uint64_t until = time_ns() + RESET_NS;

	mmio_write8(dev->common + STATUS, 0);
	while (status(dev)) {
		if (time_ns() > until)
			return "the device does not reset";
		event_loop_once(time_ns() + 1000000);
	}
	return NULL;
}

const char *virtio_open(struct virtio_device *dev, const struct guise_device *info)
{
	struct virtio_region common, notify, config;
	const char *error;

	memset(dev, 0, sizeof(*dev));
	dev->info = info;
	if (virtio_region_find(info, VIRTIO_CAP_COMMON, COMMON_LEN, &common) ||
	    virtio_region_find(info, VIRTIO_CAP_NOTIFY, 2, &notify))
		return "it is no virtio 1.0 device";
	dev->common = mmio_map(common.phys, COMMON_LEN);
	if (!dev->common)
		return "its registers cannot be mapped";
	error = reset(dev);
	if (error)
		return error;
	dev->notify_phys = notify.phys;
	dev->notify_len = notify.len;
	dev->notify_step = notify.notify_step;
	if (!virtio_region_find(info, VIRTIO_CAP_DEVICE, 1, &config)) {
		dev->config_len = config.len < CONFIG_MOST ? config.len : CONFIG_MOST;
		dev->config = mmio_map(config.phys, dev->config_len);
		if (!dev->config)
			return "its configuration cannot be mapped";
	}
	status_add(dev, STATUS_ACKNOWLEDGE);
	status_add(dev, STATUS_DRIVER);
	return NULL;
}

uint64_t virtio_offers(struct virtio_device *dev)
{
	uint64_t offered = 0;

	for (unsigned i = 0; i < 2; i++) {
		mmio_write32(dev->common + DEVICE_FEATURE_SELECT, i);
		offered |= (uint64_t)mmio_read32(dev->common + DEVICE_FEATURE) << 32 * i;
	}
	return offered;
}

static int there_is_an_iommu(void)
{
	struct guise_system_info info;

	return !guise_system(GUISE_SYSTEM_INFO, &info, 0) && info.features & GUISE_FEATURE_IOMMU;
}

const char *virtio_accept(struct virtio_device *dev, uint64_t wanted)
{
	uint64_t offered = virtio_offers(dev);

	wanted |= VIRTIO_F_INDIRECT | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM;
	if (!(offered & VIRTIO_F_VERSION_1))
		return "it is no virtio 1.0 device";
	/* It would take the addresses of grants, which are the IOMMU's, for addresses of RAM. */
	if (!(offered & VIRTIO_F_ACCESS_PLATFORM) && there_is_an_iommu())
		return "it goes past the IOMMU (in QEMU iommu_platform=on puts it behind)";
	dev->features = offered & wanted;
	for (unsigned i = 0; i < 2; i++) {
		mmio_write32(dev->common + DRIVER_FEATURE_SELECT, i);
		mmio_write32(dev->common + DRIVER_FEATURE, dev->features >> 32 * i);
	}
	status_add(dev, STATUS_FEATURES_OK);
	if (!(status(dev) & STATUS_FEATURES_OK))
		return "the device does not work with the features of this driver";
	mmio_write16(dev->common + CONFIG_VECTOR, NO_VECTOR);
	return NULL;
}

static int tables_alloc(struct virtqueue *vq)
{
	size_t bytes = vq->size * VIRTQ_INDIRECT * sizeof(struct virtq_desc);
	struct virtq_desc *tables = page_alloc((bytes + PAGE_SIZE - 1) / PAGE_SIZE);

	for (unsigned i = 0; tables && i < vq->size; i++) {
		vq->table[i].desc = tables + i * VIRTQ_INDIRECT;
		vq->table[i].bus = virt_to_bus(vq->table[i].desc);
	}
	return tables ? 0 : -XEN_ENOMEM;
}

static const char *queue_size(struct virtio_device *dev, struct virtqueue *vq)
{
	vq->size = mmio_read16(dev->common + QUEUE_SIZE);
	if (vq->size > VIRTQ_SIZE)
		vq->size = VIRTQ_SIZE;
	return vq->size < 4 || vq->size & (vq->size - 1) ? "its queue has no usable size" : NULL;
}

static int message_port(struct virtio_device *dev, unsigned message)
{
	int port;

	if (message >= dev->info->nr_irqs)
		return -XEN_ENOENT;
	if (dev->port[message])
		return dev->port[message];
	port = event_bind_irq(dev->info->irq_handle[message], dev->info->irq[message], 0);
	if (port > 0)
		dev->port[message] = port;
	return port;
}

const char *virtio_queue(struct virtio_device *dev, struct virtio_queue *q, uint16_t index, unsigned message,
			 unsigned longest)
{
	struct virtqueue *vq = &q->vq;
	const char *error;
	uint64_t notify;
	char *pages;
	int port;

	memset(q, 0, sizeof(*q));
	q->index = index;
	mmio_write16(dev->common + QUEUE_SELECT, index);
	error = queue_size(dev, vq);
	if (error)
		return error;
	pages = page_alloc(2);
	if (!pages || (longest > 1 && dev->features & VIRTIO_F_INDIRECT && tables_alloc(vq)))
		return "no memory for a queue";
	vq->desc = (struct virtq_desc *)pages;
	vq->avail = (struct virtq_avail *)(pages + PAGE_SIZE);
	vq->used = (struct virtq_used *)(pages + PAGE_SIZE + USED_OFFSET);
	vq->event_idx = (dev->features & VIRTIO_F_EVENT_IDX) != 0;
	virtqueue_init(vq);

	notify = (uint64_t)mmio_read16(dev->common + QUEUE_NOTIFY_OFF) * dev->notify_step;
	if (notify + 2 > dev->notify_len)
		return "a notify register lies outside of its region";
	q->notify = mmio_map(dev->notify_phys + notify, 2);
	if (!q->notify)
		return "a notify register cannot be mapped";
	port = message_port(dev, message);
	if (port < 0)
		return "its interrupt cannot be bound";
	q->port = port;
	mmio_write16(dev->common + QUEUE_VECTOR, message);
	if (mmio_read16(dev->common + QUEUE_VECTOR) != message)
		return "the device has no interrupt for a queue";
	mmio_write16(dev->common + QUEUE_SIZE, vq->size);
	write64(dev->common + QUEUE_DESC, virt_to_bus(vq->desc));
	write64(dev->common + QUEUE_DRIVER, virt_to_bus(vq->avail));
	write64(dev->common + QUEUE_DEVICE, virt_to_bus(vq->used));
	mmio_write16(dev->common + QUEUE_ENABLE, 1);
	return NULL;
}

void virtio_go(struct virtio_device *dev)
{
	status_add(dev, STATUS_DRIVER_OK);
}

void virtio_kick(struct virtio_queue *q)
{
	if (virtqueue_show(&q->vq))
		mmio_write16(q->notify, q->index);
}

void virtio_config(struct virtio_device *dev, unsigned offset, void *to, unsigned len)
{
	uint8_t before;

	do {
		before = mmio_read8(dev->common + GENERATION);
		for (unsigned i = 0; i < len; i++)
			((uint8_t *)to)[i] = offset + i < dev->config_len ? mmio_read8(dev->config + offset + i) : 0;
	} while (mmio_read8(dev->common + GENERATION) != before);
}
