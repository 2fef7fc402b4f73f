/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pci.h - reading the copy of a PCI configuration space in struct guise_device.
 */
#pragma once

#include <guise.h>

#define PCI_CAP_VENDOR 0x09
#define PCI_CAP_MSIX   0x11

uint8_t pci_config8(const struct guise_device *dev, unsigned offset);
uint16_t pci_config16(const struct guise_device *dev, unsigned offset);
uint32_t pci_config32(const struct guise_device *dev, unsigned offset);

/* Offset of the next capability with this id behind `after` (0: the first), or 0.  A list that
 * loops or leaves the space ends there. */
unsigned pci_capability(const struct guise_device *dev, uint8_t id, unsigned after);
