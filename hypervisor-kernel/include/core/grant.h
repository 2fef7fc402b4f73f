/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * grant.h - frames lent to one named domain: for CPU mapping, for copying, or for DMA only.
 * Grant table version 1 of the Xen ABI (xen/grant_table.h).
 */
#pragma once

#include <core/spinlock.h>
#include <xen/grant_table.h>

struct domain;
struct guise_dma_map;

#define GRANT_MAX_FRAMES 64   /* 512 entries each			*/
#define GRANT_MAX_MAPS	 4096 /* mappings and pins of one domain	*/

int grant_init(struct domain *d);
mfn_t grant_frame(struct domain *d, uint32_t n);
/* The domain dies: unmap and unpin everything it mapped from others; and from here on nobody touches the entries of its
 * own table.  0, or HC_CONTINUE: an interrupt waits. */
long grant_unmap_all(struct domain *d);
/* With its last reference. */
void grant_free(struct domain *d);

/* Take one use of entry ref of from's table on behalf of user: the entry must name user, allow the
 * access, and name a frame of from's: *m, as wide as an entry has it.  GNTST_okay, or a GNTST_* error.  Undo with grant_unpin. */
int grant_pin(struct domain *from, uint32_t ref, uint16_t user, bool writable, uint32_t *m);
void grant_unpin(struct domain *from, uint32_t ref, bool writable, mfn_t m);

/* A pin remembered by the domain that uses it; the number is what the user calls it by. */
struct grant_map {
	uint16_t from; /* granting domain				*/
	uint8_t kind;  /* GRANT_MAP_*				*/
	uint8_t writable;
	uint32_t ref;
	uint32_t m;	/* the frame, as an entry names it		*/
	uint32_t index; /* GRANT_MAP_CPU: in which entry ...		*/
	mfn_t table;	/* ... of which table				*/
	uint64_t va;	/* and where				*/
};

enum { GRANT_MAP_FREE, GRANT_MAP_CPU, GRANT_MAP_DMA, GRANT_MAP_GOING };

#define GRANT_MAPS_PER_PAGE (PAGE_SIZE / sizeof(struct grant_map))
#define GRANT_MAP_PAGES	    ((GRANT_MAX_MAPS + GRANT_MAPS_PER_PAGE - 1) / GRANT_MAPS_PER_PAGE)

/* How often others use an entry. */
struct grant_uses {
	uint16_t reads, writes;
};

struct grant_table {
	struct spinlock lock;
	uint32_t nr_frames;
	bool growing;
	grant_entry_v1_t *entry[GRANT_MAX_FRAMES];
	struct grant_uses *uses[GRANT_MAX_FRAMES];
	mfn_t mfn[GRANT_MAX_FRAMES];
	struct grant_map *map[GRANT_MAP_PAGES];
	uint32_t nr_used; /* entries that others use	*/
	uint32_t nr_maps; /* of others' that it uses	*/
	uint32_t low_map; /* numbers below it are in use	*/
	uint32_t top_map; /* numbers at and above it are free	*/
};

static inline struct grant_map *grant_map_at(const struct grant_table *g, uint32_t n)
{
	return &g->map[n / GRANT_MAPS_PER_PAGE][n % GRANT_MAPS_PER_PAGE];
}

/* Pin for d's devices what op[] asks of from, another domain, which op[0] names and which has a table: how many it were,
 * each of which has a status now.  Those up to the next domain's, or to flags that there are not. */
uint64_t grant_map_dma(struct domain *d, struct domain *from, struct guise_dma_map *op, uint64_t most);
/* Take nr mappings of that kind out of use (they become GRANT_MAP_GOING, the caller's): how many, up to the first that is
 * none.  The numbers are bounded, also ahead of checks. */
uint64_t grant_map_take(struct domain *d, uint8_t kind, uint32_t *n, uint64_t nr);
/* Undo the pins of those that were taken and free the numbers. */
void grant_map_end(struct domain *d, const uint32_t *n, uint64_t nr);
