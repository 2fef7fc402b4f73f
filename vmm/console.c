/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * console.c - bytes between guests' console rings and serial lines.
 *
 * What a line cannot take at once stays in the guest's ring, so a guest that floods its console
 * waits and nobody else does; what no line carries is read and dropped.  Whoever fills a ring is told
 * of room only when the ring was more than half full: nobody else waits for it.
 */
#include <runtime/console_ring.h>
#include <runtime/event.h>
#include <runtime/grant.h>
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/print.h>
#include <runtime/string.h>

#include "console.h"
#include "store.h"

#define LINES 4

struct line {
	struct xencons_interface *page; /* ours; NULL: no such line		*/
	uint32_t port;
	struct console *console; /* who is connected			*/
};

struct console {
	struct xencons_interface *page; /* the guest's			*/
	uint32_t port;
	struct line *line;
};

static struct line lines[LINES];

static int line_up(const struct line *l)
{
	return l && l->page;
}

/* Guest to line: the guest's ring is the queue. */
static void pump_out(struct console *c)
{
	size_t moved = 0;
	int crowded = 0;
	char buf[256];

	for (;;) {
		size_t room = line_up(c->line) ? console_ring_front_room(c->line->page) : sizeof(buf), n;

		crowded |= console_ring_pending(c->page) > sizeof(c->page->out) / 2;
		n = console_ring_read(c->page, buf, room < sizeof(buf) ? room : sizeof(buf));
		if (!n)
			break;
		if (line_up(c->line))
			console_ring_front_put(c->line->page, buf, n);
		moved += n;
	}
	if (!moved)
		return;
	if (crowded)
		event_send(c->port);
	if (line_up(c->line))
		event_send(c->line->port);
}

/* Line to guest: what the guest has no room for waits in the line's ring. */
static void pump_in(struct line *l)
{
	size_t moved = 0;
	int crowded = 0;
	char buf[256];

	for (;;) {
		size_t room = l->console ? console_ring_room(l->console->page) : sizeof(buf), n;

		crowded |= console_ring_front_pending(l->page) > sizeof(l->page->in) / 2;
		n = console_ring_front_read(l->page, buf, room < sizeof(buf) ? room : sizeof(buf));
		if (!n)
			break;
		if (l->console)
			console_ring_put(l->console->page, buf, n);
		moved += n;
	}
	if (!moved)
		return;
	if (crowded)
		event_send(l->port);
	if (l->console)
		event_send(l->console->port);
}

static void guest_event(uint32_t port, void *arg)
{
	struct console *c = arg;

	(void)port;
	pump_out(c);
	if (line_up(c->line))
		pump_in(c->line);
}

static void line_event(uint32_t port, void *arg)
{
	struct line *l = arg;

	(void)port;
	pump_in(l);
	if (l->console)
		pump_out(l->console);
}

struct console *console_open(uint16_t dom, unsigned number, struct xencons_interface *page, uint32_t port)
{
	struct console *c = heap_alloc(sizeof(*c));

	(void)dom;
	(void)number;
	if (!c)
		return NULL;
	c->page = page;
	c->port = port;
	event_handler(port, guest_event, c);
	return c;
}

void console_connect(struct console *c, int n)
{
	c->line = n >= 0 && n < LINES ? &lines[n] : NULL;
	if (c->line)
		c->line->console = c;
	pump_out(c);
}

void console_close(struct console *c)
{
	pump_out(c);
	if (c->line && c->line->console == c)
		c->line->console = NULL;
	event_close(c->port);
	heap_free(c);
}

/* The server's own messages: they wait for room, but not for ever. */
static void log_sink(const char *text, size_t len)
{
	struct line *l = &lines[0];
	uint64_t until = time_ns() + 2000000000;

	while (len && time_ns() < until) {
		size_t n = console_ring_front_put(l->page, text, len);

		text += n;
		len -= n;
		event_send(l->port);
		if (len && !n)
			hc_sched(SCHEDOP_yield, NULL);
	}
}

void console_flush(void)
{
	uint64_t until = time_ns() + 2000000000;

	for (unsigned i = 0; i < LINES; i++)
		while (lines[i].page && console_ring_pending(lines[i].page) && time_ns() < until)
			event_loop_once(time_ns() + 10000000);
}

/* The driver's state in the store: 4 when it has the ring. */
static void line_watch(uint16_t dom, const char *path, const char *token, void *arg)
{
	struct line *l = arg;

	(void)dom;
	(void)token;
	if (l == &lines[0] && xs_get_uint(path, 0) == 4)
		print_sink(log_sink);
}

static const char *in(char path[96], const char *dir, const char *key)
{
	snprintf(path, 96, "%s/%s", dir, key);
	return path;
}

int console_line_offer(unsigned n, uint16_t dom)
{
	struct xencons_interface *page;
	char front[64], back[64], path[96];
	int ref, port;

	if (n >= LINES)
		return -XEN_ENOSPC;
	page = page_alloc(1);
	ref = page ? grant_offer(dom, page, 0) : -XEN_ENOMEM;
	port = event_alloc(DOMID_SELF, dom);
	if (ref < 0 || port < 0)
		return ref < 0 ? ref : port;
	lines[n].page = page;
	lines[n].port = (uint32_t)port;
	event_handler((uint32_t)port, line_event, &lines[n]);

	snprintf(front, sizeof(front), "/local/domain/0/device/console/%u", dom);
	snprintf(back, sizeof(back), "/local/domain/%u/backend/console/0/%u", dom, dom);
	snprintf(path, sizeof(path), "n0,r%u", dom);
	xs_dir(front, path);
	xs_putf(in(path, front, "backend"), "%s", back);
	xs_putf(in(path, front, "backend-id"), "%u", dom);
	xs_putf(in(path, front, "ring-ref"), "%d", ref);
	xs_putf(in(path, front, "port"), "%d", port);
	xs_putf(in(path, front, "state"), "3");
	snprintf(path, sizeof(path), "n%u,r0", dom);
	xs_dir(back, path);
	xs_putf(in(path, back, "frontend"), "%s", front);
	xs_putf(in(path, back, "frontend-id"), "0");
	xs_putf(in(path, back, "state"), "1");
	snprintf(path, sizeof(path), "%s/state", back);
	return xs_watch(0, path, "line", line_watch, &lines[n]);
}
