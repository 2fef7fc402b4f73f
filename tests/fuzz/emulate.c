/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * emulate.c - any bytes at rip, any registers: rip moves within the instruction or not at all.
 */
#include "fuzz.h"

#include <arch/arch.h>
#include <arch/x86.h>

#include "../unit/kernel/fake.h"

static void look(struct vcpu *v, bool (*emulate)(struct vcpu *v), const uint8_t *code, size_t len)
{
	struct regs before = v->arch.regs;
	uint64_t moved;
	bool done = emulate(v);

	moved = v->arch.regs.rip - before.rip;
	check_msg(done ? moved && moved <= 15 && moved <= len : !moved, "rip moved by %lu", moved);
	check_that(v->arch.regs.cs == before.cs && v->arch.regs.ss == before.ss &&
		   v->arch.regs.rflags == before.rflags);
	check_that(canonical(fake_bases.fs) && canonical(fake_bases.gs) && canonical(v->arch.gs_base[0]));
	check_that((v->arch.xcr0 & ~fpu_xcr0) == 0 && (v->arch.xcr0 & 1));
	v->arch.regs.rip = before.rip;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct guest g;
	const uint8_t *code;
	struct regs *r;
	size_t len;

	if (!g.d) {
		fake_boot(2048);
		guest_make(&g, 5, 16, GUISE_DOMAIN_STOCK);
	}
	input_begin(data, size);
	r = &g.v->arch.regs;
	r->rax = input_number(8);
	r->rcx = input_number(8);
	r->rdx = input_number(8);
	r->r8 = input_number(8);
	g.v->arch.iopl = input_number(1) & 1;
	g.v->arch.xcr0 = 1;
	code = input_bytes(32, &len);
	fake.hole = PTR(code) + len;
	fake.hole_end = fake.hole + 4096;
	r->rip = PTR(code);
	look(g.v, emulate_privileged, code, len);
	look(g.v, emulate_forced_cpuid, code, len);
	vcpu_wake(g.v);
	guest_run(&g);
	return 0;
}
