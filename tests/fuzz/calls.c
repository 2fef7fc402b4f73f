/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * calls.c - hypercalls of every kind, most of them such as could succeed.
 */
#include "calls.h"

#include "fuzz.h"

#include <arch/arch.h>
#include <arch/paging.h>
#include <core/grant.h>
#include <core/irq.h>
#include <core/timer.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>

static const uint8_t numbers[] = {
#define HC(nr, name) nr,
#include <core/hypercalls.def>
#undef HC
};

struct guest guests[2];

uint64_t some_pointer(void)
{
	return MEMORY + (input_number(2) & (BYTES - 1) & ~(input_number(1) & 1 ? 0 : 7ull));
}

static mfn_t some_frame(void)
{
	unsigned how = (unsigned)input_number(1);
	struct guest *g = &guests[how & 1];

	switch (how >> 1 & 7) {
	case 0:
		return input_number(2) % (frame_max + 8);
	case 1:
		return g->d->shared_mfn;
	case 2:
		return grant_frame(g->d, 0);
	case 3:
		return g->v->arch.root[1];
	default:
		return g->mfn[(how >> 4) % FRAMES];
	}
}

uint64_t some_value(void)
{
	switch (input_number(1) % 6) {
	case 0:
		return input_number(1);
	case 1:
	case 2:
		return some_pointer();
	case 3:
		return some_frame();
	case 4:
		return some_frame() << PAGE_SHIFT | input_number(2);
	default:
		return input_number(8);
	}
}

/* Anything at all. */
static void wild_call(struct guest *g)
{
	uint64_t nr = numbers[input_number(1) % ARRAY_SIZE(numbers)], op = input_number(1);
	uint64_t a1 = some_value(), a2 = some_value(), a3 = some_value();

	g->v->arch.regs.rsp = some_pointer();
	/* Most calls begin with the number of an operation. */
	hc(g->v, nr, op & 0x80 ? some_value() : op & 0x3f, a1, a2, a3);
}

/* What stands at MEMORY in a call that makes sense: fields of a structure, one after the other. */
static char *field_at;

static void field(uint64_t value, unsigned bytes)
{
	field_at = (char *)ALIGN_UP((uint64_t)field_at, (uint64_t)bytes);
	memcpy(field_at, &value, bytes);
	field_at += bytes;
}

static uint64_t some_domain(void)
{
	static const uint16_t ids[] = { DOMID_SELF, 5, 6, 7 };

	return ids[input_number(1) & 3];
}

static uint64_t few(void)
{
	return input_number(1) & 7;
}

static uint64_t some_va(void)
{
	return MEMORY + few() * PAGE_SIZE;
}

static uint64_t some_leaf(void)
{
	return some_frame() << PAGE_SHIFT | (input_number(1) & 0x67);
}

static long call(struct guest *g, uint64_t nr, uint64_t op, uint64_t count)
{
	return hc(g->v, nr, op, MEMORY, count, 0);
}

static void event_call(struct guest *g)
{
	unsigned op = (unsigned)input_number(1) % 11;

	switch (op) {
	case EVTCHNOP_bind_interdomain:
		field(some_domain(), 2);
		field(few(), 4);
		break;
	case EVTCHNOP_alloc_unbound:
		field(some_domain(), 2);
		field(some_domain(), 2);
		break;
	default: /* a port or a number, and a vCPU */
		field(few(), 4);
		field(few() & 1, 4);
	}
	call(g, __HYPERVISOR_event_channel_op, op, 0);
}

static void grant_call(struct guest *g)
{
	unsigned op = (unsigned)few();

	switch (op) {
	case GNTTABOP_map_grant_ref:
		field(some_va(), 8);
		field(GNTMAP_host_map | (input_number(1) & 1 ? GNTMAP_readonly : 0), 4);
		field(few(), 4);
		field(some_domain(), 2);
		break;
	case GNTTABOP_unmap_grant_ref:
		field(0, 8);
		field(0, 8);
		field(few(), 4);
		break;
	case GNTTABOP_copy:
		for (unsigned side = 0; side < 2; side++) {
			field(input_number(1) & 1 ? few() : some_frame(), 8);
			field(some_domain(), 2);
			field(input_number(2) & 0xfff, 2);
			field(0, 4);
		}
		field(input_number(1), 2);
		field(few() & 3, 2);
		break;
	default:
		field(some_domain(), 2);
		field(few(), 4);
		field(0, 2);
		field(MEMORY + 512, 8);
	}
	call(g, __HYPERVISOR_grant_table_op, op, 1);
}

static void mmu_call(struct guest *g)
{
	unsigned n = 1 + (unsigned)few();

	switch (few() & 3) {
	case 0:
		for (unsigned i = 0; i < n; i++) {
			field((some_frame() << PAGE_SHIFT) + few() * 8 + (few() & 3), 8);
			field(some_leaf(), 8);
		}
		hc(g->v, __HYPERVISOR_mmu_update, MEMORY, n, MEMORY + 4096, DOMID_SELF);
		break;
	case 1:
		hc(g->v, __HYPERVISOR_update_va_mapping, some_va(), some_leaf(), few(), 0);
		break;
	default:
		for (unsigned i = 0; i < n; i++) {
			field(input_number(1) % 20, 4);
			field(input_number(1) & 1 ? some_va() : some_frame(), 8);
			field(input_number(1) & 1 ? some_pointer() : few(), 8);
		}
		hc(g->v, __HYPERVISOR_mmuext_op, MEMORY, n, 0, DOMID_SELF);
	}
}

static void memory_call(struct guest *g)
{
	unsigned n = (unsigned)few();

	field(MEMORY + 1024, 8);
	field(n, 8);
	field(0, 4);
	field(0, 4);
	field(DOMID_SELF, 2);
	field_at = (char *)MEMORY + 1024;
	for (unsigned i = 0; i < n; i++)
		field(some_frame(), 8);
	call(g, __HYPERVISOR_memory_op, few() & 1 ? XENMEM_decrease_reservation : XENMEM_populate_physmap, 0);
}

static void vcpu_call(struct guest *g)
{
	field(input_number(1) & 1 ? some_frame() : some_va(), 8);
	field(input_number(2) & 0xfff, 4);
	hc(g->v, __HYPERVISOR_vcpu_op, input_number(1) % 14, few() & 3, MEMORY, 0);
}

static void own_call(struct guest *g)
{
	static const uint8_t own[] = { GUISE_HC_DOMAIN, GUISE_HC_HANDLE, GUISE_HC_IRQ };
	uint64_t nr = own[few() % 3], op = few(), handle = 1 + (few() & 7);

	if (nr == GUISE_HC_DOMAIN && op == GUISE_DOMAIN_CREATE) {
		field(handle, 4);
		field(5 + few(), 2);
		field(few() & 3, 1);
		field(few() & 1, 1);
		field(1 + input_number(1), 8);
		field(1 + few(), 4);
		field(few(), 4);
	} else if (nr == GUISE_HC_DOMAIN && op == GUISE_DOMAIN_POPULATE) {
		field(handle, 4);
		field(few(), 4);
		field(few(), 8);
		field(MEMORY + 1024, 8);
	} else { /* two numbers, then a frame or a range */
		field(handle, 4);
		field(1 + few(), 4);
		field(input_number(1) & 1 ? some_frame() : few(), 8);
		field(few(), 8);
		field(MEMORY + 1024, 8);
	}
	/* Operations that take a number, not a structure. */
	hc(g->v, nr, op, few() & 1 ? handle : MEMORY, 0, 0);
}

static void dma_call(struct guest *g)
{
	unsigned n = 1 + (unsigned)few(), op = (unsigned)few() & 1;

	for (unsigned i = 0; i < n; i++) {
		if (op == GUISE_DMA_UNMAP) {
			field(few(), 4);
			continue;
		}
		field(some_domain(), 2);
		field(few() & 1, 2);
		field(few(), 4);
		field(0, 8);
		field(0, 8);
	}
	call(g, GUISE_HC_DMA, op, n);
}

/* What needs no call: it writes its grant table, touches memory, time goes by, a device interrupts. */
static void without_call(struct guest *g)
{
	static const unsigned access[] = { 0, 2, 16, 0 };
	mfn_t table = grant_frame(g->d, 0);
	uint64_t ref;

	switch (few() & 3) {
	case 0:
		ref = few();
		if (table != INVALID_MFN)
			((grant_entry_v1_t *)mfn_to_virt(table))[ref] =
				(grant_entry_v1_t){ (uint16_t)(few() & 1 ? GTF_permit_access : input_number(2)),
						    (uint16_t)some_domain(), (uint32_t)some_frame() };
		break;
	case 1:
		if (root_cr3(g->v, 1))
			cpu_access(g->v, some_va(), access[few() & 3]);
		break;
	case 2:
		fake.now += input_number(2);
		timer_run();
		break;
	default:
		irq_handle((uint8_t)(0x30 + few()));
	}
}

void some_act(struct guest *g)
{
	static void (*const acts[])(struct guest * g) = { event_call, grant_call, grant_call,	mmu_call, memory_call,
							  vcpu_call,  own_call,	  without_call, dma_call, wild_call };

	field_at = (char *)MEMORY;
	acts[input_number(1) % ARRAY_SIZE(acts)](g);
}
