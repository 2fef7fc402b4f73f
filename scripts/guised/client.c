/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "events.h"
#include "log.h"
#include "rpc.h"
#include "stream.h"

#define PING_AFTER 5000 /* ms without a word	*/
#define PINGS_LOST 6	/* unanswered: it is gone	*/

struct packet {
	struct packet *next;
	char *data;
	size_t len, sent;
};

static struct client *clients;
static unsigned nr_clients, next_id = 1;

struct client *client_first(void)
{
	return clients;
}

unsigned client_count(void)
{
	return nr_clients;
}

struct client *client_find(unsigned id)
{
	for (struct client *c = clients; c; c = c->next)
		if (c->id == id)
			return c;
	return NULL;
}

static void packet_free(struct packet *p)
{
	free(p->data);
	free(p);
}

void client_drop(struct client *c, const char *why)
{
	struct client **at;

	for (at = &clients; *at && *at != c; at = &(*at)->next)
		;
	if (!*at)
		return;
	*at = c->next;
	nr_clients--;
	if (why)
		log_info("client %u (pid %d, uid %u): %s", c->id, (int)c->pid, (unsigned)c->uid, why);
	else
		log_debug("client %u is gone", c->id);
	streams_end(c);
	events_forget(c);
	if (c->watch)
		loop_forget(c->watch);
	if (c->fd >= 0)
		close(c->fd);
	while (c->out) {
		struct packet *p = c->out;

		c->out = p->next;
		packet_free(p);
	}
	free(c->in);
	free(c);
}

/* Must it wait for what it asked for, before more is read? */
static bool waits(const struct client *c)
{
	return c->calls >= CLIENT_CALLS || streams_full(c);
}

/* What poll should tell of. */
void client_look(struct client *c)
{
	short events = 0;

	if (!c->watch)
		return;
	if (!c->closing && c->out_bytes < CLIENT_PAUSE && !waits(c))
		events |= POLLIN;
	if (c->out)
		events |= POLLOUT;
	loop_events(c->watch, events);
}

size_t client_queued(const struct client *c)
{
	return c->out_bytes;
}

void client_send(struct client *c, struct out *message)
{
	struct packet *p = malloc(sizeof(*p));
	size_t len = 0;
	char *data = out_finish(message, &len);

	if (!p || !data || c->fd < 0) {
		/* A client that waits for an answer which never comes would wait for ever. */
		if (!data || !p)
			c->closing = true;
		free(p);
		free(data);
		return;
	}
	*p = (struct packet){ NULL, data, len, 0 };
	*c->out_end = p;
	c->out_end = &p->next;
	c->out_bytes += len;
	if (c->out_bytes > CLIENT_DROP)
		c->closing = true; /* from within a call it must not vanish */
	client_look(c);
}

bool client_flush(struct client *c)
{
	while (c->out) {
		struct packet *p = c->out;
		ssize_t n = send(c->fd, p->data + p->sent, p->len - p->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n < 0) {
			client_drop(c, NULL);
			return false;
		}
		p->sent += (size_t)n;
		c->out_bytes -= (size_t)n;
		if (p->sent < p->len)
			break;
		c->out = p->next;
		if (!c->out)
			c->out_end = &c->out;
		packet_free(p);
	}
	if (c->out_bytes > CLIENT_DROP) {
		client_drop(c, "it does not take what it asked for");
		return false;
	}
	if (c->closing && !c->out && !c->calls) {
		client_drop(c, NULL);
		return false;
	}
	client_look(c);
	return true;
}

void client_close(struct client *c)
{
	c->closing = true;
	client_look(c);
}

void client_serve(struct client *c)
{
	unsigned id = c->id;
	size_t at = 0;

	if (c->serving)
		return; /* we are called by what it asked for */
	c->serving = true;
	while (c->in_len - at >= WIRE_LENGTH && !c->closing && !waits(c)) {
		const uint8_t *p = (const uint8_t *)c->in + at;
		size_t len = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];

		if (len < WIRE_LENGTH + WIRE_HEADER || len > WIRE_MAX) {
			client_drop(c, "a message of impossible length");
			return;
		}
		if (c->in_len - at < len)
			break;
		at += len;
		rpc_message(c, (const char *)p + WIRE_LENGTH, len - WIRE_LENGTH);
		if (client_find(id) != c)
			return;
	}
	c->serving = false;
	if (at)
		memmove(c->in, c->in + at, c->in_len - at);
	c->in_len -= at;
	client_look(c);
}

void client_feed(struct client *c, const char *data, size_t len)
{
	if (!len)
		return;
	if (c->in_len + len > c->in_room) {
		size_t more = c->in_len + len + 4096;
		char *in = realloc(c->in, more);

		if (!in) {
			client_drop(c, "no memory for its messages");
			return;
		}
		c->in = in;
		c->in_room = more;
	}
	memcpy(c->in + c->in_len, data, len);
	c->in_len += len;
	c->heard = loop_now();
	c->pings = 0;
	client_serve(c);
}

static void ready(void *arg, short revents)
{
	struct client *c = arg;
	unsigned id = c->id;
	char data[65536];
	ssize_t n;

	if (revents & POLLOUT && !client_flush(c))
		return;
	if (revents & POLLIN) {
		n = recv(c->fd, data, sizeof(data), MSG_DONTWAIT);
		if (n > 0)
			client_feed(c, data, (size_t)n);
		else if (!n || (errno != EAGAIN && errno != EINTR))
			client_drop(c, NULL);
	} else if (revents & (POLLERR | POLLHUP | POLLNVAL)) {
		client_drop(c, NULL);
	}
	c = client_find(id);
	if (c && c->closing)
		client_flush(c);
}

struct client *client_new(int fd)
{
	struct client *c;

	if (nr_clients == CLIENT_MAX) {
		log_warning("%u clients are connected, one more is refused", nr_clients);
		goto fail;
	}
	c = calloc(1, sizeof(*c));
	if (!c)
		goto fail;
	c->fd = fd;
	c->id = next_id++;
	c->out_end = &c->out;
	c->heard = loop_now();
	if (fd >= 0) {
		struct ucred cred;
		socklen_t len = sizeof(cred);

		c->watch = loop_watch(fd, POLLIN, ready, c);
		if (!c->watch) {
			free(c);
			goto fail;
		}
		if (!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len)) {
			c->uid = cred.uid;
			c->pid = cred.pid;
		}
	}
	c->next = clients;
	clients = c;
	nr_clients++;
	log_debug("client %u: pid %d, uid %u", c->id, (int)c->pid, (unsigned)c->uid);
	return c;
fail:
	if (fd >= 0)
		close(fd);
	return NULL;
}

static void accept_ready(void *arg, short revents)
{
	int listener = (int)(intptr_t)arg, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)revents;
	if (fd >= 0)
		client_new(fd);
}

int client_listen(int fd)
{
	return loop_watch(fd, POLLIN, accept_ready, (void *)(intptr_t)fd) ? 0 : -1;
}

void client_tick(void)
{
	int64_t now = loop_now();
	struct client *next;

	for (struct client *c = clients; c; c = next) {
		next = c->next;
		if (waits(c))
			c->heard = now, c->pings = 0; /* it may have answered */
		if (!c->keepalive || now - c->heard < PING_AFTER * (int64_t)(c->pings + 1))
			continue;
		if (c->pings == PINGS_LOST)
			client_drop(c, "it does not answer");
		else
			rpc_ping(c), c->pings++;
	}
}
