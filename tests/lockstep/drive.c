/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * drive.c - two domains do what the steps say: by the kernel's calls and the fake CPU, and in the model.
 */
#include "lockstep.h"

#include "../unit/kernel/fake.h"

#include <arch/arch.h>
#include <arch/paging.h>
#include <arch/percpu.h>
#include <arch/x86.h>
#include <core/event.h>
#include <core/grant.h>
#include <stdarg.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>

#include "model.h"

bool lockstep_trace;

/* Frames of a domain, by what they are at first.  A run of 512 more comes before them, or not. */
enum {
	ROOT0,
	ROOT1,
	L3A,
	L3B,
	L2A,
	L2B,
	L1A0,
	L1A1,
	L1B0,
	L3M,
	L2M,
	L1M,
	L3K,
	L2K,
	L1K,
	L1R,
	SPARE,
	DATA = 20,
	FRAMES = 48
};
#define RUN_FRAMES 512u

#define LOW    0x400000ull	     /* tables of each root's own	*/
#define NEXT   0x600000ull	     /* ... with one table less in common */
#define MIDDLE 0x7f0000000000ull     /* shared by both roots		*/
#define ALIAS  0xffff888000000000ull /* frame n of the domain is page n	*/
#define RUN    0xffff888000200000ull

struct dom {
	struct guest g;
	struct m_domain *m;
	bool run; /* it has the run */
	int device;
};

static struct dom doms[M_DOMAINS];
static bool wild; /* it does what no guest would */

static void trace(const struct dom *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void trace(const struct dom *d, const char *fmt, ...)
{
	va_list ap;

	if (!lockstep_trace)
		return;
	printf("  domain %u: ", d->m->id);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
}

#define same(kernel, model, what)                                                                              \
	do {                                                                                                   \
		uint64_t kernel_ = (uint64_t)(kernel), model_ = (uint64_t)(model);                             \
		check_msg(kernel_ == model_, "%s: the kernel says %lx, the model %lx", what, kernel_, model_); \
	} while (0)

static struct dom *other(const struct dom *d)
{
	return &doms[d == &doms[0]];
}

static bool lives(const struct dom *d)
{
	return d->m->exists && !d->m->dying;
}

static mfn_t frame(const struct dom *d, unsigned n)
{
	return d->g.mfn[(d->run ? RUN_FRAMES : 0) + n];
}

static uint64_t *word(mfn_t m, unsigned index)
{
	return guest_entry(m, index);
}

/* ---- what a step names ---- */

static uint64_t va_of(const struct dom *d, uint16_t a)
{
	static const uint8_t pages[] = { 0, 1, 2, 14, 15, 16, 17 };
	uint64_t n = a >> 3;

	switch (a & 7) {
	case 0:
	case 1:
	case 2:
		return LOW + pages[n % 7] * PAGE_SIZE;
	case 3:
		return NEXT + pages[n % 3] * PAGE_SIZE;
	case 4:
		return MIDDLE + pages[n % 5] * PAGE_SIZE;
	case 5:
		return ALIAS + n % FRAMES * PAGE_SIZE;
	case 6:
		return d->run ? RUN + n % RUN_FRAMES * PAGE_SIZE : ALIAS + n % DATA * PAGE_SIZE;
	}
	if (!wild)
		return LOW;
	return n & 1 ? ((n >> 1) << 47) | LOW : (n >> 1) << 12; /* also those that no guest has */
}

static mfn_t frame_some(const struct dom *d, uint16_t b)
{
	unsigned n = b >> 4, kind = b & 15;

	if (kind <= 8 || (!wild && kind > 10))
		return frame(d, DATA + n % (FRAMES - DATA));
	if (kind <= 10)
		return frame(d, n % DATA);
	switch (kind) {
	case 11:
		return other(d)->m->exists ? frame(other(d), n % FRAMES) : 0;
	case 12:
		return fake_device() + n % (FAKE_DEVICE + 16);
	case 13:
		return d->g.d->tlb.page[n % d->g.d->tlb.nr];
	case 14:
		return n & 1 ? d->g.d->shared_mfn : grant_frame(d->g.d, 0);
	}
	return n % (M_FRAMES + 8);
}

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

/* ---- memory ---- */

/* Bytes change in memory, in both. */
static void poke(mfn_t m, unsigned index, uint64_t value, enum m_how how)
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

static void access_step(struct dom *d, const struct step *s)
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

static void update_step(struct dom *d, const struct step *s)
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

static void update_va_step(struct dom *d, const struct step *s)
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

static long mmuext(struct dom *d, unsigned cmd, uint64_t arg, uint8_t *mask)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = arg };

	op.arg2.vcpumask.p = mask;
	return hc(d->g.v, __HYPERVISOR_mmuext_op, PTR(&op), 1, 0, DOMID_SELF);
}

static void flush_step(struct dom *d, const struct step *s)
{
	static const unsigned cmd[] = { MMUEXT_TLB_FLUSH_LOCAL, MMUEXT_TLB_FLUSH_ALL, MMUEXT_TLB_FLUSH_MULTI };
	uint8_t mask = 1;

	trace(d, "flush");
	same(mmuext(d, cmd[s->a % 3], 0, &mask), 0, "flush");
	m_flush(d->m);
}

static void invlpg_step(struct dom *d, const struct step *s)
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
static void direct_step(struct dom *d, const struct step *s)
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

static void root_step(struct dom *d, const struct step *s)
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

static void pin_step(struct dom *d, const struct step *s)
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
static void run_step(struct dom *d, const struct step *s)
{
	uint64_t flags = M_P | M_U | M_A | (s->a & 1 ? M_RW | M_D : 0);
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

static void balloon_step(struct dom *d, const struct step *s)
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

static void device_step(struct dom *d)
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

/* ---- grants ---- */

static grant_entry_v1_t *entry_of(const struct dom *d, unsigned ref)
{
	return (grant_entry_v1_t *)mfn_to_virt(grant_frame(d->g.d, 0)) + ref;
}

static uint16_t id_some(const struct dom *d, unsigned n)
{
	return wild && n % 8 == 0 ? (uint16_t)(3 + n / 8 % 8) : other(d)->m->id;
}

static void offer_step(struct dom *d, const struct step *s)
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

static void map_step(struct dom *d, const struct step *s)
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

static void unmap_step(struct dom *d, const struct step *s)
{
	gnttab_unmap_grant_ref_t unmap = { .handle = number_some(d, s->a, M_CPU) };

	trace(d, "unmap %u", unmap.handle);
	same(hc(d->g.v, __HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, PTR(&unmap), 1, 0), 0, "unmap");
	same(unmap.status, m_grant_unmap(d->m, unmap.handle), "status of unmap");
}

static void dma_step(struct dom *d, const struct step *s)
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

static void copy_step(struct dom *d, const struct step *s)
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

/* ---- events ---- */

static long event(struct dom *d, unsigned cmd, void *arg)
{
	return hc(d->g.v, __HYPERVISOR_event_channel_op, cmd, PTR(arg), 0, 0);
}

static uint32_t port_some(uint16_t a)
{
	return a % 64 == 63 ? 256 + a : a % 12;
}

static void port_made(struct dom *d, long rc, int expected, uint32_t n, enum m_port_state state, uint32_t vcpu)
{
	same(rc, expected, "a new port");
	if (!rc)
		check_msg(!m_port_new(d->m, n, state, vcpu), "port %u is not free", n);
}

static void port_step(struct dom *d, const struct step *s)
{
	evtchn_alloc_unbound_t alloc = { .dom = s->c & 7 ? DOMID_SELF : (domid_t)(4 + (s->c >> 3) % 4),
					 .remote_dom = s->b & 7 ? other(d)->m->id : DOMID_SELF };
	evtchn_bind_interdomain_t bind = { .remote_dom = s->b & 7 ? other(d)->m->id :
								    (domid_t)(s->b & 8 ? DOMID_SELF : 9),
					   .remote_port = port_some(s->a) };
	evtchn_bind_virq_t virq = { .virq = s->a % 5 == 4 ? 24 : s->a % 5, .vcpu = s->b % 3 };
	evtchn_bind_ipi_t ipi = { .vcpu = s->b % 3 };
	long rc;
	int expected;

	if (m_nr_ports(d->m) > M_PORTS - 4)
		return;
	switch (s->a >> 8 & 3) {
	case 0:
		trace(d, "alloc_unbound in %u for %u", alloc.dom, alloc.remote_dom);
		expected = m_alloc_unbound(d->m, alloc.dom, alloc.remote_dom);
		rc = event(d, EVTCHNOP_alloc_unbound, &alloc);
		port_made(d, rc, expected, alloc.port, M_UNBOUND, 0);
		if (!expected)
			d->m->port[alloc.port].remote = alloc.remote_dom == DOMID_SELF ? d->m->id : alloc.remote_dom;
		break;
	case 1:
		trace(d, "bind_interdomain to port %u of %u", bind.remote_port, bind.remote_dom);
		expected = m_bind_interdomain(d->m, bind.remote_dom, bind.remote_port);
		rc = event(d, EVTCHNOP_bind_interdomain, &bind);
		port_made(d, rc, expected, bind.local_port, M_BOUND, 0);
		if (!rc)
			m_bound(d->m, bind.local_port, bind.remote_dom, bind.remote_port);
		break;
	case 2:
		trace(d, "bind_virq %u of vCPU %u", virq.virq, virq.vcpu);
		expected = m_bind_virq(d->m, virq.virq, virq.vcpu);
		rc = event(d, EVTCHNOP_bind_virq, &virq);
		port_made(d, rc, expected, virq.port, M_VIRQ, virq.vcpu);
		if (!expected) {
			d->m->port[virq.port].virq = virq.virq;
			d->m->vcpu[virq.vcpu].virq_port[virq.virq] = virq.port;
		}
		break;
	default:
		trace(d, "bind_ipi to vCPU %u", ipi.vcpu);
		expected = m_bind_ipi(d->m, ipi.vcpu);
		rc = event(d, EVTCHNOP_bind_ipi, &ipi);
		port_made(d, rc, expected, ipi.port, M_IPI, ipi.vcpu);
	}
}

static void status_compare(struct dom *d, uint32_t n)
{
	static const uint32_t status[] = { EVTCHNSTAT_closed, EVTCHNSTAT_unbound, EVTCHNSTAT_interdomain,
					   EVTCHNSTAT_virq, EVTCHNSTAT_ipi };
	evtchn_status_t s = { .dom = DOMID_SELF, .port = n };
	const struct m_port *p = &d->m->port[n % M_PORTS];

	same(event(d, EVTCHNOP_status, &s), n && n < PORTS_PER_PAGE && d->m->ports ? 0 : -EINVAL, "status");
	if (!n || n >= M_PORTS || !d->m->ports)
		return;
	same(s.status, status[p->state], "state of the port");
	if (p->state == M_CLOSED)
		return;
	same(s.vcpu, p->vcpu, "vCPU of the port");
	if (p->state == M_UNBOUND)
		same(s.u.unbound.dom, p->remote, "who may bind");
	if (p->state == M_BOUND) {
		same(s.u.interdomain.dom, p->remote, "the peer");
		same(s.u.interdomain.port, p->remote_port, "its port");
	}
	if (p->state == M_VIRQ)
		same(s.u.virq, p->virq, "the VIRQ");
}

static void event_step(struct dom *d, const struct step *s)
{
	uint32_t n = port_some(s->a), vcpu = s->b % 3, one = s->b & 1;
	evtchn_bind_vcpu_t bind = { n, vcpu };
	uint64_t bit = 1ull << n % 64;

	switch (s->a >> 8 & 7) {
	case 0:
	case 1:
		trace(d, "send by %u", n);
		same(event(d, EVTCHNOP_send, &n), m_send(d->m, n), "send");
		break;
	case 2:
		trace(d, "close %u", n);
		same(event(d, EVTCHNOP_close, &n), m_close(d->m, n), "close");
		break;
	case 3:
		trace(d, "unmask %u", n);
		same(event(d, EVTCHNOP_unmask, &n), m_unmask(d->m, n), "unmask");
		break;
	case 4:
		trace(d, "bind %u to vCPU %u", n, vcpu);
		same(event(d, EVTCHNOP_bind_vcpu, &bind), m_bind_vcpu(d->m, n, vcpu), "bind_vcpu");
		break;
	case 5:
		status_compare(d, n);
		break;
	case 6: /* the guest's own bits */
		if (n >= 64)
			break;
		trace(d, "%s %u", one ? "mask" : "not pending any more:", n);
		if (one) {
			d->g.d->shared->evtchn_mask[0] |= bit;
			d->m->masked |= bit;
		} else {
			d->g.d->shared->evtchn_pending[0] &= ~bit;
			d->m->pending &= ~bit;
		}
		break;
	default:
		if (!d->m->vcpu[one].exists)
			break;
		if (s->b & 2) {
			trace(d, "VIRQ %u of vCPU %u", s->b >> 2 & 3, one);
			event_virq(d->g.d->vcpu[one], s->b >> 2 & 3);
			m_virq(d->m, one, s->b >> 2 & 3);
		} else {
			trace(d, "vCPU %u looks at its events", one);
			d->g.d->vcpu[one]->info->evtchn_upcall_pending = 0;
			d->g.d->vcpu[one]->info->evtchn_pending_sel = 0;
			d->m->vcpu[one].upcall = false;
			d->m->vcpu[one].selector = 0;
		}
	}
}

/* ---- life and death ---- */

static void link(const struct dom *d, unsigned table, uint64_t va, unsigned level, mfn_t m, uint64_t flags)
{
	poke(frame(d, table), pt_index(va, level), m << PAGE_SHIFT | flags, M_SILENTLY);
}

static void pin_all(struct dom *d)
{
	static const uint8_t levels[DATA] = { 4, 4, 3, 3, 2, 2, 1, 1, 1, 3, 2, 1, 3, 2, 1, 1 };

	for (unsigned n = 0; n < DATA; n++) {
		if (!levels[n] || model.frame[frame(d, n)].pinned)
			continue;
		same(mmuext(d, MMUEXT_PIN_L1_TABLE + levels[n] - 1u, frame(d, n), NULL), 0, "pin");
		m_pin(d->m, frame(d, n), levels[n]);
	}
}

static void tables_make(struct dom *d)
{
	static const uint64_t flags[] = { M_RW | M_A | M_D, M_RW | M_A, M_A, M_A | M_NX, 0, M_RW };
	static const struct {
		uint8_t table, level, child;
		uint64_t va;
	} links[] = { { ROOT0, 4, L3A, LOW },	 { ROOT1, 4, L3B, LOW },   { L3A, 3, L2A, LOW },
		      { L3B, 3, L2B, LOW },	 { L2A, 2, L1A0, LOW },	   { L2B, 2, L1B0, LOW },
		      { L2A, 2, L1A1, NEXT },	 { L2B, 2, L1A1, NEXT },   { ROOT0, 4, L3M, MIDDLE },
		      { ROOT1, 4, L3M, MIDDLE }, { L3M, 3, L2M, MIDDLE },  { L2M, 2, L1M, MIDDLE },
		      { ROOT0, 4, L3K, ALIAS },	 { ROOT1, 4, L3K, ALIAS }, { L3K, 3, L2K, ALIAS },
		      { L2K, 2, L1K, ALIAS },	 { L2K, 2, L1R, RUN } };
	static const uint8_t leaves[] = { L1A0, L1A1, L1B0, L1M };
	unsigned n = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(links); i++)
		link(d, links[i].table, links[i].va, links[i].level, frame(d, links[i].child), M_P | M_U | M_RW | M_A);
	for (unsigned t = 0; t < ARRAY_SIZE(leaves); t++)
		for (unsigned i = 0; i < 18; i++, n++)
			link(d, leaves[t], i * PAGE_SIZE, 1, frame(d, DATA + n % (FRAMES - DATA)),
			     M_U | (n % 7 ? M_P : 0) | flags[n % 6]);
	for (unsigned i = 0; i < FRAMES; i++)
		link(d, L1K, i * PAGE_SIZE, 1, frame(d, i),
		     M_P | M_U | M_A | (i < DATA && d->m->stock ? 0 : M_RW | M_D));
}

static void birth(struct dom *d, unsigned i, uint8_t kind)
{
	struct m_domain *m = &model.domain[i];

	d->run = kind & 2;
	d->device = 0;
	guest_make(&d->g, (uint16_t)(5 + i), FRAMES + (d->run ? RUN_FRAMES : 0),
		   kind & 1 ? GUISE_DOMAIN_NATIVE : GUISE_DOMAIN_STOCK);
	domain_ref(d->g.d);
	*m = (struct m_domain){
		.id = (uint16_t)(5 + i), .exists = true, .stock = !(kind & 1), .root = { M_NONE, d->g.mfn[0] }
	};
	d->m = m;
	m->max_frames = d->g.d->max_frames;
	m->masked = ~0ull;
	m->vcpu[0].exists = m->vcpu[1].exists = true;
	for (unsigned n = 0; n < d->g.nr; n++)
		m_frame_new(m, d->g.mfn[n], false);
	m_frame_new(m, d->g.d->shared_mfn, true);
	for (unsigned n = 0; grant_frame(d->g.d, n) != INVALID_MFN; n++)
		m_frame_new(m, grant_frame(d->g.d, n), true);
	model.frame[d->g.mfn[0]].pinned = true;
	trace(d, "is born, %s%s", m->stock ? "stock" : "native", d->run ? ", with a run" : "");
	same(hc(d->g.v, __HYPERVISOR_vcpu_op, VCPUOP_is_up, 1, 0, 0), 0, "a second vCPU");
	tables_make(d);
	if (m->stock) /* as Linux does */
		pin_all(d);
	root_step(d, &(struct step){ .b = 1 });
}

static void death(struct dom *d)
{
	long rc;
	bool gone;

	trace(d, "is destroyed");
	gone = m_destroy(d->m);
	do {
		rc = domain_destroy(d->g.d);
	} while (rc == HC_CONTINUE);
	same(rc, gone ? 0 : -EAGAIN, "destroy");
	same(d->g.d->frames, d->m->frames, "frames that are left");
	if (gone)
		domain_put(d->g.d);
}

static void life_step(struct dom *d, unsigned i, const struct step *s)
{
	if (!d->m->exists)
		birth(d, i, s->a & 3);
	else if (d->m->dying || s->b % 4 == 0)
		death(d);
}

/* ---- comparisons ---- */

static void domain_compare(struct dom *d)
{
	uint32_t used, maps, m_used, m_maps;
	struct domain *k = d->g.d;

	if (!d->m->exists)
		return;
	same(k->frames, d->m->frames, "frames of a domain");
	same(k->nr_ports, m_nr_ports(d->m), "ports in use");
	same(k->events_sent, d->m->sent, "events sent");
	same(k->events_received, d->m->received, "events received");
	grant_counters(k, &used, &maps);
	m_grant_counts(d->m, &m_used, &m_maps);
	same(used, m_used, "grants in use");
	same(maps, m_maps, "uses of grants");
	if (d->m->dying)
		return;
	same(k->shared->evtchn_pending[0], d->m->pending, "pending bits");
	same(k->shared->evtchn_mask[0], d->m->masked, "mask bits");
	for (unsigned i = 0; i < M_VCPUS; i++) {
		same(k->vcpu[i]->info->evtchn_pending_sel, d->m->vcpu[i].selector, "selector");
		same(k->vcpu[i]->info->evtchn_upcall_pending, d->m->vcpu[i].upcall, "upcall");
	}
	for (unsigned i = 0; i < M_REFS; i++) {
		const grant_entry_v1_t *e = entry_of(d, i);
		const struct m_entry *m = &d->m->entry[i];

		check_msg(e->flags == m->flags && e->domid == m->user && e->frame == m->frame,
			  "grant %u: flags %x, for %u, frame %x in the kernel; %x, %u, %x in the model", i, e->flags,
			  e->domid, e->frame, m->flags, m->user, m->frame);
	}
}

static void frames_compare(void)
{
	for (mfn_t m = 0; m < M_FRAMES; m++) {
		const struct m_frame *f = &model.frame[m];
		uint16_t owner = frame_owner(frame_of(m));

		if (f->owner == M_NOBODY) {
			check_msg(owner != 5 && owner != 6,
				  "frame %lx belongs to %u in the kernel, to nobody in the model", m, owner);
			continue;
		}
		check_msg(owner == f->owner, "frame %lx belongs to %u in the kernel, to %u in the model", m, owner,
			  f->owner);
		check_msg(FRAME_HOLDS(frame_of(m)->state) == f->holds,
			  "frame %lx: %lu holds in the kernel, %u in the model", m,
			  (unsigned long)FRAME_HOLDS(frame_of(m)->state), f->holds);
		check_msg(!(frame_of(m)->flags & FRAME_PINNED) == !f->pinned, "frame %lx: pinned or not", m);
	}
}

/* Does the model let d reach m by this entry?  A table that is detached was some table of d's. */
static bool reaches(const struct dom *d, uint32_t table, unsigned index, uint64_t e)
{
	bool writable;

	if (table != FRAME_NIL)
		return m_may(d->m, table, index, e, &writable) && (writable || !(e & PTE_RW));
	for (unsigned i = 0; i < M_USES; i++)
		if (d->m->use[i].kind == M_CPU && d->m->use[i].index == index && d->m->use[i].m == pte_mfn(e) &&
		    (d->m->use[i].writable || !(e & PTE_RW)))
			return true;
	return m_may(d->m, M_NONE, 0, e, &writable);
}

/* Every frame that the hardware could reach by what is cached now. */
static void reach_compare(struct dom *d)
{
	const struct tlb *t = &d->g.d->tlb;

	for (uint32_t n = 0; n < t->nr; n++) {
		uint64_t lines = t->node[n].lines;

		if (t->node[n].level != 1 && t->node[n].level != 2)
			continue;
		while (lines) {
			unsigned first = line_next(&lines);

			for (unsigned i = first; i < first + 8; i++) {
				uint64_t e = node_entries(t, n)[i];

				if (t->node[n].level == 1 && e & PTE_P)
					check_msg(reaches(d, t->node[n].table, i, e), "frame %lx can be reached",
						  pte_mfn(e));
				for (unsigned k = 0; t->node[n].level == 2 && e & PTE_PS && k < 512; k++)
					check_msg(m_owns(d->m, (pte_mfn(e) & ~511ull) + k),
						  "a large entry reaches too far");
			}
		}
	}
}

static void memory_compare(struct dom *d)
{
	for (unsigned n = 0; n < FRAMES; n++)
		if (m_owns(d->m, frame(d, n)))
			check_msg(!memcmp(mfn_to_virt(frame(d, n)), model.word[frame(d, n)], PAGE_SIZE),
				  "the contents of frame %lx", frame(d, n));
}

static void all_compare(void)
{
	frames_compare();
	for (unsigned i = 0; i < M_DOMAINS; i++) {
		if (!lives(&doms[i]))
			continue;
		reach_compare(&doms[i]);
		memory_compare(&doms[i]);
		tlb_check(doms[i].g.d);
	}
	if (boot_cpu.tlb_of)
		cpu_check(boot_cpu.tlb_of);
}

/* ---- the steps ---- */

enum {
	DO_ACCESS = 9,
	DO_UPDATE = 13,
	DO_UPDATE_VA,
	DO_FLUSH,
	DO_INVLPG = 17,
	DO_DIRECT = 19,
	DO_ROOT,
	DO_PIN,
	DO_OFFER,
	DO_MAP,
	DO_UNMAP,
	DO_DMA,
	DO_COPY,
	DO_BALLOON,
	DO_PORT,
	DO_EVENT = 30,
	DO_REST,
	KINDS
};

static void step_do(const struct step *s)
{
	unsigned i = s->who & 1, what = s->what % KINDS;
	struct dom *d = &doms[i];

	if (lives(d) && boot_cpu.current != d->g.v)
		guest_run(&d->g);
	if (!lives(d)) {
		if (what == DO_REST || what == DO_EVENT)
			life_step(d, i, s);
	} else if (what <= DO_ACCESS) {
		access_step(d, s);
	} else if (what <= DO_UPDATE) {
		update_step(d, s);
	} else if (what <= DO_UPDATE_VA) {
		update_va_step(d, s);
	} else if (what <= DO_FLUSH) {
		flush_step(d, s);
	} else if (what <= DO_INVLPG) {
		invlpg_step(d, s);
	} else if (what <= DO_DIRECT) {
		direct_step(d, s);
	} else if (what <= DO_ROOT) {
		root_step(d, s);
	} else if (what <= DO_PIN) {
		if (wild)
			pin_step(d, s);
	} else if (what <= DO_OFFER) {
		offer_step(d, s);
	} else if (what <= DO_MAP) {
		map_step(d, s);
	} else if (what <= DO_UNMAP) {
		unmap_step(d, s);
	} else if (what <= DO_DMA) {
		dma_step(d, s);
	} else if (what <= DO_COPY) {
		copy_step(d, s);
	} else if (what <= DO_BALLOON) {
		balloon_step(d, s);
	} else if (what <= DO_PORT) {
		port_step(d, s);
	} else if (what <= DO_EVENT) {
		event_step(d, s);
	} else if (s->c % 8 == 0) {
		life_step(d, i, s);
	} else if (s->c % 2) {
		device_step(d);
	} else {
		run_step(d, s);
	}
}

void lockstep_run(const uint8_t *bytes, size_t size)
{
	static uint64_t before;
	struct step s;

	if (size < sizeof(s))
		return;
	if (!before) {
		fake_boot(M_FRAMES);
		before = frame_free_count();
	}
	m_reset();
	wild = bytes[0] & 1;
	fake.preempt = bytes[0] >> 1 & 3;
	fake.console_len = 0;
	boot_cpu.current = boot_cpu.loaded = NULL;
	for (unsigned i = 0; i < M_DOMAINS; i++)
		birth(&doms[i], i, bytes[1 + i] & 3);
	for (size_t at = sizeof(s), n = 0; at + sizeof(s) <= size; at += sizeof(s), n++) {
		memcpy(&s, bytes + at, sizeof(s));
		step_do(&s);
		for (unsigned i = 0; i < M_DOMAINS; i++)
			domain_compare(&doms[i]);
		if (n % 32 == 31)
			all_compare();
	}
	all_compare();
	for (unsigned i = 0; i < M_DOMAINS; i++)
		if (doms[i].m->exists)
			death(&doms[i]);
	for (unsigned i = 0; i < M_DOMAINS; i++)
		if (doms[i].m->exists)
			death(&doms[i]);
	check_msg(!doms[0].m->exists && !doms[1].m->exists, "a domain stays");
	check_msg(frame_free_count() == before, "%ld frames are lost", (long)(before - frame_free_count()));
}
