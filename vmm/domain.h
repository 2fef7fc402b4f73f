/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * domain.h - a domain under construction: its frames by guest frame number, and writing into them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <guise.h>

struct domain {
	uint16_t id;
	uint32_t handle;		   /* GUISE_HANDLE_DOMAIN			*/
	uint16_t start_id;		   /* its id from its start on, 0: the same	*/
	uint64_t nr;			   /* pages					*/
	uint64_t populated;		   /* that it has already			*/
	uint64_t *mfn;			   /* [gfn]; only while it is built		*/
	uint64_t shared_info;		   /* machine frame of			*/
	uint64_t grant_frame;		   /* machine frame of the first		*/
	uint32_t store_port, console_port; /* the domain's own ends	*/
	const char *error;		   /* first thing that went wrong, NULL: none */
};

/* Create a domain that shall have nr pages and may have max, and unbound event channels to domain 0 for
 * store and console.  *d is valid in any case; d->error says why not. */
void domain_begin(struct domain *d, uint16_t id, uint64_t nr, uint64_t max, unsigned vcpus, unsigned priority,
		  unsigned paging);
/* Give it about so many of its pages, zeroed.  1: more are missing. */
int domain_populate(struct domain *d, uint64_t most);
/* Both, with all of its pages. */
void domain_create(struct domain *d, uint16_t id, uint64_t nr, uint64_t max, unsigned vcpus, unsigned priority,
		   unsigned paging);
/* Write len bytes at byte address at of its memory (guest frame 0 begins at 0). */
void domain_write(struct domain *d, uint64_t at, const void *data, size_t len);
/* Offer guest frame gfn to domain 0 under a fixed reference of its grant table. */
void domain_offer(struct domain *d, uint32_t ref, uint64_t gfn);
/* The first vCPU's context; the domain still has to be unpaused. */
void domain_start(struct domain *d, uint64_t rip, uint64_t rsp, uint64_t rsi, uint64_t root_gfn);
void domain_unpause(struct domain *d);
/* Building is over: the list of frames goes. */
void domain_built(struct domain *d);
/* Take it apart.  Waits for others to let go of its frames: 0, or -EAGAIN when they have not yet. */
int domain_destroy(struct domain *d);

#define GRANT_REF_CONSOLE 0
#define GRANT_REF_STORE	  1
