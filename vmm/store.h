/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store.h - the store: a tree of small values with owners, watches and transactions, as the
 * xenstore protocol defines it (xen/io/xs_wire.h).  No hypercalls, no rings.
 *
 * Every call names the domain on whose behalf it is made; domain 0 may do everything.  Paths are
 * absolute, or relative to /local/domain/<id>.  Answers are 0 or a positive count, or a negative
 * errno of xen/errno.h.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define XS_PATH	 512  /* longest absolute path, with its NUL	*/
#define XS_VALUE 2048 /* longest value			*/

/* Quotas of one domain other than 0. */
#define XS_NODES	1024
#define XS_BYTES	(128 * 1024) /* of values in its nodes */
#define XS_WATCHES	64
#define XS_TRANSACTIONS 8
#define XS_TX_OPS	128

struct xs_tx; /* a transaction; NULL: none */

int xs_read(struct xs_tx *tx, uint16_t dom, const char *path, const char **value, size_t *len);
/* Missing parents are made. */
int xs_write(struct xs_tx *tx, uint16_t dom, const char *path, const char *value, size_t len);
int xs_mkdir(struct xs_tx *tx, uint16_t dom, const char *path);
int xs_rm(struct xs_tx *tx, uint16_t dom, const char *path);
/* Names of the children, each with its NUL, into buf: total length; -E2BIG when they do not fit. */
int xs_list(struct xs_tx *tx, uint16_t dom, const char *path, char *buf, size_t size);
/* Permissions as text: "n1\0r0\0"; total length. */
int xs_get_perms(struct xs_tx *tx, uint16_t dom, const char *path, char *buf, size_t size);
int xs_set_perms(struct xs_tx *tx, uint16_t dom, const char *path, const char *perms, size_t len);

/* A number other than 0, or -errno. */
int xs_tx_start(uint16_t dom);
struct xs_tx *xs_tx_find(uint16_t dom, uint32_t id);
/* -EAGAIN: what it read or wrote was changed by others meanwhile; nothing happened. */
int xs_tx_end(struct xs_tx *tx, int commit);

/* fn is called for the watched node itself and all below it, with the path in the form (absolute or
 * relative) that was asked for; once at once. */
typedef void (*xs_watch_fn)(uint16_t dom, const char *path, const char *token, void *arg);
int xs_watch(uint16_t dom, const char *path, const char *token, xs_watch_fn fn, void *arg);
int xs_unwatch(uint16_t dom, const char *path, const char *token);

/* The domain is gone: its watches and transactions go; its nodes are for whoever made its directories. */
void xs_forget(uint16_t dom);
/* Special events: "@introduceDomain", "@releaseDomain". */
void xs_fire_special(const char *name);

/* For the VMM server itself, as domain 0. */
int xs_put(const char *path, const char *value);
int xs_putf(const char *path, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Value as a NUL-terminated string into buf; -ENOENT ... */
int xs_get(const char *path, char *buf, size_t size);
/* A number, or otherwise when it is missing or is none. */
unsigned xs_get_uint(const char *path, unsigned otherwise);
/* Make path with these permissions, for example "n5", or "n5,r1". */
int xs_dir(const char *path, const char *perms);
