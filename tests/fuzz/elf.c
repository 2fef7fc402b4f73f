/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * elf.c - a guest kernel's ELF file, and the layout that is planned for it.
 */
#include "fuzz.h"

#include <elf.h>

#include "pvguest.h"

/* What pv_build_step() would call: nothing is built here. */
void domain_write(struct domain *d, uint64_t at, const void *data, size_t len)
{
	(void)d, (void)at, (void)data, (void)len;
}

void domain_offer(struct domain *d, uint32_t ref, uint64_t gfn)
{
	(void)d, (void)ref, (void)gfn;
}

void domain_start(struct domain *d, uint64_t rip, uint64_t rsp, uint64_t rsi, uint64_t root_gfn)
{
	(void)d, (void)rip, (void)rsp, (void)rsi, (void)root_gfn;
}

static void layout(const struct elf_image *elf, uint64_t nr)
{
	struct pv_layout l;

	if (pv_layout_plan(&l, elf, nr, input_number(4)))
		return;
	check_that(elf->high <= l.start_info * 4096 && l.start_info < l.store && l.console < l.tables);
	check_that(l.tables + l.nr_tables <= l.stack && l.stack < l.mapped && l.mapped <= l.ramdisk);
	check_that(l.ramdisk + l.nr_ramdisk <= l.p2m && l.p2m + l.nr_p2m <= l.p2m_tables && l.end <= nr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static volatile uint8_t sink;
	struct elf_image elf;

	if (elf_parse(data, size, &elf))
		return 0;
	check_that(elf.nr && elf.nr <= ELF_MAX_SEGMENTS);
	for (unsigned i = 0; i < elf.nr; i++) {
		const struct elf_segment *s = &elf.segment[i];

		check_that(s->filesz <= s->memsz && s->paddr >= elf.low && s->paddr + s->memsz <= elf.high);
		for (uint64_t k = 0; k < s->filesz; k++)
			sink = (uint8_t)s->data[k];
	}
	(void)sink;
	input_begin(data, size);
	layout(&elf, 1ull << input_number(1) % 29);
	return 0;
}
