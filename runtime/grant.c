/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * grant.c - pages lent to other domains, and theirs to us.
 *
 * Our own table is Xen's version 1.  References below GNTTAB_NR_RESERVED_ENTRIES are left to
 * whoever built this domain.  Free entries are chained by their number in next_free.
 */
#include <runtime/grant.h>
#include <runtime/hypercall.h>
#include <runtime/io.h>
#include <runtime/print.h>
#include <runtime/start.h>
#include <runtime/window.h>

#define ENTRIES (GRANT_FRAMES * PAGE_SIZE / sizeof(grant_entry_v1_t))

static grant_entry_v1_t *table;
static uint16_t next_free[ENTRIES];
static uint16_t first_free; /* 0: none */

int grant_offer(uint16_t dom, const void *page, int readonly)
{
	unsigned ref = first_free;

	if (!ref)
		return -XEN_ENOSPC;
	first_free = next_free[ref];
	table[ref].frame = virt_to_mfn(page);
	table[ref].domid = dom;
	/* The flags make the entry valid: they come last. */
	__atomic_store_n(&table[ref].flags, GTF_permit_access | (readonly ? GTF_readonly : 0), __ATOMIC_RELEASE);
	return ref;
}

int grant_end(int ref)
{
	uint16_t flags = __atomic_load_n(&table[ref].flags, __ATOMIC_SEQ_CST);

	do {
		if (flags & (GTF_reading | GTF_writing))
			return -XEN_EBUSY;
	} while (!__atomic_compare_exchange_n(&table[ref].flags, &flags, 0, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	next_free[ref] = first_free;
	first_free = ref;
	return 0;
}

void *grant_map(uint16_t dom, uint32_t ref, int readonly, uint32_t *handle)
{
	void *va = window_alloc(1);
	struct gnttab_map_grant_ref op = {
		.host_addr = (uint64_t)va,
		.flags = GNTMAP_host_map | (readonly ? GNTMAP_readonly : 0),
		.ref = ref,
		.dom = dom,
	};

	if (!va)
		return NULL;
	if (hc_grant_table(GNTTABOP_map_grant_ref, &op, 1) || op.status != GNTST_okay) {
		window_free(va, 1);
		return NULL;
	}
	*handle = op.handle;
	return va;
}

int grant_unmap(void *va, uint32_t handle)
{
	struct gnttab_unmap_grant_ref op = { .host_addr = (uint64_t)va, .handle = handle };
	long rc = hc_grant_table(GNTTABOP_unmap_grant_ref, &op, 1);

	if (rc || op.status != GNTST_okay)
		return rc ? rc : -XEN_EINVAL;
	window_free(va, 1);
	return 0;
}

int grant_copy(gnttab_copy_t *op, unsigned nr)
{
	return hc_grant_table(GNTTABOP_copy, op, nr);
}

void grant_init(void)
{
	xen_pfn_t frame[GRANT_FRAMES];
	struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = GRANT_FRAMES };
	char *va = window_alloc(GRANT_FRAMES);

	set_xen_guest_handle(setup.frame_list, frame);
	if (hc_grant_table(GNTTABOP_setup_table, &setup, 1) || setup.status != GNTST_okay)
		panic("no grant table: %d\n", setup.status);
	for (unsigned i = 0; i < GRANT_FRAMES; i++)
		if (window_map(va + i * PAGE_SIZE, frame[i]))
			panic("the grant table cannot be mapped\n");
	table = (grant_entry_v1_t *)va;
	for (unsigned ref = ENTRIES - 1; ref >= GNTTAB_NR_RESERVED_ENTRIES; ref--) {
		next_free[ref] = first_free;
		first_free = ref;
	}
}
