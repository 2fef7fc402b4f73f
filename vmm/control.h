/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control.h - the control channel: requests and answers, one JSON object a line (docs/control.md).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "json.h"

/* A command puts its answer's members into reply.  NULL, or what went wrong (valid until the next call);
 * CONTROL_LATER: control_answer() will follow. */
typedef const char *(*control_fn)(const struct json *request, struct json_out *reply);

struct control_command {
	const char *name;
	control_fn run;
};

extern const char CONTROL_LATER[];

/* Commands of a part of the server; the table stays where it is. */
void control_register(const struct control_command *commands, unsigned nr);
/* Serve line n from now on.  -1: there is no such line. */
int control_open(unsigned n);
/* Do what can be done.  Call after each event.  1: requests were served, which may have made work. */
int control_work(void);

/* In a command: what to give to control_answer() later.  Never 0. */
uint64_t control_later(void);
/* error: NULL, or why not; domid: of whom, 0: of nobody. */
void control_answer(uint64_t id, const char *error, unsigned domid);

/* Tell the host, if it listens and there is room: lost events are counted and told.  text may be NULL. */
void control_event(const char *event, const char *guest, unsigned domid, const char *text);
/* Bytes of console output that can be sent now, and sending them. */
size_t control_console_room(void);
void control_console(const char *guest, unsigned domid, unsigned console, const char *bytes, size_t len);
