/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostile.c - a domain that means harm: whatever it tries, it gets an error or dies alone; the machine
 * and the bystander go on, and all memory comes back.
 */
#include <runtime/event.h>
#include <runtime/grant.h>
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/io.h>
#include <runtime/start.h>
#include <runtime/string.h>
#include <xen/callback.h>

#include "claim.h"
#include "pt.h"
#include "smp.h"
#include "trap.h"
#include "user.h"

#define MS	 1000000ull
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The clock of the shared info page may fall victim to the game: count ticks. */
static uint64_t ticks_after(uint64_t ms)
{
	struct guise_system_info info;

	guise_system(GUISE_SYSTEM_INFO, &info, 0);
	return rdtsc() + ms * info.tsc_khz;
}

static char *buffer; /* four pages to point at */
static uint64_t hole;

static void arena_init(void)
{
	buffer = page_alloc(4);
	hole = pt_space();
	expect(buffer);
}

static void buffer_fill(void)
{
	uint64_t *p = (uint64_t *)buffer, kind = random64() % 4;

	for (unsigned i = 0; i < 4 * 512; i++)
		p[i] = kind == 0 ? 0 : kind == 1 ? ~0ull : kind == 2 ? random64() : random64() % 64;
}

/* Calls that only end or lose the caller itself; they have claims of their own. */
static int suicidal(uint64_t nr, const uint64_t *arg)
{
	switch (nr) {
	case __HYPERVISOR_iret:
		return 1;
	case __HYPERVISOR_sched_op: /* block, shutdown, poll */
		return arg[0] >= 1 && arg[0] <= 3;
	case GUISE_HC_PERSONALITY:
		return arg[0] == GUISE_PERSONALITY_BLOCK;
	case __HYPERVISOR_vcpu_op:
		return arg[0] == VCPUOP_down && arg[1] == 0;
	case __HYPERVISOR_update_va_mapping:
		return arg[0] >= GUISE_NATIVE_BASE && arg[0] < GUISE_NATIVE_BASE + start->nr_pages * PAGE_SIZE;
	case __HYPERVISOR_console_io:
		return arg[1] > 8;
	}
	return 0;
}

/* A negative errno, or what a call may answer. */
static void check_answer(uint64_t nr, const uint64_t *arg, long rc)
{
	if (rc < -200 && nr != __HYPERVISOR_get_debugreg)
		fails(__FILE__, __LINE__, "call %lu(0x%lx, 0x%lx, 0x%lx, 0x%lx) answers %ld", nr, arg[0], arg[1],
		      arg[2], arg[3], rc);
	if (nr == __HYPERVISOR_set_trap_table || nr == __HYPERVISOR_multicall)
		traps_init();
	shared->vcpu_info[0].evtchn_upcall_mask = 1;
}

static void try_call(uint64_t nr, const uint64_t *arg)
{
	if (!suicidal(nr, arg))
		check_answer(nr, arg, hypercall((unsigned)nr, arg[0], arg[1], arg[2], arg[3], arg[4]));
}

TEST("every call with every operation survives every kind of bad argument", .paging = BOTH, .watched = 1,
     .seconds = 120)
{
	uint64_t pattern[] = { 0,
			       1,
			       ~0ull,
			       0,
			       0,
			       0,
			       0xffff808000100000,
			       0xffff800000000000,
			       0xffff810000000000,
			       0x8000000000000000,
			       0x00007ffffffffff8,
			       0xfffffffffffffff8,
			       0x1000 };
	uint64_t second[] = { 0, 1, ~0ull, 0, 0x7ff0 };

	arena_init();
	pattern[3] = (uint64_t)buffer;
	pattern[4] = (uint64_t)buffer + 4 * PAGE_SIZE - 8;
	pattern[5] = hole;
	second[3] = (uint64_t)buffer;
	for (uint64_t nr = 0; nr < 64; nr++) {
		for (uint64_t op = 0; op < 44; op++) {
			uint64_t first = op < 42 ? op : op == 42 ? ~0ull : 1ull << 31;

			buffer_fill();
			for (unsigned i = 0; i < COUNT(pattern); i++)
				for (unsigned k = 0; k < COUNT(second); k++) {
					uint64_t arg[5] = { first, pattern[i], second[k],
							    pattern[(i + k) % COUNT(pattern)], 0 };
					uint64_t turned[5] = { pattern[i], first, second[k], DOMID_SELF, 0 };

					try_call(nr, arg);
					try_call(nr, turned);
				}
		}
	}
}

/* The image, the direct map and its stacks are there; the machine-to-physical table below is no secret. */
static void find_addresses(uint64_t nr, uint64_t op)
{
	const uint64_t *p = (const uint64_t *)buffer;

	for (unsigned i = 0; i < 4 * 512; i++)
		if (p[i] >= 0xffff808000000000 && p[i] < 0xffff880000000000)
			fails(__FILE__, __LINE__, "call %lu, operation %lu: 0x%lx stands at byte %u", nr, op, p[i],
			      i * 8);
}

TEST("no answer holds an address of the kernel", .paging = BOTH, .watched = 1, .seconds = 120)
{
	arena_init();
	for (uint64_t nr = 0; nr < 64; nr++) {
		for (uint64_t op = 0; op < 44; op++) {
			uint64_t arg[5] = { op, (uint64_t)buffer, 1, (uint64_t)buffer + 2048, 0 };
			uint64_t turned[5] = { (uint64_t)buffer, op, (uint64_t)buffer + 2048, DOMID_SELF, 0 };
			uint64_t vcpu[5] = { op, 0, (uint64_t)buffer, 0, 0 };

			for (unsigned i = 0; i < 4; i++) {
				memset(buffer, 0, 4 * PAGE_SIZE);
				((uint64_t *)buffer)[0] = i == 3 ? GUISE_INFO_SELF : i;
				try_call(nr, i % 2 ? vcpu : arg);
				try_call(nr, turned);
				find_addresses(nr, op);
			}
		}
	}
}

/* ---- random calls ---- */

/* An argument that points into this program would have the kernel write its answer there, as it must, and the
 * claim would go on with what is left of itself: it points into the buffer instead. */
static uint64_t aside(uint64_t arg)
{
	uint64_t offset = arg - GUISE_NATIVE_BASE;

	return offset < start->nr_pages * PAGE_SIZE ? (uint64_t)buffer + offset % (4 * PAGE_SIZE) : arg;
}

static uint64_t random_frame(void)
{
	switch (random64() % 6) {
	case 0:
		return ((const uint64_t *)start->mfn_list)[random64() % start->nr_pages];
	case 1:
		return start->shared_info >> PAGE_SHIFT;
	case 2:
		return random64() % 0x200;
	case 3:
		return 0xfec00 + random64() % 0x400;
	default:
		return random64() % (max_mfn() + 2);
	}
}

static uint64_t random_word(void)
{
	switch (random64() % 12) {
	case 0:
	case 1:
		return random64() % 8;
	case 2:
		return random64() % 64;
	case 3:
		return (uint64_t)buffer + random64() % (4 * PAGE_SIZE);
	case 4:
		return (uint64_t)buffer + (random64() % (4 * PAGE_SIZE) & ~7ull);
	case 5:
		return random_frame();
	case 6:
		return random_frame() << PAGE_SHIFT | (random64() & 0xfff);
	case 7:
		return 1ull << random64() % 64;
	case 8:
		return ~0ull << random64() % 64;
	case 9:
		return 0xffff800000000000 | random64() >> 17;
	case 10:
		return random64() % 5 ? DOMID_SELF : random64() % 5;
	default:
		return random64();
	}
}

TEST("random calls with plausible garbage get errors", .paging = BOTH, .watched = 1, .hostile = 1, .times = 2,
     .seconds = 60)
{
	static const uint8_t often[] = { 1, 2, 10, 12, 13, 14, 20, 24, 25, 26, 32, 48, 49, 50, 51 };
	uint64_t end = ticks_after(4000);

	arena_init();
	while (rdtsc() < end) {
		uint64_t nr = random64() % 3 ? often[random64() % sizeof(often)] : random64() % 64, arg[5];
		uint64_t *p = (uint64_t *)buffer;

		for (unsigned i = 0; i < 40; i++)
			p[random64() % (4 * 512)] = random_word();
		for (unsigned i = 0; i < 5; i++)
			arg[i] = nr == __HYPERVISOR_update_va_mapping ? random_word() : aside(random_word());
		/* Its own root, stack or program thrown away, or written over by a grant copy, would end the game early. */
		if (nr == __HYPERVISOR_mmuext_op || nr == __HYPERVISOR_mmu_update || nr == __HYPERVISOR_memory_op ||
		    nr == __HYPERVISOR_multicall || nr == __HYPERVISOR_update_descriptor ||
		    nr == __HYPERVISOR_grant_table_op)
			for (unsigned i = 0; i < 4 * 512; i++)
				if (is_own(p[i]) || is_own(p[i] >> PAGE_SHIFT))
					p[i] = 0x100;
		/* Nor may an entry of a multicall unmap the buffer: "random multicalls" has such, with other addresses. */
		for (unsigned i = 0; nr == __HYPERVISOR_multicall && i < 4 * 512; i++)
			if (p[i] == __HYPERVISOR_update_va_mapping)
				p[i] = __HYPERVISOR_set_timer_op;
		if (nr == __HYPERVISOR_update_descriptor && is_own(arg[0] >> PAGE_SHIFT))
			continue;
		try_call(nr, arg);
	}
}

TEST("random multicalls get errors", .paging = BOTH, .watched = 1, .hostile = 1, .seconds = 60)
{
	uint64_t end = ticks_after(2000);
	multicall_entry_t *e;

	arena_init();
	e = (void *)buffer;
	while (rdtsc() < end) {
		unsigned n = random64() % 64;

		for (unsigned i = 0; i < n; i++) {
			do {
				e[i].op = random64() % 60;
				for (unsigned k = 0; k < 6; k++)
					e[i].args[k] = random64() % 2 ? random64() % 40 : random64();
			} while (suicidal(e[i].op, (const uint64_t *)e[i].args));
		}
		hypercall(__HYPERVISOR_multicall, (uint64_t)e, n, 0, 0, 0);
		traps_init();
		shared->vcpu_info[0].evtchn_upcall_mask = 1;
	}
}

/* ---- random tables ---- */

#define TABLES 12
#define DATA   6
#define SLOTS  4 /* top slots 1.. are the game's */

static uint64_t *game[TABLES + DATA];

static uint64_t game_frame(void)
{
	return virt_to_mfn(game[random64() % (TABLES + DATA)]);
}

static int is_grant_table(uint64_t m)
{
	static xen_pfn_t frame[GRANT_FRAMES];
	struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = GRANT_FRAMES };

	if (!frame[0]) {
		set_xen_guest_handle(setup.frame_list, frame);
		hc_grant_table(GNTTABOP_setup_table, &setup, 1);
	}
	for (unsigned i = 0; i < GRANT_FRAMES; i++)
		if (frame[i] == m)
			return 1;
	return 0;
}

static uint64_t random_entry(void)
{
	uint64_t flags = PTE_P | (random64() & (PTE_RW | PTE_U | PTE_A | PTE_D)), m;

	if (random64() % 16 == 0)
		flags |= random64() & (PTE_PS | PTE_NX | 0x118 | 0xe00 | 0x7ffull << 52);
	if (random64() % 16 == 0)
		flags &= ~PTE_P;
	switch (random64() % 8) {
	case 0: /* not its own, or lent by the kernel */
		m = random_frame();
		while (is_own(m) || is_grant_table(m))
			m = random64() % (max_mfn() + 2);
		break;
	case 1:
		m = random64() % 2 ? 0xfee00 : random64() >> 24;
		if (is_own(m & PTE_FRAME >> PAGE_SHIFT) || is_grant_table(m & PTE_FRAME >> PAGE_SHIFT))
			m = 0x100;
		break;
	default:
		m = game_frame();
	}
	return (m << PAGE_SHIFT & PTE_FRAME) | flags;
}

static uint64_t *own_page(uint64_t entry)
{
	uint64_t m = (entry & PTE_FRAME) >> PAGE_SHIFT;

	if (m == start->shared_info >> PAGE_SHIFT)
		return (uint64_t *)shared;
	return is_own(m) ? (uint64_t *)(GUISE_NATIVE_BASE + m2p(m) * PAGE_SIZE) : NULL;
}

/* What the tables say of va: 0 nothing, 1 a frame that may be reached, 2 writable. */
static int tables_say(uint64_t va)
{
	uint64_t *t = (uint64_t *)start->pt_base, rw = PTE_RW;

	for (unsigned level = 4;; level--) {
		uint64_t e = t[va >> (12 + 9 * (level - 1)) & 511];

		if (!(e & PTE_P) || (level > 1 && (e & PTE_PS)))
			return 0;
		rw &= e;
		t = own_page(e);
		if (!t)
			return 0;
		if (level == 1)
			return rw ? 2 : 1;
	}
}

/* Does a value stand at this offset in one of the pages that the game may reach? */
static int is_ours(uint64_t offset, uint64_t value)
{
	for (unsigned i = 0; i < TABLES + DATA; i++)
		if (game[i][offset / 8] == value)
			return 1;
	return ((volatile uint64_t *)shared)[offset / 8] == value;
}

/* A stock kernel never maps a live table writable; a domain that does may see its own pages by an old
 * entry, so there the rule is only that they are its own. */
TEST("random tables open nothing but what they name of its own", .paging = BOTH, .watched = 1, .times = 2,
     .seconds = 90)
{
	uint64_t *l4 = (uint64_t *)start->pt_base, end = ticks_after(4000), value;
	unsigned reached = 0;

	for (unsigned i = 0; i < TABLES + DATA; i++) {
		game[i] = i < TABLES ? pt_page() : page_alloc(1);
		expect(game[i]);
	}
	while (rdtsc() < end) {
		for (unsigned i = random64() % 20; i > 0; i--) {
			uint64_t *t = game[random64() % TABLES];

			pt_update(t + random64() % 4 * (random64() % 2 ? 1 : 100), random_entry());
		}
		if (random64() % 4 == 0)
			pt_update(&l4[1 + random64() % SLOTS], (game_frame() << PAGE_SHIFT) | PTE_DATA);
		if (random64() % 64 == 0)
			mmuext((unsigned)(random64() % 5), game_frame(), 0);
		pt_flush();
		for (unsigned i = 0; i < 20; i++) {
			uint64_t index[4], va = 0;
			int said;

			index[0] = 1 + random64() % SLOTS;
			for (unsigned k = 1; k < 4; k++)
				index[k] = random64() % 4 * (random64() % 2 ? 1 : 100);
			for (unsigned k = 0; k < 4; k++)
				va = va << 9 | index[k];
			va = va << 12 | (random64() & 0xff8);
			said = tables_say(va);
			if (can_read(va, &value)) {
				reached++;
				if (!said && !tables_say(va) && !(stock && is_ours(va & 0xfff, value)))
					fails(__FILE__, __LINE__, "0x%lx is read as 0x%lx (seed 0x%lx)", va, value,
					      random_seed);
			} else if (said && !stock) {
				fails(__FILE__, __LINE__,
				      "0x%lx is not read: error 0x%lx, entry says it may (seed 0x%lx)", va,
				      trapped.error, random_seed);
			}
			if (random64() % 4 == 0 && can_write(va, random_entry() & ~(uint64_t)PTE_P)) {
				if (!tables_say(va) && !said && !stock)
					fails(__FILE__, __LINE__, "0x%lx is written (seed 0x%lx)", va, random_seed);
				pt_flush();
			}
		}
	}
	expect(reached > 100);
}

/* ---- random machine code, frames and contexts: these may end it at any time ---- */

static void watchdog(void)
{
	struct callback_register reg = { .type = CALLBACKTYPE_event,
					 .flags = CALLBACKF_mask_events,
					 .address = trap_handler(TRAP_EVENT) };
	struct vcpu_set_singleshot_timer t = { .timeout_abs_ns = time_ns() + MS };

	hypercall(__HYPERVISOR_callback_op, CALLBACKOP_register, (uint64_t)&reg, 0, 0, 0);
	__atomic_store_n(&shared->evtchn_pending[0], 0, __ATOMIC_SEQ_CST);
	shared->vcpu_info[0].evtchn_pending_sel = 0;
	shared->vcpu_info[0].evtchn_upcall_pending = 0;
	shared->vcpu_info[0].evtchn_upcall_mask = 0;
	hc_vcpu(VCPUOP_set_singleshot_timer, 0, &t);
}

/* What is run inside a traps(): the watchdog may bite from here on. */
static void armed_iret(uint64_t frame, uint64_t unused)
{
	watchdog();
	iret((const struct iret_context *)frame);
}

static __attribute__((naked)) void jump_to(uint64_t code, uint64_t scratch)
{
	__asm__("mov %rdi, %rax; mov %rsi, %rbx; mov %rsi, %rcx; mov %rsi, %rdx; mov %rsi, %rdi;"
		"mov %rsi, %rbp; mov %rsi, %r8; mov %rsi, %r15; jmp *%rax");
}

/* Random bytes, but for what breaks QEMU 7.2 itself: VEX and EVEX prefixes have assertions behind them,
 * and IRETD enters virtual-8086 mode from ring 3 in long mode, which no CPU does. */
static uint8_t random_byte(void)
{
	uint8_t b;

	do
		b = (uint8_t)random64();
	while (b == 0x62 || b == 0xc4 || b == 0xc5 || b == 0xcf);
	return b;
}

static void run_code(uint64_t code, uint64_t scratch)
{
	watchdog();
	jump_to(code, scratch);
}

TEST("random machine code in the guest kernel harms its domain at most", .watched = 1, .hostile = 2, .times = 60,
     .seconds = 3)
{
	static const uint8_t head[] = { 0x0f, 0x0f, 0x0f, 0x0f, 0x66, 0x48, 0x41, 0x44, 0xf3, 0xf2,
					0x2e, 0xcd, 0xe4, 0xe5, 0xe6, 0xec, 0xee, 0xf4, 0xfa, 0xfb,
					0xcb, 0x8e, 0x67, 0xf0, 0x9d, 0xc8, 0x17, 0x1f, 0xa3 };
	static const uint8_t second[] = { 0x00, 0x01, 0x02, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0b, 0x20,
					  0x21, 0x22, 0x23, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x78,
					  0xa0, 0xa1, 0xa2, 0xae, 0xb2, 0xc7, 0xff, 0x0d };
	uint8_t *code = page_alloc(1), *scratch = page_alloc(3);
	uint32_t iopl = 1;

	hypercall(__HYPERVISOR_physdev_op, 6, (uint64_t)&iopl, 0, 0, 0);
	for (;;) {
		for (unsigned i = 0; i < 60; i++)
			code[i] = random64() % 3	   ? random_byte() :
				  i && code[i - 1] == 0x0f ? second[random64() % sizeof(second)] :
							     head[random64() % sizeof(head)];
		memset(code + 60, 0xcc, 8);
		traps(run_code, (uint64_t)code, (uint64_t)scratch + PAGE_SIZE);
		shared->vcpu_info[0].evtchn_upcall_mask = 1;
		traps_init();
	}
}

/* User tables that map these pages and nothing else. */
static void user_sees(const void *first, const void *last)
{
	uint64_t *l4 = pt_page(), *l3 = pt_page(), *l2 = pt_page(), *l1 = pt_page(), va = (uint64_t)first;

	expect(va >> 21 == (uint64_t)last >> 21);
	for (; va <= (uint64_t)last; va += PAGE_SIZE)
		pt_fill(l1, va >> 12 & 511, virt_to_bus((void *)va) | PTE_DATA);
	pt_fill(l2, va >> 21 & 511, virt_to_bus(l1) | PTE_DATA);
	pt_fill(l3, va >> 30 & 511, virt_to_bus(l2) | PTE_DATA);
	pt_fill(l4, va >> 39 & 511, virt_to_bus(l3) | PTE_DATA);
	expect_eq(mmuext(MMUEXT_NEW_USER_BASEPTR, virt_to_mfn(l4), 0), 0);
}

TEST("random machine code in user mode harms nobody, not even its guest kernel", .watched = 1, .hostile = 1,
     .paging = BOTH)
{
	uint8_t *pages = page_alloc(8), *code, *scratch;
	uint64_t end = ticks_after(2000), runs = 0;
	struct iret_context f;

	if ((uint64_t)pages >> 21 != ((uint64_t)pages + 7 * PAGE_SIZE) >> 21)
		pages = page_alloc(8);
	code = pages;
	scratch = pages + 4 * PAGE_SIZE;
	user_init();
	user_sees(pages, pages + 7 * PAGE_SIZE);
	for (; rdtsc() < end; runs++) {
		for (unsigned i = 0; i < 60; i++)
			code[i] = random64() % 6 ? random_byte() : 0x0f;
		memset(code + 60, 0xcc, 8);
		f = user_frame((void (*)(uint64_t, uint64_t))(uint64_t)code);
		f.rax = f.rcx = f.r11 = (uint64_t)scratch;
		f.rsp = (uint64_t)scratch + PAGE_SIZE;
		expect(traps(armed_iret, (uint64_t)&f, 0));
		shared->vcpu_info[0].evtchn_upcall_mask = 1;
	}
	expect(runs > 100);
}

TEST("random frames for iret harm its domain at most", .watched = 1, .hostile = 2, .times = 30, .seconds = 3,
     .paging = BOTH)
{
	static const uint16_t sel[] = { 0,	3,	8,	0xe008, 0xe00b, 0xe010, 0xe013,
					0xe023, 0xe02b, 0xe033, 0xe030, 0xe040, 0xe048, 0xfffb };
	uint64_t *gdt = page_alloc(1), mfn = virt_to_mfn(gdt);

	arena_init();
	user_init();
	for (;;) {
		struct iret_context f = { 0 };
		uint64_t *w = (uint64_t *)&f;

		for (unsigned i = 0; i < 64; i++)
			gdt[i] = random64() | 0x0000900000000000;
		hypercall(__HYPERVISOR_set_gdt, (uint64_t)&mfn, 64, 0, 0, 0);
		for (unsigned i = 0; i < 9; i++)
			w[i] = random64() % 4 ? random_word() : random64();
		if (random64() % 4)
			f.rip = random64() % 2 ? (uint64_t)buffer : 0xcc;
		if (random64() % 4)
			f.cs = random64() % 3 ? sel[random64() % COUNT(sel)] : random64() % 512;
		if (random64() % 4)
			f.ss = random64() % 3 ? sel[random64() % COUNT(sel)] : random64() % 512;
		if (random64() % 4)
			f.rsp = (uint64_t)buffer + 2 * PAGE_SIZE;
		memset(buffer, 0xcc, 64);
		traps(armed_iret, (uint64_t)&f, 0);
		shared->vcpu_info[0].evtchn_upcall_mask = 1;
	}
}

TEST("random descriptors and selectors harm nobody", .watched = 1, .hostile = 2, .times = 2, .seconds = 2)
{
	uint64_t *gdt = page_alloc(1), mfn = virt_to_mfn(gdt);

	for (;;) {
		for (unsigned i = 0; i < 64; i++)
			gdt[i] = random64() | (random64() % 4 ? 1ull << 47 : 0);
		hypercall(__HYPERVISOR_set_gdt, (uint64_t)&mfn, 64, 0, 0, 0);
		mmuext(MMUEXT_SET_LDT, (uint64_t)gdt, random64() % 513);
		for (unsigned i = 0; i < 200; i++) {
			uint32_t s = (uint32_t)(random64() % 600);

			if (random64() % 8 == 0)
				hypercall(__HYPERVISOR_update_descriptor, virt_to_bus(gdt + random64() % 64),
					  random64(), 0, 0, 0);
			hypercall(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER_SEL, s, 0, 0, 0);
			hypercall(__HYPERVISOR_set_segment_base, random64() % 4, random_word(), 0, 0, 0);
			hc_sched(SCHEDOP_yield, NULL);
		}
	}
}

TEST("random contexts for a second vCPU harm its domain at most", .vcpus = 2, .watched = 1, .hostile = 2, .times = 20,
     .seconds = 2, .paging = BOTH)
{
	static vcpu_guest_context_t c;
	uint64_t *w = (uint64_t *)&c;

	arena_init();
	for (;;) {
		vcpu_context(&c, (void (*)(uint64_t))(uint64_t)buffer, 0);
		for (uint64_t i = random64() % 60; i > 0; i--)
			w[random64() % (sizeof(c) / 8)] = random_word();
		if (random64() % 2)
			c.ctrlreg[3] = random_frame() << PAGE_SHIFT;
		buffer_fill();
		if (vcpu_op(VCPUOP_initialise, 1, &c) == 0)
			break;
	}
	vcpu_op(VCPUOP_up, 1, NULL);
	for (unsigned i = 0; i < 100; i++) {
		vcpu_op((unsigned)(random64() % 14), 1, (void *)(random64() % 2 ? (uint64_t)buffer : random_word()));
		hc_sched(SCHEDOP_yield, NULL);
	}
}

TEST("a domain that throws its own memory away in any order dies alone", .watched = 1, .hostile = 2, .times = 20,
     .seconds = 2, .paging = BOTH)
{
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };
	xen_pfn_t m;

	set_xen_guest_handle(r.extent_start, &m);
	user_init();
	for (;;) {
		m = ((const uint64_t *)start->mfn_list)[random64() % start->nr_pages];
		hypercall(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, (uint64_t)&r, 0, 0, 0);
		m = random_frame();
		mmuext(random64() % 8 ? MMUEXT_INVLPG_ALL : MMUEXT_NEW_USER_BASEPTR, m, 0);
	}
}

TEST("a domain that writes everywhere it can dies alone", .watched = 1, .hostile = 2, .times = 2, .seconds = 2,
     .paging = BOTH)
{
	for (;;) {
		uint64_t va = random64() >> random64() % 64;

		if (random64() % 2)
			va = 0xffff800000000000 | va;
		if (va >= GUISE_NATIVE_BASE && va < GUISE_NATIVE_BASE + start->nr_pages * PAGE_SIZE &&
		    random64() % 10000)
			continue;
		can_write(va, random64());
	}
}

TEST("a domain that does nothing but trap leaves time for others", .watched = 1, .hostile = 2, .seconds = 3)
{
	for (;;)
		can_read(8, NULL);
}

TEST("a domain that yields without end leaves time for others", .watched = 1, .hostile = 2, .seconds = 3)
{
	for (;;)
		hc_sched(SCHEDOP_yield, NULL);
}

TEST("a domain that flushes without end leaves time for others", .watched = 1, .hostile = 2, .seconds = 3,
     .paging = BOTH)
{
	for (;;)
		pt_flush();
}

TEST("a domain that fills the console without end leaves time for others", .watched = 1, .hostile = 2, .seconds = 1)
{
	static char text[200];

	memset(text, 'x', sizeof(text));
	for (;;)
		hc_console_write(text, sizeof(text));
}
