/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "client.h"
#include "log.h"
#include "rpc.h"
#include "stream.h"

#define PROGRAM_REMOTE	  0x20008086u
#define PROGRAM_KEEPALIVE 0x6b656570u
#define VERSION		  1u
#define KEEPALIVE_PING	  1
#define KEEPALIVE_PONG	  2

#define LEVEL_ERROR 2

struct client *call_client(const struct call *call)
{
	return client_find(call->client);
}

void rpc_error(struct out *out, const struct error *e)
{
	char line[sizeof(e->text) + 80];

	error_line(e, line, sizeof(line));
	out_i32(out, (int32_t)e->code);
	out_i32(out, 0); /* from no part of libvirt's	*/
	out_optional(out, line);
	out_i32(out, LEVEL_ERROR);
	out_u32(out, 0); /* no domain	*/
	out_optional(out, line);
	out_optional(out, NULL);
	out_optional(out, NULL);
	out_i32(out, 0);
	out_i32(out, 0);
	out_u32(out, 0); /* no network	*/
}

static void finish(struct call *call)
{
	struct client *c = call_client(call);
	struct wire_header h = call->header;

	if (c) {
		c->calls--;
		if (call->error.code) {
			struct out out;

			h.type = WIRE_REPLY;
			h.status = WIRE_ERROR;
			out_init(&out, &h);
			rpc_error(&out, &call->error);
			client_send(c, &out);
		} else {
			client_send(c, &call->out);
		}
	}
	in_free(&call->in);
	out_free(&call->out);
	free(call->message);
	free(call);
}

static void run(struct call *call)
{
	if (call->handler(call) && !call->error.code)
		fail(call, ERROR_INTERNAL, "procedure %d", call->header.procedure);
	if (call->in.bad) {
		call->error.code = 0;
		fail(call, ERROR_RPC, "the arguments of procedure %d cannot be read", call->header.procedure);
	}
	if (call->out.bad)
		fail(call, ERROR_RPC, "the answer of procedure %d is too long", call->header.procedure);
	finish(call);
}

/* In a worker; calls of the client may have waited for this one. */
static void run_waiting(void *arg)
{
	struct call *call = arg;
	unsigned id = call->client;
	struct client *c;

	run(call);
	c = client_find(id);
	if (c)
		client_serve(c);
}

static void start(struct client *c, const struct wire_header *h, const char *body, size_t len)
{
	const struct procedure *p = procedure_find(h->procedure);
	struct wire_header answer = *h;
	struct call *call = calloc(1, sizeof(*call));

	if (call)
		call->message = malloc(len + 1);
	if (!call || !call->message) {
		free(call);
		client_drop(c, "no memory for its call");
		return;
	}
	memcpy(call->message, body, len);
	call->client = c->id;
	call->header = *h;
	in_init(&call->in, call->message, len);
	answer.type = WIRE_REPLY;
	answer.status = WIRE_OK;
	out_init(&call->out, &answer);
	c->calls++;

	if (!p)
		fail(call, ERROR_NO_SUPPORT, "procedure %d", h->procedure);
	else if (!c->opened && !(p->flags & CALL_EARLY))
		fail(call, ERROR_RPC, "the connection is not open");
	else if (c->read_only && p->flags & CALL_WRITES)
		fail(call, ERROR_OPERATION_DENIED, "read only access prevents %s", p->name);
	if (call->error.code) {
		finish(call);
		return;
	}
	call->handler = p->handler;
	if (!(p->flags & CALL_WAITS)) {
		run(call);
	} else if (!loop_work(run_waiting, call)) {
		fail(call, ERROR_RESOURCE_BUSY, "too many calls are waiting for the machine");
		finish(call);
	}
}

void rpc_ping(struct client *c)
{
	struct wire_header h = { PROGRAM_KEEPALIVE, VERSION, KEEPALIVE_PING, WIRE_MESSAGE, 0, WIRE_OK };
	struct out out;

	out_init(&out, &h);
	client_send(c, &out);
}

static void keepalive(struct client *c, const struct wire_header *h)
{
	struct wire_header answer = *h;
	struct out out;

	if (h->procedure != KEEPALIVE_PING)
		return;
	answer.procedure = KEEPALIVE_PONG;
	out_init(&out, &answer);
	client_send(c, &out);
}

void rpc_message(struct client *c, const char *data, size_t len)
{
	struct wire_header h;
	struct in in;

	in_init(&in, data, len);
	in_header(&in, &h);
	in_free(&in);
	if (h.program == PROGRAM_KEEPALIVE && h.version == VERSION && h.type == WIRE_MESSAGE)
		keepalive(c, &h);
	else if (h.program == PROGRAM_REMOTE && h.version == VERSION && h.type == WIRE_STREAM_DATA)
		stream_message(c, &h, data + WIRE_HEADER, len - WIRE_HEADER);
	else if (h.program == PROGRAM_REMOTE && h.version == VERSION && h.type == WIRE_CALL && h.status == WIRE_OK)
		start(c, &h, data + WIRE_HEADER, len - WIRE_HEADER);
	else if (h.type == WIRE_CALL) {
		struct error e = { 0 };
		struct out out;

		error_set(&e, ERROR_RPC, "program 0x%x version %u is not served here", h.program, h.version);
		h.type = WIRE_REPLY;
		h.status = WIRE_ERROR;
		out_init(&out, &h);
		rpc_error(&out, &e);
		client_send(c, &out);
	} else {
		client_drop(c, "a message that is neither call nor stream");
	}
}
