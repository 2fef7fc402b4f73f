/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guise.c - Guise's own calls, from a domain without the right and from one with just so much.
 */
#include <runtime/event.h>
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/io.h>
#include <runtime/start.h>
#include <runtime/string.h>
#include <runtime/window.h>

#include "claim.h"
#include "peer.h"
#include "pt.h"
#include "trap.h"

#define HANDLES 140u /* more than a domain's table has */

static uint32_t odd_handle(unsigned i)
{
	static const uint32_t odd[] = { 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 0x10001 };

	return i < HANDLES ? i : odd[i - HANDLES];
}

#define for_each_handle(h) for (uint32_t i_ = 0, h; i_ < HANDLES + 5 && (h = odd_handle(i_), 1); i_++)

TEST("without a handle no domain is made, filled, read, started, stopped or ended", .watched = 1)
{
	static uint64_t mfns[4];

	for_each_handle(h)
	{
		struct guise_domain_create create = { .memory = h, .domid = 50, .max_frames = 10, .max_vcpus = 1 };
		struct guise_domain_populate populate = { .handle = h, .nr = 1, .mfns = (uint64_t)mfns };
		struct guise_domain_copy copy = {
			.handle = h, .mfn = virt_to_mfn(mfns), .len = 8, .buffer = (uint64_t)mfns
		};
		struct guise_domain_start begin = { .handle = h, .rip = 0x200000, .cr3 = virt_to_mfn(mfns) };
		struct guise_domain_info info = { .handle = h };
		static struct guise_domain_count count;
		struct guise_domain_sched sched = { .handle = h, .weight = 256 };
		struct guise_domain_info counters = { .handle = h };

		expect_eq(guise_domain(GUISE_DOMAIN_CREATE, &create), -XEN_EPERM);
		expect_eq(guise_domain(GUISE_DOMAIN_POPULATE, &populate), -XEN_EPERM);
		expect_eq(guise_domain(GUISE_DOMAIN_COPY, &copy), -XEN_EPERM);
		copy.dir = GUISE_COPY_WRITE;
		expect_eq(guise_domain(GUISE_DOMAIN_COPY, &copy), -XEN_EPERM);
		expect_eq(guise_domain(GUISE_DOMAIN_START, &begin), -XEN_EPERM);
		expect_eq(guise_domain_nr(GUISE_DOMAIN_PAUSE, h), -XEN_EPERM);
		expect_eq(guise_domain_nr(GUISE_DOMAIN_UNPAUSE, h), -XEN_EPERM);
		expect_eq(guise_domain_nr(GUISE_DOMAIN_DESTROY, h), -XEN_EPERM);
		expect_eq(guise_domain(GUISE_DOMAIN_SCHED, &sched), -XEN_EPERM);
		sched.op = GUISE_SCHED_SET;
		expect_eq(guise_domain(GUISE_DOMAIN_SCHED, &sched), -XEN_EPERM);
		if (h == GUISE_INFO_SELF)
			continue;
		expect_eq(guise_domain(GUISE_DOMAIN_INFO, &info), -XEN_EPERM);
		expect_eq(guise_domain(GUISE_DOMAIN_INFO, &counters), -XEN_EPERM);
		count.handle = h;
		expect_eq(guise_domain(GUISE_DOMAIN_COUNT, &count), -XEN_EPERM);
	}
}

TEST("a domain learns about itself, and only what is its own")
{
	struct guise_domain_info info = { .handle = GUISE_INFO_SELF };

	expect_eq(guise_domain(GUISE_DOMAIN_INFO, &info), 0);
	expect_eq(info.domid, DOMID_CLAIM);
	expect_eq(info.state, GUISE_STATE_RUNNING);
	expect_eq(info.shared_info_mfn, start->shared_info >> PAGE_SHIFT);
	expect(info.frames >= start->nr_pages && info.frames <= info.max_frames);
	expect(info.hypercalls > 0);
	expect_eq(info.text[0], 0);
	expect_eq(guise_domain(GUISE_DOMAIN_INFO, NULL), -XEN_EFAULT);
	expect_eq(guise_domain(GUISE_DOMAIN_INFO, (void *)0xffff808000100000), -XEN_EFAULT);
}

TEST("what a domain does is counted")
{
	struct guise_domain_info before = { .handle = GUISE_INFO_SELF }, after = before;
	evtchn_bind_ipi_t ipi = { 0 };
	evtchn_send_t send;
	evtchn_close_t close;

	expect_eq(hc_event_channel(EVTCHNOP_bind_ipi, &ipi), 0);
	send.port = close.port = ipi.port;

	expect_eq(guise_domain(GUISE_DOMAIN_INFO, &before), 0);
	expect_eq(hc_event_channel(EVTCHNOP_send, &send), 0);
	expect_eq(guise_domain(GUISE_DOMAIN_INFO, &after), 0);
	expect_eq(after.vcpus, 1);
	expect_eq(after.events_sent, before.events_sent + 1);
	expect_eq(after.events_received, before.events_received + 1);
	expect_eq(after.hypercalls, before.hypercalls + 2);
	expect(after.cpu_ns > before.cpu_ns);
	expect(before.ports > 0 && before.handles == 0 && before.grants == 0 && before.grant_maps == 0);
	expect(before.frames <= before.max_frames && before.kernel_frames <= before.max_kernel_frames);
	expect(before.cache_frames <= before.max_cache_frames);
	expect_eq(hc_event_channel(EVTCHNOP_close, &close), 0);
	expect_eq(guise_domain(GUISE_DOMAIN_INFO, &after), 0);
	expect_eq(after.ports, before.ports - 1);
}

TEST("what the kernel spends on a domain is charged to it, to the page")
{
	struct guise_domain_info before = { .handle = GUISE_INFO_SELF }, after = before;
	struct guise_system_info had, has;
	xen_pfn_t frame[8];
	struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = 8 };

	set_xen_guest_handle(setup.frame_list, frame);
	expect_eq(guise_domain(GUISE_DOMAIN_INFO, &before), 0);
	expect_eq(guise_system(GUISE_SYSTEM_INFO, &had, 0), 0);
	for (unsigned i = 0; i < 600; i++) {
		evtchn_bind_ipi_t ipi = { 0 };

		expect_eq(hc_event_channel(EVTCHNOP_bind_ipi, &ipi), 0);
	}
	expect_eq(hc_grant_table(GNTTABOP_setup_table, &setup, 1), 0);
	expect_eq(guise_system(GUISE_SYSTEM_INFO, &has, 0), 0);
	expect_eq(guise_domain(GUISE_DOMAIN_INFO, &after), 0);
	expect(after.kernel_frames >= before.kernel_frames + 6);
	expect_eq(had.free_frames - has.free_frames,
		  after.kernel_frames - before.kernel_frames + after.frames - before.frames);
}

static struct guise_domain_count counted;

static uint64_t count_of(unsigned what)
{
	counted = (struct guise_domain_count){ .handle = GUISE_INFO_SELF, .timed = 1 };
	expect_eq(guise_domain(GUISE_DOMAIN_COUNT, &counted), 0);
	return counted.crossing[what].count;
}

INSN(emulated, "wbinvd; ud2")
INSN(undefined, "ud2")

TEST("each way into the kernel is counted as what it is", .paging = BOTH)
{
	static const struct {
		unsigned what, more;
	} ways[] = { { __HYPERVISOR_xen_version, 3 }, { GUISE_HC_DOMAIN, 1 },	     { GUISE_CROSSING_EXCEPTION, 2 },
		     { GUISE_CROSSING_EMULATED, 1 },  { GUISE_CROSSING_SYSCALL, 0 }, { __HYPERVISOR_mmuext_op, 1 } };
	uint64_t before[6];

	for (unsigned i = 0; i < 6; i++) {
		before[i] = count_of(ways[i].what);
		for (unsigned n = 0; n < 3; n++)
			hc_xen_version(XENVER_version, NULL);
		expect_trap(TRAP_UD, emulated, 0, 0);
		expect_trap(TRAP_UD, undefined, 0, 0);
		pt_flush();
		expect_eq(count_of(ways[i].what) - before[i], ways[i].more);
	}
	expect(counted.crossing[__HYPERVISOR_xen_version].ticks > 0);
	expect(counted.crossing[GUISE_CROSSING_EXCEPTION].ticks > 0);
	expect(counted.crossing[GUISE_CROSSING_FLUSH].count > 0);
}

TEST("counters are asked for as the header says, or not at all")
{
	counted = (struct guise_domain_count){ .handle = GUISE_INFO_SELF, .vcpu = 1 };
	expect_eq(guise_domain(GUISE_DOMAIN_COUNT, &counted), -XEN_ENOENT);
	counted.vcpu = ~0u;
	expect_eq(guise_domain(GUISE_DOMAIN_COUNT, &counted), -XEN_ENOENT);
	counted.vcpu = 0;
	counted.timed = 2;
	expect_eq(guise_domain(GUISE_DOMAIN_COUNT, &counted), -XEN_EINVAL);
	counted.timed = 0;
	counted.zero = 1;
	expect_eq(guise_domain(GUISE_DOMAIN_COUNT, &counted), -XEN_EINVAL);
	expect_eq(guise_domain(GUISE_DOMAIN_COUNT, NULL), -XEN_EFAULT);
	expect_eq(guise_domain(GUISE_DOMAIN_COUNT, (void *)0xffff808000100000), -XEN_EFAULT);
}

TEST("without a handle no right is derived or dropped")
{
	for_each_handle(h)
	{
		struct guise_handle_derive req = { .parent = h, .domain = h, .first = 0, .nr = 1 };

		expect_eq(guise_handle(GUISE_HANDLE_OP_DERIVE, &req), -XEN_EPERM);
		req.nr = ~0ull;
		expect_eq(guise_handle(GUISE_HANDLE_OP_DERIVE, &req), -XEN_EPERM);
		expect_eq(guise_handle_drop(h), -XEN_EPERM);
	}
	expect_eq(hypercall(GUISE_HC_HANDLE, GUISE_HANDLE_OP_DROP, ~0ull, 0, 0, 0), -XEN_EPERM);
	expect_eq(hypercall(GUISE_HC_HANDLE, GUISE_HANDLE_OP_DROP, 1ull << 32, 0, 0, 0), -XEN_EPERM);
}

TEST("without a handle no interrupt is bound, allocated, freed or acknowledged")
{
	for_each_handle(h)
	{
		for (uint32_t irq = 0; irq < 400; irq += 7) {
			struct guise_irq_bind bind = { .handle = h, .irq = irq };

			expect_eq(guise_irq(GUISE_IRQ_BIND, &bind), -XEN_EPERM);
		}
		struct guise_msi_alloc msi = { .handle = h };

		expect_eq(guise_irq(GUISE_IRQ_MSI_ALLOC, &msi), -XEN_EPERM);
		expect_eq(guise_irq_nr(GUISE_IRQ_MSI_FREE, h), -XEN_EPERM);
		expect(guise_irq_nr(GUISE_IRQ_EOI, h) < 0);
	}
	for (uint32_t n = 0; n < 400; n++)
		expect_eq(guise_irq_nr(GUISE_IRQ_MSI_FREE, n), -XEN_EPERM);
}

TEST("without a handle the machine is neither reset nor counted")
{
	for_each_handle(h) expect_eq(guise_system(GUISE_SYSTEM_RESET, NULL, h), -XEN_EPERM);
	for_each_handle(h) expect_eq(guise_system(GUISE_SYSTEM_COUNTERS, NULL, h), -XEN_EPERM);
}

TEST("anyone may ask for the machine's size")
{
	struct guise_system_info info;

	expect_eq(guise_system(GUISE_SYSTEM_INFO, &info, 0), 0);
	expect(info.total_frames >= info.free_frames && info.free_frames > 0);
	expect_eq(info.max_mfn, max_mfn());
	expect(info.tsc_khz > 0 && info.nr_cpus > 0);
	expect_eq(guise_system(GUISE_SYSTEM_INFO, NULL, 0), -XEN_EFAULT);
}

TEST("unknown operations of Guise's calls answer -ENOSYS, bad addresses -EFAULT")
{
	static const unsigned call[] = { GUISE_HC_DOMAIN, GUISE_HC_HANDLE, GUISE_HC_IRQ, GUISE_HC_SYSTEM };
	static const unsigned structs[] = { GUISE_DOMAIN_CREATE, GUISE_DOMAIN_POPULATE, GUISE_DOMAIN_COPY,
					    GUISE_DOMAIN_START };

	for (unsigned i = 0; i < 4; i++) {
		expect_eq(hypercall(call[i], 50, 0, 0, 0, 0), -XEN_ENOSYS);
		expect_eq(hypercall(call[i], ~0ull, 0, 0, 0, 0), -XEN_ENOSYS);
		expect_eq(hypercall(call[i], 1ull << 32, 0, 0, 0, 0), -XEN_ENOSYS);
	}
	for (unsigned i = 0; i < 4; i++) {
		expect_eq(guise_domain(structs[i], NULL), -XEN_EFAULT);
		expect_eq(guise_domain(structs[i], (void *)0xffff808000100000), -XEN_EFAULT);
		expect_eq(guise_domain(structs[i], (void *)0x8000000000000000), -XEN_EFAULT);
	}
	expect_eq(guise_handle(GUISE_HANDLE_OP_DERIVE, NULL), -XEN_EFAULT);
	expect_eq(guise_irq(GUISE_IRQ_BIND, NULL), -XEN_EFAULT);
	expect_eq(guise_irq(GUISE_IRQ_MSI_ALLOC, NULL), -XEN_EFAULT);
}

/* ---- with a handle for something ---- */

INSN(in_byte, "mov %edi, %edx; in %dx, %al")
INSN(out_byte, "mov %edi, %edx; xor %eax, %eax; out %al, %dx")
INSN(in_long, "mov %edi, %edx; in %dx, %eax")

TEST("a port handle opens its ports and no other", .port = 0x70, .nr_ports = 2)
{
	static const uint16_t others[] = { 0x6f,  0x72,	 0x80, 0x20,  0x21, 0x60,  0x64,
					   0xcf8, 0xcf9, 0xf4, 0x3f8, 0,    0xffff };

	expect(!traps(in_byte, 0x70, 0));
	expect(!traps(in_byte, 0x71, 0));
	outb(0x70, 0);
	expect(inb(0x71) < 0x60); /* seconds, in BCD */
	expect_trap(TRAP_GP, in_long, 0x70, 0);
	expect_trap(TRAP_GP, in_long, 0x6f, 0);
	for (unsigned i = 0; i < 13; i++) {
		expect_trap(TRAP_GP, in_byte, others[i], 0);
		expect_trap(TRAP_GP, out_byte, others[i], 0);
	}
}

TEST("a port handle that is dropped closes its ports at once", .port = 0x70, .nr_ports = 2)
{
	expect(!traps(in_byte, 0x71, 0));
	expect_eq(guise_handle_drop(1), 0);
	expect_eq(guise_handle_drop(1), -XEN_EPERM);
	expect_trap(TRAP_GP, in_byte, 0x71, 0);
	hc_sched(SCHEDOP_yield, NULL);
	expect_trap(TRAP_GP, in_byte, 0x71, 0);
}

TEST("ports of one domain are closed to the other", .port = 0x70, .nr_ports = 2, .peer = 1)
{
	for (unsigned i = 0; i < 10; i++) {
		expect(!traps(in_byte, 0x71, 0));
		expect(!peer_can_in(0x71));
	}
}

TEST("a memory-mapped range opens its frames and no other", .mmio = 0xfed00, .nr_mmio = 1, .paging = BOTH)
{
	uint64_t va = pt_space(), value;
	volatile uint32_t *hpet = mmio_map(0xfed00000, 4096);

	expect(hpet);
	expect(hpet[1] != 0 && hpet[1] != ~0u); /* the period of the HPET's counter */
	expect(!mmio_map(0xfed01000, 8));
	expect(!mmio_map(0xfecff000, 8));
	expect(!mmio_map(0xfee00000, 8));
	pt_set(va, 0xfed00000 | PTE_DATA);
	expect(can_read(va, &value) && value >> 32 == hpet[1]);
	pt_set(va, 0xfed01000 | PTE_DATA);
	expect(!can_read(va, &value));
	expect_eq(guise_handle_drop(1), 0);
	expect(!can_read((uint64_t)hpet, &value));
	pt_set(va, 0xfed00000 | PTE_DATA);
	expect(!can_read(va, &value));
}

TEST("a range of memory-mapped devices never opens RAM", .mmio = 0, .nr_mmio = 0x100000, .paging = BOTH, .watched = 1)
{
	uint64_t va = pt_space(), value;

	for (uint64_t m = 0x100; m <= max_mfn(); m += 1 + random64() % 100) {
		if (is_own(m) || is_lent(m))
			continue;
		pt_set(va, m << PAGE_SHIFT | PTE_DATA);
		if (can_read(va, &value))
			fails(__FILE__, __LINE__, "frame 0x%lx", m);
	}
}

TEST("an interrupt handle binds its interrupts, once, and no other", .irq = 20, .nr_irqs = 2)
{
	struct guise_irq_bind bind = { .handle = 1, .irq = 20, .flags = GUISE_IRQ_LEVEL };
	long port = guise_irq(GUISE_IRQ_BIND, &bind);

	expect(port > 0);
	expect_eq(guise_irq(GUISE_IRQ_BIND, &bind), -XEN_EBUSY);
	expect_eq(guise_irq_nr(GUISE_IRQ_EOI, (uint32_t)port), 0);
	bind.irq = 19;
	expect_eq(guise_irq(GUISE_IRQ_BIND, &bind), -XEN_EPERM);
	bind.irq = 22;
	expect_eq(guise_irq(GUISE_IRQ_BIND, &bind), -XEN_EPERM);
	bind.irq = ~0u;
	expect_eq(guise_irq(GUISE_IRQ_BIND, &bind), -XEN_EPERM);
	bind.irq = 21;
	bind.flags = 4;
	expect_eq(guise_irq(GUISE_IRQ_BIND, &bind), -XEN_EINVAL);
	bind.flags = 0;
	bind.zero = 1;
	expect_eq(guise_irq(GUISE_IRQ_BIND, &bind), -XEN_EINVAL);
	bind.zero = 0;
	event_close((uint32_t)port);
	expect(guise_irq_nr(GUISE_IRQ_EOI, (uint32_t)port) < 0);
	bind.irq = 20;
	expect(guise_irq(GUISE_IRQ_BIND, &bind) > 0);
}

TEST("interrupts come back when their domain ends", .irq = 20, .nr_irqs = 2, .times = 4)
{
	struct guise_irq_bind bind = { .handle = 1, .irq = 20 };

	expect(guise_irq(GUISE_IRQ_BIND, &bind) > 0);
	bind.irq = 21;
	expect(guise_irq(GUISE_IRQ_BIND, &bind) > 0);
}

TEST("messages are allocated within the handle's range, bound, and freed", .irq = GUISE_IRQ_MSI + 60, .nr_irqs = 3)
{
	struct guise_msi_alloc msi[4] = { { .handle = 1 }, { .handle = 1 }, { .handle = 1 }, { .handle = 1 } };
	struct guise_irq_bind bind = { .handle = 1 };
	long n[3], port;

	for (unsigned i = 0; i < 3; i++) {
		n[i] = guise_irq(GUISE_IRQ_MSI_ALLOC, &msi[i]);
		expect(n[i] >= GUISE_IRQ_MSI + 60 && n[i] < GUISE_IRQ_MSI + 63);
		expect_eq(msi[i].address >> 20, 0xfee);
		expect(msi[i].data >= 0x20);
		for (unsigned k = 0; k < i; k++)
			expect(n[k] != n[i] && msi[k].data != msi[i].data);
	}
	expect_eq(guise_irq(GUISE_IRQ_MSI_ALLOC, &msi[3]), -XEN_ENOSPC);
	bind.irq = (uint32_t)n[0];
	bind.flags = GUISE_IRQ_LEVEL;
	expect_eq(guise_irq(GUISE_IRQ_BIND, &bind), -XEN_EINVAL);
	bind.flags = 0;
	port = guise_irq(GUISE_IRQ_BIND, &bind);
	expect(port > 0);
	expect_eq(guise_irq_nr(GUISE_IRQ_MSI_FREE, (uint32_t)n[0]), -XEN_EBUSY);
	event_close((uint32_t)port);
	for (unsigned i = 0; i < 3; i++)
		expect_eq(guise_irq_nr(GUISE_IRQ_MSI_FREE, (uint32_t)n[i]), 0);
	expect_eq(guise_irq_nr(GUISE_IRQ_MSI_FREE, (uint32_t)n[0]), -XEN_ENOENT);
	expect_eq(guise_irq_nr(GUISE_IRQ_MSI_FREE, GUISE_IRQ_MSI), -XEN_EPERM);
	bind.irq = (uint32_t)n[0];
	expect_eq(guise_irq(GUISE_IRQ_BIND, &bind), -XEN_ENOENT);
}

TEST("a holder of a part cannot pass it on without a domain to manage", .port = 0x70, .nr_ports = 2)
{
	for_each_handle(h)
	{
		struct guise_handle_derive req = { .parent = 1, .domain = h, .first = 0x70, .nr = 1 };

		expect_eq(guise_handle(GUISE_HANDLE_OP_DERIVE, &req), -XEN_EPERM);
	}
}
