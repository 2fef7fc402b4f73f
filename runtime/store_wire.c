/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_wire.c - store messages in a shared page, the client's end.
 */
#include <runtime/io.h>
#include <runtime/store_wire.h>
#include <runtime/string.h>

static uint32_t index_read(const XENSTORE_RING_IDX *index)
{
	return *(const volatile uint32_t *)index;
}

int store_wire_put(struct xenstore_domain_interface *ring, const void *from, size_t len)
{
	uint32_t at = index_read(&ring->req_prod);
	uint32_t used = at - index_read(&ring->req_cons);
	const char *byte = from;

	if (used > XENSTORE_RING_SIZE)
		return -XEN_EINVAL;
	if (len > XENSTORE_RING_SIZE - used)
		len = XENSTORE_RING_SIZE - used;
	mb(); /* req_cons before the bytes */
	for (size_t i = 0; i < len; i++)
		ring->req[MASK_XENSTORE_IDX(at + i)] = byte[i];
	wmb(); /* the bytes before req_prod */
	*(volatile uint32_t *)&ring->req_prod = at + len;
	return len;
}

/* Take up to len bytes: how many, or -EINVAL. */
static int wire_get(struct xenstore_domain_interface *ring, char *to, size_t len)
{
	uint32_t at = index_read(&ring->rsp_cons);
	uint32_t have = index_read(&ring->rsp_prod) - at;

	if (have > XENSTORE_RING_SIZE)
		return -XEN_EINVAL;
	if (len > have)
		len = have;
	rmb(); /* rsp_prod before the bytes */
	for (size_t i = 0; i < len; i++)
		to[i] = ring->rsp[MASK_XENSTORE_IDX(at + i)];
	mb(); /* the bytes are out before the server may overwrite them */
	*(volatile uint32_t *)&ring->rsp_cons = at + len;
	return len;
}

int store_wire_take(struct xenstore_domain_interface *ring, struct store_message *msg, int *taken)
{
	size_t head = sizeof(msg->head);

	for (;;) {
		char *to;
		size_t want;
		int got;

		if (msg->have < head) {
			to = (char *)&msg->head + msg->have;
			want = head - msg->have;
		} else {
			if (msg->head.len > XENSTORE_PAYLOAD_MAX)
				return -XEN_EINVAL;
			to = msg->payload + (msg->have - head);
			want = head + msg->head.len - msg->have;
		}
		if (!want) {
			msg->payload[msg->head.len] = '\0';
			return 1;
		}
		got = wire_get(ring, to, want);
		if (got <= 0)
			return got;
		*taken = 1;
		msg->have += got;
	}
}

int store_wire_errno(const char *name)
{
	static const struct {
		char name[10];
		uint8_t number;
	} error[] = {
		{ "EINVAL", XEN_EINVAL }, { "EACCES", XEN_EACCES },   { "EEXIST", XEN_EEXIST },
		{ "EISDIR", XEN_EISDIR }, { "ENOENT", XEN_ENOENT },   { "ENOMEM", XEN_ENOMEM },
		{ "ENOSPC", XEN_ENOSPC }, { "EIO", XEN_EIO },	      { "ENOTEMPTY", XEN_ENOTEMPTY },
		{ "ENOSYS", XEN_ENOSYS }, { "EROFS", XEN_EROFS },     { "EBUSY", XEN_EBUSY },
		{ "EAGAIN", XEN_EAGAIN }, { "EISCONN", XEN_EISCONN }, { "E2BIG", XEN_E2BIG },
		{ "EPERM", XEN_EPERM },
	};

	for (unsigned i = 0; i < sizeof(error) / sizeof(error[0]); i++)
		if (!strncmp(name, error[i].name, sizeof(error[i].name)))
			return error[i].number;
	return XEN_EIO;
}
