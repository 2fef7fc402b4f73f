/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control.c - the host's line to this server.
 *
 * Everything to the host goes through one queue.  A request is read only when the largest answer fits
 * beside the answers that are still owed, so no answer is lost and a host that does not read waits for
 * itself.  Events leave that room alone: console output stays in the guest's ring until there is more,
 * the log in its own, and other events are dropped and counted.
 */
#include <runtime/string.h>

#include "console.h"
#include "control.h"
#include "log.h"

#define LINE_MAX   16384 /* bytes of a request			*/
#define REPLY_MAX  32768 /* bytes of an answer			*/
#define LATER_MAX  64	 /* requests that wait for theirs	*/
#define ANSWER_MAX 512	 /* bytes of such an answer		*/
#define EVENT_MAX  4096
#define RESERVE	   (REPLY_MAX + LATER_MAX * ANSWER_MAX)
#define QUEUE	   (128 * 1024)
#define TABLES	   8
#define CONSOLE	   256 /* bytes of output in one event		*/

const char CONTROL_LATER[] = "later";

static struct {
	const struct control_command *commands;
	unsigned nr;
} tables[TABLES];
static unsigned nr_tables;

static unsigned line;
static int opened, listening; /* listening: the host wants events	*/
static char in[LINE_MAX];
static size_t in_len;
static int too_long; /* the rest of the line is skipped		*/
static char queue[QUEUE];
static size_t queue_at, queue_len;
static uint64_t request_id; /* of the request that runs, plus 1	*/
static unsigned owed;	    /* answers that are to come		*/
static uint64_t lost_events, log_at;

static size_t room(void)
{
	return QUEUE - queue_len;
}

static void flush(void)
{
	while (queue_len) {
		size_t run = QUEUE - queue_at < queue_len ? QUEUE - queue_at : queue_len;
		size_t n = console_line_put(line, queue + queue_at, run);

		if (!n)
			return;
		queue_at = (queue_at + n) % QUEUE;
		queue_len -= n;
	}
}

/* There is room for it. */
static void enqueue(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		queue[(queue_at + queue_len++) % QUEUE] = text[i];
}

static void send(struct json_out *o)
{
	json_close(o, '}');
	enqueue(o->buf, o->len);
	enqueue("\n", 1);
}

static void refuse(uint64_t id, const char *error)
{
	char buf[ANSWER_MAX - 1];
	struct json_out o;

	json_begin(&o, buf, sizeof(buf) - 1);
	json_open(&o, NULL, '{');
	if (id)
		json_put_number(&o, "id", (int64_t)id - 1);
	json_put_bytes(&o, "error", error, strnlen(error, ANSWER_MAX / 2));
	if (o.overflow) { /* by escapes */
		refuse(id, "it failed, and the reason cannot be told");
		return;
	}
	send(&o);
}

/* ---- requests ---- */

static const char *events(const struct json *request, struct json_out *reply)
{
	(void)reply;
	listening = json_true(request, "on");
	log_at = log_end();
	return NULL;
}

static const char *hello(const struct json *request, struct json_out *reply)
{
	(void)request;
	json_put_string(reply, "server", "guise");
	json_put_number(reply, "protocol", 1);
	return NULL;
}

/* From a place on; without one, all that is kept. */
static const char *log_text(const struct json *request, struct json_out *reply)
{
	char text[2048];
	uint64_t at = 0, lost = 0;
	int64_t from;
	size_t n;

	if (json_number(request, "from", 0, INT64_MAX, &from) == 0)
		at = (uint64_t)from;
	n = log_read(&at, &lost, text, sizeof(text));
	json_put_bytes(reply, "text", text, n);
	json_put_number(reply, "next", (int64_t)at);
	json_put_number(reply, "end", (int64_t)log_end());
	if (lost && json_has(request, "from"))
		json_put_number(reply, "lost", (int64_t)lost);
	return NULL;
}

static const struct control_command own[] = { { "hello", hello }, { "events", events }, { "log", log_text } };

static control_fn command(const char *name)
{
	for (unsigned t = 0; t < nr_tables; t++)
		for (unsigned i = 0; i < tables[t].nr; i++)
			if (!strcmp(tables[t].commands[i].name, name))
				return tables[t].commands[i].run;
	return NULL;
}

static void request(char *text, size_t len)
{
	static struct json json;
	static char buf[REPLY_MAX - 1];
	struct json_out reply;
	const char *error = json_parse(&json, text, len), *name;
	control_fn run;
	int64_t id;

	request_id = 0;
	if (!error && json_number(&json, "id", 0, INT64_MAX - 1, &id))
		error = "'id' is missing, or is no whole number of 0 or more";
	if (error) {
		refuse(0, error);
		return;
	}
	request_id = (uint64_t)id + 1;
	name = json_string(&json, "cmd", NULL);
	run = name ? command(name) : NULL;
	if (!run) {
		refuse(request_id, name ? "there is no such command" : "'cmd' is missing");
		return;
	}
	json_begin(&reply, buf, sizeof(buf) - 1);
	json_open(&reply, NULL, '{');
	json_put_number(&reply, "id", id);
	json_put_bool(&reply, "ok", 1);
	error = owed < LATER_MAX ? run(&json, &reply) : "too many requests wait for their answers";
	if (error == CONTROL_LATER)
		return;
	if (!error && reply.overflow)
		error = "the answer is too long";
	if (error)
		refuse(request_id, error);
	else
		send(&reply);
}

/* One line of input, if a whole one is there: 1. */
static int receive(void)
{
	char c;

	while (console_line_take(line, &c, 1)) {
		if (c == '\n') {
			size_t len = in_len;

			in_len = 0;
			if (too_long)
				refuse(0, "the line is too long");
			else if (len)
				request(in, len);
			too_long = 0;
			return 1;
		}
		if (in_len == LINE_MAX)
			too_long = 1;
		else if (c != '\r')
			in[in_len++] = c;
	}
	return 0;
}

uint64_t control_later(void)
{
	owed++;
	return request_id;
}

void control_answer(uint64_t id, const char *error, unsigned domid)
{
	char buf[ANSWER_MAX - 1];
	struct json_out o;

	owed--;
	if (error) {
		refuse(id, error);
		return;
	}
	json_begin(&o, buf, sizeof(buf) - 1);
	json_open(&o, NULL, '{');
	json_put_number(&o, "id", (int64_t)id - 1);
	json_put_bool(&o, "ok", 1);
	if (domid)
		json_put_number(&o, "domid", domid);
	send(&o);
}

/* ---- events ---- */

static char event_buf[EVENT_MAX - 1];

static void event_begin(struct json_out *o, const char *event)
{
	json_begin(o, event_buf, sizeof(event_buf) - 1);
	json_open(o, NULL, '{');
	json_put_string(o, "event", event);
}

static void event_guest(struct json_out *o, const char *guest, unsigned domid)
{
	if (guest)
		json_put_string(o, "guest", guest);
	if (domid)
		json_put_number(o, "domid", domid);
}

void control_event(const char *event, const char *guest, unsigned domid, const char *text)
{
	struct json_out o;

	if (!opened || !listening)
		return;
	if (room() < RESERVE + EVENT_MAX) {
		lost_events++;
		return;
	}
	event_begin(&o, event);
	event_guest(&o, guest, domid);
	if (text)
		json_put_bytes(&o, "text", text, strnlen(text, 256));
	send(&o);
}

size_t control_console_room(void)
{
	return room() < RESERVE + 2 * EVENT_MAX ? 0 : CONSOLE;
}

void control_console(const char *guest, unsigned domid, unsigned console, const char *bytes, size_t len)
{
	struct json_out o;

	event_begin(&o, "console");
	event_guest(&o, guest, domid);
	json_put_number(&o, "console", console);
	json_put_bytes(&o, "data", bytes, len);
	send(&o);
}

/* What the log has got since, and how many events were dropped. */
static void report(void)
{
	struct json_out o;
	char text[512];
	size_t n;

	while (listening && log_at < log_end() && room() >= RESERVE + 2 * EVENT_MAX) {
		n = log_read(&log_at, &lost_events, text, sizeof(text));
		event_begin(&o, "log");
		json_put_number(&o, "at", (int64_t)(log_at - n));
		json_put_bytes(&o, "text", text, n);
		send(&o);
	}
	if (listening && lost_events && room() >= RESERVE + 2 * EVENT_MAX) {
		event_begin(&o, "lost");
		json_put_number(&o, "events", (int64_t)lost_events);
		send(&o);
		lost_events = 0;
	}
}

/* ---- */

void control_register(const struct control_command *commands, unsigned nr)
{
	if (nr_tables < TABLES)
		tables[nr_tables++] = (typeof(tables[0])){ commands, nr };
}

static void woken(void)
{
	/* control_work() follows each event. */
}

int control_open(unsigned n)
{
	if (console_line_use(n, woken))
		return -1;
	line = n;
	opened = 1;
	control_register(own, sizeof(own) / sizeof(own[0]));
	return 0;
}

int control_work(void)
{
	int served = 0;

	if (!opened)
		return 0;
	flush();
	while (room() >= RESERVE && receive())
		served = 1;
	consoles_pump();
	report();
	flush();
	return served;
}
