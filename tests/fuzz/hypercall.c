/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hypercall.c - two domains that call the kernel with whatever they like, interrupted all the time.
 *
 * The kernel never stops, and when the domains are gone every frame is back.
 */
#include "fuzz.h"

#include <arch/arch.h>
#include <arch/percpu.h>
#include <core/grant.h>
#include <core/irq.h>
#include <sys/mman.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>

#include "calls.h"

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

static void give(struct domain *d, uint32_t kind, uint64_t first, uint64_t nr, struct domain *target)
{
	struct handle h = { .kind = kind, .first = first, .nr = nr, .target = target };

	if (target)
		domain_ref(target);
	check_that(handle_add(d, &h) > 0);
}

/* Something to begin with: frames and a port for the other. */
static void offer(unsigned i)
{
	evtchn_alloc_unbound_t port = { .dom = DOMID_SELF, .remote_dom = (domid_t)(6 - i) };
	grant_entry_v1_t *e = mfn_to_virt(grant_frame(guests[i].d, 0));

	for (unsigned k = 1; k < 4; k++)
		e[k] = (grant_entry_v1_t){ (uint16_t)(GTF_permit_access | (k == 2 ? GTF_readonly : 0)),
					   (domid_t)(6 - i), (uint32_t)guests[i].mfn[30 + k] };
	memcpy((void *)MEMORY, &port, sizeof(port));
	check_that(runs(&guests[i]) &&
		   hc(guests[i].v, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, MEMORY, 0, 0) == 0);
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
	for (unsigned i = 0; i < 2; i++)
		offer(i);
	give(guests[0].d, GUISE_HANDLE_MMIO, fake_device(), 4, NULL);
	give(guests[0].d, GUISE_HANDLE_IRQ, 0, 1024, NULL);
	give(guests[0].d, GUISE_HANDLE_PORT, 0, 1024, NULL);
	give(guests[0].d, GUISE_HANDLE_MEMORY, 0, 1, NULL);
	give(guests[0].d, GUISE_HANDLE_DOMAIN, 0, 1, guests[1].d);
}

static void destroy(struct domain *d)
{
	/* Who has the CPU is who came into the kernel last. */
	for (uint32_t i = 0; i < d->max_vcpus; i++)
		if (d->vcpu[i] && d->vcpu[i]->on_cpu)
			boot_cpu.current = boot_cpu.loaded = d->vcpu[i];
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
		unsigned what = (unsigned)input_number(1);

		if (what & 1)
			prepare_memory();
		else if (runs(&guests[what >> 1 & 1]))
			some_act(&guests[what >> 1 & 1]);
	}
	for (unsigned i = 0; i < 2; i++)
		if (guests[i].d->tlb.node)
			tlb_check(guests[i].d);
	end();
	check_msg(frame_free_count() == before, "%ld frames are lost", (long)(before - frame_free_count()));
	return 0;
}
