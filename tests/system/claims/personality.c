/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * personality.c - user and guest kernel change over an area that the guest registered (guise.h, struct
 * guise_vcpu_entry): what holds, and what a guest that scribbles on it can do to itself, and to nobody else.
 */
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/start.h>
#include <runtime/string.h>
#include <xen/callback.h>

#include "claim.h"
#include "pt.h"
#include "smp.h"
#include "trap.h"
#include "user.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define USER_CS	 0x33 /* as frames are to show it */
#define USER_SS	 0x2b
#define GS_USER	 0x00005555aaaa0000
#define GS_ENTRY 0xffff900012345000

INSN(system_call, "mov $0x1234, %eax; stc; syscall; ud2")
INSN(state, "pushfq; pop %rdx; ud2")
INSN(ud2, "ud2")
INSN(spin, "1: jmp 1b")
INSN(gs_base, "wrgsbase %rdi; syscall; rdgsbase %rdx; ud2")
INSN(gs_read, "rdgsbase %rdx; ud2")
INSN(masked_call, "movb $1, (%rdi); mov $0x4321, %eax; syscall")
INSN(new_rsp, "mov %rdi, %rsp; syscall")

static volatile struct guise_vcpu_area *area;
static volatile uint8_t *mask;

/* What the system call's entry found. */
static volatile struct {
	uint64_t rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15, flags, gs, mask;
} entered;
void direct_go(uint64_t a, uint64_t b);
extern const char direct_back[], direct_entry[];

/* Go to user mode, to where the area says, with rdi = a, rsi = b and a mark in each other register.  Returns
 * when user mode makes a system call. */
__asm__(".globl direct_go, direct_back, direct_entry\n"
	"direct_go:\n\t"
	"push %rbx\n\tpush %rbp\n\tpush %r12\n\tpush %r13\n\tpush %r14\n\tpush %r15\n\t"
	"mov %rsp, direct_sp\n\t"
	"mov $0xa0, %eax\n\tmov $0xa2, %edx\n\tmov $0xa3, %ebx\n\tmov $0xa5, %ebp\n\tmov $0xa8, %r8d\n\t"
	"mov $0xa9, %r9d\n\tmov $0xaa, %r10d\n\tmov $0xac, %r12d\n\tmov $0xad, %r13d\n\tmov $0xae, %r14d\n\t"
	"mov $0xaf, %r15d\n\tmov user_sp, %rsp\n\t"
	"syscall\n"
	"direct_back:\n\t"
	"ud2\n"
	"direct_entry:\n\t"
	"mov %rax, entered\n\tmov %rcx, entered + 8\n\tmov %rdx, entered + 16\n\tmov %rbx, entered + 24\n\t"
	"mov %rsp, entered + 32\n\tmov %rbp, entered + 40\n\tmov %rsi, entered + 48\n\tmov %rdi, entered + 56\n\t"
	"mov %r8, entered + 64\n\tmov %r9, entered + 72\n\tmov %r10, entered + 80\n\tmov %r11, entered + 88\n\t"
	"mov %r12, entered + 96\n\tmov %r13, entered + 104\n\tmov %r14, entered + 112\n\tmov %r15, entered + 120\n\t"
	"mov direct_sp, %rsp\n\t"
	"pushfq\n\tpopq entered + 128\n\t"
	"rdgsbase %rax\n\tmov %rax, entered + 136\n\t"
	"cld\n\t"
	"pop %r15\n\tpop %r14\n\tpop %r13\n\tpop %r12\n\tpop %rbp\n\tpop %rbx\n\t"
	"ret\n"
	".local direct_sp\n.comm direct_sp, 8, 8\n");

static long personality(uint64_t op, uint64_t a, uint64_t b)
{
	return hypercall(GUISE_HC_PERSONALITY, op, a, b, 0, 0);
}

static struct guise_vcpu_entry entry_of(volatile void *at)
{
	return (struct guise_vcpu_entry){ .area = virt_to_bus((void *)at),
					  .entry = (uint64_t)direct_entry,
					  .back = (uint64_t)direct_back,
					  .user_cs = USER_CS,
					  .user_ss = USER_SS };
}

static long area_set(struct guise_vcpu_entry e)
{
	return personality(GUISE_PERSONALITY_AREA, (uint64_t)&e, 0);
}

static void direct_init(void)
{
	user_init();
	mask = &shared->vcpu_info[0].evtchn_upcall_mask;
	area = page_alloc(1);
	expect(area);
	area->kernel_sp = user_kernel_sp;
	expect_eq(personality(GUISE_PERSONALITY_ENABLE, GUISE_PERSONALITY_ENTRY | GUISE_PERSONALITY_SWITCH, 0),
		  GUISE_PERSONALITY_ENTRY | GUISE_PERSONALITY_SWITCH);
	expect_eq(area_set(entry_of(area)), 0);
}

/* Run fn in user mode.  1: a trap ended it (trapped), 0: a system call (entered). */
static int direct_run(uint64_t rip, uint64_t flags, uint64_t a, uint64_t b)
{
	area->rip = rip;
	area->rflags = flags;
	*mask = 1;
	return traps(direct_go, a, b);
}

#define expect_user_trap(vec)                            \
	do {                                             \
		expect_eq(trapped.vector, vec);          \
		expect_eq(trapped.cs & 0xffff, USER_CS); \
		expect_eq(trapped.ss, USER_SS);          \
	} while (0)

TEST("through an area a system call arrives with all of the user's registers but rcx and r11", .paging = BOTH)
{
	direct_init();
	for (unsigned i = 0; i < 3; i++) {
		expect_eq(direct_run((uint64_t)system_call, FLAG_IF | 2, 0x55 + i, 0x66), 0);
		expect_eq(entered.rax, 0x1234);
		expect_eq(entered.rdi, 0x55 + i);
		expect_eq(entered.rsi, 0x66);
		expect_eq(entered.rdx, 0xa2);
		expect_eq(entered.rbx, 0xa3);
		expect_eq(entered.rbp, 0xa5);
		expect_eq(entered.r8, 0xa8);
		expect_eq(entered.r9, 0xa9);
		expect_eq(entered.r10, 0xaa);
		expect_eq(entered.r12, 0xac);
		expect_eq(entered.r13, 0xad);
		expect_eq(entered.r14, 0xae);
		expect_eq(entered.r15, 0xaf);
		expect_eq(entered.rsp, user_sp);
		expect_eq(area->rip, (uint64_t)system_call + 8);
		expect_eq(area->rflags & (FLAG_IF | 1), FLAG_IF | 1);
		expect_eq(entered.flags & 0xfd5, FLAG_IF);
		expect_eq(*mask, 1);
	}
}

TEST("through an area user mode goes on with the registers it is given, upcalls unmasked", .paging = BOTH)
{
	direct_init();
	expect_eq(direct_run((uint64_t)ud2, FLAG_IF | FLAG_DF | 3, 0x77, 0x88), 1);
	expect_user_trap(TRAP_UD);
	expect_eq(trapped.rip, (uint64_t)ud2);
	expect_eq(trapped.rcx, trapped.rip);
	expect_eq(trapped.rsp, user_sp);
	expect_eq(trapped.gpr[GPR_AX], 0xa0);
	expect_eq(trapped.gpr[GPR_DX], 0xa2);
	expect_eq(trapped.gpr[GPR_BX], 0xa3);
	expect_eq(trapped.gpr[GPR_BP], 0xa5);
	expect_eq(trapped.gpr[GPR_DI], 0x77);
	expect_eq(trapped.gpr[GPR_SI], 0x88);
	expect_eq(trapped.rflags & (FLAG_IF | FLAG_DF | 1), FLAG_IF | FLAG_DF | 1);
	expect_eq(trapped.frame, user_kernel_sp - 7 * 8);
}

TEST("a system call of a user whose upcalls are masked arrives as any other", .paging = BOTH)
{
	direct_init();
	for (unsigned i = 0; i < 3; i++) {
		expect_eq(direct_run((uint64_t)masked_call, FLAG_IF | 2, (uint64_t)mask, 0), 0);
		expect_eq(entered.rax, 0x4321);
		expect_eq(entered.rsp, user_sp);
		expect_eq(entered.flags & 0xfd5, FLAG_IF);
		expect_eq(area->rip, (uint64_t)masked_call + 10);
		expect_eq(*mask, 1);
	}
}

TEST("frames from user mode go to the stack that the area names now", .paging = BOTH)
{
	uint64_t page = (uint64_t)page_alloc(1);

	direct_init();
	for (unsigned i = 1; i <= 3; i++) {
		area->kernel_sp = page + 1024 * i;
		expect_eq(direct_run((uint64_t)ud2, FLAG_IF | 2, 0, 0), 1);
		expect_eq(trapped.frame, page + 1024 * i - 7 * 8);
		expect_eq(direct_run(pt_space(), FLAG_IF | 2, 0, 0), 1);
		expect_user_trap(TRAP_PF);
		expect_eq(trapped.frame, page + 1024 * i - 8 * 8);
	}
}

TEST("user and guest kernel have a GS base each, whatever way they change")
{
	uint64_t base = GS_ENTRY;

	__asm__ volatile("wrgsbase %0" ::"r"(base));
	direct_init();
	for (unsigned i = 0; i < 3; i++) {
		expect_eq(direct_run((uint64_t)gs_base, FLAG_IF | 2, GS_USER + i, 0), 0);
		expect_eq(entered.gs, base);
		expect_eq(traps(direct_go, 0, 0), 1); /* on behind the call */
		expect_user_trap(TRAP_UD);
		expect_eq(trapped.gpr[GPR_DX], GS_USER + i);
		__asm__ volatile("rdgsbase %0" : "=r"(base));
		expect_eq(base, GS_ENTRY);
	}
}

TEST("a GS base that is not canonical is refused, and the user keeps the one it has")
{
	direct_init();
	expect_eq(hypercall(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER, GS_USER, 0, 0, 0), 0);
	expect_eq(hypercall(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER, 0x8000000000000000, 0, 0, 0), -XEN_EINVAL);
	expect_eq(direct_run((uint64_t)gs_read, FLAG_IF | 2, 0, 0), 1);
	expect_user_trap(TRAP_UD);
	expect_eq(trapped.gpr[GPR_DX], GS_USER);
}

TEST("an event that is pending on the way back comes before the user's first instruction")
{
	volatile struct vcpu_info *v = &shared->vcpu_info[0];
	struct callback_register reg = { .type = CALLBACKTYPE_event,
					 .flags = CALLBACKF_mask_events,
					 .address = trap_handler(TRAP_EVENT) };

	direct_init();
	expect_eq(hypercall(__HYPERVISOR_callback_op, CALLBACKOP_register, (uint64_t)&reg, 0, 0, 0), 0);
	for (unsigned i = 0; i < 3; i++) {
		v->evtchn_upcall_pending = 1;
		expect_eq(direct_run((uint64_t)spin, FLAG_IF | 2, 1, 2), 1);
		expect_user_trap(TRAP_EVENT);
		expect_eq(trapped.rip, (uint64_t)spin);
		expect_eq(trapped.rsp, user_sp);
		expect_eq(trapped.gpr[GPR_AX], 0xa0);
		expect_eq(v->evtchn_upcall_mask, 1);
		v->evtchn_upcall_pending = 0;
	}
}

/* Each bit of the word, alone and with all others. */
TEST("no flag of an area gives I/O privilege or VM, or takes the real IF away", .watched = 1)
{
	direct_init();
	for (unsigned i = 0; i < 130; i++) {
		uint64_t flags = i < 64 ? 1ull << i : i < 128 ? ~(1ull << (i - 64)) : i == 128 ? 0 : ~0ull;

		expect_eq(direct_run((uint64_t)state, flags, 0, 0), 1);
		if (flags & FLAG_TF) {
			expect_user_trap(TRAP_DB);
			expect_eq(trapped.rflags & 0x3000, 0);
			continue;
		}
		expect_user_trap(TRAP_UD);
		expect_eq(trapped.gpr[GPR_DX] & (FLAG_RF | 0x3000 | 1 << 17 | 3 << 19), 0);
		expect_eq(trapped.gpr[GPR_DX] & (FLAG_IF | 2), FLAG_IF | 2);
	}
}

TEST("an address that no user has is a fault of user mode, be it not canonical or the kernel's", .watched = 1)
{
	static const uint64_t rip[] = { 0x0000800000000000,
					0x0001000000000000,
					0x7fffffffffffffff,
					0x8000000000000000,
					0xffff7fffffffffff,
					0xffff800000000000,
					0xffff808000100000,
					0xffff810000000000,
					0xffff888000000000,
					0xffffffff80000000,
					~0ull,
					0x0000400000000000 };

	direct_init();
	for (unsigned i = 0; i < COUNT(rip); i++) {
		for (unsigned slow = 0; slow < 2; slow++) {
			shared->vcpu_info[0].evtchn_upcall_pending = (uint8_t)slow; /* no callback: C's way */
			expect_eq(direct_run(rip[i], FLAG_IF | 2, 0, 0), 1);
			expect_user_trap(TRAP_PF);
			expect(trapped.error & PF_USER);
			expect_eq((int64_t)(trapped.rip << 16) >> 16, trapped.rip);
		}
	}
	shared->vcpu_info[0].evtchn_upcall_pending = 0;
}

TEST("in user mode the address that leads back to it is one as any other", .paging = BOTH)
{
	direct_init();
	for (unsigned i = 0; i < 3; i++) {
		expect_eq(direct_run((uint64_t)direct_back - 2, FLAG_IF | 2, 0x99, 0), 0);
		expect_eq(area->rip, (uint64_t)direct_back);
		expect_eq(entered.rdi, 0x99);
		expect_eq(entered.rsp, user_sp);
	}
}

INSN(load, "mov (%rdi), %rax; ud2")

TEST("the area needs to be mapped nowhere, and is not because it is one", .paging = BOTH)
{
	uint64_t va;

	direct_init();
	va = (uint64_t)area;
	area->rip = (uint64_t)load;
	area->rflags = FLAG_IF | 2;
	pt_set(va, 0);
	expect_eq(traps(direct_go, va, 0), 1);
	expect_user_trap(TRAP_PF);
	expect_eq(trapped.rip, (uint64_t)load);
	expect_eq(trapped.error, PF_USER);
}

TEST("an area is aligned, in an own frame, and its entry where a kernel may be")
{
	struct guise_vcpu_entry e;

	direct_init();
	for (unsigned i = 1; i < 64; i++) {
		e = entry_of((volatile char *)area + i);
		expect_eq(area_set(e), -XEN_EINVAL);
	}
	e = entry_of(area);
	e.zero = 1;
	expect_eq(area_set(e), -XEN_EINVAL);
	e = entry_of(area);
	e.entry = 0;
	expect_eq(area_set(e), -XEN_EINVAL);
	e.entry = 0x0000800000000000;
	expect_eq(area_set(e), -XEN_EINVAL);
	e.entry = 0xffff808000100000;
	expect_eq(area_set(e), -XEN_EINVAL);
	e = entry_of(area);
	e.back = 0x8000000000000000;
	expect_eq(area_set(e), -XEN_EINVAL);
	for (uint64_t mfn = 0; mfn <= max_mfn() + 2; mfn++) {
		if (mfn <= max_mfn() && (is_own(mfn) || is_lent(mfn)))
			continue;
		e = entry_of(area);
		e.area = mfn << 12;
		expect_eq(area_set(e), -XEN_EPERM);
	}
	e.area = ~63ull;
	expect_eq(area_set(e), -XEN_EPERM);
	expect_eq(personality(GUISE_PERSONALITY_AREA, 0xffff808000100000, 0), -XEN_EFAULT);
	expect_eq(personality(99, 0, 0), -XEN_ENOSYS);
	/* And the first one holds. */
	expect_eq(direct_run((uint64_t)system_call, FLAG_IF | 2, 0, 0), 0);
	expect_eq(entered.rax, 0x1234);
}

TEST("an area's frame cannot be given away before the area is")
{
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };
	uint64_t va, other;
	xen_pfn_t frame;

	direct_init();
	va = (uint64_t)area;
	other = (uint64_t)page_alloc(1);
	frame = m2p(virt_to_mfn((void *)va));
	set_xen_guest_handle(r.extent_start, &frame);
	pt_set(va, 0);
	frame = virt_to_bus((void *)va) >> 12;
	expect_eq(hypercall(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, (uint64_t)&r, 0, 0, 0), 0);
	pt_set(va, virt_to_bus((void *)va) | PTE_DATA);
	expect_eq(direct_run((uint64_t)system_call, FLAG_IF | 2, 0, 0), 0);
	/* Another one takes its place, or none: it is free again. */
	area = (void *)other;
	expect_eq(area_set(entry_of(area)), 0);
	area->kernel_sp = user_kernel_sp;
	expect_eq(direct_run((uint64_t)system_call, FLAG_IF | 2, 0, 0), 0);
	pt_set(va, 0);
	expect_eq(hypercall(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, (uint64_t)&r, 0, 0, 0), 1);
	expect_eq(personality(GUISE_PERSONALITY_AREA, 0, 0), 0);
	user_run(system_call, 0, 0);
	expect_eq(trapped.vector, TRAP_SYSCALL);
}

TEST("an area and both roots at once are for a domain that enabled the features")
{
	uint64_t kernel = virt_to_mfn((void *)start->pt_base);

	area = page_alloc(1);
	expect_eq(area_set(entry_of(area)), -XEN_EPERM);
	expect_eq(personality(GUISE_PERSONALITY_ROOTS, kernel, 0), -XEN_EPERM);
	personality(GUISE_PERSONALITY_ENABLE, GUISE_PERSONALITY_ENTRY, 0);
	expect_eq(personality(GUISE_PERSONALITY_ROOTS, kernel, 0), -XEN_EPERM);
	expect_eq(area_set(entry_of(area)), 0);
	personality(GUISE_PERSONALITY_ENABLE, GUISE_PERSONALITY_SWITCH, 0);
	expect_eq(personality(GUISE_PERSONALITY_ROOTS, kernel, 0), 0);
}

TEST("without an area no address leads to user mode")
{
	direct_init();
	expect_eq(personality(GUISE_PERSONALITY_AREA, 0, 0), 0);
	expect_eq(direct_run((uint64_t)ud2, FLAG_IF | 2, 0, 0), 1);
	expect_eq(trapped.vector, TRAP_UD);
	expect_eq(trapped.rip, (uint64_t)direct_back);
	expect_eq(trapped.cs & 3, 0);
}

TEST("an entry that is not mapped is a fault of the guest kernel, on the stack it has", .watched = 1)
{
	struct guise_vcpu_entry e;

	direct_init();
	e = entry_of(area);
	e.entry = pt_space();
	expect_eq(area_set(e), 0);
	expect_eq(direct_run((uint64_t)system_call, FLAG_IF | 2, 0, 0), 1);
	expect_eq(trapped.vector, TRAP_PF);
	expect_eq(trapped.rip, e.entry);
	expect_eq(trapped.cs & 3, 0);
	expect_eq(trapped.rsp, user_sp);
}

TEST("an entry that is not mapped, with a stack that is not either, stops the domain", .dies = "no stack", .watched = 1)
{
	struct guise_vcpu_entry e;

	direct_init();
	e = entry_of(area);
	e.entry = pt_space();
	expect_eq(area_set(e), 0);
	direct_run((uint64_t)new_rsp, FLAG_IF | 2, 0xffff808000200000, 0);
}

TEST("a kernel stack that is the microkernel's stops the domain", .dies = "no stack", .watched = 1)
{
	direct_init();
	area->kernel_sp = 0xffff808000200000;
	direct_run((uint64_t)ud2, FLAG_IF | 2, 0, 0);
}

TEST("a kernel stack that is not canonical stops the domain at a page fault, too", .dies = "no stack", .watched = 1)
{
	direct_init();
	area->kernel_sp = 0x0000800000000010;
	direct_run(pt_space(), FLAG_IF | 2, 0, 0);
}

TEST("back to a user that has no page tables stops the domain", .dies = "no page tables in user mode")
{
	direct_init();
	expect_eq(personality(GUISE_PERSONALITY_ROOTS, virt_to_mfn((void *)start->pt_base), 0), 0);
	direct_run((uint64_t)ud2, FLAG_IF | 2, 0, 0);
}

TEST("both roots are loaded by one call, and only own frames are", .paging = BOTH)
{
	uint64_t kernel = virt_to_mfn((void *)start->pt_base), value = 0x1122334455667788, *other;

	direct_init();
	other = user_tables();
	pt_fill(other, 1, value); /* not present */
	for (unsigned i = 0; i < 4; i++) {
		expect_eq(personality(GUISE_PERSONALITY_ROOTS, kernel, virt_to_mfn(i & 1 ? other : user_root)), 0);
		expect_eq(direct_run((uint64_t)system_call, FLAG_IF | 2, 0, 0), 0);
	}
	for (uint64_t mfn = 0; mfn <= max_mfn() + 2; mfn++) {
		if (mfn <= max_mfn() && (is_own(mfn) || is_lent(mfn)))
			continue;
		expect_eq(personality(GUISE_PERSONALITY_ROOTS, mfn, virt_to_mfn(user_root)), -XEN_EPERM);
		if (mfn)
			expect_eq(personality(GUISE_PERSONALITY_ROOTS, kernel, mfn), -XEN_EPERM);
	}
	expect_eq(personality(GUISE_PERSONALITY_ROOTS, ~0ull, ~0ull), -XEN_EPERM);
	expect_eq(direct_run((uint64_t)system_call, FLAG_IF | 2, 0, 0), 0);
}

/* Everything that user mode might get hold of is written by another vCPU, while this one goes to and fro. */
static volatile int scribble;

static void scribbler(uint64_t unused)
{
	static const uint64_t good[] = { FLAG_IF | 2, 0x0000800000000000, 0xffff808000100000, 0xffff810000000000,
					 ~0ull };

	(void)unused;
	for (;;) {
		uint64_t r = random64();

		if (!scribble)
			continue;
		area->rip = r & 1 ? (uint64_t)system_call : r & 2 ? r : good[r / 4 % COUNT(good)];
		area->rflags = random64();
		if (scribble == 2)
			area->kernel_sp = r & 4 ? user_kernel_sp : r & 8 ? r : good[r / 16 % COUNT(good)];
	}
}

TEST("an area that another vCPU scribbles on: whatever the user does, the guest kernel is entered where it said",
     .vcpus = 2, .watched = 1, .seconds = 60)
{
	direct_init();
	vcpu_start(1, scribbler, 0);
	scribble = 1;
	for (unsigned i = 0; i < 20000; i++) {
		if (direct_run((uint64_t)system_call, FLAG_IF | 2, i, 0))
			expect_eq(trapped.cs & 0xffff, USER_CS);
		else
			expect_eq(*mask, 1);
	}
}

TEST("an area whose stack another vCPU scribbles on harms its own domain alone", .vcpus = 2, .watched = 1, .hostile = 1,
     .seconds = 60)
{
	direct_init();
	vcpu_start(1, scribbler, 0);
	scribble = 2;
	for (unsigned i = 0; i < 20000; i++)
		direct_run((uint64_t)system_call, FLAG_IF | 2, i, 0);
}

TEST("a domain that ends with areas registered leaves no frame behind", .vcpus = 2)
{
	direct_init();
	expect_eq(area_set(entry_of((volatile char *)area + 64)), 0);
	expect_eq(area_set(entry_of((volatile char *)area + 128)), 0);
}
