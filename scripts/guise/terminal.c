/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * terminal.c - bytes between this terminal and a guest's console.
 *
 * One piece of input is under way at a time: its answer says that the guest has it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "guise.h"
#include "terminal.h"

#define ESCAPE 0x1d /* Ctrl-]	*/
#define PIECE  512

struct session {
	const char *guest;
	int console;
	bool gone;
};

static struct termios before;
static bool raw;
static volatile sig_atomic_t stopped;

static void restore(void)
{
	if (raw)
		tcsetattr(0, TCSADRAIN, &before);
	raw = false;
}

static void stop(int sig)
{
	(void)sig;
	stopped = 1;
}

static void make_raw(void)
{
	struct termios t;

	if (!isatty(0) || tcgetattr(0, &before))
		return;
	t = before;
	cfmakeraw(&t);
	raw = tcsetattr(0, TCSADRAIN, &t) == 0;
	atexit(restore);
}

static void show(struct json_object *o, const char *key)
{
	size_t len, at = 0;
	char *bytes = guise_bytes(o, key, &len);

	while (bytes && at < len) {
		ssize_t n = write(1, bytes + at, len - at);

		if (n < 0 && errno != EINTR && errno != EAGAIN)
			break;
		at += n > 0 ? (size_t)n : 0;
	}
	free(bytes);
}

static void event(struct json_object *o, void *arg)
{
	struct session *s = arg;
	const char *what = guise_string(o, "event"), *guest = guise_string(o, "guest");

	if (!guest || strcmp(guest, s->guest))
		return;
	if (!strcmp(what, "console") && guise_number(o, "console") == s->console)
		show(o, "data");
	else if (!strcmp(what, "gone"))
		s->gone = true;
}

static struct json_object *about(const struct session *s, const char *cmd)
{
	struct json_object *o = guise_request_new(cmd);

	json_object_object_add(o, "guest", json_object_new_string(s->guest));
	json_object_object_add(o, "console", json_object_new_int(s->console));
	return o;
}

/* What is typed, up to Ctrl-].  *len: how much; -1: there will be no more. */
static int typed(char *buf, size_t *len, bool *leave)
{
	ssize_t n = read(0, buf, PIECE);
	char *end = n > 0 && raw ? memchr(buf, ESCAPE, (size_t)n) : NULL;

	if (n <= 0)
		return n < 0 && (errno == EINTR || errno == EAGAIN) ? 0 : -1;
	*leave = end != NULL;
	*len = end ? (size_t)(end - buf) : (size_t)n;
	return 0;
}

/* The piece under way was answered: send it again if earlier input of others was in its way. */
static int answered(const struct session *s, struct json_object *answer)
{
	const char *error = guise_error(answer);

	if (!error)
		return 0;
	if (strstr(error, "still waits")) {
		poll(NULL, 0, 50);
		return 1;
	}
	fprintf(stderr, "%sguise: %s: %s%s", raw ? "\r\n" : "", s->guest, error, raw ? "\r\n" : "\n");
	return 0;
}

static uint64_t send_input(struct guise *g, const struct session *s, const char *bytes, size_t len)
{
	struct json_object *o = about(s, "input");

	json_object_object_add(o, "data", guise_text(bytes, len));
	return guise_send(g, o);
}

static int loop(struct guise *g, struct session *s)
{
	char buf[PIECE];
	size_t len = 0;
	uint64_t sent = 0; /* the piece under way	*/
	bool leave = false, eof = false;

	while (!s->gone && !stopped && (!leave || sent)) {
		struct pollfd p[2] = { { .fd = guise_fd(g), .events = POLLIN },
				       { .fd = sent || leave || eof ? -1 : 0, .events = POLLIN } };
		struct json_object *answer = NULL;

		if (!guise_has_line(g) && poll(p, 2, -1) < 0 && errno != EINTR)
			return EXIT_MACHINE;
		if ((guise_has_line(g) || p[0].revents) && guise_receive(g, 0, &answer))
			return EXIT_MACHINE;
		if (answer && guise_id(answer) == sent)
			sent = answered(s, answer) ? send_input(g, s, buf, len) : 0;
		json_object_put(answer);
		if (!p[1].revents)
			continue;
		len = 0;
		eof = typed(buf, &len, &leave) != 0; /* of a pipe: what the guest says is shown on */
		if (len)
			sent = send_input(g, s, buf, len);
	}
	return 0;
}

int terminal(struct guise *g, const char *guest, int console)
{
	struct session s = { .guest = guest, .console = console };
	struct sigaction act = { .sa_handler = stop };
	struct json_object *o = guise_request_new("events"), *answer;
	char *name;
	int rc;

	guise_on_event(g, event, &s);
	json_object_object_add(o, "on", json_object_new_boolean(1));
	json_object_put(guise_call(g, o));
	answer = guise_call(g, about(&s, "console"));
	if (!answer || guise_error(answer)) {
		rc = failed(guest, answer);
		json_object_put(answer);
		return rc;
	}
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	name = strdup(guise_string(answer, "guest"));
	s.guest = name; /* it may have been a number */
	make_raw();
	if (raw)
		fprintf(stderr, "guise: Ctrl-] leaves the console of %s\r\n", name);
	show(answer, "backlog");
	json_object_put(answer);
	rc = loop(g, &s);
	restore();
	if (isatty(1))
		putchar('\n');
	if (rc)
		rc = failed(name, NULL);
	free(name);
	return rc;
}
