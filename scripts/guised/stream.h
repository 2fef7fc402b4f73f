/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream.h - consoles of guests, as streams of libvirt's.
 *
 * Output goes to the client as it comes; what a client does not take is lost, as on a serial line.  Input is
 * passed on as fast as the guest takes it; a client with much that waits is not read from.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct call;
struct client;
struct domain;
struct error;
struct wire_header;

/* A stream for the console number of d, as part of this call.  With force a stream that has it is ended. */
int stream_open(const struct call *call, struct domain *d, unsigned number, bool force, struct error *e);
/* It could not be opened after all. */
void stream_cancel(const struct call *call);
/* A packet from a client. */
void stream_message(struct client *c, const struct wire_header *h, const char *data, size_t len);
/* What a guest wrote. */
void stream_output(const struct domain *d, unsigned number, const char *data, size_t len);
/* The client is gone; the domain has stopped. */
void streams_end(struct client *c);
void streams_of_domain_end(const struct domain *d);
/* Must the client wait until a guest has taken what it typed? */
bool streams_full(const struct client *c);
