/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * acpi.c - the firmware's table of CPUs and interrupt controllers: it is read within its length, whatever it says.
 * Its last byte is the last one before memory that cannot be read.
 */
#include "fuzz.h"

#include <arch/arch.h>
#include <sys/mman.h>

#include "../unit/kernel/fake.h"

#define ROOT 0xe0000ull
#define END  0xf0000ull

static char *at(paddr_t p)
{
	return (char *)mfn_to_virt(p >> PAGE_SHIFT) + (p & (PAGE_SIZE - 1));
}

static void begin(void)
{
	fake_boot(512);
	for (mfn_t m = ROOT >> PAGE_SHIFT; m < END >> PAGE_SHIFT; m++)
		frame_table[m].state = FRAME_STATE(OWNER_KERNEL, 0);
	check_that(!mprotect(at(END - PAGE_SIZE) + PAGE_SIZE, PAGE_SIZE, PROT_NONE));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t length = (uint32_t)(size < 4096 ? size : 4096), root_length = 40;
	paddr_t madt = END - length;

	if (!frame_table)
		begin();
	if (length < 44) /* shorter than its own head: not one that firmware has */
		return 0;
	memset(at(ROOT), 0, PAGE_SIZE);
	memcpy(at(ROOT), "RSD PTR ", 8);
	memcpy(at(ROOT + 16), &(uint32_t){ ROOT + 64 }, 4);
	memcpy(at(ROOT + 64 + 4), &root_length, 4);
	memcpy(at(ROOT + 64 + 36), &madt, 4);
	for (uint32_t i = 0; i < length; i++)
		*at(madt + i) = (char)data[i];
	memcpy(at(madt), "APIC", 4);
	for (uint32_t i = 0; i < 4; i++)
		*at(madt + 4 + i) = (char)(length >> 8 * i);
	fake.found.cpus = 0;
	check_that(acpi_init(ROOT) == ROOT + 64);
	check_that(fake.found.cpus <= (length - 44) / 8);
	return 0;
}
