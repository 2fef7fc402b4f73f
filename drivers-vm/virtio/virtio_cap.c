/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio_cap.c - where a virtio device has its registers.
 */
#include <runtime/pci.h>
#include <runtime/xen.h>

#include "virtio_cap.h"

#define CAP_LEN	   2
#define CAP_TYPE   3
#define CAP_BAR	   4
#define CAP_OFFSET 8
#define CAP_LENGTH 12
#define CAP_STEP   16 /* notify_off_multiplier */

int virtio_region_find(const struct guise_device *dev, uint8_t type, uint32_t least, struct virtio_region *region)
{
	unsigned cap = 0, need = type == VIRTIO_CAP_NOTIFY ? CAP_STEP + 4 : CAP_STEP;

	while ((cap = pci_capability(dev, PCI_CAP_VENDOR, cap))) {
		unsigned bar = pci_config8(dev, cap + CAP_BAR);
		uint32_t offset = pci_config32(dev, cap + CAP_OFFSET);
		uint32_t len = pci_config32(dev, cap + CAP_LENGTH);

		if (pci_config8(dev, cap + CAP_TYPE) != type || pci_config8(dev, cap + CAP_LEN) < need || bar >= 6 ||
		    dev->bar[bar].port)
			continue;
		if (len < least || offset > dev->bar[bar].size || len > dev->bar[bar].size - offset)
			continue;
		region->phys = dev->bar[bar].base + offset;
		region->len = len;
		region->notify_step = type == VIRTIO_CAP_NOTIFY ? pci_config32(dev, cap + CAP_STEP) : 0;
		return 0;
	}
	return -XEN_ENOENT;
}
