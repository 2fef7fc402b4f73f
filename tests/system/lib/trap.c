/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trap.c - see trap.h.
 */
#include <runtime/hypercall.h>
#include <runtime/print.h>
#include <runtime/start.h>
#include <runtime/string.h>
#include <xen/callback.h>

#include "claim.h"
#include "trap.h"

#define NR_STUBS 259

extern const char trap_stubs[NR_STUBS][16];
extern uint64_t trap_gpr[16], catch_sp;
__attribute__((noreturn)) void catch_return(void);
uint64_t trap_taken(uint64_t *frame, uint64_t vector, uint64_t flags);

struct trapped trapped;
int (*trap_hook)(struct trapped *t, uint64_t *frame);

uint64_t trap_handler(unsigned vector)
{
	return (uint64_t)trap_stubs[vector];
}

static int has_error(uint64_t vector)
{
	return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 ||
	       vector == 30;
}

/* Returns how many words stand before rip, to go back; or does not return. */
uint64_t trap_taken(uint64_t *frame, uint64_t vector, uint64_t flags)
{
	struct trapped *t = &trapped;
	uint64_t *f = frame;
	uint16_t cs, ss;

	__asm__ volatile("mov %%cs, %0; mov %%ss, %1" : "=r"(cs), "=r"(ss));
	t->vector = vector;
	t->frame = (uint64_t)frame;
	t->flags = flags;
	t->handler_cs = cs;
	t->handler_ss = ss;
	t->mask = shared->vcpu_info[0].evtchn_upcall_mask;
	t->cr2 = shared->vcpu_info[0].arch.cr2;
	t->count++;
	memcpy(t->word, frame, sizeof(t->word));
	memcpy(t->gpr, trap_gpr, sizeof(t->gpr));
	t->rcx = *f++;
	t->r11 = *f++;
	t->error = has_error(vector) ? *f++ : 0;
	t->rip = f[0];
	t->cs = f[1];
	t->rflags = f[2];
	t->rsp = f[3];
	t->ss = f[4];
	if (!catch_sp && vector == TRAP_EVENT) { /* nobody waits for it */
		shared->vcpu_info[0].evtchn_upcall_pending = 0;
		return (uint64_t)(f - frame);
	}
	if (trap_hook && trap_hook(t, frame)) {
		trap_gpr[1] = frame[0];
		trap_gpr[11] = frame[1];
		/* The frame says ring 0 where the guest kernel was: iret with RPL 3 would go to user. */
		return (uint64_t)(f - frame);
	}
	if (!catch_sp && claim->hostile == 2)
		domain_shutdown(SHUTDOWN_crash); /* it harmed itself: that is all it may do */
	if (!catch_sp)
		fails("an unexpected trap", 0, "vector %lu, error 0x%lx, rip 0x%lx, rsp 0x%lx, cr2 0x%lx", vector,
		      t->error, t->rip, t->rsp, t->cr2);
	catch_return();
}

long trap_set(unsigned vector, unsigned dpl, int masks, uint64_t handler)
{
	struct trap_info table[2] = {
		{ .vector = (uint8_t)vector,
		  .flags = (uint8_t)(dpl | (masks ? 4 : 0)),
		  .cs = FLAT_KERNEL_CS,
		  .address = handler },
		{ .address = 0 },
	};

	return hypercall(__HYPERVISOR_set_trap_table, (uint64_t)table, 0, 0, 0, 0);
}

static void callback(unsigned type, unsigned stub)
{
	struct callback_register reg = { .type = (uint16_t)type,
					 .flags = CALLBACKF_mask_events,
					 .address = trap_handler(stub) };

	hypercall(__HYPERVISOR_callback_op, CALLBACKOP_register, (uint64_t)&reg, 0, 0, 0);
}

void traps_init(void)
{
	static struct trap_info table[257];

	for (unsigned i = 0; i < 256; i++)
		table[i] = (struct trap_info){
			.vector = (uint8_t)i, .flags = 3, .cs = FLAT_KERNEL_CS, .address = trap_handler(i)
		};
	table[256].address = 0;
	hypercall(__HYPERVISOR_set_trap_table, (uint64_t)table, 0, 0, 0, 0);
	callback(CALLBACKTYPE_syscall, TRAP_SYSCALL);
	callback(CALLBACKTYPE_syscall32, TRAP_SYSCALL32);
}

static void read_fn(uint64_t va, uint64_t to)
{
	*(volatile uint64_t *)to = *(volatile uint64_t *)va;
}

static void write_fn(uint64_t va, uint64_t value)
{
	*(volatile uint64_t *)va = value;
}

static void run_fn(uint64_t va, uint64_t unused)
{
	((void (*)(void))va)();
}

int can_read(uint64_t va, uint64_t *value)
{
	uint64_t v = 0;
	int ok = !traps(read_fn, va, (uint64_t)&v);

	if (value)
		*value = v;
	return ok;
}

int can_write(uint64_t va, uint64_t value)
{
	return !traps(write_fn, va, value);
}

int can_run(uint64_t va)
{
	return !traps(run_fn, va, 0);
}

void iret_fn(uint64_t frame, uint64_t unused)
{
	iret((const struct iret_context *)frame);
}
