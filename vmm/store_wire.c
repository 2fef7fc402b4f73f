/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_wire.c - store messages over a shared page.
 *
 * Input is taken only while the output that it may cause has room: a client that does not read its
 * answers waits, and its watch events beyond the limit end its connection.
 */
#include <runtime/heap.h>
#include <runtime/io.h>
#include <runtime/print.h>
#include <runtime/string.h>

#include "store.h"
#include "store_wire.h"

#define OUT_MAX	  65536 /* bytes of answers and events that wait	*/
#define NR_ERRORS (sizeof(errors) / sizeof(errors[0]))

struct out {
	struct out *next;
	size_t len, sent;
	char data[];
};

struct store_conn {
	uint16_t dom;
	struct xenstore_domain_interface *page;
	void (*notify)(void *arg);
	void *arg;
	const char *broken;
	struct xsd_sockmsg head;
	size_t have; /* bytes of head and body read so far */
	char body[XENSTORE_PAYLOAD_MAX + 1];
	struct out *first, **end;
	size_t queued;
};

static const struct {
	int number;
	const char *name;
} errors[] = {
	{ XEN_EINVAL, "EINVAL" }, { XEN_EACCES, "EACCES" }, { XEN_EEXIST, "EEXIST" }, { XEN_ENOENT, "ENOENT" },
	{ XEN_ENOMEM, "ENOMEM" }, { XEN_ENOSPC, "ENOSPC" }, { XEN_ENOSYS, "ENOSYS" }, { XEN_EAGAIN, "EAGAIN" },
	{ XEN_E2BIG, "E2BIG" },	  { XEN_EBUSY, "EBUSY" },
};

static uint32_t index_of(const XENSTORE_RING_IDX *i)
{
	return *(const volatile XENSTORE_RING_IDX *)i;
}

static void send_message(struct store_conn *c, uint32_t type, uint32_t req, uint32_t tx, const void *data, size_t len)
{
	struct xsd_sockmsg head = { type, req, tx, (uint32_t)len };
	struct out *o;

	if (c->broken)
		return;
	o = c->queued + len > OUT_MAX ? NULL : heap_alloc(sizeof(*o) + sizeof(head) + len);
	if (!o) {
		c->broken = "its unread messages are too many";
		return;
	}
	o->len = sizeof(head) + len;
	memcpy(o->data, &head, sizeof(head));
	memcpy(o->data + sizeof(head), data, len);
	*c->end = o;
	c->end = &o->next;
	c->queued += o->len;
}

static void answer(struct store_conn *c, const void *data, size_t len)
{
	send_message(c, c->head.type, c->head.req_id, c->head.tx_id, data, len);
}

static void answer_rc(struct store_conn *c, int rc)
{
	const char *name = "EINVAL";

	if (rc >= 0) {
		answer(c, "OK", 3);
		return;
	}
	for (size_t i = 0; i < NR_ERRORS; i++)
		if (errors[i].number == -rc)
			name = errors[i].name;
	send_message(c, XS_ERROR, c->head.req_id, c->head.tx_id, name, strlen(name) + 1);
}

static void watch_event(uint16_t dom, const char *path, const char *token, void *arg)
{
	char data[XS_PATH + 512];
	size_t a = strlen(path) + 1, b = strlen(token) + 1;

	(void)dom;
	if (a + b > sizeof(data))
		return;
	memcpy(data, path, a);
	memcpy(data + a, token, b);
	send_message(arg, XS_WATCH_EVENT, 0, 0, data, a + b);
}

/* The second string of a body of two, or NULL. */
static const char *second(const struct store_conn *c)
{
	size_t n = strnlen(c->body, c->head.len);

	return n + 1 >= c->head.len + 1u ? NULL : c->body + n + 1;
}

static void request(struct store_conn *c)
{
	static char buf[XENSTORE_PAYLOAD_MAX];
	uint16_t dom = c->dom;
	struct xs_tx *tx = NULL;
	const char *value, *two = second(c);
	size_t len = c->head.len, first = strnlen(c->body, len);
	int rc;

	if (c->head.tx_id) {
		tx = xs_tx_find(dom, c->head.tx_id);
		if (!tx) {
			answer_rc(c, -XEN_ENOENT);
			return;
		}
	}
	if (first == len && len) { /* no NUL: the path is not terminated */
		answer_rc(c, -XEN_EINVAL);
		return;
	}
	switch (c->head.type) {
	case XS_DIRECTORY:
		rc = xs_list(tx, dom, c->body, buf, sizeof(buf));
		break;
	case XS_READ:
		rc = xs_read(tx, dom, c->body, &value, &len);
		if (!rc) {
			answer(c, value, len);
			return;
		}
		break;
	case XS_GET_PERMS:
		rc = xs_get_perms(tx, dom, c->body, buf, sizeof(buf));
		break;
	case XS_GET_DOMAIN_PATH:
		rc = snprintf(buf, sizeof(buf), "/local/domain/%u", (unsigned)parse_u64(c->body, &value)) + 1;
		break;
	case XS_IS_DOMAIN_INTRODUCED:
		snprintf(buf, sizeof(buf), "/local/domain/%u", (unsigned)parse_u64(c->body, &value));
		rc = xs_read(NULL, 0, buf, &value, &len);
		answer(c, rc ? "F" : "T", 2);
		return;
	case XS_TRANSACTION_START:
		rc = tx ? -XEN_EBUSY : xs_tx_start(dom);
		if (rc > 0)
			rc = snprintf(buf, sizeof(buf), "%d", rc) + 1;
		break;
	case XS_WRITE:
		answer_rc(c, two ? xs_write(tx, dom, c->body, two, len - first - 1) : -XEN_EINVAL);
		return;
	case XS_MKDIR:
		answer_rc(c, xs_mkdir(tx, dom, c->body));
		return;
	case XS_RM:
		answer_rc(c, xs_rm(tx, dom, c->body));
		return;
	case XS_SET_PERMS:
		answer_rc(c, two && len > first + 1 && c->body[len - 1] == 0 ?
				     xs_set_perms(tx, dom, c->body, two, len - first - 2) :
				     -XEN_EINVAL);
		return;
	case XS_TRANSACTION_END:
		answer_rc(c, !tx || (c->body[0] != 'T' && c->body[0] != 'F') ? -XEN_EINVAL :
									       xs_tx_end(tx, c->body[0] == 'T'));
		return;
	case XS_WATCH:
		/* The answer goes out before the first event of the watch. */
		rc = two && strnlen(two, len - first - 1) < 256 ? 0 : -XEN_EINVAL;
		if (!rc) {
			struct out **mark = c->end, *rest;

			rc = xs_watch(dom, c->body, two, watch_event, c);
			rest = *mark;
			*mark = NULL;
			c->end = mark;
			answer_rc(c, rc);
			*c->end = rest;
			while (*c->end)
				c->end = &(*c->end)->next;
			return;
		}
		break;
	case XS_UNWATCH:
		answer_rc(c, two ? xs_unwatch(dom, c->body, two) : -XEN_EINVAL);
		return;
	case XS_RESET_WATCHES:
		xs_forget(dom);
		answer_rc(c, 0);
		return;
	default:
		rc = -XEN_ENOSYS;
	}
	if (rc < 0)
		answer_rc(c, rc);
	else
		answer(c, buf, (size_t)rc);
}

/* Move bytes of requests in: 1 when a message is complete, 0 when there is nothing more. */
static int take(struct store_conn *c)
{
	for (;;) {
		uint32_t prod = index_of(&c->page->req_prod), cons = index_of(&c->page->req_cons), n = prod - cons;
		size_t want = c->have < sizeof(c->head) ? sizeof(c->head) - c->have :
							  sizeof(c->head) + c->head.len - c->have;
		char *to = c->have < sizeof(c->head) ? (char *)&c->head + c->have :
						       c->body + (c->have - sizeof(c->head));

		if (c->have >= sizeof(c->head) && !want)
			return 1;
		if (n > XENSTORE_RING_SIZE) {
			c->broken = "its request indices are wrong";
			return 0;
		}
		if (!n)
			return 0;
		n = n < want ? n : (uint32_t)want;
		rmb();
		for (uint32_t i = 0; i < n; i++)
			to[i] = c->page->req[MASK_XENSTORE_IDX(cons + i)];
		mb();
		*(volatile XENSTORE_RING_IDX *)&c->page->req_cons = cons + n;
		c->have += n;
		if (c->have == sizeof(c->head) && c->head.len > XENSTORE_PAYLOAD_MAX) {
			c->broken = "a request is too long";
			return 0;
		}
	}
}

/* Move waiting bytes out: 1 when some went. */
static int give(struct store_conn *c)
{
	int any = 0;

	while (c->first) {
		uint32_t prod = index_of(&c->page->rsp_prod), cons = index_of(&c->page->rsp_cons), used = prod - cons;
		struct out *o = c->first;
		size_t n = o->len - o->sent;

		if (used > XENSTORE_RING_SIZE) {
			c->broken = "its reply indices are wrong";
			return any;
		}
		if (used == XENSTORE_RING_SIZE)
			return any;
		if (n > XENSTORE_RING_SIZE - used)
			n = XENSTORE_RING_SIZE - used;
		mb();
		for (size_t i = 0; i < n; i++)
			c->page->rsp[MASK_XENSTORE_IDX(prod + i)] = o->data[o->sent + i];
		wmb();
		*(volatile XENSTORE_RING_IDX *)&c->page->rsp_prod = prod + (uint32_t)n;
		o->sent += n;
		c->queued -= n;
		any = 1;
		if (o->sent == o->len) {
			c->first = o->next;
			if (!c->first)
				c->end = &c->first;
			heap_free(o);
		}
	}
	return any;
}

void store_conn_work(struct store_conn *c)
{
	int any = 0;
	uint32_t before = index_of(&c->page->req_cons);

	while (!c->broken) {
		any |= give(c);
		if (c->queued > OUT_MAX / 2 || c->broken || !take(c))
			break;
		c->body[c->head.len] = 0;
		request(c);
		c->have = 0;
	}
	if (any || before != index_of(&c->page->req_cons))
		c->notify(c->arg);
}

const char *store_conn_broken(const struct store_conn *c)
{
	return c->broken;
}

struct store_conn *store_conn_open(uint16_t dom, struct xenstore_domain_interface *page, void (*notify)(void *arg),
				   void *arg)
{
	struct store_conn *c = heap_alloc(sizeof(*c));

	if (!c)
		return NULL;
	c->dom = dom;
	c->page = page;
	c->notify = notify;
	c->arg = arg;
	c->end = &c->first;
	return c;
}

void store_conn_close(struct store_conn *c)
{
	xs_forget(c->dom);
	while (c->first) {
		struct out *o = c->first;

		c->first = o->next;
		heap_free(o);
	}
	heap_free(c);
}
