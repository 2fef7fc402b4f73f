/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * personality.c - what a guest's kernel that was made for Guise may have beyond the Xen PV ABI.
 */
#include <arch/arch.h>
#include <core/hypercall.h>
#include <core/lib.h>
#include <core/vcpu.h>

/* Before a second vCPU exists: what is switched on here holds for all of them. */
static long enable(struct vcpu *v, uint64_t features)
{
	struct domain *d = v->domain;

	if (features & ~(uint64_t)PERSONALITY_OFFERED)
		return -EINVAL;
	for (unsigned i = 1; i < d->max_vcpus; i++)
		if (d->vcpu[i])
			return -EBUSY;
	d->personality |= features;
	return d->personality;
}

long hc_personality(struct vcpu *v, const uint64_t *arg)
{
	switch (arg[0]) {
	case GUISE_PERSONALITY_ENABLE:
		return enable(v, arg[1]);
	}
	return -ENOSYS;
}
