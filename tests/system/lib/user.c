/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * user.c - see user.h.
 */
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/start.h>

#include "claim.h"
#include "pt.h"
#include "trap.h"
#include "user.h"

uint64_t *user_root;
uint64_t user_kernel_sp, user_sp;

void user_init(void)
{
	char *stacks = page_alloc(4);

	expect(stacks);
	user_root = user_tables();
	user_kernel_sp = (uint64_t)stacks + 2 * PAGE_SIZE;
	user_sp = (uint64_t)stacks + 4 * PAGE_SIZE - 256;
	expect_eq(hypercall(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, user_kernel_sp, 0, 0, 0), 0);
	expect_eq(mmuext(MMUEXT_NEW_USER_BASEPTR, virt_to_mfn(user_root), 0), 0);
}

struct iret_context user_frame(void (*fn)(uint64_t a, uint64_t b))
{
	return (struct iret_context){
		.rip = (uint64_t)fn,
		.cs = FLAT_USER_CS,
		.rflags = FLAG_IF | 2,
		.rsp = user_sp,
		.ss = FLAT_USER_SS,
	};
}

struct entry {
	struct iret_context frame;
	uint64_t a, b;
};

/* rdi and rsi survive HYPERVISOR_iret. */
static __attribute__((naked)) void enter(uint64_t entry, uint64_t unused)
{
	__asm__("movq 80(%rdi), %rdx\n\t"
		"movq 72(%rdi), %rbx\n\t"
		"subq $80, %rsp\n\t"
		"movq %rdi, %rsi\n\t"
		"movq %rsp, %rdi\n\t"
		"movl $9, %ecx\n\t"
		"rep movsq\n\t"
		"movq %rbx, %rdi\n\t"
		"movq %rdx, %rsi\n\t"
		"movl $23, %eax\n\t"
		"syscall\n\t"
		"ud2");
}

void user_run(void (*fn)(uint64_t a, uint64_t b), uint64_t a, uint64_t b)
{
	struct entry e = { user_frame(fn), a, b };

	if (!traps(enter, (uint64_t)&e, 0))
		fails(__FILE__, __LINE__, "iret returned");
}
