/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iommu_test.c - what devices reach, and when they do not any more.
 */
#include "fake.h"

#include "iommu_fake.h"

#include <arch/iommu.h>
#include <arch/vtd.h>
#include <core/grant.h>
#include <xen/grant_table.h>
#include <xen/memory.h>

#define DEVICE 0x0123u /* 01:04.3 */
#define OTHER  0x0208u

static struct guest driver, owner;

static void setup(void)
{
	fake_boot(4096);
	guest_make(&driver, 5, 64, GUISE_DOMAIN_NATIVE);
	guest_make(&owner, 6, 64, GUISE_DOMAIN_NATIVE);
	iommu_fake_start(3, 256);
}

static bool reaches(uint16_t bdf, mfn_t m)
{
	struct io_result r = io_access(bdf, m << PAGE_SHIFT, true);

	ck_assert(!r.ok || r.m == m);
	return r.ok;
}

static void offer(uint32_t ref, unsigned frame, uint16_t flags)
{
	grant_entry_v1_t *table = mfn_to_virt(grant_frame(owner.d, 0));

	table[ref] = (grant_entry_v1_t){ GTF_permit_access | flags, 5, (uint32_t)owner.mfn[frame] };
}

static struct guise_dma_map dma_map(uint32_t ref, uint16_t flags)
{
	struct guise_dma_map op = { .domid = 6, .flags = flags, .ref = ref };

	ck_assert_int_eq(hc(driver.v, GUISE_HC_DMA, GUISE_DMA_MAP, PTR(&op), 1, 0), 0);
	ck_assert_int_eq(op.status, 0);
	return op;
}

static long dma_unmap(uint32_t *cookies, uint64_t nr)
{
	return hc(driver.v, GUISE_HC_DMA, GUISE_DMA_UNMAP, PTR(cookies), nr, 0);
}

START_TEST(nobodys_device_reaches_nothing)
{
	ck_assert_uint_eq(io_access(DEVICE, driver.mfn[0] << PAGE_SHIFT, false).reason, 1);
	ck_assert_int_eq(iommu_attach(driver.d, DEVICE), 0);
	ck_assert_uint_eq(io_access(DEVICE + 1, driver.mfn[0] << PAGE_SHIFT, false).reason, 2);
	ck_assert_uint_eq(io_access(OTHER, driver.mfn[0] << PAGE_SHIFT, false).reason, 1);
}
END_TEST

static void reaches_its_owners(void)
{
	ck_assert_int_eq(iommu_attach(driver.d, DEVICE), 0);
	for (mfn_t m = 0; m < frame_max + 8; m++)
		check_msg(reaches(DEVICE, m) == (frame_owned_by(m, 5) && !(frame_of(m)->flags & FRAME_SHARED)),
			  "frame %lx", m);
}

START_TEST(a_device_reaches_its_owners_frames_and_no_others)
{
	reaches_its_owners();
	ck_assert_uint_eq(io_access(DEVICE, 1ull << 39, false).reason, 4);
}
END_TEST

START_TEST(four_levels_do_as_three)
{
	iommu_fake_start(4, 256);
	reaches_its_owners();
	ck_assert_uint_eq(io_access(DEVICE, 1ull << 39, false).reason, 6);
}
END_TEST

START_TEST(what_the_kernel_made_for_it_is_not_reached)
{
	ck_assert_int_eq(iommu_attach(driver.d, DEVICE), 0);
	ck_assert(!reaches(DEVICE, driver.d->shared_mfn));
	ck_assert(!reaches(DEVICE, grant_frame(driver.d, 0)));
}
END_TEST

START_TEST(a_device_has_one_owner)
{
	ck_assert_int_eq(iommu_attach(driver.d, DEVICE), 0);
	ck_assert_int_eq(iommu_attach(owner.d, DEVICE), -EBUSY);
	ck_assert_int_eq(iommu_attach(driver.d, DEVICE), -EBUSY);
	iommu_detach(owner.d, DEVICE);
	ck_assert(reaches(DEVICE, driver.mfn[1]));
	ck_assert_int_eq(iommu_attach(owner.d, OTHER), 0);
	iommu_detach(owner.d, DEVICE);
	ck_assert(reaches(DEVICE, driver.mfn[1]));
	iommu_detach(driver.d, DEVICE);
	ck_assert(!reaches(DEVICE, driver.mfn[1]));
	ck_assert_int_eq(iommu_attach(owner.d, DEVICE), 0);
	ck_assert(!reaches(DEVICE, driver.mfn[1]));
	ck_assert(reaches(DEVICE, owner.mfn[1]));
}
END_TEST

START_TEST(a_device_that_the_firmware_works_with_is_not_given_away)
{
	dmar.nr_reserved = 1;
	dmar.reserved[0].bdf = DEVICE;
	ck_assert_int_eq(iommu_attach(driver.d, DEVICE), -EBUSY);
	ck_assert_int_eq(iommu_attach(driver.d, OTHER), 0);
}
END_TEST

START_TEST(a_frame_that_was_given_back_is_not_reached)
{
	uint64_t mfns[2] = { driver.mfn[40], driver.mfn[41] };
	struct xen_memory_reservation r = { .nr_extents = 2, .domid = DOMID_SELF };

	set_xen_guest_handle(r.extent_start, mfns);
	ck_assert_int_eq(iommu_attach(driver.d, DEVICE), 0);
	ck_assert(reaches(DEVICE, mfns[0]) && reaches(DEVICE, mfns[1]));
	ck_assert_int_eq(hc(driver.v, __HYPERVISOR_memory_op, XENMEM_decrease_reservation, PTR(&r), 0, 0), 2);
	ck_assert(!reaches(DEVICE, mfns[0]) && !reaches(DEVICE, mfns[1]));
}
END_TEST

START_TEST(a_frame_that_came_later_is_reached)
{
	static uint64_t mfns[512];

	ck_assert_int_eq(iommu_attach(driver.d, DEVICE), 0);
	driver.d->max_frames += 600;
	ck_assert_uint_eq(domain_populate(driver.d, 512, 512, mfns), 512);
	for (unsigned i = 0; i < 512; i++)
		check_that(reaches(DEVICE, mfns[i]));
	ck_assert_uint_eq(domain_populate(driver.d, 100, 1, mfns), 1);
	ck_assert(reaches(DEVICE, mfns[0]));
}
END_TEST

START_TEST(a_granted_frame_is_reached_while_it_is_mapped_for_dma)
{
	struct guise_dma_map map;
	struct io_result r;

	ck_assert_int_eq(iommu_attach(driver.d, DEVICE), 0);
	offer(8, 3, 0);
	ck_assert(!reaches(DEVICE, owner.mfn[3]));
	map = dma_map(8, 0);
	r = io_access(DEVICE, map.bus, true);
	ck_assert(r.ok && r.m == owner.mfn[3]);
	ck_assert(!reaches(DEVICE, owner.mfn[3]));
	ck_assert_int_eq(dma_unmap(&map.cookie, 1), 0);
	ck_assert(!io_access(DEVICE, map.bus, false).ok);
}
END_TEST

START_TEST(a_device_only_reads_what_was_mapped_for_reading)
{
	struct guise_dma_map read, write;

	ck_assert_int_eq(iommu_attach(driver.d, DEVICE), 0);
	offer(8, 3, 0);
	read = dma_map(8, GUISE_DMA_RDONLY);
	write = dma_map(8, 0);
	ck_assert(io_access(DEVICE, read.bus, false).ok);
	ck_assert_uint_eq(io_access(DEVICE, read.bus, true).reason, 5);
	ck_assert(io_access(DEVICE, write.bus, true).ok);
	ck_assert_int_eq(dma_unmap(&write.cookie, 1), 0);
	ck_assert(io_access(DEVICE, read.bus, false).ok);
	ck_assert(!io_access(DEVICE, read.bus, true).ok);
}
END_TEST

START_TEST(a_batch_is_unmapped_with_one_flush)
{
	struct guise_dma_map map[GUISE_DMA_BATCH];
	uint32_t cookies[GUISE_DMA_BATCH];
	unsigned waits;

	ck_assert_int_eq(iommu_attach(driver.d, DEVICE), 0);
	offer(8, 3, 0);
	for (unsigned i = 0; i < GUISE_DMA_BATCH; i++) {
		map[i] = dma_map(8, 0);
		cookies[i] = map[i].cookie;
		check_that(io_access(DEVICE, map[i].bus, true).ok);
	}
	waits = iommu_fake.waits;
	ck_assert_int_eq(dma_unmap(cookies, GUISE_DMA_BATCH), 0);
	ck_assert_uint_eq(iommu_fake.waits, waits + 1);
	for (unsigned i = 0; i < GUISE_DMA_BATCH; i++)
		check_that(!io_access(DEVICE, map[i].bus, false).ok);
	ck_assert_uint_eq(FRAME_HOLDS(frame_of(owner.mfn[3])->state), 0);
}
END_TEST

START_TEST(a_batch_is_unmapped_up_to_a_bad_cookie)
{
	struct guise_dma_map a, b;
	uint32_t cookies[3];

	ck_assert_int_eq(iommu_attach(driver.d, DEVICE), 0);
	offer(8, 3, 0);
	a = dma_map(8, 0);
	b = dma_map(8, 0);
	cookies[0] = cookies[1] = a.cookie; /* twice */
	cookies[2] = b.cookie;
	ck_assert(io_access(DEVICE, a.bus, true).ok && io_access(DEVICE, b.bus, true).ok);
	ck_assert_int_eq(dma_unmap(cookies, 3), -EINVAL);
	ck_assert(!io_access(DEVICE, a.bus, true).ok);
	ck_assert(io_access(DEVICE, b.bus, true).ok);
	ck_assert_uint_eq(FRAME_HOLDS(frame_of(owner.mfn[3])->state), 1);
}
END_TEST

START_TEST(a_unit_that_remembers_absence_is_told_of_what_came)
{
	struct guise_dma_map map;
	unsigned waits;
	uint64_t mfn;

	ck_assert_int_eq(iommu_attach(driver.d, DEVICE), 0);
	offer(8, 3, 0);
	waits = iommu_fake.waits;
	map = dma_map(8, 0);
	ck_assert_uint_eq(iommu_fake.waits, waits);
	ck_assert_int_eq(dma_unmap(&map.cookie, 1), 0);
	vtd.caches_absent = true;
	waits = iommu_fake.waits;
	dma_map(8, 0);
	ck_assert_uint_eq(iommu_fake.waits, waits + 1);
	ck_assert_uint_eq(domain_populate(driver.d, 100, 1, &mfn), 1);
	ck_assert_uint_eq(iommu_fake.waits, waits + 2);
}
END_TEST

START_TEST(the_device_of_a_dead_domain_reaches_nothing_and_its_tables_come_back)
{
	struct guise_dma_map map;
	uint64_t before, mfns[64];

	offer(8, 3, 0);
	/* What the bus has is kept. */
	ck_assert_int_eq(iommu_attach(driver.d, DEVICE), 0);
	iommu_forget(driver.d);
	before = frame_free_count();
	ck_assert_int_eq(iommu_attach(driver.d, DEVICE), 0);
	ck_assert_uint_lt(frame_free_count(), before);
	map = dma_map(8, 0);
	memcpy(mfns, driver.mfn, sizeof(mfns));
	ck_assert(io_access(DEVICE, map.bus, true).ok && reaches(DEVICE, mfns[7]));
	domain_ref(driver.d);
	ck_assert_int_eq(domain_destroy(driver.d), 0);
	ck_assert(!io_access(DEVICE, map.bus, true).ok);
	for (unsigned i = 0; i < 64; i++)
		check_that(!reaches(DEVICE, mfns[i]));
	ck_assert_uint_eq(FRAME_HOLDS(frame_of(owner.mfn[3])->state), 0);
	domain_put(driver.d);
	ck_assert_uint_gt(frame_free_count(), before);
	ck_assert_int_eq(iommu_attach(owner.d, DEVICE), 0);
	ck_assert(reaches(DEVICE, owner.mfn[7]));
}
END_TEST

START_TEST(a_device_is_passed_on_by_handle)
{
	struct handle root = { .kind = GUISE_HANDLE_DEVICE, .nr = 65536 };
	struct handle manage = { .kind = GUISE_HANDLE_DOMAIN, .nr = 1, .target = driver.d };
	struct guise_handle_derive req = { .first = DEVICE, .nr = 1 };
	long h;

	domain_ref(driver.d);
	req.parent = (uint32_t)handle_add(owner.d, &root);
	req.domain = (uint32_t)handle_add(owner.d, &manage);
	h = hc(owner.v, GUISE_HC_HANDLE, GUISE_HANDLE_OP_DERIVE, PTR(&req), 0, 0);
	ck_assert_int_gt(h, 0);
	ck_assert(reaches(DEVICE, driver.mfn[1]));
	ck_assert_int_eq(hc(owner.v, GUISE_HC_HANDLE, GUISE_HANDLE_OP_DERIVE, PTR(&req), 0, 0), -EBUSY);
	req.first = OTHER;
	req.nr = 2;
	ck_assert_int_eq(hc(owner.v, GUISE_HC_HANDLE, GUISE_HANDLE_OP_DERIVE, PTR(&req), 0, 0), -EINVAL);
	req.first = 65536;
	req.nr = 1;
	ck_assert_int_eq(hc(owner.v, GUISE_HC_HANDLE, GUISE_HANDLE_OP_DERIVE, PTR(&req), 0, 0), -EPERM);
	ck_assert_int_eq(hc(driver.v, GUISE_HC_HANDLE, GUISE_HANDLE_OP_DROP, (uint64_t)h, 0, 0), 0);
	ck_assert(!reaches(DEVICE, driver.mfn[1]));
}
END_TEST

START_TEST(a_handle_that_finds_no_room_leaves_the_device_nobodys)
{
	struct handle root = { .kind = GUISE_HANDLE_DEVICE, .nr = 65536 }, port = { .kind = GUISE_HANDLE_PORT };
	struct handle manage = { .kind = GUISE_HANDLE_DOMAIN, .nr = 1, .target = driver.d };
	struct guise_handle_derive req = { .first = DEVICE, .nr = 1 };

	domain_ref(driver.d);
	req.parent = (uint32_t)handle_add(owner.d, &root);
	req.domain = (uint32_t)handle_add(owner.d, &manage);
	while (handle_add(driver.d, &port) > 0)
		;
	ck_assert_int_eq(hc(owner.v, GUISE_HC_HANDLE, GUISE_HANDLE_OP_DERIVE, PTR(&req), 0, 0), -ENOSPC);
	ck_assert(!reaches(DEVICE, driver.mfn[1]));
}
END_TEST

START_TEST(ids_run_out_without_harm)
{
	vtd.nr_ids = 2;
	ck_assert_int_eq(iommu_attach(driver.d, DEVICE), 0);
	ck_assert_int_eq(iommu_attach(owner.d, OTHER), -ENOSPC);
	ck_assert(!reaches(OTHER, owner.mfn[1]));
	iommu_forget(driver.d);
	ck_assert_int_eq(iommu_attach(owner.d, OTHER), 0);
	ck_assert(reaches(OTHER, owner.mfn[1]));
}
END_TEST

START_TEST(memory_that_runs_out_leaves_the_device_nobodys)
{
	mfn_t m;

	/* All but the table of the bus and the domain's first. */
	while (frame_free_count() > 8 && (m = frame_alloc(0, OWNER_KERNEL)) != INVALID_MFN)
		;
	ck_assert_int_eq(iommu_attach(driver.d, DEVICE), -ENOMEM);
	ck_assert(!reaches(DEVICE, driver.mfn[1]));
	ck_assert_ptr_null(driver.d->io);
	ck_assert_uint_ge(frame_free_count(), 7);
}
END_TEST

START_TEST(a_large_domain_gets_its_device_before_its_memory)
{
	driver.d->frames += IOMMU_FRAMES;
	ck_assert_int_eq(iommu_attach(driver.d, DEVICE), -E2BIG);
	driver.d->frames -= IOMMU_FRAMES;
	ck_assert_int_eq(iommu_attach(driver.d, DEVICE), 0);
}
END_TEST

START_TEST(without_an_iommu_bus_addresses_are_machine_addresses)
{
	struct guise_dma_map map;

	vtd.on = false;
	ck_assert_int_eq(iommu_attach(driver.d, DEVICE), 0);
	offer(8, 3, 0);
	map = dma_map(8, 0);
	ck_assert_uint_eq(map.bus, owner.mfn[3] << PAGE_SHIFT);
	ck_assert_int_eq(dma_unmap(&map.cookie, 1), 0);
}
END_TEST

static unsigned lines(void)
{
	unsigned n = 0;

	for (size_t i = 0; i < fake.console_len; i++)
		n += fake.console[i] == '\n';
	return n;
}

START_TEST(what_was_blocked_is_told_with_device_owner_and_address_less_and_less_often)
{
	struct guise_domain_info info = { .handle = GUISE_INFO_SELF };

	ck_assert_int_eq(iommu_attach(driver.d, DEVICE), 0);
	fake.console_len = 0;
	iommu_fault(DEVICE, 5, true, 0x1234000);
	fake.console[fake.console_len] = 0;
	ck_assert(strstr(fake.console, "device 01:04.3 of domain 5: DMA to 0x1234000 blocked"));
	for (unsigned i = 1; i < 100; i++)
		iommu_fault(DEVICE, 6, false, 0x1234000);
	ck_assert_uint_eq(lines(), 7); /* 1 2 4 8 16 32 64 */
	ck_assert_int_eq(hc(driver.v, GUISE_HC_DOMAIN, GUISE_DOMAIN_INFO, PTR(&info), 0, 0), 0);
	ck_assert_uint_eq(info.dma_faults, 100);
	fake.console_len = 0;
	iommu_fault(OTHER, 1, false, 0);
	iommu_fault(DEVICE + 1, 2, false, 0);
	iommu_fault(DEVICE + 1, 0x26, false, 0x31ull << 48);
	iommu_fault(DEVICE, 0x26, false, 0x31ull << 48);
	fake.console[fake.console_len] = 0;
	ck_assert(strstr(fake.console, "device 02:01.0 of nobody: DMA from 0x0 blocked"));
	ck_assert_uint_eq(lines(), 2);
	ck_assert_uint_eq(owner.d->dma_faults, 0);
}
END_TEST

SUITE(iommu)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, nobodys_device_reaches_nothing);
	tcase_add_test(tc, a_device_reaches_its_owners_frames_and_no_others);
	tcase_add_test(tc, four_levels_do_as_three);
	tcase_add_test(tc, what_the_kernel_made_for_it_is_not_reached);
	tcase_add_test(tc, a_device_has_one_owner);
	tcase_add_test(tc, a_device_that_the_firmware_works_with_is_not_given_away);
	tcase_add_test(tc, a_frame_that_was_given_back_is_not_reached);
	tcase_add_test(tc, a_frame_that_came_later_is_reached);
	tcase_add_test(tc, a_granted_frame_is_reached_while_it_is_mapped_for_dma);
	tcase_add_test(tc, a_device_only_reads_what_was_mapped_for_reading);
	tcase_add_test(tc, a_batch_is_unmapped_with_one_flush);
	tcase_add_test(tc, a_batch_is_unmapped_up_to_a_bad_cookie);
	tcase_add_test(tc, a_unit_that_remembers_absence_is_told_of_what_came);
	tcase_add_test(tc, the_device_of_a_dead_domain_reaches_nothing_and_its_tables_come_back);
	tcase_add_test(tc, a_device_is_passed_on_by_handle);
	tcase_add_test(tc, a_handle_that_finds_no_room_leaves_the_device_nobodys);
	tcase_add_test(tc, ids_run_out_without_harm);
	tcase_add_test(tc, memory_that_runs_out_leaves_the_device_nobodys);
	tcase_add_test(tc, a_large_domain_gets_its_device_before_its_memory);
	tcase_add_test(tc, without_an_iommu_bus_addresses_are_machine_addresses);
	tcase_add_test(tc, what_was_blocked_is_told_with_device_owner_and_address_less_and_less_often);
}
