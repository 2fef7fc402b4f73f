/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * window.h - address space with nothing behind it, for grants and devices.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Pages of address space; NULL when the window has no such run left. */
void *window_alloc(unsigned pages);

/* Give them back; nothing may be mapped there any more. */
void window_free(void *va, unsigned pages);

/* Map a frame of our own (or one the kernel shares with us) at a page of ours; 0 or -errno. */
int window_map(void *va, uint64_t mfn);
int window_unmap(void *va);

/* Map device memory uncached; phys need not be aligned.  NULL when we hold no handle for it. */
void *mmio_map(uint64_t phys, size_t len);
