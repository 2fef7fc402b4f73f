/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store.c - the tree, its permissions, watches and transactions.
 *
 * Nothing here recurses: a walk over a subtree goes by parent and sibling links.  A transaction works
 * on a copy of the tree and keeps a list of what it touched; at its end the touched nodes must be as
 * they were at its start, then its changes are made again on a copy of the tree as it is now, which
 * takes the tree's place when all went well.
 */
#include <stdarg.h>

#include <runtime/heap.h>
#include <runtime/print.h>
#include <runtime/string.h>
#include <runtime/xen.h>

#include "store.h"

#define MAX_PERMS 8

struct perm {
	uint16_t dom;
	uint8_t read, write;
};

struct node {
	struct node *parent, *child, *next;
	char *name;
	char *value;
	size_t len;
	uint64_t changed; /* value of `clock` when it or its list of children last changed */
	unsigned nr_perms;
	struct perm perm[MAX_PERMS]; /* [0]: the owner, and what others may */
};

enum op { OP_READ, OP_WRITE, OP_MKDIR, OP_RM, OP_PERMS };

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

struct watch {
	struct watch *next;
	uint16_t dom;
	int relative;
	char *path, *token;
	xs_watch_fn fn;
	void *arg;
};

static struct node *root;
static uint64_t clock; /* counts changes */
static struct xs_tx *transactions;
static struct watch *watches;
static uint32_t last_tx;
static size_t reserve; /* bytes of memory that guests' transactions leave free */

static char *copy_of(const char *s, size_t len)
{
	char *c = heap_alloc(len + 1);

	if (c)
		memcpy(c, s, len);
	return c;
}

static struct node *tree_root(struct xs_tx *tx)
{
	if (!root) {
		root = heap_alloc(sizeof(*root));
		if (!root)
			panic("no memory for the store\n");
		root->name = copy_of("", 0);
		reserve = heap_free_bytes() / 4;
		root->nr_perms = 1;
		root->perm[0] = (struct perm){ 0, 1, 0 };
	}
	return tx ? tx->root : root;
}

/* ---- nodes ---- */

static struct node *child_of(struct node *n, const char *name, size_t len)
{
	struct node *c = n->child;

	while (c && (strncmp(c->name, name, len) || c->name[len]))
		c = c->next;
	return c;
}

/* Walk down as far as the path goes: the last node reached; *rest is what is left of the path. */
static struct node *descend(struct node *n, const char *path, const char **rest)
{
	while (*path == '/')
		path++;
	while (*path) {
		const char *end = strchr(path, '/');
		size_t len = end ? (size_t)(end - path) : strlen(path);
		struct node *c = child_of(n, path, len);

		if (!c)
			break;
		n = c;
		path += len;
		while (*path == '/')
			path++;
	}
	*rest = path;
	return n;
}

static struct node *node_find(struct xs_tx *tx, const char *path)
{
	const char *rest;
	struct node *n = descend(tree_root(tx), path, &rest);

	return *rest ? NULL : n;
}

static void node_free_one(struct node *n)
{
	heap_free(n->name);
	heap_free(n->value);
	heap_free(n);
}

/* Free n and all below it; n is out of its parent's list already. */
static void tree_free(struct node *top)
{
	struct node *n = top;

	for (;;) {
		struct node *up = n->parent;

		if (n->child) {
			struct node *c = n->child;

			n->child = c->next;
			c->parent = n;
			n = c;
			continue;
		}
		node_free_one(n);
		if (n == top)
			return;
		n = up;
	}
}

static struct node *node_new(struct node *parent, const char *name, size_t len)
{
	struct node *n = heap_alloc(sizeof(*n));

	if (!n)
		return NULL;
	n->name = copy_of(name, len);
	if (!n->name) {
		heap_free(n);
		return NULL;
	}
	n->parent = parent;
	n->next = parent->child;
	parent->child = n;
	n->nr_perms = parent->nr_perms;
	memcpy(n->perm, parent->perm, sizeof(n->perm));
	return n;
}

static int may_read(const struct node *n, uint16_t dom)
{
	if (dom == 0 || n->perm[0].dom == dom)
		return 1;
	for (unsigned i = 1; i < n->nr_perms; i++)
		if (n->perm[i].dom == dom)
			return n->perm[i].read;
	return n->perm[0].read;
}

static int may_write(const struct node *n, uint16_t dom)
{
	if (dom == 0 || n->perm[0].dom == dom)
		return 1;
	for (unsigned i = 1; i < n->nr_perms; i++)
		if (n->perm[i].dom == dom)
			return n->perm[i].write;
	return n->perm[0].write;
}

static struct node *tree_next(struct node *n, const struct node *top)
{
	if (n->child)
		return n->child;
	while (n != top && !n->next)
		n = n->parent;
	return n == top ? NULL : n->next;
}

/* What a domain owns: how many nodes, and *bytes of values in them. */
static unsigned nodes_of(struct node *top, uint16_t dom, size_t *bytes)
{
	unsigned nr = 0;

	*bytes = 0;
	for (struct node *n = top; n; n = tree_next(n, top)) {
		if (n->perm[0].dom == dom) {
			nr++;
			*bytes += n->len;
		}
	}
	return nr;
}

static struct node *tree_copy(struct node *top)
{
	struct node *to_root = heap_alloc(sizeof(*to_root)), *to = to_root;

	if (!to_root)
		return NULL;
	*to = *top;
	to->child = to->next = NULL;
	to->value = NULL;
	to->len = 0;
	to->name = copy_of("", 0);
	for (struct node *n = top; n;) {
		struct node *c, *next;

		/* Go down, right or up in both trees alike. */
		if (n->child) {
			next = n->child;
		} else {
			while (n != top && !n->next) {
				n = n->parent;
				to = to->parent;
			}
			if (n == top)
				break;
			next = n->next;
			to = to->parent;
		}
		n = next;
		c = node_new(to, n->name, strlen(n->name));
		if (!c)
			goto fail;
		c->changed = n->changed;
		c->nr_perms = n->nr_perms;
		memcpy(c->perm, n->perm, sizeof(c->perm));
		if (n->value) {
			c->value = copy_of(n->value, n->len);
			if (!c->value)
				goto fail;
			c->len = n->len;
		}
		to = c;
	}
	return to_root;
fail:
	tree_free(to_root);
	return NULL;
}

/* ---- paths ---- */

static int path_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
	       c == '/' || c == '@' || c == ':' || c == '.' || c == '+';
}

static int path_absolute(uint16_t dom, const char *path, char *out)
{
	size_t len = strlen(path), at;

	for (size_t i = 0; i < len; i++)
		if (!path_char(path[i]) || (path[i] == '/' && path[i + 1] == '/'))
			return -XEN_EINVAL;
	if (!len || (len > 1 && path[len - 1] == '/'))
		return -XEN_EINVAL;
	at = path[0] == '/' || path[0] == '@' ? 0 : (size_t)snprintf(out, XS_PATH, "/local/domain/%u/", dom);
	if (at + len >= XS_PATH)
		return -XEN_EINVAL;
	memcpy(out + at, path, len + 1);
	return 0;
}

/* ---- watches ---- */

/* Is path the same as top, or below it? */
static int is_below(const char *path, const char *top)
{
	size_t len = strlen(top);

	if (len == 1 && *top == '/')
		return *path == '/';
	return !strncmp(path, top, len) && (path[len] == 0 || path[len] == '/');
}

static void watch_call(struct watch *w, const char *path)
{
	char base[40];
	size_t len = w->relative ? (size_t)snprintf(base, sizeof(base), "/local/domain/%u/", w->dom) : 0;

	w->fn(w->dom, path + len, w->token, w->arg);
}

/* May the watcher know?  It must be able to read the node, or where it was. */
static int watch_may_see(const struct watch *w, const char *path)
{
	const char *rest;

	return path[0] == '@' ? w->dom == 0 || w->path[0] == '@' :
				may_read(descend(tree_root(NULL), path, &rest), w->dom);
}

/* The node at path changed; removed: so did everything below it. */
static void watch_fire(const char *path, int removed)
{
	struct watch *next;

	for (struct watch *w = watches; w; w = next) {
		next = w->next;
		if (is_below(path, w->path) && watch_may_see(w, path))
			watch_call(w, path);
		else if (removed && is_below(w->path, path) && watch_may_see(w, path))
			watch_call(w, w->path);
	}
}

int xs_watch(uint16_t dom, const char *path, const char *token, xs_watch_fn fn, void *arg)
{
	char abs[XS_PATH];
	unsigned nr = 0;
	struct watch *w;
	int rc = path_absolute(dom, path, abs);

	if (rc)
		return rc;
	for (w = watches; w; w = w->next) {
		if (w->dom != dom)
			continue;
		nr++;
		if (!strcmp(w->path, abs) && !strcmp(w->token, token))
			return -XEN_EEXIST;
	}
	if (dom && nr >= XS_WATCHES)
		return -XEN_ENOSPC;
	w = heap_alloc(sizeof(*w));
	if (!w)
		return -XEN_ENOMEM;
	*w = (struct watch){ .dom = dom, .relative = path[0] != '/' && path[0] != '@', .fn = fn, .arg = arg };
	w->path = copy_of(abs, strlen(abs));
	w->token = copy_of(token, strlen(token));
	if (!w->path || !w->token) {
		heap_free(w->path);
		heap_free(w->token);
		heap_free(w);
		return -XEN_ENOMEM;
	}
	w->next = watches;
	watches = w;
	watch_call(w, w->path);
	return 0;
}

static void watch_free(struct watch **at)
{
	struct watch *w = *at;

	*at = w->next;
	heap_free(w->path);
	heap_free(w->token);
	heap_free(w);
}

int xs_unwatch(uint16_t dom, const char *path, const char *token)
{
	char abs[XS_PATH];
	int rc = path_absolute(dom, path, abs);

	if (rc)
		return rc;
	for (struct watch **w = &watches; *w; w = &(*w)->next) {
		if ((*w)->dom == dom && !strcmp((*w)->path, abs) && !strcmp((*w)->token, token)) {
			watch_free(w);
			return 0;
		}
	}
	return -XEN_ENOENT;
}

void xs_fire_special(const char *name)
{
	watch_fire(name, 0);
}

/* ---- operations on one tree ---- */

static int node_remove(struct node *n)
{
	struct node **at = &n->parent->child;

	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	n->parent->changed = ++clock;
	n->next = NULL;
	tree_free(n);
	return 0;
}

static unsigned path_parts(const char *path)
{
	unsigned nr = 1;

	while ((path = strchr(path, '/'))) {
		path++;
		nr++;
	}
	return nr;
}

/* The node at abs, made with its parents where it is missing; *made: the first of these, or NULL. */
static int node_make(struct xs_tx *tx, uint16_t dom, const char *abs, struct node **out, struct node **made)
{
	const char *rest;
	struct node *n = descend(tree_root(tx), abs, &rest);
	size_t bytes;

	*out = n;
	*made = NULL;
	if (!may_write(n, dom))
		return -XEN_EACCES;
	if (!*rest)
		return 0;
	if (dom && nodes_of(tree_root(tx), dom, &bytes) + path_parts(rest) > XS_NODES)
		return -XEN_ENOSPC;
	n->changed = ++clock;
	while (*rest) {
		const char *end = strchr(rest, '/');
		size_t len = end ? (size_t)(end - rest) : strlen(rest);

		n = node_new(n, rest, len);
		if (!n) {
			if (*made)
				node_remove(*made);
			return -XEN_ENOMEM;
		}
		if (!*made)
			*made = n;
		if (dom)
			n->perm[0].dom = dom;
		n->changed = clock;
		rest += len;
		while (*rest == '/')
			rest++;
	}
	*out = n;
	return 0;
}

/* Values count for the owner of their node, whoever writes them. */
static int node_set(struct xs_tx *tx, uint16_t dom, struct node *n, const char *value, size_t len)
{
	size_t bytes;
	char *copy;

	if (dom && n->perm[0].dom && len > n->len) {
		nodes_of(tree_root(tx), n->perm[0].dom, &bytes);
		if (bytes + len - n->len > XS_BYTES)
			return -XEN_ENOSPC;
	}
	copy = copy_of(value, len);
	if (!copy)
		return -XEN_ENOMEM;
	heap_free(n->value);
	n->value = copy;
	n->len = len;
	n->changed = ++clock;
	return 0;
}

static int perms_parse(const char *text, size_t len, struct perm *perm, unsigned *nr)
{
	const char *end = text + len;

	*nr = 0;
	while (text < end) {
		const char *stop;
		uint64_t dom;

		if (*nr == MAX_PERMS || !strchr("nrwb", *text) || !*text)
			return -XEN_EINVAL;
		if (text[1] < '0' || text[1] > '9')
			return -XEN_EINVAL;
		dom = parse_u64(text + 1, &stop);
		if (dom > 0x7ff0 || stop >= end + 1 || (*stop && *stop != ','))
			return -XEN_EINVAL;
		perm[(*nr)++] =
			(struct perm){ (uint16_t)dom, *text == 'r' || *text == 'b', *text == 'w' || *text == 'b' };
		text = stop + 1;
	}
	return *nr ? 0 : -XEN_EINVAL;
}

/* Make one change on the tree itself or on a transaction's copy.  abs is absolute. */
static int apply(struct xs_tx *tx, uint16_t dom, enum op op, const char *abs, const char *data, size_t len)
{
	struct node *n, *made;
	const char *rest;
	int rc;

	if (abs[0] == '@')
		return -XEN_EINVAL;
	switch (op) {
	case OP_READ:
		return 0;
	case OP_WRITE:
	case OP_MKDIR:
		rc = node_make(tx, dom, abs, &n, &made);
		if (rc || (op == OP_MKDIR && !made))
			return rc;
		rc = op == OP_WRITE ? node_set(tx, dom, n, data, len) : 0;
		if (rc && made)
			node_remove(made);
		break;
	case OP_RM:
		n = descend(tree_root(tx), abs, &rest);
		if (*rest) /* nothing to remove is no error, but a missing parent is */
			return strchr(rest, '/') ? -XEN_ENOENT : may_write(n, dom) ? 0 : -XEN_EACCES;
		if (!n->parent || !may_write(n, dom) || (dom && !may_write(n->parent, dom)))
			return n->parent ? -XEN_EACCES : -XEN_EINVAL;
		rc = node_remove(n);
		break;
	case OP_PERMS: {
		struct perm perm[MAX_PERMS];
		unsigned nr;

		n = node_find(tx, abs);
		if (!n)
			return -XEN_ENOENT;
		rc = perms_parse(data, len, perm, &nr);
		if (rc)
			return rc;
		if (dom && (n->perm[0].dom != dom || perm[0].dom != dom))
			return -XEN_EACCES;
		memcpy(n->perm, perm, sizeof(perm));
		n->nr_perms = nr;
		n->changed = ++clock;
		break;
	}
	default:
		return -XEN_EINVAL;
	}
	if (!rc && !tx)
		watch_fire(abs, op == OP_RM);
	return rc;
}

/* ---- transactions ---- */

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
	descend(tree_root(tx), abs, &rest);
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

static int change(struct xs_tx *tx, uint16_t dom, enum op op, const char *path, const char *data, size_t len)
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

int xs_tx_start(uint16_t dom)
{
	struct xs_tx *tx;
	unsigned nr = 0;

	for (tx = transactions; tx; tx = tx->next)
		nr += tx->dom == dom;
	if (nr >= XS_TRANSACTIONS || (dom && heap_free_bytes() < reserve))
		return -XEN_ENOSPC;
	tx = heap_alloc(sizeof(*tx));
	if (!tx)
		return -XEN_ENOMEM;
	tx->root = tree_copy(tree_root(NULL));
	if (!tx->root) {
		heap_free(tx);
		return -XEN_ENOMEM;
	}
	tx->dom = dom;
	last_tx = last_tx >= 0x3fffffff ? 1 : last_tx + 1;
	tx->id = last_tx;
	tx->started = clock;
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
		if (e->op == OP_RM && is_below(path, e->path))
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
	n = node_find(NULL, o->path);
	if ((n != NULL) != o->existed || (n && n->changed > tx->started))
		return 1;
	if (!o->made)
		return 0;
	/* The node below which it made something must be there still. */
	memcpy(parent, o->path, o->made);
	parent[o->made] = 0;
	*strrchr(parent, '/') = 0;
	return !is_own(tx, o, parent) && !node_find(NULL, parent);
}

/* Make all changes of a transaction, or none. */
static int commit_all(struct xs_tx *tx)
{
	struct node *before = root;

	for (struct tx_op *o = tx->ops; o; o = o->next)
		if (conflicts(tx, o))
			return -XEN_EAGAIN;
	tree_free(tx->root);
	tx->root = tree_copy(root);
	for (struct tx_op *o = tx->ops; tx->root && o; o = o->next) {
		int rc = apply(tx, tx->dom, o->op, o->path, o->data, o->len);

		if (rc) /* rights that have changed: it will see them when it tries again */
			return rc == -XEN_ENOMEM || rc == -XEN_ENOSPC ? rc : -XEN_EAGAIN;
	}
	if (!tx->root)
		return -XEN_ENOMEM;
	root = tx->root;
	tx->root = before;
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

/* ---- the calls ---- */

static int find_readable(struct xs_tx *tx, uint16_t dom, const char *path, struct node **n)
{
	char abs[XS_PATH];
	struct tx_op *o;
	int rc = path_absolute(dom, path, abs);

	if (!rc && tx)
		rc = tx_note(tx, OP_READ, abs, NULL, 0, &o);
	if (rc)
		return rc;
	*n = node_find(tx, abs);
	if (!*n)
		return -XEN_ENOENT;
	return may_read(*n, dom) ? 0 : -XEN_EACCES;
}

int xs_read(struct xs_tx *tx, uint16_t dom, const char *path, const char **value, size_t *len)
{
	struct node *n;
	int rc = find_readable(tx, dom, path, &n);

	if (rc)
		return rc;
	*value = n->value ? n->value : "";
	*len = n->len;
	return 0;
}

int xs_write(struct xs_tx *tx, uint16_t dom, const char *path, const char *value, size_t len)
{
	return len > XS_VALUE ? -XEN_ENOSPC : change(tx, dom, OP_WRITE, path, value, len);
}

int xs_mkdir(struct xs_tx *tx, uint16_t dom, const char *path)
{
	return change(tx, dom, OP_MKDIR, path, NULL, 0);
}

int xs_rm(struct xs_tx *tx, uint16_t dom, const char *path)
{
	return change(tx, dom, OP_RM, path, NULL, 0);
}

int xs_list(struct xs_tx *tx, uint16_t dom, const char *path, char *buf, size_t size)
{
	struct node *n;
	size_t at = 0;
	int rc = find_readable(tx, dom, path, &n);

	for (struct node *c = rc ? NULL : n->child; c; c = c->next) {
		size_t len = strlen(c->name) + 1;

		if (len > size - at)
			return -XEN_E2BIG;
		memcpy(buf + at, c->name, len);
		at += len;
	}
	return rc ? rc : (int)at;
}

int xs_get_perms(struct xs_tx *tx, uint16_t dom, const char *path, char *buf, size_t size)
{
	struct node *n;
	size_t at = 0;
	int rc = find_readable(tx, dom, path, &n);

	if (rc)
		return rc;
	for (unsigned i = 0; i < n->nr_perms && at + 8 < size; i++) {
		const struct perm *p = &n->perm[i];
		char letter = "nrwb"[p->read + 2 * p->write];

		at += (size_t)snprintf(buf + at, size - at, "%c%u", letter, p->dom) + 1;
	}
	return (int)at;
}

int xs_set_perms(struct xs_tx *tx, uint16_t dom, const char *path, const char *perms, size_t len)
{
	return change(tx, dom, OP_PERMS, path, perms, len);
}

void xs_forget(uint16_t dom)
{
	for (struct watch **w = &watches; *w;) {
		if ((*w)->dom == dom)
			watch_free(w);
		else
			w = &(*w)->next;
	}
	for (struct xs_tx *tx = transactions, *next; tx; tx = next) {
		next = tx->next;
		if (tx->dom == dom)
			xs_tx_end(tx, 0);
	}
}

int xs_put(const char *path, const char *value)
{
	return xs_write(NULL, 0, path, value, strlen(value));
}

int xs_putf(const char *path, const char *fmt, ...)
{
	char value[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	return xs_put(path, value);
}

int xs_get(const char *path, char *buf, size_t size)
{
	const char *value;
	size_t len;
	int rc = xs_read(NULL, 0, path, &value, &len);

	if (rc)
		return rc;
	if (len >= size)
		return -XEN_E2BIG;
	memcpy(buf, value, len);
	buf[len] = 0;
	return 0;
}

unsigned xs_get_uint(const char *path, unsigned otherwise)
{
	char text[16];
	const char *end;
	uint64_t n;

	if (xs_get(path, text, sizeof(text)) || text[0] < '0' || text[0] > '9')
		return otherwise;
	n = parse_u64(text, &end);
	return *end || n > 0xffffffff ? otherwise : (unsigned)n;
}

int xs_dir(const char *path, const char *perms)
{
	int rc = xs_mkdir(NULL, 0, path);

	return rc < 0 ? rc : xs_set_perms(NULL, 0, path, perms, strlen(perms));
}
