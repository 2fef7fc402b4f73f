/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest.c - domains for tests, made and run by the kernel's own calls.
 */
#include "fake.h"
#include "../../debug/handover.h"

#include <arch/arch.h>
#include <arch/paging.h>
#include <arch/percpu.h>

void guest_make(struct guest *g, uint16_t id, uint32_t nr, uint8_t paging)
{
	struct guise_domain_create how = { .domid = id,
					   .priority = GUISE_PRIO_GUEST,
					   .paging = paging,
					   .max_frames = nr + 64,
					   .max_vcpus = 4,
					   .cache_frames = 64 };
	int err;

	memset(g, 0, sizeof(*g));
	g->d = domain_create(&how, &err);
	ck_assert_msg(g->d != NULL, "domain_create: %d", err);
	for (uint32_t got = 1; got && g->nr < nr; g->nr += got)
		got = domain_populate(g->d, g->nr, nr - g->nr, g->mfn + g->nr);
	ck_assert_uint_eq(g->nr, nr);
	while (tlb_grow(g->d) == HC_CONTINUE)
		;
	g->v = g->d->vcpu[0];
	ck_assert_int_eq(arch_vcpu_start(g->v, 0x1000, 0x2000, 0, g->mfn[0]), 0);
	vcpu_start_first(g->v);
	domain_unpause(g->d);
	guest_run(g);
}

void guest_run(struct guest *g)
{
	for (unsigned i = 0; i < 64; i++) {
		if (schedule() == g->v) {
			boot_cpu.current = boot_cpu.loaded = g->v;
			return;
		}
	}
	ck_abort_msg("domain %u does not get the CPU", g->d->id);
}

long hc(struct vcpu *v, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	struct regs *r = &v->arch.regs;
	long rc;

	r->rdi = a0;
	r->rsi = a1;
	r->rdx = a2;
	r->r10 = a3;
	r->r8 = 0;
	boot_cpu.current = v;
	for (unsigned again = 0; again < 100000; again++) {
		const uint64_t arg[5] = { r->rdi, r->rsi, r->rdx, r->r10, r->r8 };

		rc = hypercall(v, nr, arg);
		handover_over();
		if (rc != HC_CONTINUE)
			return rc;
		fake.continued++;
	}
	ck_abort_msg("hypercall %lu never ends", nr);
}

uint64_t *guest_entry(mfn_t table, unsigned index)
{
	return (uint64_t *)mfn_to_virt(table) + index;
}

mfn_t guest_table(struct guest *g, mfn_t root, uint64_t va, unsigned level, uint32_t *next)
{
	mfn_t table = root;

	for (unsigned l = 4; l > level; l--) {
		uint64_t *e = guest_entry(table, pt_index(va, l));

		if (!(*e & PTE_P)) {
			check_that(*next < g->nr);
			*e = g->mfn[(*next)++] << PAGE_SHIFT | PTE_P | PTE_RW | PTE_U | PTE_A;
		}
		table = pte_mfn(*e);
	}
	return table;
}

void guest_map(struct guest *g, mfn_t root, uint64_t va, uint64_t entry, uint32_t *next)
{
	*guest_entry(guest_table(g, root, va, 1, next), pt_index(va, 1)) = entry;
}
