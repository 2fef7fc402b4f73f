/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * collect.c - the frames of guise-exec.c from each guest's second console, as lines with a name.
 *
 * Frames: "guise-exec NONCE\n", "o LENGTH\n" bytes, "e LENGTH\n" bytes, "x STATUS\n".
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "guise.h"

#define MAX_GUESTS   16
#define HEAD	     128 /* longest line that begins a frame	*/
#define EXEC_CONSOLE 1

struct stream { /* output or errors: the line that is not complete yet	*/
	char *text;
	size_t len, size;
};

struct source {
	const char *guest;
	char head[HEAD];
	size_t head_len;
	bool begun;  /* the line is guise-exec's	*/
	size_t left; /* bytes of the frame that are to come	*/
	int to;	     /* of which stream	*/
	struct stream stream[2];
	bool ended;
	int status;
};

static struct source sources[MAX_GUESTS];
static int nr_sources;
static const char *nonce_wanted;

static void stream_print(struct source *s, int which)
{
	struct stream *t = &s->stream[which];
	FILE *f = which ? stderr : stdout;

	fprintf(f, "%s| ", s->guest);
	fwrite(t->text, 1, t->len, f);
	fputc('\n', f);
	fflush(f);
	t->len = 0;
}

static void stream_put(struct source *s, int which, char c)
{
	struct stream *t = &s->stream[which];

	if (c == '\n') {
		stream_print(s, which);
		return;
	}
	if (t->len == t->size) {
		t->size = t->size ? 2 * t->size : 256;
		t->text = realloc(t->text, t->size);
		if (!t->text)
			abort();
	}
	t->text[t->len++] = c;
}

static void frame(struct source *s)
{
	char tag, rest[HEAD];
	size_t n;

	s->head[s->head_len] = 0;
	s->head_len = 0;
	if (sscanf(s->head, "guise-exec %127s", rest) == 1 || strstr(s->head, "guise-exec ")) {
		s->begun = strstr(s->head, nonce_wanted) != NULL; /* once more after a reboot */
		return;
	}
	if (!s->begun || sscanf(s->head, "%c %zu", &tag, &n) != 2)
		return;
	if (tag == 'x') {
		s->ended = true;
		s->status = (int)n;
		for (int i = 0; i < 2; i++)
			if (s->stream[i].len)
				stream_print(s, i);
	} else {
		s->left = n;
		s->to = tag == 'e';
	}
}

static void bytes_put(struct source *s, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len && !s->ended; i++) {
		if (s->left) {
			s->left--;
			stream_put(s, s->to, bytes[i]);
		} else if (bytes[i] == '\n') {
			frame(s);
		} else if (s->head_len + 1 < HEAD && bytes[i] != '\r') {
			s->head[s->head_len++] = bytes[i];
		}
	}
}

static void take(struct json_object *o, const char *guest, const char *key)
{
	size_t len;
	char *bytes = guest ? guise_bytes(o, key, &len) : NULL;

	for (int i = 0; bytes && i < nr_sources; i++)
		if (!strcmp(sources[i].guest, guest))
			bytes_put(&sources[i], bytes, len);
	free(bytes);
}

static void event(struct json_object *o, void *arg)
{
	(void)arg;
	if (!strcmp(guise_string(o, "event"), "console") && guise_number(o, "console") == EXEC_CONSOLE)
		take(o, guise_string(o, "guest"), "data");
}

int collect(struct guise *g, const char *nonce, char **guests, int nr)
{
	struct json_object *answer = NULL;
	int ended = 0, status = 0;

	if (nr < 1 || nr > MAX_GUESTS)
		return EXIT_USAGE;
	nonce_wanted = nonce;
	nr_sources = nr;
	for (int i = 0; i < nr; i++)
		sources[i].guest = guests[i];
	guise_on_event(g, event, NULL);
	for (int i = 0; i < nr; i++) {
		struct json_object *o = guise_request_new("console");

		json_object_object_add(o, "guest", json_object_new_string(guests[i]));
		json_object_object_add(o, "console", json_object_new_int(EXEC_CONSOLE));
		answer = guise_call(g, o);
		if (!answer || guise_error(answer))
			return failed(guests[i], answer) + 256;
		take(answer, guests[i], "backlog");
		json_object_put(answer);
	}
	do {
		ended = 0;
		for (int i = 0; i < nr; i++)
			ended += sources[i].ended;
	} while (ended < nr && !guise_receive(g, -1, &answer) && (json_object_put(answer), 1));
	for (int i = 0; i < nr; i++) {
		if (!sources[i].ended)
			return EXIT_MACHINE + 256;
		if (!status)
			status = sources[i].status;
	}
	return status;
}
