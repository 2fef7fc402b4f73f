/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tlb_random_test.c - any sequence of what guests do with page tables.
 *
 * A stock kernel and a native domain that keep to the rules see exactly what their own tables say,
 * as on real hardware.  A hostile one may see nonsense, but never a frame that is not its own.
 */
#include "tables.h"

#include <arch/paging.h>
#include <arch/x86.h>

#define FRAMES 8192

#define g    tables_guest
#define root tables_root

/* As Linux does with every last-level table. */
static void pin_all(void)
{
	for (unsigned r = 0; r < ROOTS; r++) {
		for (unsigned region = 0; region < REGIONS; region++)
			tables_mmuext(MMUEXT_PIN_L1_TABLE,
				      guest_table(&g, root[r], tables_va(region, 0), 1, &tables_next));
		tables_mmuext(MMUEXT_PIN_L4_TABLE, root[r]);
	}
	for (unsigned i = 0; i < RUN; i += 512)
		tables_mmuext(MMUEXT_PIN_L1_TABLE, guest_table(&g, root[0], ALIAS + i * PAGE_SIZE, 1, &tables_next));
}

/* What hardware would do with the guest's own tables. */
static struct cpu_result reference(uint64_t va, unsigned access)
{
	struct cpu_result r = { false, access, root[tables_loaded] };
	uint64_t rw = PTE_RW, nx = 0;

	for (unsigned level = 4, large = 0; level && !large; level--) {
		uint64_t e = *guest_entry(r.m, pt_index(va, level));

		if (!(e & PTE_P))
			return r;
		rw &= e;
		nx |= e & PTE_NX;
		large = level == 2 && e & PTE_PS;
		r.m = pte_mfn(e) + (large ? pt_index(va, 1) : 0);
	}
	r.ok = !(access & PF_WRITE && !rw) && !(access & PF_FETCH && nx);
	if (!r.ok)
		r.error |= PF_PRESENT;
	return r;
}

static void compare(uint64_t va)
{
	static const unsigned kinds[] = { 0, PF_WRITE, PF_FETCH };
	unsigned access = kinds[test_below(3)];
	struct cpu_result want = reference(va, access), have = cpu_access(g.v, va, access);

	check_msg(want.ok == have.ok, "va %lx, access %x: %s", va, access, want.ok ? "refused" : "allowed");
	if (want.ok)
		check_that(want.m == have.m);
	else
		check_that(want.error == have.error);
}

/* A check costs as much as a hundred steps. */
static void check_often(void)
{
	if (test_below(16) == 0)
		tables_check();
}

/* Make the upper half of ALIAS one run again, by the guest's own writes. */
static void mend_run(void)
{
	uint64_t va = ALIAS + RUN / 2 * PAGE_SIZE, flags = PTE_P | PTE_U | PTE_RW | PTE_A | PTE_D;
	mfn_t table = guest_table(&g, root[0], va, 1, &tables_next);

	if (test_below(4) == 0)
		flags &= ~(PTE_RW | PTE_D);
	for (unsigned i = 0; i < 512; i++) {
		uint64_t value = g.mfn[RUN / 2 + i] << PAGE_SHIFT | flags;

		if (g.d->paging == GUISE_DOMAIN_STOCK)
			cpu_write(g.v, ALIAS + tables_number_of(table) * PAGE_SIZE + i * 8, value);
		else
			*guest_entry(table, i) = value;
	}
	tables_mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0);
	for (unsigned i = 0; i < 16; i++)
		compare(va + test_below(512) * PAGE_SIZE);
}

static uint64_t *some_slot(mfn_t *table, uint64_t *va)
{
	*va = tables_some_va();
	*table = guest_table(&g, root[test_below(ROOTS)], *va, 1, &tables_next);
	return guest_entry(*table, pt_index(*va, 1));
}

START_TEST(a_stock_kernel_sees_what_its_tables_say)
{
	fake_boot(FRAMES);
	tables_start(GUISE_DOMAIN_STOCK, RUN);
	pin_all();
	well_behaved = true;
	for (unsigned step = 0; step < 6000; step++) {
		mfn_t table;
		uint64_t va;
		unsigned what = (unsigned)test_below(10);

		if (what < 5) {
			compare(tables_some_va());
		} else if (what < 7) {
			some_slot(&table, &va);
			check_that(tables_update((table << PAGE_SHIFT) + pt_index(va, 1) * 8, tables_some_leaf()) == 0);
			tables_mmuext(test_below(2) ? MMUEXT_INVLPG_ALL : MMUEXT_TLB_FLUSH_ALL, va);
		} else if (what < 8) {
			some_slot(&table, &va);
			cpu_write(g.v, ALIAS + tables_number_of(table) * PAGE_SIZE + pt_index(va, 1) * 8,
				  tables_some_leaf());
			tables_mmuext(MMUEXT_INVLPG_LOCAL, va);
			compare(va);
		} else if (what < 9) {
			/* direct writes, up to more tables than the list holds, then one flush */
			for (uint64_t n = test_below(30); n; n--) {
				some_slot(&table, &va);
				cpu_write(g.v, ALIAS + tables_number_of(table) * PAGE_SIZE + pt_index(va, 1) * 8,
					  tables_some_leaf());
				if (test_below(4) == 0)
					cpu_access(g.v, tables_some_va(), 0); /* may see the old or the new */
				if (test_below(8) == 0) /* looks at the written tables, flushes nothing else */
					tables_mmuext(MMUEXT_NEW_USER_BASEPTR, root[test_below(ROOTS)]);
			}
			tables_mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0);
		} else if (test_below(4)) {
			tables_switch_root();
		} else {
			mend_run();
		}
		check_often();
	}
	tables_check();
}
END_TEST

START_TEST(a_native_domain_sees_what_its_tables_say)
{
	fake_boot(FRAMES);
	tables_start(GUISE_DOMAIN_NATIVE, RUN);
	for (unsigned step = 0; step < 6000; step++) {
		unsigned what = (unsigned)test_below(10);
		mfn_t table;
		uint64_t va;

		if (what < 6) {
			compare(tables_some_va());
		} else if (what < 9) {
			some_slot(&table, &va);
			table = guest_table(&g, root[tables_loaded], va, 1, &tables_next);
			*guest_entry(table, pt_index(va, 1)) = tables_some_leaf();
			tables_mmuext(test_below(20) ? MMUEXT_INVLPG_LOCAL : MMUEXT_TLB_FLUSH_LOCAL, va);
		} else if (test_below(4)) {
			tables_switch_root();
		} else {
			mend_run();
		}
		check_often();
	}
	tables_check();
}
END_TEST

static long personality(uint64_t op, uint64_t a, uint64_t b)
{
	return hc(g.v, GUISE_HC_PERSONALITY, op, a, b, 0);
}

/* The loaded root and the user's, which has the lower half only and is never loaded here. */
static void load_some_root(void)
{
	unsigned n = (unsigned)test_below(ROOTS);

	check_that(personality(GUISE_PERSONALITY_ROOTS, root[n], root[(n + 1) % ROOTS]) == 0);
	tables_loaded = n;
}

static void refresh(unsigned r, uint64_t first, uint64_t last)
{
	check_that(tlb_refresh(g.d, root[r], test_below(2) ? root[(r + 1) % ROOTS] : 0, first, last) == 0);
}

/* The region of va is one large page for a while, with rights that change. */
static void change_size(unsigned r, uint64_t va, uint64_t *e)
{
	uint64_t table = *e, flags = PTE_P | PTE_U | PTE_PS | (test_below(2) ? PTE_A | PTE_D : 0);

	for (unsigned i = 0; i < 3; i++) {
		*e = g.mfn[RUN / 2] << PAGE_SHIFT | flags | (test_below(2) ? PTE_RW : 0) | (test_below(2) ? PTE_NX : 0);
		refresh(r, va, va | 0x1fffff);
		for (unsigned k = 0; k < 4; k++)
			compare((va & ~0x1fffffull) + test_below(512) * PAGE_SIZE);
		check_often();
	}
	*e = table;
	refresh(r, va & ~0x1fffffull, va);
}

/* A store to an entry of any level on the way to va: what the table's own root says is flushed, for just
 * the page, for the tables that it takes along, or for more. */
static void change(void)
{
	static const uint64_t last[] = { 0xfffull, 0x1fffffull, 0x3fffffffull, 0x7fffffffffull };
	unsigned r = (unsigned)test_below(ROOTS), level = test_below(4) ? 1 : 2 + (unsigned)test_below(2);
	uint64_t va = tables_va((unsigned)test_below(REGIONS), (unsigned)test_below(SPAN)), *e;

	e = guest_entry(guest_table(&g, root[r], va, level, &tables_next), pt_index(va, level));
	if (level == 1) {
		*e = tables_some_leaf();
	} else if (level == 2 && g.d->personality & GUISE_PERSONALITY_LARGE && test_below(2)) {
		change_size(r, va, e);
		return;
	} else if (test_below(2)) {
		*e ^= test_below(2) ? PTE_RW : PTE_NX;
	} else {
		uint64_t held = *e;

		*e = 0;
		refresh(r, va & ~last[level - 1], va | last[level - 1]);
		if (r == tables_loaded)
			check_that(!cpu_access(g.v, va, 0).ok);
		*e = held;
		return; /* present again: no flush */
	}
	if (test_below(4) == 0)
		refresh(r, 0, 0xffffffffffff);
	else
		refresh(r, va & ~last[level - 1], va | last[level - 1]);
}

/* In the half that all roots share: any of them stands for all. */
static void change_shared(void)
{
	uint64_t va = ALIAS + (RUN / 2 + test_below(512)) * PAGE_SIZE;
	mfn_t table = guest_table(&g, root[0], va, 1, &tables_next);

	*guest_entry(table, pt_index(va, 1)) = tables_some_leaf();
	refresh((unsigned)test_below(ROOTS), va, test_below(2) ? va : 0xffffffffffffffff);
}

START_TEST(a_personality_sees_what_its_tables_say)
{
	const uint64_t features = GUISE_PERSONALITY_MM | (_i % 2 ? GUISE_PERSONALITY_LARGE : 0);

	fake_boot(FRAMES);
	tables_start(GUISE_DOMAIN_STOCK, RUN);
	check_that(personality(GUISE_PERSONALITY_ROOTS, root[0], 0) == -EPERM);
	check_that(personality(GUISE_PERSONALITY_ENABLE, features, 0) == (long)features);
	for (unsigned step = 0; step < 6000; step++) {
		unsigned what = (unsigned)test_below(12);

		if (what < 6)
			compare(tables_some_va());
		else if (what < 9)
			change();
		else if (what < 10)
			change_shared();
		else if (test_below(8))
			load_some_root();
		else
			mend_run();
		check_often();
	}
	tables_check();
}
END_TEST

START_TEST(a_hostile_domain_never_reaches_a_foreign_frame)
{
	fake_boot(FRAMES);
	hostile_start(_i == 1 ? GUISE_DOMAIN_NATIVE : GUISE_DOMAIN_STOCK, RUN);
	if (_i >= 2)
		check_that(personality(GUISE_PERSONALITY_ENABLE,
				       GUISE_PERSONALITY_MM | (_i == 3 ? GUISE_PERSONALITY_LARGE : 0), 0) > 0);
	for (unsigned step = 0; step < 8000; step++) {
		hostile_step();
		check_often();
	}
	hostile_end();
}
END_TEST

SUITE(tlb_random)
{
	tcase_add_loop_test(tc, a_stock_kernel_sees_what_its_tables_say, 0, 3);
	tcase_add_loop_test(tc, a_native_domain_sees_what_its_tables_say, 0, 3);
	tcase_add_loop_test(tc, a_personality_sees_what_its_tables_say, 0, 6);
	tcase_add_loop_test(tc, a_hostile_domain_never_reaches_a_foreign_frame, 0, 4);
}
