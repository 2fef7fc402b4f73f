/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tables.c - a guest with several address spaces.
 */
#include "tables.h"

#include <arch/arch.h>
#include <arch/paging.h>
#include <arch/x86.h>

struct guest tables_guest;
mfn_t tables_root[ROOTS];
unsigned tables_loaded;
uint32_t tables_next;

#define g tables_guest

uint64_t tables_va(unsigned region, unsigned page)
{
	static const uint64_t base[REGIONS] = { 0x400000, 0x7f0000000000, 0x7f0000200000, 0x123456600000 };

	return base[region] + page * PAGE_SIZE;
}

uint64_t tables_some_va(void)
{
	if (test_below(4) == 0)
		return ALIAS + (g.nr / 2 + test_below(g.nr / 2)) * PAGE_SIZE; /* no table among these */
	return tables_va((unsigned)test_below(REGIONS), (unsigned)test_below(SPAN));
}

uint64_t tables_some_leaf(void)
{
	uint64_t bits = test_below(16), flags = PTE_U | PTE_P;

	flags |= (bits & 1 ? PTE_RW : 0) | (bits & 2 ? PTE_A : 0) | (bits & 4 ? PTE_D : 0) | (bits & 8 ? PTE_NX : 0);
	return test_below(8) ? g.mfn[TABLES + test_below(g.nr - TABLES)] << PAGE_SHIFT | flags : flags & ~PTE_P;
}

/* Leaves of the lower halves come from the frames' numbers: a start costs no random numbers. */
static uint64_t first_leaf(unsigned n)
{
	static const uint64_t flags[] = { PTE_RW | PTE_A | PTE_D, PTE_RW | PTE_A, PTE_A, PTE_A | PTE_NX, 0, PTE_RW };

	return n % 9 == 8 ? 0 : g.mfn[TABLES + n % (g.nr - TABLES)] << PAGE_SHIFT | PTE_P | PTE_U | flags[n % 6];
}

static uint64_t alias_leaf(uint8_t paging, uint32_t n)
{
	bool read_only = n < TABLES && paging == GUISE_DOMAIN_STOCK;

	return g.mfn[n] << PAGE_SHIFT | PTE_P | PTE_A | (read_only ? 0 : PTE_U | PTE_RW | PTE_D);
}

void tables_start(uint8_t paging, uint32_t nr)
{
	unsigned n = 0;

	guest_make(&g, 5, nr, paging);
	tables_next = 0;
	tables_loaded = 0;
	for (unsigned r = 0; r < ROOTS; r++) {
		tables_root[r] = g.mfn[tables_next++];
		for (unsigned region = 0; region < REGIONS; region++)
			for (unsigned p = 0; p < SPAN; p++)
				guest_map(&g, tables_root[r], tables_va(region, p), first_leaf(n++), &tables_next);
		for (uint32_t i = 0; !r && i < nr; i++)
			guest_map(&g, tables_root[0], ALIAS + i * PAGE_SIZE, alias_leaf(paging, i), &tables_next);
		*guest_entry(tables_root[r], pt_index(ALIAS, 4)) = *guest_entry(tables_root[0], pt_index(ALIAS, 4));
	}
	check_that(tables_next <= TABLES);
}

unsigned tables_number_of(mfn_t m)
{
	unsigned n = 0;

	while (n < g.nr && g.mfn[n] != m)
		n++;
	return n;
}

long tables_mmuext(unsigned cmd, uint64_t arg)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = arg };

	return hc(g.v, __HYPERVISOR_mmuext_op, PTR(&op), 1, 0, DOMID_SELF);
}

long tables_update(uint64_t slot, uint64_t value)
{
	mmu_update_t u = { slot, value };

	return hc(g.v, __HYPERVISOR_mmu_update, PTR(&u), 1, 0, DOMID_SELF);
}

void tables_switch_root(void)
{
	unsigned n = (unsigned)test_below(ROOTS);

	if (tables_mmuext(MMUEXT_NEW_BASEPTR, tables_root[n]) == 0)
		tables_loaded = n;
}

void tables_check(void)
{
	tlb_check(g.d);
	cpu_check(g.d);
}
