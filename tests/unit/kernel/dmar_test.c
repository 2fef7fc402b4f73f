/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dmar_test.c - the firmware's description of IOMMUs, right and wrong.
 */
#include "../test.h"

#include <arch/vtd.h>

static uint8_t table[1024];
static uint32_t len;
static struct dmar out;

static void add(const void *p, unsigned n)
{
	memcpy(table + len, p, n);
	len += n;
}

static void add16(uint16_t v)
{
	add(&v, 2);
}

static void add64(uint64_t v)
{
	add(&v, 8);
}

static void begin(void)
{
	memset(table, 0, sizeof(table));
	memcpy(table, "DMAR", 4);
	table[36] = 38;
	table[37] = 1;
	len = 48;
}

static void device(uint8_t kind, uint8_t id, uint8_t bus, uint8_t dev, uint8_t fn)
{
	const uint8_t scope[8] = { kind, 8, 0, 0, id, bus, dev, fn };

	add(scope, 8);
}

static void unit(uint64_t base, uint16_t scopes)
{
	add16(0);
	add16((uint16_t)(16 + 8 * scopes));
	add16(1);
	add16(0);
	add64(base);
}

static void reserved(uint64_t first, uint64_t last, uint16_t scopes)
{
	add16(1);
	add16((uint16_t)(24 + 8 * scopes));
	add16(0);
	add16(0);
	add64(first);
	add64(last);
}

static const char *parse(void)
{
	uint8_t sum = 0;

	memcpy(table + 4, &len, 4);
	table[9] = 0;
	for (uint32_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + table[i]);
	table[9] = (uint8_t)-sum;
	return dmar_parse(table, sizeof(table), &out);
}

static void usual(void)
{
	begin();
	unit(0xfed90000, 2);
	device(3, 2, 0xff, 0, 0);
	device(1, 0, 0, 2, 0);
	reserved(0x7f000000, 0x7f0fffff, 1);
	device(1, 0, 0, 0x1d, 3);
	add16(3); /* of a kind that is not looked at */
	add16(20);
	len += 16;
	unit(0xfed91000, 0);
}

START_TEST(units_reserved_regions_and_ioapics_are_found)
{
	usual();
	ck_assert_ptr_null(parse());
	ck_assert(out.interrupts);
	ck_assert_uint_eq(out.nr_units, 2);
	ck_assert_uint_eq(out.unit[0], 0xfed90000);
	ck_assert_uint_eq(out.unit[1], 0xfed91000);
	ck_assert_uint_eq(out.nr_ioapics, 1);
	ck_assert_uint_eq(out.ioapic[0].id, 2);
	ck_assert_uint_eq(out.ioapic[0].bdf, 0xff00);
	ck_assert_uint_eq(out.nr_reserved, 1);
	ck_assert_uint_eq(out.reserved[0].bdf, 0x1d << 3 | 3);
	ck_assert_uint_eq(out.reserved[0].first, 0x7f000000);
	ck_assert_uint_eq(out.reserved[0].last, 0x7f0fffff);
	table[37] = 0;
	ck_assert_ptr_null(parse());
	ck_assert(!out.interrupts);
}
END_TEST

START_TEST(a_table_that_was_changed_is_refused)
{
	usual();
	ck_assert_ptr_null(parse());
	for (uint32_t i = 0; i < len; i++) {
		table[i]++;
		check_msg(dmar_parse(table, sizeof(table), &out), "byte %u", i);
		table[i]--;
	}
}
END_TEST

START_TEST(a_table_that_is_cut_off_is_refused)
{
	usual();
	parse();
	for (uint32_t most = 0; most < len; most++)
		check_that(dmar_parse(table, most, &out));
	ck_assert_ptr_null(dmar_parse(table, len, &out));
	for (uint32_t n = len - 1; n > 48 + 32; n--) { /* the first unit is whole */
		len = n;
		if (n == 48 + 32 + 32 || n == 48 + 32 + 32 + 20)
			continue;
		check_msg(parse(), "%u bytes", n);
	}
}
END_TEST

START_TEST(a_structure_of_length_0_ends_the_walk)
{
	begin();
	unit(0xfed90000, 0);
	add16(0);
	add16(0);
	ck_assert_ptr_nonnull(parse());
	begin();
	unit(0xfed90000, 1);
	device(3, 2, 0xff, 0, 0);
	table[48 + 16 + 1] = 0;
	ck_assert_ptr_nonnull(parse());
	table[48 + 16 + 1] = 9;
	ck_assert_ptr_nonnull(parse());
}
END_TEST

START_TEST(a_unit_out_of_reach_is_refused)
{
	static const uint64_t bad[] = { 0, 0xfed90010, 1ull << 32, ~0ull };

	for (unsigned i = 0; i < 4; i++) {
		begin();
		unit(bad[i], 0);
		ck_assert_ptr_nonnull(parse());
	}
	begin();
	unit(0xfed90000, 0);
	table[48 + 6] = 1; /* another PCI segment */
	ck_assert_ptr_nonnull(parse());
}
END_TEST

START_TEST(too_much_of_anything_is_refused)
{
	begin();
	ck_assert_str_eq(parse(), "the table has no unit");
	for (unsigned i = 0; i < DMAR_UNITS; i++)
		unit(0xfed90000, 0);
	ck_assert_ptr_null(parse());
	unit(0xfed90000, 0);
	ck_assert_ptr_nonnull(parse());
	begin();
	unit(0xfed90000, DMAR_IOAPICS + 1);
	for (unsigned i = 0; i <= DMAR_IOAPICS; i++)
		device(3, (uint8_t)i, 0, 0, 0);
	ck_assert_ptr_nonnull(parse());
	begin();
	unit(0xfed90000, 0);
	reserved(0, 4095, DMAR_RESERVED + 1);
	for (unsigned i = 0; i <= DMAR_RESERVED; i++)
		device(1, 0, 0, (uint8_t)i, 0);
	ck_assert_ptr_nonnull(parse());
}
END_TEST

SUITE(dmar)
{
	tcase_add_test(tc, units_reserved_regions_and_ioapics_are_found);
	tcase_add_test(tc, a_table_that_was_changed_is_refused);
	tcase_add_test(tc, a_table_that_is_cut_off_is_refused);
	tcase_add_test(tc, a_structure_of_length_0_ends_the_walk);
	tcase_add_test(tc, a_unit_out_of_reach_is_refused);
	tcase_add_test(tc, too_much_of_anything_is_refused);
}
