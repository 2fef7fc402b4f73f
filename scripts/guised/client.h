/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client.h - a connection: messages in, messages out, and what it may cost.
 *
 * A client that has too many calls under way, or does not take its answers, is not read from.  One that
 * breaks the framing, or lets too much pile up, is dropped.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "loop.h"
#include "wire.h"

#define CLIENT_MAX	 64u
#define CLIENT_CALLS	 16u /* under way at a time		*/
#define CLIENT_STREAMS	 16u
#define CLIENT_CALLBACKS 64u
#define CLIENT_PAUSE	 (1u << 20)  /* bytes not taken: read no more	*/
#define CLIENT_DROP	 (16u << 20) /* bytes not taken: drop it	*/

struct callback;
struct packet;
struct stream;

struct client {
	struct client *next;
	unsigned id; /* never used twice */
	int fd;	     /* -1: nobody reads what is sent */
	struct watch *watch;
	uid_t uid;
	pid_t pid;
	bool opened, read_only, session, closing, serving;
	char *in;
	size_t in_len, in_room;
	struct packet *out, **out_end;
	size_t out_bytes;
	unsigned calls;
	struct stream *streams;
	unsigned nr_streams;
	struct callback *callbacks;
	unsigned nr_callbacks;
	int next_callback;
	bool keepalive; /* it answers pings	*/
	unsigned pings; /* sent since it was last heard */
	int64_t heard;	/* when, ms		*/
};

/* Connections on a listening socket. */
int client_listen(int fd);
/* A client on fd.  NULL: too many, or no memory; fd is closed then. */
struct client *client_new(int fd);
struct client *client_find(unsigned id);
struct client *client_first(void);
unsigned client_count(void);
/* Bytes came.  The client may be gone afterwards. */
void client_feed(struct client *c, const char *data, size_t len);
/* Take whole messages off what came, as long as it may make calls.  It may be gone afterwards. */
void client_serve(struct client *c);
/* Queue a message, which is given away. */
void client_send(struct client *c, struct out *message);
/* Send what it takes now.  False: it is gone. */
bool client_flush(struct client *c);
/* Bytes that it has not taken. */
size_t client_queued(const struct client *c);
/* Look again whether it may be read from. */
void client_look(struct client *c);
/* Close it once what is queued is out. */
void client_close(struct client *c);
void client_drop(struct client *c, const char *why);
/* Every second: pings, and those who do not answer them. */
void client_tick(void);
