/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hypercall.h - the calls that vmm/pci.c makes, answered by pci_test.c.
 */
#pragma once

#include <guise.h>
#include <runtime/xen.h>

long guise_handle(unsigned op, void *arg);
long guise_irq(unsigned op, void *arg);
