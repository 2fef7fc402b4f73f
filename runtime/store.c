/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store.c - client of the store.
 *
 * One request is outstanding at a time.  `incoming` is the message that is arriving; when it is
 * the answer, its payload is good until the next call.  Watch events are copied to a queue, from
 * which the port's handler runs the callbacks.
 */
#include <stdarg.h>

#include <runtime/event.h>
#include <runtime/heap.h>
#include <runtime/print.h>
#include <runtime/start.h>
#include <runtime/store.h>
#include <runtime/store_wire.h>
#include <runtime/string.h>
#include <runtime/window.h>

struct watch {
	struct watch *next;
	store_watch_fn fn;
	void *arg;
	char token[];
};

struct watch_event {
	struct watch_event *next;
	const char *token; /* in text */
	char text[];	   /* path, NUL, token, NUL */
};

struct part {
	const void *data;
	size_t len;
};

static struct xenstore_domain_interface *ring;
static uint32_t port;
static uint32_t last_id;
static struct store_message incoming;
static struct watch *watches;
static struct watch_event *events, **events_end = &events;

static void event_queue(const struct store_message *msg)
{
	size_t len = msg->head.len, path = strnlen(msg->payload, len);
	struct watch_event *e = heap_alloc(sizeof(*e) + len + 2);

	if (!e)
		panic("no memory for a watch event\n");
	memcpy(e->text, msg->payload, len);
	e->token = e->text + (path < len ? path + 1 : len);
	*events_end = e;
	events_end = &e->next;
}

/* Take what has come: 1 when the answer to the last request is in `incoming`, else 0. */
static int receive(void)
{
	int rc, taken = 0;

	while ((rc = store_wire_take(ring, &incoming, &taken)) > 0) {
		incoming.have = 0;
		if (incoming.head.type != XS_WATCH_EVENT && incoming.head.req_id == last_id)
			break;
		if (incoming.head.type == XS_WATCH_EVENT)
			event_queue(&incoming);
	}
	if (rc < 0)
		panic("the store's ring is broken\n");
	if (taken)
		event_send(port); /* there may be more that had no room */
	return rc;
}

static void send(const void *data, size_t len)
{
	const char *byte = data;

	while (len) {
		int put = store_wire_put(ring, byte, len);

		if (put < 0)
			panic("the store's ring is broken\n");
		byte += put;
		len -= put;
		if (len) {
			event_send(port);
			event_wait(port);
			receive();
		}
	}
}

/* Send a request and wait: the length of the answer in incoming.payload, or -errno. */
static int call(uint32_t type, const struct part *part, unsigned nr)
{
	struct xsd_sockmsg head = { .type = type, .req_id = ++last_id };

	if (!ring)
		return -XEN_ENOSYS;
	for (unsigned i = 0; i < nr; i++)
		head.len += part[i].len;
	if (head.len > XENSTORE_PAYLOAD_MAX)
		return -XEN_E2BIG;

	send(&head, sizeof(head));
	for (unsigned i = 0; i < nr; i++)
		send(part[i].data, part[i].len);
	event_send(port);
	while (!receive())
		event_wait(port);
	/* The event that told of the answer may have told of more behind it. */
	if (events || *(volatile XENSTORE_RING_IDX *)&ring->rsp_prod != ring->rsp_cons)
		event_again(port);

	if (incoming.head.type == XS_ERROR)
		return -store_wire_errno(incoming.payload);
	return incoming.head.len;
}

static struct part text_part(const char *text)
{
	return (struct part){ text, strlen(text) + 1 };
}

/* ---- reading and writing --------------------------------------------------------------------- */

int store_read(const char *path, char *buf, size_t size)
{
	struct part part = text_part(path);
	int len = call(XS_READ, &part, 1);

	if (len < 0)
		return len;
	if ((size_t)len >= size)
		return -XEN_E2BIG;
	memcpy(buf, incoming.payload, len);
	buf[len] = '\0';
	return len;
}

int store_read_u64(const char *path, uint64_t *value)
{
	char text[32];
	const char *end;
	int len = store_read(path, text, sizeof(text));

	if (len < 0)
		return len;
	*value = parse_u64(text, &end);
	return len && end == text + len ? 0 : -XEN_EINVAL;
}

int store_write(const char *path, const char *value)
{
	struct part part[] = { text_part(path), { value, strlen(value) } };
	int rc = call(XS_WRITE, part, 2);

	return rc < 0 ? rc : 0;
}

int store_printf(const char *path, const char *fmt, ...)
{
	char value[512];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(value, sizeof(value), fmt, args);
	va_end(args);
	return (size_t)len < sizeof(value) ? store_write(path, value) : -XEN_E2BIG;
}

/* The answer is for request 0, which nobody waits for. */
int store_post(const char *path, const char *value)
{
	struct part part[] = { text_part(path), { value, strlen(value) } };
	struct xsd_sockmsg head = { .type = XS_WRITE, .len = part[0].len + part[1].len };
	uint32_t used;

	if (!ring)
		return -XEN_ENOSYS;
	used = ring->req_prod - *(volatile XENSTORE_RING_IDX *)&ring->req_cons;
	if (used > XENSTORE_RING_SIZE || sizeof(head) + head.len > XENSTORE_RING_SIZE - used)
		return -XEN_EAGAIN;
	send(&head, sizeof(head));
	send(part[0].data, part[0].len);
	send(part[1].data, part[1].len);
	event_send(port);
	return 0;
}

int store_rm(const char *path)
{
	struct part part = text_part(path);
	int rc = call(XS_RM, &part, 1);

	return rc < 0 ? rc : 0;
}

int store_directory(const char *path, char *buf, size_t size)
{
	struct part part = text_part(path);
	int len = call(XS_DIRECTORY, &part, 1), names = 0;

	if (len < 0)
		return len;
	if ((size_t)len > size)
		return -XEN_E2BIG;
	memcpy(buf, incoming.payload, len);
	for (int i = 0; i < len; i++)
		names += !buf[i];
	return names;
}

/* ---- watches --------------------------------------------------------------------------------- */

static struct watch **watch_find(const char *token)
{
	struct watch **w = &watches;

	while (*w && strcmp((*w)->token, token))
		w = &(*w)->next;
	return w;
}

static void watch_forget(const char *token)
{
	struct watch **w = watch_find(token), *old = *w;
	struct watch_event **e = &events;

	if (old) {
		*w = old->next;
		heap_free(old);
	}
	while (*e) {
		struct watch_event *this = *e;

		if (strcmp(this->token, token)) {
			e = &this->next;
			continue;
		}
		*e = this->next;
		heap_free(this);
	}
	events_end = e;
}

int store_watch(const char *path, const char *token, store_watch_fn fn, void *arg)
{
	struct part part[] = { text_part(path), text_part(token) };
	struct watch *w;
	int rc;

	if (*watch_find(token))
		return -XEN_EEXIST;
	w = heap_alloc(sizeof(*w) + part[1].len);
	if (!w)
		return -XEN_ENOMEM;
	w->fn = fn;
	w->arg = arg;
	memcpy(w->token, token, part[1].len);
	w->next = watches;
	watches = w;

	rc = call(XS_WATCH, part, 2);
	if (rc < 0)
		watch_forget(token);
	return rc < 0 ? rc : 0;
}

int store_unwatch(const char *path, const char *token)
{
	struct part part[] = { text_part(path), text_part(token) };
	int rc = call(XS_UNWATCH, part, 2);

	watch_forget(token);
	return rc < 0 ? rc : 0;
}

static void store_event(uint32_t event_port, void *arg)
{
	receive();
	while (events) {
		struct watch_event *e = events;
		struct watch *w = *watch_find(e->token);

		events = e->next;
		if (!events)
			events_end = &events;
		if (w)
			w->fn(e->text, e->token, w->arg);
		heap_free(e);
	}
}

void store_init(void)
{
	if (!start->store_evtchn)
		return;
	ring = window_alloc(1);
	if (!ring || window_map(ring, start->store_mfn))
		panic("the store's ring cannot be mapped\n");
	port = start->store_evtchn;
	event_handler(port, store_event, NULL);
}
