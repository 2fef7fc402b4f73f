/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pci.h - the machine's PCI functions, and making one ready for a driver.
 */
#pragma once

#include <stdint.h>

#include <guise.h>

struct pci_function {
	uint16_t bdf; /* bus << 8 | device << 3 | function	*/
	uint16_t vendor, device;
	uint32_t class_code; /* class, subclass, interface	*/
};

#define PCI_FUNCTIONS 64

/* All functions behind the ports 0xcf8 and 0xcfc: how many were entered in out. */
unsigned pci_scan(struct pci_function *out, unsigned max);
/* Size the BARs, enable the device, give it message-signalled interrupts: *dev is what its driver may
 * know.  NULL, or why it cannot be driven. */
const char *pci_prepare(const struct pci_function *f, struct guise_device *dev);
/* Give domain (a DOMAIN handle of ours) the device: its DMA, and the right to its BARs and interrupts; fills
 * dev->irq_handle.  The pages of the MSI-X table stay with us. */
const char *pci_give(struct guise_device *dev, uint32_t domain);
/* Configuration space, by aligned words; where a capability is, or 0. */
uint32_t pci_read(uint16_t bdf, unsigned reg);
void pci_write(uint16_t bdf, unsigned reg, uint32_t v);
unsigned pci_capability(uint16_t bdf, uint8_t id);
/* Only make its memory accessible: where BAR n is.  A size of 0: it is not there. */
void pci_memory(const struct pci_function *f, unsigned n, struct guise_bar *bar);
/* Stop it: no more DMA, no more interrupts. */
void pci_quiesce(const struct guise_device *dev);
