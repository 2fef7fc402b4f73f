/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * version.c - xen_version (xen/version.h): what a guest reads about its hypervisor.
 */
#include <core/hypercall.h>
#include <core/lib.h>
#include <xen/features.h>
#include <xen/version.h>

#define FEATURES                                                                       \
	(1u << XENFEAT_pae_pgdir_above_4gb | 1u << XENFEAT_mmu_pt_update_preserve_ad | \
	 1u << XENFEAT_gnttab_map_avail_bits)

static long text(guest_ptr_t p, const char *s, size_t size)
{
	char buf[128] = { 0 };

	memcpy(buf, s, MIN(strlen(s), sizeof(buf) - 1));
	return copy_to_guest(p, buf, MIN(size, sizeof(buf)));
}

long hc_xen_version(struct vcpu *v, const uint64_t *arg)
{
	xen_platform_parameters_t params = { .virt_start = 0xffff800000000000 };

	switch (arg[0]) {
	case XENVER_version: /* also "deliver my pending events now": done on the way out */
		return 4 << 16 | 17;
	case XENVER_extraversion:
		return text(arg[1], ".guise", XEN_EXTRAVERSION_LEN);
	case XENVER_capabilities:
		return text(arg[1], "xen-3.0-x86_64 ", 128);
	case XENVER_changeset:
		return text(arg[1], "guise", 64);
	case XENVER_platform_parameters:
		return copy_to_guest(arg[1], &params, sizeof(params));
	case XENVER_get_features:
		HC_REQUEST(struct xen_feature_info, arg[1], (req.submap = req.submap_idx ? 0 : FEATURES, 0), true);
	case XENVER_pagesize:
		return 4096;
	case XENVER_guest_handle:
		return text(arg[1], "", 16);
	}
	return -ENOSYS;
}
