/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rpc.h - calls: from a client's message to a handler, and its answer back.
 */
#pragma once

#include "error.h"
#include "wire.h"

struct client;

/* A call lives until it is answered, in the loop or in a worker; its client may go before. */
struct call {
	unsigned client;
	struct wire_header header;
	char *message; /* what in reads from	*/
	struct in in;
	struct out out; /* the answer, if all goes well */
	struct error error;
	int (*handler)(struct call *call);
};

/* A message without its length. */
void rpc_message(struct client *c, const char *data, size_t len);
void rpc_ping(struct client *c);
/* The client of a call, NULL if it is gone. */
struct client *call_client(const struct call *call);
/* -1, with the error kept for the answer. */
#define fail(call, ...) error_set(&(call)->error, __VA_ARGS__)
/* The body of an error, as a call's answer and a stream's end have it. */
void rpc_error(struct out *out, const struct error *e);
