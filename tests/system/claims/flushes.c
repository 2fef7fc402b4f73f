/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flushes.c - a guest that keeps its page tables as it likes and says by FLUSH what it changed: it sees what
 * they say, and reaches nothing by them that it would not reach without.
 */
#include <runtime/event.h>
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/start.h>
#include <runtime/string.h>
#include <xen/memory.h>

#include "claim.h"
#include "pt.h"
#include "smp.h"
#include "trap.h"
#include "user.h"

#define SLOT_VA (1ull << 39)
#define MB2	(2ull << 20)
#define GB	(1ull << 30)
#define ALL	0xffffffffffffull

static long call(uint64_t op, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	return hypercall(GUISE_HC_PERSONALITY, op, a, b, c, d);
}

static void enable(void)
{
	expect_eq(call(GUISE_PERSONALITY_ENABLE, GUISE_PERSONALITY_MM, 0, 0, 0), GUISE_PERSONALITY_MM);
}

static void enable_large(void)
{
	const uint64_t features = GUISE_PERSONALITY_MM | GUISE_PERSONALITY_LARGE;

	expect_eq(call(GUISE_PERSONALITY_ENABLE, features, 0, 0, 0), features);
}

static void plain(uint64_t *entry, uint64_t value)
{
	*(volatile uint64_t *)entry = value;
}

static uint64_t *table(void)
{
	uint64_t *page = page_alloc(1);

	expect(page);
	memset(page, 0, PAGE_SIZE);
	return page;
}

static uint64_t *kernel_root(void)
{
	return (uint64_t *)start->pt_base;
}

static void flush_root(const uint64_t *root, uint64_t first, uint64_t last)
{
	expect_eq(call(GUISE_PERSONALITY_FLUSH, virt_to_mfn(root), 0, first, last), 0);
}

static void flush(uint64_t first, uint64_t last)
{
	flush_root(kernel_root(), first, last);
}

/* Tables for SLOT_VA below a root, by plain stores: that of level 2. */
static uint64_t *slot_below(uint64_t *root)
{
	uint64_t *l3 = table(), *l2 = table();

	plain(&l3[0], page_machine(l2) | PTE_DATA);
	plain(&root[1], page_machine(l3) | PTE_DATA);
	return l2;
}

TEST("without its feature a personality has neither ROOTS nor FLUSH", .paging = BOTH)
{
	uint64_t root = virt_to_mfn(kernel_root());

	expect_eq(call(GUISE_PERSONALITY_ROOTS, root, 0, 0, 0), -XEN_EPERM);
	expect_eq(call(GUISE_PERSONALITY_FLUSH, root, 0, 0, ALL), -XEN_EPERM);
	enable();
	expect_eq(call(GUISE_PERSONALITY_ROOTS, root, 0, 0, 0), 0);
	expect_eq(call(GUISE_PERSONALITY_FLUSH, root, 0, 0, ALL), 0);
	enable();
}

/* FLUSH of root rdi with a mark in each register and flags of its own; then all of them. */
static volatile struct {
	uint64_t rax, rbx, rdx, rsi, rdi, rbp, r8, r9, r10, r12, r13, r14, r15, rsp, flags, sp;
} left;
INSN(flush_marked,
     "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; mov %rsp, left + 120;"
     "mov %rdi, %rsi; mov $2, %edi; xor %edx, %edx; xor %r10d, %r10d; mov $4095, %r8d;"
     "mov $0xb, %ebx; mov $0x5b, %ebp; mov $0x9, %r9d; mov $0x12, %r12d; mov $0x13, %r13d; mov $0x14, %r14d;"
     "mov $0x15, %r15d; pushq $0xcc7; popfq; mov $53, %eax; syscall;"
     "mov %rax, left; mov %rbx, left + 8; mov %rdx, left + 16; mov %rsi, left + 24; mov %rdi, left + 32;"
     "mov %rbp, left + 40; mov %r8, left + 48; mov %r9, left + 56; mov %r10, left + 64; mov %r12, left + 72;"
     "mov %r13, left + 80; mov %r14, left + 88; mov %r15, left + 96; mov %rsp, left + 104;"
     "mov left + 120, %rsp; pushfq; popq left + 112; cld;"
     "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx")

TEST("FLUSH leaves all as it was but rax, rcx and r11", .paging = BOTH)
{
	uint64_t root = virt_to_mfn(kernel_root());

	enable();
	for (unsigned i = 0; i < 2; i++) {
		expect_eq(traps(flush_marked, root, 0), 0);
		expect_eq(left.rax, 0);
		expect(left.rdi == 2 && left.rsi == root && left.rdx == 0 && left.r10 == 0 && left.r8 == 4095);
		expect(left.rbx == 0xb && left.rbp == 0x5b && left.r9 == 9);
		expect(left.r12 == 0x12 && left.r13 == 0x13 && left.r14 == 0x14 && left.r15 == 0x15);
		expect_eq(left.rsp, left.sp);
		expect_eq(left.flags, 0xcc7 | FLAG_IF);
	}
}

INSN(flush_at, "mov %rsi, %r9; mov %rdi, %rsi; mov $2, %edi; xor %edx, %edx; xor %r10d, %r10d; xor %r8d, %r8d;"
	       "mov $53, %eax; jmp *%r9")

TEST("a flush asked for at the very end of the lower half ends in a fault of the guest's own", .watched = 1)
{
	uint64_t *t[4] = { kernel_root(), table(), table(), table() };
	uint8_t *code = page_alloc(1);

	enable();
	expect(code);
	code[PAGE_SIZE - 2] = 0x0f; /* SYSCALL */
	code[PAGE_SIZE - 1] = 0x05;
	for (unsigned i = 0; i < 3; i++)
		plain(&t[i][i ? 511 : 255], page_machine(t[i + 1]) | PTE_DATA);
	plain(&t[3][511], page_machine(code) | PTE_DATA);
	expect_trap(TRAP_GP, flush_at, virt_to_mfn(kernel_root()), 0x7ffffffffffe);
	expect(trapped.rip == 0 || trapped.rip == 0x800000000000); /* IRETQ faults, or what is behind it */
}

TEST("what a stock kernel had mapped goes on when it becomes a personality", .paging = BOTH)
{
	uint64_t va = pt_space();

	pt_set(va, page_machine(page_marked(5)) | PTE_DATA);
	expect_eq(word_at(va), 5);
	enable();
	expect_eq(word_at(va), 5);
	pt_set(va, page_machine(page_marked(6)) | PTE_DATA);
	expect_eq(word_at(va), 6);
}

TEST("a plain store to a table counts after a flush of its address, its table, or all")
{
	uint64_t va = pt_space(), *entry = pt_entry(va, 1), *page[2] = { page_marked(0), page_marked(1) };
	const uint64_t range[][2] = { { va, va },
				      { va & ~(MB2 - 1), va | (MB2 - 1) },
				      { 0, ALL },
				      { va - PAGE_SIZE, va + PAGE_SIZE },
				      { va + 5, va + 4000 },
				      { 0, va } };

	enable();
	plain(entry, page_machine(page[1]) | PTE_DATA);
	expect_eq(word_at(va), 1);
	for (unsigned i = 0; i < 6; i++) {
		plain(entry, page_machine(page[i % 2]) | PTE_DATA);
		flush(range[i][0], range[i][1]);
		expect_eq(word_at(va), i % 2);
	}
	plain(entry, page_machine(page[0]) | PTE_RO);
	flush(va, va);
	expect(can_read(va, NULL) && !can_write(va, 1));
	plain(entry, page_machine(page[0]) | PTE_DATA); /* more than before needs no flush */
	expect(can_write(va, 1));
	plain(entry, page_machine(page[0]) | PTE_P | PTE_U | PTE_RW);
	flush(va, va);
	expect(can_write(va, 2));
	expect_eq(*entry & (PTE_A | PTE_D), PTE_A | PTE_D);
	plain(entry, 0);
	flush(va, va);
	expect(!can_read(va, NULL));
}

TEST("a flush counts for a root that is not loaded, and loading needs none")
{
	uint64_t *root[2] = { table(), table() }, *l1[2];

	enable();
	for (unsigned i = 0; i < 2; i++) {
		uint64_t *l2;

		plain(&root[i][0], kernel_root()[0]);
		l2 = slot_below(root[i]);
		l1[i] = table();
		plain(&l2[0], page_machine(l1[i]) | PTE_DATA);
		for (unsigned k = 0; k < 20; k++)
			plain(&l1[i][k], page_machine(page_marked(100 * i + k)) | PTE_DATA);
	}
	for (unsigned round = 0; round < 40; round++) {
		unsigned i = round % 2, k = round % 20;

		expect_eq(call(GUISE_PERSONALITY_ROOTS, virt_to_mfn(root[i]), 0, 0, 0), 0);
		for (unsigned n = 0; n < 20; n++)
			expect_eq(word_at(SLOT_VA + n * PAGE_SIZE) % 1000, 100 * i + n);
		plain(&l1[!i][k], page_machine(page_marked(1000 + 100 * !i + k)) | PTE_DATA);
		flush_root(root[!i], SLOT_VA + k * PAGE_SIZE, SLOT_VA + k * PAGE_SIZE);
	}
	expect_eq(call(GUISE_PERSONALITY_ROOTS, virt_to_mfn(kernel_root()), 0, 0, 0), 0);
	expect(!can_read(SLOT_VA, NULL));
}

/* A table on the way goes, and the table of leaves below it is used for something else: whoever found that by its
 * frame would see what was there before. */
TEST("a table that was flushed out is empty when its frame is a table again")
{
	static const uint64_t size[] = { 0, 0, MB2, GB, SLOT_VA };
	uint64_t *l1 = table(), *before = page_marked(1), *after = page_marked(2), *l2;

	enable();
	for (unsigned level = 2; level <= 4; level++) {
		uint64_t va = SLOT_VA + 3 * MB2;

		l2 = slot_below(kernel_root());
		for (unsigned i = 0; i < 512; i++)
			plain(&l1[i], page_machine(before) | PTE_DATA);
		plain(&l2[3], page_machine(l1) | PTE_DATA);
		for (unsigned i = 0; i < 512; i += 16)
			expect_eq(word_at(va + i * PAGE_SIZE), 1);
		plain(pt_entry(va, level), 0);
		flush(va & ~(size[level] - 1), va | (size[level] - 1));
		for (unsigned i = 0; i < 512; i++)
			plain(&l1[i], i % 16 == 1 ? page_machine(after) | PTE_DATA : 0);
		l2 = slot_below(kernel_root());
		plain(&l2[9], page_machine(l1) | PTE_DATA);
		va = SLOT_VA + 9 * MB2;
		for (unsigned i = 0; i < 512; i += 16) {
			expect(!can_read(va + i * PAGE_SIZE, NULL));
			expect_eq(word_at(va + (i + 1) * PAGE_SIZE), 2);
		}
		plain(&kernel_root()[1], 0);
		flush(SLOT_VA, 2 * SLOT_VA - 1);
	}
}

TEST("a flush of more tables than it compares, and of more than the pool holds, forgets the rest", .pages = 900)
{
	uint64_t *l2 = slot_below(kernel_root()), *page[3] = { page_marked(7), page_marked(8), page_marked(9) };
	static uint64_t *l1[300];

	enable();
	for (unsigned i = 0; i < 300; i++) {
		l1[i] = table();
		plain(&l1[i][i % 512], page_machine(page[i % 2]) | PTE_DATA);
		plain(&l2[i], page_machine(l1[i]) | PTE_DATA);
	}
	for (unsigned round = 0; round < 4; round++) {
		unsigned nr = round % 2 ? 300 : 70; /* below and above the size of the pool */

		for (unsigned i = 0; i < nr; i++)
			expect_eq(word_at(SLOT_VA + i * MB2 + i % 512 * PAGE_SIZE), 7 + (round + i) % 2);
		for (unsigned i = 0; i < 300; i++)
			plain(&l1[i][i % 512], page_machine(page[(round + i + 1) % 2]) | PTE_DATA);
		flush(0, ALL);
	}
}

static volatile uint64_t seen;

static void watch(uint64_t va)
{
	for (;;)
		__atomic_store_n(&seen, word_at(va), __ATOMIC_RELEASE);
}

TEST("a personality's flush on one vCPU counts on another", .vcpus = 2)
{
	uint64_t va = pt_space(), *entry = pt_entry(va, 1), *page[2] = { page_marked(10), page_marked(11) };

	enable();
	plain(entry, page_machine(page[0]) | PTE_DATA);
	vcpu_start(1, watch, va);
	for (unsigned i = 0; i < 40; i++) {
		plain(entry, page_machine(page[i % 2]) | PTE_DATA);
		flush(i % 3 ? va : 0, i % 3 ? va : ALL);
		/* It may have loaded before the flush and store after it, once. */
		__atomic_store_n(&seen, 0, __ATOMIC_RELEASE);
		while (seen != 10 + i % 2)
			hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0, 0);
		for (unsigned n = 0; n < 100; n++)
			expect_eq(seen, 10 + i % 2);
	}
}

TEST("roots and ranges that a personality may not name are refused", .watched = 1)
{
	uint64_t own = virt_to_mfn(kernel_root());
	const uint64_t foreign[] = { 0, 1, max_mfn(), max_mfn() + 1, ~0ull, 1ull << 40, own | 1ull << 52 };

	enable();
	for (unsigned i = 0; i < 7; i++) {
		if (is_own(foreign[i]))
			continue;
		expect_eq(call(GUISE_PERSONALITY_FLUSH, foreign[i], 0, 0, ALL), -XEN_EPERM);
		expect_eq(call(GUISE_PERSONALITY_ROOTS, foreign[i], 0, 0, 0), -XEN_EPERM);
		if (foreign[i]) {
			expect_eq(call(GUISE_PERSONALITY_FLUSH, own, foreign[i], 0, ALL), -XEN_EPERM);
			expect_eq(call(GUISE_PERSONALITY_ROOTS, own, foreign[i], 0, 0), -XEN_EPERM);
		}
	}
	expect_eq(call(GUISE_PERSONALITY_FLUSH, own, 0, 2, 1), -XEN_EINVAL);
	expect_eq(call(GUISE_PERSONALITY_FLUSH, own, 0, ALL, 0), -XEN_EINVAL);
}

/* Frames by which to try what is not allowed: any, and more often those near one's own. */
static uint64_t any_frame(void)
{
	uint64_t own = virt_to_mfn(kernel_root());

	switch (random64() % 4) {
	case 0:
		return random64() % (max_mfn() + 16);
	case 1:
		return own;
	case 2:
		return own ^ random64() % 4096;
	default:
		return random64() >> random64() % 60;
	}
}

INSN(load, "mov (%rdi), %rax; ud2")

/* Misses of this vCPU so far. */
static uint32_t misses(void)
{
	uint32_t eax = GUISE_CPUID_CROSSINGS, ecx = GUISE_CROSSING_FILL;

	__asm__ volatile("ud2; .ascii \"xen\"; cpuid" : "+a"(eax), "+c"(ecx) : : "ebx", "edx");
	return eax;
}

TEST("what a personality enters after a fault of its user is there when the user goes on, if it is its own")
{
	uint64_t va = pt_space(), *entry = pt_entry(va, 1), *page = page_marked(5);
	unsigned spared = 0;

	user_init();
	enable();
	expect_eq(trap_set(TRAP_PF, 0, 1, trap_handler(TRAP_PF)), 0);
	/* The first miss makes the tables, and now and then there is something else to do on the way back. */
	for (unsigned round = 0; round < 20; round++) {
		uint32_t before;

		plain(entry, 0);
		flush(va, va);
		user_run(load, va, 0);
		expect_eq(trapped.vector, TRAP_PF);
		plain(entry, page_machine(page) | PTE_DATA);
		shared->vcpu_info[0].evtchn_upcall_pending = 0;
		before = misses();
		user_run(load, va, 0);
		spared += misses() == before;
		expect_eq(trapped.vector, TRAP_UD);
		expect_eq(trapped.gpr[GPR_AX], 5);
	}
	expect(spared > 0);
	for (unsigned step = 0; step < 2000; step++) {
		uint64_t mfn = any_frame() & PTE_FRAME >> PAGE_SHIFT;

		if (mfn <= max_mfn() && (is_own(mfn) || is_lent(mfn)))
			continue;
		plain(entry, 0);
		flush(va, va);
		user_run(load, va, 0);
		plain(entry, mfn << PAGE_SHIFT | PTE_DATA);
		user_run(load, va, 0);
		expect_eq(trapped.vector, TRAP_PF);
	}
}

TEST("a leaf of a personality's tables leads to its own frames, whatever it names", .watched = 1)
{
	uint64_t va = pt_space(), *entry = pt_entry(va, 1);

	enable();
	for (unsigned step = 0; step < 20000; step++) {
		uint64_t mfn = any_frame() & PTE_FRAME >> PAGE_SHIFT;

		if (mfn <= max_mfn() && (is_own(mfn) || is_lent(mfn)))
			continue;
		plain(entry, mfn << PAGE_SHIFT | PTE_DATA | (random64() % 2 ? PTE_NX : 0) | (random64() & 0xe00));
		flush(va, va);
		expect(!can_read(va, NULL));
	}
}

/* 2 MiB of this domain's memory whose frames lie one after the other, from a multiple of 2 MiB on. */
static char *block(void)
{
	char *p = page_alloc(1023);

	expect(p);
	while (virt_to_mfn(p) % 512)
		p += PAGE_SIZE;
	for (unsigned i = 0; i < 512; i++)
		expect_eq(virt_to_mfn(p + i * PAGE_SIZE), virt_to_mfn(p) + i);
	return p;
}

TEST("an entry of level 2 maps 2 MiB once a personality has asked for that", .pages = 1700)
{
	char *p = block();
	uint64_t *l2 = slot_below(kernel_root());

	for (unsigned i = 0; i < 512; i++)
		*(uint64_t *)(p + i * PAGE_SIZE) = i;
	expect_eq(call(GUISE_PERSONALITY_ENABLE, GUISE_PERSONALITY_LARGE, 0, 0, 0), -XEN_EINVAL);
	enable();
	plain(l2, page_machine(p) | PTE_P | PTE_RW | PTE_U | PTE_PS);
	expect(!can_read(SLOT_VA, NULL));
	enable_large();
	for (unsigned i = 0; i < 512; i++)
		expect_eq(word_at(SLOT_VA + i * PAGE_SIZE), i);
	expect_eq(*l2 & (PTE_A | PTE_D), PTE_A);
	expect(can_write(SLOT_VA + MB2 - 8, 7));
	expect_eq(*(uint64_t *)(p + MB2 - 8), 7);
	expect_eq(*l2 & (PTE_A | PTE_D), PTE_A | PTE_D);
	plain(l2, *l2 & ~PTE_RW);
	flush(SLOT_VA, SLOT_VA);
	expect(can_read(SLOT_VA, NULL) && !can_write(SLOT_VA, 1));
	plain(l2, 0);
	flush(SLOT_VA, SLOT_VA);
	expect(!can_read(SLOT_VA + 5 * PAGE_SIZE, NULL));
}

TEST("a large page and a table take each other's place", .pages = 1700)
{
	uint64_t *l2 = slot_below(kernel_root()), *l1 = table(), *page = page_marked(3);
	char *p = block();

	*(uint64_t *)(p + 9 * PAGE_SIZE) = 4;
	plain(&l1[9], page_machine(page) | PTE_DATA);
	enable_large();
	for (unsigned i = 0; i < 100; i++) {
		plain(l2, i % 2 ? page_machine(p) | PTE_DATA | PTE_PS : page_machine(l1) | PTE_DATA);
		flush(SLOT_VA, SLOT_VA + MB2 - 1);
		expect_eq(word_at(SLOT_VA + 9 * PAGE_SIZE), 3 + i % 2);
		expect_eq(can_read(SLOT_VA + 10 * PAGE_SIZE, NULL), (int)(i % 2));
	}
}

static int all_own(uint64_t mfn)
{
	unsigned n = 0;

	while (n < 512 && mfn + n <= max_mfn() && is_own(mfn + n))
		n++;
	return n == 512;
}

TEST("a large page of a personality's leads to its own frames, whatever it names", .pages = 1700, .watched = 1)
{
	uint64_t *l2 = slot_below(kernel_root()), own = virt_to_mfn(block());

	enable_large();
	for (unsigned step = 0; step < 3000; step++) {
		uint64_t mfn = (random64() % 2 ? any_frame() : own + random64() % 2048 - 1024) &
			       PTE_FRAME >> PAGE_SHIFT;

		if (random64() % 4)
			mfn &= ~511ull;
		if (mfn % 512 == 0 && all_own(mfn))
			continue;
		plain(l2, mfn << PAGE_SHIFT | PTE_DATA | PTE_PS | (random64() & 0xe00));
		flush(SLOT_VA, SLOT_VA);
		expect(!can_read(SLOT_VA + random64() % 512 * PAGE_SIZE, NULL));
	}
}

TEST("a frame of a large page that is given up is in nobody's reach", .pages = 1700, .watched = 1)
{
	uint64_t *l2 = slot_below(kernel_root()), given;
	char *p = block();
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

	enable_large();
	plain(l2, page_machine(p) | PTE_DATA | PTE_PS);
	expect(can_write(SLOT_VA + 77 * PAGE_SIZE, 1));
	given = virt_to_mfn(p + 77 * PAGE_SIZE);
	set_xen_guest_handle(r.extent_start, &given);
	expect_eq(hypercall(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, (uint64_t)&r, 0, 0, 0), 1);
	expect(!can_read(SLOT_VA + 77 * PAGE_SIZE, NULL) && !can_write(SLOT_VA, 1));
	plain(l2, 0);
	flush(SLOT_VA, SLOT_VA);
	expect(!can_read((uint64_t)p + 77 * PAGE_SIZE, NULL) && can_read((uint64_t)p, NULL));
}

TEST("tables of a personality that name foreign frames, each other, or themselves hurt nobody else", .watched = 1,
     .hostile = 1, .times = 3, .seconds = 60)
{
	uint64_t *l2 = slot_below(kernel_root()), *l3 = pt_table(SLOT_VA, 3), *tables[6] = { l2, l3 };

	if (random64() % 2)
		enable();
	else
		enable_large();
	for (unsigned i = 2; i < 6; i++) {
		tables[i] = table();
		plain(&l2[i - 2], page_machine(tables[i]) | PTE_DATA);
	}
	for (unsigned step = 0; step < 30000; step++) {
		uint64_t mfn = random64() % 4 ? virt_to_mfn(tables[random64() % 6]) : any_frame();
		uint64_t va = SLOT_VA + random64() % 4 * MB2 + random64() % 4 * PAGE_SIZE;

		plain(&tables[random64() % 6][random64() % 4],
		      mfn << PAGE_SHIFT | random64() % 512 | PTE_P | PTE_A | PTE_D);
		if (random64() % 2)
			can_write(va, random64());
		else
			can_read(va, NULL);
		if (random64() % 8 == 0)
			call(GUISE_PERSONALITY_FLUSH, random64() % 2 ? virt_to_mfn(kernel_root()) : any_frame(),
			     random64() % 2 ? virt_to_mfn(l3) : any_frame(), va, va | random64() % GB);
		if (random64() % 32 == 0) {
			plain(&l3[0], page_machine(l2) | PTE_DATA);
			for (unsigned i = 0; i < 4; i++)
				plain(&l2[i], page_machine(tables[i + 2]) | PTE_DATA);
			flush(0, ALL);
		}
	}
}

TEST("a storm of flushes with wild ranges hurts nobody", .watched = 1, .vcpus = 2, .seconds = 60)
{
	uint64_t own = virt_to_mfn(kernel_root()), va = pt_space(), *entry = pt_entry(va, 1);

	enable();
	plain(entry, page_machine(page_marked(10)) | PTE_DATA);
	vcpu_start(1, watch, va);
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t first = random64() >> random64() % 64, last = random64() >> random64() % 64;
		long rc = call(GUISE_PERSONALITY_FLUSH, own, random64() % 2 ? own : 0, first, last);

		expect(rc == 0 || rc == -XEN_EINVAL);
		expect_eq(word_at(va), 10);
	}
}
