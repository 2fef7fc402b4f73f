/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client.h - a connection to a machine's control socket (docs/control.md): requests, answers, events.
 *
 * Texts of this protocol hold bytes: code point U+00NN is byte NN.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct guise;

typedef void (*guise_event_fn)(struct json_object *event, void *arg);

/* Where the machines' sockets are: a directory.  Made (only for this user) if make; NULL: it cannot be
 * used, and error says why. */
const char *guise_directory(bool make, char *error, size_t size);
/* The socket of a machine; name NULL: of the only one that runs.  0, or -1 with an error. */
int guise_socket(const char *name, char *path, size_t path_size, char *error, size_t size);
/* NULL: there is no such machine, and error says why. */
struct guise *guise_open(const char *path, char *error, size_t size);
void guise_close(struct guise *g);
int guise_fd(const struct guise *g);
/* fn(event, arg) is called for each event while an answer is awaited or guise_receive() runs. */
void guise_on_event(struct guise *g, guise_event_fn fn, void *arg);

/* A request: {"cmd": cmd}, to which members may be added. */
struct json_object *guise_request_new(const char *cmd);
/* Send it (it is freed).  Its number, 0: the connection is broken. */
uint64_t guise_send(struct guise *g, struct json_object *request);
/* Take what has come, wait up to timeout_ms for it (-1: for ever).  *answer: an answer, or NULL; 0, or -1:
 * the machine has ended. */
int guise_receive(struct guise *g, int timeout_ms, struct json_object **answer);
/* Is something here already that guise_receive() would take? */
bool guise_has_line(const struct guise *g);
/* Send and wait.  The answer, which may be an error; NULL: the machine has ended. */
struct json_object *guise_call(struct guise *g, struct json_object *request);

uint64_t guise_id(struct json_object *answer);
/* Its "error", or NULL. */
const char *guise_error(struct json_object *answer);
const char *guise_string(struct json_object *o, const char *key);
int64_t guise_number(struct json_object *o, const char *key);

/* Bytes as a text, and a member's text as bytes (to free; NULL if it is missing). */
struct json_object *guise_text(const char *bytes, size_t len);
char *guise_bytes(struct json_object *o, const char *key, size_t *len);
