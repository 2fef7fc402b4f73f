/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * io.h - ports, device registers, and the order of memory accesses.
 */
#pragma once

#include <stdint.h>

static inline uint8_t inb(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline uint16_t inw(uint16_t port)
{
	uint16_t value;

	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline uint32_t inl(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline void outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void outw(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void outl(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

/* Device registers, at an address from mmio_map(). */
#define MMIO_ACCESS(type, suffix)                                             \
	static inline type mmio_read##suffix(const volatile void *reg)        \
	{                                                                     \
		return *(const volatile type *)reg;                           \
	}                                                                     \
	static inline void mmio_write##suffix(volatile void *reg, type value) \
	{                                                                     \
		*(volatile type *)reg = value;                                \
	}
MMIO_ACCESS(uint8_t, 8)
MMIO_ACCESS(uint16_t, 16)
MMIO_ACCESS(uint32_t, 32)
MMIO_ACCESS(uint64_t, 64)
#undef MMIO_ACCESS

/* x86 keeps loads in order and stores in order; only a store before a later load needs a fence. */
#define barrier() __asm__ volatile("" : : : "memory")
#define rmb()	  barrier()
#ifndef wmb /* tests look at memory here */
#define wmb() barrier()
#endif
#define mb() __asm__ volatile("lock; addl $0, -4(%%rsp)" : : : "memory", "cc")

/* What xen/io/ring.h calls them. */
#define xen_rmb() rmb()
#define xen_wmb() wmb()
#define xen_mb()  mb()

static inline uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}
