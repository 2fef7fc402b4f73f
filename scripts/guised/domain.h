/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * domain.h - the domains we know: names, states, and the files that keep them.
 *
 * A persistent domain has a definition in a file; a running one has the definition that it runs with, in
 * another file, so that a new daemon knows it again.  While it runs both may differ: inactive is what it
 * will start with next.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "def.h"

/* libvirt's numbers: virDomainState, and of each state's reasons those that we give. */
enum domain_state { DOMAIN_RUNNING = 1, DOMAIN_PAUSED = 3, DOMAIN_SHUTOFF = 5 };
enum { RUNNING_BOOTED = 1, RUNNING_UNPAUSED = 5 };
enum { PAUSED_USER = 1, PAUSED_STARTING_UP = 11 };
enum { SHUTOFF_UNKNOWN, SHUTOFF_SHUTDOWN, SHUTOFF_DESTROYED, SHUTOFF_CRASHED, SHUTOFF_FAILED = 6, SHUTOFF_DAEMON = 8 };

struct domain {
	struct domain *next;
	unsigned refs;	      /* the registry's, and those of calls that wait	*/
	bool listed;	      /* in the registry	*/
	struct def *def;      /* what it runs with; of one that is off: what it would */
	struct def *inactive; /* of a running one whose definition was changed, else NULL	*/
	bool persistent, autostart;
	bool updated; /* its persistent definition was changed while it ran */
	int id;	      /* the machine's number of it, -1: it is off	*/
	enum domain_state state;
	int reason;
	bool busy;	  /* somebody changes its state or its definitions	*/
	bool starting;	  /* that is us: who starts it gets the machine's answer	*/
	bool restarting;  /* we take it down to start it again	*/
	bool was_running; /* with the last daemon; not yet looked for	*/
	int ending;	  /* why it is about to stop, a SHUTOFF_ number	*/
};

/* Read what is kept below these directories.  Files that cannot be read are left alone and told of. */
int domains_load(const char *config_dir, const char *run_dir, struct error *e);

struct domain *domain_first(void);
struct domain *domain_by_name(const char *name);
struct domain *domain_by_uuid(const uint8_t uuid[UUID_BYTES]);
struct domain *domain_by_id(int id);
void domain_put(struct domain *d);
struct domain *domain_get(struct domain *d);

/* The definition of a new start: that of inactive if there is one. */
const struct def *domain_persistent(const struct domain *d);
/* Make def (given away) the persistent definition of its domain, a known one or a new one.  This, all that follows but
 * domain_transient() and domain_vanish(), wait for the disk, in a worker, and are for who has not begun. */
struct domain *domain_define(struct def *def, struct error *e);
/* Replace the definitions of a domain that the caller has begun to change: either may be NULL.  Both are given away. */
int domain_change(struct domain *d, struct def *live, struct def *persistent, struct error *e);
/* A new domain without a definition; it goes when it stops.  def is given away. */
struct domain *domain_transient(struct def *def, struct error *e);
/* One that never ran and has no definition. */
void domain_vanish(struct domain *d);
int domain_undefine(struct domain *d, struct error *e);
int domain_autostart(struct domain *d, bool on, struct error *e);
int domain_rename(struct domain *d, const char *name, struct error *e);

/* What happened to it; told to clients. */
void domain_started(struct domain *d, int id);
void domain_known(struct domain *d, int id, enum domain_state state); /* it ran already	*/
void domain_paused(struct domain *d);
void domain_resumed(struct domain *d);
void domain_stopped(struct domain *d, int reason); /* d may be gone afterwards	*/
void domain_rebooted(struct domain *d, int id);
/* A number that is another one whenever one of these was called. */
unsigned domain_changes(void);

/* Be the only one who changes its state or its definitions, and have a reference; waits, in a worker.  -1: somebody else
 * does so for too long, or the domain is gone. */
int domain_begin(struct domain *d, struct error *e);
void domain_end(struct domain *d);
