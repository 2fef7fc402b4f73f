/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trap.h - take the exceptions, system calls and events that the kernel bounces to this domain.
 *
 * traps() runs a function; what it provokes first ends it and is found in `trapped`.  A trap that
 * nobody waits for refutes the claim.
 */
#pragma once

#include <stdint.h>

#define TRAP_DE	       0
#define TRAP_DB	       1
#define TRAP_BP	       3
#define TRAP_OF	       4
#define TRAP_UD	       6
#define TRAP_NM	       7
#define TRAP_NP	       11
#define TRAP_SS	       12
#define TRAP_GP	       13
#define TRAP_PF	       14
#define TRAP_MF	       16
#define TRAP_AC	       17
#define TRAP_XM	       19
#define TRAP_SYSCALL   0x100 /* not exceptions, but they come the same way	*/
#define TRAP_EVENT     0x101
#define TRAP_SYSCALL32 0x102

#define PF_PRESENT 1
#define PF_WRITE   2
#define PF_USER	   4
#define PF_FETCH   16

#define FLAG_TF 0x100ull
#define FLAG_IF 0x200ull
#define FLAG_DF 0x400ull
#define FLAG_NT 0x4000ull
#define FLAG_RF 0x10000ull
#define FLAG_AC 0x40000ull

struct trapped {
	uint64_t vector;
	uint64_t error;	  /* 0 where the frame has none			*/
	uint64_t frame;	  /* address of the frame: the handler's first rsp	*/
	uint64_t flags;	  /* rflags when the handler began			*/
	uint64_t word[8]; /* the frame as it stood: rcx, r11, ...		*/
	uint64_t rcx, r11, rip, cs, rflags, rsp, ss;
	uint64_t handler_cs, handler_ss;
	uint64_t cr2;
	uint32_t mask;	  /* upcall mask when the handler began	*/
	uint32_t count;	  /* how many were taken since the start	*/
	uint64_t gpr[16]; /* rax rcx rdx rbx rsp rbp rsi rdi r8.. of the handler's start	*/
};

extern struct trapped trapped;

#define GPR_AX 0
#define GPR_DX 2
#define GPR_BX 3
#define GPR_BP 5
#define GPR_SI 6
#define GPR_DI 7

/* Enter handlers for all vectors and the syscall callbacks. */
void traps_init(void);
/* The address of the handler for a vector (TRAP_SYSCALL and so on too). */
uint64_t trap_handler(unsigned vector);
/* One entry of the trap table. */
long trap_set(unsigned vector, unsigned dpl, int masks, uint64_t handler);

/* Run fn(a, b): 0 if it returned, else 1 with the details in `trapped`. */
int traps(void (*fn)(uint64_t a, uint64_t b), uint64_t a, uint64_t b);

/* Called at a trap, before it ends the traps(): return 1 to go back to where it came from (through
 * the frame, which it may change) instead.  NULL: none. */
extern int (*trap_hook)(struct trapped *t, uint64_t *frame);

/* Access memory, expecting anything. */
int can_read(uint64_t va, uint64_t *value);
int can_write(uint64_t va, uint64_t value);
int can_run(uint64_t va); /* calls it: there should be a RET */

/* HYPERVISOR_iret with this frame: does not come back but by a trap. */
struct iret_context;
void iret(const struct iret_context *frame);
void iret_fn(uint64_t frame, uint64_t unused); /* the same, for traps() */

/* expect_trap(vector, fn, a, b) */
#define expect_trap(vec, fn, a, b)                                                                               \
	do {                                                                                                     \
		if (!traps(fn, (uint64_t)(a), (uint64_t)(b)))                                                    \
			fails(__FILE__, __LINE__, "%s(%s, %s) did not trap", #fn, #a, #b);                       \
		if (trapped.vector != (vec))                                                                     \
			fails(__FILE__, __LINE__,                                                                \
			      "%s(%s, %s): vector %lu (error 0x%lx, rip 0x%lx, cr2 0x%lx), not %s", #fn, #a, #b, \
			      trapped.vector, trapped.error, trapped.rip, trapped.cr2, #vec);                    \
	} while (0)

/* A function of (a, b) made of instructions; a is in rdi, b in rsi. */
#define INSN(name, text)                                                      \
	static __attribute__((naked, used)) void name(uint64_t a, uint64_t b) \
	{                                                                     \
		__asm__(text "\n\tret");                                      \
	}
