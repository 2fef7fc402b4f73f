/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * start.c - how a native domain begins and ends, and where its memory is.
 */
#include <runtime/event.h>
#include <runtime/grant.h>
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/print.h>
#include <runtime/start.h>
#include <runtime/store.h>
#include <runtime/window.h>

void runtime_start(const struct start_info *si);

const struct start_info *start;
unsigned pulses;

/* The kernel's page replaces this one, whose own frame is never used again. */
static union {
	struct shared_info info;
	char page[PAGE_SIZE];
} shared_page __attribute__((aligned(4096)));

struct shared_info *const shared = &shared_page.info;

uint64_t virt_to_gfn(const void *p)
{
	uint64_t gfn = ((uint64_t)p - GUISE_NATIVE_BASE) >> PAGE_SHIFT;

	if ((uint64_t)p < GUISE_NATIVE_BASE || gfn >= start->nr_pages)
		panic("%p is not in this domain's memory\n", p);
	return gfn;
}

uint64_t virt_to_mfn(const void *p)
{
	return ((const uint64_t *)start->mfn_list)[virt_to_gfn(p)];
}

uint64_t virt_to_bus(const void *p)
{
	return virt_to_mfn(p) << PAGE_SHIFT | ((uint64_t)p & ~PAGE_MASK);
}

void domain_shutdown(unsigned reason)
{
	struct sched_shutdown shutdown = { .reason = reason };

	hc_sched(SCHEDOP_shutdown, &shutdown);
	for (;;)
		__asm__ volatile("ud2");
}

/* Whoever supervises this domain wants to know that its event loop runs. */
static void pulse(uint32_t port, void *arg)
{
	pulses++;
	event_send(port);
}

void runtime_start(const struct start_info *si)
{
	uint64_t heap = GUISE_NATIVE_BASE + si->first_p2m_pfn * PAGE_SIZE;
	uint64_t end = GUISE_NATIVE_BASE + si->nr_pages * PAGE_SIZE;
	int rc;

	start = si;
	rc = window_map(&shared_page, si->shared_info >> PAGE_SHIFT);
	if (rc)
		panic("shared info cannot be mapped: %d\n", rc);
	heap_init((void *)heap, end - heap);
	event_init();
	grant_init();
	if (si->console.domU.evtchn)
		event_handler(si->console.domU.evtchn, pulse, NULL);
	store_init();
	rc = domain_main();
	domain_shutdown(rc ? SHUTDOWN_crash : SHUTDOWN_poweroff);
}
