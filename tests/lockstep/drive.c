/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * drive.c - two domains do what the steps say: what a step names, life and death, and which step it is.
 */
#include "drive.h"

#include <stdarg.h>

bool lockstep_trace;
bool wild;
struct dom doms[M_DOMAINS];

void trace(const struct dom *d, const char *fmt, ...)
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

/* ---- what a step names ---- */

uint64_t va_of(const struct dom *d, uint16_t a)
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

mfn_t frame_some(const struct dom *d, uint16_t b)
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
		     M_P | M_A | (i < DATA && d->m->stock ? 0 : M_U | M_RW | M_D));
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
	fake_pcids(bytes[0] >> 3 & 1);
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
