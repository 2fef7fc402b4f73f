/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "client.h"
#include "domain.h"
#include "log.h"
#include "rpc.h"
#include "stream.h"

#define INPUT_FULL 65536u
#define INPUT_MOST (INPUT_FULL + WIRE_MAX)

struct stream {
	struct stream *next;
	struct client *client;
	unsigned id; /* never used twice	*/
	struct wire_header header;
	struct domain *domain;
	unsigned number;
	char *input; /* not yet sent to the guest	*/
	size_t input_len;
	bool sending; /* the guest has not taken the last piece	*/
	size_t lost;  /* bytes of output */
};

static unsigned next_id = 1;

static void packet(struct client *c, const struct wire_header *header, enum wire_status status, const void *data,
		   size_t len, const struct error *e)
{
	struct wire_header h = *header;
	struct out out;

	h.type = WIRE_STREAM_DATA;
	h.status = status;
	out_init(&out, &h);
	if (e)
		rpc_error(&out, e);
	else if (len)
		out_bytes(&out, data, len);
	client_send(c, &out);
}

static struct stream *find(unsigned id)
{
	for (struct client *c = client_first(); c; c = c->next)
		for (struct stream *s = c->streams; s; s = s->next)
			if (s->id == id)
				return s;
	return NULL;
}

static struct stream *of_console(const struct domain *d, unsigned number)
{
	for (struct client *c = client_first(); c; c = c->next)
		for (struct stream *s = c->streams; s; s = s->next)
			if (s->domain == d && s->number == number)
				return s;
	return NULL;
}

static void end(struct stream *s)
{
	struct stream **at;

	for (at = &s->client->streams; *at != s; at = &(*at)->next)
		;
	*at = s->next;
	s->client->nr_streams--;
	if (s->domain->id >= 0 && !of_console(s->domain, s->number))
		backend_console_detach(s->domain, s->number);
	if (s->lost)
		log_info("console of %s: %zu bytes were not taken", s->domain->def->name, s->lost);
	domain_put(s->domain);
	free(s->input);
	free(s);
}

int stream_open(const struct call *call, struct domain *d, unsigned number, bool force, struct error *e)
{
	struct stream *old = of_console(d, number), *s;
	struct client *c = call_client(call);

	if (!c)
		return error_set(e, ERROR_RPC, "the client is gone");
	if (old && !force)
		return error_set(e, ERROR_OPERATION_FAILED, "Active console session exists for this domain");
	if (c->nr_streams == CLIENT_STREAMS)
		return error_set(e, ERROR_OPERATION_FAILED, "a client has at most %u streams", CLIENT_STREAMS);
	s = calloc(1, sizeof(*s));
	if (!s)
		return error_set(e, ERROR_NO_MEMORY, "for a stream");
	if (old) {
		struct error taken = { 0 };

		error_set(&taken, ERROR_RPC, "the console was taken by another client");
		packet(old->client, &old->header, WIRE_ERROR, NULL, 0, &taken);
		s->domain = domain_get(d); /* before end() puts it */
		end(old);
		domain_put(d);
	}
	*s = (struct stream){
		.next = c->streams, .client = c, .id = next_id++, .header = call->header, .number = number
	};
	s->domain = domain_get(d);
	c->streams = s;
	c->nr_streams++;
	return 0;
}

void stream_cancel(const struct call *call)
{
	struct client *c = call_client(call);

	for (struct stream *s = c->streams; s; s = s->next) {
		if (s->header.serial != call->header.serial)
			continue;
		end(s);
		return;
	}
}

static void taken(unsigned id, const char *error);

/* Pass on the next piece of input. */
static void pump(struct stream *s)
{
	size_t n = s->input_len < BACKEND_INPUT ? s->input_len : BACKEND_INPUT;

	if (s->sending || !n || s->domain->id < 0)
		return;
	s->sending = true;
	if (backend_console_input(s->domain, s->number, s->input, n, taken, s->id))
		s->sending = false;
	memmove(s->input, s->input + n, s->input_len - n);
	s->input_len -= n;
}

static void taken(unsigned id, const char *error)
{
	struct stream *s = find(id);

	if (error)
		log_debug("console input: %s", error);
	if (!s)
		return;
	s->sending = false;
	pump(s);
	client_serve(s->client); /* what it typed meanwhile */
}

static void input(struct stream *s, const char *data, size_t len)
{
	char *more = s->input_len + len > INPUT_MOST ? NULL : realloc(s->input, s->input_len + len);

	if (!more) {
		client_drop(s->client, "no memory for what it types");
		return;
	}
	s->input = more;
	memcpy(s->input + s->input_len, data, len);
	s->input_len += len;
	pump(s);
}

void stream_message(struct client *c, const struct wire_header *h, const char *data, size_t len)
{
	struct stream *s;

	for (s = c->streams; s; s = s->next)
		if (s->header.serial == h->serial && s->header.procedure == h->procedure)
			break;
	if (h->status == WIRE_CONTINUE) {
		if (s && len)
			input(s, data, len);
		return;
	}
	/* To finish and to abort are the same for a console; both want an empty answer, also after the guest has gone. */
	packet(c, h, WIRE_OK, NULL, 0, NULL);
	if (s)
		end(s);
}

void stream_output(const struct domain *d, unsigned number, const char *data, size_t len)
{
	struct stream *s = of_console(d, number);

	if (!s)
		return;
	if (client_queued(s->client) > CLIENT_PAUSE) {
		s->lost += len;
		return;
	}
	while (len) {
		size_t n = len < WIRE_STREAM ? len : WIRE_STREAM;

		packet(s->client, &s->header, WIRE_CONTINUE, data, n, NULL);
		data += n;
		len -= n;
	}
}

void streams_end(struct client *c)
{
	while (c->streams)
		end(c->streams);
}

void streams_of_domain_end(const struct domain *d)
{
	for (struct client *c = client_first(); c; c = c->next) {
		struct stream *next;

		for (struct stream *s = c->streams; s; s = next) {
			next = s->next;
			if (s->domain != d)
				continue;
			packet(s->client, &s->header, WIRE_CONTINUE, NULL, 0, NULL); /* an empty one is the end */
			end(s);
		}
	}
}

bool streams_full(const struct client *c)
{
	for (const struct stream *s = c->streams; s; s = s->next)
		if (s->input_len > INPUT_FULL)
			return true;
	return false;
}
