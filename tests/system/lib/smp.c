/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * smp.c - see smp.h.
 */
#include <runtime/heap.h>
#include <runtime/start.h>
#include <runtime/string.h>

#include "claim.h"
#include "smp.h"
#include "trap.h"

long vcpu_op(unsigned cmd, uint64_t id, void *arg)
{
	return hypercall(__HYPERVISOR_vcpu_op, cmd, id, (uint64_t)arg, 0, 0);
}

void vcpu_context(vcpu_guest_context_t *c, void (*fn)(uint64_t arg), uint64_t arg)
{
	char *stack = page_alloc(2);

	expect(stack);
	memset(c, 0, sizeof(*c));
	c->flags = VGCF_in_kernel;
	c->user_regs.rip = (uint64_t)fn;
	c->user_regs.rdi = arg;
	c->user_regs.rsp = (uint64_t)stack + 2 * PAGE_SIZE - 8;
	c->user_regs.cs = FLAT_KERNEL_CS;
	c->user_regs.ss = FLAT_KERNEL_SS;
	c->user_regs.rflags = FLAG_IF | 2;
	c->ctrlreg[3] = virt_to_mfn((void *)start->pt_base) << PAGE_SHIFT;
	c->kernel_ss = FLAT_KERNEL_SS;
	c->kernel_sp = (uint64_t)stack + PAGE_SIZE;
	for (unsigned i = 0; i < 256; i++)
		c->trap_ctxt[i] = (struct trap_info){
			.vector = (uint8_t)i, .flags = 3, .cs = FLAT_KERNEL_CS, .address = trap_handler(i)
		};
}

void vcpu_start(unsigned id, void (*fn)(uint64_t arg), uint64_t arg)
{
	static vcpu_guest_context_t c;

	vcpu_context(&c, fn, arg);
	expect_eq(vcpu_op(VCPUOP_initialise, id, &c), 0);
	expect_eq(vcpu_op(VCPUOP_up, id, NULL), 0);
}
