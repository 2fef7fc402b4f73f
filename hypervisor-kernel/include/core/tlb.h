/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tlb.h - the software TLB: hardware page tables as a cache of a domain's own tables.
 *
 * A node is one hardware table page that caches one table frame of the domain at one level.  The
 * frame knows its node (frame.cached); a node counts the entries that point to it, and a root
 * (level 4) is kept by the list of roots.  Nodes come from a fixed pool.  Any entry may be dropped
 * at any time; the one thing that must hold is that a present leaf names a frame the domain
 * owns, a device range it has a handle for, or the frame of the grant mapping made at that slot.
 *
 * A table of leaves whose 512 entries are one aligned run with equal flags is entered as one 2 MiB
 * entry in its parent.  The entry counts as the reference to the table's node, which is kept up to
 * date behind it, and names the node in bits that the hardware ignores (9 to 11 and 52 to 62).
 */
#pragma once

#include <core/list.h>
#include <core/spinlock.h>

struct domain;
struct vcpu;

struct tlb_node {
	uint32_t table;	  /* guest frame it caches, FRAME_NIL = detached	*/
	uint32_t refs;	  /* entries of other nodes that point here	*/
	uint8_t level;	  /* 4 = root, 1 = leaves; 0 = free		*/
	uint8_t kernel;	  /* root: machine-to-physical is visible	*/
	uint16_t large;	  /* leaves: flags of the entry that a 2 MiB entry stands in for, 0 = none ... */
	struct list link; /* free, freed, zombies or roots	*/
	uint32_t parent;  /* ... in this node ...			*/
	uint16_t index;	  /* ... at this index				*/
	uint16_t fills;	  /* leaves: how often one was filled	*/
	uint64_t lines;	  /* bit n: entries 8n to 8n + 7 may be other than 0	*/
};

#define TLB_UNSYNCED 16

struct tlb_unsynced {
	uint32_t table; /* guest frame that is written directly	*/
	uint32_t node;	/* where its writable mapping is cached ...	*/
	uint32_t index;
	uint64_t va; /* ... and at which address		*/
};

struct tlb {
	struct spinlock lock;
	uint32_t nr, most; /* nodes in the pool, and how many it shall have	*/
	struct tlb_node *node;
	mfn_t *page;	/* hardware table page of each node			*/
	uint32_t fresh; /* nodes from here on are free: of what they were nothing is left	*/
	struct list free, zombies;
	struct list roots;   /* least recently loaded first			*/
	struct list freed;   /* free, but a CPU may remember what they were	*/
	uint32_t used;	     /* nodes that are not free	*/
	uint32_t cpus;	     /* bitmap of CPUs that may hold translations; atomic		*/
	uint32_t free_cpu;   /* which CPU freed the last table ...				*/
	uint64_t free_epoch; /* ... and its flush epoch then					*/
	bool large_gone;     /* a CPU may remember a large page that is not cached any more	*/
	uint32_t nr_unsynced;
	struct tlb_unsynced unsynced[TLB_UNSYNCED];
};

/* A pool of so many nodes, 0: as many as its memory makes sensible; it is empty yet.  -ENOMEM. */
int tlb_init(struct domain *d, uint32_t frames);
/* Fill the pool.  0, -ENOMEM, or HC_CONTINUE: an interrupt waits, call it again. */
long tlb_grow(struct domain *d);
/* All is dropped, and nobody looks anything up any more.  0 or HC_CONTINUE. */
long tlb_destroy(struct domain *d);
/* Forget everything cached for d and flush before returning.  Needed before a frame leaves d. */
void tlb_drop_all(struct domain *d);

/* A present entry's value for a grant mapping or 0: is there one at this entry of this table, naming m? */
bool grant_slot_allows(struct domain *d, mfn_t table, uint32_t index, mfn_t m, bool *writable);
/* Write a grant mapping's entry for va in v's address space (value 0: remove), guest's table and
 * cache alike.  *table, *index: where.  -EINVAL: no table there. */
int arch_map_grant(struct vcpu *v, uint64_t va, mfn_t m, bool writable, mfn_t *table, uint32_t *index);
/* Remove an entry made by arch_map_grant and flush it everywhere. */
void arch_unmap_grant(struct domain *d, uint64_t va, mfn_t table, uint32_t index, mfn_t m);
