/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * acpi_test.c - what is taken from the firmware's tables, and where reading them ends.
 */
#include "fake.h"

#include <arch/arch.h>

#define RSDP 0xe0100ull
#define ROOT 0xe1000ull
#define MADT 0xe2000ull

static uint8_t *at(paddr_t p)
{
	return (uint8_t *)mfn_to_virt(p >> PAGE_SHIFT) + (p & (PAGE_SIZE - 1));
}

static void put32(paddr_t p, uint32_t v)
{
	memcpy(at(p), &v, 4);
}

/* A table of the firmware's: signature and length. */
static void header(paddr_t p, const char *signature, uint32_t length)
{
	memcpy(at(p), signature, 4);
	put32(p + 4, length);
}

/* A root table with 8-byte entries (revision 2) or 4-byte ones, that names the MADT. */
static void root(unsigned revision)
{
	unsigned width = revision >= 2 ? 8 : 4;

	memcpy(at(RSDP), "RSD PTR ", 8);
	at(RSDP)[15] = (uint8_t)revision;
	put32(RSDP + (width == 8 ? 24 : 16), ROOT);
	header(ROOT, width == 8 ? "XSDT" : "RSDT", 36 + 2 * width);
	put32(ROOT + 36, MADT);
	put32(ROOT + 36 + width, MADT + 0x800); /* something else */
	header(MADT + 0x800, "FACP", 200);
}

static uint32_t madt_end;

static void entry(const uint8_t *bytes, unsigned n)
{
	memcpy(at(MADT + madt_end), bytes, n);
	madt_end += n;
	header(MADT, "APIC", madt_end);
}

#define ENTRY(...) entry((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void setup(void)
{
	fake_boot(512);
	for (mfn_t m = 0xe0; m < 0x100; m++)
		frame_table[m].state = FRAME_STATE(OWNER_KERNEL, 0);
	madt_end = 44;
	header(MADT, "APIC", madt_end);
	root(2);
}

START_TEST(usable_cpus_are_found_and_others_left_out)
{
	ENTRY(0, 8, 0, 4, 1, 0, 0, 0);
	ENTRY(0, 8, 1, 5, 0, 0, 0, 0); /* not there */
	ENTRY(9, 16, 0, 0, 0x34, 0x12, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0);
	ck_assert_uint_eq(acpi_init(RSDP), ROOT);
	ck_assert_uint_eq(fake.found.cpus, 2);
	ck_assert_uint_eq(fake.found.cpu[0], 4);
	ck_assert_uint_eq(fake.found.cpu[1], 0x1234);
}
END_TEST

START_TEST(interrupt_controllers_and_overrides_are_found)
{
	ENTRY(1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 24, 0, 0, 0);
	ENTRY(2, 10, 0, 9, 20, 0, 0, 0, 0, 0);
	acpi_init(RSDP);
	ck_assert_uint_eq(fake.found.ioapic, 0xfec00000);
	ck_assert_uint_eq(fake.found.ioapic_gsi, 24);
	ck_assert_uint_eq(fake.found.isa[9], 20);
}
END_TEST

START_TEST(an_old_firmware_has_narrow_addresses)
{
	root(0);
	ENTRY(0, 8, 0, 6, 1, 0, 0, 0);
	ck_assert_uint_eq(acpi_init(0), ROOT); /* found by its signature, too */
	ck_assert_uint_eq(fake.found.cpus, 1);
}
END_TEST

START_TEST(an_entry_that_lies_about_its_length_ends_the_table)
{
	static const uint8_t lengths[] = { 0, 1, 20 };

	ENTRY(0, lengths[_i], 0, 3, 1, 0, 0, 0);
	ENTRY(0, 8, 0, 6, 1, 0, 0, 0);
	acpi_init(RSDP);
	ck_assert_uint_eq(fake.found.cpus, 0);
}
END_TEST

START_TEST(an_entry_that_is_too_short_for_its_kind_is_left_out)
{
	ENTRY(0, 4, 0, 3);
	ENTRY(9, 8, 0, 0, 3, 0, 0, 0);
	ENTRY(1, 8, 0, 0, 0, 0, 0xc0, 0xfe);
	ENTRY(2, 4, 0, 9);
	ENTRY(0, 8, 0, 6, 1, 0, 0, 0);
	acpi_init(RSDP);
	ck_assert_uint_eq(fake.found.cpus, 1);
	ck_assert_uint_eq(fake.found.cpu[0], 6);
	ck_assert_uint_eq(fake.found.ioapic, 0);
	ck_assert_uint_eq(fake.found.isa[9], 0);
}
END_TEST

START_TEST(the_table_of_iommus_is_remembered)
{
	acpi_init(RSDP);
	ck_assert_ptr_null(acpi_dmar);
	header(MADT + 0x800, "DMAR", 48);
	acpi_init(RSDP);
	ck_assert_ptr_eq(acpi_dmar, at(MADT + 0x800));
}
END_TEST

START_TEST(a_machine_without_tables_does_not_start)
{
	memset(at(RSDP), 0, 8);
	fake.expect_panic = true;
	acpi_init(0);
}
END_TEST

SUITE(acpi)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, usable_cpus_are_found_and_others_left_out);
	tcase_add_test(tc, interrupt_controllers_and_overrides_are_found);
	tcase_add_test(tc, an_old_firmware_has_narrow_addresses);
	tcase_add_loop_test(tc, an_entry_that_lies_about_its_length_ends_the_table, 0, 3);
	tcase_add_test(tc, an_entry_that_is_too_short_for_its_kind_is_left_out);
	tcase_add_test(tc, the_table_of_iommus_is_remembered);
	tcase_add_test_raise_signal(tc, a_machine_without_tables_does_not_start, SIGABRT);
}
