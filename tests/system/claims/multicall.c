/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * multicall.c - many calls in one: in order, each with its result, whatever interrupts them.
 */
#include <runtime/event.h>
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/start.h>

#include "claim.h"
#include "pt.h"
#include "trap.h"

static long multicall(multicall_entry_t *e, uint64_t nr)
{
	return hypercall(__HYPERVISOR_multicall, (uint64_t)e, nr, 0, 0, 0);
}

static multicall_entry_t version(void)
{
	return (multicall_entry_t){ .op = __HYPERVISOR_xen_version, .result = 0x77 };
}

TEST("a multicall carries out its entries in order and writes each result", .paging = BOTH)
{
	multicall_entry_t e[6];

	for (unsigned i = 0; i < 4; i++)
		e[i] = (multicall_entry_t){ .op = __HYPERVISOR_set_debugreg, .result = 99, .args = { 1, i * 16 } };
	e[4] = (multicall_entry_t){ .op = __HYPERVISOR_get_debugreg, .args = { 1 } };
	e[5] = version();
	expect_eq(multicall(e, 6), 0);
	for (unsigned i = 0; i < 4; i++)
		expect_eq(e[i].result, 0);
	expect_eq(e[4].result, 48);
	expect_eq(e[5].result, 4 << 16 | 17);
}

TEST("an entry that fails does not stop the others")
{
	multicall_entry_t e[5] = {
		version(), { .op = 63 }, { .op = __HYPERVISOR_set_debugreg, .args = { 9 } }, { .op = ~0ull }, version()
	};

	expect_eq(multicall(e, 5), 0);
	expect_eq(e[1].result, -XEN_ENOSYS);
	expect_eq(e[2].result, -XEN_EINVAL);
	expect_eq(e[3].result, -XEN_ENOSYS);
	expect_eq(e[4].result, 4 << 16 | 17);
}

TEST("a multicall holds neither a multicall nor an iret")
{
	multicall_entry_t inner = version(), e[3] = { { .op = __HYPERVISOR_multicall, .args = { (uint64_t)&inner, 1 } },
						      { .op = __HYPERVISOR_iret },
						      version() };

	expect_eq(multicall(e, 3), 0);
	expect_eq(e[0].result, -XEN_EINVAL);
	expect_eq(e[1].result, -XEN_EINVAL);
	expect_eq(inner.result, 0x77);
	expect_eq(e[2].result, 4 << 16 | 17);
}

TEST("a multicall whose entries cannot be read or written is -EFAULT from there on", .paging = BOTH)
{
	multicall_entry_t *two = page_alloc(2), *e = two + PAGE_SIZE / sizeof(*two) - 2;

	expect_eq(multicall(NULL, 0), 0);
	expect_eq(multicall(NULL, 1), -XEN_EFAULT);
	expect_eq(multicall((void *)0xffff808000000000, 1), -XEN_EFAULT);
	expect_eq(multicall((void *)0x8000000000000000, 1), -XEN_EFAULT);
	e[0] = e[1] = version();
	hc_update_va_mapping((uint64_t)two + PAGE_SIZE, 0);
	expect_eq(multicall(e, ~0ull), -XEN_EFAULT);
	expect_eq(e[0].result, 4 << 16 | 17);
	e[0].result = 0;
	hc_update_va_mapping((uint64_t)two, virt_to_bus(two) | PTE_RO);
	expect_eq(multicall(e, 1), -XEN_EFAULT);
}

TEST("each entry of a long multicall is carried out once, whatever interrupts it", .paging = BOTH)
{
	unsigned nr = 1000;
	multicall_entry_t *e = page_alloc(20);
	struct evtchn_alloc_unbound *op = page_alloc(4);
	struct vcpu_set_singleshot_timer t;
	uint8_t seen[4096] = { 0 };

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < nr; i++) {
			op[i] = (struct evtchn_alloc_unbound){ .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
			e[i] = (multicall_entry_t){ .op = __HYPERVISOR_event_channel_op,
						    .result = 1,
						    .args = { EVTCHNOP_alloc_unbound, (uint64_t)&op[i] } };
		}
		t = (struct vcpu_set_singleshot_timer){ .timeout_abs_ns = time_ns() + 100000 * (round + 1) };
		hc_vcpu(VCPUOP_set_singleshot_timer, 0, &t);
		expect_eq(multicall(e, nr), 0);
		for (unsigned i = 0; i < nr; i++) {
			expect_eq(e[i].result, 0);
			expect(op[i].port < 4096 && !seen[op[i].port]);
			seen[op[i].port] = 1;
		}
	}
}

TEST("a call inside a multicall that is interrupted goes on where it was", .paging = BOTH, .pages = 900)
{
	struct vcpu_set_singleshot_timer t;
	uint32_t count = 4096, done;
	mmu_update_t *u = page_alloc(count * sizeof(*u) / PAGE_SIZE);
	uint64_t va = pt_space(), entry = pt_machine(pt_entry(va, 1)), *page = page_alloc(1);
	multicall_entry_t e[3];

	for (uint32_t i = 0; i < count; i++)
		u[i] = (mmu_update_t){ entry, i % 2 ? virt_to_bus(page) | PTE_DATA : 0 };
	for (unsigned round = 0; round < 8; round++) {
		e[0] = version();
		e[1] = (multicall_entry_t){ .op = __HYPERVISOR_mmu_update,
					    .result = 1,
					    .args = { (uint64_t)u, count, (uint64_t)&done, DOMID_SELF } };
		e[2] = version();
		done = 0;
		t = (struct vcpu_set_singleshot_timer){ .timeout_abs_ns = time_ns() + 40000 * round };
		hc_vcpu(VCPUOP_set_singleshot_timer, 0, &t);
		expect_eq(multicall(e, 3), 0);
		expect_eq(e[1].result, 0);
		expect_eq(done, count);
		expect_eq(e[2].result, 4 << 16 | 17);
	}
}

TEST("a multicall without end is interrupted for others", .hostile = 2, .watched = 1, .seconds = 3)
{
	uint64_t *page = page_alloc(1), va = 1ull << 39, *l3 = pt_page(), *l2 = pt_page(), *l1 = pt_page();
	multicall_entry_t *e = (void *)page;

	/* One page of calls, again and again over 2 MiB. */
	for (unsigned i = 0; i < PAGE_SIZE / sizeof(*e); i++)
		e[i] = version();
	for (unsigned i = 0; i < 512; i++)
		pt_fill(l1, i, virt_to_bus(page) | PTE_DATA);
	pt_fill(l2, 0, virt_to_bus(l1) | PTE_DATA);
	pt_fill(l3, 0, virt_to_bus(l2) | PTE_DATA);
	pt_fill((uint64_t *)start->pt_base, 1, virt_to_bus(l3) | PTE_DATA);
	for (unsigned i = 0; i < 20; i++)
		multicall((void *)va, 512 * PAGE_SIZE / sizeof(*e));
}
