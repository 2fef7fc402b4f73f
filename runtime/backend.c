/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backend.c - virtual devices coming and going, by the store.
 *
 * Each has a directory <root>/<domain>/<number> that the VMM server makes, complete, and removes.
 * Any change below the root, or of a frontend's state, makes us look at all of them again: they
 * are few, and a look without a change writes nothing.
 *
 * A directory that shows state 4 when we first see it was served by an earlier incarnation of
 * this driver: its rings are adopted, and the frontend sees nothing of it.
 */
#include <stdarg.h>

#include <runtime/device.h>
#include <runtime/event.h>
#include <runtime/grant.h>
#include <runtime/heap.h>
#include <runtime/print.h>
#include <runtime/start.h>
#include <runtime/store_wire.h>
#include <runtime/string.h>

#include "backend.h"

#define STORM_NS    100000u /* interrupts that are closer than that on average, ... */
#define STORMS_MOST 5u	    /* ... from each sign of life to the next, and mostly for nothing */
#define LOST_MOST   3u	    /* signs of life at which a bell has not rung, one after the other */

struct backend *backends;
unsigned backends_connected;

static const struct backend_kind *kind;
static const char *device;
static int changed;

static void store_changed(const char *path, const char *token, void *arg)
{
	changed = 1;
}

/* ---- keys ------------------------------------------------------------------------------------ */

int key_read(const char *dir, const char *key, char *buf, size_t size)
{
	char path[STORE_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, key);
	return store_read(path, buf, size);
}

int key_read_u64(const char *dir, const char *key, uint64_t *value)
{
	char path[STORE_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, key);
	return store_read_u64(path, value);
}

int key_flag(const char *dir, const char *key)
{
	uint64_t value;

	return !key_read_u64(dir, key, &value) && value;
}

void backend_write(struct backend *b, const char *key, uint64_t value)
{
	char path[STORE_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", b->path, key);
	store_printf(path, "%lu", value);
}

static unsigned state_of(const char *dir)
{
	uint64_t state;

	return key_read_u64(dir, "state", &state) ? XenbusStateUnknown : state;
}

static void show(struct backend *b, unsigned state)
{
	if (b->shown != state && !b->gone)
		backend_write(b, "state", state);
	b->shown = state;
}

static void refuse(struct backend *b, const char *why)
{
	char path[STORE_PATH_MAX];

	print("%s: %s: %s\n", device, b->path, why);
	if (!b->gone) {
		snprintf(path, sizeof(path), "%s/error", b->path);
		store_write(path, why);
	}
	b->refused = 1;
	b->state = BACKEND_CLOSED;
	show(b, XenbusStateClosed);
}

static void report_path(const struct backend *b, char *path, size_t size)
{
	snprintf(path, size, "data%s", strchr(b->path, '/'));
}

void backend_report(struct backend *b, const char *fmt, ...)
{
	char path[STORE_PATH_MAX], text[384];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	report_path(b, path, sizeof(path));
	store_post(path, text);
}

/* ---- rings ----------------------------------------------------------------------------------- */

int backend_map(struct backend *b, struct backend_page *page, uint64_t ref)
{
	page->va = grant_map(b->domid, ref, 0, &page->handle);
	return page->va ? 0 : -XEN_EINVAL;
}

void backend_unmap(struct backend_page *page)
{
	if (page->va && grant_unmap(page->va, page->handle))
		panic("%s: a ring cannot be unmapped\n", device);
	page->va = NULL;
}

int backend_bind(struct backend *b, uint64_t remote_port, event_fn fn, void *arg)
{
	int port = event_bind(b->domid, remote_port);

	if (port >= 0)
		event_handler(port, fn, arg);
	return port;
}

/* ---- the steps of a life --------------------------------------------------------------------- */

/* A directory that names no frontend yet is left for the next look. */
static void offer(struct backend *b)
{
	char watched[STORE_PATH_MAX];
	const char *why;
	uint64_t domid;
	int rc;

	if (key_read(b->path, "frontend", b->frontend, sizeof(b->frontend)) < 0 ||
	    key_read_u64(b->path, "frontend-id", &domid))
		return;
	b->domid = domid;
	b->shown = state_of(b->path);
	snprintf(watched, sizeof(watched), "%s/state", b->frontend);
	rc = store_watch(watched, b->path, store_changed, NULL);
	if (rc && rc != -XEN_EEXIST) /* an earlier offer made it */
		why = "the frontend cannot be watched";
	else
		why = kind->prepare(b);
	if (why) {
		refuse(b, why);
		return;
	}
	b->state = BACKEND_OFFERED;
	if (backend_adopted(b))
		return;
	kind->offer(b);
	show(b, XenbusStateInitWait);
}

static void connect(struct backend *b)
{
	const char *why = kind->connect(b);

	if (why) {
		kind->disconnect(b);
		refuse(b, why);
		return;
	}
	b->broken = NULL;
	b->state = BACKEND_CONNECTED;
	backends_connected++;
	show(b, XenbusStateConnected);
}

/* One move, if one is due: returns 1 when there may be another. */
static int step(struct backend *b)
{
	unsigned front = b->front;
	int leaving = b->gone || front == XenbusStateClosing || front == XenbusStateClosed;
	enum backend_state before = b->state;

	switch (b->state) {
	case BACKEND_NEW:
		if (b->gone)
			b->state = BACKEND_CLOSED;
		else
			offer(b);
		break;
	case BACKEND_OFFERED:
		if (leaving)
			b->state = BACKEND_CLOSING;
		else if (front == XenbusStateInitialised || front == XenbusStateConnected)
			connect(b);
		break;
	case BACKEND_CONNECTED:
		if (leaving || front == XenbusStateInitialising || b->broken) {
			b->state = BACKEND_CLOSING;
			backends_connected--;
		} else if (b->unwanted) {
			show(b, XenbusStateClosing);
		}
		break;
	case BACKEND_CLOSING:
		if (kind->busy(b))
			break;
		kind->disconnect(b);
		b->state = BACKEND_CLOSED;
		if (b->broken)
			refuse(b, b->broken);
		break;
	case BACKEND_CLOSED:
		if (b->refused || b->gone)
			break;
		/* Linux waits for Closing as the answer to its own, and then closes. */
		if (front == XenbusStateClosing)
			show(b, XenbusStateClosing);
		else if (front == XenbusStateClosed)
			show(b, XenbusStateClosed);
		else if (front == XenbusStateInitialising && b->shown >= XenbusStateClosing)
			offer(b);
		break;
	}
	return b->state != before;
}

static void forget(struct backend *b)
{
	char path[STORE_PATH_MAX];
	struct backend **link = &backends;

	if (b->frontend[0]) {
		snprintf(path, sizeof(path), "%s/state", b->frontend);
		store_unwatch(path, b->path);
	}
	report_path(b, path, sizeof(path));
	store_rm(path);
	if (kind->forget)
		kind->forget(b);
	while (*link != b)
		link = &(*link)->next;
	*link = b->next;
	heap_free(b);
}

/* ---- finding them ---------------------------------------------------------------------------- */

static void seen(const char *domain, const char *number)
{
	char path[sizeof(backends->path)];
	struct backend *b;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s/%s", kind->root, domain, number) >= sizeof(path))
		return;
	for (b = backends; b && strcmp(b->path, path); b = b->next)
		;
	if (!b) {
		b = heap_alloc(kind->size);
		if (!b) {
			print("%s: %s: no memory for it\n", device, path);
			return;
		}
		memcpy(b->path, path, sizeof(path));
		b->next = backends;
		backends = b;
	}
	b->listed = 1;
}

static void list_all(void)
{
	static char domains[XENSTORE_PAYLOAD_MAX], numbers[XENSTORE_PAYLOAD_MAX];
	int nr_domains = store_directory(kind->root, domains, sizeof(domains));
	const char *domain = domains;

	for (struct backend *b = backends; b; b = b->next)
		b->listed = 0;
	for (; nr_domains > 0; nr_domains--, domain += strlen(domain) + 1) {
		char path[STORE_PATH_MAX / 2];
		const char *number = numbers;
		int nr;

		snprintf(path, sizeof(path), "%s/%s", kind->root, domain);
		nr = store_directory(path, numbers, sizeof(numbers));
		for (; nr > 0; nr--, number += strlen(number) + 1)
			seen(domain, number);
	}
}

static void look(void)
{
	uint64_t online;

	list_all();
	for (struct backend *b = backends; b; b = b->next) {
		/* A directory that does not show what we wrote is another one of the same name:
		 * this backend ends, and at the next look a new one begins. */
		if (!b->listed || (b->state != BACKEND_NEW && state_of(b->path) != b->shown))
			b->gone = 1;
		b->front = b->gone || !b->frontend[0] ? XenbusStateUnknown : state_of(b->frontend);
		b->unwanted = !b->gone && !key_read_u64(b->path, "online", &online) && !online;
	}
}

int backend_due(void)
{
	for (struct backend *b = backends; b; b = b->next)
		if ((b->state == BACKEND_CONNECTED && b->broken) || (b->state == BACKEND_CLOSING && !kind->busy(b)))
			return 1;
	return changed;
}

void backend_update(void)
{
	struct backend *b, *next;

	if (!backend_due())
		return;
	if (changed) {
		changed = 0;
		look();
	}
	for (b = backends; b; b = next) {
		next = b->next;
		if (b->state == BACKEND_CONNECTED && b->broken)
			device_doubt(b->broken);
		while (step(b))
			;
		if (b->gone && b->state == BACKEND_CLOSED) {
			forget(b);
			changed = 1; /* its name may be in use again */
		}
	}
}

/* ---- do they go on? --------------------------------------------------------------------------- */

void backend_progress(struct backend_watch *w, int waits, uint32_t moved)
{
	w->pulses = waits && moved == w->moved ? w->pulses + 1 : 0;
	w->moved = moved;
	if (w->pulses >= device_patience() && device_patience() && w->pulses)
		device_stalled("requests wait, and none is answered");
}

/* Both ends look once more behind their wish to be told, so it is the driver's fault; or that of a frontend which lies. */
void backend_bells(struct backend_watch *w, int lost)
{
	w->lost = lost ? w->lost + 1 : 0;
	if (w->lost >= LOST_MOST)
		device_doubt("its frontend is not told of answers, or it of requests");
}

/* Interrupts after which the device had done nothing, most of the time; and rounds without any rest, the same. */
static void storm_watch(void)
{
	static unsigned interrupts, polls, rests, work, storms, restless;
	static uint64_t since;
	unsigned came = event_interrupts - interrupts, done = device_work - work;
	uint64_t now = time_ns();

	storms = came > (now - since) / STORM_NS && came / 8 > done ? storms + 1 : 0;
	if (storms == STORMS_MOST)
		panic("%s: interrupts without end\n", device);
	restless = event_rests == rests && (event_polls - polls) / 8 > done ? restless + 1 : 0;
	if (restless == STORMS_MOST)
		panic("%s: it never rests, and does nothing\n", device);
	interrupts += came;
	polls = event_polls;
	rests = event_rests;
	work += done;
	since = now;
}

int backend_watch(void)
{
	static unsigned seen;

	if (seen == pulses)
		return 0;
	seen = pulses;
	storm_watch();
	for (struct backend *b = backends; b; b = b->next)
		if (b->state == BACKEND_CONNECTED || b->state == BACKEND_CLOSING)
			kind->watch(b);
	return 1;
}

int backend_start(const struct backend_kind *k, const char *device_name)
{
	kind = k;
	device = device_name;
	return store_watch(kind->root, kind->root, store_changed, NULL);
}
