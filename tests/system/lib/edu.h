/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * edu.h - QEMU's device "edu" (docs/specs/edu.txt there): it copies between a buffer of its own and wherever it
 * is told, and interrupts when it is told.
 */
#pragma once

#include <runtime/event.h>
#include <runtime/io.h>

#define EDU_VENDOR 0x1234u
#define EDU_DEVICE 0x11e8u
#define EDU_ID	   0x00
#define EDU_RAISE  0x60
#define EDU_ACK	   0x64
#define EDU_FROM   0x80
#define EDU_TO	   0x88
#define EDU_LEN	   0x90
#define EDU_DMA	   0x98
#define EDU_BUFFER 0x40000u /* as its DMA sees it */

#define EDU_START  1u
#define EDU_TO_RAM 2u

static inline void edu_start(char *regs, int to_ram, uint64_t bus, uint32_t len)
{
	mmio_write64(regs + EDU_FROM, to_ram ? EDU_BUFFER : bus);
	mmio_write64(regs + EDU_TO, to_ram ? bus : EDU_BUFFER);
	mmio_write32(regs + EDU_LEN, len);
	mmio_write32(regs + EDU_DMA, EDU_START | (to_ram ? EDU_TO_RAM : 0));
}

static inline void edu_wait(char *regs)
{
	while (mmio_read32(regs + EDU_DMA) & EDU_START)
		event_loop_once(time_ns() + 1000000);
}

static inline void edu_dma(char *regs, int to_ram, uint64_t bus, uint32_t len)
{
	edu_start(regs, to_ram, bus, len);
	edu_wait(regs);
}
