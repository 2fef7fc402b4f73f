/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * paging.h - page-table entries, the guest's walk, and the cached tables.
 */
#pragma once

#include <arch/direct.h>
#include <arch/layout.h>
#include <arch/x86.h>
#include <core/domain.h>

#define PTE_P	  (1ull << 0)
#define PTE_RW	  (1ull << 1)
#define PTE_U	  (1ull << 2)
#define PTE_PWT	  (1ull << 3)
#define PTE_PCD	  (1ull << 4)
#define PTE_A	  (1ull << 5)
#define PTE_D	  (1ull << 6)
#define PTE_PS	  (1ull << 7)
#define PTE_G	  (1ull << 8)
#define PTE_OWN	  (1ull << 9)  /* of a cached leaf, for us: the frame is the domain's own */
#define PTE_LARGE (1ull << 62) /* of a cached entry, for us: the guest's own is one of 2 MiB, no node is behind it */
#define PTE_NX	  (1ull << 63)
#define PTE_RUN	  512u /* entries that make a 2 MiB run	*/
#define PTE_FRAME 0x000ffffffffff000ull

static inline mfn_t pte_mfn(uint64_t e)
{
	return (e & PTE_FRAME) >> PAGE_SHIFT;
}

static inline unsigned pt_index(uint64_t va, unsigned level)
{
	return va >> (12 + 9 * (level - 1)) & 511;
}

/* Of a guest's table, which it may write to at any time. */
static inline uint64_t entry_read(mfn_t table, unsigned index)
{
	const uint64_t *t = mfn_to_virt(table);

	return READ_ONCE(t[index]);
}

#define VA_KERNEL 0x800000000000ull /* here begins the kernel's half	*/
/* Top-level slots of the kernel: a guest's entries there are ignored. */
static inline bool slot_is_hypervisor(unsigned i)
{
	return i >= 256 && i < 272;
}

/* May a guest have something there? */
static inline bool va_is_guests(uint64_t va)
{
	return va < VA_KERNEL || va >= (~0ull << 48 | (uint64_t)SLOT_END << 39);
}

enum walk_result {
	WALK_OK,
	WALK_ABSENT,	/* an entry is not present				*/
	WALK_PROTECTED, /* the entries are there but forbid the access	*/
	WALK_BAD,	/* an entry names a frame that cannot be a table	*/
};

struct walk {
	uint64_t entry[5]; /* [level], read once each		*/
	mfn_t table[5];	   /* [level]: where entry was read	*/
	unsigned level;	   /* the last level read, 0 = none; of a leaf 1, or 2 if that is large	*/
	uint64_t upper;	   /* PTE_RW if all levels above the last have it, PTE_NX if any has	*/
};

/* Walk the guest's tables for an access (PF_WRITE, PF_FETCH bits).  Decides, changes nothing. */
enum walk_result walk(const struct domain *d, mfn_t root, uint64_t va, unsigned access, struct walk *w)
	MUST_HOLD(d->tlb.lock);
/* What the last entry that a walk read says. */
static inline enum walk_result walk_leaf(const struct walk *w, unsigned access)
{
	uint64_t e = w->entry[w->level];

	if (!(e & PTE_P))
		return WALK_ABSENT;
	if ((access & PF_WRITE && !(e & w->upper & PTE_RW)) || (access & PF_FETCH && (e | w->upper) & PTE_NX))
		return WALK_PROTECTED;
	return WALK_OK;
}

/* Without A the next access must come to the kernel to set it; without D the next write. */
static inline uint64_t leaf_value(uint64_t entry, bool writable)
{
	uint64_t write = entry & (PTE_RW | PTE_D);

	if (!writable || write != (PTE_RW | PTE_D))
		write = 0;
	return (entry & (PTE_FRAME | PTE_NX | PTE_P | PTE_A)) | PTE_U | write;
}

/* The same for an entry of level 2 that maps 2 MiB; 0: it may not be cached. */
static inline uint64_t large_value(uint64_t entry)
{
	const uint64_t whole = PTE_P | PTE_A | PTE_PS;

	return (entry & (whole | 0x1ff000)) == whole ? leaf_value(entry, true) | PTE_PS | PTE_LARGE : 0;
}

/* The frame, which may be a table, is mapped writable. */
void table_writable(struct domain *d, mfn_t m) MUST_HOLD(d->tlb.lock);

/* The value a cached leaf may have for the guest's leaf entry; 0 = none, or the frame is not the domain's own: whether
 * it may name that is looked up at a miss, since a guest can write thousands of them and have as many grants. */
static inline uint64_t leaf_derive(struct domain *d, uint64_t entry) MUST_HOLD(d->tlb.lock)
{
	const struct frame *f = frame_of(pte_mfn(entry));

	if ((entry & (PTE_P | PTE_A)) != (PTE_P | PTE_A) || !f || frame_owner(f) != d->id)
		return 0;
	if (entry & PTE_RW && (f->cached || f->flags & FRAME_TABLE))
		table_writable(d, pte_mfn(entry));
	return leaf_value(entry, true) | PTE_OWN;
}

/* May a guest entry of d name this frame as a leaf?  *bits: to be added to it (own, uncached). */
bool leaf_allowed(struct domain *d, mfn_t table, unsigned index, uint64_t entry, bool *writable, uint64_t *bits);

/* fill.c.  Answer a page fault of v at va from the guest's tables.  true: filled, try again; false:
 * it is the guest's own fault, *error is what the guest shall see. */
bool tlb_fill(struct vcpu *v, uint64_t va, uint64_t *error);
/* v's kernel goes back to the user after such a fault: enter what it may have entered, and spare the user a miss. */
void tlb_fill_answered(struct vcpu *v);

/* tlb.c: nodes */
static inline uint64_t *node_entries(const struct tlb *t, uint32_t n)
{
	return mfn_to_virt(t->page[n]);
}

/* The first entry of the first of these lines, which is struck off. */
static inline unsigned line_next(uint64_t *lines)
{
	unsigned line = (unsigned)__builtin_ctzll(*lines);

	*lines &= *lines - 1;
	return line * 8;
}

/* unsigned i: each entry of these lines. */
#define for_each_of_lines(i, lines)                  \
	for (uint64_t left_##i = (lines); left_##i;) \
		for (unsigned i = line_next(&left_##i), end_##i = i + 8; i < end_##i; i++)

/* An entry that is to be written. */
static inline uint64_t *node_slot(struct tlb *t, uint32_t n, unsigned index)
{
	t->node[n].lines |= 1ull << (index / 8);
	return node_entries(t, n) + index;
}

/* The node that caches this frame at this level, made when there is none.  FRAME_NIL: the pool had to
 * be emptied; begin again. */
uint32_t node_get(struct domain *d, mfn_t table, unsigned level) MUST_HOLD(d->tlb.lock);
/* Of tlb_node.lines in a root (arch/layout.h): those of the hypervisor's slots, and of the guest kernel's half. */
#define LINES_HYPERVISOR   (3ull << SLOT_M2P / 8)
#define LINES_GUEST_KERNEL (~0ull << SLOT_END / 8)

/* The node behind a present entry of a cached table, also of one that maps 2 MiB, but not of PTE_LARGE. */
static inline uint32_t node_of_entry(uint64_t e)
{
	if (e & PTE_PS)
		return (uint32_t)(e >> 9 & 7) | (uint32_t)(e >> 52 & 0x7ff) << 3;
	return frame_table[pte_mfn(e)].cached - 1;
}

/*
 * The node of va's leaves by the cached tables, whose root is cr3, and *upper of the way; FRAME_NIL: they have none.
 * A stock kernel changes its tables of levels 2 to 4 by hypercall only, so what is linked here says what they
 * say.  A personality says by FLUSH when that is not so, unless they allow more than before.  A table that is no
 * table any more is detached.
 */
static inline uint32_t leaves_cached(const struct domain *d, uint64_t cr3, uint64_t va, uint64_t *upper)
	MUST_HOLD(d->tlb.lock)
{
	uint64_t e = cr3, rw = PTE_RW, nx = 0;
	uint32_t n;

	if (!cr3)
		return FRAME_NIL;
#pragma GCC unroll 3
	for (unsigned level = 4; level > 1; level--) {
		e = entry_read(pte_mfn(e), pt_index(va, level)); /* an entry names its table's page */
		if ((e & (PTE_P | PTE_PS)) != PTE_P)
			return FRAME_NIL;
		rw &= e;
		nx |= e & PTE_NX;
	}
	*upper = rw | nx;
	n = node_of_entry(e);
	return d->tlb.node[n].table == FRAME_NIL ? FRAME_NIL : n;
}

/* Does the guest's entry still name the table whose node is linked by the cached one? */
static inline bool link_holds(const struct tlb *t, uint64_t cached, uint64_t entry)
{
	uint32_t table = cached & PTE_LARGE ? FRAME_NIL : t->node[node_of_entry(cached)].table;

	return (entry & (PTE_P | PTE_PS)) == PTE_P && table != FRAME_NIL && table == pte_mfn(entry) &&
	       !((entry ^ cached) & (PTE_RW | PTE_NX));
}

/* Its 2 MiB entry, if it has one, becomes a reference to it again; flushes. */
void node_demote(struct domain *d, uint32_t n) MUST_HOLD(d->tlb.lock);
/* The opposite, where the guest's table of leaves allows it: entry index of the parent refers to it. */
void node_promote(struct domain *d, uint32_t parent, unsigned index) MUST_HOLD(d->tlb.lock);
void node_unlink(struct domain *d, uint64_t *e) MUST_HOLD(d->tlb.lock);
/* The frame's contents are no table any more, or may change unseen: forget the node. */
void node_detach(struct domain *d, mfn_t table) MUST_HOLD(d->tlb.lock);
/* Hardware root for v's mode (0 user, 1 kernel), made; 0: the guest has none.  like: 0, or another hardware root:
 * what that has of the guest kernel's half counts for a new one. */
uint64_t root_make(struct domain *d, struct vcpu *v, unsigned mode, uint64_t like) MUST_HOLD(d->tlb.lock);
/* The same, made if need be. */
uint64_t root_cr3(struct vcpu *v, unsigned mode);
/* The same, loaded into this CPU.  False: the guest has none, and the kernel's own is loaded. */
bool root_load(struct vcpu *v, unsigned mode);
/* All nodes are free again, and flushed before it returns. */
void tlb_reset(struct domain *d) MUST_HOLD(d->tlb.lock);

/* flush.c */
struct cpu;
/* With PCIDs, what a root of either mode has in CR3 besides: its PCID, and that loading it flushes nothing (SDM 3A
 * 4.10.1).  So what is known of the other mode survives a crossing; load_cr3() forgets all, as a load does without. */
#define PCID(mode) (1ull + (mode))
extern uint64_t pcid_bits[2];
/* Around loading a root of d's, or another's, in this CPU. */
void tlb_enter(struct cpu *c, struct domain *d);
void tlb_entered(struct cpu *c, struct domain *d);
void flush_serve(struct cpu *c);
/* What a flush is made of: this CPU; those of a bitmap; which may hold translations of d. */
void flush_self(struct cpu *c);
void flush_others(struct cpu *c, uint32_t cpus);
uint32_t flush_cpus(const struct domain *d);
bool flush_happened(const struct tlb *t);
/* Tables written directly are derived again and protected again. */
void tlb_resync(struct domain *d) MUST_HOLD(d->tlb.lock);
/* The guest executed INVLPG or loaded CR3, in effect. */
/* vcpus: bitmap of those in whose address spaces it counts. */
void tlb_guest_invlpg(struct domain *d, uint64_t va, uint32_t vcpus);
/* others: in all address spaces, else in the current vCPU's.  */
void tlb_guest_flush(struct vcpu *v, bool others);

/* refresh.c.  The tables below a root of d's say something else for [first, last] than before, by the bits that a walk
 * looks at: what is cached and does not hold is forgotten on return, on all CPUs.  user: another root that shares
 * them, or 0.  -EPERM: they are not d's; -EINVAL: last is before first. */
int tlb_refresh(struct domain *d, mfn_t root, mfn_t user, uint64_t first, uint64_t last);
/* The same without the CPUs, and root alone need be d's; cr3: the roots' own tables, 0: none. */
int root_refresh(struct domain *d, mfn_t root, mfn_t user, uint64_t first, uint64_t last, uint64_t cr3[2])
	MUST_HOLD(d->tlb.lock);
/* The same of these entries of a node of leaves, whose table is the guest's still, or of none (FRAME_NIL). */
void leaves_refresh(struct domain *d, uint32_t n, unsigned first, unsigned last) MUST_HOLD(d->tlb.lock);
/* The node that caches this frame of d's at this level; FRAME_NIL: none. */
static inline uint32_t node_at(const struct domain *d, mfn_t m, unsigned level) MUST_HOLD(d->tlb.lock)
{
	uint32_t n = frame_owned_by(m, d->id) && frame_table[m].cached ? frame_table[m].cached - 1 : FRAME_NIL;

	return n != FRAME_NIL && d->tlb.node[n].level == level ? n : FRAME_NIL;
}
/* In a native domain only the way from a root tells what is out of date, so no table off that way may be found by its
 * frame.  False: there are too many to be taken apart at once. */
bool zombies_reap(struct domain *d) MUST_HOLD(d->tlb.lock);

/* The guest's entry and the cached one, together; preserve_ad: A and D stay as they are.  -EPERM: no frame of d. */
int pt_write(struct domain *d, mfn_t table, unsigned index, uint64_t value, bool preserve_ad) MUST_HOLD(d->tlb.lock);
