/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vtd.c - Intel's IOMMU: its registers, its queue of invalidations, what it blocked, and the table by which
 * interrupts are remapped (VT-d specification, chapters 5, 6, 7 and 11).
 *
 * Translation is on before any domain runs, with tables that name no device.  A message is let
 * through as the entry of its number says, which is the number of the vector, and from the device in that
 * entry only.  Messages in the old format are blocked.
 */
#include <arch/arch.h>
#include <arch/percpu.h>
#include <arch/vtd.h>
#include <core/frame.h>
#include <core/lib.h>
#include <core/timer.h>

#define CAP    0x08
#define ECAP   0x10
#define GCMD   0x18
#define GSTS   0x1c
#define RTADDR 0x20
#define FSTS   0x34
#define FECTL  0x38
#define FEDATA 0x3c
#define FEADDR 0x40
#define FEUADR 0x44
#define PMEN   0x64
#define IQT    0x88
#define IQA    0x90
#define IRTA   0xb8

#define CAP_IDS(c)	(16u << 2 * ((c)&7)) /* domain ids	*/
#define CAP_WRITE_FLUSH (1ull << 4)
#define CAP_PROTECTED	(3ull << 5)
#define CAP_CACHING	(1ull << 7)
#define CAP_LEVELS(n)	(1ull << (6 + (n))) /* tables of n levels	*/
#define CAP_BITS(c)	(((c) >> 16 & 63) + 1)
#define CAP_RECORDS(c)	((c) >> 24 & 0x3ff) /* where, in 16 bytes	*/
#define CAP_NR(c)	(((c) >> 40 & 0xff) + 1)
#define CAP_DRAIN(c)	((c) >> 54 & 3) /* writes, reads */
#define ECAP_COHERENT	(1ull << 0)
#define ECAP_QUEUE	(1ull << 1)
#define ECAP_REMAPS	(1ull << 3)
#define ECAP_X2APIC	(1ull << 4)

#define G_TRANSLATE  (1u << 31)
#define G_ROOT	     (1u << 30)
#define G_QUEUE	     (1u << 26)
#define G_REMAP	     (1u << 25)
#define G_TABLE	     (1u << 24)
#define G_OLD_FORMAT (1u << 23)
#define G_STATES     0x96ffffffu /* of GSTS: all but those that are done once	*/

#define F_MASKED    (1u << 31)	/* FECTL */
#define F_OVERFLOW  1u		/* FSTS */
#define FAULT_PAUSE 10000000ull /* ns between two interrupts */
#define QUEUE	    256
#define REMAP_SIZE  7 /* 2^8 entries: a page */
#define HANG_MS	    10000

struct unit {
	volatile char *regs;
	uint64_t cap;
	struct vtd_entry *queue; /* QUEUE of them	*/
	unsigned tail;
	volatile uint32_t done; /* the unit's answer to the last in the queue	*/
};

struct vtd vtd;
struct dmar dmar;
static struct unit units[DMAR_UNITS];
static struct timer fault_timer;
static struct vtd_entry *remap; /* by vector; iommu_lock */

#define REG32(u, reg) (*(volatile uint32_t *)((u)->regs + (reg)))
#define REG64(u, reg) (*(volatile uint64_t *)((u)->regs + (reg)))

static uint64_t machine(const volatile void *p)
{
	return virt_to_mfn((const void *)p) << PAGE_SHIFT | ((uint64_t)p & (PAGE_SIZE - 1));
}

#define for_each_unit(u) for (struct unit *u = units; u < units + dmar.nr_units; u++)

/* Going on after a unit that does not obey could let a device reach what is another's by then. */
static void hang_check(struct unit *u, uint64_t since)
{
	if (rdtsc() - since > (uint64_t)tsc_khz * HANG_MS)
		panic("the IOMMU at 0x%lx does not answer (status 0x%x, faults 0x%x)", dmar.unit[u - units],
		      REG32(u, GSTS), REG32(u, FSTS));
	__builtin_ia32_pause();
}

static void command(struct unit *u, uint32_t bit, bool on)
{
	uint32_t now = REG32(u, GSTS) & G_STATES;
	uint64_t since = rdtsc();

	REG32(u, GCMD) = on ? now | bit : now & ~bit;
	while (!(REG32(u, GSTS) & bit) == on)
		hang_check(u, since);
}

void vtd_publish(const void *p, size_t len)
{
	if (vtd.coherent)
		return;
	for (uint64_t at = (uint64_t)p & ~63ull; at < (uint64_t)p + len; at += 64)
		asm volatile("clflush (%0)" ::"r"(at) : "memory");
	asm volatile("mfence" ::: "memory");
}

/* ---- the queue ---- */

static void queue_add(struct unit *u, uint64_t lo, uint64_t hi)
{
	u->queue[u->tail] = (struct vtd_entry){ lo, hi };
	u->tail = (u->tail + 1) % QUEUE;
}

/* This and all that was added before has been done on return; so there is always room for more. */
static void queue_run(struct unit *u, uint64_t lo)
{
	uint64_t since = rdtsc();

	u->done = 0;
	queue_add(u, lo, 0);
	queue_add(u, 1ull << 32 | 1u << 5 | 5, machine(&u->done)); /* wait, then write 1 */
	asm volatile("" ::: "memory");
	REG64(u, IQT) = u->tail * 16;
	while (!u->done)
		hang_check(u, since);
}

void vtd_invalidate(uint16_t id, bool contexts)
{
	for_each_unit(u) {
		if (contexts)
			queue_add(u, 1u << 4 | 1, 0);					 /* all contexts */
		queue_run(u, (uint64_t)id << 16 | CAP_DRAIN(u->cap) << 6 | 2u << 4 | 2); /* a domain's translations */
	}
}

/* ---- interrupts ---- */

bool vtd_remap(uint8_t vector, uint32_t apic_id, bool level, uint16_t bdf)
{
	uint64_t to = (uint64_t)apic_id << (x2apic ? 32 : 40), verify = 1u << 18;

	if (!vtd.remaps)
		return false;
	spin_lock(&iommu_lock);
	WRITE_ONCE(remap[vector].lo, 0);
	WRITE_ONCE(remap[vector].hi, verify | bdf);
	WRITE_ONCE(remap[vector].lo, to | (uint64_t)vector << 16 | (level ? 1u << 4 : 0) | 1);
	vtd_publish(&remap[vector], sizeof(remap[vector]));
	for_each_unit(u)
		queue_run(u, (uint64_t)vector << 32 | 1u << 4 | 4); /* this entry */
	spin_unlock(&iommu_lock);
	return true;
}

int vtd_remap_ioapic(uint8_t vector, uint32_t apic_id, bool level, uint8_t id)
{
	if (!vtd.remaps)
		return 0;
	for (unsigned i = 0; i < dmar.nr_ioapics; i++)
		if (dmar.ioapic[i].id == id)
			return vtd_remap(vector, apic_id, level, dmar.ioapic[i].bdf);
	return -ENOENT;
}

/* ---- faults ---- */

static void faults_report(struct unit *u)
{
	for (unsigned i = 0; i < CAP_NR(u->cap); i++) {
		unsigned at = (unsigned)(CAP_RECORDS(u->cap) + i) * 16;
		uint64_t hi = REG64(u, at + 8), lo = REG64(u, at);

		if (!(hi >> 63))
			continue;
		REG32(u, at + 12) = 1u << 31; /* it may be used again */
		iommu_fault((uint16_t)hi, (uint8_t)(hi >> 32), !(hi >> 62 & 1), lo & ~(PAGE_SIZE - 1));
	}
	REG32(u, FSTS) = F_OVERFLOW;
}

/* A device that faults without end costs an interrupt now and then, not all the time. */
void vtd_interrupt(void)
{
	for_each_unit(u) {
		REG32(u, FECTL) = F_MASKED;
		faults_report(u);
	}
	timer_set(&fault_timer, time_now() + FAULT_PAUSE);
}

static void faults_again(void *arg)
{
	for_each_unit(u) {
		faults_report(u);
		REG32(u, FECTL) = 0;
	}
}

/* ---- the beginning ---- */

/* What all units can do. */
static const char *capabilities(void)
{
	uint64_t cap = ~0ull, ecap = ~0ull;
	unsigned bits = 64;

	vtd.nr_ids = 1u << 16;
	for_each_unit(u) {
		u->regs = mfn_to_virt(dmar.unit[u - units] >> PAGE_SHIFT);
		u->cap = REG64(u, CAP);
		if (u->cap == ~0ull)
			return "there are no registers where the table says";
		if (u->cap & CAP_WRITE_FLUSH)
			return "it has a write buffer";
		if (CAP_RECORDS(u->cap) + CAP_NR(u->cap) > PAGE_SIZE / 16)
			return "its fault records are out of reach";
		vtd.caches_absent |= !!(u->cap & CAP_CACHING);
		vtd.nr_ids = MIN(vtd.nr_ids, CAP_IDS(u->cap));
		bits = MIN(bits, (unsigned)CAP_BITS(u->cap));
		cap &= u->cap;
		ecap &= REG64(u, ECAP);
	}
	if (!(ecap & ECAP_QUEUE))
		return "it has no queue";
	vtd.levels = cap & CAP_LEVELS(3) && iommu_end() << PAGE_SHIFT <= 1ull << 39 ? 3 : 4;
	if (!(cap & CAP_LEVELS(vtd.levels)) || iommu_end() << PAGE_SHIFT > 1ull << MIN(bits, 48))
		return "its addresses are too short for this much memory";
	vtd.coherent = ecap & ECAP_COHERENT;
	vtd.remaps = dmar.interrupts && ecap & ECAP_REMAPS && (!x2apic || ecap & ECAP_X2APIC);
	return NULL;
}

static void unit_start(struct unit *u, mfn_t root)
{
	command(u, G_TRANSLATE, false); /* whatever the firmware did with it */
	command(u, G_REMAP, false);
	command(u, G_QUEUE, false);
	REG64(u, RTADDR) = root << PAGE_SHIFT;
	command(u, G_ROOT, true);
	REG64(u, IQT) = 0;
	REG64(u, IQA) = machine(u->queue);
	command(u, G_QUEUE, true);
	queue_add(u, 1u << 4 | 1, 0); /* forget all */
	queue_run(u, 1u << 4 | 2);
	if (vtd.remaps) {
		REG64(u, IRTA) = machine(remap) | (x2apic ? 1u << 11 : 0) | REMAP_SIZE;
		command(u, G_TABLE, true);
		queue_run(u, 4);
		command(u, G_OLD_FORMAT, false);
		command(u, G_REMAP, true);
	}
	/* A unit's own messages are not remapped. */
	REG32(u, FEDATA) = VECTOR_IOMMU;
	REG32(u, FEADDR) = 0xfee00000 | (boot_cpu.apic_id & 0xff) << 12;
	REG32(u, FEUADR) = x2apic ? boot_cpu.apic_id & ~0xffu : 0;
	faults_report(u);
	REG32(u, FECTL) = 0;
	if (u->cap & CAP_PROTECTED)
		REG32(u, PMEN) = 0;
	command(u, G_TRANSLATE, true);
}

static const char *start(const void *table, size_t most)
{
	const char *error = table ? dmar_parse(table, most, &dmar) : "the firmware names none";
	mfn_t root;

	if (!error)
		error = capabilities();
	if (error)
		return error;
	root = iommu_tables();
	remap = kpages_alloc(0, NULL);
	if (root == INVALID_MFN || !remap)
		return "too little memory for its tables";
	vtd_publish(remap, PAGE_SIZE);
	for_each_unit(u) {
		u->queue = kpages_alloc(0, NULL);
		if (!u->queue)
			return "too little memory for its queue";
	}
	timer_init(&fault_timer, faults_again, NULL);
	for_each_unit(u)
		unit_start(u, root);
	vtd.on = true;
	return NULL;
}

void vtd_init(const void *table, size_t most)
{
	const char *error = start(table, most);

	if (error) {
		vtd = (struct vtd){ .on = false };
		printk("guise: no IOMMU (%s): devices of drivers can reach all memory\n", error);
		return;
	}
	printk("guise: IOMMU: %u VT-d unit%s, tables of %u levels, interrupts %sremapped\n", dmar.nr_units,
	       dmar.nr_units > 1 ? "s" : "", vtd.levels, vtd.remaps ? "" : "not ");
	for (unsigned i = 0; i < dmar.nr_reserved; i++) {
		const struct dmar_reserved *r = &dmar.reserved[i];

		printk("guise: device %02x:%02x.%u: the firmware works with it at 0x%lx to 0x%lx: no driver gets it\n",
		       r->bdf >> 8, r->bdf >> 3 & 31, r->bdf & 7, r->first, r->last);
	}
}
