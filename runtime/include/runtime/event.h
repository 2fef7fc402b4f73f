/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * event.h - event channels, waiting, and the time.
 *
 * There are no upcalls: a domain calls event_loop_once() when it has nothing else to do, and
 * handlers run from there only, one after the other.
 */
#pragma once

#include <stdint.h>

typedef void (*event_fn)(uint32_t port, void *arg);

#define EVENT_FOREVER (~0ull)

/* Called once at start, after the shared info page is mapped. */
void event_init(void);

/* Make a port of domain `dom` (DOMID_SELF, or a domain we manage) that `remote` may bind to.
 * Returns the port, in dom's numbering, or -errno. */
int event_alloc(uint16_t dom, uint16_t remote);

/* Connect to a port that `remote` allocated for us: our port, or -errno. */
int event_bind(uint16_t remote, uint32_t remote_port);

/* Our port for VIRQ_*, or -errno. */
int event_bind_virq(uint32_t virq);

/* Our port for an interrupt, by the IRQ handle that covers it; flags GUISE_IRQ_*; or -errno. */
int event_bind_irq(uint32_t handle, uint32_t irq, uint32_t flags);
extern unsigned event_interrupts; /* handlers of such ports that ran */

/* How often event_loop_once() slept, and how often it was told not to although nothing had come. */
extern unsigned event_rests, event_polls;

/* A level-triggered interrupt was served and may fire again. */
void event_irq_done(uint32_t port);

/* Run fn(port, arg) at each event of the port from now on, and unmask it. */
void event_handler(uint32_t port, event_fn fn, void *arg);

/* No event of the port wakes us, or runs its handler, until it is unmasked. */
void event_mask(uint32_t port);
void event_unmask(uint32_t port);

void event_send(uint32_t port);

/* Close a port of ours; its handler is forgotten. */
void event_close(uint32_t port);

/* Run the port's handler once more at the next event_loop_once(). */
void event_again(uint32_t port);

/* Run the handlers of what is pending; when nothing is, sleep for it, at most until time_ns()
 * reaches the deadline (one in the past only polls).  Returns after one round. */
void event_loop_once(uint64_t deadline_ns);

/* Sleep until this one port has an event, and take it; its handler does not run and others wait
 * for event_loop_once().  The port must have a handler. */
void event_wait(uint32_t port);

/* Nanoseconds since the machine started. */
uint64_t time_ns(void);

/* Seconds since 1970, UTC. */
uint64_t wall_seconds(void);
