/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * build_test.c - the memory of a guest and of a driver VM at their first instruction.
 */
#include "fake.h"

#include <runtime/xen.h>

#include "native.h"
#include "pvguest.h"

#define PTE_FLAGS 0xfffull
#define FIRST_MFN 5000 /* the domain's frames are these, in another order */

static struct domain d;
static char *memory;
static struct {
	uint64_t rip, rsp, rsi, root;
	unsigned started;
	uint64_t offered[8];
} start;

/* ---- in place of vmm/domain.c ---- */

void domain_write(struct domain *dom, uint64_t at, const void *data, size_t len)
{
	if (dom->error)
		return;
	if (at > dom->nr * PAGE_SIZE || len > dom->nr * PAGE_SIZE - at) {
		dom->error = "it does not fit its memory";
		return;
	}
	if (len)
		memcpy(memory + at, data, len);
}

void domain_offer(struct domain *dom, uint32_t ref, uint64_t gfn)
{
	(void)dom;
	start.offered[ref] = gfn;
}

void domain_start(struct domain *dom, uint64_t rip, uint64_t rsp, uint64_t rsi, uint64_t root_gfn)
{
	(void)dom;
	start.rip = rip;
	start.rsp = rsp;
	start.rsi = rsi;
	start.root = root_gfn;
	start.started++;
}

/* ---- helpers ---- */

static void domain_make(uint64_t nr)
{
	d = (struct domain){ .id = 5, .nr = nr, .shared_info = 77, .store_port = 1, .console_port = 2 };
	d.mfn = calloc(nr, sizeof(uint64_t));
	for (uint64_t g = 0; g < nr; g++)
		d.mfn[g] = FIRST_MFN + (g * 7919) % nr; /* 7919 is prime: each once */
	memory = calloc(nr, PAGE_SIZE);
	memset(&start, 0, sizeof(start));
}

static uint64_t gfn_of(uint64_t mfn)
{
	static uint64_t *back, nr;

	if (nr != d.nr) {
		nr = d.nr;
		back = calloc(nr, sizeof(*back));
		for (uint64_t g = 0; g < nr; g++)
			back[d.mfn[g] - FIRST_MFN] = g;
	}
	return mfn - FIRST_MFN < d.nr ? back[mfn - FIRST_MFN] : ~0ull;
}

/* The leaf that maps va, or 0. */
static uint64_t leaf(uint64_t va)
{
	uint64_t gfn = start.root, e = 0;

	for (int shift = 39; shift >= 12; shift -= 9) {
		check_that(gfn < d.nr);
		e = ((uint64_t *)(memory + gfn * PAGE_SIZE))[va >> shift & 511];
		if (!(e & 1))
			return 0;
		gfn = gfn_of(e >> 12 & 0xffffffffff);
	}
	return e;
}

static uint64_t frame_at(uint64_t va)
{
	uint64_t e = leaf(va);

	return e ? gfn_of(e >> 12 & 0xffffffffff) : ~0ull;
}

/* All steps; each is one, so that the server can do other things between. */
static unsigned build(const struct elf_image *elf, const struct pv_layout *l, const char *ramdisk, size_t len,
		      const char *cmdline)
{
	struct pv_build b = { .elf = *elf, .layout = *l, .ramdisk = ramdisk, .ramdisk_len = len, .cmdline = cmdline };
	unsigned steps = 1;

	while (pv_build_step(&d, &b))
		steps++;
	return steps;
}

static struct elf_image kernel = {
	.nr = 1,
	.low = 0x1000000,
	.high = 0x1200100,
	.is_pv = 1,
	.pv_entry = 0xffffffff81000180,
	.virt_base = 0xffffffff80000000,
	.init_p2m = 0x8000000000,
	.mod_start_pfn = 1,
	.segment = { { 0xffffffff81000000, 0x1000000, 0x200100, 7, "kernel!" } },
};

START_TEST(a_stock_guest_finds_everything_where_its_start_info_says)
{
	static const char ramdisk[10000] = "ramdisk";
	struct pv_layout l;
	const start_info_t *si;
	uint64_t base = kernel.virt_base;

	domain_make(32768);
	ck_assert_ptr_null(pv_layout_plan(&l, &kernel, d.nr, sizeof(ramdisk)));
	build(&kernel, &l, ramdisk, sizeof(ramdisk), "quiet");
	ck_assert_ptr_null(d.error);
	ck_assert_uint_eq(start.started, 1);
	ck_assert_uint_eq(start.rip, kernel.pv_entry);
	si = (const start_info_t *)(memory + frame_at(start.rsi) * PAGE_SIZE);
	ck_assert_str_eq(si->magic, "xen-3.0-x86_64");
	ck_assert_uint_eq(si->nr_pages, d.nr);
	ck_assert_uint_eq(si->shared_info, 77 * PAGE_SIZE);
	ck_assert_str_eq((const char *)si->cmd_line, "quiet");
	ck_assert_uint_eq(si->pt_base, base + start.root * PAGE_SIZE);
	ck_assert_uint_eq(si->flags & SIF_MOD_START_PFN, SIF_MOD_START_PFN);
	ck_assert_str_eq(memory + si->mod_start * PAGE_SIZE, "ramdisk");
	ck_assert_uint_eq(si->mod_len, sizeof(ramdisk));
	ck_assert_str_eq(memory + 0x1000000, "kernel!");
	ck_assert_uint_eq(gfn_of(si->store_mfn), start.offered[GRANT_REF_STORE]);
	ck_assert_uint_eq(gfn_of(si->console.domU.mfn), start.offered[GRANT_REF_CONSOLE]);
	ck_assert_uint_ne(frame_at(start.rsp - 8), ~0ull);
	ck_assert_uint_eq(leaf(start.rsp - 8) & 2, 2);
	for (uint64_t i = 0; i < d.nr; i++)
		check_that(*(uint64_t *)(memory + frame_at(si->mfn_list + i * 8) * PAGE_SIZE + i * 8 % PAGE_SIZE) ==
			   d.mfn[i]);
	ck_assert_uint_eq(frame_at(si->mfn_list), si->first_p2m_pfn);
}
END_TEST

START_TEST(a_guest_is_built_a_megabyte_at_a_time)
{
	static char ramdisk[5 << 20];
	struct pv_layout l;
	const start_info_t *si;

	for (size_t i = 0; i < sizeof(ramdisk); i++)
		ramdisk[i] = (char)(i / 4096);
	domain_make(32768);
	ck_assert_ptr_null(pv_layout_plan(&l, &kernel, d.nr, sizeof(ramdisk)));
	ck_assert_uint_ge(build(&kernel, &l, ramdisk, sizeof(ramdisk), ""), 8);
	ck_assert_ptr_null(d.error);
	ck_assert_uint_eq(start.started, 1);
	si = (const start_info_t *)(memory + frame_at(start.rsi) * PAGE_SIZE);
	ck_assert_int_eq(memcmp(memory + si->mod_start * PAGE_SIZE, ramdisk, sizeof(ramdisk)), 0);
}
END_TEST

START_TEST(a_stock_guests_first_mapping_is_linear_and_its_tables_read_only)
{
	struct pv_layout l;

	domain_make(65536);
	ck_assert_ptr_null(pv_layout_plan(&l, &kernel, d.nr, 0));
	build(&kernel, &l, NULL, 0, "");
	ck_assert_uint_eq(l.mapped % 1024, 0);
	ck_assert_uint_ge(l.mapped - l.stack, 128);
	for (uint64_t g = 0; g < l.mapped; g++) {
		uint64_t e = leaf(kernel.virt_base + g * PAGE_SIZE);
		bool table = g >= l.tables && g < l.tables + l.nr_tables;

		check_that(gfn_of(e >> 12 & 0xffffffffff) == g);
		check_that(!(e & 2) == table);
	}
	ck_assert_uint_eq(leaf(kernel.virt_base + l.mapped * PAGE_SIZE), 0);
	ck_assert_uint_eq(((start_info_t *)(memory + l.start_info * PAGE_SIZE))->mod_start, 0);
}
END_TEST

START_TEST(nothing_of_a_plan_overlaps)
{
	for (unsigned step = 0; step < 5000; step++) {
		struct elf_image elf = kernel;
		struct pv_layout l;
		uint64_t nr = 4096 << test_below(12), ramdisk = test_below(test_below(2) ? 1 << 14 : 1ull << 31);

		elf.high = 0x1000000 + test_below(1ull << (20 + test_below(12)));
		if (pv_layout_plan(&l, &elf, nr, ramdisk))
			continue;
		check_that(l.start_info * PAGE_SIZE >= elf.high);
		check_that(l.store > l.start_info && l.console > l.store && l.tables > l.console);
		check_that(l.stack >= l.tables + l.nr_tables && l.mapped > l.stack + 128);
		check_that(l.nr_tables >= 3 + l.mapped / 512 && l.mapped <= 1 << 18);
		check_that(l.ramdisk >= l.mapped && l.nr_ramdisk * PAGE_SIZE >= ramdisk);
		check_that(l.p2m >= l.ramdisk + l.nr_ramdisk && l.nr_p2m * 512 >= nr);
		check_that(l.p2m_tables >= l.p2m + l.nr_p2m && l.end >= l.p2m_tables + l.nr_p2m_tables && l.end <= nr);
	}
}
END_TEST

START_TEST(a_kernel_that_cannot_be_started_is_named_so)
{
	struct elf_image elf = kernel;
	struct pv_layout l;

	elf.is_pv = 0;
	ck_assert_ptr_nonnull(strstr(pv_layout_plan(&l, &elf, 65536, 0), "not a PV-capable kernel"));
	elf = kernel, elf.init_p2m = 0;
	ck_assert_ptr_nonnull(pv_layout_plan(&l, &elf, 65536, 0));
	elf = kernel, elf.init_p2m = 0x8000001000;
	ck_assert_ptr_nonnull(pv_layout_plan(&l, &elf, 65536, 0));
	elf = kernel, elf.init_p2m = 0xffffff8000000000; /* where the kernel itself is mapped */
	ck_assert_ptr_nonnull(pv_layout_plan(&l, &elf, 65536, 0));
	elf = kernel, elf.init_p2m = 0xffff800000000000; /* the microkernel's */
	ck_assert_ptr_nonnull(pv_layout_plan(&l, &elf, 65536, 0));
	elf = kernel, elf.virt_base = 0xc0000000;
	ck_assert_ptr_nonnull(pv_layout_plan(&l, &elf, 65536, 0));
	elf = kernel, elf.high = 1ull << 30;
	ck_assert_ptr_nonnull(pv_layout_plan(&l, &elf, 1 << 20, 0));
	ck_assert_ptr_nonnull(pv_layout_plan(&l, &kernel, 4096, 0));
	ck_assert_ptr_nonnull(pv_layout_plan(&l, &kernel, 65536, 1ull << 40));
	ck_assert_ptr_nonnull(pv_layout_plan(&l, &kernel, 65536, ~0ull));
}
END_TEST

/* ---- native domains ---- */

static struct elf_image driver = {
	.entry = 0x200010,
	.nr = 1,
	.low = 0x200000,
	.high = 0x212345,
	.segment = { { 0x200000, 0x200000, 0x12345, 6, "driver" } },
};

START_TEST(a_driver_finds_everything_where_its_start_info_says)
{
	struct guise_device device = { .kind = GUISE_DEVICE_UART };
	const start_info_t *si;

	domain_make(2048);
	native_fill(&d, &driver, sizeof(device), "a driver");
	ck_assert_uint_eq(start.started, 0); /* it may stand by like this */
	native_start(&d, &driver, &device, sizeof(device));
	ck_assert_ptr_null(d.error);
	ck_assert_uint_eq(start.rip, driver.entry);
	for (uint64_t g = 0; g < d.nr; g++)
		check_that(frame_at(GUISE_NATIVE_BASE + g * PAGE_SIZE) == g);
	si = (const start_info_t *)(memory + frame_at(start.rsi) * PAGE_SIZE);
	ck_assert_str_eq((const char *)si->cmd_line, "a driver");
	ck_assert_int_eq(memcmp(memory + frame_at(si->mod_start) * PAGE_SIZE, &device, sizeof(device)), 0);
	ck_assert_uint_eq(gfn_of(si->store_mfn), start.offered[GRANT_REF_STORE]);
	for (uint64_t i = 0; i < d.nr; i++)
		check_that(*(uint64_t *)(memory + frame_at(si->mfn_list + i * 8) * PAGE_SIZE + i * 8 % PAGE_SIZE) ==
			   d.mfn[i]);
	ck_assert_uint_lt(si->first_p2m_pfn, d.nr);
	ck_assert_uint_eq(start.rsp, GUISE_NATIVE_BASE + si->first_p2m_pfn * PAGE_SIZE);
	for (uint64_t va = GUISE_NATIVE_WINDOW; va < GUISE_NATIVE_WINDOW + GUISE_NATIVE_WINDOW_SIZE; va += 1 << 21)
		ck_assert_uint_eq(leaf(va), 0); /* tables, and nothing mapped: frame_at() would complain */
	ck_assert_int_eq(memcmp(memory, "driver", 6), 0);
}
END_TEST

START_TEST(a_program_that_does_not_fit_is_refused)
{
	struct elf_image elf = driver;

	domain_make(50);
	native_build(&d, &driver, NULL, 0, "");
	ck_assert_ptr_nonnull(d.error);
	ck_assert_uint_eq(start.started, 0);
	domain_make(2048);
	elf.low = 0x1000;
	native_build(&d, &elf, NULL, 0, "");
	ck_assert_ptr_nonnull(d.error);
	domain_make(2048);
	elf = driver, elf.high = GUISE_NATIVE_WINDOW + 1;
	native_build(&d, &elf, NULL, 0, "");
	ck_assert_ptr_nonnull(d.error);
	domain_make(2048);
	elf = driver, elf.segment[0].vaddr = 0x1000;
	native_build(&d, &elf, NULL, 0, "");
	ck_assert_ptr_nonnull(d.error);
}
END_TEST

SUITE(build)
{
	tcase_add_test(tc, a_stock_guest_finds_everything_where_its_start_info_says);
	tcase_add_test(tc, a_guest_is_built_a_megabyte_at_a_time);
	tcase_add_test(tc, a_stock_guests_first_mapping_is_linear_and_its_tables_read_only);
	tcase_add_test(tc, nothing_of_a_plan_overlaps);
	tcase_add_test(tc, a_kernel_that_cannot_be_started_is_named_so);
	tcase_add_test(tc, a_driver_finds_everything_where_its_start_info_says);
	tcase_add_test(tc, a_program_that_does_not_fit_is_refused);
}
