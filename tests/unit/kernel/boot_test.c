/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * boot_test.c - the kernel's command line, and the first domain, built from the boot archive.
 */
#include "fake.h"

#include <core/boot.h>
#include <core/handle.h>
#include <elf.h>
#include <xen/xen.h>

#define ENTRY (GUISE_NATIVE_BASE + 0x1010)

static struct program {
	Elf64_Ehdr e;
	Elf64_Phdr ph[2];
	char text[64];
} program;

static paddr_t archive_at; /* where the boot loader put it */
static size_t archive_len;

/* One file of a cpio archive (newc). */
static void file(const char *name, const void *data, size_t size)
{
	char *at = (char *)mfn_to_virt(0) + archive_at + archive_len;
	size_t names = strlen(name) + 1, begin = (110 + names + 3) & ~3ul;

	sprintf(at, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 0, 0, 0, 0, 0, 0, (unsigned)size, 0,
		0, 0, 0, (unsigned)names, 0);
	memcpy(at + 110, name, names);
	memcpy(at + begin, data, size);
	archive_len += (begin + size + 3) & ~3ul;
	boot_info.archive_len = archive_len;
}

static void setup(void)
{
	fake_boot(250000);
	for (mfn_t m = 0; m < 0x100; m++)
		frame_table[m].state = FRAME_STATE(OWNER_KERNEL, 0);
	archive_at = boot_info.archive = frame_alloc(6, OWNER_KERNEL) << PAGE_SHIFT;
	strcpy(boot_info.cmdline, "vmm_mem=4 verbose loglevel");
	program = (struct program){ .e = { .e_ident = ELFMAG, .e_machine = EM_X86_64, .e_entry = ENTRY } };
	program.e.e_ident[EI_CLASS] = ELFCLASS64;
	program.e.e_phoff = offsetof(struct program, ph);
	program.e.e_phentsize = sizeof(Elf64_Phdr);
	program.e.e_phnum = 2;
	program.ph[0] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_offset = offsetof(struct program, text), .p_filesz = 64 };
	program.ph[0].p_vaddr = ENTRY - 0x20; /* across a page's end with what follows */
	program.ph[0].p_memsz = 0x3000;
	program.ph[1].p_type = PT_NOTE;
	strcpy(program.text, "the first domain's program");
}

static void build(void)
{
	file("guise.cfg", "guests", 6);
	file("vmm", &program, sizeof(program));
	file("TRAILER!!!", "", 0);
	first_domain_build();
}

START_TEST(words_and_numbers_of_the_command_line_are_found)
{
	strcpy(boot_info.cmdline, "quiet vmm_mem=128 other=x  last");
	ck_assert(boot_flag("quiet") && boot_flag("last") && boot_flag("other"));
	ck_assert(!boot_flag("qui") && !boot_flag("mem") && !boot_flag("ast"));
	ck_assert_uint_eq(boot_number("vmm_mem", 64), 128);
	ck_assert_uint_eq(boot_number("other", 64), 64);
	ck_assert_uint_eq(boot_number("quiet", 64), 64);
	ck_assert_uint_eq(boot_number("absent", 64), 64);
	strcpy(boot_info.cmdline, "n=99999999999999999999999999");
	ck_assert_uint_ge(boot_number("n", 0), 1ull << 40); /* too large, not wrapped around */
}
END_TEST

/* The frame behind a page of the first domain, by its own tables. */
static mfn_t page(uint64_t va)
{
	struct vcpu *v = fake_first();
	struct cpu_result r = cpu_access(v, va, 0);

	ck_assert(r.ok);
	return r.m;
}

START_TEST(the_first_domain_finds_its_program_and_all_it_needs)
{
	const start_info_t *si;
	struct domain *d;
	struct vcpu *v;

	build();
	v = fake_first();
	d = v->domain;
	ck_assert_uint_eq(d->state, GUISE_STATE_RUNNING);
	ck_assert_uint_eq(v->arch.regs.rip, ENTRY);
	ck_assert(!memcmp((char *)mfn_to_virt(page(ENTRY - 0x20)) + 0xff0, program.text, 16));
	ck_assert_str_eq((char *)mfn_to_virt(page(ENTRY)), program.text + 16);
	si = mfn_to_virt(page(v->arch.regs.rsi));
	ck_assert_str_eq(si->magic, "xen-3.0-x86_64");
	ck_assert_str_eq((const char *)si->cmd_line, boot_info.cmdline);
	ck_assert_uint_eq(si->mod_len, archive_len);
	ck_assert_uint_eq(page(si->mod_start), archive_at >> PAGE_SHIFT);
	ck_assert_uint_eq(frame_owner(frame_of(archive_at >> PAGE_SHIFT)), DOMID_FIRST);
	ck_assert_uint_eq(page(si->pt_base), v->arch.root[1]);
	ck_assert_uint_ge(si->nr_pages, 4 << 8); /* vmm_mem and the rest */
	/* The list of frames is right for the first page and the last. */
	ck_assert_uint_eq(*(uint64_t *)mfn_to_virt(page(si->mfn_list)), page(GUISE_NATIVE_BASE));
	ck_assert_uint_eq(fake_m2p(page(GUISE_NATIVE_BASE + (si->nr_pages - 1) * PAGE_SIZE)), si->nr_pages - 1);
}
END_TEST

/* The list of its frames and its tables grow with it, and lie ahead of the archive. */
START_TEST(a_large_first_domain_has_room_for_its_list_and_tables)
{
	const start_info_t *si;
	uint64_t last;

	snprintf(boot_info.cmdline, sizeof(boot_info.cmdline), "vmm_mem=%d", 400 + 125 * _i);
	build();
	si = mfn_to_virt(page(fake_first()->arch.regs.rsi));
	last = si->nr_pages - 1;
	ck_assert(!memcmp(mfn_to_virt(page(si->mod_start)), "070701", 6));
	ck_assert_uint_eq(fake_m2p(page(GUISE_NATIVE_BASE + last * PAGE_SIZE)), last);
	ck_assert_uint_eq(((uint64_t *)mfn_to_virt(page(si->mfn_list + last * 8)))[last % 512],
			  page(GUISE_NATIVE_BASE + last * PAGE_SIZE));
	ck_assert_uint_eq(page(si->pt_base), fake_first()->arch.root[1]);
}
END_TEST

START_TEST(the_first_domain_has_a_right_to_all_there_is)
{
	struct domain *d;

	build();
	d = fake_first()->domain;
	ck_assert(handle_covers(d, GUISE_HANDLE_PORT, NULL, 0, 65536));
	ck_assert(handle_covers(d, GUISE_HANDLE_MMIO, NULL, 0, arch_frames()));
	ck_assert(handle_covers(d, GUISE_HANDLE_IRQ, NULL, 0, 256) &&
		  handle_covers(d, GUISE_HANDLE_MEMORY, NULL, 0, 1));
	ck_assert(handle_covers(d, GUISE_HANDLE_SYSTEM, NULL, 0, 1) &&
		  handle_covers(d, GUISE_HANDLE_DEVICE, NULL, 0, 65536));
}
END_TEST

START_TEST(the_kernel_is_born_and_the_first_domain_runs)
{
	file("vmm", &program, sizeof(program));
	kmain();
}
END_TEST

/* What is wrong with the archive stops the machine; the text says what. */
START_TEST(a_boot_archive_that_cannot_be_used_stops_the_machine)
{
	fake.expect_panic = true;
	switch (_i) {
	case 0:
		boot_info.archive_len = 0;
		first_domain_build();
		break;
	case 1:
		file("guise.cfg", "", 0);
		first_domain_build();
		break;
	case 2:
		program.e.e_machine = EM_386;
		break;
	case 3:
		program.e.e_phnum = 1000;
		break;
	case 4:
		program.ph[0].p_vaddr = 0x1000;
		break;
	case 5:
		program.ph[0].p_filesz = 0x4000;
		break;
	case 6:
		program.ph[0].p_offset = 1 << 20;
		break;
	case 7:
		strcpy(boot_info.cmdline, "vmm_mem=100000");
		break;
	case 8:
		strcpy(boot_info.cmdline, "vmm_mem=1000"); /* more than there is */
		break;
	default:
		boot_info.archive = 0x40ull << PAGE_SHIFT; /* the firmware's, or not RAM */
		frame_table[0x40].state = FRAME_STATE(OWNER_NONE, 0);
		memcpy((char *)mfn_to_virt(0) + boot_info.archive, (char *)mfn_to_virt(0) + archive_at, 8192);
	}
	build();
}
END_TEST

SUITE(boot)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, words_and_numbers_of_the_command_line_are_found);
	tcase_add_test(tc, the_first_domain_finds_its_program_and_all_it_needs);
	tcase_add_loop_test(tc, a_large_first_domain_has_room_for_its_list_and_tables, 0, 5);
	tcase_add_test(tc, the_first_domain_has_a_right_to_all_there_is);
	tcase_add_exit_test(tc, the_kernel_is_born_and_the_first_domain_runs, FAKE_FIRST_RUNS);
	tcase_add_loop_test_raise_signal(tc, a_boot_archive_that_cannot_be_used_stops_the_machine, SIGABRT, 0, 10);
}
