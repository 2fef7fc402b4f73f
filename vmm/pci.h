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

#define PCI_MESSAGES 4

/* What this server knows of a device and its driver does not. */
struct pci_keep {
	enum { RESET_FUNCTION, RESET_VIRTIO, RESET_NVME, RESET_E1000E } reset; /* its own way	*/
	char *registers;						       /* for it		*/
	unsigned msix, express; /* capabilities in configuration space; 0: it has none	*/
	uint32_t *table;	/* of MSI-X			*/
	unsigned entries;
	uint32_t message[PCI_MESSAGES][3]; /* address, its upper half, data	*/
};

/* All functions behind the ports 0xcf8 and 0xcfc: how many were entered in out. */
unsigned pci_scan(struct pci_function *out, unsigned max);
/* Size the BARs, enable the device, give it message-signalled interrupts: *dev is what its driver may
 * know.  NULL, or why it cannot be driven. */
const char *pci_prepare(const struct pci_function *f, struct guise_device *dev, struct pci_keep *keep);
/* Give domain (a DOMAIN handle of ours) the device: its DMA, and the right to its BARs and interrupts; fills
 * dev->irq_handle.  The pages of the MSI-X table stay with us. */
const char *pci_give(struct guise_device *dev, uint32_t domain);
/* Configuration space, by aligned words; where a capability is, or 0. */
uint32_t pci_read(uint16_t bdf, unsigned reg);
void pci_write(uint16_t bdf, unsigned reg, uint32_t v);
unsigned pci_find(uint16_t bdf, uint8_t id);
/* Only make its memory accessible: where BAR n is.  A size of 0: it is not there. */
void pci_memory(const struct pci_function *f, unsigned n, struct guise_bar *bar);
/* Stop it: no more DMA, no more interrupts. */
void pci_quiesce(const struct guise_device *dev);
/* Stop it and begin to reset it, by its own means, or with function set by its PCI function's. */
void pci_reset_begin(const struct guise_device *dev, const struct pci_keep *keep, int function);
/* Is it reset?  The function's way takes PCI_FLR_MS, which the caller waits for. */
int pci_reset_done(const struct guise_device *dev, const struct pci_keep *keep);
/* Make it ready for a driver again, as pci_prepare() did. */
void pci_restore(const struct guise_device *dev, const struct pci_keep *keep);
#define PCI_FLR_MS 100
