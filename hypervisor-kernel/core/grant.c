/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * grant.c - a domain's grant table: its entries, who uses them, and what it uses of others.
 *
 * While an entry is in use GTF_reading (and GTF_writing) stand in it, its frame is held, and the
 * granter cannot withdraw it.  A use is undone in this order: no new translation can be made, cached
 * ones are dropped and flushed, then the bits are cleared and the hold given back.
 */
#include <arch/iommu.h>
#include <core/grant.h>
#include <core/hypercall.h>
#include <core/lib.h>
#include <core/vcpu.h>

#define ENTRIES	     (PAGE_SIZE / sizeof(grant_entry_v1_t))
#define FIRST_FRAMES 4
#define INLINE	     inline __attribute__((always_inline))

static int grow(struct domain *d, uint32_t nr)
{
	struct grant_table *g = d->grants;
	int rc = 0;

	if (__atomic_exchange_n(&g->growing, true, __ATOMIC_ACQUIRE))
		return -EAGAIN; /* another vCPU is at it */
	while (g->nr_frames < nr) {
		struct grant_uses *u = kpages_alloc(0, d);
		mfn_t m = u ? domain_shared_frame(d) : INVALID_MFN;

		if (m == INVALID_MFN) {
			kpages_free(u, 0, d);
			rc = -ENOMEM;
			break;
		}
		spin_lock(&g->lock);
		g->uses[g->nr_frames] = u;
		g->mfn[g->nr_frames] = m;
		g->entry[g->nr_frames++] = mfn_to_virt(m);
		spin_unlock(&g->lock);
	}
	__atomic_store_n(&g->growing, false, __ATOMIC_RELEASE);
	return rc;
}

int grant_init(struct domain *d)
{
	_Static_assert(sizeof(struct grant_table) <= PAGE_SIZE, "a grant table fits a page");
	_Static_assert(sizeof(struct grant_uses) * ENTRIES <= PAGE_SIZE, "use counts fit a page");
	d->grants = kpages_alloc(0, d);
	if (!d->grants)
		return -ENOMEM;
	d->grants->lock.rank = LOCK_GRANTS;
	return grow(d, FIRST_FRAMES);
}

mfn_t grant_frame(struct domain *d, uint32_t n)
{
	return d->grants && n < d->grants->nr_frames ? d->grants->mfn[n] : INVALID_MFN;
}

void grant_free(struct domain *d)
{
	struct grant_table *g = d->grants;

	if (!g)
		return;
	for (uint32_t i = 0; i < g->nr_frames; i++)
		kpages_free(g->uses[i], 0, d);
	for (uint32_t i = 0; i < GRANT_MAP_PAGES; i++)
		kpages_free(g->map[i], 0, d);
	kpages_free(g, 0, d);
}

/* ---- entries ---- */

static INLINE void use_end(struct grant_table *g, uint32_t ref, bool writable)
{
	struct grant_uses *u = &g->uses[ref / ENTRIES][ref % ENTRIES];
	uint16_t clear = 0;

	if (writable)
		u->writes--;
	u->reads--;
	if (!u->writes)
		clear |= GTF_writing;
	if (!u->reads) {
		clear |= GTF_reading;
		g->nr_used--;
	}
	__atomic_fetch_and(&g->entry[ref / ENTRIES][ref % ENTRIES].flags, (uint16_t)~clear, __ATOMIC_RELEASE);
}

/* As grant_pin(), with the granter's lock: it is taken once for many. */
static INLINE int use_begin(struct domain *from, uint32_t ref, uint16_t user, bool writable, uint32_t *m)
	MUST_HOLD(from->grants->lock)
{
	uint32_t bits = GTF_reading | (writable ? GTF_writing : 0), old, *word;
	struct grant_table *g = from->grants;
	struct grant_uses *u;
	grant_entry_v1_t *e;
	struct frame *f;

	if (from->state == GUISE_STATE_DYING)
		return GNTST_bad_domain;
	if (ref >= g->nr_frames * ENTRIES)
		return GNTST_bad_gntref;
	ref &= (uint32_t)mask_below(ref, g->nr_frames * ENTRIES);
	e = &g->entry[ref / ENTRIES][ref % ENTRIES];
	u = &g->uses[ref / ENTRIES][ref % ENTRIES];
	if (u->reads == 0xffff)
		return GNTST_no_space;
	/* Flags and domain id of an entry change together: the granter revokes with a compare-and-swap. */
	word = (uint32_t *)e;
	old = __atomic_load_n(word, __ATOMIC_ACQUIRE);
	do {
		if ((old & GTF_type_mask) != GTF_permit_access || old >> 16 != user)
			return GNTST_bad_gntref;
		if (writable && (old & GTF_readonly))
			return GNTST_general_error;
	} while (!__atomic_compare_exchange_n(word, &old, old | bits, true, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	g->nr_used += !u->reads++;
	u->writes = (uint16_t)(u->writes + writable);
	*m = __atomic_load_n(&e->frame, __ATOMIC_ACQUIRE);
	f = frame_of(*m);
	if (!f || (f->flags & FRAME_SHARED) || frame_hold(f, from->id)) {
		use_end(g, ref, writable);
		return GNTST_bad_page;
	}
	return GNTST_okay;
}

/* The frames with the entries of a dying domain may be gone already; it passes this lock first. */
static INLINE void unpin(struct domain *from, uint32_t ref, bool writable, mfn_t m) MUST_HOLD(from->grants->lock)
{
	if (from->state != GUISE_STATE_DYING)
		use_end(from->grants, ref, writable);
	frame_release(&frame_table[m]);
}

int grant_pin(struct domain *from, uint32_t ref, uint16_t user, bool writable, uint32_t *m)
{
	int rc;

	if (!from->grants)
		return GNTST_bad_domain;
	spin_lock(&from->grants->lock);
	rc = use_begin(from, ref, user, writable, m);
	spin_unlock(&from->grants->lock);
	return rc;
}

void grant_unpin(struct domain *from, uint32_t ref, bool writable, mfn_t m)
{
	spin_lock(&from->grants->lock);
	unpin(from, ref, writable, m);
	spin_unlock(&from->grants->lock);
}

/* ---- what a domain uses of others ---- */

/* A number that was free, counted as used; or GRANT_MAX_MAPS: there is no room. */
static INLINE uint32_t map_number(struct domain *d) MUST_HOLD(d->grants->lock)
{
	struct grant_table *g = d->grants;

	for (uint32_t n = g->low_map; n < GRANT_MAX_MAPS; n++) {
		struct grant_map **page = &g->map[n / GRANT_MAPS_PER_PAGE];

		if (!*page && !(*page = kpages_alloc(0, d)))
			break;
		if (grant_map_at(g, n)->kind != GRANT_MAP_FREE)
			continue;
		g->nr_maps++;
		g->low_map = n + 1;
		g->top_map = MAX(g->top_map, n + 1);
		return n;
	}
	return GRANT_MAX_MAPS;
}

static void lock_both(struct domain *a, struct domain *b) TAKES(a->grants->lock, b->grants->lock) NO_LOCK_CHECK
{
	spin_lock(&MIN(a->grants, b->grants)->lock);
	spin_lock(&MAX(a->grants, b->grants)->lock);
}

uint64_t grant_map_dma(struct domain *d, struct domain *from, struct guise_dma_map *op, uint64_t most)
{
	struct grant_table *g = d->grants;
	uint16_t granter = op->domid;
	uint64_t nr = 0;

	/* Once for all.  Nobody can undo what is mapped before the device reaches it. */
	lock_both(d, from);
	for (; nr < most && op->domid == granter && !(op->flags & ~GUISE_DMA_RDONLY); nr++, op++) {
		bool writable = !op->flags;
		uint32_t m, n;

		op->status = use_begin(from, op->ref, d->id, writable, &m);
		if (op->status)
			continue;
		n = map_number(d);
		if (n == GRANT_MAX_MAPS) {
			unpin(from, op->ref, writable, m);
			op->status = GNTST_no_space;
			continue;
		}
		*grant_map_at(g, n) = (struct grant_map){ granter, GRANT_MAP_DMA, writable, op->ref, .m = m };
		op->cookie = n;
		op->bus = iommu_grant(d, n, m, writable);
	}
	spin_unlock(&from->grants->lock);
	spin_unlock(&d->grants->lock);
	return nr;
}

uint64_t grant_map_take(struct domain *d, uint8_t kind, uint32_t *n, uint64_t nr)
{
	struct grant_table *g = d->grants;
	uint64_t i = 0;

	spin_lock(&g->lock);
	for (; i < nr && n[i] < g->top_map; i++) {
		n[i] &= (uint32_t)mask_below(n[i], g->top_map);
		if (grant_map_at(g, n[i])->kind != kind)
			break;
		grant_map_at(g, n[i])->kind = GRANT_MAP_GOING;
	}
	spin_unlock(&g->lock);
	return i;
}

void grant_map_end(struct domain *d, const uint32_t *n, uint64_t nr)
{
	struct grant_table *g = d->grants;

	for (uint64_t i = 0; i < nr;) {
		struct grant_map *map = grant_map_at(g, n[i]);
		uint16_t granter = map->from;
		struct domain *from = domain_get(granter);

		BUG_ON(!from); /* a held frame keeps its owner listed */
		lock_both(d, from);
		do {
			unpin(from, map->ref, map->writable, map->m);
			map->kind = GRANT_MAP_FREE;
			g->low_map = MIN(g->low_map, n[i]);
			g->nr_maps--;
		} while (++i < nr && (map = grant_map_at(g, n[i]))->from == granter);
		while (g->top_map && grant_map_at(g, g->top_map - 1)->kind == GRANT_MAP_FREE)
			g->top_map--;
		spin_unlock(&from->grants->lock);
		spin_unlock(&d->grants->lock);
		domain_put(from);
	}
}

long grant_unmap_all(struct domain *d)
{
	bool mapped = false;

	if (!d->grants)
		return 0;
	/* First nothing can be filled any more, then all is dropped at once, then the pins go.  Whoever has the lock after
	 * this sees that the domain dies, and touches none of its entries. */
	spin_lock(&d->grants->lock);
	d->grants->nr_used = 0;
	for (uint32_t n = 0; n < d->grants->top_map; n++) {
		struct grant_map *m = grant_map_at(d->grants, n);

		if (m->kind == GRANT_MAP_CPU) {
			m->kind = GRANT_MAP_DMA;
			mapped = true;
		}
	}
	spin_unlock(&d->grants->lock);
	if (mapped)
		tlb_drop_all(d);
	for (uint32_t n = d->grants->top_map; n-- > 0;)
		if (grant_map_take(d, GRANT_MAP_DMA, &n, 1)) {
			grant_map_end(d, &n, 1);
			if (arch_irq_waiting(4))
				return HC_CONTINUE;
		}
	return 0;
}

bool grant_slot_allows(struct domain *d, mfn_t table, uint32_t index, mfn_t m, bool *writable)
{
	struct grant_table *g = d->grants;
	bool found = false;

	if (!g || !g->nr_maps)
		return false;
	spin_lock(&g->lock);
	for (uint32_t n = 0; n < g->top_map && !found; n++) {
		const struct grant_map *map = grant_map_at(g, n);

		if (map->kind == GRANT_MAP_CPU && map->table == table && map->index == index && map->m == m) {
			*writable = map->writable;
			found = true;
		}
	}
	spin_unlock(&g->lock);
	return found;
}

/* ---- operations ---- */

/* Each answers GNTST_*. */
static int map_ref(struct vcpu *v, gnttab_map_grant_ref_t *op)
{
	struct grant_map map = { .from = op->dom, .kind = GRANT_MAP_CPU, .ref = op->ref, .va = op->host_addr };
	struct domain *d = v->domain, *from;
	int rc = GNTST_bad_domain;
	uint32_t n;

	op->handle = ~0u;
	if ((op->flags & ~(uint32_t)(GNTMAP_host_map | GNTMAP_readonly)) || !(op->flags & GNTMAP_host_map))
		return GNTST_general_error;
	map.writable = !(op->flags & GNTMAP_readonly);
	from = domain_get(op->dom);
	if (!from || from == d)
		goto out;
	rc = grant_pin(from, op->ref, d->id, map.writable, &map.m);
	if (rc)
		goto out;
	if (arch_map_grant(v, map.va, map.m, map.writable, &map.table, &map.index)) {
		rc = GNTST_bad_virt_addr;
		goto unpin;
	}
	spin_lock(&d->grants->lock);
	n = map_number(d);
	if (n < GRANT_MAX_MAPS)
		*grant_map_at(d->grants, n) = map;
	spin_unlock(&d->grants->lock);
	if (n == GRANT_MAX_MAPS) {
		arch_unmap_grant(d, map.va, map.table, map.index, map.m);
		rc = GNTST_no_space;
		goto unpin;
	}
	op->handle = n;
	op->dev_bus_addr = (uint64_t)map.m << PAGE_SHIFT;
	goto out;
unpin:
	grant_unpin(from, op->ref, map.writable, map.m);
out:
	domain_put(from);
	return rc;
}

static int unmap_ref(struct vcpu *v, gnttab_unmap_grant_ref_t *op)
{
	uint32_t n = op->handle;
	const struct grant_map *map;

	if (!grant_map_take(v->domain, GRANT_MAP_CPU, &n, 1))
		return GNTST_bad_handle;
	map = grant_map_at(v->domain->grants, n);
	arch_unmap_grant(v->domain, map->va, map->table, map->index, map->m);
	grant_map_end(v->domain, &n, 1);
	return GNTST_okay;
}

/* One side of a copy: a frame of the caller's own, or one that is granted to it; held while open. */
struct side {
	struct domain *d; /* the granter; NULL: it is the caller's own */
	uint64_t at;	  /* reference or frame */
	uint32_t m;
	uint16_t domid;
	bool writable, open;
};

static void side_close(struct side *s)
{
	if (s->open && s->d)
		grant_unpin(s->d, (uint32_t)s->at, s->writable, s->m);
	else if (s->open)
		frame_release(frame_of(s->m));
	domain_put(s->d);
}

/* Most often a copy has one side in common with the one before: it stays open. */
static int side_open(struct vcpu *v, struct side *s, const struct gnttab_copy_ptr *p, bool by_ref)
{
	uint64_t at = by_ref ? p->u.ref : p->u.gmfn;
	uint16_t me = v->domain->id, domid = domain_named(v->domain, p->domid);
	int rc;

	if (s->open && s->at == at && s->domid == domid && by_ref == (s->d != NULL))
		return GNTST_okay;
	side_close(s);
	*s = (struct side){ by_ref ? domain_get(domid) : NULL, at, (uint32_t)at, domid, s->writable, false };
	rc = by_ref && !s->d				   ? GNTST_bad_domain :
	     by_ref					   ? grant_pin(s->d, s->m, me, s->writable, &s->m) :
	     domid != me				   ? GNTST_permission_denied :
	     !frame_of(at) || frame_hold(frame_of(at), me) ? GNTST_bad_page :
							     GNTST_okay;
	s->open = !rc;
	return rc;
}

static int copy(struct vcpu *v, const gnttab_copy_t *op, struct side *from, struct side *to)
{
	int rc;

	if (op->flags & ~(GNTCOPY_source_gref | GNTCOPY_dest_gref))
		return GNTST_general_error;
	if (op->source.offset + op->len > (int)PAGE_SIZE || op->dest.offset + op->len > (int)PAGE_SIZE)
		return GNTST_bad_copy_arg;
	rc = side_open(v, from, &op->source, op->flags & GNTCOPY_source_gref);
	if (!rc)
		rc = side_open(v, to, &op->dest, op->flags & GNTCOPY_dest_gref);
	if (!rc)
		memmove((char *)mfn_to_virt(to->m) + op->dest.offset, (char *)mfn_to_virt(from->m) + op->source.offset,
			op->len);
	return rc;
}

static long setup_table(struct vcpu *v, gnttab_setup_table_t *op)
{
	struct domain *d = v->domain;

	op->status = domain_named(d, op->dom) != d->id				? GNTST_permission_denied :
		     op->nr_frames > GRANT_MAX_FRAMES || grow(d, op->nr_frames) ? GNTST_general_error :
										  GNTST_okay;
	if (op->status)
		return 0;
	return copy_to_guest((guest_ptr_t)op->frame_list.p, d->grants->mfn, op->nr_frames * sizeof(mfn_t));
}

static long query_size(struct vcpu *v, gnttab_query_size_t *op)
{
	op->status = domain_named(v->domain, op->dom) == v->domain->id ? GNTST_okay : GNTST_permission_denied;
	op->nr_frames = op->status ? 0 : v->domain->grants->nr_frames;
	op->max_nr_frames = op->status ? 0 : GRANT_MAX_FRAMES;
	return 0;
}

static long set_version(guest_ptr_t p, gnttab_set_version_t *op)
{
	if (op->version == 1)
		return 0;
	op->version = 1;
	return copy_to_guest(p, op, sizeof(*op)) ? -EFAULT : -ENOSYS;
}

static long get_version(struct vcpu *v, gnttab_get_version_t *op)
{
	op->version = 1;
	return domain_named(v->domain, op->dom) == v->domain->id ? 0 : -EPERM;
}

/* Some elements are read, carried out and written back, then the next ones; a long array continues later. */
#define BATCH(type, call)                                         \
	for (uint64_t i = 0, nr; i < count; i += nr) {            \
		guest_ptr_t at = arg[1] + i * sizeof(type);       \
		type some[8];                                     \
                                                                  \
		nr = MIN(count - i, ARRAY_SIZE(some));            \
		if (arch_irq_waiting(8 * (uint32_t)nr) && i) {    \
			hypercall_set_arg(v, 1, at);              \
			hypercall_set_arg(v, 2, count - i);       \
			return HC_CONTINUE;                       \
		}                                                 \
		if (copy_from_guest(some, at, nr * sizeof(type))) \
			return -EFAULT;                           \
		for (type *op = some; op < some + nr; op++)       \
			op->status = (int16_t)(call);             \
		if (copy_to_guest(at, some, nr * sizeof(type)))   \
			return -EFAULT;                           \
	}                                                         \
	return 0

static long copies(struct vcpu *v, const uint64_t *arg, uint64_t count, struct side *from, struct side *to)
{
	BATCH(gnttab_copy_t, copy(v, op, from, to));
}

long hc_grant_table_op(struct vcpu *v, const uint64_t *arg)
{
	struct side from = { 0 }, to = { .writable = true };
	uint64_t count = arg[2];
	long rc;

	if (count > GRANT_MAX_MAPS)
		return -EINVAL;
	switch (arg[0]) {
	case GNTTABOP_map_grant_ref:
		BATCH(gnttab_map_grant_ref_t, map_ref(v, op));
	case GNTTABOP_unmap_grant_ref:
		BATCH(gnttab_unmap_grant_ref_t, unmap_ref(v, op));
	case GNTTABOP_copy:
		rc = copies(v, arg, count, &from, &to);
		side_close(&from);
		side_close(&to);
		return rc;
	}
	if (count != 1)
		return -EINVAL;
	switch (arg[0]) {
	case GNTTABOP_setup_table:
		HC_REQUEST(gnttab_setup_table_t, arg[1], setup_table(v, &req), true);
	case GNTTABOP_query_size:
		HC_REQUEST(gnttab_query_size_t, arg[1], query_size(v, &req), true);
	case GNTTABOP_set_version:
		HC_REQUEST(gnttab_set_version_t, arg[1], set_version(arg[1], &req), false);
	case GNTTABOP_get_version:
		HC_REQUEST(gnttab_get_version_t, arg[1], get_version(v, &req), true);
	}
	return -ENOSYS;
}
