/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vcpu.c - vCPUs: made, started, stopped, and where their information lives.
 */
#include <runtime/event.h>
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/start.h>
#include <runtime/string.h>

#include "claim.h"
#include "pt.h"
#include "smp.h"
#include "trap.h"
#include "user.h"

#define MS 1000000ull

static volatile uint64_t counter[4];
static volatile uint64_t seen[16];
static vcpu_guest_context_t context;

static void yield(void)
{
	hc_sched(SCHEDOP_yield, NULL);
}

static void wait_for(volatile uint64_t *word, uint64_t value)
{
	uint64_t end = time_ns() + 30000 * MS;

	while (*word < value && time_ns() < end)
		yield();
	expect(*word >= value);
}

static void count_for_ever(uint64_t i)
{
	for (;;)
		counter[i]++;
}

static void count_and_sleep(uint64_t i)
{
	for (;;) {
		counter[i]++;
		hc_sched(SCHEDOP_block, NULL);
	}
}

static void count_and_stop(uint64_t i)
{
	for (;;) {
		counter[i]++;
		counter[3] = (uint64_t)vcpu_op(VCPUOP_down, i, NULL);
	}
}

TEST("is_up tells up, down, and that there is no such vCPU", .vcpus = 2)
{
	static const uint64_t none[] = { 2, 3, 31, 32, 8191, 0x80000000, ~0ull };

	expect_eq(vcpu_op(VCPUOP_is_up, 0, NULL), 1);
	expect_eq(vcpu_op(VCPUOP_is_up, 1, NULL), 0);
	for (unsigned i = 0; i < 7; i++) {
		expect(vcpu_op(VCPUOP_is_up, none[i], NULL) < 0);
		expect(vcpu_op(VCPUOP_up, none[i], NULL) < 0);
		expect(vcpu_op(VCPUOP_down, none[i], NULL) < 0);
		expect(vcpu_op(VCPUOP_initialise, none[i], &context) < 0);
	}
	expect_eq(vcpu_op(77, 0, NULL), -XEN_ENOSYS);
}

static __attribute__((naked)) void tell_registers(void)
{
	__asm__("mov %rax, seen; mov %rbx, seen + 8; mov %rcx, seen + 16; mov %rdx, seen + 24;"
		"mov %rsi, seen + 32; mov %rdi, seen + 40; mov %rbp, seen + 48; mov %r8, seen + 56;"
		"mov %r15, seen + 64; mov %rsp, seen + 72; rdfsbase %rax; mov %rax, seen + 80;"
		"rdgsbase %rax; mov %rax, seen + 88; pushfq; pop %rax; mov %rax, seen + 96; movq $1, seen + 104; 1: jmp 1b");
}

TEST("a second vCPU begins with the context it was given", .vcpus = 2, .paging = BOTH)
{
	static const uint64_t want[] = { 1, 2, 3, 4, 5, 6, 7, 8, 15 };
	uint64_t sp;

	vcpu_context(&context, (void (*)(uint64_t))tell_registers, 6);
	sp = context.user_regs.rsp;
	context.user_regs.rax = 1;
	context.user_regs.rbx = 2;
	context.user_regs.rcx = 3;
	context.user_regs.rdx = 4;
	context.user_regs.rsi = 5;
	context.user_regs.rbp = 7;
	context.user_regs.r8 = 8;
	context.user_regs.r15 = 15;
	context.user_regs.rflags = 1;
	context.fs_base = 0x12345000;
	context.gs_base_kernel = 0x54321000;
	expect_eq(vcpu_op(VCPUOP_initialise, 1, &context), 0);
	expect_eq(vcpu_op(VCPUOP_up, 1, NULL), 0);
	wait_for(&seen[13], 1);
	for (unsigned i = 0; i < 9; i++)
		expect_eq(seen[i], want[i]);
	expect_eq(seen[9], sp);
	expect_eq(seen[10], 0x12345000);
	expect_eq(seen[11], 0x54321000);
	expect_eq(seen[12] & 0x3000, 0);
	expect((seen[12] & FLAG_IF) && (seen[12] & 1));
}

TEST("a bad context is refused and leaves the vCPU to be made", .vcpus = 2)
{
	vcpu_guest_context_t good;

	vcpu_context(&good, count_for_ever, 1);
	expect_eq(vcpu_op(VCPUOP_up, 1, NULL), -XEN_EINVAL);
	expect_eq(vcpu_op(VCPUOP_initialise, 1, NULL), -XEN_EFAULT);
	expect_eq(vcpu_op(VCPUOP_initialise, 1, (void *)0xffff808000100000), -XEN_EFAULT);
#define BAD(change)                                                         \
	do {                                                                \
		context = good;                                             \
		change;                                                     \
		if (vcpu_op(VCPUOP_initialise, 1, &context) >= 0)           \
			fails(__FILE__, __LINE__, "accepted: %s", #change); \
		expect_eq(vcpu_op(VCPUOP_up, 1, NULL), -XEN_EINVAL);        \
	} while (0)
	BAD(context.flags = 0);
	BAD(context.ctrlreg[3] = 0);
	BAD(context.ctrlreg[3] = 0x1000);
	BAD(context.ctrlreg[3] = ~0ull);
	BAD(context.ctrlreg[3] = (max_mfn() + 1) << PAGE_SHIFT);
	BAD(context.user_regs.rip = 0x8000000000000000);
	BAD(context.fs_base = 0x8000000000000000);
	BAD(context.gs_base_kernel = 0x0000800000000000);
	BAD(context.gs_base_user = 0x0000800000000000);
	BAD(context.event_callback_eip = 0x8000000000000000);
	BAD(context.syscall_callback_eip = 0x8000000000000000);
	BAD(context.gdt_ents = 512; context.gdt_frames[0] = virt_to_mfn(&good));
	BAD(context.gdt_ents = 16; context.gdt_frames[0] = 0x100);
	BAD(context.gdt_ents = ~0ull; context.gdt_frames[0] = virt_to_mfn(&good));
	BAD(context.ldt_ents = 8);
	expect_eq(vcpu_op(VCPUOP_initialise, 1, &good), 0);
	expect_eq(vcpu_op(VCPUOP_initialise, 1, &good), -XEN_EEXIST);
	expect_eq(vcpu_op(VCPUOP_initialise, 0, &good), -XEN_EEXIST);
	expect_eq(vcpu_op(VCPUOP_is_up, 1, NULL), 0);
	expect_eq(vcpu_op(VCPUOP_up, 1, NULL), 0);
	wait_for(&counter[1], 1);
}

TEST("a context with bad selectors is a #GP of that vCPU", .vcpus = 2, .dies = "exception 13")
{
	vcpu_context(&context, count_for_ever, 1);
	memset(context.trap_ctxt, 0, sizeof(context.trap_ctxt));
	context.user_regs.cs = 0xe008;
	context.user_regs.ss = 0xe010;
	expect_eq(vcpu_op(VCPUOP_initialise, 1, &context), 0);
	expect_eq(vcpu_op(VCPUOP_up, 1, NULL), 0);
	for (;;)
		yield();
}

TEST("two vCPUs run side by side, each with its own vector registers", .vcpus = 2, .paging = BOTH)
{
	uint64_t v[2] = { 0x1234, 0x5678 };

	__asm__ volatile("movdqu %0, %%xmm5" ::"m"(v));
	vcpu_start(1, count_for_ever, 1);
	for (unsigned i = 1; i < 5; i++)
		wait_for(&counter[1], counter[1] + 1000);
	__asm__ volatile("movdqu %%xmm5, (%0)" ::"r"(v) : "memory");
	expect(v[0] == 0x1234 && v[1] == 0x5678);
	expect_eq(vcpu_op(VCPUOP_is_up, 1, NULL), 1);
}

TEST("a vCPU taken down by another stops at once, and goes on where it was", .vcpus = 2)
{
	uint64_t at;

	vcpu_start(1, count_for_ever, 1);
	wait_for(&counter[1], 1000);
	expect_eq(vcpu_op(VCPUOP_down, 1, NULL), 0);
	expect_eq(vcpu_op(VCPUOP_is_up, 1, NULL), 0);
	at = counter[1];
	for (unsigned i = 0; i < 20; i++)
		yield();
	expect_eq(counter[1], at);
	expect_eq(vcpu_op(VCPUOP_down, 1, NULL), 0);
	expect_eq(vcpu_op(VCPUOP_up, 1, NULL), 0);
	wait_for(&counter[1], at + 1000);
	expect_eq(vcpu_op(VCPUOP_up, 1, NULL), 0);
}

TEST("a vCPU that takes itself down comes back from that call with 0", .vcpus = 2)
{
	counter[3] = 77;
	vcpu_start(1, count_and_stop, 1);
	for (uint64_t i = 1; i < 5; i++) {
		wait_for(&counter[1], i);
		while (vcpu_op(VCPUOP_is_up, 1, NULL))
			yield();
		expect_eq(counter[1], i);
		expect_eq(vcpu_op(VCPUOP_up, 1, NULL), 0);
	}
	wait_for(&counter[1], 5);
	expect_eq(counter[3], 0);
}

TEST("when the last vCPU goes down the domain has shut down", .vcpus = 2, .shutdown = SHUTDOWN_poweroff + 1)
{
	vcpu_start(1, count_and_stop, 1);
	wait_for(&counter[1], 1);
	vcpu_op(VCPUOP_down, 0, NULL);
	fails(__FILE__, __LINE__, "it goes on");
}

TEST("an IPI wakes the vCPU that it is bound to", .vcpus = 2)
{
	struct evtchn_bind_ipi ipi = { .vcpu = 1 };

	vcpu_start(1, count_and_sleep, 1);
	wait_for(&counter[1], 1);
	expect_eq(hc_event_channel(EVTCHNOP_bind_ipi, &ipi), 0);
	for (uint64_t i = 0; i < 10; i++) {
		uint64_t at = counter[1];
		volatile struct vcpu_info *v = &shared->vcpu_info[1];

		v->evtchn_upcall_pending = 0;
		v->evtchn_pending_sel = 0;
		__atomic_fetch_and(&shared->evtchn_pending[0], ~(1ull << ipi.port), __ATOMIC_SEQ_CST);
		__atomic_fetch_and(&shared->evtchn_mask[0], ~(1ull << ipi.port), __ATOMIC_SEQ_CST);
		expect_eq(hc_event_channel(EVTCHNOP_send, &(struct evtchn_send){ .port = ipi.port }), 0);
		wait_for(&counter[1], at + 1);
	}
}

static long register_info(uint64_t id, uint64_t mfn, uint32_t offset)
{
	struct vcpu_register_vcpu_info reg = { .mfn = mfn, .offset = offset };

	return vcpu_op(VCPUOP_register_vcpu_info, id, &reg);
}

TEST("vcpu_info moves once, with its contents, and everything marked pending", .vcpus = 2)
{
	struct vcpu_info *page = page_alloc(1), *new = page + 3;

	shared->vcpu_info[0].arch.cr2 = 0x123456;
	expect_eq(register_info(0, virt_to_mfn(page), 3 * sizeof(*page)), 0);
	expect_eq(new->arch.cr2, 0x123456);
	expect_eq(new->evtchn_upcall_pending, 1);
	expect_eq(new->evtchn_pending_sel, ~0ull);
	expect_eq(new->evtchn_upcall_mask, 1);
	expect_eq(new->time.tsc_to_system_mul, shared->vcpu_info[0].time.tsc_to_system_mul);
	expect_eq(register_info(0, virt_to_mfn(page), 0), -XEN_EINVAL);
	/* The kernel uses the new place. */
	shared->vcpu_info[0].arch.cr2 = 0;
	expect(!can_read(0x8, NULL));
	expect_eq(new->arch.cr2, 8);
	expect_eq(shared->vcpu_info[0].arch.cr2, 0);
	/* The other vCPU's may be set while that one is down. */
	expect_eq(register_info(1, virt_to_mfn(page), 0), 0);
}

TEST("vcpu_info is only registered within one own frame, and not of another vCPU that runs", .vcpus = 2)
{
	uint64_t mfn = virt_to_mfn(page_alloc(1));

	expect(register_info(0, mfn, PAGE_SIZE - 32) < 0);
	expect(register_info(0, mfn, PAGE_SIZE) < 0);
	expect(register_info(0, mfn, ~0u) < 0);
	expect(register_info(0, mfn, 4) < 0);
	expect(register_info(0, 0, 0) < 0);
	expect(register_info(0, 0x100, 0) < 0);
	expect(register_info(0, max_mfn() + 1, 0) < 0);
	expect(register_info(0, ~0ull, 0) < 0);
	expect(register_info(2, mfn, 0) < 0);
	expect_eq(vcpu_op(VCPUOP_register_vcpu_info, 0, NULL), -XEN_EFAULT);
	vcpu_start(1, count_for_ever, 1);
	wait_for(&counter[1], 1);
	expect(register_info(1, mfn, 0) < 0);
	expect_eq(register_info(0, mfn, 0), 0);
}

TEST("each vCPU's timer and VIRQs are its own", .vcpus = 2)
{
	struct evtchn_bind_virq op = { .virq = VIRQ_TIMER, .vcpu = 1 };
	struct vcpu_set_singleshot_timer t = { .timeout_abs_ns = 1 };

	expect_eq(vcpu_op(VCPUOP_stop_periodic_timer, 1, NULL), 0);
	expect_eq(hc_event_channel(EVTCHNOP_bind_virq, &op), 0);
	expect_eq(hc_event_channel(EVTCHNOP_bind_virq, &op), -XEN_EEXIST);
	expect_eq(vcpu_op(VCPUOP_set_singleshot_timer, 1, &t), -XEN_EINVAL);
}

/* ---- what one vCPU does to the tables of another ---- */

static volatile uint64_t go;
static uint64_t *second_root, *second_user;

INSN(user_waits, "movq $1, (%rdi); 1: cmpq $0, (%rsi); je 1b; ud2")

static __attribute__((naked)) void enter_user(uint64_t frame)
{
	__asm__("mov %rdi, %rsp; lea counter(%rip), %rdi; lea go(%rip), %rsi; mov $23, %eax; syscall; ud2");
}

static void go_user(uint64_t arg)
{
	static struct iret_context f;

	mmuext(MMUEXT_NEW_USER_BASEPTR, virt_to_mfn(second_user), 0);
	f = (struct iret_context){
		.rip = (uint64_t)user_waits, .cs = FLAT_USER_CS, .rflags = FLAG_IF | 2, .rsp = arg, .ss = FLAT_USER_SS
	};
	enter_user((uint64_t)&f);
}

static void second_in_user_mode(void)
{
	second_root = user_tables();
	second_user = user_tables();
	vcpu_context(&context, go_user, (uint64_t)page_alloc(1) + PAGE_SIZE);
	context.ctrlreg[3] = virt_to_mfn(second_root) << PAGE_SHIFT;
	expect_eq(vcpu_op(VCPUOP_initialise, 1, &context), 0);
	expect_eq(vcpu_op(VCPUOP_up, 1, NULL), 0);
	wait_for(&counter[0], 1);
}

static void give_up(uint64_t *page)
{
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };
	xen_pfn_t mfn = virt_to_mfn(page);

	set_xen_guest_handle(r.extent_start, &mfn);
	expect_eq(hypercall(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, (uint64_t)&r, 0, 0, 0), 1);
}

TEST("a vCPU in user mode whose kernel tables are given away stops its domain alone", .vcpus = 2, .paging = BOTH,
     .dies = "no stack", .watched = 1)
{
	second_in_user_mode();
	give_up(second_root);
	go = 1;
	for (;;)
		yield();
}

TEST("a vCPU in user mode whose user tables are given away stops its domain alone", .vcpus = 2, .paging = BOTH,
     .dies = "no page tables", .watched = 1)
{
	second_in_user_mode();
	give_up(second_user);
	for (;;)
		yield();
}

static uint64_t race_va, *race_page;

static void flip(uint64_t max)
{
	for (uint64_t m = 0;; m = (m + 1) % max) {
		volatile uint64_t *e = pt_entry(race_va, 1);
		uint64_t v = (m % 2 ? m : virt_to_mfn(race_page)) << PAGE_SHIFT | PTE_DATA;

		if (stock)
			pt_update((uint64_t *)e, v);
		else
			*e = v;
		counter[1]++;
	}
}

TEST("an entry that changes while it is used never opens a foreign frame", .vcpus = 2, .paging = BOTH, .watched = 1,
     .hostile = 1)
{
	uint64_t end = time_ns() + 500 * MS;

	race_va = pt_space();
	race_page = page_alloc(1);
	vcpu_start(1, flip, max_mfn());
	while (time_ns() < end) {
		uint64_t value;

		can_read(race_va + 256, &value);
		can_write(race_va + 8 * 300, 0xbad);
		mmuext(MMUEXT_INVLPG_LOCAL, race_va, 0);
	}
	expect(counter[1] > 0);
}
