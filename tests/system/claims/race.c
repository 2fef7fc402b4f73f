/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * race.c - vCPUs of one domain, on as many CPUs as the machine has, work against each other and against the
 * domain's end.  What they share is a few pages, a few places to map them at, and each other.
 */
#include <runtime/event.h>
#include <runtime/grant.h>
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/start.h>
#include <runtime/string.h>
#include <xen/grant_table.h>
#include <xen/memory.h>

#include "claim.h"
#include "peer.h"
#include "pt.h"
#include "smp.h"
#include "trap.h"

#define MS     1000000ull
#define RACERS 3u
#define PLACES 8u
#define PAGES  8u
#define TAG    0x7a67c0de00000000ull

static uint64_t place[PLACES], *entry[PLACES];
static volatile uint64_t mfn[PAGES], gfn[PAGES], did[RACERS + 1];
static volatile uint32_t busy[PAGES];
static volatile int32_t grant_of_peer = -1;

/* Nothing but the stack is this vCPU's own. */
static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* A page goes and another comes; whoever still has it mapped shall not reach what it was. */
static void balloon(unsigned i)
{
	xen_pfn_t frame;
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

	if (__atomic_exchange_n(&busy[i], 1, __ATOMIC_ACQUIRE))
		return;
	frame = mfn[i];
	set_xen_guest_handle(r.extent_start, &frame);
	if (hypercall(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, (uint64_t)&r, 0, 0, 0) == 1) {
		frame = gfn[i];
		while (hypercall(__HYPERVISOR_memory_op, XENMEM_populate_physmap, (uint64_t)&r, 0, 0, 0) != 1)
			;
		mfn[i] = frame;
	}
	__atomic_store_n(&busy[i], 0, __ATOMIC_RELEASE);
}

static void ports(uint64_t x)
{
	static volatile uint32_t last;
	evtchn_bind_ipi_t ipi = { .vcpu = (uint32_t)x % (RACERS + 1) };
	evtchn_alloc_unbound_t open = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
	evtchn_bind_interdomain_t bind = { .remote_dom = DOMID_SELF, .remote_port = last };
	evtchn_bind_vcpu_t to = { .port = last, .vcpu = (uint32_t)(x >> 8) % (RACERS + 1) };
	evtchn_send_t send = { .port = last };
	evtchn_close_t close = { .port = 20 + (uint32_t)(x >> 16) % 100 };
	evtchn_unmask_t unmask = { .port = last };

	if (!hc_event_channel(EVTCHNOP_bind_ipi, &ipi))
		last = ipi.port;
	if (x & 1 && !hc_event_channel(EVTCHNOP_alloc_unbound, &open))
		last = bind.remote_port = open.port;
	hc_event_channel(EVTCHNOP_bind_interdomain, &bind);
	hc_event_channel(EVTCHNOP_bind_vcpu, &to);
	hc_event_channel(EVTCHNOP_send, &send);
	hc_event_channel(EVTCHNOP_unmask, &unmask);
	hc_event_channel(EVTCHNOP_close, &close);
}

static void grants(uint64_t x)
{
	gnttab_map_grant_ref_t map = { .host_addr = place[x % PLACES],
				       .flags = GNTMAP_host_map,
				       .ref = (grant_ref_t)grant_of_peer,
				       .dom = DOMID_PEER };
	gnttab_unmap_grant_ref_t unmap = { .host_addr = map.host_addr, .handle = (grant_handle_t)(x >> 8) % 8 };

	if (grant_of_peer < 0)
		return;
	hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, (uint64_t)&map, 1, 0, 0);
	if (x & 1)
		unmap.handle = map.handle;
	hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, (uint64_t)&unmap, 1, 0, 0);
}

static void racer(uint64_t me)
{
	uint64_t state = random_seed * 2654435761u + me * 0x9e3779b97f4a7c15ull + 1;

	for (;;) {
		uint64_t x = next(&state), at = x >> 8 & (PLACES - 1), page = x >> 16 & (PAGES - 1),
			 other = 1 + (x >> 24) % RACERS;

		switch (x % 16) {
		case 0 ... 3:
			pt_update(entry[at], mfn[page] << PAGE_SHIFT | (x & 1ull << 40 ? PTE_DATA : PTE_RO));
			break;
		case 4:
			pt_update(entry[at], 0);
			break;
		case 5:
			mmuext(MMUEXT_INVLPG_ALL, place[at], 0);
			break;
		case 6:
			mmuext(x & 1ull << 40 ? MMUEXT_TLB_FLUSH_ALL : MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
			break;
		case 7:
			mmuext(MMUEXT_PIN_L1_TABLE, pt_machine(entry[at]) >> PAGE_SHIFT, 0);
			mmuext(MMUEXT_UNPIN_TABLE, pt_machine(entry[at]) >> PAGE_SHIFT, 0);
			break;
		case 8:
		case 9:
			balloon((unsigned)page);
			break;
		case 10:
		case 11:
			ports(x >> 32);
			break;
		case 12:
			if (other != me)
				vcpu_op(x & 1ull << 40 ? VCPUOP_down : VCPUOP_up, other, NULL);
			vcpu_op(VCPUOP_up, 1 + me % RACERS, NULL);
			break;
		case 13:
			grants(x >> 32);
			break;
		case 14:
			vcpu_op(VCPUOP_register_runstate_memory_area, other, &(uint64_t){ place[at] });
			vcpu_op(VCPUOP_register_runstate_memory_area, other, &(uint64_t){ 0 });
			break;
		case 15: /* the kernel reads and writes there in our name */
			hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_status, place[at], 0, 0, 0);
			break;
		}
		did[me]++;
	}
}

static void arena_init(void)
{
	for (unsigned i = 0; i < PLACES; i++) {
		place[i] = pt_space();
		entry[i] = pt_entry(place[i], 1);
		expect(entry[i]);
	}
	for (unsigned i = 0; i < PAGES; i++) {
		uint64_t *p = page_alloc(1);

		expect(p);
		for (unsigned k = 0; k < 512; k++)
			p[k] = TAG | i;
		mfn[i] = virt_to_mfn(p);
		gfn[i] = ((uint64_t)p - GUISE_NATIVE_BASE) >> PAGE_SHIFT;
		pt_set((uint64_t)p, 0); /* reached at the places only */
	}
}

/* A page of ours, a fresh one, or the peer's; run states and port numbers are written there, too. */
static int may_stand_there(uint64_t value)
{
	return value >> 32 == TAG >> 32 || value < 1ull << 48 || value >> 63;
}

static void racers_start(void)
{
	for (unsigned i = 1; i <= RACERS; i++)
		vcpu_start(i, racer, i);
}

static void race(uint64_t ms)
{
	uint64_t end = time_ns() + ms * MS, value;

	while (time_ns() < end) {
		uint64_t at = place[random64() % PLACES] + random64() % 512 * 8;

		if (can_read(at, &value) && !may_stand_there(value))
			fails(__FILE__, __LINE__, "%lx stands at %lx", value, at);
		can_write(at, TAG | 99);
		vcpu_op(VCPUOP_up, 1 + random64() % RACERS, NULL);
	}
}

TEST("vCPUs that race for pages, tables, ports and each other harm nobody, nor does their sudden end",
     .vcpus = RACERS + 1, .paging = BOTH, .watched = 1, .hostile = 1, .times = 3, .seconds = 60, .spare = 64)
{
	uint64_t sum = 0;

	arena_init();
	racers_start();
	race(1500);
	for (unsigned i = 1; i <= RACERS; i++)
		sum += did[i];
	expect(sum > 0);
}

TEST("while vCPUs map and unmap a grant, it is withdrawn and its granter ends", .vcpus = RACERS + 1, .paging = BOTH,
     .peer = 1, .watched = 1, .hostile = 1, .times = 3, .seconds = 60, .spare = 64)
{
	uint64_t page;

	arena_init();
	page = peer_page(NULL);
	for (unsigned i = 0; i < 512; i++)
		peer_poke(page + i * 8, TAG | 77, NULL);
	grant_of_peer = (int32_t)peer_offer(page, 0);
	racers_start();
	race(700);
	peer_withdraw(grant_of_peer);
	grant_of_peer = (int32_t)peer_offer(page, 1);
	race(300);
	peer_end();
	race(300);
}
