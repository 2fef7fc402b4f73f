/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * drive.h - two domains that do what the steps say, by the kernel's calls and the fake CPU, and in the model.
 *
 * drive.c has what is theirs, their life, and the choice of steps; drive_memory.c, drive_grant.c and drive_event.c the
 * steps; compare.c what has to be the same after them.
 */
#pragma once

#include "lockstep.h"

#include "../unit/kernel/fake.h"

#include <arch/arch.h>
#include <arch/paging.h>
#include <arch/percpu.h>
#include <arch/x86.h>
#include <core/grant.h>
#include <xen/grant_table.h>

#include "model.h"

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

extern struct dom doms[M_DOMAINS];
extern bool wild; /* it does what no guest would */

void trace(const struct dom *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define same(kernel, model, what)                                                                              \
	do {                                                                                                   \
		uint64_t kernel_ = (uint64_t)(kernel), model_ = (uint64_t)(model);                             \
		check_msg(kernel_ == model_, "%s: the kernel says %lx, the model %lx", what, kernel_, model_); \
	} while (0)

static inline struct dom *other(const struct dom *d)
{
	return &doms[d == &doms[0]];
}

static inline bool lives(const struct dom *d)
{
	return d->m->exists && !d->m->dying;
}

static inline mfn_t frame(const struct dom *d, unsigned n)
{
	return d->g.mfn[(d->run ? RUN_FRAMES : 0) + n];
}

static inline uint64_t *word(mfn_t m, unsigned index)
{
	return guest_entry(m, index);
}

/* drive.c: what a step names. */
uint64_t va_of(const struct dom *d, uint16_t a);
mfn_t frame_some(const struct dom *d, uint16_t b);

/* drive_memory.c */
/* Bytes change in memory, in both. */
void poke(mfn_t m, unsigned index, uint64_t value, enum m_how how);
long mmuext(struct dom *d, unsigned cmd, uint64_t arg, uint8_t *mask);
void access_step(struct dom *d, const struct step *s);
void update_step(struct dom *d, const struct step *s);
void update_va_step(struct dom *d, const struct step *s);
void flush_step(struct dom *d, const struct step *s);
void invlpg_step(struct dom *d, const struct step *s);
void direct_step(struct dom *d, const struct step *s);
void root_step(struct dom *d, const struct step *s);
void pin_step(struct dom *d, const struct step *s);
void run_step(struct dom *d, const struct step *s);
void balloon_step(struct dom *d, const struct step *s);
void device_step(struct dom *d);

/* drive_grant.c */
grant_entry_v1_t *entry_of(const struct dom *d, unsigned ref);
void offer_step(struct dom *d, const struct step *s);
void map_step(struct dom *d, const struct step *s);
void unmap_step(struct dom *d, const struct step *s);
void dma_step(struct dom *d, const struct step *s);
void copy_step(struct dom *d, const struct step *s);

/* drive_event.c */
void port_step(struct dom *d, const struct step *s);
void event_step(struct dom *d, const struct step *s);

/* compare.c: results and counts of one; all that can be reached, owned and read. */
void domain_compare(struct dom *d);
void all_compare(void);
