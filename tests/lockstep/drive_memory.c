/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * drive_memory.c - steps: accesses, page tables, flushes, the balloon, devices.
 */
#include "drive.h"

#include <xen/memory.h>

static uint64_t leaf_some(const struct dom *d, uint16_t b, uint16_t c)
{
	mfn_t m = frame_some(d, b);
	uint64_t flags = M_U;

	flags |= (c & 7 ? M_P : 0) | (c & 8 ? M_RW : 0) | (c & 16 ? M_A : 0) | (c & 32 ? M_D : 0) | (c & 64 ? M_NX : 0);
	if (wild)
		flags |= (c & 0x780) == 0 ? M_PS : 0;
	else if ((b & 15) > 8)
		flags &= ~(uint64_t)M_RW; /* tables are mapped read-only */
	return m << PAGE_SHIFT | flags;
}

/* An entry for a table of that level. */
static uint64_t entry_some(const struct dom *d, unsigned level, uint16_t b, uint16_t c)
{
	static const uint8_t below[][4] = {
		{ 0 }, { 0 }, { L1A0, L1A1, L1B0, L1M }, { L2A, L2B, L2M, L2A }, { L3A, L3B, L3M, L3A }
	};

	if (level == 1 || (wild && (b & 3) == 3))
		return leaf_some(d, b, c);
	return frame(d, below[level][b >> 2 & 3]) << PAGE_SHIFT | M_U | M_A | (c & 7 ? M_P : 0) | (c & 24 ? M_RW : 0) |
	       ((c & 96) == 96 ? M_NX : 0) | (wild && (c & 0xf80) == 0 ? M_PS : 0);
}

/* An entry of a table: of the ones that map a va, or any.  False: there is none. */
static bool slot_some(const struct dom *d, const struct step *s, mfn_t *table, unsigned *index, unsigned *level)
{
	uint64_t va = va_of(d, s->a);
	mfn_t m = d->m->root[(s->c >> 10 & 7) ? 1 : 0];

	if (wild && (s->c >> 13) == 7) {
		*table = frame_some(d, (uint16_t)(s->b ^ s->c));
		*index = pt_index(va, *level = 1 + (s->a >> 5 & 3));
		return *table < M_FRAMES && !model.frame[*table].kernels;
	}
	*level = s->c >> 13 < 5 ? 1 : 2 + (s->c >> 13) - 5;
	for (unsigned l = 4; l > *level; l--) {
		uint64_t e;

		if (!m_owns(d->m, m))
			return false;
		e = model.word[m][pt_index(va, l)];
		if ((e & (M_P | M_PS)) != M_P)
			return false;
		m = pte_mfn(e);
	}
	*table = m;
	*index = pt_index(va, *level);
	return m_owns(d->m, m) && !model.frame[m].kernels;
}

/* Bytes change in memory, in both. */
void poke(mfn_t m, unsigned index, uint64_t value, enum m_how how)
{
	*word(m, index) = value;
	m_write(m, index, value, how);
}

static bool has_root(struct dom *d, unsigned mode)
{
	bool has = m_root_load(d->m, mode);

	same(root_cr3(d->g.v, mode) != 0, has, "there is a root");
	return has;
}

/* The outcome that came true: also what is told to have been marked, and nothing else, is. */
static const struct m_outcome *came_true(const struct m_outcomes *o, const struct cpu_result *r)
{
	for (unsigned i = 0; i < o->nr; i++) {
		const struct m_outcome *is = &o->is[i];
		bool fits = is->ok == r->ok && (is->ok ? is->m == r->m : is->error == r->error);

		for (unsigned k = 0; k < o->nr && fits; k++) {
			const struct m_outcome *at = &o->is[k];
			bool marked = at->table == is->table && at->index == is->index;

			if (at->ok)
				fits = *word(at->table, (unsigned)at->index) ==
				       (model.word[at->table][at->index] | (is->ok && marked ? is->mark : 0));
		}
		if (fits)
			return is;
	}
	for (unsigned i = 0; i < o->nr; i++)
		fprintf(stderr, "the model: %s, error %lx, frame %lx by %lx[%lx], mark %lx\n",
			o->is[i].ok ? "ok" : "fault", o->is[i].error, o->is[i].m, o->is[i].table, o->is[i].index,
			o->is[i].mark);
	ck_abort_msg("the kernel: %s, error %lx, frame %lx", r->ok ? "ok" : "fault", r->ok ? 0 : r->error, r->m);
}

void access_step(struct dom *d, const struct step *s)
{
	static const unsigned kinds[] = { M_READ, M_WRITE, M_WRITE, M_FETCH };
	unsigned access = kinds[s->b & 3], mode = (s->b >> 2 & 7) != 0;
	static struct m_outcomes o;
	uint64_t va = va_of(d, s->a);
	struct cpu_result r;
	const struct m_outcome *is;
	unsigned index = s->b >> 5 & 511;

	if (!has_root(d, mode) || !has_root(d, 1))
		return;
	m_access(d->m, mode, va, access, &o);
	if (model.strange)
		return;
	trace(d, "access %lx, %s in %s mode", va,
	      access == M_WRITE ? "write" :
	      access		? "fetch" :
				  "read",
	      mode ? "kernel" : "user");
	boot_cpu.current = boot_cpu.loaded = d->g.v;
	if (!mode)
		toggle_mode(d->g.v);
	r = cpu_access(d->g.v, va, access);
	if (!mode)
		toggle_mode(d->g.v);
	is = came_true(&o, &r);
	m_accessed(d->m, mode, va, is);
	if (!r.ok || r.m >= M_FRAMES || model.frame[r.m].owner == M_NOBODY || model.frame[r.m].kernels)
		return;
	same(*word(r.m, index), model.word[r.m][index], "a word of the frame");
	if (access != M_WRITE)
		return;
	/* It is a table, maybe: then an entry that makes sense. */
	poke(r.m, index < 64 ? index : pt_index(va_of(d, s->c), 1),
	     leaf_some(d, (uint16_t)(s->c >> 3 | s->b << 13), s->c), is->read_only ? M_DIRECTLY : M_SILENTLY);
}

static long update(struct dom *d, uint64_t ptr, uint64_t value)
{
	mmu_update_t u = { ptr, value };

	return hc(d->g.v, __HYPERVISOR_mmu_update, PTR(&u), 1, 0, DOMID_SELF);
}

void update_step(struct dom *d, const struct step *s)
{
	unsigned index, level;
	uint64_t value;
	mfn_t table;
	bool keep = (s->a >> 14) == 3;

	if (!slot_some(d, s, &table, &index, &level))
		return;
	value = entry_some(d, level, s->b, s->c);
	trace(d, "mmu_update %lx[%x] of level %u = %lx%s", table, index, level, value, keep ? ", A and D kept" : "");
	same(update(d, (table << PAGE_SHIFT) + index * 8 + (keep ? MMU_PT_UPDATE_PRESERVE_AD : 0), value),
	     m_owns(d->m, table) ? 0 : -EPERM, "mmu_update");
	if (!m_owns(d->m, table))
		return;
	m_write(table, index, keep ? value | (model.word[table][index] & (M_A | M_D)) : value, M_TOLD);
	same(*word(table, index), model.word[table][index], "the entry");
}

void update_va_step(struct dom *d, const struct step *s)
{
	uint64_t va = va_of(d, s->a), value = leaf_some(d, s->b, s->c), of[64];
	unsigned flush = (s->c >> 8) % 3, index = pt_index(va, 1);
	uint32_t nr = m_leaf_tables(d->m, va, of, 64), i = 0;
	bool writable, fits = false;
	long rc;

	if (model.strange)
		return;
	trace(d, "update_va_mapping %lx = %lx, flush %u", va, value, flush);
	rc = hc(d->g.v, __HYPERVISOR_update_va_mapping, va, value, flush, 0);
	if (!nr || rc == -EINVAL) {
		same(rc, m_leaf_table(d->m, va) == M_NONE ? -EINVAL : rc, "update_va_mapping without a table");
		check_msg(rc == -EINVAL && m_leaf_table(d->m, va) == M_NONE, "there is a table or not");
		return;
	}
	for (; i < nr && !fits; i++) {
		bool may = !(value & M_P) || m_may(d->m, of[i], index, value, &writable);

		fits = may ? rc == 0 && *word(of[i], index) == value : rc == -EPERM;
		if (fits && may)
			m_write(of[i], index, value, M_TOLD);
	}
	check_msg(fits, "update_va_mapping: %ld", rc);
	if (!rc && flush == UVMF_TLB_FLUSH)
		m_flush(d->m);
	else if (!rc && flush == UVMF_INVLPG)
		m_invlpg(d->m, va);
}

long mmuext(struct dom *d, unsigned cmd, uint64_t arg, uint8_t *mask)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = arg };

	op.arg2.vcpumask.p = mask;
	return hc(d->g.v, __HYPERVISOR_mmuext_op, PTR(&op), 1, 0, DOMID_SELF);
}

void flush_step(struct dom *d, const struct step *s)
{
	static const unsigned cmd[] = { MMUEXT_TLB_FLUSH_LOCAL, MMUEXT_TLB_FLUSH_ALL, MMUEXT_TLB_FLUSH_MULTI };
	uint8_t mask = 1;

	trace(d, "flush");
	same(mmuext(d, cmd[s->a % 3], 0, &mask), 0, "flush");
	m_flush(d->m);
}

void invlpg_step(struct dom *d, const struct step *s)
{
	static const unsigned cmd[] = { MMUEXT_INVLPG_LOCAL, MMUEXT_INVLPG_ALL, MMUEXT_INVLPG_MULTI };
	uint64_t va = va_of(d, s->a);
	unsigned how = s->b % 3;
	uint8_t mask = s->b >> 2 & 3;

	trace(d, "invlpg %lx%s", va, how == 2 && !(mask & 1) ? " of others" : "");
	same(mmuext(d, cmd[how], va, &mask), 0, "invlpg");
	if (how != 2 || mask & 1)
		m_invlpg(d->m, va);
}

/* A native domain writes its tables; a stock one by what maps them, or (wild) by means that nobody sees. */
void direct_step(struct dom *d, const struct step *s)
{
	unsigned index, level, n = 0;
	const struct m_outcome *is;
	static struct m_outcomes o;
	struct cpu_result r;
	uint64_t value, va;
	mfn_t table;

	if (!slot_some(d, s, &table, &index, &level) || !m_owns(d->m, table))
		return;
	value = entry_some(d, level, s->b, s->c);
	if (!d->m->stock || (wild && s->who & 0x80)) {
		trace(d, "memory %lx[%x] of level %u = %lx", table, index, level, value);
		poke(table, index, value, M_SILENTLY);
		return;
	}
	while (n < FRAMES && frame(d, n) != table)
		n++;
	if (n == FRAMES || !has_root(d, 1))
		return;
	va = ALIAS + n * PAGE_SIZE;
	m_access(d->m, 1, va, M_WRITE, &o);
	if (model.strange)
		return;
	trace(d, "write %lx, which is %lx[%x] = %lx", va + index * 8, table, index, value);
	r = cpu_access(d->g.v, va, PF_WRITE);
	is = came_true(&o, &r);
	m_accessed(d->m, 1, va, is);
	if (r.ok && r.m < M_FRAMES && model.frame[r.m].owner != M_NOBODY && !model.frame[r.m].kernels)
		poke(r.m, index, value, is->read_only ? M_DIRECTLY : M_SILENTLY);
}

void root_step(struct dom *d, const struct step *s)
{
	unsigned mode = (s->b & 3) != 0;
	mfn_t m = wild && (s->b >> 2 & 7) == 7 ? frame_some(d, s->c) : frame(d, s->a & 1 ? ROOT1 : ROOT0);
	bool ok = m_owns(d->m, m) || (!mode && !m);

	trace(d, "%s root %lx", mode ? "kernel" : "user", m);
	same(mmuext(d, mode ? MMUEXT_NEW_BASEPTR : MMUEXT_NEW_USER_BASEPTR, m, NULL), ok ? 0 : -EPERM, "a new root");
	if (!ok)
		return;
	m_root(d->m, mode, m ? m : M_NONE);
}

void pin_step(struct dom *d, const struct step *s)
{
	mfn_t m = frame_some(d, s->a);
	bool owned = m_owns(d->m, m);
	unsigned level = 1 + (s->b & 3);
	long rc;

	if (s->b & 4) {
		trace(d, "unpin %lx", m);
		rc = !owned || model.frame[m].kernels ? -EPERM : model.frame[m].pinned ? 0 : -EINVAL;
		same(mmuext(d, MMUEXT_UNPIN_TABLE, m, NULL), rc, "unpin");
		if (!rc)
			m_unpin(m);
		return;
	}
	trace(d, "pin %lx at level %u", m, level);
	rc = !owned || model.frame[m].kernels ? -EPERM : model.frame[m].pinned ? -EINVAL : 0;
	same(mmuext(d, MMUEXT_PIN_L1_TABLE + level - 1, m, NULL), rc, "pin");
	if (!rc)
		m_pin(d->m, m, level);
}

/* A table of leaves becomes 512 frames in a row. */
void run_step(struct dom *d, const struct step *s)
{
	uint64_t flags = M_P | M_A | (s->a & 1 ? M_RW | M_D : 0) | (s->a & 2 ? 0 : M_U);
	mfn_t table = frame(d, L1R);

	if (!d->run || !m_owns(d->m, table))
		return;
	trace(d, "a run in %lx, flags %lx", table, flags);
	for (unsigned i = 0; i < RUN_FRAMES; i++) {
		uint64_t value = d->g.mfn[i] << PAGE_SHIFT | flags;

		if (d->m->stock) {
			same(update(d, (table << PAGE_SHIFT) + i * 8, value), 0, "mmu_update");
			m_write(table, i, value, M_TOLD);
		} else {
			poke(table, i, value, M_SILENTLY);
		}
	}
	same(mmuext(d, MMUEXT_TLB_FLUSH_ALL, 0, NULL), 0, "flush");
	m_flush(d->m);
	for (unsigned i = 0; i < 8; i++)
		access_step(d, &(struct step){ .a = (uint16_t)(6 | (i * 61 + s->c) << 3), .b = 4 });
}

void balloon_step(struct dom *d, const struct step *s)
{
	unsigned n = s->a % FRAMES;
	mfn_t m = wild && s->b & 1 ? frame_some(d, s->c) : frame(d, n);
	xen_pfn_t at = m;
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };
	bool ok = m_owns(d->m, m) && !model.frame[m].kernels && !model.frame[m].holds;

	if (!wild && n < DATA)
		return;
	set_xen_guest_handle(r.extent_start, &at);
	trace(d, "give %lx back", m);
	same(hc(d->g.v, __HYPERVISOR_memory_op, XENMEM_decrease_reservation, PTR(&r), 0, 0), ok, "decrease");
	if (!ok)
		return;
	m_frame_gone(d->m, m);
	m_forget(d->m);
	for (n = 0; n < d->g.nr && d->g.mfn[n] != m;)
		n++;
	if (n == d->g.nr || s->b & 2)
		return; /* it stays away */
	at = n;
	same(hc(d->g.v, __HYPERVISOR_memory_op, XENMEM_populate_physmap, PTR(&r), 0, 0), 1, "populate");
	check_msg(at < M_FRAMES && model.frame[at].owner == M_NOBODY, "frame %lx is given out twice", at);
	for (unsigned i = 0; i < 512; i++)
		check_msg(!*word(at, i), "a new frame is not empty");
	m_frame_new(d->m, at, false);
	d->g.mfn[n] = at;
}

void device_step(struct dom *d)
{
	struct handle h = { .kind = GUISE_HANDLE_MMIO, .first = fake_device() + 2, .nr = 4 };

	trace(d, "a device %s", d->device > 0 ? "goes" : "comes");
	if (d->device > 0) {
		same(hc(d->g.v, GUISE_HC_HANDLE, GUISE_HANDLE_OP_DROP, (uint64_t)d->device, 0, 0), 0, "drop");
		d->m->nr_device = 0;
		m_forget(d->m);
		d->device = 0;
	} else {
		d->device = handle_add(d->g.d, &h);
		check_that(d->device > 0);
		d->m->device = h.first;
		d->m->nr_device = h.nr;
	}
}
