/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model_memory.c - the model: who owns which frame, and what an access may come to.
 */
#include "model.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct model model;

struct m_domain *m_domain_of(uint16_t id)
{
	for (uint32_t i = 0; i < M_DOMAINS; i++)
		if (model.domain[i].exists && model.domain[i].id == id)
			return &model.domain[i];
	return NULL;
}

static uint64_t frame_of(uint64_t entry)
{
	return (entry & M_FRAME) >> 12;
}

static uint32_t index_of(uint64_t va, unsigned level)
{
	return va >> (12 + 9 * (level - 1)) & 511;
}

/* Addresses that no guest has: not canonical, or the hypervisor's (xen/arch-x86/xen-x86_64.h). */
bool m_hypervisors(uint64_t va)
{
	return (va >= 0x0000800000000000 && va < 0xffff880000000000);
}

/* ---- ownership ---- */

void m_reset(void)
{
	memset(&model.frame, 0, sizeof(model) - offsetof(struct model, frame));
	for (uint32_t m = 0; m < M_FRAMES; m++)
		model.frame[m].owner = M_NOBODY;
}

void m_frame_new(struct m_domain *d, uint64_t m, bool kernels)
{
	memset(&model.frame[m], 0, sizeof(model.frame[m]));
	memset(model.word[m], 0, sizeof(model.word[m]));
	model.frame[m].owner = d->id;
	model.frame[m].kernels = kernels;
	d->frames++;
}

void m_frame_gone(struct m_domain *d, uint64_t m)
{
	model.frame[m].owner = M_NOBODY;
	d->frames--;
}

bool m_may(const struct m_domain *d, uint64_t table, uint32_t index, uint64_t entry, bool *writable)
{
	uint64_t m = frame_of(entry);

	*writable = true;
	if (m_owns(d, m))
		return true;
	for (uint32_t i = 0; i < M_USES; i++) {
		const struct m_use *u = &d->use[i];

		if (u->kind == M_CPU && u->m == m && u->table == table && u->index == index) {
			*writable = u->writable;
			return true;
		}
	}
	return m >= d->device && m < d->device + d->nr_device;
}

/* ---- what was, and until when ---- */

/* Does the kernel learn of this change?  A native domain tells by flushes, and then all is forgotten. */
static bool is_silent(const struct m_domain *d, const struct m_frame *f, enum m_how how)
{
	if (!d->stock)
		return false;
	if (how == M_SILENTLY || f->loose || (f->levels & (f->levels - 1)))
		return true;
	return how == M_DIRECTLY && f->levels != 1 << 1;
}

/* Its owner maps it writable: so it is no table of a stock kernel any more. */
static void doubt(struct m_domain *d, uint64_t entry)
{
	uint64_t m = frame_of(entry);

	if (d->stock && (entry & (M_P | M_RW)) == (M_P | M_RW) && m_owns(d, m))
		model.frame[m].loose = model.frame[m].doubted = true;
}

void m_write(uint64_t m, uint32_t index, uint64_t value, enum m_how how)
{
	struct m_frame *f = &model.frame[m];
	struct m_domain *d = m_domain_of(f->owner);
	uint64_t old = model.word[m][index];

	model.now++;
	model.word[m][index] = value;
	if (!d || !f->levels || old == value)
		return;
	if (model.nr_changes == M_CHANGES)
		abort(); /* more than a sequence can make */
	model.change[model.nr_changes++] = (struct m_change){ m, old, model.now, index, is_silent(d, f, how) };
	if (f->levels & 1 << 1)
		doubt(d, value);
}

/* Values that nothing uses any more. */
static void changes_drop(const struct m_domain *d)
{
	uint32_t nr = 0;

	for (uint32_t i = 0; i < model.nr_changes; i++) {
		const struct m_change *c = &model.change[i];

		if (!m_owns(d, c->frame) || c->at > (c->silent ? d->forgotten : d->flushed))
			model.change[nr++] = *c;
	}
	model.nr_changes = nr;
}

void m_flush(struct m_domain *d)
{
	d->flushed = ++model.now;
	d->nr_invlpg = 0;
	if (d->stock)
		changes_drop(d);
	else
		m_forget(d);
}

void m_forget(struct m_domain *d)
{
	d->flushed = d->forgotten = ++model.now;
	d->nr_invlpg = 0;
	changes_drop(d);
	for (uint32_t m = 0; m < M_FRAMES; m++) {
		if (model.frame[m].owner != d->id)
			continue;
		if (model.frame[m].levels & ~(1u << 1))
			model.frame[m].doubted = true;
		model.frame[m].levels = 0;
		model.frame[m].loose = false;
	}
}

void m_invlpg(struct m_domain *d, uint64_t va)
{
	va &= ~0xfffull;
	model.now++;
	for (uint32_t i = 0; i < d->nr_invlpg; i++) {
		if (d->invlpg[i].va == va) {
			d->invlpg[i].at = model.now;
			return;
		}
	}
	if (d->nr_invlpg < 64) { /* one less is only known less well */
		d->invlpg[d->nr_invlpg].va = va;
		d->invlpg[d->nr_invlpg++].at = model.now;
	}
}

void m_pin(struct m_domain *d, uint64_t m, unsigned level)
{
	(void)d;
	model.frame[m].pinned = true;
	if (level == 1)
		model.frame[m].table = true;
}

void m_unpin(uint64_t m)
{
	model.frame[m].pinned = false;
	model.frame[m].loose = true;
}

/* ---- an access ---- */

struct path {
	struct m_domain *d;
	struct m_outcomes *o;
	uint64_t va;
	uint64_t flushed, forgotten, invlpg; /* when what was known of va was */
	unsigned access;
	bool write, fetch;
};

static void outcome(struct m_outcomes *o, struct m_outcome is)
{
	for (uint32_t i = 0; i < o->nr; i++)
		if (!memcmp(&o->is[i], &is, sizeof(is)))
			return;
	if (o->nr < sizeof(o->is) / sizeof(o->is[0]))
		o->is[o->nr++] = is;
}

static void faults(const struct path *p, uint64_t error)
{
	outcome(p->o, (struct m_outcome){ .error = p->access | error });
}

static void succeeds(const struct path *p, uint64_t table, uint32_t index, uint64_t v, uint64_t mark, bool read_only)
{
	outcome(p->o, (struct m_outcome){ .ok = true,
					  .m = frame_of(v),
					  .table = table,
					  .index = index,
					  .mark = mark,
					  .read_only = read_only });
}

static void leaf(const struct path *p, uint64_t table, uint32_t index, uint64_t v, uint64_t rw, uint64_t nx, bool told,
		 bool now)
{
	bool writable, may = m_may(p->d, table, index, v, &writable), forbids;
	uint64_t bits = p->write ? M_A | M_D : M_A;
	const struct m_frame *f;

	forbids = (p->write && !(v & rw & M_RW)) || (p->fetch && ((v | nx) & M_NX));
	/* It was cached. */
	if ((v & M_P) && (v & bits) == bits && !forbids && may && (writable || !p->write))
		succeeds(p, table, index, v, 0, false);
	/* A stock kernel writes to its own table, which it maps read-only and for itself; or it is told that it may not. */
	f = &model.frame[frame_of(v) % M_FRAMES];
	if (p->d->stock && p->write && (v & (M_P | M_U | M_RW)) == M_P && (rw & M_RW) && m_owns(p->d, frame_of(v)) &&
	    f->table) {
		if (now || v & M_A)
			succeeds(p, table, index, v, now ? M_A & ~v : 0, true);
		if (now && told && f->pinned && !f->doubted && !(f->levels & ~(1u << 1)))
			return; /* it must be let */
	}
	if (!now || !told)
		return;
	/* It is found in the guest's tables. */
	if (!(v & M_P))
		faults(p, 0);
	else if (forbids)
		faults(p, M_ERR_P);
	else if (!may)
		faults(p, M_ERR_P | M_ERR_RSVD);
	else if (p->write && !writable)
		faults(p, M_ERR_P);
	else
		succeeds(p, table, index, v, bits & ~v, false);
}

/* Until when may a value that went be used? */
static uint64_t ends(const struct path *p, const struct m_change *c, unsigned level)
{
	uint64_t then = c->silent ? p->forgotten : p->flushed;

	return (level == 1 || !c->silent) && p->invlpg > then ? p->invlpg : then;
}

/* told: each value so far is what the entry has now, or nobody was told that it is not.  now: this one is. */
static void descend(const struct path *p, unsigned level, uint64_t table, uint64_t rw, uint64_t nx, bool told);

static void follow(const struct path *p, unsigned level, uint64_t table, uint64_t v, uint64_t rw, uint64_t nx,
		   bool told, bool now)
{
	uint32_t index = index_of(p->va, level);

	if (level == 1) {
		leaf(p, table, index, v, rw, nx, told, now);
	} else if (!(v & M_P)) {
		if (told)
			faults(p, 0);
	} else if (v & M_PS) {
		if (told)
			faults(p, M_ERR_P | M_ERR_RSVD);
	} else {
		descend(p, level - 1, frame_of(v), rw & v, nx | v, told);
	}
}

static void descend(const struct path *p, unsigned level, uint64_t table, uint64_t rw, uint64_t nx, bool told)
{
	uint32_t index = index_of(p->va, level);

	if (!m_owns(p->d, table)) {
		if (told)
			faults(p, M_ERR_P | M_ERR_RSVD);
		return;
	}
	model.strange |= model.frame[table].kernels;
	follow(p, level, table, model.word[table][index], rw, nx, told, true);
	for (uint32_t i = 0; i < model.nr_changes; i++) {
		const struct m_change *c = &model.change[i];
		/* The guest kernel's half of a root is taken over by the next one. */
		bool here = c->frame == table ||
			    (p->d->stock && c->silent && level == 4 && index >= 272 && m_owns(p->d, c->frame));

		if (here && c->index == index && c->at > ends(p, c, level))
			follow(p, level, table, c->old, rw, nx, told && c->silent && level > 1, false);
	}
}

static uint64_t invlpg_of(const struct m_domain *d, uint64_t va)
{
	for (uint32_t i = 0; i < d->nr_invlpg; i++)
		if (d->invlpg[i].va == (va & ~0xfffull))
			return d->invlpg[i].at;
	return 0;
}

void m_access(struct m_domain *d, unsigned mode, uint64_t va, unsigned access, struct m_outcomes *o)
{
	/* INVLPG is about the kernel's tables. */
	struct path p = { .d = d,
			  .o = o,
			  .va = va,
			  .flushed = d->flushed,
			  .forgotten = d->forgotten,
			  .invlpg = mode ? invlpg_of(d, va) : 0,
			  .access = access,
			  .write = access == M_WRITE,
			  .fetch = access == M_FETCH };

	o->nr = 0;
	model.strange = false;
	if (m_hypervisors(va))
		faults(&p, 0);
	else
		descend(&p, 4, d->root[mode], M_RW, 0, true);
}

/* A table is read at this level. */
static void used(uint64_t table, unsigned level)
{
	model.frame[table].levels |= (uint8_t)(1u << level);
	if (level == 1)
		model.frame[table].table = true;
}

void m_root(struct m_domain *d, unsigned mode, uint64_t m)
{
	d->root[mode] = m;
	if (m_owns(d, m))
		used(m, 4);
	if (mode)
		m_flush(d);
}

bool m_root_load(const struct m_domain *d, unsigned mode)
{
	bool has = m_owns(d, d->root[mode]);

	if (has)
		used(d->root[mode], 4);
	return has;
}

void m_accessed(struct m_domain *d, unsigned mode, uint64_t va, const struct m_outcome *o)
{
	uint64_t table = d->root[mode];
	uint32_t first = (uint32_t)o->index & ~15u;

	if (!o->ok)
		return;
	model.word[o->table][o->index] |= o->mark;
	for (unsigned level = 4; level && m_owns(d, table); level--) {
		uint64_t v = model.word[table][index_of(va, level)];

		used(table, level);
		if (!(v & M_P) || (v & M_PS))
			break;
		if (level > 1)
			table = frame_of(v);
	}
	used(o->table, 1);
	/* Its neighbours may have been looked at, too. */
	for (uint32_t i = first; i < first + 16; i++)
		doubt(d, model.word[o->table][i]);
}

static void leaf_tables(const struct m_domain *d, unsigned level, uint64_t table, uint64_t va, bool old, uint64_t *of,
			uint32_t most, uint32_t *nr)
{
	uint32_t index = index_of(va, level);

	if (!m_owns(d, table))
		return;
	model.strange |= model.frame[table].kernels;
	if (level == 1) {
		if (*nr < most)
			of[(*nr)++] = table;
		return;
	}
	for (uint32_t i = 0; i <= (old ? model.nr_changes : 0); i++) {
		const struct m_change *c = i ? &model.change[i - 1] : NULL;
		uint64_t v = c ? c->old : model.word[table][index];

		if (c && (!c->silent || c->index != index || c->at <= d->forgotten ||
			  !(c->frame == table || (level == 4 && index >= 272))))
			continue;
		if ((v & (M_P | M_PS)) == M_P)
			leaf_tables(d, level - 1, frame_of(v), va, old, of, most, nr);
	}
}

uint64_t m_leaf_table(const struct m_domain *d, uint64_t va)
{
	uint64_t table = M_NONE;
	uint32_t nr = 0;

	model.strange = false;
	if (!m_hypervisors(va))
		leaf_tables(d, 4, d->root[1], va, false, &table, 1, &nr);
	return table;
}

uint32_t m_leaf_tables(const struct m_domain *d, uint64_t va, uint64_t *of, uint32_t most)
{
	uint32_t nr = 0;

	model.strange = false;
	if (!m_hypervisors(va))
		leaf_tables(d, 4, d->root[1], va, d->stock, of, most, &nr);
	return nr;
}
