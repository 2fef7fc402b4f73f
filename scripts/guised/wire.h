/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire.h - XDR (RFC 4506) as libvirt's messages use it, and the header of a message.
 *
 * A message is a length of 4 bytes, which counts itself, six words of header, and a body.  An error
 * sticks: once a value was not there, all others are zero, so that bodies are read in one go and bad
 * is looked at once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rpc/types.h>
#include <rpc/xdr.h>

#define WIRE_LENGTH 4u
#define WIRE_HEADER 24u
#define WIRE_MAX    (4u << 20) /* bytes of a message that we take		*/
#define WIRE_STRING (1u << 20) /* bytes of a string				*/
#define WIRE_STREAM 65536u     /* bytes of data in one packet of a stream that we send */
#define UUID_BYTES  16
#define UUID_TEXT   37

enum wire_type { WIRE_CALL, WIRE_REPLY, WIRE_MESSAGE, WIRE_STREAM_DATA };
enum wire_status { WIRE_OK, WIRE_ERROR, WIRE_CONTINUE };

/* virTypedParameterType */
enum { PARAM_INT = 1, PARAM_UINT, PARAM_LLONG, PARAM_ULLONG, PARAM_STRING = 7 };

struct wire_header {
	uint32_t program, version;
	int32_t procedure;
	uint32_t type;
	uint32_t serial;
	uint32_t status;
};

struct in_string;

struct in {
	XDR xdr;
	bool bad;
	struct in_string *strings; /* what in_string() gave; freed by in_free() */
};

struct out {
	char *data; /* room for the length comes first */
	size_t room;
	XDR xdr;
	bool bad; /* longer than a peer would take, or no memory */
};

void in_init(struct in *in, const void *data, size_t len);
void in_free(struct in *in);
uint32_t in_u32(struct in *in);
int32_t in_i32(struct in *in);
uint64_t in_u64(struct in *in);
double in_double(struct in *in);
/* The number of items that follow: more than max, or less than item bytes for each are bad. */
uint32_t in_count(struct in *in, uint32_t max, size_t item);
/* Text that lives until in_free(); "" when bad.  A zero byte within is bad. */
const char *in_string(struct in *in);
/* The same, or NULL where the sender left it out. */
const char *in_optional(struct in *in);
void in_uuid(struct in *in, uint8_t uuid[UUID_BYTES]);
/* Bytes that were not read yet. */
size_t in_left(struct in *in);
/* A number of whichever kind, as 64 bits, and whose it is. */
int64_t in_param(struct in *in, const char **name);
void in_header(struct in *in, struct wire_header *h);

void out_init(struct out *out, const struct wire_header *h);
void out_u32(struct out *out, uint32_t v);
void out_i32(struct out *out, int32_t v);
void out_u64(struct out *out, uint64_t v);
void out_string(struct out *out, const char *s);
void out_optional(struct out *out, const char *s);
void out_uuid(struct out *out, const uint8_t uuid[UUID_BYTES]);
void out_opaque(struct out *out, const void *data, size_t len); /* with its length	*/
void out_raw(struct out *out, const void *data, size_t len);	/* padded to words	*/
void out_bytes(struct out *out, const void *data, size_t len);	/* as they are: a stream's, and nothing follows */
/* A place for a word that is known only later. */
size_t out_mark(struct out *out);
void out_patch(struct out *out, size_t mark, uint32_t v);
/* Typed parameters, each of which *n counts; the name of a numbered one has a %u in it. */
void out_param_u64(struct out *out, uint32_t *n, const char *name, uint64_t v);
void out_param_word(struct out *out, uint32_t *n, const char *name, int type, uint32_t v);
void out_param_string(struct out *out, uint32_t *n, const char *name, const char *v);
__attribute__((format(printf, 3, 0))) void out_param_numbered(struct out *out, uint32_t *n, const char *fmt, unsigned i,
							      uint64_t v);
/* Set the length.  Gives the message away: *len bytes for free(); NULL if it is bad. */
char *out_finish(struct out *out, size_t *len);
void out_free(struct out *out);

void uuid_text(const uint8_t uuid[UUID_BYTES], char text[UUID_TEXT]);
/* With or without dashes.  False if it is none. */
bool uuid_parse(const char *text, uint8_t uuid[UUID_BYTES]);
