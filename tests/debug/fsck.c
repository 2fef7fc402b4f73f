/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fsck.c - who owns each frame, how often it is held and by what, who uses which grant, which port is bound to which,
 * and what each cached translation and each device reaches: all derived anew, and compared with the kernel's books.
 *
 * Lists are followed, tables are read from one end to the other, and nothing is believed because it was checked when it
 * was entered.  The one rule of isolation is written down here once more (fsck_may_name()).
 */
#include "fsck.h"

#include <arch/arch.h>
#include <arch/iommu.h>
#include <arch/paging.h>
#include <arch/percpu.h>
#include <arch/vtd.h>
#include <core/event.h>
#include <core/grant.h>
#include <core/lib.h>
#include <core/vcpu.h>

#define FRAMES	(1u << 20) /* whose holds are compared: those of 4 GiB	*/
#define NODES	16384u
#define ENTRIES (PAGE_SIZE / sizeof(grant_entry_v1_t))
#define REFS	(GRANT_MAX_FRAMES * ENTRIES)

/* Expect; else say so and leave the function, which could go astray. */
#define expect(cond, ...)                        \
	do {                                     \
		if (!(cond)) {                   \
			fsck_fault(__VA_ARGS__); \
			return;                  \
		}                                \
	} while (0)

static struct domain *domains[MAX_DOMAINS]; /* each counted once by us */
static unsigned nr_domains;
static uint8_t number_of[GUISE_DOMID_LAST + 1]; /* in domains[] + 1, by id */
static uint16_t holds[FRAMES];
static struct guise_system_check seen;

static struct domain *domain_of(uint32_t id)
{
	return id <= GUISE_DOMID_LAST && number_of[id] ? domains[number_of[id] - 1] : NULL;
}

/* ---- translations ---- */

enum { LINKED, FREE, ZOMBIE, ROOT };
static uint32_t refs[NODES];
static uint8_t state[NODES];

static bool is_granted(const struct domain *d, uint32_t table, unsigned index, mfn_t m, bool write)
{
	const struct grant_table *g = d->grants;

	for (uint32_t n = 0; g && n < g->top_map; n++) {
		const struct grant_map *map = grant_map_at(g, n);

		if (map->kind == GRANT_MAP_CPU && map->m == m && (map->writable || !write) &&
		    (table == FRAME_NIL || (map->table == table && map->index == index)))
			return true;
	}
	return false;
}

bool fsck_may_name(struct domain *d, uint32_t table, unsigned index, mfn_t m, bool write)
{
	if (frame_owned_by(m, d->id))
		return true;
	if (m >= frame_max || frame_owner(frame_of(m)) == OWNER_NONE)
		return handle_covers(d, GUISE_HANDLE_MMIO, NULL, m, 1);
	return is_granted(d, table, index, m, write);
}

static unsigned list_mark(struct tlb *t, const struct list *head, uint8_t mark)
{
	unsigned nr = 0;

	list_for_each(l, head) {
		uint64_t n = (uint64_t)(list_entry(l, struct tlb_node, link) - t->node);

		if (n >= t->fresh || state[n]) {
			fsck_fault("node %lu is in two lists", n);
			break;
		}
		state[n] = mark;
		nr++;
	}
	return nr;
}

/* All frames of a 2 MiB entry are the domain's. */
static void large_check(struct domain *d, uint32_t n, uint64_t e)
{
	expect(d->tlb.node[n].level == 2 && !(e & 0x1ff000), "a large entry %lx at level %u", e, d->tlb.node[n].level);
	expect(!(e & PTE_LARGE) || (d->personality & GUISE_PERSONALITY_LARGE && d->paging == GUISE_DOMAIN_NATIVE),
	       "domain %u may have no large pages", d->id);
	for (unsigned i = 0; i < PTE_RUN; i++)
		expect(frame_owned_by(pte_mfn(e) + i, d->id),
		       "domain %u: a large entry names frame %lx, which is not its", d->id, pte_mfn(e) + i);
	seen.translations += PTE_RUN;
}

/* The node behind a 2 MiB entry that stands for its leaves knows of it. */
static void run_check(const struct domain *d, uint32_t n, unsigned index, uint64_t e)
{
	const struct tlb_node *node = &d->tlb.node[node_of_entry(e)];

	expect(node->level == 1, "a large entry over level %u", node->level);
	expect(node->large && node->parent == n && node->index == index, "a node does not know its large entry");
}

static void leaf_check(struct domain *d, uint32_t n, unsigned index, uint64_t e)
{
	mfn_t m = pte_mfn(e);

	expect(!(e & PTE_PS), "node %u: flags %lx of a leaf", n, e);
	expect(fsck_may_name(d, d->tlb.node[n].table, index, m, e & PTE_RW),
	       "domain %u: node %u caches frame %lx, which is not the domain's to use so", d->id, n, m);
	expect(!(e & PTE_OWN) || frame_owned_by(m, d->id), "node %u says that frame %lx is the domain's own", n, m);
	seen.translations++;
}

/* In a root, what the kernel needs there itself. */
static bool is_kernels(unsigned i, uint64_t e)
{
	return e == guest_l4[i] || (i == SLOT_M2P && (e == boot_l4[i] || !e));
}

static void entry_check(struct domain *d, uint32_t n, unsigned i, uint64_t e)
{
	struct tlb *t = &d->tlb;
	const struct tlb_node *node = &t->node[n];
	uint32_t child;

	if (node->level == 4 && slot_is_hypervisor(i)) {
		expect(is_kernels(i, e), "domain %u: slot %u of a root is %lx", d->id, i, e);
		return;
	}
	/* What is not present names no frame: some CPUs would read it by speculation (L1TF). */
	expect((e & PTE_P) || !e, "entry %u of node %u is not present and %lx", i, n, e);
	if (!e)
		return;
	expect(node->lines >> i / 8 & 1, "entry %u of node %u is in no line", i, n);
	expect((e & (PTE_U | PTE_A)) == (PTE_U | PTE_A) && !(e & PTE_G), "flags %lx", e);
	if (node->level == 1) {
		leaf_check(d, n, i, e);
		return;
	}
	if (e & PTE_PS)
		large_check(d, n, e);
	if (e & PTE_LARGE)
		return;
	expect(e & PTE_PS || frame_owned_by(pte_mfn(e), OWNER_KERNEL), "domain %u: node %u links frame %lx", d->id, n,
	       pte_mfn(e));
	child = node_of_entry(e);
	expect(child < t->fresh && (e & PTE_PS || t->page[child] == pte_mfn(e)), "node %u has a wild entry", n);
	expect(t->node[child].level == node->level - 1, "levels %u over %u", node->level, t->node[child].level);
	if (e & PTE_PS)
		run_check(d, n, i, e);
	refs[child]++;
}

static void node_check(struct domain *d, uint32_t n)
{
	struct tlb *t = &d->tlb;
	const struct tlb_node *node = &t->node[n];

	expect(frame_owned_by(t->page[n], OWNER_KERNEL) && frame_table[t->page[n]].cached == n + 1,
	       "the page of node %u does not know it", n);
	if (n >= t->fresh)
		return;
	expect((state[n] == FREE) == (node->level == 0), "node %u of level %u is in the wrong list", n, node->level);
	if (state[n] == FREE)
		return;
	if (node->table != FRAME_NIL) {
		expect(frame_owned_by(node->table, d->id), "node %u caches a foreign table", n);
		expect(frame_table[node->table].cached == n + 1, "frame %x does not know its node", node->table);
	}
	for (unsigned i = 0; i < 512; i++)
		entry_check(d, n, i, node_entries(t, n)[i]);
}

void fsck_tlb(struct domain *d)
{
	struct tlb *t = &d->tlb;
	unsigned nr_free;

	if (!t->node)
		return; /* it dies */
	expect(t->nr <= NODES, "domain %u has %u nodes", d->id, t->nr);
	memset(refs, 0, t->nr * sizeof(refs[0]));
	memset(state, LINKED, t->nr);
	nr_free = t->nr - t->fresh + list_mark(t, &t->free, FREE) + list_mark(t, &t->freed, FREE);
	list_mark(t, &t->zombies, ZOMBIE);
	list_mark(t, &t->roots, ROOT);
	expect(t->used == t->nr - nr_free, "domain %u: %u nodes are used, of %u, and %u free", d->id, t->used, t->nr,
	       nr_free);
	for (uint32_t n = 0; n < t->nr; n++)
		node_check(d, n);
	for (uint32_t n = 0; n < t->fresh; n++) {
		uint32_t counted = t->node[n].level ? t->node[n].refs : 0;

		expect(counted == refs[n], "node %u counts %u references of %u", n, counted, refs[n]);
		expect(state[n] != LINKED || refs[n], "node %u is lost", n);
		expect(state[n] != ZOMBIE || !refs[n], "zombie %u is used", n);
		expect(state[n] != ROOT || t->node[n].level == 4, "root %u is of level %u", n, t->node[n].level);
	}
	for (mfn_t m = 0; m < frame_max; m++)
		if (frame_owned_by(m, d->id) && frame_table[m].cached)
			expect(frame_table[m].cached <= t->fresh && t->node[frame_table[m].cached - 1].table == m,
			       "frame %lx knows node %u, which is another's", m, frame_table[m].cached - 1);
}

/* What a CPU has loaded is the kernel's own root, or one of whom it says. */
static void cpu_check(uint32_t id)
{
	const struct cpu *c = cpu_of(id);
	const struct domain *d = c->tlb_of;
	uint32_t n;

	if (c->cr3 == (uint64_t)boot_l4 - KERNEL_VIRT)
		return;
	expect(d && d->tlb.node && d->tlb.cpus >> id & 1, "CPU %u has root %lx, and nobody knows", id, c->cr3);
	n = frame_table[pte_mfn(c->cr3)].cached - 1;
	expect(n < d->tlb.fresh && d->tlb.page[n] == pte_mfn(c->cr3) && d->tlb.node[n].level == 4,
	       "CPU %u has root %lx, which is none of domain %u", id, c->cr3, d->id);
}

/* ---- devices ---- */

static void dma_check(struct domain *d, uint64_t at, uint64_t e)
{
	uint64_t window = iommu_end() - GRANT_MAX_MAPS;
	const struct grant_map *map;
	mfn_t m = pte_mfn(e);

	seen.dma++;
	if (at < window) {
		expect(at == m && frame_owned_by(m, d->id) && !(frame_of(m)->flags & FRAME_SHARED),
		       "a device of domain %u reaches frame %lx at %lx, which is not its", d->id, m, at << PAGE_SHIFT);
		return;
	}
	expect(at - window < d->grants->top_map, "a device of domain %u reaches frame %lx, which it does not use",
	       d->id, m);
	map = grant_map_at(d->grants, (uint32_t)(at - window));
	expect(map->kind == GRANT_MAP_DMA && map->m == m && (map->writable || !(e & IO_WRITE)),
	       "a device of domain %u reaches frame %lx, which was not granted to it so", d->id, m);
}

static void io_check(struct domain *d, const uint64_t *table, unsigned level, uint64_t first)
{
	for (unsigned i = 0; i < 512; i++) {
		uint64_t at = first + ((uint64_t)i << 9 * (level - 1));

		if (!table[i])
			continue;
		if (level == 1)
			dma_check(d, at, table[i]);
		else if (frame_owned_by(pte_mfn(table[i]), OWNER_KERNEL))
			io_check(d, mfn_to_virt(pte_mfn(table[i])), level - 1, at);
		else
			fsck_fault("a table for devices of domain %u is frame %lx", d->id, pte_mfn(table[i]));
	}
}

/* ---- owners and holds ---- */

static void hold(const struct domain *of, mfn_t m)
{
	if (m == INVALID_MFN)
		return;
	expect(frame_owned_by(m, of->id), "frame %lx is held for domain %u, whose it is not", m, of->id);
	seen.holds++;
	if (m < FRAMES)
		holds[m]++;
}

static void vcpu_holds(const struct vcpu *v)
{
	hold(v->domain, v->info_mfn);
	for (unsigned i = 0; i < 2; i++) {
		hold(v->domain, v->runstate_area.mfn[i]);
		hold(v->domain, v->time_area.mfn[i]);
	}
	if (v->arch.area)
		hold(v->domain, virt_to_mfn(v->arch.area));
}

static void maps_check(const struct domain *d)
{
	const struct grant_table *g = d->grants;
	uint32_t used = 0;

	for (uint32_t n = 0; n < g->top_map; n++) {
		const struct grant_map *map = grant_map_at(g, n);
		const struct domain *from = domain_of(map->from);

		if (map->kind == GRANT_MAP_FREE) {
			expect(n >= g->low_map, "use %u of domain %u is free, which looks from %u on", n, d->id,
			       g->low_map);
			continue;
		}
		used++;
		expect(from && from != d, "domain %u uses a frame of domain %u, which there is not", d->id, map->from);
		hold(from, map->m);
	}
	expect(used == g->nr_maps, "domain %u has %u uses, and counts %u", d->id, used, g->nr_maps);
}

/* What others use of this domain's entries. */
static void uses_check(const struct domain *d)
{
	static struct grant_uses uses[REFS];
	const struct grant_table *g = d->grants;
	uint32_t used = 0;

	if (d->state == GUISE_STATE_DYING)
		return; /* its entries may be gone */
	memset(uses, 0, sizeof(uses));
	for (unsigned i = 0; i < nr_domains; i++) {
		const struct grant_table *o = domains[i]->grants;

		for (uint32_t n = 0; n < o->top_map; n++) {
			const struct grant_map *map = grant_map_at(o, n);

			if (map->kind == GRANT_MAP_FREE || map->from != d->id)
				continue;
			expect(map->ref < g->nr_frames * ENTRIES, "entry %u of domain %u is used", map->ref, d->id);
			uses[map->ref].reads++;
			uses[map->ref].writes = (uint16_t)(uses[map->ref].writes + map->writable);
		}
	}
	for (uint32_t ref = 0; ref < g->nr_frames * ENTRIES; ref++) {
		const struct grant_uses *u = &g->uses[ref / ENTRIES][ref % ENTRIES];

		used += uses[ref].reads != 0;
		seen.uses += uses[ref].reads;
		expect(u->reads == uses[ref].reads && u->writes == uses[ref].writes,
		       "entry %u of domain %u counts %u uses of %u", ref, d->id, u->reads, uses[ref].reads);
	}
	expect(used == g->nr_used, "domain %u counts %u entries that are used, of %u", d->id, g->nr_used, used);
}

/* The frames in its list are those whose owner it is. */
static void list_check(const struct domain *d, uint64_t owned)
{
	uint32_t before = FRAME_NIL;
	uint64_t nr = 0;

	for (uint32_t m = d->frames_head; m != FRAME_NIL; before = m, m = frame_table[m].next) {
		expect(frame_owned_by(m, d->id), "frame %x is in the list of domain %u, whose it is not", m, d->id);
		expect(frame_table[m].prev == before, "frame %x is in a broken list", m);
		expect(++nr <= owned, "the list of domain %u does not end", d->id);
	}
	expect(nr == owned && nr == d->frames, "domain %u owns %lu frames, lists %lu and counts %lu", d->id, owned, nr,
	       d->frames);
}

/* Who there is, by what is owned. */
static void owners_find(void)
{
	static uint64_t owned[MAX_DOMAINS];
	uint64_t nr_free = 0;

	memset(owned, 0, sizeof(owned));
	for (mfn_t m = 0; m < frame_max; m++) {
		const struct frame *f = &frame_table[m];
		uint16_t owner = frame_owner(f);

		if (owner > GUISE_DOMID_LAST) {
			nr_free += owner == OWNER_FREE;
			expect(!FRAME_HOLDS(f->state), "frame %lx is held, and no domain's", m);
			expect(owner == OWNER_KERNEL || !(f->cached || f->flags), "frame %lx is nobody's, and cached",
			       m);
			continue;
		}
		if (!number_of[owner]) {
			struct domain *d = domain_get(owner);

			expect(d && nr_domains < MAX_DOMAINS, "frame %lx is domain %u's, which there is not", m, owner);
			domains[nr_domains++] = d;
			number_of[owner] = (uint8_t)nr_domains;
		}
		owned[number_of[owner] - 1]++;
	}
	seen.frames = frame_max;
	seen.domains = nr_domains;
	expect(nr_free == frame_free_count(), "%lu frames are free, and %lu counted", nr_free, frame_free_count());
	expect(nr_domains == domain_count, "%u domains own frames, and there are %u", nr_domains, domain_count);
	for (unsigned i = 0; i < nr_domains; i++)
		list_check(domains[i], owned[i]);
}

static void holds_check(void)
{
	for (mfn_t m = 0; m < MIN(frame_max, (mfn_t)FRAMES); m++)
		if (frame_owner(&frame_table[m]) <= GUISE_DOMID_LAST)
			expect(FRAME_HOLDS(frame_table[m].state) == holds[m], "frame %lx counts %llu holds of %u", m,
			       FRAME_HOLDS(frame_table[m].state), holds[m]);
}

/* ---- ports, handles and references ---- */

static const struct port *port_of(const struct domain *d, uint32_t n)
{
	return n < NR_PORTS && d->ports[n / PORTS_PER_PAGE] ? &d->ports[n / PORTS_PER_PAGE][n % PORTS_PER_PAGE] : NULL;
}

static void port_check(const struct domain *d, uint32_t n, const struct port *p)
{
	const struct domain *peer = domain_of(p->remote_dom);
	const struct port *other = peer ? port_of(peer, p->remote_port) : NULL;

	seen.ports++;
	if (p->state == PORT_INTERDOMAIN && d->state != GUISE_STATE_DYING)
		expect(other && other->state == PORT_INTERDOMAIN && other->remote_dom == d->id &&
			       other->remote_port == n,
		       "port %u of domain %u is bound to one that is not bound to it", n, d->id);
	if (p->state == PORT_VIRQ)
		expect(domain_vcpu(d, p->vcpu) && d->vcpu[p->vcpu]->virq_port[p->number] == n,
		       "port %u of domain %u is of VIRQ %u, which does not know it", n, d->id, p->number);
}

static uint32_t handles_on(const struct domain *d)
{
	uint32_t nr = 0;

	for (unsigned i = 0; i < nr_domains; i++)
		for (unsigned k = 0; k < NR_HANDLES; k++)
			nr += domains[i]->handles[k].kind == GUISE_HANDLE_DOMAIN && domains[i]->handles[k].target == d;
	return nr;
}

/* It counts as one that it is listed, and each DOMAIN handle, each interrupt that it bound, and us. */
static void ports_check(const struct domain *d)
{
	uint32_t nr = 0, irqs = 0, others;

	for (uint32_t n = 0; n < NR_PORTS; n++) {
		const struct port *p = port_of(d, n);

		if (!p || p->state == PORT_FREE)
			continue;
		nr++;
		irqs += p->state == PORT_IRQ;
		port_check(d, n, p);
	}
	expect(nr == d->nr_ports, "domain %u has %u ports, and counts %u", d->id, nr, d->nr_ports);
	others = handles_on(d) + irqs;
	expect(d->refs == 2 + others, "domain %u counts %u references of %u", d->id, d->refs, 2 + others);
}

/* A CPU has one vCPU at most, and what runs is on one. */
static void vcpus_check(const struct domain *d, uint32_t *cpus)
{
	for (uint32_t i = 0; i < d->max_vcpus; i++) {
		const struct vcpu *v = d->vcpu[i];

		if (!v)
			continue;
		vcpu_holds(v);
		expect(v->state != VCPU_RUNNING || v->on_cpu, "vCPU %u of domain %u runs nowhere", i, d->id);
		if (!v->on_cpu)
			continue;
		expect(!(*cpus >> v->cpu & 1), "vCPU %u of domain %u is on CPU %u, where another is", i, d->id, v->cpu);
		*cpus |= 1u << v->cpu;
	}
}

void fsck(struct guise_system_check *out)
{
	uint32_t cpus = 0;

	nr_domains = 0;
	memset(number_of, 0, sizeof(number_of));
	memset(holds, 0, MIN(frame_max, (mfn_t)FRAMES) * sizeof(holds[0]));
	seen = (struct guise_system_check){ 0 };
	owners_find();
	for (unsigned i = 0; i < nr_domains; i++) {
		struct domain *d = domains[i];

		vcpus_check(d, &cpus);
		ports_check(d);
		maps_check(d);
		uses_check(d);
		fsck_tlb(d);
		if (d->io)
			io_check(d, d->io->root, vtd.levels, 0);
	}
	for (uint32_t i = 0; i < arch_cpu_count(); i++)
		cpu_check(i);
	holds_check();
	for (unsigned i = 0; i < nr_domains; i++)
		domain_put(domains[i]);
	*out = seen;
}
