/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * emulate.c - the few privileged instructions that a PV kernel still executes.
 *
 * A fixed decoder: at most one prefix of each kind, then one of the opcodes below.  Anything else
 * is the guest's own fault.  Instruction bytes are read once.
 */
#include <arch/arch.h>
#include <core/hypercall.h>
#include <core/lib.h>
#include <core/vcpu.h>

#define INSN_MAX 15

/* Bytes at rip; fewer near the end of mapped memory. */
static unsigned fetch(struct vcpu *v, uint8_t *code, unsigned want)
{
	unsigned n = want;

	while (n && copy_from_guest(code, v->arch.regs.rip, n))
		n--;
	return n;
}

static uint64_t *gpr(struct regs *r, unsigned n)
{
	uint64_t *map[16] = { &r->rax, &r->rcx, &r->rdx, &r->rbx, &r->rsp, &r->rbp, &r->rsi, &r->rdi,
			      &r->r8,  &r->r9,	&r->r10, &r->r11, &r->r12, &r->r13, &r->r14, &r->r15 };

	return map[n & 15];
}

/* ud2; "xen"; cpuid */
bool emulate_forced_cpuid(struct vcpu *v)
{
	struct regs *r = &v->arch.regs;
	uint8_t code[7];
	uint32_t out[4];

	if (fetch(v, code, 7) != 7 || memcmp(code, "\x0f\x0bxen\x0f\xa2", 7))
		return false;
	guest_cpuid(v, (uint32_t)r->rax, (uint32_t)r->rcx, out);
	r->rax = out[0];
	r->rbx = out[1];
	r->rcx = out[2];
	r->rdx = out[3];
	r->rip += 7;
	return true;
}

bool emulate_soft_interrupt(struct vcpu *v)
{
	uint8_t code[2];

	if (fetch(v, code, 2) != 2 || code[0] != 0xcd)
		return false;
	if (!v->arch.trap[code[1]].address || (!v->arch.kernel_mode && v->arch.trap[code[1]].dpl < 3)) {
		bounce_trap(v, TRAP_GP, code[1] * 8u + 2);
		return true;
	}
	v->arch.regs.rip += 2;
	bounce_trap(v, code[1], 0);
	return true;
}

/* A port that the guest does not have reads as ones; those of the PIT as zeros, which ends Linux's calibration loop
 * at once.  IN to EAX clears the upper half. */
static void port_in(struct vcpu *v, uint16_t port, unsigned bytes)
{
	uint64_t *rax = &v->arch.regs.rax, ones = (1ull << bytes * 8) - 1;

	*rax &= bytes == 4 ? 0 : ~ones;
	if (port != 0x42 && port != 0x43 && port != 0x61)
		*rax |= ones;
}

#define REX_B 1u
#define REX_R 4u

static bool control_register(struct vcpu *v, uint8_t modrm, uint8_t rex, bool write)
{
	uint64_t *reg = gpr(&v->arch.regs, (modrm & 7) | (rex & REX_B ? 8 : 0));
	uint64_t cr3 = v->arch.root[1] << PAGE_SHIFT, *at;

	if (modrm >> 6 != 3 || (rex & REX_R)) /* %cr8 and up */
		return false;
	switch (modrm >> 3 & 7) {
	case 0:
		if (write)
			hc_fpu_taskswitch(v, (const uint64_t[5]){ *reg & X86_CR0_TS });
		else
			*reg = 0x80050033 | (v->arch.fpu_ts ? X86_CR0_TS : 0);
		return true;
	case 2:
		at = &v->info->arch.cr2;
		break;
	case 3:
		if (write)
			return false;
		at = &cr3;
		break;
	case 4:
		at = &v->arch.cr4;
		break;
	default:
		return false;
	}
	*(write ? at : reg) = *(write ? reg : at);
	return true;
}

static bool two_byte(struct vcpu *v, const uint8_t *code, unsigned n, uint8_t rex, unsigned *len)
{
	struct regs *r = &v->arch.regs;
	uint64_t value;

	*len = 1;
	switch (code[0]) {
	case 0x06: /* clts */
		hc_fpu_taskswitch(v, (const uint64_t[5]){ 0 });
		return true;
	case 0x08: /* invd */
	case 0x09: /* wbinvd */
		return true;
	case 0x20: /* mov %crN, %reg */
	case 0x22: /* mov %reg, %crN */
		*len = 2;
		return n >= 2 && control_register(v, code[1], rex, code[0] == 0x22);
	case 0x30: /* wrmsr */
		return guest_wrmsr(v, (uint32_t)r->rcx, (r->rdx << 32) | (uint32_t)r->rax);
	case 0x32: /* rdmsr */
		if (!guest_rdmsr(v, (uint32_t)r->rcx, &value))
			return false;
		r->rax = (uint32_t)value;
		r->rdx = value >> 32;
		return true;
	case 0x01: /* xsetbv: the set of components is fixed; any legal subset is accepted */
		*len = 2;
		if (n < 2 || code[1] != 0xd1 || (uint32_t)r->rcx)
			return false;
		value = (r->rdx << 32) | (uint32_t)r->rax;
		return value & 1 && !(value & ~fpu_xcr0) && (!(value & 4) || value & 2);
	}
	return false;
}

bool emulate_privileged(struct vcpu *v)
{
	struct regs *r = &v->arch.regs;
	unsigned n, i = 0, bytes = 4, len = 1;
	bool done = false;
	uint8_t code[INSN_MAX], rex = 0;

	n = fetch(v, code, INSN_MAX);
	if (i < n && code[i] == 0x66) {
		bytes = 2;
		i++;
	}
	if (i < n && (code[i] & 0xf0) == 0x40)
		rex = code[i++];
	if (i >= n)
		return false;
	switch (code[i]) {
	case 0xf4: /* hlt */
		vcpu_block(v);
		/* fall through */
	case 0xfa: /* cli, sti: the virtual flag is memory; Linux means no more than that */
	case 0xfb:
		done = true;
		break;
	case 0xe4 ... 0xe7: /* in imm8, out imm8 */
	case 0xec ... 0xef: /* in dx, out dx */
		len = code[i] < 0xe8 ? 2 : 1;
		done = i + len <= n && v->arch.iopl;
		if (done && !(code[i] & 2))
			port_in(v, len == 2 ? code[i + 1] : (uint16_t)r->rdx, code[i] & 1 ? bytes : 1);
		break;
	case 0x0f:
		if (i + 1 < n)
			done = two_byte(v, code + i + 1, n - i - 1, rex, &len);
		len++;
		break;
	}
	if (done)
		r->rip += i + len;
	return done;
}
