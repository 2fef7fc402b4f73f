/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hypercall.c - the door: dispatch, multicall, and how long work stops in between.
 */
#include <core/hypercall.h>
#include <core/vcpu.h>

long hypercall(struct vcpu *v, uint64_t nr, const uint64_t *arg)
{
	if (nr < GUISE_CROSSING_SYSCALL)
		v->crossing[nr].count++;
	if (__builtin_expect(nr == __HYPERVISOR_mmu_update, 1)) /* for each page that a guest touches first */
		return hc_mmu_update(v, arg);
	switch (nr) {
#define HC(number, name) \
	case number:     \
		return hc_##name(v, arg);
#include <core/hypercalls.def>
#undef HC
	}
	return -ENOSYS;
}

void hypercall_set_arg(struct vcpu *v, unsigned n, uint64_t value)
{
	if (v->multicall)
		v->multicall->args[n] = value;
	else
		arch_set_arg(v, n, value);
}

/* One entry.  HC_CONTINUE: it was interrupted and its arguments in the guest say what is left. */
static long multicall_entry(struct vcpu *v, guest_ptr_t at)
{
	struct multicall_entry e;
	uint64_t result;
	long rc;

	if (copy_from_guest(&e, at, sizeof(e)))
		return -EFAULT;
	if (e.op == __HYPERVISOR_multicall || e.op == __HYPERVISOR_iret) {
		rc = -EINVAL;
	} else {
		v->multicall = &e;
		rc = hypercall(v, e.op, (const uint64_t *)e.args);
		v->multicall = NULL;
	}
	if (rc == HC_CONTINUE)
		return copy_to_guest(at, &e, sizeof(e)) ? -EFAULT : HC_CONTINUE;
	result = (uint64_t)rc;
	return copy_to_guest(at + offsetof(struct multicall_entry, result), &result, sizeof(result));
}

long hc_multicall(struct vcpu *v, const uint64_t *arg)
{
	guest_ptr_t at = arg[0];
	uint64_t left = arg[1];

	for (; left; left--, at += sizeof(struct multicall_entry)) {
		long rc = left < arg[1] && arch_irq_waiting(1) ? HC_CONTINUE : multicall_entry(v, at);

		if (rc == HC_CONTINUE) {
			hypercall_set_arg(v, 0, at);
			hypercall_set_arg(v, 1, left);
		}
		if (rc)
			return rc;
	}
	return 0;
}
