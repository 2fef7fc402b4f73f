/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model_grant.c - the model: grants, and the end of a domain.
 */
#include "model.h"

#include <stddef.h>
#include <string.h>

/* xen/grant_table.h */
enum {
	OKAY = 0,
	GENERAL_ERROR = -1,
	BAD_DOMAIN = -2,
	BAD_GNTREF = -3,
	BAD_HANDLE = -4,
	BAD_VIRT_ADDR = -5,
	PERMISSION_DENIED = -8,
	BAD_PAGE = -9,
};
enum { TYPE = 3, PERMIT_ACCESS = 1, READONLY = 4, READING = 8, WRITING = 16 };

static void use_ends(struct m_entry *e, bool writable)
{
	e->reads--;
	e->writes -= writable;
	if (!e->writes)
		e->flags &= (uint16_t)~WRITING;
	if (!e->reads)
		e->flags &= (uint16_t)~READING;
}

int m_grant_claim(struct m_domain *user, uint16_t from, uint32_t ref, bool writable, uint64_t *m)
{
	struct m_domain *d = m_domain_of(from);
	struct m_entry *e;

	if (!d || d->dying)
		return BAD_DOMAIN;
	if (ref >= M_REFS)
		return BAD_GNTREF;
	e = &d->entry[ref];
	if ((e->flags & TYPE) != PERMIT_ACCESS || e->user != user->id)
		return BAD_GNTREF;
	if (writable && (e->flags & READONLY))
		return GENERAL_ERROR;
	e->flags |= READING | (writable ? WRITING : 0);
	e->reads++;
	e->writes += writable;
	if (!m_owns(d, e->frame) || model.frame[e->frame].kernels) {
		use_ends(e, writable);
		return BAD_PAGE;
	}
	*m = e->frame;
	model.frame[*m].holds++;
	return OKAY;
}

void m_grant_release(uint16_t from, uint32_t ref, bool writable, uint64_t m)
{
	struct m_domain *d = m_domain_of(from);

	if (!d->dying)
		use_ends(&d->entry[ref], writable);
	model.frame[m].holds--;
}

static struct m_use *use_new(struct m_domain *d)
{
	for (uint32_t i = 0; i < M_USES; i++)
		if (d->use[i].kind == M_FREE)
			return &d->use[i];
	return NULL;
}

static struct m_use *use_find(struct m_domain *d, enum m_kind kind, uint32_t number)
{
	for (uint32_t i = 0; i < M_USES; i++)
		if (d->use[i].kind == kind && d->use[i].number == number)
			return &d->use[i];
	return NULL;
}

static void use_end(struct m_use *u)
{
	m_grant_release(u->from, u->ref, u->writable, u->m);
	u->kind = M_FREE;
}

int m_grant_map(struct m_domain *d, uint16_t from, uint32_t ref, uint64_t va, bool writable, struct m_use **use)
{
	uint64_t m, table;
	int rc;

	if (from == d->id)
		return BAD_DOMAIN;
	rc = m_grant_claim(d, from, ref, writable, &m);
	if (rc)
		return rc;
	table = m_leaf_table(d, va);
	if (table == M_NONE) {
		m_grant_release(from, ref, writable, m);
		return BAD_VIRT_ADDR;
	}
	*use = use_new(d);
	**use = (struct m_use){ M_CPU, from, ref, ~0u, writable, m, table, va >> 12 & 511 };
	m_write(table, (*use)->index, m << 12 | M_P | M_U | M_A | (writable ? M_RW | M_D : 0), M_TOLD);
	return OKAY;
}

int m_grant_unmap(struct m_domain *d, uint32_t number)
{
	struct m_use *u = use_find(d, M_CPU, number);

	if (!u)
		return BAD_HANDLE;
	if (m_owns(d, u->table) && (model.word[u->table][u->index] & M_FRAME) >> 12 == u->m)
		m_write(u->table, u->index, 0, M_TOLD);
	m_forget(d);
	use_end(u);
	return OKAY;
}

int m_dma_map(struct m_domain *d, uint16_t from, uint32_t ref, bool writable, struct m_use **use)
{
	uint64_t m;
	int rc;

	if (!m_domain_of(from) || from == d->id)
		return BAD_DOMAIN;
	rc = m_grant_claim(d, from, ref, writable, &m);
	if (rc)
		return rc;
	*use = use_new(d);
	**use = (struct m_use){ M_DMA, from, ref, ~0u, writable, m, M_NONE, 0 };
	return OKAY;
}

bool m_dma_unmap(struct m_domain *d, uint32_t number)
{
	struct m_use *u = use_find(d, M_DMA, number);

	if (u)
		use_end(u);
	return u;
}

void m_grant_counts(const struct m_domain *d, uint32_t *used, uint32_t *uses)
{
	*used = *uses = 0;
	for (uint32_t i = 0; i < M_REFS; i++)
		*used += d->entry[i].reads > 0 && !d->dying;
	for (uint32_t i = 0; i < M_USES; i++)
		*uses += d->use[i].kind != M_FREE;
}

bool m_destroy(struct m_domain *d)
{
	if (!d->dying) {
		d->dying = true;
		for (uint32_t n = 1; n < M_PORTS; n++)
			m_close(d, n);
		for (uint32_t i = 0; i < M_USES; i++)
			if (d->use[i].kind != M_FREE)
				use_end(&d->use[i]);
		d->nr_device = 0;
		m_forget(d);
	}
	for (uint32_t m = 0; m < M_FRAMES; m++)
		if (m_owns(d, m) && !model.frame[m].holds)
			m_frame_gone(d, m);
	if (!d->frames)
		d->exists = false;
	return !d->frames;
}
