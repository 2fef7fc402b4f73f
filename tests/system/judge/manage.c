/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * manage.c - the judge's own claims: managing domains by handle, seen from the one who may.
 */
#include <runtime/event.h>
#include <runtime/hypercall.h>
#include <runtime/string.h>

#include "../lib/claim.h"
#include "domain.h"

static long create(uint32_t memory, uint16_t id, uint8_t prio, uint8_t paging, uint64_t frames, uint32_t vcpus,
		   uint32_t cache)
{
	struct guise_domain_create how = { memory, id, prio, paging, frames, vcpus, cache };

	return guise_domain(GUISE_DOMAIN_CREATE, &how);
}

static void destroy(long handle)
{
	expect_eq(guise_domain_nr(GUISE_DOMAIN_DESTROY, (uint32_t)handle), 0);
}

TEST("a domain is not made with an identity, size, priority or kind that is out of range")
{
	uint32_t m = GUISE_ROOT_MEMORY;

	expect_eq(create(m, 0, 0, 0, 100, 1, 0), -XEN_EINVAL);
	expect_eq(create(m, DOMID_SELF, 0, 0, 100, 1, 0), -XEN_EINVAL);
	expect_eq(create(m, 0xfffe, 0, 0, 100, 1, 0), -XEN_EINVAL);
	expect_eq(create(m, 9, GUISE_PRIO_DRIVER + 1, 0, 100, 1, 0), -XEN_EINVAL);
	expect_eq(create(m, 9, 0, GUISE_DOMAIN_NATIVE + 1, 100, 1, 0), -XEN_EINVAL);
	expect_eq(create(m, 9, 0, 0, 0, 1, 0), -XEN_EINVAL);
	expect_eq(create(m, 9, 0, 0, ~0ull, 1, 0), -XEN_EINVAL);
	expect_eq(create(m, 9, 0, 0, 100, 0, 0), -XEN_EINVAL);
	expect_eq(create(m, 9, 0, 0, 100, 33, 0), -XEN_EINVAL);
	expect_eq(create(m, 9, 0, 0, 100, 1, ~0u), -XEN_EINVAL);
	expect_eq(create(GUISE_ROOT_SYSTEM, 9, 0, 0, 100, 1, 0), -XEN_EPERM);
	expect_eq(create(77, 9, 0, 0, 100, 1, 0), -XEN_EPERM);
	expect_eq(create(~0u, 9, 0, 0, 100, 1, 0), -XEN_EPERM);
	expect_eq(guise_domain(GUISE_DOMAIN_CREATE, NULL), -XEN_EFAULT);
}

TEST("a domain id in use is refused")
{
	long a = create(GUISE_ROOT_MEMORY, 9, 0, 0, 100, 1, 0);

	expect(a > 0);
	expect_eq(create(GUISE_ROOT_MEMORY, 9, 0, 0, 100, 1, 0), -XEN_EEXIST);
	destroy(a);
}
