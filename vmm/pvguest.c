/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pvguest.c - build a stock PV guest: kernel, start_info, rings, page tables, ramdisk, P2M list.
 *
 * Order of guest frames: kernel, start_info, store page, console page, page tables (top first), boot
 * stack, slack up to a 4 MiB boundary -- all that is mapped at VIRT_BASE -- then the ramdisk, the P2M
 * list and the tables that map the list at INIT_P2M.  Every page table is mapped read-only.
 */
#include <runtime/hypercall.h>
#include <runtime/print.h>
#include <runtime/string.h>
#include <xen/io/xs_wire.h>

#include "pvguest.h"

#define SPARE	  128ull  /* pages behind the stack: 512 KiB	*/
#define MAP_ALIGN 1024ull /* pages: 4 MiB			*/
#define PER_TABLE 512ull
#define PIECE	  (1ul << 20) /* bytes written at a time	*/
#define PTE_RW	  0x63ull     /* present, writable, accessed, dirty	*/
#define PTE_RO	  0x21ull
#define PTE_TABLE 0x67ull

static uint64_t up(uint64_t n, uint64_t unit)
{
	return (n + unit - 1) / unit * unit;
}

const char *pv_layout_plan(struct pv_layout *l, const struct elf_image *elf, uint64_t nr, uint64_t ramdisk_bytes)
{
	if (!elf->is_pv)
		return "it has no Xen PV entry: not a PV-capable kernel";
	if (!elf->mod_start_pfn || !elf->init_p2m)
		return "it is a PV kernel of an old kind (no MOD_START_PFN or INIT_P2M note)";
	if (elf->hypercall_page)
		return "it is a PV kernel of an old kind (it calls through a hypercall page)";
	if (elf->virt_base != 0xffffffff80000000 || elf->paddr_offset)
		return "it is a PV kernel with an unknown layout (VIRT_BASE)";
	if (elf->init_p2m & ((1ull << 39) - 1) || elf->init_p2m >> 47)
		return "its INIT_P2M address is no multiple of 512 GiB in the lower half";
	if (ramdisk_bytes / PAGE_SIZE >= nr)
		return "its memory is too small for kernel and ramdisk";
	*l = (struct pv_layout){ .start_info = up(elf->high, PAGE_SIZE) / PAGE_SIZE };
	l->store = l->start_info + 1;
	l->console = l->store + 1;
	l->tables = l->console + 1;
	do { /* the tables map themselves: grow until they reach */
		l->nr_tables = 3 + l->mapped / PER_TABLE;
		l->stack = l->tables + l->nr_tables;
		l->mapped = up(l->stack + 1 + SPARE, MAP_ALIGN);
	} while (l->nr_tables < 3 + l->mapped / PER_TABLE);
	if (l->mapped > PER_TABLE * PER_TABLE)
		return "it is larger than 1 GiB";
	l->ramdisk = l->mapped;
	l->nr_ramdisk = up(ramdisk_bytes, PAGE_SIZE) / PAGE_SIZE;
	l->p2m = l->ramdisk + l->nr_ramdisk;
	l->nr_p2m = up(nr, PER_TABLE) / PER_TABLE;
	l->p2m_tables = l->p2m + l->nr_p2m;
	l->nr_p2m_tables = up(l->nr_p2m, PER_TABLE) / PER_TABLE;
	l->nr_p2m_tables += up(l->nr_p2m_tables, PER_TABLE) / PER_TABLE + 1;
	l->end = l->p2m_tables + l->nr_p2m_tables;
	return l->end + MAP_ALIGN > nr ? "its memory is too small for kernel and ramdisk" : NULL;
}

static uint64_t pte(const struct domain *d, uint64_t gfn, uint64_t flags)
{
	return d->mfn[gfn] * PAGE_SIZE | flags;
}

static void write_page(struct domain *d, uint64_t gfn, const void *page)
{
	domain_write(d, gfn * PAGE_SIZE, page, PAGE_SIZE);
}

/* Map [0, mapped) at VIRT_BASE and the P2M list at INIT_P2M. */
static void tables(struct domain *d, const struct elf_image *elf, const struct pv_layout *l)
{
	static uint64_t page[PER_TABLE];
	uint64_t l3 = l->tables + 1, l2 = l->tables + 2, l1 = l->tables + 3;
	uint64_t nr_l1 = up(l->nr_p2m, PER_TABLE) / PER_TABLE, p2m_l3 = l->p2m_tables, p2m_l2 = p2m_l3 + 1;
	uint64_t nr_l2 = up(nr_l1, PER_TABLE) / PER_TABLE, p2m_l1 = p2m_l2 + nr_l2;

	memset(page, 0, sizeof(page));
	page[511] = pte(d, l3, PTE_TABLE);
	page[elf->init_p2m >> 39 & 511] = pte(d, p2m_l3, PTE_TABLE);
	write_page(d, l->tables, page);
	memset(page, 0, sizeof(page));
	page[510] = pte(d, l2, PTE_TABLE);
	write_page(d, l3, page);
	memset(page, 0, sizeof(page));
	for (uint64_t i = 0; i < l->mapped / PER_TABLE; i++)
		page[i] = pte(d, l1 + i, PTE_TABLE);
	write_page(d, l2, page);
	for (uint64_t g = 0; g < l->mapped; g++) {
		int table = g >= l->tables && g < l->tables + l->nr_tables;

		page[g % PER_TABLE] = pte(d, g, table ? PTE_RO : PTE_RW);
		if (g % PER_TABLE == PER_TABLE - 1)
			write_page(d, l1 + g / PER_TABLE, page);
	}

	memset(page, 0, sizeof(page));
	for (uint64_t i = 0; i < nr_l2; i++)
		page[i] = pte(d, p2m_l2 + i, PTE_TABLE);
	write_page(d, p2m_l3, page);
	for (uint64_t i = 0; i < nr_l2 * PER_TABLE; i++) {
		page[i % PER_TABLE] = i < nr_l1 ? pte(d, p2m_l1 + i, PTE_TABLE) : 0;
		if (i % PER_TABLE == PER_TABLE - 1)
			write_page(d, p2m_l2 + i / PER_TABLE, page);
	}
	for (uint64_t i = 0; i < nr_l1 * PER_TABLE; i++) {
		page[i % PER_TABLE] = i < l->nr_p2m ? pte(d, l->p2m + i, PTE_RW) : 0;
		if (i % PER_TABLE == PER_TABLE - 1)
			write_page(d, p2m_l1 + i / PER_TABLE, page);
	}
}

static void start_info(struct domain *d, const struct pv_build *b)
{
	const struct pv_layout *l = &b->layout;
	uint64_t base = b->elf.virt_base;
	start_info_t si = {
		.nr_pages = d->nr,
		.shared_info = d->shared_info * PAGE_SIZE,
		.flags = SIF_MOD_START_PFN,
		.store_mfn = d->mfn[l->store],
		.store_evtchn = d->store_port,
		.console.domU = { .mfn = d->mfn[l->console], .evtchn = d->console_port },
		.pt_base = base + l->tables * PAGE_SIZE,
		.nr_pt_frames = l->nr_tables,
		.mfn_list = b->elf.init_p2m,
		.mod_start = b->ramdisk_len ? l->ramdisk : 0,
		.mod_len = b->ramdisk_len,
		.first_p2m_pfn = l->p2m,
		.nr_p2m_frames = l->nr_p2m + l->nr_p2m_tables,
	};

	memcpy(si.magic, "xen-3.0-x86_64", 15);
	snprintf((char *)si.cmd_line, sizeof(si.cmd_line), "%s", b->cmdline);
	domain_write(d, l->start_info * PAGE_SIZE, &si, sizeof(si));
}

/* The next piece of a stage's len bytes at address at. */
static void piece(struct domain *d, struct pv_build *b, uint64_t at, const void *data, size_t len)
{
	size_t n = len - b->done < PIECE ? len - b->done : PIECE;

	if (n)
		domain_write(d, at + b->done, (const char *)data + b->done, n);
	b->done += n;
	if (b->done == len) {
		b->stage++;
		b->done = 0;
	}
}

int pv_build_step(struct domain *d, struct pv_build *b)
{
	const struct pv_layout *l = &b->layout;
	unsigned stage = b->stage;

	if (stage < b->elf.nr) {
		const struct elf_segment *s = &b->elf.segment[stage];

		piece(d, b, s->paddr, s->data, s->filesz);
		return !d->error;
	}
	switch (stage - b->elf.nr) {
	case 0:
		start_info(d, b);
		tables(d, &b->elf, l);
		b->stage++;
		return !d->error;
	case 1:
		piece(d, b, l->ramdisk * PAGE_SIZE, b->ramdisk, b->ramdisk_len);
		return !d->error;
	case 2:
		piece(d, b, l->p2m * PAGE_SIZE, d->mfn, d->nr * sizeof(uint64_t));
		return !d->error;
	}
	domain_offer(d, GRANT_REF_CONSOLE, l->console);
	domain_offer(d, GRANT_REF_STORE, l->store);
	domain_start(d, b->elf.pv_entry, b->elf.virt_base + (l->stack + 1) * PAGE_SIZE,
		     b->elf.virt_base + l->start_info * PAGE_SIZE, l->tables);
	return 0;
}
