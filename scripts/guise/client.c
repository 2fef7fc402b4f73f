/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client.c - lines of JSON over a unix socket.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "client.h"

#define LINE_MAX (1 << 20)

struct guise {
	int fd;
	uint64_t last_id;
	char *buf; /* what came and was not taken: [at, len)	*/
	size_t at, len, size;
	guise_event_fn event;
	void *event_arg;
};

__attribute__((format(printf, 3, 4))) static int fail(char *error, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, size, fmt, ap);
	va_end(ap);
	return -1;
}

/* ---- which machine ---- */

const char *guise_directory(bool make, char *error, size_t size)
{
	const char *run = getenv("XDG_RUNTIME_DIR");
	static char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct stat st;
	int n;

	if (run && *run == '/')
		n = snprintf(path, sizeof(path), "%s/guise", run);
	else
		n = snprintf(path, sizeof(path), "/tmp/guise-%u", getuid());
	if (n >= (int)sizeof(path)) {
		fail(error, size, "XDG_RUNTIME_DIR is too long a path");
		return NULL;
	}
	if (make && mkdir(path, 0700) && errno != EEXIST) {
		fail(error, size, "%s: %s", path, strerror(errno));
		return NULL;
	}
	if (lstat(path, &st)) {
		fail(error, size, "no machine runs");
		return NULL;
	}
	if (!S_ISDIR(st.st_mode) || st.st_uid != getuid() || st.st_mode & 022) {
		fail(error, size, "%s is not a directory of yours alone", path);
		return NULL;
	}
	return path;
}

static int answers(const char *path)
{
	char error[8];
	struct guise *g = guise_open(path, error, sizeof(error));

	if (g)
		guise_close(g);
	return g != NULL;
}

/* The only socket in dir that somebody serves. */
static int only_one(const char *dir, char *path, size_t path_size, char *error, size_t size)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char names[200] = "";
	unsigned nr = 0;
	size_t len = 0;

	if (!d)
		return fail(error, size, "%s: %s", dir, strerror(errno));
	while ((e = readdir(d))) {
		char *dot = strrchr(e->d_name, '.');
		char candidate[512];

		if (!dot || dot == e->d_name || strcmp(dot, ".sock"))
			continue;
		snprintf(candidate, sizeof(candidate), "%s/%s", dir, e->d_name);
		if (!answers(candidate))
			continue;
		*dot = 0;
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", nr++ ? ", " : "", e->d_name);
		if (len >= sizeof(names))
			len = sizeof(names) - 1;
		snprintf(path, path_size, "%s", candidate);
	}
	closedir(d);
	if (nr == 1)
		return 0;
	return nr ? fail(error, size, "several machines run, name one with -m: %s", names) :
		    fail(error, size, "no machine runs");
}

int guise_socket(const char *name, char *path, size_t path_size, char *error, size_t size)
{
	const char *dir = guise_directory(false, error, size);

	if (!dir)
		return -1;
	if (!name)
		return only_one(dir, path, path_size, error, size);
	if (!*name || strchr(name, '/') || (size_t)snprintf(path, path_size, "%s/%s.sock", dir, name) >= path_size)
		return fail(error, size, "'%s' is no name of a machine", name);
	return 0;
}

struct guise *guise_open(const char *path, char *error, size_t size)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct guise *g;
	int fd;

	if (strlen(path) >= sizeof(to.sun_path)) {
		fail(error, size, "%s: the path is too long", path);
		return NULL;
	}
	memcpy(to.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to))) {
		fail(error, size, "%s: %s", path, errno == ENOENT ? "no such machine" : strerror(errno));
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	g = calloc(1, sizeof(*g));
	if (!g) {
		close(fd);
		fail(error, size, "out of memory");
		return NULL;
	}
	g->fd = fd;
	return g;
}

void guise_close(struct guise *g)
{
	close(g->fd);
	free(g->buf);
	free(g);
}

int guise_fd(const struct guise *g)
{
	return g->fd;
}

void guise_on_event(struct guise *g, guise_event_fn fn, void *arg)
{
	g->event = fn;
	g->event_arg = arg;
}

/* ---- lines ---- */

struct json_object *guise_request_new(const char *cmd)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "cmd", json_object_new_string(cmd));
	return o;
}

uint64_t guise_send(struct guise *g, struct json_object *request)
{
	uint64_t id = ++g->last_id;
	const char *text;
	size_t len, at = 0;

	json_object_object_add(request, "id", json_object_new_int64((int64_t)id));
	text = json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	len = strlen(text);
	while (at <= len) { /* the newline, too */
		ssize_t n = at < len ? send(g->fd, text + at, len - at, MSG_NOSIGNAL) :
				       send(g->fd, "\n", 1, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			id = 0;
			break;
		}
		at += (size_t)n;
	}
	json_object_put(request);
	return id;
}

bool guise_has_line(const struct guise *g)
{
	return g->len > g->at && memchr(g->buf + g->at, '\n', g->len - g->at);
}

/* More bytes into the buffer: 1, 0: none came in time, -1: no more will. */
static int fill(struct guise *g, int timeout_ms)
{
	struct pollfd p = { .fd = g->fd, .events = POLLIN };
	int ready = poll(&p, 1, timeout_ms);
	ssize_t n;

	if (ready <= 0)
		return ready && errno != EINTR ? -1 : 0;
	if (g->at) {
		memmove(g->buf, g->buf + g->at, g->len - g->at);
		g->len -= g->at;
		g->at = 0;
	}
	if (g->len == g->size) {
		size_t size = g->size ? g->size * 2 : 8192;
		char *more = size > LINE_MAX ? NULL : realloc(g->buf, size);

		if (!more)
			return -1;
		g->buf = more;
		g->size = size;
	}
	n = recv(g->fd, g->buf + g->len, g->size - g->len, 0);
	if (n <= 0)
		return n && (errno == EINTR || errno == EAGAIN) ? 0 : -1;
	g->len += (size_t)n;
	return 1;
}

int guise_receive(struct guise *g, int timeout_ms, struct json_object **answer)
{
	*answer = NULL;
	while (!guise_has_line(g)) {
		int rc = fill(g, timeout_ms);

		if (rc <= 0)
			return rc;
	}
	while (!*answer && guise_has_line(g)) {
		char *text = g->buf + g->at, *end = memchr(text, '\n', g->len - g->at);
		struct json_object *o;

		*end = 0;
		g->at += (size_t)(end - text) + 1;
		o = json_tokener_parse(text);
		if (o && json_object_object_get_ex(o, "event", NULL)) {
			if (g->event)
				g->event(o, g->event_arg);
			json_object_put(o);
		} else {
			*answer = o;
		}
	}
	return 0;
}

struct json_object *guise_call(struct guise *g, struct json_object *request)
{
	uint64_t id = guise_send(g, request);
	struct json_object *answer;

	while (id && !guise_receive(g, -1, &answer)) {
		if (answer && guise_id(answer) == id)
			return answer;
		json_object_put(answer);
	}
	return NULL;
}

/* ---- members ---- */

uint64_t guise_id(struct json_object *answer)
{
	return (uint64_t)guise_number(answer, "id");
}

const char *guise_string(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) && json_object_is_type(v, json_type_string) ?
		       json_object_get_string(v) :
		       NULL;
}

int64_t guise_number(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) ? json_object_get_int64(v) : 0;
}

const char *guise_error(struct json_object *answer)
{
	return guise_string(answer, "error");
}

struct json_object *guise_text(const char *bytes, size_t len)
{
	char *utf8 = malloc(2 * len + 1);
	struct json_object *o;
	size_t n = 0;

	for (size_t i = 0; utf8 && i < len; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c >= 128)
			utf8[n++] = (char)(0xc0 | c >> 6);
		utf8[n++] = (char)(c < 128 ? c : 0x80 | (c & 0x3f));
	}
	o = utf8 ? json_object_new_string_len(utf8, (int)n) : NULL;
	free(utf8);
	return o;
}

char *guise_bytes(struct json_object *o, const char *key, size_t *len)
{
	struct json_object *v;
	const unsigned char *utf8;
	size_t size, n = 0;
	char *bytes;

	if (!json_object_object_get_ex(o, key, &v) || !json_object_is_type(v, json_type_string))
		return NULL;
	utf8 = (const unsigned char *)json_object_get_string(v);
	size = (size_t)json_object_get_string_len(v);
	bytes = malloc(size + 1);
	for (size_t i = 0; bytes && i < size; i++) {
		if ((utf8[i] & 0xfc) == 0xc0 && i + 1 < size) {
			bytes[n++] = (char)((utf8[i] & 3) << 6 | (utf8[i + 1] & 0x3f));
			i++;
		} else {
			bytes[n++] = (char)utf8[i];
		}
	}
	if (bytes)
		bytes[n] = 0;
	*len = n;
	return bytes;
}
