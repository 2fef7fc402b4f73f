/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iommu.c - the tables that the IOMMUs walk (VT-d specification, chapter 9): whose device is whose, and what it
 * reaches.
 *
 * Each device has a context of its own; those of one domain refer to the domain's tables, its I/O space,
 * which is made with its first device and lasts until it dies.  An address is walked in tables of 512 entries, as
 * a CPU's is.  Own frames stand at their machine addresses; grants in a window behind all RAM, each
 * at the number of its use: a frame that is granted twice has two addresses, each with its own access, and neighbours
 * in the window are neighbours for the device.
 *
 * A grant's slot belongs to whoever makes or ends that use: no lock.  All else: iommu_lock.
 */
#include <arch/iommu.h>
#include <arch/paging.h>
#include <arch/vtd.h>
#include <core/event.h>
#include <core/lib.h>

#define PRESENT 1ull
#define SPACES	64
#define ID(hi)	((uint16_t)((hi) >> 8))

struct spinlock iommu_lock = { .rank = LOCK_IOMMU };
/* Of a bus: lo is the frame of its table of contexts.  Of a device: lo is the root of its tables, hi
 * their depth and the id. */
static struct vtd_entry *buses;
static struct io_space *spaces[SPACES]; /* by id; 0 is not used */

static mfn_t window_first(void)
{
	return ALIGN_UP(MAX(frame_max, 1ull << (32 - PAGE_SHIFT)), 512);
}

uint64_t iommu_end(void)
{
	return window_first() + GRANT_MAX_MAPS;
}

static void set(uint64_t *e, uint64_t v)
{
	WRITE_ONCE(*e, v);
	vtd_publish(e, sizeof(*e));
}

/* The table that an entry refers to, made when there is none and d is given; or NULL. */
static void *table(uint64_t *e, struct domain *d, uint64_t flags)
{
	void *new;

	if (!*e) {
		new = flags ? kpages_alloc(0, d) : NULL;
		if (!new)
			return NULL;
		vtd_publish(new, PAGE_SIZE);
		set(e, virt_to_mfn(new) << PAGE_SHIFT | flags);
	}
	return mfn_to_virt(*e >> PAGE_SHIFT);
}

/* ---- what a domain's devices reach ---- */

static uint64_t *leaf(struct io_space *s, uint64_t frame, bool make) MUST_HOLD(iommu_lock)
{
	uint64_t *t = s->root;

	for (unsigned level = vtd.levels; t && level > 1; level--)
		t = table(&t[pt_index(frame << PAGE_SHIFT, level)], s->domain, make ? IO_READ | IO_WRITE : 0);
	return t ? &t[frame % 512] : NULL;
}

/* It stays the domain's while it is entered: whoever takes it away does so before or comes to take it out. */
static int own_enter(struct io_space *s, mfn_t m) MUST_HOLD(iommu_lock)
{
	struct frame *f = frame_of(m);
	uint64_t *e;

	if (f->flags & FRAME_SHARED || frame_hold(f, s->domain->id))
		return 0;
	e = leaf(s, m, true);
	if (e)
		set(e, m << PAGE_SHIFT | IO_READ | IO_WRITE);
	frame_release(f);
	return e ? 0 : -ENOMEM;
}

int iommu_enter(struct domain *d, mfn_t m)
{
	int rc;

	if (!d->io)
		return 0;
	spin_lock(&iommu_lock);
	rc = d->io ? own_enter(d->io, m) : 0;
	spin_unlock(&iommu_lock);
	return rc;
}

void iommu_leave(struct domain *d, mfn_t m)
{
	uint64_t *e;

	if (!d->io)
		return;
	spin_lock(&iommu_lock);
	e = d->io ? leaf(d->io, m, false) : NULL;
	if (e)
		set(e, 0);
	spin_unlock(&iommu_lock);
}

uint64_t iommu_grant(struct domain *d, uint32_t n, mfn_t m, bool writable)
{
	if (!d->io)
		return m << PAGE_SHIFT;
	set(&d->io->window[n / 512][n % 512], m << PAGE_SHIFT | IO_READ | (writable ? IO_WRITE : 0));
	return (window_first() + n) << PAGE_SHIFT;
}

void iommu_ungrant(struct domain *d, uint32_t n)
{
	if (d->io)
		set(&d->io->window[n / 512][n % 512], 0);
}

void iommu_flush(struct domain *d)
{
	if (!d->io)
		return;
	spin_lock(&iommu_lock);
	if (d->io)
		vtd_invalidate(d->io->id, false);
	spin_unlock(&iommu_lock);
}

void iommu_entered(struct domain *d)
{
	if (vtd.caches_absent)
		iommu_flush(d);
}

static void tables_free(struct domain *d, uint64_t *t, unsigned level)
{
	for (unsigned i = 0; level > 1 && i < 512; i++)
		if (t[i])
			tables_free(d, mfn_to_virt(t[i] >> PAGE_SHIFT), level - 1);
	kpages_free(t, 0, d);
}

static void space_free(struct domain *d, struct io_space *s)
{
	if (s->root)
		tables_free(d, s->root, vtd.levels);
	kpages_free(s, 0, d);
}

static int space_fill(struct io_space *s) MUST_HOLD(iommu_lock)
{
	struct domain *d = s->domain;

	s->root = kpages_alloc(0, d);
	if (!s->root)
		return -ENOMEM;
	vtd_publish(s->root, PAGE_SIZE);
	for (unsigned i = 0; i < IO_WINDOW_TABLES; i++) {
		s->window[i] = leaf(s, window_first() + i * 512, true);
		if (!s->window[i])
			return -ENOMEM;
	}
	for (uint32_t m = d->frames_head; m != FRAME_NIL; m = frame_of(m)->next)
		if (own_enter(s, m))
			return -ENOMEM;
	return 0;
}

static int space_make(struct domain *d) MUST_HOLD(d->lock, iommu_lock)
{
	struct io_space *s;
	uint16_t id = 1;
	int rc;

	if (d->frames > IOMMU_FRAMES)
		return -E2BIG;
	while (id < MIN(SPACES, vtd.nr_ids) && spaces[id])
		id++;
	if (id >= MIN(SPACES, vtd.nr_ids))
		return -ENOSPC;
	/* Its frames may lie in as many different tables. */
	d->max_kernel_pages += MIN(d->max_frames, frame_max / 512) + IO_WINDOW_TABLES + 16;
	s = kpages_alloc(0, d);
	if (!s)
		return -ENOMEM;
	s->domain = d;
	s->id = id;
	rc = space_fill(s);
	if (rc) {
		space_free(d, s);
		return rc;
	}
	spaces[id] = s;
	d->io = s;
	return 0;
}

/* ---- whose device is whose ---- */

/* Device bdf's context, made when asked; NULL: nobody on that bus has ever been anybody's, or no memory. */
static struct vtd_entry *context(uint16_t bdf, bool make) MUST_HOLD(iommu_lock)
{
	struct vtd_entry *c = table(&buses[bdf >> 8].lo, NULL, make ? PRESENT : 0);

	return c ? &c[bdf & 0xff] : NULL;
}

static struct io_space *space_of(uint16_t bdf) MUST_HOLD(iommu_lock)
{
	struct vtd_entry *c = context(bdf, false);

	return c && c->lo & PRESENT ? spaces[ID(c->hi)] : NULL;
}

mfn_t iommu_tables(void)
{
	struct vtd_entry *first = NULL;

	buses = kpages_alloc(0, NULL);
	if (buses) {
		vtd_publish(buses, PAGE_SIZE);
		spin_lock(&iommu_lock);
		first = context(0, true); /* each machine has this bus */
		spin_unlock(&iommu_lock);
	}
	return first ? virt_to_mfn(buses) : INVALID_MFN;
}

static bool is_reserved(uint16_t bdf)
{
	for (unsigned i = 0; i < dmar.nr_reserved; i++)
		if (dmar.reserved[i].bdf == bdf)
			return true;
	return false;
}

static int attach(struct domain *d, uint16_t bdf) MUST_HOLD(d->lock, iommu_lock)
{
	struct vtd_entry *c = context(bdf, true);
	int rc;

	if (!c)
		return -ENOMEM;
	if (c->lo & PRESENT || is_reserved(bdf))
		return -EBUSY;
	if (d->state == GUISE_STATE_DYING)
		return -ESRCH;
	rc = d->io ? 0 : space_make(d);
	if (rc)
		return rc;
	set(&c->hi, (vtd.levels - 2) | (uint64_t)d->io->id << 8);
	set(&c->lo, virt_to_mfn(d->io->root) << PAGE_SHIFT | PRESENT);
	vtd_invalidate(d->io->id, true);
	return 0;
}

int iommu_attach(struct domain *d, uint16_t bdf)
{
	int rc;

	if (!vtd.on)
		return 0;
	spin_lock(&d->lock); /* the list of frames stands still */
	spin_lock(&iommu_lock);
	rc = attach(d, bdf);
	spin_unlock(&iommu_lock);
	spin_unlock(&d->lock);
	return rc;
}

void iommu_detach(struct domain *d, uint16_t bdf)
{
	if (!d->io)
		return;
	spin_lock(&iommu_lock);
	if (d->io && space_of(bdf) == d->io) {
		set(&context(bdf, false)->lo, 0);
		vtd_invalidate(d->io->id, true);
	}
	spin_unlock(&iommu_lock);
}

void iommu_forget(struct domain *d)
{
	struct io_space *s = d->io;

	if (!s)
		return;
	spin_lock(&iommu_lock);
	for (unsigned bus = 0; bus < 256; bus++) {
		struct vtd_entry *c = context((uint16_t)(bus << 8), false);

		for (unsigned i = 0; c && i < 256; i++)
			if (c[i].lo & PRESENT && ID(c[i].hi) == s->id)
				set(&c[i].lo, 0);
	}
	vtd_invalidate(s->id, true);
	spaces[s->id] = NULL;
	d->io = NULL;
	spin_unlock(&iommu_lock);
	space_free(d, s);
}

/* ---- what it did not reach ---- */

/* VT-d specification, chapter 7: 1 and 2 are about the device's context, from 0x20 on about interrupts. */
static const char *reason_text(uint8_t reason)
{
	return reason >= 0x20 ? "the interrupt is not its" :
	       reason <= 2    ? "the device is nobody's" :
				"the memory is not its owner's to use";
}

/* A device that does not stop is told of less and less often: at its 1st, 2nd, 4th, 8th ... */
void iommu_fault(uint16_t bdf, uint8_t reason, bool write, uint64_t address)
{
	static uint64_t nobodys;
	struct io_space *s;
	struct domain *d = NULL;
	char owner[24] = "of nobody", what[48], count[32] = "";
	uint64_t n;

	spin_lock(&iommu_lock);
	s = space_of(bdf);
	if (s) {
		d = s->domain;
		domain_ref(d);
	}
	n = d ? ++d->dma_faults : ++nobodys;
	spin_unlock(&iommu_lock);
	if (d)
		snprintf(owner, sizeof(owner), "of domain %u", d->id);
	if (reason >= 0x20)
		snprintf(what, sizeof(what), "interrupt %lu", address >> 48);
	else
		snprintf(what, sizeof(what), "DMA %s 0x%lx", write ? "to" : "from", address);
	if (n > 1)
		snprintf(count, sizeof(count), ", %lu so far", n);
	if (!(n & (n - 1)))
		printk("guise: device %02x:%02x.%u %s: %s blocked: %s (%u%s)\n", bdf >> 8, bdf >> 3 & 31, bdf & 7,
		       owner, what, reason_text(reason), reason, count);
	if (d)
		event_domain_changed();
	domain_put(d);
}
