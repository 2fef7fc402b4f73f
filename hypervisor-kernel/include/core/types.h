/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * types.h - the words every other header uses.
 *
 * Xen's public headers are the guest's side of the contract: a guest handle in them is a pointer
 * the kernel never follows; it is turned into a guest_ptr_t and only copied through.
 */
#pragma once

/* One image, nothing exported: every address is relative to the instruction. */
#pragma GCC visibility push(hidden)

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define __XEN_INTERFACE_VERSION__ 0x00040e00
#include <xen/xen.h>

typedef uint64_t mfn_t;	      /* machine frame: real RAM or device space, 4 KiB	*/
typedef uint64_t gfn_t;	      /* guest frame: what a guest believes		*/
typedef uint64_t paddr_t;     /* machine address				*/
typedef uint64_t guest_ptr_t; /* guest virtual address, only copied through	*/

#define PAGE_SHIFT  12
#define PAGE_SIZE   4096ull
#define INVALID_MFN (~0ull)

#define ARRAY_SIZE(a)	 (sizeof(a) / sizeof((a)[0]))
#define ALIGN_UP(x, a)	 (((x) + (a)-1) & ~((__typeof__(x))(a)-1))
#define MIN(a, b)	 ((a) < (b) ? (a) : (b))
#define MAX(a, b)	 ((a) > (b) ? (a) : (b))
#define READ_ONCE(x)	 (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

/* All ones if a < b, else 0.  No branch decides it, so what is ANDed with it is harmless also where a CPU runs ahead of
 * the check (Spectre 1). */
static inline uint64_t mask_below(uint64_t a, uint64_t b)
{
	uint64_t mask;

	__asm__("cmp %2, %1; sbb %0, %0" : "=r"(mask) : "r"(a), "rme"(b) : "cc");
	return mask;
}

/* A word of a table that others laid out. */
#define UNALIGNED(type, p) (((const struct { type v; } __attribute__((packed)) *)(p))->v)

/* The errors the kernel answers with, by the names that Linux has for them. */
#define XEN_ERRNO(name, value) name = value,
enum {
#include <xen/errno.h>
};
