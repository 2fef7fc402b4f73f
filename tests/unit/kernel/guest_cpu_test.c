/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest_cpu_test.c - how a guest sets up its virtual CPU, and what it is told of its world.
 */
#include "fake.h"

#include <arch/arch.h>
#include <arch/layout.h>
#include <arch/percpu.h>
#include <arch/x86.h>
#include <xen/callback.h>
#include <xen/features.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/version.h>

static struct guest g;

static void setup(void)
{
	fake_boot(4096);
	guest_make(&g, 5, 64, GUISE_DOMAIN_STOCK);
}

START_TEST(a_trap_table_ends_with_an_empty_entry)
{
	struct trap_info t[] = { { .vector = 14, .flags = 4, .cs = 0xe033, .address = 0x1000 },
				 { .vector = 3, .flags = 3, .cs = 0xe033, .address = 0x2000 },
				 { 0 } };

	ck_assert_int_eq(hc(g.v, __HYPERVISOR_set_trap_table, PTR(t), 0, 0, 0), 0);
	ck_assert_uint_eq(g.v->arch.trap[14].address, 0x1000);
	ck_assert_uint_eq(g.v->arch.trap[14].masks, 1);
	ck_assert_uint_eq(g.v->arch.trap[3].dpl, 3);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_set_trap_table, 0, 0, 0, 0), 0);
	ck_assert_uint_eq(g.v->arch.trap[14].address, 0);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_set_trap_table, BAD_POINTER, 0, 0, 0), -EFAULT);
}
END_TEST

START_TEST(a_trap_table_without_end_is_not_followed_for_ever)
{
	static struct trap_info t[300];

	for (unsigned i = 0; i < 300; i++)
		t[i] = (struct trap_info){ .vector = (uint8_t)i, .address = 0x1000 };
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_set_trap_table, PTR(t), 0, 0, 0), -EINVAL);
}
END_TEST

static long callback(uint16_t type, uint16_t flags, uint64_t address)
{
	struct callback_register r = { .type = type, .flags = flags, .address = address };

	return hc(g.v, __HYPERVISOR_callback_op, CALLBACKOP_register, PTR(&r), 0, 0);
}

START_TEST(callbacks_are_remembered_with_their_flags)
{
	struct callback_unregister u = { .type = CALLBACKTYPE_syscall };

	ck_assert_int_eq(callback(CALLBACKTYPE_event, 0, 0x1000), 0);
	ck_assert_int_eq(callback(CALLBACKTYPE_syscall, CALLBACKF_mask_events, 0x2000), 0);
	ck_assert_int_eq(callback(CALLBACKTYPE_failsafe, 0, 0x3000), 0);
	ck_assert_int_eq(callback(99, 0, 0x3000), -ENOSYS);
	ck_assert_int_eq(callback(CALLBACKTYPE_event, 0, 1ull << 47), -EINVAL);
	ck_assert_uint_eq(g.v->arch.callback[CALLBACKTYPE_event].address, 0x1000);
	ck_assert_uint_eq(g.v->arch.callback[CALLBACKTYPE_syscall].address, 0x2000);
	ck_assert_uint_eq(g.v->arch.callback[CALLBACKTYPE_syscall].masks, 1);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_callback_op, CALLBACKOP_unregister, PTR(&u), 0, 0), 0);
	ck_assert_uint_eq(g.v->arch.callback[CALLBACKTYPE_syscall].address, 0);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_callback_op, 7, PTR(&u), 0, 0), -ENOSYS);
}
END_TEST

START_TEST(bases_that_are_not_canonical_are_refused)
{
	for (uint64_t which = 0; which < 3; which++) {
		ck_assert_int_eq(hc(g.v, __HYPERVISOR_set_segment_base, which, 1ull << 47, 0, 0), -EINVAL);
		ck_assert_int_eq(hc(g.v, __HYPERVISOR_set_segment_base, which, 0x1000 + which, 0, 0), 0);
	}
	ck_assert_uint_eq(fake_bases.fs, 0x1000 + SEGBASE_FS);
	ck_assert_uint_eq(fake_bases.gs, 0x1000 + SEGBASE_GS_KERNEL);
	ck_assert_uint_eq(g.v->arch.gs_base[0], 0x1000 + SEGBASE_GS_USER);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_set_segment_base, 9, 0, 0, 0), -EINVAL);
}
END_TEST

static long set_ldt(uint64_t at, uint32_t entries)
{
	struct mmuext_op op = { .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = at, .arg2.nr_ents = entries };

	return hc(g.v, __HYPERVISOR_mmuext_op, PTR(&op), 1, 0, DOMID_SELF);
}

START_TEST(a_local_table_is_a_checked_copy_charged_to_the_domain)
{
	static uint64_t ldt[8192];
	uint64_t before = g.d->kernel_pages;

	ldt[0] = 0x00cf93000000ffff; /* data, ring 0 */
	ldt[1] = 0x00008c0000001234; /* a call gate */
	ldt[600] = 0x00cffb000000ffff;
	ck_assert_int_eq(set_ldt(PTR(ldt), 601), 0);
	ck_assert_uint_eq(g.v->arch.ldt[0], 0x00cff3000000ffff);
	ck_assert_uint_eq(g.v->arch.ldt[1], 0);
	ck_assert_uint_eq(g.v->arch.ldt[600], 0x00cffb000000ffff);
	ck_assert_uint_eq(g.d->kernel_pages, before + 2);
	ck_assert_int_eq(set_ldt(PTR(ldt), 8193), -EINVAL);
	ck_assert_int_eq(set_ldt(BAD_POINTER, 5), -EFAULT);
	ck_assert_uint_eq(g.v->arch.ldt_entries, 601);
	ck_assert_int_eq(set_ldt(PTR(ldt), 8192), 0);
	ck_assert_int_eq(set_ldt(0, 0), 0);
	ck_assert_ptr_null(g.v->arch.ldt);
	ck_assert_uint_eq(g.d->kernel_pages, before);
	ck_assert_int_eq(set_ldt(PTR(ldt), 601), 0);
	ck_assert_int_eq(domain_destroy(g.d), 0);
}
END_TEST

START_TEST(io_privilege_is_given_by_call_only)
{
	struct physdev_set_iopl iopl = { 1 };

	ck_assert(!g.v->arch.iopl);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, PTR(&iopl), 0, 0), 0);
	ck_assert(g.v->arch.iopl);
	iopl.iopl = 4;
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, PTR(&iopl), 0, 0), -EINVAL);
	iopl.iopl = 0;
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, PTR(&iopl), 0, 0), 0);
	ck_assert(!g.v->arch.iopl);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_physdev_op, 77, PTR(&iopl), 0, 0), -ENOSYS);
}
END_TEST

START_TEST(assists_that_there_are_can_be_asked_for)
{
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag, 0, 0), 0);
	ck_assert(g.d->runstate_flag);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_vm_assist, VMASST_CMD_disable, VMASST_TYPE_runstate_update_flag, 0, 0),
			 0);
	ck_assert(!g.d->runstate_flag);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_pae_extended_cr3, 0, 0), 0);
	ck_assert_int_lt(hc(g.v, __HYPERVISOR_vm_assist, VMASST_CMD_enable, 1, 0, 0), 0);
	ck_assert_int_lt(hc(g.v, __HYPERVISOR_vm_assist, VMASST_CMD_enable, 200, 0, 0), 0);
	ck_assert_int_lt(hc(g.v, __HYPERVISOR_vm_assist, 2, 5, 0, 0), 0);
}
END_TEST

START_TEST(debug_registers_take_what_harms_nobody)
{
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_set_debugreg, 3, 0x1234, 0, 0), 0);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_get_debugreg, 3, 0, 0, 0), 0x1234);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_set_debugreg, 3, (uint64_t)HC_CONTINUE, 0, 0), -EINVAL);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_set_debugreg, 3, HYPER_START, 0, 0), -EINVAL);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_get_debugreg, 3, 0, 0, 0), 0x1234);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_set_debugreg, 7, 0x333300ffu, 0, 0), 0);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_get_debugreg, 7, 0, 0, 0), 0x333304ffu);
	for (unsigned bit = 0; bit < 64; bit++) {
		bool refused = bit == 13 || bit >= 32 || (bit >= 16 && bit % 4 == 1);

		ck_assert_int_eq(hc(g.v, __HYPERVISOR_set_debugreg, 7, 1ull << bit, 0, 0), refused ? -EINVAL : 0);
	}
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_set_debugreg, 4, 0, 0, 0), -EINVAL);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_set_debugreg, 8, 0, 0, 0), -EINVAL);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_get_debugreg, ~0ull, 0, 0, 0), -EINVAL);
}
END_TEST

/* ---- what it is told ---- */

static long version(unsigned cmd, void *p)
{
	return hc(g.v, __HYPERVISOR_xen_version, cmd, PTR(p), 0, 0);
}

START_TEST(no_version_text_is_longer_than_its_room)
{
	static const struct {
		unsigned cmd, room;
	} texts[] = { { XENVER_extraversion, XEN_EXTRAVERSION_LEN },
		      { XENVER_capabilities, sizeof(xen_capabilities_info_t) },
		      { XENVER_changeset, sizeof(xen_changeset_info_t) },
		      { XENVER_guest_handle, sizeof(xen_domain_handle_t) } };

	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++) {
		char *room = malloc(texts[i].room); /* the sanitizer watches its end */

		ck_assert_int_eq(version(texts[i].cmd, room), 0);
		ck_assert_ptr_nonnull(memchr(room, 0, texts[i].room));
		free(room);
		ck_assert_int_eq(version(texts[i].cmd, (void *)BAD_POINTER), -EFAULT);
	}
	ck_assert_int_eq(version(XENVER_version, NULL), 4 << 16 | 17);
	ck_assert_int_eq(version(99, NULL), -ENOSYS);
}
END_TEST

START_TEST(the_kernels_range_is_where_it_is_said_to_begin)
{
	xen_platform_parameters_t p;
	struct xen_machphys_mapping m;

	ck_assert_int_eq(version(XENVER_platform_parameters, &p), 0);
	ck_assert_uint_eq(p.virt_start, HYPER_START);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_memory_op, XENMEM_machphys_mapping, PTR(&m), 0, 0), 0);
	ck_assert_uint_eq(m.v_start, M2P_VIRT);
	ck_assert_uint_ge(m.v_end, m.v_start + frame_max * 8);
	ck_assert_uint_eq(m.max_mfn, frame_max - 1);
}
END_TEST

START_TEST(features_beyond_the_first_word_are_none)
{
	struct xen_feature_info f = { .submap_idx = 0 };

	ck_assert_int_eq(version(XENVER_get_features, &f), 0);
	ck_assert_uint_eq(f.submap >> XENFEAT_mmu_pt_update_preserve_ad & 1, 1);
	ck_assert_uint_eq(f.submap >> XENFEAT_auto_translated_physmap & 1, 0);
	f.submap_idx = 1;
	ck_assert_int_eq(version(XENVER_get_features, &f), 0);
	ck_assert_uint_eq(f.submap, 0);
}
END_TEST

START_TEST(the_memory_map_has_room_for_the_balloon)
{
	struct {
		uint64_t start, size;
		uint32_t type;
	} __attribute__((packed)) e = { 0 };
	struct xen_memory_map map = { .nr_entries = 1 };

	set_xen_guest_handle(map.buffer, &e);
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_memory_op, XENMEM_memory_map, PTR(&map), 0, 0), 0);
	ck_assert_uint_eq(map.nr_entries, 1);
	ck_assert_uint_eq(e.start, 0);
	ck_assert_uint_eq(e.type, 1);
	ck_assert_uint_ge(e.size, 64 * PAGE_SIZE);
	ck_assert_uint_le(e.size, g.d->max_frames * PAGE_SIZE);
	map.nr_entries = 0;
	ck_assert_int_eq(hc(g.v, __HYPERVISOR_memory_op, XENMEM_memory_map, PTR(&map), 0, 0), -EINVAL);
	ck_assert_uint_eq(hc(g.v, __HYPERVISOR_memory_op, XENMEM_current_reservation, 0, 0, 0), g.d->frames);
}
END_TEST

START_TEST(bases_of_segments_are_read_as_they_were_written)
{
	static const uint32_t msrs[] = { MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE };
	uint64_t value;

	for (unsigned i = 0; i < ARRAY_SIZE(msrs); i++)
		ck_assert(guest_wrmsr(g.v, msrs[i], 0x7000 + i));
	for (unsigned i = 0; i < ARRAY_SIZE(msrs); i++) {
		ck_assert(guest_rdmsr(g.v, msrs[i], &value));
		ck_assert_uint_eq(value, 0x7000 + i);
		ck_assert(!guest_wrmsr(g.v, msrs[i], 1ull << 47)); /* not canonical: #GP */
	}
	ck_assert_uint_eq(fake_bases.fs, 0x7000);
	ck_assert_uint_eq(fake_bases.gs, 0x7001);
}
END_TEST

START_TEST(other_registers_say_what_a_guest_expects_and_writes_change_nothing)
{
	static const uint32_t fixed[] = { MSR_PAT, MSR_APIC_BASE, MSR_TSC_AUX };
	uint64_t before, after;

	for (unsigned i = 0; i < ARRAY_SIZE(fixed); i++) {
		ck_assert(guest_rdmsr(g.v, fixed[i], &before));
		ck_assert(guest_wrmsr(g.v, fixed[i], ~before));
		ck_assert(guest_rdmsr(g.v, fixed[i], &after));
		ck_assert_uint_eq(before, after);
	}
	ck_assert(guest_rdmsr(g.v, MSR_APIC_BASE, &before));
	ck_assert_uint_eq(before & 1u << 8, 1u << 8); /* the boot CPU */
	ck_assert(guest_rdmsr(g.v, MSR_EFER, &before));
	ck_assert_uint_eq(before & (EFER_LMA | EFER_NX | EFER_SCE), EFER_LMA | EFER_NX | EFER_SCE);
	ck_assert(!guest_wrmsr(g.v, MSR_EFER, 0));
	ck_assert(!guest_rdmsr(g.v, MSR_LSTAR, &before));
	ck_assert(!guest_wrmsr(g.v, MSR_LSTAR, 0x1000));
}
END_TEST

SUITE(guest_cpu)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, bases_of_segments_are_read_as_they_were_written);
	tcase_add_test(tc, other_registers_say_what_a_guest_expects_and_writes_change_nothing);
	tcase_add_test(tc, a_trap_table_ends_with_an_empty_entry);
	tcase_add_test(tc, a_trap_table_without_end_is_not_followed_for_ever);
	tcase_add_test(tc, callbacks_are_remembered_with_their_flags);
	tcase_add_test(tc, bases_that_are_not_canonical_are_refused);
	tcase_add_test(tc, a_local_table_is_a_checked_copy_charged_to_the_domain);
	tcase_add_test(tc, io_privilege_is_given_by_call_only);
	tcase_add_test(tc, assists_that_there_are_can_be_asked_for);
	tcase_add_test(tc, debug_registers_take_what_harms_nobody);
	tcase_add_test(tc, no_version_text_is_longer_than_its_room);
	tcase_add_test(tc, the_kernels_range_is_where_it_is_said_to_begin);
	tcase_add_test(tc, features_beyond_the_first_word_are_none);
	tcase_add_test(tc, the_memory_map_has_room_for_the_balloon);
}
