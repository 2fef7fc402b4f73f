/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mmu_fake.c - the fake CPU's translation: it walks the page tables that the kernel made, and
 * remembers what it found for as long as a real one may.
 *
 * Two caches for each PCID: translations of pages, and last-level tables by their 2 MiB of address space.  A load
 * of CR3 empties both, unless its bit 63 is set; INVLPG takes one page and all tables (SDM 3A 4.10).
 */
#include "fake.h"
#include "../../debug/fsck.h"

#include <arch/arch.h>
#include <arch/layout.h>
#include <arch/paging.h>
#include <arch/percpu.h>
#include <arch/x86.h>
#include <stdarg.h>

#define TLB_SLOTS 256

struct page_slot {
	uint64_t va, leaf; /* leaf 0: empty */
	uint32_t table;	   /* the guest's, FRAME_NIL: not known */
};

struct table_slot {
	uint64_t region; /* va >> 21 */
	mfn_t page;	 /* hardware table, 0: empty		*/
	uint64_t rights; /* PTE_RW and PTE_NX of the levels above */
	uint32_t node, table;
};

#define PCIDS 3

static struct cached {
	struct page_slot pages[TLB_SLOTS];
	struct table_slot tables[TLB_SLOTS];
} cached[PCIDS];

static struct cached *cached_with(uint64_t pcid)
{
	check_msg(pcid < PCIDS && (!pcid || pcid_bits[0]), "PCID %lx", pcid);
	return &cached[pcid];
}

/* The host's boot_l4 stands anywhere. */
static uint64_t kernels_own(void)
{
	return (uint64_t)boot_l4 - KERNEL_VIRT;
}

static struct cached *now(void)
{
	return cached_with(boot_cpu.cr3 == kernels_own() ? 0 : boot_cpu.cr3 & 0xfff);
}

void fake_pcids(bool on)
{
	for (unsigned mode = 0; mode < 2; mode++)
		pcid_bits[mode] = on ? 1ull << 63 | PCID(mode) : 0;
	memset(cached, 0, sizeof(cached));
}

void write_cr3(uint64_t cr3)
{
	struct cached *c = cached_with(cr3 == kernels_own() ? 0 : cr3 & 0xfff);

	fake.flushes++;
	check_msg(!(cr3 >> 63) || pcid_bits[0] || cr3 == kernels_own(), "CR3 %lx without PCIDs", cr3);
	if (!(cr3 >> 63) || cr3 == kernels_own())
		memset(c, 0, sizeof(*c));
}

static void forget(struct cached *c, uint64_t va)
{
	for (unsigned i = 0; i < TLB_SLOTS; i++)
		if (c->pages[i].va >> PAGE_SHIFT == va >> PAGE_SHIFT)
			c->pages[i].leaf = 0;
	memset(c->tables, 0, sizeof(c->tables));
}

void invlpg(uint64_t va)
{
	forget(now(), va);
}

void invpcid(uint64_t type, uint64_t pcid, uint64_t va)
{
	struct cached *c = cached_with(pcid);

	if (type == INVPCID_PAGE)
		forget(c, va);
	else
		memset(type == INVPCID_ALL ? cached : c, 0, type == INVPCID_ALL ? sizeof(cached) : sizeof(*c));
}

static struct page_slot *page_slot(uint64_t va)
{
	return &now()->pages[(va >> PAGE_SHIFT ^ va >> 21 ^ va >> 30) % TLB_SLOTS];
}

static struct table_slot *table_slot(uint64_t va)
{
	return &now()->tables[(va >> 21 ^ va >> 30) % TLB_SLOTS];
}

static bool allows(uint64_t leaf, unsigned access)
{
	return !(access & PF_WRITE && !(leaf & PTE_RW)) && !(access & PF_FETCH && leaf & PTE_NX);
}

/* The last-level table of va, or 0 if there is none or it is not cached; *rights: what the levels above allow.  Where one entry maps the
 * whole 2 MiB, *large is the leaf that it means for va. */
static mfn_t table_find(struct domain *d, uint64_t va, uint64_t *rights, uint64_t *large)
{
	struct table_slot *slot = table_slot(va);
	mfn_t page = pte_mfn(boot_cpu.cr3);

	*large = 0;
	if (slot->page && slot->region == va >> 21 && test_below(2)) {
		*rights = slot->rights;
		return slot->page;
	}
	*rights = PTE_RW;
	if (boot_cpu.cr3 == kernels_own() || slot_is_hypervisor(pt_index(va, 4)) || !canonical(va))
		return 0; /* the kernel's own entries are not open to ring 3 */
	for (unsigned level = 4; level > 1; level--) {
		uint64_t e = *guest_entry(page, pt_index(va, level));

		if (!(e & PTE_P))
			return 0;
		check_msg(e & PTE_U, "a cached table is not open to ring 3");
		if (e & PTE_PS) {
			check_msg(level == 2 && !(e & 0x1ff000), "a large entry %lx at level %u", e, level);
			*large = (e & ~(PTE_PS | 0x7ff0000000000e00)) + (va & 0x1ff000);
			return e & PTE_LARGE ? 0 : d->tlb.page[node_of_entry(e)];
		}
		*rights = (*rights & e & PTE_RW) | ((*rights | e) & PTE_NX);
		page = pte_mfn(e);
	}
	*slot = (struct table_slot){ va >> 21, page, *rights, node_of_entry(page << PAGE_SHIFT), 0 };
	slot->table = d->tlb.node[slot->node].table;
	return page;
}

/* What the CPU finds without the kernel's help: a leaf, or 0 and the error code of its fault. */
static uint64_t translate(struct domain *d, uint64_t va, unsigned access, uint64_t *error)
{
	struct page_slot *slot = page_slot(va);
	uint64_t leaf, rights, large;
	mfn_t table;

	*error = PF_USER | access;
	if (slot->leaf && slot->va == (va & ~(PAGE_SIZE - 1)) && allows(slot->leaf, access))
		return slot->leaf;
	slot->leaf = 0; /* a fault drops what was known of the page, and the table (SDM 3A 4.10.4.1) */
	table = table_find(d, va, &rights, &large);
	leaf = large ? large : table ? *guest_entry(table, pt_index(va, 1)) : 0;
	if (leaf & PTE_P) {
		*error |= PF_PRESENT;
		leaf = (leaf & ~PTE_RW) | (leaf & rights & PTE_RW) | (rights & PTE_NX);
	}
	if (!(leaf & PTE_P) || !allows(leaf, access)) {
		*table_slot(va) = (struct table_slot){ 0 };
		return 0;
	}
	*slot = (struct page_slot){ va & ~(PAGE_SIZE - 1), leaf,
				    table ? d->tlb.node[node_of_entry(table << PAGE_SHIFT)].table : FRAME_NIL };
	return leaf;
}

/* From one mode to the other as entry.S goes, if it may; else as exit_to_guest() does it. */
static void enter(struct vcpu *v)
{
	unsigned mode = (unsigned)v->arch.kernel_mode;

	if (v->arch.cr3[mode] && v->arch.cr3[!mode] && boot_cpu.cr3 == v->arch.cr3[!mode]) {
		boot_cpu.cr3 = v->arch.cr3[mode];
		boot_cpu.flush_epoch += !pcid_bits[0];
		write_cr3(boot_cpu.cr3);
	} else if (!v->arch.cr3[mode] || boot_cpu.cr3 != v->arch.cr3[mode]) {
		check_msg(root_load(v, mode), "there is no root");
	}
}

struct cpu_result cpu_access(struct vcpu *v, uint64_t va, unsigned access)
{
	struct cpu_result r = { 0 };

	boot_cpu.current = boot_cpu.loaded = v;
	for (unsigned i = 0; i < 16; i++) {
		uint64_t leaf;

		enter(v);
		leaf = translate(v->domain, va, access, &r.error);
		if (leaf) {
			r.ok = true;
			r.m = pte_mfn(leaf);
			return r;
		}
		if (!tlb_fill(v, va, &r.error))
			return r;
	}
	ck_abort_msg("va %lx, access %x: the kernel fills and fills, error %lx", va, access, r.error);
}

void cpu_write(struct vcpu *v, uint64_t va, uint64_t value)
{
	struct cpu_result r = cpu_access(v, va, PF_WRITE);

	check_msg(r.ok, "va %lx cannot be written, error %lx", va, r.error);
	memcpy((char *)mfn_to_virt(r.m) + (va & (PAGE_SIZE - 1)), &value, sizeof(value));
}

/* ---- the checker ---- */

bool well_behaved, fsck_expected;
unsigned fsck_faults;

static void cached_check(struct domain *d, const struct cached *c)
{
	for (unsigned i = 0; i < TLB_SLOTS; i++) {
		const struct page_slot *p = &c->pages[i];
		const struct table_slot *t = &c->tables[i];

		if (p->leaf)
			check_msg(fsck_may_name(d, p->table, pt_index(p->va, 1), pte_mfn(p->leaf), p->leaf & PTE_RW),
				  "the CPU still translates %lx to frame %lx", p->va, pte_mfn(p->leaf));
		if (t->page && t->page == d->tlb.page[t->node] && d->tlb.node[t->node].level) {
			const struct tlb_node *n = &d->tlb.node[t->node];

			check_msg(n->level == 1 && (n->table == t->table || n->table == FRAME_NIL),
				  "the CPU knows node %u, which has a new meaning", t->node);
		}
	}
}

void cpu_check(struct domain *d)
{
	for (unsigned i = 0; i < PCIDS; i++)
		cached_check(d, &cached[i]);
}

/* The guest's table still says what a 2 MiB entry does. */
static void run_check(const struct domain *d, const struct tlb_node *n)
{
	uint64_t e = node_entries(&d->tlb, n->parent)[n->index];

	for (uint32_t i = 0; i < d->tlb.nr_unsynced; i++)
		if (d->tlb.unsynced[i].table == n->table)
			return;
	for (unsigned i = 0; i < PTE_RUN; i++)
		check_msg(pte_mfn(*guest_entry(n->table, i)) == pte_mfn(e) + i, "a large entry is out of date");
}

void tlb_check(struct domain *d)
{
	fsck_tlb(d);
	for (uint32_t n = 0; n < d->tlb.fresh && well_behaved && d->paging == GUISE_DOMAIN_STOCK; n++)
		if (d->tlb.node[n].level && d->tlb.node[n].large && d->tlb.node[n].table != FRAME_NIL)
			run_check(d, &d->tlb.node[n]);
}

void fsck_fault(const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fsck_faults++;
	check_msg(fsck_expected, "%s", text);
}
