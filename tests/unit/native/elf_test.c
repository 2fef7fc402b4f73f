/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * elf_test.c - program headers and Xen notes of a guest kernel.
 */
#include "fake.h"

#include <elf.h>
#include <xen/elfnote.h>

#include "../../../vmm/elf.h"

static char file[8192];
static size_t file_len;
static Elf64_Ehdr *eh = (Elf64_Ehdr *)file;
static Elf64_Phdr *ph = (Elf64_Phdr *)(file + sizeof(Elf64_Ehdr));
static char *notes = file + 2048;
static size_t notes_len;

static void note(uint32_t type, const void *data, uint32_t len)
{
	uint32_t head[3] = { 4, len, type };

	memcpy(notes + notes_len, head, 12);
	memcpy(notes + notes_len + 12, "Xen", 4);
	memcpy(notes + notes_len + 16, data, len);
	notes_len += 16 + ((len + 3) & ~3u);
	ph[2].p_filesz = ph[2].p_memsz = notes_len;
}

static void note_number(uint32_t type, uint64_t n)
{
	note(type, &n, 8);
}

static void setup(void)
{
	file_len = sizeof(file);
	memcpy(eh->e_ident, ELFMAG, SELFMAG);
	eh->e_ident[EI_CLASS] = ELFCLASS64;
	eh->e_machine = EM_X86_64;
	eh->e_phentsize = sizeof(Elf64_Phdr);
	eh->e_phoff = sizeof(Elf64_Ehdr);
	eh->e_phnum = 3;
	eh->e_entry = 0x1000000;
	ph[0] = (Elf64_Phdr){ .p_type = PT_LOAD,
			      .p_offset = 4096,
			      .p_vaddr = 0xffffffff81000000,
			      .p_paddr = 0x1000000,
			      .p_filesz = 1000,
			      .p_memsz = 0x5000 };
	ph[1] = (Elf64_Phdr){ .p_type = PT_LOAD,
			      .p_offset = 6000,
			      .p_vaddr = 0xffffffff82000000,
			      .p_paddr = 0x2000000,
			      .p_filesz = 10,
			      .p_memsz = 10 };
	ph[2] = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = 2048 };
	note_number(XEN_ELFNOTE_ENTRY, 0xffffffff81000180);
	note_number(XEN_ELFNOTE_VIRT_BASE, 0xffffffff80000000);
	note_number(XEN_ELFNOTE_INIT_P2M, 0x8000000000);
	note_number(XEN_ELFNOTE_MOD_START_PFN, 1);
	note(XEN_ELFNOTE_GUEST_OS, "linux", 6);
}

/* Parsed from memory of exactly file_len bytes, at an address that is only a multiple of 4. */
static const char *parse(struct elf_image *elf)
{
	char *copy = malloc(file_len + 4);
	const char *error;

	memcpy(copy + 4, file, file_len);
	error = elf_parse(copy + 4, file_len, elf);
	for (unsigned i = 0; !error && i < elf->nr; i++) {
		check_that(elf->segment[i].data >= copy + 4);
		check_that(elf->segment[i].data + elf->segment[i].filesz <= copy + 4 + file_len);
		check_that(elf->segment[i].filesz <= elf->segment[i].memsz);
		check_that(elf->segment[i].paddr >= elf->low &&
			   elf->segment[i].paddr + elf->segment[i].memsz <= elf->high);
	}
	free(copy);
	return error;
}

START_TEST(segments_and_notes_are_found)
{
	struct elf_image elf;

	ck_assert_ptr_null(parse(&elf));
	ck_assert_uint_eq(elf.nr, 2);
	ck_assert_uint_eq(elf.low, 0x1000000);
	ck_assert_uint_eq(elf.high, 0x200000a);
	ck_assert_int_eq(elf.is_pv, 1);
	ck_assert_uint_eq(elf.pv_entry, 0xffffffff81000180);
	ck_assert_uint_eq(elf.virt_base, 0xffffffff80000000);
	ck_assert_uint_eq(elf.init_p2m, 0x8000000000);
	ck_assert_int_eq(elf.mod_start_pfn, 1);
}
END_TEST

START_TEST(a_file_that_is_no_such_program_is_refused)
{
	struct elf_image elf;

	eh->e_machine = EM_AARCH64;
	ck_assert_ptr_nonnull(parse(&elf));
	eh->e_machine = EM_X86_64;
	eh->e_ident[EI_CLASS] = ELFCLASS32;
	ck_assert_ptr_nonnull(parse(&elf));
	eh->e_ident[EI_CLASS] = ELFCLASS64;
	file[0] = 'M';
	ck_assert_ptr_nonnull(parse(&elf));
	file[0] = 0x7f;
	ck_assert_ptr_null(parse(&elf));
	for (file_len = 0; file_len < sizeof(*eh); file_len++)
		ck_assert_ptr_nonnull(parse(&elf));
	file_len = sizeof(file);
	ph[0].p_type = ph[1].p_type = PT_DYNAMIC;
	ck_assert_str_eq(parse(&elf), "it has nothing to load");
}
END_TEST

START_TEST(headers_beyond_the_file_are_refused)
{
	struct elf_image elf;

	eh->e_phoff = sizeof(file) - 2 * sizeof(*ph);
	ck_assert_ptr_nonnull(parse(&elf));
	eh->e_phoff = ~0ull;
	ck_assert_ptr_nonnull(parse(&elf));
	eh->e_phoff = sizeof(*eh);
	eh->e_phnum = 0xffff;
	ck_assert_ptr_nonnull(parse(&elf));
	eh->e_phnum = 3;
	eh->e_phentsize = 8;
	ck_assert_ptr_nonnull(parse(&elf));
}
END_TEST

START_TEST(a_segment_that_cannot_be_is_refused)
{
	static const struct {
		uint64_t offset, filesz, memsz, paddr;
	} bad[] = { { ~0ull, 1, 1, 0 },	     { 8192, 1, 1, 0 },	 { 0, 8193, 9000, 0 },	     { 0, 2, 1, 0 },
		    { 0, 1, 1, 1ull << 32 }, { 0, 1, ~0ull, 1 }, { 0, 1, 1ull << 32, 4096 }, { 1, ~0ull, ~0ull, 0 } };
	struct elf_image elf;

	ph[0].p_offset = bad[_i].offset;
	ph[0].p_filesz = bad[_i].filesz;
	ph[0].p_memsz = bad[_i].memsz;
	ph[0].p_paddr = bad[_i].paddr;
	ck_assert_ptr_nonnull(parse(&elf));
}
END_TEST

START_TEST(damaged_notes_say_nothing)
{
	struct elf_image elf;
	uint32_t *head = (uint32_t *)notes;

	head[1] = ~0u;
	ck_assert_ptr_null(parse(&elf));
	ck_assert_int_eq(elf.is_pv, 0);
	head[1] = 8;
	head[0] = ~0u;
	ck_assert_ptr_null(parse(&elf));
	head[0] = 0;
	ck_assert_ptr_null(parse(&elf));
	ck_assert_int_eq(elf.is_pv, 0);
}
END_TEST

START_TEST(any_damage_is_survived)
{
	static char good[sizeof(file)];
	struct elf_image elf;

	memcpy(good, file, sizeof(file));
	for (unsigned step = 0; step < 20000; step++) {
		memcpy(file, good, sizeof(file));
		for (uint64_t n = 1 + test_below(4); n; n--) {
			size_t at = test_below(test_below(2) ? 300 : 2300);

			file[at] = test_below(2) ? (char)test_random() : (char)(test_below(2) ? 0xff : 0);
		}
		file_len = test_below(4) ? sizeof(file) : test_below(sizeof(file));
		parse(&elf);
	}
}
END_TEST

SUITE(elf)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, segments_and_notes_are_found);
	tcase_add_test(tc, a_file_that_is_no_such_program_is_refused);
	tcase_add_test(tc, headers_beyond_the_file_are_refused);
	tcase_add_loop_test(tc, a_segment_that_cannot_be_is_refused, 0, 8);
	tcase_add_test(tc, damaged_notes_say_nothing);
	tcase_add_test(tc, any_damage_is_survived);
}
