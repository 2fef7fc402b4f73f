/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backend.h - what the calls need of the machine.  All that return int are 0 or -1 with an error; they wait
 * unless it says otherwise, and so are called in workers, between domain_begin() and domain_end() if they
 * change a domain.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netinet/in.h>

#include <json-c/json.h>

#include "error.h"

#define BACKEND_INPUT 1024u /* bytes of console input at a time */

struct def;
struct domain;

#define BACKEND_DEVICES 8u
#define BACKEND_VCPUS	32u

struct backend_guest {
	uint64_t memory_kib, cpu_ns;
	uint64_t vcpu_ns[BACKEND_VCPUS];
	unsigned weight, cap; /* cap 0: no limit	*/
	/* Of the domain's disks and cards, in its order. */
	struct backend_disk {
		uint64_t reads, writes, flushes, read_bytes, written_bytes, errors;
	} disk[BACKEND_DEVICES];
	struct backend_vif {
		uint64_t rx_bytes, rx_packets, rx_drops, tx_bytes, tx_packets, tx_drops;
		uint32_t ip;		/* that the guest said to have, 0: not yet	*/
		struct in6_addr ip6[2]; /* the same, and of its link alone	*/
	} vif[BACKEND_DEVICES];
};

struct backend_machine {
	bool runs;
	uint64_t total_kib, free_kib;
	unsigned cpus, mhz;
	uint64_t cpu_ns; /* that guests used	*/
};

/* Have a machine that the domain can be started on, and start it if there is none.  For who has not begun. */
int backend_up(const struct domain *d, struct error *e);
/* Start a domain that is off. */
int backend_start(struct domain *d, bool paused, struct error *e);
int backend_shutdown(struct domain *d, struct error *e);
int backend_reboot(struct domain *d, struct error *e);
int backend_reset(struct domain *d, struct error *e);
int backend_destroy(struct domain *d, struct error *e);
int backend_suspend(struct domain *d, struct error *e);
int backend_resume(struct domain *d, struct error *e);
int backend_set_memory(struct domain *d, uint64_t kib, struct error *e);
int backend_set_vcpus(struct domain *d, unsigned n, struct error *e);
int backend_schedule(struct domain *d, unsigned weight, unsigned cap, struct error *e);
/* A device of def, which the domain will have; one of those that it has. */
int backend_attach_disk(struct domain *d, const struct def *def, unsigned n, struct error *e);
int backend_detach_disk(struct domain *d, unsigned n, struct error *e);
int backend_attach_vif(struct domain *d, const struct def *def, unsigned n, struct error *e);
int backend_detach_vif(struct domain *d, unsigned n, struct error *e);
/* What a running domain has used. */
int backend_guest(struct domain *d, struct backend_guest *out, struct error *e);
/* Does not fail: without a machine it is what one would have. */
void backend_machine(struct backend_machine *out);

/* The output goes to stream_output() from then on, beginning with what the guest wrote last. */
int backend_console_attach(struct domain *d, unsigned number, struct error *e);
void backend_console_detach(struct domain *d, unsigned number); /* does not wait */
/* Does not wait: taken(id) follows unless it answers -1. */
int backend_console_input(struct domain *d, unsigned number, const char *data, size_t len,
			  void (*taken)(unsigned id, const char *error), unsigned id);

/* From the machine: an event; that it has ended; have all that we know agree with it (waits). */
void backend_event(struct json_object *event);
void backend_machine_gone(void);
void backend_sync(void);
