/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pci.c - reading the copy of a PCI configuration space.
 */
#include <runtime/pci.h>

#define PCI_STATUS	    0x06
#define PCI_STATUS_CAPS	    0x10
#define PCI_CAPABILITY_LIST 0x34

uint8_t pci_config8(const struct guise_device *dev, unsigned offset)
{
	return offset < sizeof(dev->config) ? dev->config[offset] : 0xff;
}

uint16_t pci_config16(const struct guise_device *dev, unsigned offset)
{
	return pci_config8(dev, offset) | pci_config8(dev, offset + 1) << 8;
}

uint32_t pci_config32(const struct guise_device *dev, unsigned offset)
{
	return pci_config16(dev, offset) | (uint32_t)pci_config16(dev, offset + 2) << 16;
}

unsigned pci_capability(const struct guise_device *dev, uint8_t id, unsigned after)
{
	unsigned at = after ? after + 1 : PCI_CAPABILITY_LIST;

	if (!(pci_config16(dev, PCI_STATUS) & PCI_STATUS_CAPS))
		return 0;
	/* No more than 48 capabilities fit behind the header. */
	for (unsigned i = 0; i < 48; i++) {
		unsigned cap = pci_config8(dev, at) & ~3u;

		if (cap < 0x40)
			return 0;
		if (pci_config8(dev, cap) == id)
			return cap;
		at = cap + 1;
	}
	return 0;
}
