/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fake.h - a machine that does what it is told at once, and clients without sockets.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "domain.h"
#include "error.h"
#include "wire.h"

/* Where definitions go: new directories below /tmp. */
void fake_begin(void);
/* The same directories, read by a new daemon. */
void fake_again(void);
extern char fake_config[64], fake_run[64];

extern const char *fake_error; /* what the machine says to each request, NULL: it does it */
extern unsigned fake_starts;
extern char fake_input[65536]; /* what guests were given to read	*/
extern size_t fake_input_len;
/* What happens while a disk is written to the next time. */
extern void (*fake_disk)(void);
/* What happens while the machine is started; NULL: nothing. */
extern void (*fake_up)(void);
/* The guest takes what it was given last. */
void fake_taken(void);

/* A call: its body is made by the caller between the two.  What the client got for it is kept. */
struct out *fake_call(struct client *c, int procedure);
void fake_send(struct client *c);
unsigned fake_serial(void); /* of the last call	*/
/* What the last call answered: 0, or the code of the error, whose line is *text. */
int fake_answer(struct client *c, struct in *in, const char **text);
struct client *fake_client(bool open);
/* The next message that was sent to it; false: there is none. */
bool fake_next(struct client *c, struct wire_header *h, struct in *in);

/* A definition with more elements put into <domain> and <devices>. */
const char *fake_xml(const char *name, const char *more, const char *devices);
