/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * broker.c - many clients on one control channel.
 *
 * QEMU's end of the serial line serves one client: this process.  It gives each request a number of its
 * own and the answer back to whom it belongs, events to those who asked for them, and a console's output
 * to those who are attached.  A client that does not read is not read from; events that pile up for it
 * are dropped.  It ends with QEMU.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "broker.h"
#include "client.h"

#define CLIENTS	   64
#define PENDING	   256	     /* requests without an answer		*/
#define ATTACHED   32	     /* consoles of one client		*/
#define REQUEST	   16000     /* bytes, what the server takes	*/
#define CROWDED	   (1 << 18) /* bytes for a client that does not read */
#define LINE	   (1 << 20)
#define CONNECT_MS 30000

struct buffer {
	char *data;
	size_t at, len, size; /* [at, len) is waiting	*/
};

struct attachment {
	char guest[64];
	int64_t console;
};

struct client {
	int fd; /* -1: nobody	*/
	struct buffer in, out;
	bool events;
	struct attachment attached[ATTACHED];
	unsigned nr_attached;
};

struct pending {
	uint64_t id; /* ours, 0: free	*/
	int client;  /* -1: we ourselves, or it has gone	*/
	struct json_object *its_id;
	bool attach; /* on success the client is attached	*/
};

static int up = -1; /* to QEMU */
static struct buffer up_in, up_out;
static bool ready; /* the server has answered */
static struct client clients[CLIENTS];
static struct pending pendings[PENDING];
static uint64_t last_id;
static volatile sig_atomic_t stopped;

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- buffers ---- */

static size_t waiting(const struct buffer *b)
{
	return b->len - b->at;
}

static bool grow(struct buffer *b, size_t more)
{
	if (b->at) {
		memmove(b->data, b->data + b->at, waiting(b));
		b->len -= b->at;
		b->at = 0;
	}
	if (b->size - b->len < more) {
		size_t size = (b->len + more) * 2;
		char *data = realloc(b->data, size);

		if (!data)
			return false;
		b->data = data;
		b->size = size;
	}
	return true;
}

static void put(struct buffer *b, const char *text, size_t len)
{
	if (grow(b, len)) {
		memcpy(b->data + b->len, text, len);
		b->len += len;
	}
}

static void put_json(struct buffer *b, struct json_object *o)
{
	const char *text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

	put(b, text, strlen(text));
	put(b, "\n", 1);
}

/* Write what the other side takes: false when it is gone. */
static bool drain(int fd, struct buffer *b)
{
	while (waiting(b)) {
		ssize_t n = write(fd, b->data + b->at, waiting(b));

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		b->at += (size_t)n;
	}
	return true;
}

/* Read what is there: false at the end. */
static bool suck(int fd, struct buffer *b)
{
	ssize_t n;

	if (!grow(b, 8192))
		return false;
	n = read(fd, b->data + b->len, 8192);
	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	b->len += (size_t)n;
	return true;
}

/* The next line, with its end cut off, or NULL. */
static char *line(struct buffer *b)
{
	char *text = b->data + b->at, *end = waiting(b) ? memchr(text, '\n', waiting(b)) : NULL;

	if (!end)
		return NULL;
	*end = 0;
	b->at += (size_t)(end - text) + 1;
	return text;
}

static void buffer_free(struct buffer *b)
{
	free(b->data);
	*b = (struct buffer){ 0 };
}

/* ---- to the server ---- */

static struct pending *pending_new(int client)
{
	for (unsigned i = 0; i < PENDING; i++) {
		if (pendings[i].id)
			continue;
		pendings[i] = (struct pending){ .id = ++last_id, .client = client };
		return &pendings[i];
	}
	return NULL;
}

/* A request of our own, whose answer does not matter. */
static void request_own(struct json_object *o)
{
	struct pending *p = pending_new(-1);

	if (p) {
		json_object_object_add(o, "id", json_object_new_int64((int64_t)p->id));
		put_json(&up_out, o);
	}
	json_object_put(o);
}

static void hello(void)
{
	struct json_object *o = guise_request_new("hello");

	put(&up_out, "\n", 1); /* ends whatever somebody left on the line */
	request_own(o);
}

static void events_on(void)
{
	struct json_object *o = guise_request_new("events");

	json_object_object_add(o, "on", json_object_new_boolean(1));
	request_own(o);
}

/* ---- consoles ---- */

static struct attachment *attachment(struct client *c, const char *guest, int64_t console)
{
	for (unsigned i = 0; i < c->nr_attached; i++)
		if (!strcmp(c->attached[i].guest, guest) && c->attached[i].console == console)
			return &c->attached[i];
	return NULL;
}

static void attach(struct client *c, struct json_object *answer)
{
	const char *guest = guise_string(answer, "guest");
	int64_t console = guise_number(answer, "console");

	if (!guest || attachment(c, guest, console) || c->nr_attached == ATTACHED)
		return;
	c->attached[c->nr_attached].console = console;
	snprintf(c->attached[c->nr_attached++].guest, sizeof(c->attached[0].guest), "%s", guest);
}

static bool somebody_attached(const char *guest, int64_t console)
{
	for (unsigned i = 0; i < CLIENTS; i++)
		if (clients[i].fd >= 0 && attachment(&clients[i], guest, console))
			return true;
	return false;
}

/* The last who watches a console tells the server. */
static void detach(struct client *c, struct attachment *a)
{
	struct attachment old = *a;
	struct json_object *o;

	*a = c->attached[--c->nr_attached];
	if (somebody_attached(old.guest, old.console))
		return;
	o = guise_request_new("detach");
	json_object_object_add(o, "guest", json_object_new_string(old.guest));
	json_object_object_add(o, "console", json_object_new_int64(old.console));
	request_own(o);
}

/* ---- clients ---- */

static void client_close(struct client *c)
{
	int nr = (int)(c - clients);

	while (c->nr_attached)
		detach(c, &c->attached[0]);
	for (unsigned i = 0; i < PENDING; i++)
		if (pendings[i].id && pendings[i].client == nr)
			pendings[i].client = -1;
	close(c->fd);
	buffer_free(&c->in);
	buffer_free(&c->out);
	*c = (struct client){ .fd = -1 };
}

static void answer(struct client *c, struct json_object *id, const char *error)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "id", json_object_get(id));
	json_object_object_add(o, error ? "error" : "ok",
			       error ? json_object_new_string(error) : json_object_new_boolean(1));
	put_json(&c->out, o);
	json_object_put(o);
}

static void client_request(struct client *c, char *text)
{
	struct json_object *o = json_tokener_parse(text), *id = NULL, *on;
	const char *cmd, *error = NULL, *guest;
	struct attachment *a;
	struct pending *p;
	size_t len;

	if (!o || !json_object_is_type(o, json_type_object)) {
		answer(c, NULL, "this is no JSON object");
		json_object_put(o);
		return;
	}
	json_object_object_get_ex(o, "id", &id);
	json_object_get(id);
	cmd = guise_string(o, "cmd");
	guest = guise_string(o, "guest");
	if (cmd && !strcmp(cmd, "events")) {
		c->events = json_object_object_get_ex(o, "on", &on) && json_object_get_boolean(on);
		answer(c, id, NULL);
		goto out;
	}
	a = cmd && guest && !strcmp(cmd, "detach") ? attachment(c, guest, guise_number(o, "console")) : NULL;
	if (a) {
		detach(c, a);
		answer(c, id, NULL);
		goto out;
	}
	p = pending_new((int)(c - clients));
	if (!p) {
		answer(c, id, "too many requests wait for their answers");
		goto out;
	}
	json_object_object_add(o, "id", json_object_new_int64((int64_t)p->id));
	json_object_to_json_string_length(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
	if (len > REQUEST) {
		error = "the request is too long";
		answer(c, id, error);
		p->id = 0;
		goto out;
	}
	p->its_id = json_object_get(id);
	p->attach = cmd && !strcmp(cmd, "console");
	put_json(&up_out, o);
out:
	json_object_put(id);
	json_object_put(o);
}

/* ---- from the server ---- */

static void server_event(const char *event, struct json_object *o, const char *text)
{
	bool console = !strcmp(event, "console");
	const char *guest = guise_string(o, "guest");

	for (unsigned i = 0; i < CLIENTS; i++) {
		struct client *c = &clients[i];

		if (c->fd < 0 || waiting(&c->out) > CROWDED)
			continue;
		if (console ? !guest || !attachment(c, guest, guise_number(o, "console")) : !c->events)
			continue;
		put(&c->out, text, strlen(text));
		put(&c->out, "\n", 1);
	}
}

static void server_answer(struct json_object *o)
{
	uint64_t id = guise_id(o);
	struct pending *p = pendings;

	while (p < pendings + PENDING && (!id || p->id != id))
		p++;
	if (p == pendings + PENDING)
		return;
	if (p->client >= 0) {
		struct client *c = &clients[p->client];

		if (p->attach && !guise_error(o))
			attach(c, o);
		json_object_object_add(o, "id", p->its_id);
		put_json(&c->out, o);
	} else {
		json_object_put(p->its_id);
		if (!ready && guise_string(o, "server")) {
			ready = true;
			events_on();
		} else if (p->attach && guise_string(o, "guest") &&
			   !somebody_attached(guise_string(o, "guest"), guise_number(o, "console"))) {
			struct json_object *off = guise_request_new("detach");

			json_object_object_add(off, "guest", json_object_new_string(guise_string(o, "guest")));
			json_object_object_add(off, "console", json_object_new_int64(guise_number(o, "console")));
			request_own(off);
		}
	}
	p->id = 0;
	p->its_id = NULL;
}

static void server_line(char *text)
{
	struct json_object *o = json_tokener_parse(text);
	const char *event = o ? guise_string(o, "event") : NULL;

	if (!o || !json_object_is_type(o, json_type_object)) {
		json_object_put(o);
		return;
	}
	if (event)
		server_event(event, o, text);
	else
		server_answer(o);
	json_object_put(o);
}

/* ---- sockets ---- */

static int address(struct sockaddr_un *a, const char *path)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(a->sun_path)) {
		fprintf(stderr, "guise: %s: the path is too long\n", path);
		return -1;
	}
	memcpy(a->sun_path, path, strlen(path) + 1);
	return 0;
}

/* HOST:PORT. */
static int connect_tcp(const char *at)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
	const char *colon = strrchr(at, ':');
	char host[256];
	int fd = -1, rc;

	if (!colon || (size_t)(colon - at) >= sizeof(host)) {
		fprintf(stderr, "guise: tcp:%s: tcp:HOST:PORT is wanted\n", at);
		return -1;
	}
	snprintf(host, sizeof(host), "%.*s", (int)(colon - at), at);
	rc = getaddrinfo(host, colon + 1, &hints, &list);
	for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen)) {
			close(fd);
			fd = -1;
		}
	}
	if (fd < 0)
		fprintf(stderr, "guise: tcp:%s: %s\n", at, rc ? gai_strerror(rc) : strerror(errno));
	freeaddrinfo(list);
	return fd;
}

/* A serial line of this host: bytes as they are, 115200 a second if it is a real one. */
static int open_line(const char *path)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios t;

	if (fd < 0 || tcgetattr(fd, &t)) {
		fprintf(stderr, "guise: %s: %s\n", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	cfmakeraw(&t);
	cfsetspeed(&t, B115200);
	t.c_cflag |= CLOCAL;
	tcsetattr(fd, TCSANOW, &t);
	return fd;
}

/* A socket of QEMU's, which may not have made it yet; tcp:HOST:PORT; or a serial line. */
static int connect_up(const char *path)
{
	struct stat st;
	uint64_t until = now_ms() + CONNECT_MS;
	struct sockaddr_un to;
	int fd;

	if (!strncmp(path, "tcp:", 4))
		return connect_tcp(path + 4);
	if (!stat(path, &st) && S_ISCHR(st.st_mode))
		return open_line(path);
	if (address(&to, path))
		return -1;
	while (!stopped) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd >= 0 && !connect(fd, (struct sockaddr *)&to, sizeof(to)))
			return fd;
		if (fd >= 0)
			close(fd);
		if ((errno != ENOENT && errno != ECONNREFUSED) || now_ms() > until) {
			fprintf(stderr, "guise: %s: %s\n", path, strerror(errno));
			return -1;
		}
		poll(NULL, 0, 50);
	}
	return -1;
}

/* A socket that nobody serves any more is replaced. */
static int listen_at(const char *path)
{
	struct sockaddr_un at;
	char error[128];
	struct guise *other;
	int fd;

	if (address(&at, path))
		return -1;
	other = guise_open(path, error, sizeof(error));
	if (other) {
		guise_close(other);
		fprintf(stderr, "guise: %s: another machine has this name\n", path);
		return -1;
	}
	unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	umask(077);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 16)) {
		fprintf(stderr, "guise: %s: %s\n", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

static void client_accept(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	unsigned i = 0;

	if (fd < 0)
		return;
	while (i < CLIENTS && clients[i].fd >= 0)
		i++;
	if (i == CLIENTS)
		close(fd);
	else
		clients[i] = (struct client){ .fd = fd };
}

/* Requests of a client, as long as somebody can take them and their answers. */
static bool client_read(struct client *c)
{
	char *text;

	if (!suck(c->fd, &c->in))
		return false;
	while ((text = line(&c->in)))
		if (*text)
			client_request(c, text);
	return waiting(&c->in) < LINE;
}

static void client_serve(struct client *c, short events)
{
	if ((events & (POLLIN | POLLHUP | POLLERR) && !client_read(c)) || !drain(c->fd, &c->out))
		client_close(c);
}

static void serve(int listener)
{
	struct pollfd p[CLIENTS + 2];
	uint64_t again = 0;

	while (!stopped) {
		char *text;
		int nr;

		if (!ready && now_ms() >= again) { /* it may have been lost while the machine started */
			hello();
			again = now_ms() + 1000;
		}
		p[0] = (struct pollfd){ .fd = up, .events = (short)(POLLIN | (waiting(&up_out) ? POLLOUT : 0)) };
		p[1] = (struct pollfd){ .fd = listener, .events = POLLIN };
		for (unsigned i = 0; i < CLIENTS; i++) {
			struct client *c = &clients[i];
			bool listen = ready && waiting(&c->out) < CROWDED && waiting(&up_out) < CROWDED;

			p[i + 2] = (struct pollfd){
				.fd = c->fd,
				.events = (short)((listen ? POLLIN : 0) | (waiting(&c->out) ? POLLOUT : 0)),
			};
		}
		nr = poll(p, CLIENTS + 2, ready ? -1 : 1000);
		if (nr < 0 && errno != EINTR)
			return;
		if (p[0].revents & (POLLIN | POLLHUP | POLLERR) && !suck(up, &up_in))
			return;
		while ((text = line(&up_in)))
			server_line(text);
		if (waiting(&up_in) > LINE || !drain(up, &up_out))
			return;
		if (p[1].revents & POLLIN)
			client_accept(listener);
		for (unsigned i = 0; i < CLIENTS; i++)
			if (clients[i].fd >= 0 && p[i + 2].fd == clients[i].fd)
				client_serve(&clients[i], p[i + 2].revents);
	}
}

static void stop(int sig)
{
	(void)sig;
	stopped = 1;
}

int broker(const char *qemu, const char *path)
{
	struct sigaction act = { .sa_handler = stop };
	int listener;

	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
	for (unsigned i = 0; i < CLIENTS; i++)
		clients[i].fd = -1;
	listener = listen_at(path);
	if (listener < 0)
		return 1;
	signal(SIGPIPE, SIG_IGN);
	up = connect_up(qemu);
	if (up >= 0) {
		fcntl(up, F_SETFL, O_NONBLOCK);
		serve(listener);
	}
	for (unsigned i = 0; i < PENDING; i++)
		if (pendings[i].id && pendings[i].client >= 0)
			answer(&clients[pendings[i].client], pendings[i].its_id, "the machine has ended");
	for (unsigned i = 0; i < CLIENTS; i++)
		if (clients[i].fd >= 0)
			drain(clients[i].fd, &clients[i].out);
	unlink(path);
	return up >= 0 ? 0 : 1;
}
