/* SPDX-License-Identifier: BSD-2-Clause */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "../guise/client.h"
#include "link.h"
#include "log.h"
#include "loop.h"

#define SEND_SECONDS 5 /* the broker takes requests at once, unless it hangs */

struct pending {
	struct pending *next;
	uint64_t id;
	void (*fn)(unsigned arg, struct json_object *answer); /* NULL: somebody waits	*/
	unsigned arg;
	bool waited, done;
	struct json_object *answer;
};

static struct guise *broker;
static struct watch *watch;
static struct link_handlers handler;
static struct pending *pendings;
static pthread_cond_t answered = PTHREAD_COND_INITIALIZER;

bool link_up(void)
{
	return broker != NULL;
}

struct json_object *link_request(const char *cmd)
{
	return guise_request_new(cmd);
}

struct json_object *link_about(const char *cmd, const char *guest)
{
	struct json_object *o = guise_request_new(cmd);

	json_object_object_add(o, "guest", json_object_new_string(guest));
	return o;
}

void link_close(void)
{
	struct pending *all = pendings;

	if (!broker)
		return;
	loop_forget(watch);
	guise_close(broker);
	broker = NULL;
	pendings = NULL;
	while (all) {
		struct pending *p = all;

		all = p->next;
		if (p->waited) {
			p->done = true; /* without an answer; who waits frees it */
			continue;
		}
		if (p->fn)
			p->fn(p->arg, NULL);
		free(p);
	}
	pthread_cond_broadcast(&answered);
}

static void answer(struct json_object *o)
{
	uint64_t id = guise_id(o);

	for (struct pending **at = &pendings; *at; at = &(*at)->next) {
		struct pending *p = *at;

		if (p->id != id)
			continue;
		*at = p->next;
		if (p->waited) {
			p->answer = o;
			p->done = true;
			pthread_cond_broadcast(&answered);
			return;
		}
		if (p->fn)
			p->fn(p->arg, o);
		free(p);
		break;
	}
	json_object_put(o);
}

static void event(struct json_object *o, void *arg)
{
	(void)arg;
	handler.event(o);
}

static void ready(void *arg, short revents)
{
	(void)arg;
	(void)revents;
	do {
		struct json_object *o = NULL;

		if (guise_receive(broker, 0, &o)) {
			link_close();
			handler.gone();
			return;
		}
		if (o)
			answer(o);
	} while (broker && guise_has_line(broker));
}

int link_open(const char *path, const struct link_handlers *handlers, struct error *e)
{
	struct timeval timeout = { .tv_sec = SEND_SECONDS };
	struct json_object *on = link_request("events");
	char why[256];

	broker = guise_open(path, why, sizeof(why));
	if (!broker) {
		json_object_put(on);
		return error_set(e, ERROR_SYSTEM, "%s", why);
	}
	setsockopt(guise_fd(broker), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	handler = *handlers;
	guise_on_event(broker, event, NULL);
	watch = loop_watch(guise_fd(broker), POLLIN, ready, NULL);
	if (!watch) {
		guise_close(broker);
		broker = NULL;
		json_object_put(on);
		return error_set(e, ERROR_NO_MEMORY, "for the control channel");
	}
	json_object_object_add(on, "on", json_object_new_boolean(1));
	link_send(on, NULL, 0);
	return 0;
}

static struct pending *send_request(struct json_object *request)
{
	struct pending *p = broker ? calloc(1, sizeof(*p)) : NULL;

	if (!p) {
		json_object_put(request);
		return NULL;
	}
	p->id = guise_send(broker, request);
	if (!p->id) {
		/* The rest of the line can never be sent: the connection is of no use any more. */
		shutdown(guise_fd(broker), SHUT_RDWR);
		free(p);
		return NULL;
	}
	p->next = pendings;
	pendings = p;
	return p;
}

int link_send(struct json_object *request, void (*fn)(unsigned arg, struct json_object *answer), unsigned arg)
{
	struct pending *p = send_request(request);

	if (!p)
		return -1;
	p->fn = fn;
	p->arg = arg;
	return 0;
}

struct json_object *link_call(struct json_object *request, int ms, struct error *e)
{
	struct pending *p = send_request(request), **at;
	int64_t until = loop_now() + ms;
	struct json_object *o;

	if (!p) {
		error_set(e, ERROR_OPERATION_FAILED, "the machine does not run");
		return NULL;
	}
	p->waited = true;
	while (!p->done && lock_wait(&answered, until))
		;
	if (!p->done) {
		for (at = &pendings; *at != p; at = &(*at)->next)
			;
		*at = p->next;
		error_set(e, ERROR_TIMEOUT, "the machine has not answered within %d seconds", ms / 1000);
	}
	o = p->answer;
	if (p->done && !o)
		error_set(e, ERROR_OPERATION_FAILED, "the machine has ended");
	else if (o && guise_error(o))
		error_set(e, ERROR_OPERATION_FAILED, "%s", guise_error(o));
	free(p);
	if (e->code) {
		json_object_put(o);
		return NULL;
	}
	return o;
}

int link_do(struct json_object *request, int ms, struct error *e)
{
	struct json_object *o = link_call(request, ms, e);

	json_object_put(o);
	return o ? 0 : -1;
}
