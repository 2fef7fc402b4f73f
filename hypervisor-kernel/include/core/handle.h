/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handle.h - a right, named by an index in its holder's own table.
 */
#pragma once

#include <core/types.h>

struct handle {
	uint32_t kind;	/* GUISE_HANDLE_*			*/
	uint64_t first; /* range; DOMAIN: unused		*/
	uint64_t nr;
	struct domain *target; /* DOMAIN: counted		*/
};

/* The handle's content if it is of that kind, else -EPERM.  A DOMAIN handle's target is returned
 * with a reference of its own: put it.  Takes d->handle_lock. */
int handle_lookup(struct domain *d, uint32_t index, uint32_t kind, struct handle *out);
/* The domain behind a DOMAIN handle, counted, or NULL. */
struct domain *handle_domain(struct domain *d, uint32_t index);
/* Enter a handle (copying *h; a target's reference is taken over on success).  Index or -ENOSPC. */
int handle_add(struct domain *d, const struct handle *h);
int handle_drop(struct domain *d, uint32_t index);
/* Does d hold a handle of kind whose range spans [first, first + nr)?  DOMAIN: for target, with 0 and 0; others: NULL. */
bool handle_covers(struct domain *d, uint32_t kind, const struct domain *target, uint64_t first, uint64_t nr);
void handle_ports_changed(struct domain *d);
uint32_t handle_count(const struct domain *d);
/* The domain dies: drop all. */
void handle_drop_all(struct domain *d);
