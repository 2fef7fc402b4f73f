/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_wire.h - store messages in a shared page: a stream of bytes each way.  No hypercalls.
 *
 * A client puts into `req` and takes from `rsp`.  No function waits; indices that the other end
 * has broken answer -EINVAL.
 */
#pragma once

#include <runtime/xen.h>
#include <xen/io/xs_wire.h>

/* A message as it comes in piece by piece. */
struct store_message {
	struct xsd_sockmsg head;
	char payload[XENSTORE_PAYLOAD_MAX + 1]; /* a NUL follows what arrived	*/
	size_t have;				/* bytes, head included		*/
};

/* Put up to len bytes: how many, or -EINVAL. */
int store_wire_put(struct xenstore_domain_interface *ring, const void *from, size_t len);

/* Add what has come to the message: 1 when it is complete (have = 0 begins the next one), 0 when
 * not, -EINVAL when the stream is broken.  *taken is set to 1 when bytes left the ring. */
int store_wire_take(struct xenstore_domain_interface *ring, struct store_message *msg, int *taken);

/* The errno that the payload of an XS_ERROR names, positive; EIO for an unknown one. */
int store_wire_errno(const char *name);
