/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap.h - this domain's free memory.
 */
#pragma once

#include <stddef.h>

/* Called once at start: [base, base + size) is free memory.  Partial pages are left out. */
void heap_init(void *base, size_t size);

/* Zeroed and 16-byte aligned; NULL when there is none, or for 0 bytes. */
void *heap_alloc(size_t size);
void heap_free(void *p); /* NULL does nothing */

/* nr whole pages, zeroed, virtually contiguous (each page is one frame of its own); NULL when
 * there are none.  page_free may give back a part of what page_alloc gave. */
void *page_alloc(unsigned nr);
void page_free(void *pages, unsigned nr);

/* Bytes in free pages. */
size_t heap_free_bytes(void);
/* Bytes in what heap_alloc() and page_alloc() gave and nobody gave back; small pieces count as large as
 * they were cut. */
size_t heap_used_bytes(void);
