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
	unsigned cap = pci_config8(dev, PCI_CAPABILITY_LIST) & ~3u;
	uint64_t seen = 0; /* a bit for each place where one can begin */
	int behind = !after;

	if (!(pci_config16(dev, PCI_STATUS) & PCI_STATUS_CAPS))
		return 0;
	while (cap >= 0x40 && !(seen >> cap / 4 & 1)) {
		if (behind && pci_config8(dev, cap) == id)
			return cap;
		behind |= cap == after;
		seen |= 1ull << cap / 4;
		cap = pci_config8(dev, cap + 1) & ~3u;
	}
	return 0;
}
