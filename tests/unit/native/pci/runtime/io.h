/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * io.h - the runtime's, but for ports, behind which pci_test.c has a device.
 */
#pragma once

#define inl  x86_inl
#define outl x86_outl
#include_next <runtime/io.h>
#undef inl
#undef outl

uint32_t inl(uint16_t port);
void outl(uint16_t port, uint32_t value);
