/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vtd.h - what dmar.c (the firmware's description), iommu.c (tables in memory) and vtd.c (registers) of
 * VT-d share.  All units of the machine use the same tables.
 */
#pragma once

#include <core/grant.h>

#define DMAR_UNITS    8
#define DMAR_RESERVED 32
#define DMAR_IOAPICS  8

struct dmar {
	bool interrupts; /* they may be remapped		*/
	unsigned nr_units, nr_reserved, nr_ioapics;
	paddr_t unit[DMAR_UNITS]; /* registers, a page, below 4 GiB	*/
	struct dmar_reserved {
		uint64_t first, last; /* bytes that the firmware's work on the device needs	*/
		uint16_t bdf;
	} reserved[DMAR_RESERVED];
	struct dmar_ioapic {
		uint16_t bdf; /* that its messages come from	*/
		uint8_t id;   /* as in the MADT		*/
	} ioapic[DMAR_IOAPICS];
};

#define DMAR_MOST 65536 /* bytes; firmware's are a few hundred	*/

/* The ACPI table, most bytes of which can be read.  NULL, or why it is no use. */
const char *dmar_parse(const void *table, size_t most, struct dmar *out);

struct vtd {
	bool on;	    /* all that follows is fixed before	*/
	bool remaps;	    /* interrupts			*/
	bool coherent;	    /* units see the CPU's cache	*/
	bool caches_absent; /* an entry that was not there has to be flushed, too */
	unsigned levels;    /* of the tables of a domain: 3 or 4	*/
	unsigned nr_ids;    /* of domains			*/
};
extern struct vtd vtd;
extern struct dmar dmar;
extern struct spinlock iommu_lock; /* tables, queues, and who has which device	*/

#define IO_READ		 1ull /* in the entries of its tables	*/
#define IO_WRITE	 2ull
#define IO_WINDOW_TABLES (GRANT_MAX_MAPS / 512)

/* Of a table that units read: of buses, contexts, requests or interrupts. */
struct vtd_entry {
	uint64_t lo, hi;
};

struct io_space {
	struct domain *domain;
	uint16_t id; /* what the units' caches know it by	*/
	uint64_t *root;
	uint64_t *window[IO_WINDOW_TABLES];
};

/* Make the empty tables; the root's frame, or INVALID_MFN. */
mfn_t iommu_tables(void);
/* First frame behind all bus addresses that are used. */
uint64_t iommu_end(void);
/* A unit blocked an access.  No lock is held. */
void iommu_fault(uint16_t bdf, uint8_t reason, bool write, uint64_t address);

/* The units see these bytes of a table. */
void vtd_publish(const void *p, size_t len);
/* Forget what is cached for the domain's id, and of whose devices are whose; waits. */
void vtd_invalidate(uint16_t id, bool contexts) MUST_HOLD(iommu_lock);
void vtd_init(const void *table, size_t most);
/* A unit has something to tell. */
void vtd_interrupt(void);
/* Let messages of this device, and no other, interrupt a CPU with vector: true, and the message's address is
 * VTD_MESSAGE, its data the vector.  False: messages are not remapped. */
bool vtd_remap(uint8_t vector, uint32_t apic_id, bool level, uint16_t bdf);
/* The same of an I/O APIC: 0 when interrupts are not remapped, 1 when they are, -ENOENT: not this one's. */
int vtd_remap_ioapic(uint8_t vector, uint32_t apic_id, bool level, uint8_t id);

#define VTD_MESSAGE 0xfee00018u /* remappable; the number is in the data	*/
