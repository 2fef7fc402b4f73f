/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * qmp.c - a connection for each command: QEMU serves one client at a time, and waiting for the turn is
 * all the locking that this needs.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "../guise/client.h"
#include "loop.h"
#include "qmp.h"

#define SECONDS 120

static FILE *open_at(const char *path, struct error *e)
{
	struct timeval timeout = { .tv_sec = SECONDS };
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(to.sun_path)) {
		error_set(e, ERROR_SYSTEM, "%s: the path is too long", path);
		return NULL;
	}
	strcpy(to.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to))) {
		error_set(e, ERROR_OPERATION_FAILED, "QEMU cannot be asked: %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	return fdopen(fd, "r");
}

/* The next object that is no event. */
static struct json_object *receive(FILE *f, struct error *e)
{
	struct json_object *o;
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, f) > 0) {
		o = json_tokener_parse(line);
		if (o && !json_object_object_get_ex(o, "event", NULL)) {
			free(line);
			return o;
		}
		json_object_put(o);
	}
	free(line);
	error_set(e, ERROR_OPERATION_FAILED, "QEMU does not answer");
	return NULL;
}

/* What it returns; arguments are given away. */
static struct json_object *execute(FILE *f, const char *command, struct json_object *arguments, struct error *e)
{
	struct json_object *request = json_object_new_object(), *o, *result = NULL;

	json_object_object_add(request, "execute", json_object_new_string(command));
	if (arguments)
		json_object_object_add(request, "arguments", arguments);
	dprintf(fileno(f), "%s\n", json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN));
	json_object_put(request);
	o = receive(f, e);
	if (!o)
		return NULL;
	if (json_object_object_get_ex(o, "return", &result)) {
		json_object_get(result);
	} else {
		struct json_object *error;
		const char *text = json_object_object_get_ex(o, "error", &error) ? guise_string(error, "desc") : NULL;

		error_set(e, ERROR_OPERATION_FAILED, "QEMU: %s: %s", command, text ? text : "it failed");
	}
	json_object_put(o);
	return result;
}

/* Its greeting, and the answer to our own. */
static bool greet(FILE *f, struct error *e)
{
	struct json_object *greeting = receive(f, e),
			   *ready = greeting ? execute(f, "qmp_capabilities", NULL, e) : NULL;

	json_object_put(greeting);
	json_object_put(ready);
	return !e->code;
}

struct json_object *qmp(const char *path, const char *command, struct json_object *arguments, struct error *e)
{
	struct json_object *result = NULL;
	FILE *f;

	lock_give();
	f = open_at(path, e);
	if (f && greet(f, e))
		result = execute(f, command, arguments, e);
	else
		json_object_put(arguments);
	if (f)
		fclose(f);
	lock_take();
	return result;
}

int qmp_do(const char *path, const char *command, struct json_object *arguments, struct error *e)
{
	struct json_object *o = qmp(path, command, arguments, e);

	json_object_put(o);
	return o ? 0 : -1;
}
