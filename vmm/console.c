/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * console.c - bytes between guests' console rings, serial lines and taps.
 *
 * What a line or a tap cannot take at once stays in the guest's ring, so a guest that floods its
 * console waits and nobody else does.  The last of it is kept for a tap that comes later.  Whoever
 * fills a ring is told of room only when the ring was more than half full: nobody else waits for it.
 *
 * The server's own messages are a ring too (log.c), from which line 0 takes before the guest's.
 */
#include <runtime/console_ring.h>
#include <runtime/event.h>
#include <runtime/grant.h>
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/print.h>
#include <runtime/string.h>

#include "console.h"
#include "log.h"
#include "store.h"

#define LINES	4
#define BACKLOG 4096 /* bytes of output that are kept	*/

struct line {
	struct xencons_interface *page; /* ours; NULL: no such line	*/
	uint32_t port;
	int connected;		 /* the driver serves it			*/
	int gone;		 /* it was given up			*/
	struct console *console; /* who is connected			*/
	void (*user)(void);	 /* or who else uses it		*/
};

struct console {
	struct console *next;
	struct xencons_interface *page; /* the guest's			*/
	uint32_t port;
	struct line *line;
	const struct console_tap *tap;
	void *tap_arg;
	char *backlog;	      /* [BACKLOG]					*/
	uint64_t written;     /* bytes that ever went into it		*/
	size_t input, waited; /* from the tap: how much it was, and how much is in the guest's ring	*/
	char waiting[CONSOLE_INPUT];
};

static struct line lines[LINES];
static struct console *consoles;
static uint64_t log_shown; /* place in the log up to which line 0 has it */

static int line_up(const struct line *l)
{
	return l && l->page && !l->gone;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void keep(struct console *c, const char *bytes, size_t len)
{
	for (size_t i = 0; c->backlog && i < len; i++)
		c->backlog[c->written++ % BACKLOG] = bytes[i];
}

/* Messages of ours; 1 if there are more than the line takes now. */
static int pump_log(void)
{
	struct line *l = &lines[0];
	uint64_t lost = 0;
	char buf[256];
	int any = 0;

	while (l->connected && log_shown < log_end()) {
		size_t room = console_ring_front_room(l->page), n;

		n = log_read(&log_shown, &lost, buf, least(room, sizeof(buf)));
		if (!n)
			break;
		console_ring_front_put(l->page, buf, n);
		any = 1;
	}
	if (any)
		event_send(l->port);
	return l->connected && log_shown < log_end();
}

/* Guest to line and tap: the guest's ring is the queue. */
static void pump_out(struct console *c)
{
	size_t moved = 0;
	int crowded = 0;
	char buf[256];

	if (c->line == &lines[0] && pump_log())
		return;
	for (;;) {
		size_t room = sizeof(buf), n;

		if (line_up(c->line))
			room = least(room, console_ring_front_room(c->line->page));
		if (c->tap)
			room = least(room, c->tap->room(c->tap_arg));
		crowded |= console_ring_pending(c->page) > sizeof(c->page->out) / 2;
		n = console_ring_read(c->page, buf, room);
		if (!n)
			break;
		keep(c, buf, n);
		if (line_up(c->line))
			console_ring_front_put(c->line->page, buf, n);
		if (c->tap)
			c->tap->put(c->tap_arg, buf, n);
		moved += n;
	}
	if (!moved)
		return;
	if (crowded)
		event_send(c->port);
	if (line_up(c->line))
		event_send(c->line->port);
}

/* What a tap sent and the guest had no room for. */
static void pump_waiting(struct console *c)
{
	size_t n = console_ring_put(c->page, c->waiting + c->waited, c->input - c->waited);

	if (!n)
		return;
	event_send(c->port);
	c->waited += n;
	if (c->waited < c->input)
		return;
	c->input = c->waited = 0;
	if (c->tap)
		c->tap->taken(c->tap_arg);
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
	pump_waiting(c);
	if (line_up(c->line))
		pump_in(c->line);
}

static void line_event(uint32_t port, void *arg)
{
	struct line *l = arg;

	(void)port;
	if (!l->page)
		return;
	if (l->user) {
		l->user();
		return;
	}
	pump_in(l);
	if (l == &lines[0])
		pump_log();
	if (l->console)
		pump_out(l->console);
}

struct console *console_open(struct xencons_interface *page, uint32_t port)
{
	struct console *c = heap_alloc(sizeof(*c));

	if (!c)
		return NULL;
	c->page = page;
	c->port = port;
	c->backlog = page_alloc(BACKLOG / PAGE_SIZE); /* without one it works, too */
	c->next = consoles;
	consoles = c;
	event_handler(port, guest_event, c);
	return c;
}

void console_connect(struct console *c, int n)
{
	c->line = n >= 0 && n < LINES && !lines[n].user ? &lines[n] : NULL;
	if (c->line)
		c->line->console = c;
	pump_out(c);
}

void console_tap(struct console *c, const struct console_tap *tap, void *arg)
{
	c->tap = tap;
	c->tap_arg = arg;
}

size_t console_backlog(const struct console *c, char *buf, size_t size)
{
	uint64_t have = least(least(c->written, BACKLOG), size), at = c->written - have;
	size_t n = 0;

	while (at < c->written)
		buf[n++] = c->backlog[at++ % BACKLOG];
	return n;
}

int console_input(struct console *c, const char *bytes, size_t len)
{
	if (c->input || len > CONSOLE_INPUT)
		return -1;
	memcpy(c->waiting, bytes, len);
	c->input = len;
	pump_waiting(c);
	return c->input ? 1 : 0;
}

void consoles_pump(void)
{
	for (struct console *c = consoles; c; c = c->next)
		if (c->tap)
			pump_out(c);
}

void console_close(struct console *c)
{
	struct console **at = &consoles;

	pump_out(c);
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	if (c->line && c->line->console == c)
		c->line->console = NULL;
	event_close(c->port);
	page_free(c->backlog, BACKLOG / PAGE_SIZE);
	heap_free(c);
}

/* ---- lines ---- */

int console_line_use(unsigned n, void (*user)(void))
{
	if (n >= LINES || !lines[n].page)
		return -1;
	lines[n].user = user;
	return 0;
}

size_t console_line_put(unsigned n, const char *bytes, size_t len)
{
	size_t put = console_ring_front_put(lines[n].page, bytes, len);

	if (put)
		event_send(lines[n].port);
	return put;
}

size_t console_line_take(unsigned n, char *buf, size_t size)
{
	int crowded = console_ring_front_pending(lines[n].page) > sizeof(lines[n].page->in) / 2;
	size_t len = console_ring_front_read(lines[n].page, buf, size);

	if (len && crowded)
		event_send(lines[n].port);
	return len;
}

/* The server's messages: kept, and shown as soon as line 0 has room for them. */
void console_log(const char *text, size_t len)
{
	log_put(text, len);
	if (lines[0].connected)
		pump_log();
	else
		hc_console_write(text, len);
}

void console_flush(void)
{
	uint64_t until = time_ns() + 2000000000;

	for (unsigned i = 0; i < LINES; i++)
		while (line_up(&lines[i]) && (console_ring_pending(lines[i].page) || (!i && pump_log())) &&
		       time_ns() < until)
			event_loop_once(time_ns() + 10000000);
}

/* The driver's state in the store: 4 when it has the ring. */
static void line_watch(uint16_t dom, const char *path, const char *token, void *arg)
{
	struct line *l = arg;

	(void)dom;
	(void)token;
	if (xs_get_uint(path, 0) != 4 || l->connected)
		return;
	l->connected = 1;
	l->gone = 0;
	if (l == &lines[0])
		log_shown = log_end(); /* the kernel has shown what was before */
}

void console_line_lost(unsigned n)
{
	lines[n].connected = 0;
}

void console_line_gone(unsigned n)
{
	struct console *c = lines[n].console;

	lines[n].connected = 0;
	lines[n].gone = !lines[n].user;
	if (c)
		pump_out(c);
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
