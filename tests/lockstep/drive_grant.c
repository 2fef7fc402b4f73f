/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * drive_grant.c - steps: grants offered, mapped, copied, and for DMA.
 */
#include "drive.h"

grant_entry_v1_t *entry_of(const struct dom *d, unsigned ref)
{
	return (grant_entry_v1_t *)mfn_to_virt(grant_frame(d->g.d, 0)) + ref;
}

static uint16_t id_some(const struct dom *d, unsigned n)
{
	return wild && n % 8 == 0 ? (uint16_t)(3 + n / 8 % 8) : other(d)->m->id;
}

void offer_step(struct dom *d, const struct step *s)
{
	unsigned ref = s->a % M_REFS;
	struct m_entry *e = &d->m->entry[ref];
	uint16_t flags = (uint16_t)(wild && (s->c & 15) == 15 ? s->c >> 4 : s->c & 7 ? GTF_permit_access : 0);

	if (!wild && e->reads)
		return;
	if (s->c & 16)
		flags |= GTF_readonly;
	e->flags = flags & 0x1f;
	e->user = id_some(d, s->c >> 5);
	e->frame = (uint32_t)(wild ? frame_some(d, s->b) : frame(d, DATA + s->b % (FRAMES - DATA)));
	trace(d, "grant %u: flags %x, for %u, frame %x", ref, e->flags, e->user, e->frame);
	*entry_of(d, ref) = (grant_entry_v1_t){ e->flags, e->user, e->frame };
}

static unsigned uses(const struct dom *d)
{
	uint32_t used, nr;

	m_grant_counts(d->m, &used, &nr);
	return nr;
}

/* A number that the kernel chose. */
static void use_numbered(const struct dom *d, struct m_use *use, uint32_t number)
{
	check_msg(number < GRANT_MAX_MAPS, "a use has number %x", number);
	for (unsigned i = 0; i < M_USES; i++)
		check_msg(&d->m->use[i] == use || d->m->use[i].kind == M_FREE || d->m->use[i].number != number,
			  "number %u is used twice", number);
	use->number = number;
}

void map_step(struct dom *d, const struct step *s)
{
	gnttab_map_grant_ref_t map = { .host_addr = va_of(d, s->a) + (wild ? s->c >> 8 : 0),
				       .dom = id_some(d, s->b >> 4) };
	struct m_use *use = NULL;
	int status;

	m_leaf_table(d->m, map.host_addr);
	if (uses(d) >= M_USES - 1 || model.strange)
		return;
	map.ref = s->b % (M_REFS + wild);
	map.ref += map.ref == M_REFS ? 4096 : 0;
	map.flags = GNTMAP_host_map | (s->c & 1 ? GNTMAP_readonly : 0);
	trace(d, "map grant %u of %u at %lx%s", map.ref, map.dom, map.host_addr, s->c & 1 ? ", read-only" : "");
	same(hc(d->g.v, __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, PTR(&map), 1, 0), 0, "map");
	status = m_grant_map(d->m, map.dom, map.ref, map.host_addr, !(s->c & 1), &use);
	same(map.status, status, "status of map");
	if (status)
		return;
	use_numbered(d, use, map.handle);
	same(map.dev_bus_addr, use->m << PAGE_SHIFT, "address of the frame");
	same(*word(use->table, use->index), model.word[use->table][use->index], "the entry of the mapping");
}

static uint32_t number_some(const struct dom *d, uint16_t a, enum m_kind kind)
{
	for (unsigned i = 0; i < M_USES; i++) {
		const struct m_use *u = &d->m->use[(a + i) % M_USES];

		if (u->kind == kind && a % 16)
			return u->number;
	}
	return a >> 4; /* wrong, as a rule */
}

void unmap_step(struct dom *d, const struct step *s)
{
	gnttab_unmap_grant_ref_t unmap = { .handle = number_some(d, s->a, M_CPU) };

	trace(d, "unmap %u", unmap.handle);
	same(hc(d->g.v, __HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, PTR(&unmap), 1, 0), 0, "unmap");
	same(unmap.status, m_grant_unmap(d->m, unmap.handle), "status of unmap");
}

void dma_step(struct dom *d, const struct step *s)
{
	struct guise_dma_map map = { .domid = id_some(d, s->b >> 4), .ref = s->b % M_REFS };
	uint32_t cookie = number_some(d, s->a, M_DMA);
	struct m_use *use = NULL;
	int status;

	if (s->c & 1) {
		trace(d, "end of DMA %u", cookie);
		same(hc(d->g.v, GUISE_HC_DMA, GUISE_DMA_UNMAP, PTR(&cookie), 1, 0),
		     m_dma_unmap(d->m, cookie) ? 0 : -EINVAL, "end of DMA");
		return;
	}
	if (uses(d) >= M_USES - 1)
		return;
	map.flags = s->c & 2 ? GUISE_DMA_RDONLY : 0;
	trace(d, "DMA grant %u of %u", map.ref, map.domid);
	same(hc(d->g.v, GUISE_HC_DMA, GUISE_DMA_MAP, PTR(&map), 1, 0), 0, "DMA");
	status = m_dma_map(d->m, map.domid, map.ref, !(s->c & 2), &use);
	same(map.status, status, "status of DMA");
	if (status)
		return;
	use_numbered(d, use, map.cookie);
	same(map.bus, use->m << PAGE_SHIFT, "bus address");
}

static int side(struct dom *d, struct gnttab_copy_ptr *p, bool by_ref, bool writable, uint64_t *m)
{
	struct m_domain *owner = m_domain_of(p->domid == DOMID_SELF ? d->m->id : p->domid);

	if (!owner)
		return GNTST_bad_domain;
	if (by_ref)
		return m_grant_claim(d->m, owner->id, p->u.ref, writable, m);
	*m = p->u.gmfn;
	return owner != d->m ? GNTST_permission_denied : m_owns(d->m, *m) ? GNTST_okay : GNTST_bad_page;
}

static void side_ends(struct dom *d, const struct gnttab_copy_ptr *p, bool by_ref, bool writable, uint64_t m)
{
	if (by_ref)
		m_grant_release(p->domid == DOMID_SELF ? d->m->id : p->domid, p->u.ref, writable, m);
}

void copy_step(struct dom *d, const struct step *s)
{
	struct gnttab_copy op = { .flags = s->c & 3, .len = 8 * (s->c >> 2 & 7) };
	bool from_ref = s->c & GNTCOPY_source_gref, to_ref = s->c & GNTCOPY_dest_gref;
	uint64_t from, to, bytes[8];
	int status;

	op.source.domid = from_ref ? id_some(d, s->a >> 8) : DOMID_SELF;
	op.dest.domid = to_ref ? id_some(d, s->b >> 8) : wild && (s->b & 15) == 11 ? other(d)->m->id : DOMID_SELF;
	op.source.offset = 8 * (s->a >> 6 & 511);
	op.dest.offset = 8 * (s->b >> 6 & 511);
	op.source.u.gmfn = from_ref ? s->a % M_REFS : frame_some(d, s->a);
	op.dest.u.gmfn = to_ref ? s->b % M_REFS : frame_some(d, s->b);
	if (!from_ref && op.source.u.gmfn < M_FRAMES && model.frame[op.source.u.gmfn].kernels)
		return;
	if (!to_ref && op.dest.u.gmfn < M_FRAMES && model.frame[op.dest.u.gmfn].kernels)
		return;
	trace(d, "copy %u bytes", op.len);
	same(hc(d->g.v, __HYPERVISOR_grant_table_op, GNTTABOP_copy, PTR(&op), 1, 0), 0, "copy");
	if (op.len + op.source.offset > PAGE_SIZE || op.len + op.dest.offset > PAGE_SIZE) {
		same(op.status, GNTST_bad_copy_arg, "status of copy");
		return;
	}
	status = side(d, &op.source, from_ref, false, &from);
	if (!status) {
		status = side(d, &op.dest, to_ref, true, &to);
		if (!status) {
			memcpy(bytes, (char *)model.word[from] + op.source.offset, op.len);
			for (unsigned i = 0; i < op.len / 8u; i++)
				m_write(to, op.dest.offset / 8 + i, bytes[i], M_SILENTLY);
			side_ends(d, &op.dest, to_ref, true, to);
			check_msg(!memcmp(mfn_to_virt(to), model.word[to], PAGE_SIZE), "what was copied");
		}
		side_ends(d, &op.source, from_ref, false, from);
	}
	same(op.status, status, "status of copy");
}
