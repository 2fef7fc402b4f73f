/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * grant.h - pages lent to other domains, and theirs to us.
 */
#pragma once

#include <runtime/xen.h>

#define GRANT_FRAMES 4

/* Called once at start: maps our own grant table. */
void grant_init(void);

/* Let dom map or copy a page of our memory: the reference, or -errno. */
int grant_offer(uint16_t dom, const void *page, int readonly);

/* Take the offer back: 0, or -EBUSY while the other side still uses the page. */
int grant_end(int ref);

/* Map a page that dom offers us into the window; NULL when it may not be.  *handle is for
 * grant_unmap(). */
void *grant_map(uint16_t dom, uint32_t ref, int readonly, uint32_t *handle);
int grant_unmap(void *va, uint32_t handle);

/* One GNTTABOP_copy of nr elements; each has its own status.  0 or -errno. */
int grant_copy(gnttab_copy_t *op, unsigned nr);
