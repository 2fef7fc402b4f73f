/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pci_test.c - what a driver gets of a device, and what the server makes of the device when the driver is gone.
 *
 * The device has a configuration space behind two ports and its registers in memory. A driver may have written
 * anything to the registers, and may have made the device say anything in its configuration space.
 */
#include "fake.h"

#include <runtime/hypercall.h>
#include <runtime/io.h>
#include <runtime/window.h>

#include "pci.h"

#define BDF	0x0018	/* 00:03.0 */
#define STATUS	0x0010u /* it has capabilities */
#define EXPRESS 0x40
#define MSIX	0x50
#define ENTRIES 8u
#define MEMORY	0x10000u /* bytes of BAR 0, and of what mmio_map() knows */
#define BASE	0xfebc0000u
#define FLR	(1u << 15)
#define ON	0x8000u		     /* of MSI-X: enabled; 0x4000: all masked	*/
#define STARTED (2u | 4u | 1u << 10) /* memory, bus master, no pin */
#define GIVEN	64
#define DRIVER	77 /* the DOMAIN handle */

static union {
	uint8_t byte[256];
	uint32_t word[64];
} space;

static uint32_t bar_mask[6]; /* of each BAR the bits that can be written; 0: there is none */
static uint32_t chosen;	     /* what was written to 0xcf8 */
static unsigned resets;
static uint16_t msix_said[32]; /* what was written to the control of MSI-X */
static unsigned nr_msix_said;
static uint32_t memory[MEMORY / 4];
static struct guise_handle_derive given[GIVEN];
static unsigned nr_given;
static long messages; /* allocated so far */

static struct pci_function function;
static struct guise_device dev;
static struct pci_keep keep;

static void set16(unsigned at, uint16_t v)
{
	memcpy(&space.byte[at], &v, sizeof(v));
}

static uint16_t get16(unsigned at)
{
	uint16_t v;

	memcpy(&v, &space.byte[at], sizeof(v));
	return v;
}

/* ---- the machine ---- */

static void reset(void)
{
	resets++;
	set16(4, 0);
	set16(MSIX + 2, ENTRIES - 1);
	for (unsigned i = 0; i < 6; i++)
		space.word[4 + i] &= ~bar_mask[i];
	memset(memory, 0xff, sizeof(memory));
}

uint32_t inl(uint16_t port)
{
	ck_assert_uint_eq(port, 0xcfc);
	return (chosen >> 8 & 0xffff) == BDF ? space.word[(chosen & 0xff) / 4] : 0xffffffff;
}

void outl(uint16_t port, uint32_t v)
{
	unsigned reg = chosen & 0xff;

	if (port == 0xcf8) {
		ck_assert_uint_eq(v & 0xff000003, 0x80000000);
		chosen = v;
		return;
	}
	ck_assert_uint_eq(port, 0xcfc);
	ck_assert_uint_eq(chosen >> 8 & 0xffff, BDF);
	if (reg == 4) {
		set16(4, (uint16_t)v);
		set16(6, get16(6) & (uint16_t) ~(v >> 16 & 0xf900));
	} else if (reg >= 0x10 && reg < 0x28) {
		uint32_t mask = bar_mask[(reg - 0x10) / 4];

		space.word[reg / 4] = (space.word[reg / 4] & ~mask) | (v & mask);
	} else if (reg == MSIX) {
		msix_said[nr_msix_said++ % 32] = (uint16_t)(v >> 16);
		set16(MSIX + 2, (uint16_t)((v >> 16 & 0xc000) | (get16(MSIX + 2) & 0x7ff)));
	} else if (reg == EXPRESS + 8) {
		if (v & FLR)
			reset();
	}
}

void *mmio_map(uint64_t phys, size_t len)
{
	return phys >= BASE && phys - BASE <= MEMORY && len <= MEMORY - (phys - BASE) ? (char *)memory + (phys - BASE) :
											NULL;
}

long guise_handle(unsigned op, void *arg)
{
	ck_assert_uint_eq(op, GUISE_HANDLE_OP_DERIVE);
	ck_assert_uint_lt(nr_given, GIVEN);
	given[nr_given] = *(struct guise_handle_derive *)arg;
	ck_assert_uint_eq(given[nr_given].domain, DRIVER);
	return 1 + nr_given++;
}

long guise_irq(unsigned op, void *arg)
{
	struct guise_msi_alloc *msi = arg;

	ck_assert_uint_eq(op, GUISE_IRQ_MSI_ALLOC);
	ck_assert_uint_eq(msi->bdf, BDF);
	msi->address = 0xfee00000ull | (uint64_t)messages << 4;
	msi->data = (uint32_t)(0x40 + messages);
	return GUISE_IRQ_MSI + messages++;
}

/* ---- the device ---- */

static void table_is_at(unsigned bar, uint32_t offset, unsigned entries)
{
	uint32_t where = offset | bar;

	memcpy(&space.byte[MSIX + 4], &where, 4);
	set16(MSIX + 2, (uint16_t)(entries - 1));
}

static void setup(void)
{
	function = (struct pci_function){ .bdf = BDF, .vendor = 0x1234, .device = 0x5678, .class_code = 0x020000 };
	space.word[0] = 0x56781234;
	set16(6, STATUS);
	space.byte[0x34] = EXPRESS;
	space.byte[EXPRESS] = 0x10;
	space.byte[EXPRESS + 1] = MSIX;
	space.word[(EXPRESS + 4) / 4] = 1u << 28; /* it can reset its function */
	space.byte[MSIX] = 0x11;
	bar_mask[0] = ~(MEMORY - 1);
	space.word[4] = BASE;
	bar_mask[2] = 0xffe0; /* 32 ports */
	space.word[6] = 0xc000 | 1;
	table_is_at(0, 0x3000, ENTRIES);
	memset(memory, 0, sizeof(memory));
}

static void prepared(void)
{
	ck_assert_ptr_null(pci_prepare(&function, &dev, &keep));
}

static const uint32_t *entry(unsigned i)
{
	return &memory[0x3000 / 4 + i * 4];
}

/* A driver's device: it is on, its BARs are where they were, and its messages are those that were allocated for it. */
static void is_started(void)
{
	ck_assert_uint_eq(get16(4), STARTED);
	ck_assert_uint_eq(space.word[4], BASE);
	ck_assert_uint_eq(space.word[6], 0xc001);
	ck_assert_uint_eq(get16(MSIX + 2), ON | (ENTRIES - 1));
	for (unsigned i = 0; i < PCI_MESSAGES; i++) {
		ck_assert_uint_eq(entry(i)[0], 0xfee00000u | i << 4);
		ck_assert_uint_eq(entry(i)[1], 0);
		ck_assert_uint_eq(entry(i)[2], 0x40 + i);
		ck_assert_uint_eq(entry(i)[3], 0);
	}
	for (unsigned i = PCI_MESSAGES; i < ENTRIES; i++)
		ck_assert_uint_eq(entry(i)[3], 1);
}

/* Is the frame among those of which rights were derived? */
static bool is_given(uint64_t frame)
{
	for (unsigned i = 0; i < nr_given; i++)
		if (given[i].parent == GUISE_ROOT_MMIO && frame - given[i].first < given[i].nr)
			return true;
	return false;
}

START_TEST(a_device_is_made_ready_with_its_messages_in_its_table)
{
	prepared();
	is_started();
	ck_assert_uint_eq(dev.bar[0].base, BASE);
	ck_assert_uint_eq(dev.bar[0].size, MEMORY);
	ck_assert_uint_eq(dev.bar[2].base, 0xc000);
	ck_assert_uint_eq(dev.bar[2].size, 32);
	ck_assert_uint_eq(dev.bar[2].port, 1);
	ck_assert_uint_eq(dev.bar[1].size + dev.bar[3].size + dev.bar[4].size + dev.bar[5].size, 0);
	ck_assert_uint_eq(dev.nr_irqs, PCI_MESSAGES);
	ck_assert_uint_eq(nr_msix_said, 2);
	ck_assert_uint_eq(msix_said[0] & 0xc000, 0xc000); /* nothing is sent while the table is written */
}
END_TEST

static const struct place {
	uint32_t offset;
	unsigned entries;
} places[] = { { 0, 8 }, { 0x3000, 8 }, { 0xf000, 256 }, { 0x2ff0, 2 }, { 0x7000, 2048 }, { 0x8000, 2048 } };

START_TEST(a_driver_gets_its_devices_registers_without_the_pages_of_the_table)
{
	uint32_t first = places[_i].offset, end = first + places[_i].entries * 16;

	table_is_at(0, first, places[_i].entries);
	prepared();
	ck_assert_ptr_null(pci_give(&dev, DRIVER));
	for (uint64_t at = 0; at < MEMORY; at += PAGE_SIZE)
		ck_assert_int_eq(is_given((BASE + at) >> PAGE_SHIFT), at + PAGE_SIZE <= first || at >= end);
	ck_assert(!is_given((BASE - 1) >> PAGE_SHIFT) && !is_given((BASE + MEMORY) >> PAGE_SHIFT));
}
END_TEST

START_TEST(a_driver_gets_one_device_its_ports_and_its_interrupts)
{
	unsigned devices = 0, ports = 0, irqs = 0;

	prepared();
	ck_assert_ptr_null(pci_give(&dev, DRIVER));
	for (unsigned i = 0; i < nr_given; i++) {
		const struct guise_handle_derive *g = &given[i];

		if (g->parent == GUISE_ROOT_DEVICE) {
			devices++;
			ck_assert(g->first == BDF && g->nr == 1);
		} else if (g->parent == GUISE_ROOT_PORT) {
			ports++;
			ck_assert(g->first == 0xc000 && g->nr == 32);
		} else if (g->parent == GUISE_ROOT_IRQ) {
			ck_assert(g->first == GUISE_IRQ_MSI + irqs && g->nr == 1);
			ck_assert_uint_eq(dev.irq_handle[irqs++], i + 1);
		} else {
			ck_assert_uint_eq(g->parent, GUISE_ROOT_MMIO);
		}
	}
	ck_assert_uint_eq(devices, 1);
	ck_assert_uint_eq(ports, 1);
	ck_assert_uint_eq(irqs, PCI_MESSAGES);
}
END_TEST

/* Between two drivers. */
static void lies(unsigned n)
{
	switch (n) {
	case 0: /* the table is elsewhere */
		table_is_at(0, 0x8000, ENTRIES);
		break;
	case 1: /* in a BAR that there is not */
		table_is_at(7, 0x3000, ENTRIES);
		break;
	case 2: /* in another one */
		table_is_at(2, 0, ENTRIES);
		break;
	case 3: /* it is small, or there is none at all */
		table_is_at(0, 0x3ff0, 1);
		break;
	case 4:
		set16(6, 0);
		break;
	case 5:
		space.byte[0x34] = 0;
		break;
	case 6: /* it is not there */
		memset(&space, 0xff, sizeof(space));
		break;
	case 7:
		memset(&space, 0, sizeof(space));
		break;
	}
}

START_TEST(what_a_device_says_of_its_table_later_opens_nothing)
{
	prepared();
	lies(_i);
	ck_assert_ptr_null(pci_give(&dev, DRIVER));
	for (uint64_t at = 0; at < MEMORY; at += PAGE_SIZE)
		ck_assert_int_eq(is_given((BASE + at) >> PAGE_SHIFT), at != 0x3000);
	ck_assert(!is_given((BASE - 1) >> PAGE_SHIFT) && !is_given((BASE + MEMORY) >> PAGE_SHIFT));
}
END_TEST

/* All that a driver can have changed, by its registers or by what its device does: whatever the device reads as, the next
 * driver has it as the first one had. */
static void spoil(void)
{
	memset(memory, 0xa5, sizeof(memory));
	space.word[4] = (space.word[4] & ~bar_mask[0]) | 0xdead0000;
	space.word[6] = 0xd001;
	set16(4, 0x7ff);
	set16(MSIX + 2, 0x4000 | (ENTRIES - 1));
}

START_TEST(the_next_driver_finds_what_the_server_wrote_and_not_what_a_driver_left)
{
	function.vendor = _i ? 0x1234 : 0x8086; /* that one is not reset by its function */
	prepared();
	spoil();
	pci_reset_begin(&dev, &keep, 0);
	ck_assert_uint_eq(resets, (unsigned)_i);
	ck_assert_uint_eq(get16(4) & 4, 0);
	memory[0] = 0;
	ck_assert(pci_reset_done(&dev, &keep));
	spoil();
	pci_restore(&dev, &keep);
	is_started();
	ck_assert_uint_eq(messages, PCI_MESSAGES);
	ck_assert_ptr_null(pci_give(&dev, DRIVER));
	ck_assert(is_given(BASE >> PAGE_SHIFT) && !is_given((BASE + 0x3000) >> PAGE_SHIFT));
}
END_TEST

START_TEST(a_device_that_is_stopped_masters_no_bus)
{
	prepared();
	pci_quiesce(&dev);
	ck_assert_uint_eq(get16(4), 1u << 10);
	spoil();
	pci_quiesce(&dev);
	ck_assert_uint_eq(get16(4), 1u << 10);
}
END_TEST

START_TEST(a_write_to_the_command_clears_no_status)
{
	set16(6, STATUS | 0xf900);
	prepared();
	pci_quiesce(&dev);
	ck_assert_uint_eq(get16(6), STATUS | 0xf900);
}
END_TEST

START_TEST(a_device_without_a_table_in_its_memory_is_not_driven)
{
	static const struct place out[] = { { 0xfff0, 2 }, { MEMORY, 1 }, { 0xfffffff8, 2048 }, { 0x8010, 2048 } };

	for (unsigned i = 0; i < 4; i++) {
		table_is_at(0, out[i].offset, out[i].entries);
		ck_assert_str_eq(pci_prepare(&function, &dev, &keep), "its MSI-X table has no memory");
	}
	for (unsigned bar = 1; bar < 8; bar++) {
		table_is_at(bar, 0, 1);
		ck_assert_str_eq(pci_prepare(&function, &dev, &keep), "its MSI-X table has no memory");
	}
	space.byte[MSIX] = 0x05;
	ck_assert_str_eq(pci_prepare(&function, &dev, &keep), "it has no MSI-X");
	space.byte[MSIX + 1] = EXPRESS; /* a list without end */
	ck_assert_str_eq(pci_prepare(&function, &dev, &keep), "it has no MSI-X");
	ck_assert_int_eq(messages, 0);
}
END_TEST

START_TEST(registers_that_share_a_page_with_others_are_nobodys)
{
	space.word[4] = BASE + 0x800;
	bar_mask[0] = ~0x7ffu;
	table_is_at(0, 0, 8);
	prepared();
	ck_assert_str_eq(pci_give(&dev, DRIVER), "its registers begin in the middle of a page");
}
END_TEST

START_TEST(a_device_that_does_not_answer_is_not_reset)
{
	prepared();
	memset(&space, 0xff, sizeof(space));
	ck_assert(!pci_reset_done(&dev, &keep));
}
END_TEST

/* By their own ways (NVM Express 1.4, 3.1; 82574 data sheet, 10.2.2.1): it is done when the device says so. */
START_TEST(an_nvme_controller_and_a_card_are_reset_when_they_say_so)
{
	function.class_code = 0x010802;
	prepared();
	memory[0x14 / 4] = memory[0x1c / 4] = 1;
	pci_reset_begin(&dev, &keep, 0);
	ck_assert_uint_eq(memory[0x14 / 4], 0);
	ck_assert(!pci_reset_done(&dev, &keep));
	memory[0x1c / 4] = 0;
	ck_assert(pci_reset_done(&dev, &keep));
	function.class_code = 0x020000;
	function.vendor = 0x8086;
	prepared();
	pci_reset_begin(&dev, &keep, 0);
	ck_assert_uint_eq(memory[0] >> 26 & 1, 1);
	ck_assert(!pci_reset_done(&dev, &keep));
	memory[0] = 0;
	ck_assert(pci_reset_done(&dev, &keep));
}
END_TEST

SUITE(pci)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_device_is_made_ready_with_its_messages_in_its_table);
	tcase_add_loop_test(tc, a_driver_gets_its_devices_registers_without_the_pages_of_the_table, 0, 6);
	tcase_add_test(tc, a_driver_gets_one_device_its_ports_and_its_interrupts);
	tcase_add_loop_test(tc, what_a_device_says_of_its_table_later_opens_nothing, 0, 8);
	tcase_add_loop_test(tc, the_next_driver_finds_what_the_server_wrote_and_not_what_a_driver_left, 0, 2);
	tcase_add_test(tc, a_device_that_is_stopped_masters_no_bus);
	tcase_add_test(tc, a_write_to_the_command_clears_no_status);
	tcase_add_test(tc, a_device_without_a_table_in_its_memory_is_not_driven);
	tcase_add_test(tc, registers_that_share_a_page_with_others_are_nobodys);
	tcase_add_test(tc, a_device_that_does_not_answer_is_not_reset);
	tcase_add_test(tc, an_nvme_controller_and_a_card_are_reset_when_they_say_so);
}
