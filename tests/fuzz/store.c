/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store.c - two guests that write their store pages as they like.
 *
 * Whatever they do, nothing is left of them when they are gone, the server's own nodes are as it wrote
 * them, and the other's home was not written.
 */
#include "fuzz.h"

#include <runtime/xen.h>

#include "../unit/native/fake.h"
#include "store.h"
#include "../../vmm/store_wire.h"

static struct xenstore_domain_interface page[2];
static struct store_conn *conn[2];

static void ring_bell(void *arg)
{
	(void)arg;
}

static void open_conn(unsigned i)
{
	memset(&page[i], 0, sizeof(page[i]));
	conn[i] = store_conn_open((uint16_t)(5 + i), &page[i], ring_bell, NULL);
}

static void put(unsigned i, const void *from, size_t len)
{
	struct xenstore_domain_interface *p = &page[i];

	for (size_t k = 0; k < len && p->req_prod - p->req_cons < XENSTORE_RING_SIZE; k++)
		p->req[MASK_XENSTORE_IDX(p->req_prod++)] = ((const char *)from)[k];
}

/* A request of the right form: type, transaction and a body from a small vocabulary. */
static void request(unsigned i)
{
	static const char *const words[] = { "a",
					     "a/b",
					     "a/b/c",
					     "/local/domain/5/a",
					     "/local/domain/6/a",
					     "/secret",
					     "@x",
					     "/",
					     "token",
					     "n5",
					     "n6",
					     "b5",
					     "T",
					     "F",
					     "value",
					     "",
					     "/local/domain/5",
					     "d/e/f/g/h" };
	struct xsd_sockmsg head = { 0 };
	char body[256];
	size_t len = 0;

	head.type = (uint32_t)input_number(1) % 24;
	head.tx_id = (uint32_t)input_number(1) % 4 ? 0 : (uint32_t)input_number(1) % 32;
	for (uint64_t n = input_number(1) % 4; n; n--) {
		const char *w = words[input_number(1) % (sizeof(words) / sizeof(words[0]))];

		memcpy(body + len, w, strlen(w) + 1);
		len += strlen(w) + 1;
	}
	head.len = (uint32_t)(len + (input_number(1) & 1 && len ? -1ul : 0));
	put(i, &head, sizeof(head));
	put(i, body, head.len);
}

static void step(void)
{
	unsigned op = (unsigned)input_number(1), i = op & 1;
	const uint8_t *p;
	size_t n;

	switch (op >> 1 & 7) {
	case 0:
		p = input_bytes(input_number(1), &n);
		put(i, p, n);
		break;
	case 1:
		*(op & 16 ? &page[i].req_prod : &page[i].rsp_cons) = (uint32_t)input_number(4);
		break;
	case 2: /* it reads its answers */
		page[i].rsp_cons = page[i].rsp_prod;
		break;
	case 3:
		xs_put(op & 16 ? "/local/domain/5/a" : "/local/domain/6/a/b", "from the server");
		break;
	default:
		request(i);
	}
	store_conn_work(conn[i]);
	if (store_conn_broken(conn[i])) {
		store_conn_close(conn[i]);
		open_conn(i);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned base;
	char text[32];

	xs_dir("/local/domain/5", "n5");
	xs_dir("/local/domain/6", "n6");
	xs_dir("/secret", "n0");
	xs_put("/secret", "only mine");
	xs_put("/local/domain/6/kept", "yes");
	xs_set_perms(NULL, 0, "/local/domain/6/kept", "n0", 2);
	open_conn(0);
	open_conn(1);
	input_begin(data, size);
	while (input_more())
		step();
	check_that(!xs_get("/secret", text, sizeof(text)) && !strcmp(text, "only mine"));
	store_conn_close(conn[0]);
	store_conn_close(conn[1]);
	xs_rm(NULL, 0, "/local");
	xs_rm(NULL, 0, "/secret");
	if (!base)
		base = fake.allocated;
	check_msg(fake.allocated == base, "%u pieces of memory are left", fake.allocated - base);
	return 0;
}
