/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostile.c - a domain that calls the kernel at random for as long as it lives.
 *
 * Its seed decides all that it does.  vCPU 0 alone makes the first ALONE calls: the same seed makes the same
 * ones, as the digest that it prints shows, but for the numbers of frames and domains that it was given.  Then all
 * of its vCPUs do so at once, and the last one changes arguments, tables and grants while they are read.
 *
 * It is to last: what would hit its own program, page tables or stacks is turned aside.  It dies at times
 * nevertheless; another one takes its place.
 */
#include <runtime/grant.h>
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/print.h>
#include <runtime/start.h>
#include <runtime/string.h>
#include <runtime/window.h>

#include "claim.h"
#include "pt.h"
#include "smp.h"
#include "trap.h"

#define ALONE	 3000u
#define SAY	 500u /* calls from one digest to the next */
#define CALLERS	 3u   /* vCPUs that make calls; one more changes what they point to */
#define ARENA	 16u  /* pages of arguments, for all of them				*/
#define LOOSE	 32u  /* pages that may be lost					*/
#define TABLES	 12u
#define SLOTS	 4u /* of the top table, from 1 on */
#define PLACES	 8u
#define GRANTS	 (GRANT_FRAMES * PAGE_SIZE / sizeof(grant_entry_v1_t))
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char *arena;
static uint64_t loose[LOOSE], table_page[TABLES], place[PLACES]; /* addresses */
static grant_entry_v1_t *grants;
static uint8_t fair[16384]; /* by guest frame: it may be named, written and lost */
static uint16_t me;

struct dice {
	uint64_t state, digest;
	unsigned vcpu;
	int traps_lost; /* its handlers may be others by now */
};

static uint64_t next(struct dice *d)
{
	d->state ^= d->state >> 12;
	d->state ^= d->state << 25;
	d->state ^= d->state >> 27;
	return d->state * 2685821657736338717ull;
}

/* Below n; 0: any number. */
static uint64_t roll(struct dice *d, uint64_t n)
{
	uint64_t x = n ? next(d) % n : next(d);

	d->digest = (d->digest ^ x) * 0x100000001b3ull;
	return x;
}

/* ---- values ---- */

/* A frame of its own that has to stay becomes one that has not. */
static uint64_t frame_aside(uint64_t m)
{
	return is_own(m) && !fair[m2p(m)] ? virt_to_mfn((void *)loose[m % LOOSE]) : m;
}

static uint64_t some_frame(struct dice *d)
{
	uint64_t how = roll(d, 10), x = roll(d, 0);

	switch (how) {
	case 0:
		return start->shared_info >> PAGE_SHIFT;
	case 1:
		return x % 0x200;
	case 2:
		return 0xfec00 + x % 0x400;
	case 3:
		return frame_aside(x % (max_mfn() + 2));
	case 4:
	case 5:
		return virt_to_mfn((void *)table_page[x % TABLES]);
	case 6:
		return virt_to_mfn(arena + x % ARENA * PAGE_SIZE);
	default:
		return virt_to_mfn((void *)loose[x % LOOSE]);
	}
}

static uint64_t some_leaf(struct dice *d)
{
	uint64_t flags = PTE_P | (roll(d, 0) & (PTE_RW | PTE_U | PTE_A | PTE_D));

	if (!roll(d, 8))
		flags ^= roll(d, 0) & (PTE_P | PTE_PS | PTE_NX | 0x118 | 0xe00 | 0x7ffull << 52);
	return some_frame(d) << PAGE_SHIFT | flags;
}

static uint64_t some_domain(struct dice *d)
{
	uint64_t how = roll(d, 8), x = roll(d, 6);

	return how < 4 ? DOMID_SELF : how == 4 ? me : how == 5 ? x : (uint64_t)(me + x - 3);
}

/* An address that only its tables of the game, or its places, say something about. */
static uint64_t some_place(struct dice *d)
{
	uint64_t va = 1 + roll(d, SLOTS);

	if (roll(d, 2))
		return place[roll(d, PLACES)];
	for (unsigned i = 0; i < 3; i++)
		va = va << 9 | roll(d, 4) * (roll(d, 2) ? 1 : 100);
	return va << 12;
}

static uint64_t some_pointer(struct dice *d)
{
	return (uint64_t)arena + (roll(d, ARENA * PAGE_SIZE) & (roll(d, 8) ? ~7ull : ~0ull));
}

static uint64_t word(struct dice *d)
{
	uint64_t how = roll(d, 16), x = roll(d, 0);

	switch (how) {
	case 0:
	case 1:
		return x % 8;
	case 2:
		return x % 64;
	case 3:
		return x % 64 | (x >> 32) % 64 << 32;
	case 4:
	case 5:
		return some_pointer(d);
	case 6:
		return some_frame(d);
	case 7:
		return some_frame(d) << PAGE_SHIFT | (x & 0xfff);
	case 8:
		x = 1ull << x % 64;
		break;
	case 9:
		x = ~0ull << x % 64;
		break;
	case 10:
		return 0xffff800000000000 | x >> 17;
	case 11:
		return some_domain(d) | (x & 7) << 16 | (x >> 8 & 15) << 32;
	case 12:
	case 13:
		return some_place(d) + (x % 2 ? x >> 8 & 0xfff : 0);
	case 14:
		return some_leaf(d);
	}
	/* Its own program by chance: in its own words the kernel would write there, as it must. */
	return x >= GUISE_NATIVE_BASE && x - GUISE_NATIVE_BASE < start->nr_pages * PAGE_SIZE ? some_pointer(d) : x;
}

/* ---- calls that are nearly right ---- */

/* Letters of a field or an argument; the number of bytes follows from it.
 *	D domain   p port   v vCPU   c small number   s the same in 2 bytes   n the same in 8
 *	A place    P pointer   L pointer to frames   M frame   E leaf   U entry of a table and what to do with it
 *	T its own top table   K command of mmuext, but for another top table   f flags of a grant mapping
 *	o offset   l length   x anything   Z zero   O the operation, mostly   Q always
 * and of an argument alone: o the operation, b its structure, # how many of these, S DOMID_SELF */
struct shape {
	uint8_t nr, op;
	const char *args, *fields;
};

static const struct shape shapes[] = {
	{ __HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, "ob", "Dpp" },
	{ __HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, "ob", "Dpp" },
	{ __HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, "ob", "cvp" },
	{ __HYPERVISOR_event_channel_op, EVTCHNOP_close, "ob", "p" },
	{ __HYPERVISOR_event_channel_op, EVTCHNOP_send, "ob", "p" },
	{ __HYPERVISOR_event_channel_op, EVTCHNOP_status, "ob", "Dp" },
	{ __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, "ob", "DDp" },
	{ __HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, "ob", "vp" },
	{ __HYPERVISOR_event_channel_op, EVTCHNOP_bind_vcpu, "ob", "pv" },
	{ __HYPERVISOR_event_channel_op, EVTCHNOP_unmask, "ob", "p" },
	{ __HYPERVISOR_event_channel_op, EVTCHNOP_reset, "ob", "D" },
	{ __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, "ob#", "AfcDscx" },
	{ __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, "ob#", "AfcDscx" },
	{ __HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, "ob#", "AZcs" },
	{ __HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, "ob#", "AZcs" },
	{ __HYPERVISOR_grant_table_op, GNTTABOP_unmap_and_replace, "ob#", "AAcs" },
	{ __HYPERVISOR_grant_table_op, GNTTABOP_setup_table, "ob#", "DcsL" },
	{ __HYPERVISOR_grant_table_op, GNTTABOP_copy, "ob#", "nDoMDolss" },
	{ __HYPERVISOR_grant_table_op, GNTTABOP_copy, "ob#", "MDonDolss" },
	{ __HYPERVISOR_grant_table_op, GNTTABOP_copy, "ob#", "nDonDolss" },
	{ __HYPERVISOR_grant_table_op, GNTTABOP_query_size, "ob#", "Dccs" },
	{ __HYPERVISOR_mmu_update, 0, "b#PS", "UE" },
	{ __HYPERVISOR_mmu_update, 0, "b#PS", "UE" },
	{ __HYPERVISOR_mmu_update, 0, "b#PS", "UE" },
	{ __HYPERVISOR_update_va_mapping, 0, "AEn", "" },
	{ __HYPERVISOR_update_va_mapping, 0, "AEn", "" },
	{ __HYPERVISOR_mmuext_op, 0, "b#PS", "KMx" },
	{ __HYPERVISOR_mmuext_op, MMUEXT_NEW_BASEPTR, "b#PS", "QTZ" },
	{ __HYPERVISOR_mmuext_op, MMUEXT_NEW_USER_BASEPTR, "b#PS", "QTZ" },
	{ __HYPERVISOR_mmuext_op, MMUEXT_INVLPG_LOCAL, "b#PS", "OAx" },
	{ __HYPERVISOR_mmuext_op, MMUEXT_INVLPG_MULTI, "b#PS", "OAP" },
	{ __HYPERVISOR_mmuext_op, MMUEXT_TLB_FLUSH_ALL, "b#PS", "OZZ" },
	{ __HYPERVISOR_mmuext_op, MMUEXT_PIN_L1_TABLE, "b#PS", "OMZ" },
	{ __HYPERVISOR_mmuext_op, MMUEXT_UNPIN_TABLE, "b#PS", "OMZ" },
	{ __HYPERVISOR_mmuext_op, MMUEXT_SET_LDT, "b#PS", "OPn" },
	{ __HYPERVISOR_mmuext_op, MMUEXT_CLEAR_PAGE, "b#PS", "OMZ" },
	{ __HYPERVISOR_mmuext_op, MMUEXT_COPY_PAGE, "b#PS", "OMM" },
	{ __HYPERVISOR_memory_op, XENMEM_decrease_reservation, "ob", "LncZD" },
	{ __HYPERVISOR_memory_op, XENMEM_populate_physmap, "ob", "LncZD" },
	{ __HYPERVISOR_memory_op, XENMEM_exchange, "ob", "LncZDLncZDn" },
	{ __HYPERVISOR_memory_op, XENMEM_add_to_physmap, "ob", "DscnM" },
	{ __HYPERVISOR_memory_op, XENMEM_machphys_mfn_list, "ob", "cPc" },
	{ __HYPERVISOR_memory_op, XENMEM_memory_map, "ob", "cP" },
	{ __HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, "ovb", "A" },
	{ __HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_time_memory_area, "ovb", "A" },
	{ __HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, "ovb", "P" },
	{ __HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, "ovb", "Mlc" },
	{ __HYPERVISOR_vcpu_op, VCPUOP_set_periodic_timer, "ovb", "x" },
	{ __HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, "ovb", "xc" },
	{ __HYPERVISOR_vcpu_op, VCPUOP_initialise, "ovb", "xxxxxxxx" },
	{ __HYPERVISOR_vcpu_op, VCPUOP_up, "ov", "" },
	{ __HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, "ovb", "" },
	{ __HYPERVISOR_set_timer_op, 0, "x", "" },
	{ __HYPERVISOR_set_gdt, 0, "bn", "MMMM" },
	{ __HYPERVISOR_update_descriptor, 0, "Ux", "" },
	{ __HYPERVISOR_set_segment_base, 0, "nx", "" },
	{ __HYPERVISOR_stack_switch, 0, "xP", "" },
	{ __HYPERVISOR_set_trap_table, 0, "b", "xxxxxxxx" },
	{ __HYPERVISOR_callback_op, 0, "nb", "ssx" },
	{ __HYPERVISOR_sched_op, SCHEDOP_poll, "ob", "Pcn" },
	{ __HYPERVISOR_sched_op, SCHEDOP_yield, "o", "" },
	{ __HYPERVISOR_xen_version, 0, "nP", "" },
	{ __HYPERVISOR_physdev_op, 0, "nb", "xxxx" },
	{ __HYPERVISOR_vm_assist, 0, "nn", "" },
	{ __HYPERVISOR_get_debugreg, 0, "n", "" },
	{ __HYPERVISOR_set_debugreg, 0, "nx", "" },
	{ __HYPERVISOR_fpu_taskswitch, 0, "n", "" },
	{ GUISE_HC_DOMAIN, 0, "nb", "ccnMnx" },
	{ GUISE_HC_HANDLE, 0, "nb", "ccnn" },
	{ GUISE_HC_IRQ, 0, "nb", "cccZ" },
	{ GUISE_HC_DMA, GUISE_DMA_MAP, "ob#", "Dsccxx" },
	{ GUISE_HC_DMA, GUISE_DMA_UNMAP, "ob#", "c" },
	{ GUISE_HC_SYSTEM, 0, "nbn", "xxxx" },
};

/* Frames that may be lost, or where such may come to stand. */
static uint64_t frames_at(struct dice *d)
{
	uint64_t at = roll(d, ARENA * PAGE_SIZE - 64) & ~7ull;

	for (unsigned i = 0; i < 8; i++)
		*(uint64_t *)(arena + at + 8 * i) = roll(d, 2) ? virt_to_mfn((void *)loose[roll(d, LOOSE)]) :
								 virt_to_gfn((void *)loose[roll(d, LOOSE)]);
	return (uint64_t)arena + at;
}

static uint64_t value(struct dice *d, char letter, unsigned *bytes)
{
	static const char two[] = "Dsol", four[] = "pvcfKOQ";

	*bytes = 8;
	for (unsigned i = 0; i < sizeof(two) - 1; i++)
		if (two[i] == letter)
			*bytes = 2;
	for (unsigned i = 0; i < sizeof(four) - 1; i++)
		if (four[i] == letter)
			*bytes = 4;
	switch (letter) {
	case 'D':
		return some_domain(d);
	case 'p':
	case 'n':
		return roll(d, 40);
	case 'v':
		return roll(d, CALLERS + 2);
	case 'c':
	case 's':
		return roll(d, roll(d, 4) ? 4 : 20);
	case 'A':
		return some_place(d);
	case 'P':
		return some_pointer(d);
	case 'L':
		return frames_at(d);
	case 'M':
		return some_frame(d);
	case 'E':
		return some_leaf(d);
	case 'T':
		return virt_to_mfn((void *)start->pt_base);
	case 'K':
	case 'O':
		return roll(d, 20) + 6; /* MMUEXT_NEW_BASEPTR is 5, and pins are among the other shapes */
	case 'U':
		return virt_to_bus((void *)(table_page[roll(d, TABLES)] + roll(d, 4) * (roll(d, 2) ? 8 : 800))) |
		       roll(d, 3);
	case 'f':
		return GNTMAP_host_map | roll(d, 8) << 1;
	case 'o':
		return roll(d, PAGE_SIZE + 8);
	case 'l':
		return roll(d, 400);
	case 'Z':
		return 0;
	default:
		return word(d);
	}
}

/* Structures as the letters say, one after the other; in one of eight a word is wrong. */
static uint64_t structures(struct dice *d, const struct shape *s, unsigned nr)
{
	uint64_t at = roll(d, ARENA * PAGE_SIZE - 2048) & ~7ull, from = at;
	unsigned bytes;

	for (unsigned i = 0; i < nr; i++) {
		for (const char *f = s->fields; *f; f++) {
			uint64_t v = value(d, *f, &bytes);

			if (*f == 'Q' || (*f == 'O' && roll(d, 8)))
				v = s->op;
			at = (at + bytes - 1) & ~(uint64_t)(bytes - 1);
			memcpy(arena + at, &v, bytes);
			at += bytes;
		}
		at = (at + 7) & ~7ull;
	}
	if (!roll(d, 8) && at > from)
		*(uint64_t *)(arena + from + (roll(d, at - from) & ~7ull)) = word(d);
	return (uint64_t)arena + from;
}

static unsigned nearly_right(struct dice *d, uint64_t *arg)
{
	const struct shape *s = &shapes[roll(d, COUNT(shapes))];
	unsigned nr = 1 + (unsigned)roll(d, 4), bytes;

	/* Seldom: with a wrong word in it, or one that changes, that is the end of the domain. */
	while (s->op == MMUEXT_NEW_BASEPTR && s->nr == __HYPERVISOR_mmuext_op && roll(d, 64))
		s = &shapes[roll(d, COUNT(shapes))];
	for (unsigned i = 0; i < 5; i++) {
		char letter = i < strlen(s->args) ? s->args[i] : 'Z';

		switch (letter) {
		case 'o':
			arg[i] = s->op;
			break;
		case 'b':
			arg[i] = structures(d, s, nr);
			break;
		case '#':
			arg[i] = nr;
			break;
		case 'S':
			arg[i] = DOMID_SELF;
			break;
		default:
			arg[i] = value(d, letter, &bytes);
		}
		if (!roll(d, 40))
			arg[i] = word(d);
	}
	return s->nr;
}

/* ---- making them ---- */

/* What ends or stops a vCPU at once is left out: it would be all that is ever done. */
static int over(struct dice *d, uint64_t nr, const uint64_t *arg)
{
	switch (nr) {
	case __HYPERVISOR_iret:
		return 1;
	case __HYPERVISOR_sched_op:
		return (arg[0] >= SCHEDOP_block && arg[0] <= SCHEDOP_poll &&
			(d->vcpu == 0 || arg[0] == SCHEDOP_shutdown)) ||
		       arg[0] == SCHEDOP_block;
	case __HYPERVISOR_vcpu_op:
		return arg[0] == VCPUOP_down && (arg[1] == 0 || arg[1] == CALLERS);
	case __HYPERVISOR_update_va_mapping:
		return arg[0] >= GUISE_NATIVE_BASE && arg[0] < GUISE_NATIVE_BASE + start->nr_pages * PAGE_SIZE;
	case __HYPERVISOR_console_io:
		return 1;
	case __HYPERVISOR_memory_op: /* all of its memory at once */
		return arg[0] == XENMEM_decrease_reservation && arg[1] - (uint64_t)arena >= ARENA * PAGE_SIZE;
	}
	return 0;
}

static unsigned some_call(struct dice *d, uint64_t *arg)
{
	if (roll(d, 6))
		return nearly_right(d, arg);
	for (unsigned i = 0; i < 30; i++)
		*(uint64_t *)(arena + 8 * roll(d, ARENA * PAGE_SIZE / 8)) = word(d);
	for (unsigned i = 0; i < 5; i++)
		arg[i] = i ? word(d) : roll(d, 2) ? roll(d, 20) : word(d);
	return (unsigned)roll(d, 64);
}

static void multicall(struct dice *d)
{
	multicall_entry_t *e = (void *)(arena + (roll(d, ARENA * PAGE_SIZE - 1024) & ~7ull));
	uint64_t nr = 1 + roll(d, 8), arg[5], op;

	for (unsigned i = 0; i < nr; i++) {
		op = some_call(d, arg);
		e[i].op = over(d, op, arg) ? (uint64_t)__HYPERVISOR_xen_version : op;
		memcpy((void *)e[i].args, arg, sizeof(arg));
	}
	hypercall(__HYPERVISOR_multicall, (uint64_t)e, nr, 0, 0, 0);
}

static void one_call(struct dice *d)
{
	uint64_t arg[5];
	unsigned nr;

	if (!roll(d, 12)) {
		multicall(d);
		d->traps_lost = 1;
	} else {
		nr = some_call(d, arg);
		d->traps_lost |= nr == __HYPERVISOR_set_trap_table;
		if (!over(d, nr, arg) && nr != __HYPERVISOR_multicall)
			hypercall(nr, arg[0], arg[1], arg[2], arg[3], arg[4]);
	}
	shared->vcpu_info[d->vcpu].evtchn_upcall_mask = 1;
}

/* What no call is needed for: memory is touched where only the game's tables lead. */
static void touch(struct dice *d)
{
	uint64_t va = some_place(d) + 8 * roll(d, 512), value = word(d);

	if (d->traps_lost)
		traps_init();
	d->traps_lost = 0;
	if (roll(d, 2))
		can_read(va, NULL);
	else
		can_write(va, value);
}

static void some_grant(struct dice *d)
{
	grant_entry_v1_t e = { .flags =
				       (uint16_t)(roll(d, 8) ? GTF_permit_access | roll(d, 2) * GTF_readonly : word(d)),
			       .domid = (uint16_t)some_domain(d),
			       .frame = (uint32_t)some_frame(d) };

	grants[roll(d, 8) ? roll(d, 20) : roll(d, GRANTS)] = e;
}

/* ---- its vCPUs ---- */

static struct dice dice_of(unsigned vcpu)
{
	struct dice d = { .state = (random_seed + 1) * 0x9e3779b97f4a7c15ull + vcpu * 0xda942042e4dd58b5ull,
			  .vcpu = vcpu };

	for (unsigned i = 0; i < 8 || !d.state; i++)
		d.state += next(&d);
	d.digest = 0;
	return d;
}

static void caller(uint64_t vcpu)
{
	struct dice d = dice_of((unsigned)vcpu);

	for (;;)
		one_call(&d);
}

/* Changes what others are just reading. */
static void changer(uint64_t vcpu)
{
	struct dice d = dice_of((unsigned)vcpu);

	for (uint64_t i = 1;; i++) {
		*(volatile uint64_t *)(arena + 8 * roll(&d, ARENA * PAGE_SIZE / 8)) = word(&d);
		if (i % 16 == 0)
			some_grant(&d);
		if (i % 16 == 1 && !stock) /* a stock kernel's tables are not its own to write */
			*(volatile uint64_t *)(table_page[roll(&d, TABLES)] + 8 * roll(&d, 4)) = some_leaf(&d);
		if (i % 4096 == 0)
			hc_sched(SCHEDOP_yield, NULL);
	}
}

static void fair_page(uint64_t va)
{
	fair[virt_to_gfn((void *)va)] = 1;
}

static void prepare(void)
{
	struct guise_domain_info info = { .handle = GUISE_INFO_SELF };
	xen_pfn_t frame[GRANT_FRAMES];
	struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = GRANT_FRAMES };

	expect(start->nr_pages <= COUNT(fair));
	expect_eq(guise_domain(GUISE_DOMAIN_INFO, &info), 0);
	me = info.domid;
	set_xen_guest_handle(setup.frame_list, frame);
	expect_eq(hc_grant_table(GNTTABOP_setup_table, &setup, 1), 0);
	grants = window_alloc(GRANT_FRAMES);
	for (unsigned i = 0; i < GRANT_FRAMES; i++)
		expect_eq(window_map((char *)grants + i * PAGE_SIZE, frame[i]), 0);
	arena = page_alloc(ARENA);
	expect(arena);
	for (unsigned i = 0; i < LOOSE; i++)
		fair_page(loose[i] = (uint64_t)page_alloc(1));
	for (unsigned i = 0; i < TABLES; i++)
		table_page[i] = (uint64_t)pt_page();
	for (unsigned i = 0; i < PLACES; i++)
		place[i] = pt_space();
	for (unsigned i = 0; i < SLOTS; i++)
		pt_update((uint64_t *)start->pt_base + 1 + i, virt_to_bus((void *)table_page[i]) | PTE_DATA);
	pt_flush();
}

static void say(const struct dice *d, uint64_t calls)
{
	char line[100];
	int n = snprintf(line, sizeof(line), "hostile: seed %lu, call %lu: %016lx\n", random_seed, calls, d->digest);

	hc_console_write(line, (size_t)n);
}

TEST("random calls from several vCPUs", .hostile = 2, .vcpus = CALLERS + 1)
{
	struct dice d = dice_of(0);

	prepare();
	for (uint64_t i = 1;; i++) {
		one_call(&d);
		if (!roll(&d, 8))
			touch(&d);
		if (!roll(&d, 32))
			some_grant(&d);
		if (i <= ALONE && i % SAY == 0)
			say(&d, i);
		if (i != ALONE)
			continue;
		for (unsigned v = 1; v < CALLERS; v++)
			vcpu_start(v, caller, v);
		vcpu_start(CALLERS, changer, CALLERS);
	}
}
