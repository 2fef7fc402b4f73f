/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server.c - what the VMM server needs to build hostile domains as guests: these are native programs, one in
 * two with stock paging.  Linked with the server's own files, of which it wraps three functions.
 */
#include <runtime/print.h>
#include <runtime/string.h>

#include "domain.h"
#include "native.h"
#include "pvguest.h"

const char *__real_pv_layout_plan(struct pv_layout *l, const struct elf_image *elf, uint64_t nr, uint64_t ramdisk);
const char *__wrap_pv_layout_plan(struct pv_layout *l, const struct elf_image *elf, uint64_t nr, uint64_t ramdisk);
int __real_pv_build_step(struct domain *d, struct pv_build *b);
int __wrap_pv_build_step(struct domain *d, struct pv_build *b);
void __real_domain_begin(struct domain *d, uint16_t id, uint64_t nr, uint64_t max, unsigned vcpus, unsigned priority,
			 unsigned paging);
void __wrap_domain_begin(struct domain *d, uint16_t id, uint64_t nr, uint64_t max, unsigned vcpus, unsigned priority,
			 unsigned paging);

static int is_native(const struct elf_image *elf)
{
	return elf->low == GUISE_NATIVE_BASE;
}

/* The first guest, 32, is Debian. */
static unsigned paging_of(uint16_t id)
{
	return id % 2 ? GUISE_DOMAIN_NATIVE : GUISE_DOMAIN_STOCK;
}

const char *__wrap_pv_layout_plan(struct pv_layout *l, const struct elf_image *elf, uint64_t nr, uint64_t ramdisk)
{
	return is_native(elf) ? NULL : __real_pv_layout_plan(l, elf, nr, ramdisk);
}

void __wrap_domain_begin(struct domain *d, uint16_t id, uint64_t nr, uint64_t max, unsigned vcpus, unsigned priority,
			 unsigned paging)
{
	__real_domain_begin(d, id, nr, max, vcpus, priority, paging_of(id));
}

/* Its console is a page like any other to it. */
int __wrap_pv_build_step(struct domain *d, struct pv_build *b)
{
	char line[128];

	if (!is_native(&b->elf))
		return __real_pv_build_step(d, b);
	snprintf(line, sizeof(line), "claim 0 %s %s", paging_of(d->id) == GUISE_DOMAIN_STOCK ? "stock" : "native",
		 b->cmdline);
	native_build(d, &b->elf, NULL, 0, line);
	domain_offer(d, GRANT_REF_CONSOLE, d->nr - 1);
	return 0;
}
