/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * irq.h - interrupts of devices become events of the domain that holds the handle.
 * Numbers as in guise.h: 0..255 global system interrupts, GUISE_IRQ_MSI.. messages.
 */
#pragma once

#include <core/types.h>

struct domain;

#define NR_MSI	64
#define NR_IRQS (256 + NR_MSI)

/* The CPU took a vector that is not the kernel's own: find the irq, raise its port.  Acknowledged afterwards. */
void irq_handle(uint8_t vector);
/* Port of d for irq was closed: mask and forget. */
void irq_unbind(struct domain *d, uint32_t irq);
/* The domain dies: its messages may be given to others, which it did not bind itself stay bound. */
void irq_free_all(const struct domain *d);
/* Both are added to. */
void irq_counters(uint32_t *bound, uint32_t *messages);
