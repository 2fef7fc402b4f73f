/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hypercall.c - two domains that call the kernel with whatever they like, interrupted all the time.
 *
 * The kernel never stops, and when the domains are gone every frame is back.  The guests' memory is at
 * a fixed address, so that an input can point into it.
 */
#include "fuzz.h"

#include <arch/arch.h>
#include <arch/paging.h>
#include <arch/percpu.h>
#include <core/grant.h>
#include <core/irq.h>
#include <sys/mman.h>

#include "../unit/kernel/fake.h"

#define MEMORY 0x10000000ull
#define BYTES  16384u
#define FRAMES 48u

static const uint8_t numbers[] = {
#define HC(nr, name) nr,
#include <core/hypercalls.def>
#undef HC
};

static struct guest guests[2];

static uint64_t some_pointer(void)
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

static uint64_t some_value(void)
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

static void prepare_memory(void)
{
	uint64_t value;
	const uint8_t *p;
	size_t n;

	if (input_number(1) & 1) {
		value = some_value();
		memcpy((void *)(some_pointer() & ~7ull), &value, 8);
		return;
	}
	value = input_number(2) & (BYTES - 1);
	p = input_bytes(input_number(1) & 63, &n);
	n = MIN(n, BYTES - value);
	memcpy((char *)MEMORY + value, p, n);
}

/* Bring it back to where a call can come from: running, in kernel mode. */
static bool runs(struct guest *g)
{
	if (!domain_runnable(g->d) || !g->d->vcpu[0])
		return false;
	if (g->v->state == VCPU_BLOCKED)
		vcpu_wake(g->v);
	if (g->v->state == VCPU_DOWN)
		return false;
	if (!g->v->arch.kernel_mode)
		toggle_mode(g->v);
	for (unsigned i = 0; i < 8 && g->v->state != VCPU_RUNNING; i++)
		boot_cpu.current = boot_cpu.loaded = schedule();
	boot_cpu.current = boot_cpu.loaded = g->v;
	return g->v->state == VCPU_RUNNING;
}

static void call(void)
{
	unsigned which = (unsigned)input_number(1);
	struct guest *g = &guests[which & 1];
	uint64_t nr = numbers[(which >> 1) % ARRAY_SIZE(numbers)];
	uint64_t op = input_number(1), a1 = some_value(), a2 = some_value(), a3 = some_value();

	if (!runs(g))
		return;
	g->v->arch.regs.rsp = some_pointer();
	/* Most calls begin with the number of an operation. */
	hc(g->v, nr, op & 0x80 ? some_value() : op & 0x3f, a1, a2, a3);
}

static void give(struct domain *d, uint32_t kind, uint64_t first, uint64_t nr, struct domain *target)
{
	struct handle h = { .kind = kind, .first = first, .nr = nr, .target = target };

	if (target)
		domain_ref(target);
	check_that(handle_add(d, &h) > 0);
}

static void begin(void)
{
	uint32_t next = 1;

	fake.preempt = 3;
	fake.now = 1000;
	for (unsigned i = 0; i < 2; i++) {
		guest_make(&guests[i], (uint16_t)(5 + i), FRAMES, i ? GUISE_DOMAIN_NATIVE : GUISE_DOMAIN_STOCK);
		domain_ref(guests[i].d);
		for (unsigned k = 0; k < 8; k++, next = 1)
			guest_map(&guests[i], guests[i].mfn[0], MEMORY + k * PAGE_SIZE,
				  guests[i].mfn[20 + k] << PAGE_SHIFT | 0x67, &next);
	}
	give(guests[0].d, GUISE_HANDLE_MMIO, fake_device(), 4, NULL);
	give(guests[0].d, GUISE_HANDLE_IRQ, 0, 1024, NULL);
	give(guests[0].d, GUISE_HANDLE_PORT, 0, 1024, NULL);
	give(guests[0].d, GUISE_HANDLE_MEMORY, 0, 1, NULL);
	give(guests[0].d, GUISE_HANDLE_DOMAIN, 0, 1, guests[1].d);
}

static void destroy(struct domain *d)
{
	for (unsigned i = 0; i < 1000 && domain_destroy(d) == HC_CONTINUE; i++)
		;
}

/* Domains that were made on the way, then the two; each may hold frames of another. */
static void end(void)
{
	for (unsigned i = 0; i < NR_MSI; i++) /* else they would be gone for the next input */
		if (guests[0].d->state != GUISE_STATE_DYING)
			hc(guests[0].v, GUISE_HC_IRQ, GUISE_IRQ_MSI_FREE, GUISE_IRQ_MSI + i, 0, 0);
	for (unsigned round = 0; round < 3; round++) {
		for (uint16_t id = 1; id < 512; id++) {
			struct domain *d = domain_get(id);

			if (d) {
				destroy(d);
				domain_put(d);
			}
		}
	}
	domain_put(guests[0].d);
	domain_put(guests[1].d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint64_t before;

	if (!before) {
		fake_boot(4096);
		before = frame_free_count();
		check_that(mmap((void *)MEMORY, BYTES, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == (void *)MEMORY);
		fake.memory = MEMORY;
		fake.memory_end = MEMORY + BYTES;
	}
	memset((void *)MEMORY, 0, BYTES);
	fake.console_len = 0;
	begin();
	input_begin(data, size);
	for (unsigned i = 0; input_more() && i < 400; i++) {
		if (input_number(1) & 3)
			prepare_memory();
		else
			call();
	}
	for (unsigned i = 0; i < 2; i++)
		if (guests[i].d->tlb.node)
			tlb_check(guests[i].d);
	end();
	check_msg(frame_free_count() == before, "%ld frames are lost", (long)(before - frame_free_count()));
	return 0;
}
