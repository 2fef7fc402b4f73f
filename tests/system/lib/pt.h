/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pt.h - this domain's own page tables: finding, reading and changing entries, by the way that its
 * kind of paging wants, or by plain stores.
 */
#pragma once

#include <stdint.h>

#include <runtime/hypercall.h>

#define PTE_P	  0x001ull
#define PTE_RW	  0x002ull
#define PTE_U	  0x004ull
#define PTE_A	  0x020ull
#define PTE_D	  0x040ull
#define PTE_PS	  0x080ull
#define PTE_NX	  (1ull << 63)
#define PTE_FRAME 0x000ffffffffff000ull
#define PTE_DATA  (PTE_P | PTE_RW | PTE_U | PTE_A | PTE_D)
#define PTE_RO	  (PTE_P | PTE_U | PTE_A)
#define PTE_TABLE (PTE_P | PTE_A) /* a leaf that maps a table to the kernel alone	*/

/* A stock domain maps its own tables read-only, as a stock kernel does. */
void pt_protect(void);

/* The table of a level (4..1) on the way to va, and va's entry in it; NULL where the way ends. */
uint64_t *pt_table(uint64_t va, unsigned level);
uint64_t *pt_entry(uint64_t va, unsigned level);

/* Machine address of a page of this domain's memory. */
uint64_t page_machine(const void *page);
/* A new page that holds a number all over. */
uint64_t *page_marked(uint64_t number);
/* What stands at va, which need not be the same as a moment ago. */
uint64_t word_at(uint64_t va);

/* Machine address of an entry (in this domain's memory). */
uint64_t pt_machine(const uint64_t *entry);

/* Write an entry and drop what was cached for va. */
void pt_set(uint64_t va, uint64_t value);
/* Write any entry: by mmu_update (both kinds allow it). */
long pt_update(uint64_t *entry, uint64_t value);
long mmu_update(uint64_t ptr, uint64_t val);
/* One mmuext operation. */
long mmuext(unsigned cmd, uint64_t arg1, uint64_t arg2);
void pt_flush(void);

/* A page for use as a table: zeroed, and read-only where it must be. */
uint64_t *pt_page(void);
/* Make an entry of a table that is not in use yet. */
void pt_fill(uint64_t *table, unsigned index, uint64_t value);

/* A page of address space with a leaf table behind it and nothing mapped. */
uint64_t pt_space(void);
uint64_t m2p(uint64_t mfn);
uint64_t max_mfn(void);
/* Is it a frame of this domain's memory? */
int is_own(uint64_t mfn);
/* Is it one that the kernel made for this domain: shared info, grant table? */
int is_lent(uint64_t mfn);

/* A second top table that shares the lower half: the user's. */
uint64_t *user_tables(void);
