/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_tx.c - changes of the store, in transactions and without.
 *
 * A transaction works on a copy of the tree and keeps a list of what it touched; at its end the touched nodes must
 * be as they were at its start, then its changes are made again on a copy of the tree as it is now, which takes the
 * tree's place when all went well.
 */
#include <runtime/heap.h>
#include <runtime/string.h>
#include <runtime/xen.h>

#include "store.h"
#include "store_tree.h"
#include "store_tx.h"
#include "store_watch.h"

struct tx_op {
	struct tx_op *next;
	enum op op;
	char *path, *data;
	size_t len;
	int existed; /* before it */
	size_t made; /* bytes of path up to the first node that it made, 0: none */
};

struct xs_tx {
	struct xs_tx *next;
	uint16_t dom;
	uint32_t id;
	uint64_t started;
	unsigned nr_ops;
	struct node *root;
	struct tx_op *ops, **ops_end;
};

static struct xs_tx *transactions;
static uint32_t last_tx;

static struct node *tree_of(const struct xs_tx *tx)
{
	return tx ? tx->root : tree_main();
}

/* Make one change on the tree itself or on a transaction's copy.  abs is absolute. */
static int apply(struct xs_tx *tx, uint16_t dom, enum op op, const char *abs, const char *data, size_t len)
{
	struct node *top = tree_of(tx), *n, *made;
	const char *rest;
	int rc;

	if (abs[0] == '@')
		return -XEN_EINVAL;
	switch (op) {
	case OP_READ:
		return 0;
	case OP_WRITE:
	case OP_MKDIR:
		rc = node_make(top, dom, abs, &n, &made);
		if (rc || (op == OP_MKDIR && !made))
			return rc;
		rc = op == OP_WRITE ? node_set(top, dom, n, data, len) : 0;
		if (rc && made)
			node_remove(made);
		break;
	case OP_RM:
		n = node_descend(top, abs, &rest);
		if (*rest) /* nothing to remove is no error, but a missing parent is */
			return strchr(rest, '/') ? -XEN_ENOENT : node_may_write(n, dom) ? 0 : -XEN_EACCES;
		if (!n->parent || !node_may_write(n, dom) || (dom && !node_may_write(n->parent, dom)))
			return n->parent ? -XEN_EACCES : -XEN_EINVAL;
		node_remove(n);
		rc = 0;
		break;
	case OP_PERMS:
		n = node_find(top, abs);
		if (!n)
			return -XEN_ENOENT;
		rc = node_set_perms(dom, n, data, len);
		break;
	default:
		return -XEN_EINVAL;
	}
	if (!rc && !tx)
		watch_fire(abs, op == OP_RM);
	return rc;
}

static void op_free(struct tx_op *o)
{
	heap_free(o->path);
	heap_free(o->data);
	heap_free(o);
}

/* Remember an operation that is about to be made: 0 and *out, or -errno. */
static int tx_note(struct xs_tx *tx, enum op op, const char *abs, const char *data, size_t len, struct tx_op **out)
{
	struct tx_op *o;
	const char *rest;

	if (tx->dom && tx->nr_ops >= XS_TX_OPS)
		return -XEN_ENOSPC;
	o = heap_alloc(sizeof(*o));
	if (!o)
		return -XEN_ENOMEM;
	o->op = op;
	o->path = copy_of(abs, strlen(abs));
	o->data = copy_of(data ? data : "", len);
	o->len = len;
	if (!o->path || !o->data) {
		op_free(o);
		return -XEN_ENOMEM;
	}
	node_descend(tx->root, abs, &rest);
	o->existed = !*rest;
	if (*rest && (op == OP_WRITE || op == OP_MKDIR)) {
		const char *end = strchr(rest, '/');

		o->made = end ? (size_t)(end - abs) : strlen(abs);
	}
	*tx->ops_end = o;
	tx->ops_end = &o->next;
	tx->nr_ops++;
	*out = o;
	return 0;
}

int tx_change(struct xs_tx *tx, uint16_t dom, enum op op, const char *path, const char *data, size_t len)
{
	char abs[XS_PATH];
	struct tx_op *o = NULL;
	int rc = path_absolute(dom, path, abs);

	if (!rc && tx)
		rc = tx_note(tx, op, abs, data, len, &o);
	if (rc)
		return rc;
	rc = apply(tx, dom, op, abs, data, len);
	if (o && (rc || (op == OP_RM && !o->existed))) { /* it only looked */
		o->op = OP_READ;
		o->made = 0;
	}
	return rc;
}

int tx_read(struct xs_tx *tx, uint16_t dom, const char *path, struct node **n)
{
	char abs[XS_PATH];
	struct tx_op *o;
	int rc = path_absolute(dom, path, abs);

	if (!rc && tx)
		rc = tx_note(tx, OP_READ, abs, NULL, 0, &o);
	if (rc)
		return rc;
	*n = node_find(tree_of(tx), abs);
	if (!*n)
		return -XEN_ENOENT;
	return node_may_read(*n, dom) ? 0 : -XEN_EACCES;
}

int xs_tx_start(uint16_t dom)
{
	struct xs_tx *tx;
	unsigned nr = 0;

	for (tx = transactions; tx; tx = tx->next)
		nr += tx->dom == dom;
	if (nr >= XS_TRANSACTIONS || (dom && heap_free_bytes() < tree_reserve()))
		return -XEN_ENOSPC;
	tx = heap_alloc(sizeof(*tx));
	if (!tx)
		return -XEN_ENOMEM;
	tx->root = tree_copy(tree_main());
	if (!tx->root) {
		heap_free(tx);
		return -XEN_ENOMEM;
	}
	tx->dom = dom;
	last_tx = last_tx >= 0x3fffffff ? 1 : last_tx + 1;
	tx->id = last_tx;
	tx->started = tree_clock();
	tx->ops_end = &tx->ops;
	tx->next = transactions;
	transactions = tx;
	return (int)tx->id;
}

struct xs_tx *xs_tx_find(uint16_t dom, uint32_t id)
{
	struct xs_tx *tx = transactions;

	while (tx && (tx->id != id || tx->dom != dom))
		tx = tx->next;
	return tx;
}

/* Is what stands at this path of the transaction's own making, or removal, before o? */
static int is_own(const struct xs_tx *tx, const struct tx_op *o, const char *path)
{
	for (const struct tx_op *e = tx->ops; e != o; e = e->next) {
		if (e->op == OP_RM && path_is_below(path, e->path))
			return 1;
		if (e->made && !strncmp(path, e->path, e->made) && (path[e->made] == 0 || path[e->made] == '/'))
			return 1;
	}
	return 0;
}

/* Did somebody else change what this operation saw or changed? */
static int conflicts(const struct xs_tx *tx, const struct tx_op *o)
{
	char parent[XS_PATH];
	const struct node *n;

	if (is_own(tx, o, o->path))
		return 0;
	n = node_find(tree_main(), o->path);
	if ((n != NULL) != o->existed || (n && n->changed > tx->started))
		return 1;
	if (!o->made)
		return 0;
	/* The node below which it made something must be there still. */
	memcpy(parent, o->path, o->made);
	parent[o->made] = 0;
	*strrchr(parent, '/') = 0;
	return !is_own(tx, o, parent) && !node_find(tree_main(), parent);
}

/* Make all changes of a transaction, or none. */
static int commit_all(struct xs_tx *tx)
{
	for (struct tx_op *o = tx->ops; o; o = o->next)
		if (conflicts(tx, o))
			return -XEN_EAGAIN;
	tree_free(tx->root);
	tx->root = tree_copy(tree_main());
	for (struct tx_op *o = tx->ops; tx->root && o; o = o->next) {
		int rc = apply(tx, tx->dom, o->op, o->path, o->data, o->len);

		if (rc) /* rights that have changed: it will see them when it tries again */
			return rc == -XEN_ENOMEM || rc == -XEN_ENOSPC ? rc : -XEN_EAGAIN;
	}
	if (!tx->root)
		return -XEN_ENOMEM;
	tx->root = tree_exchange(tx->root);
	for (struct tx_op *o = tx->ops; o; o = o->next)
		if (o->op != OP_READ)
			watch_fire(o->path, o->op == OP_RM);
	return 0;
}

int xs_tx_end(struct xs_tx *tx, int commit)
{
	int rc = 0;

	for (struct xs_tx **at = &transactions; *at; at = &(*at)->next) {
		if (*at == tx) {
			*at = tx->next;
			break;
		}
	}
	if (commit)
		rc = commit_all(tx);
	while (tx->ops) {
		struct tx_op *o = tx->ops;

		tx->ops = o->next;
		op_free(o);
	}
	if (tx->root)
		tree_free(tx->root);
	heap_free(tx);
	return rc;
}

void tx_forget(uint16_t dom)
{
	for (struct xs_tx *tx = transactions, *next; tx; tx = next) {
		next = tx->next;
		if (tx->dom == dom)
			xs_tx_end(tx, 0);
	}
}
