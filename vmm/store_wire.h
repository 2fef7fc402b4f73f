/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_wire.h - one domain's connection to the store: its ring page, requests in, replies and
 * watch events out (xen/io/xs_wire.h).
 *
 * A connection believes nothing that stands in the page: indices that cannot be, or a message that
 * is too long, end this connection and nothing else.
 */
#pragma once

#include <stdint.h>

#include <runtime/xen.h>
#include <xen/io/xs_wire.h>

struct store_conn;

/* Serve dom over the page.  notify(arg) rings the domain's bell.  NULL: no memory. */
struct store_conn *store_conn_open(uint16_t dom, struct xenstore_domain_interface *page, void (*notify)(void *arg),
				   void *arg);
/* Forget the connection and all its watches and transactions. */
void store_conn_close(struct store_conn *c);
/* Something may have happened in the page: work until there is nothing to do. */
void store_conn_work(struct store_conn *c);
/* Was it given up, and why?  NULL: it works. */
const char *store_conn_broken(const struct store_conn *c);
