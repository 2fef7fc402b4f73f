/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * calls.h - libvirt's procedures that we have; calls.def lists them.
 */
#pragma once

#include "rpc.h"

struct domain;
struct backend_guest;

enum {
	CALL_WRITES = 1, /* not on a connection that was opened read-only	*/
	CALL_WAITS = 2,	 /* for the machine or a disk: it runs in a worker	*/
	CALL_EARLY = 4,	 /* also before OPEN					*/
};

struct procedure {
	int number;
	unsigned flags;
	const char *name;
	int (*handler)(struct call *call);
};

/* NULL: we do not have it. */
const struct procedure *procedure_find(int number);

/* A domain that the body names, by its uuid.  NULL: there is none, or the body is bad. */
struct domain *call_domain(struct call *call);
/* The same, and that it runs. */
struct domain *call_active(struct call *call);
/* What it uses; zeros of memory and time for one that is off.  -1: an error is kept. */
int call_usage(struct call *call, struct domain *d, struct backend_guest *g);

/* Is it one of those that these flags of virConnectListAllDomains want? */
bool domain_fits(const struct domain *d, uint32_t flags);

#define CALL(number, name, flags) int call_##name(struct call *call);
#include "calls.def"
#undef CALL
