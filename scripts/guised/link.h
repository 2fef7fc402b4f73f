/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link.h - the machine's control channel (docs/control.md), through its broker's socket.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#include "error.h"

struct link_handlers {
	void (*event)(struct json_object *event);
	void (*gone)(void); /* the machine has ended	*/
};

/* Connect, and have events sent.  Does not wait. */
int link_open(const char *path, const struct link_handlers *handlers, struct error *e);
bool link_up(void);
/* End it without calling gone(). */
void link_close(void);

/* A request; its members are added by the caller with json-c. */
struct json_object *link_request(const char *cmd);
/* The same, about a guest. */
struct json_object *link_about(const char *cmd, const char *guest);
/* Send it (it is freed) and wait for its answer, in a worker.  NULL: an error is kept. */
struct json_object *link_call(struct json_object *request, int ms, struct error *e);
/* The same where only success counts. */
int link_do(struct json_object *request, int ms, struct error *e);
/* Send it; fn(arg) is called with the answer, or with NULL when the machine has ended.  fn may be NULL. */
int link_send(struct json_object *request, void (*fn)(unsigned arg, struct json_object *answer), unsigned arg);
