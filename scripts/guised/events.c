/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "domain.h"
#include "events.h"

#define PROGRAM 0x20008086u
#define VERSION 1u

/* Procedures that carry events to callbacks. */
#define CALLBACK_LIFECYCLE	318
#define CALLBACK_REBOOT		319
#define CALLBACK_BALLOON	331
#define CALLBACK_DEVICE_REMOVED 333
#define CALLBACK_DEVICE_ADDED	354

struct callback {
	struct callback *next;
	int number, event;
	bool one; /* of uuid only	*/
	uint8_t uuid[UUID_BYTES];
};

int events_register(struct client *c, int event, const uint8_t *uuid, struct error *e)
{
	struct callback *cb;

	if (event < 0 || event > EVENT_ID_MOST)
		return error_set(e, ERROR_INVALID_ARG, "there is no event %d", event);
	if (c->nr_callbacks == CLIENT_CALLBACKS)
		return error_set(e, ERROR_OPERATION_FAILED, "a client has at most %u callbacks", CLIENT_CALLBACKS);
	cb = calloc(1, sizeof(*cb));
	if (!cb)
		return error_set(e, ERROR_NO_MEMORY, "for a callback");
	cb->event = event;
	cb->number = c->next_callback++;
	cb->one = uuid != NULL;
	if (uuid)
		memcpy(cb->uuid, uuid, UUID_BYTES);
	cb->next = c->callbacks;
	c->callbacks = cb;
	c->nr_callbacks++;
	return cb->number;
}

int events_deregister(struct client *c, int number, struct error *e)
{
	for (struct callback **at = &c->callbacks; *at; at = &(*at)->next) {
		struct callback *cb = *at;

		if (cb->number != number)
			continue;
		*at = cb->next;
		c->nr_callbacks--;
		free(cb);
		return 0;
	}
	return error_set(e, ERROR_INVALID_ARG, "domain event callback %d not registered", number);
}

void events_forget(struct client *c)
{
	while (c->callbacks) {
		struct callback *cb = c->callbacks;

		c->callbacks = cb->next;
		free(cb);
	}
	c->nr_callbacks = 0;
}

void out_domain(struct out *out, const struct domain *d)
{
	out_string(out, d->def->name);
	out_uuid(out, d->def->uuid);
	out_i32(out, d->id);
}

/* Tell all who asked. */
static void tell(const struct domain *d, int event, int procedure, void (*body)(struct out *out, const void *arg),
		 const void *arg)
{
	struct wire_header h = { PROGRAM, VERSION, procedure, WIRE_MESSAGE, 0, WIRE_OK };

	for (struct client *c = client_first(); c; c = c->next) {
		for (struct callback *cb = c->callbacks; cb; cb = cb->next) {
			struct out out;

			if (cb->event != event || (cb->one && memcmp(cb->uuid, d->def->uuid, UUID_BYTES)))
				continue;
			out_init(&out, &h);
			out_i32(&out, cb->number);
			out_domain(&out, d);
			if (body)
				body(&out, arg);
			client_send(c, &out);
		}
	}
}

static void body_lifecycle(struct out *out, const void *arg)
{
	const int *v = arg;

	out_i32(out, v[0]);
	out_i32(out, v[1]);
}

static void body_balloon(struct out *out, const void *arg)
{
	out_u64(out, *(const uint64_t *)arg);
}

static void body_text(struct out *out, const void *arg)
{
	out_string(out, arg);
}

void event_lifecycle(const struct domain *d, int type, int detail)
{
	const int v[2] = { type, detail };

	tell(d, EVENT_ID_LIFECYCLE, CALLBACK_LIFECYCLE, body_lifecycle, v);
}

void event_reboot(const struct domain *d)
{
	tell(d, EVENT_ID_REBOOT, CALLBACK_REBOOT, NULL, NULL);
}

void event_balloon(const struct domain *d, uint64_t kib)
{
	tell(d, EVENT_ID_BALLOON, CALLBACK_BALLOON, body_balloon, &kib);
}

void event_device(const struct domain *d, bool added, const char *alias)
{
	tell(d, added ? EVENT_ID_DEVICE_ADDED : EVENT_ID_DEVICE_REMOVED,
	     added ? CALLBACK_DEVICE_ADDED : CALLBACK_DEVICE_REMOVED, body_text, alias);
}
