/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_tree.c - see store_tree.h.
 *
 * Nothing here recurses: a walk over a subtree goes by parent and sibling links.
 */
#include <runtime/heap.h>
#include <runtime/print.h>
#include <runtime/string.h>
#include <runtime/xen.h>

#include "store.h"
#include "store_tree.h"

static struct node *root;
static uint64_t clock; /* counts changes */
static size_t reserve;

char *copy_of(const char *s, size_t len)
{
	char *c = heap_alloc(len + 1);

	if (c)
		memcpy(c, s, len);
	return c;
}

struct node *tree_main(void)
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
	return root;
}

struct node *tree_exchange(struct node *with)
{
	struct node *before = root;

	root = with;
	return before;
}

size_t tree_reserve(void)
{
	tree_main();
	return reserve;
}

uint64_t tree_clock(void)
{
	return clock;
}

static struct node *child_of(struct node *n, const char *name, size_t len)
{
	struct node *c = n->child;

	while (c && (strncmp(c->name, name, len) || c->name[len]))
		c = c->next;
	return c;
}

struct node *node_descend(struct node *n, const char *path, const char **rest)
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

struct node *node_find(struct node *top, const char *path)
{
	const char *rest;
	struct node *n = node_descend(top, path, &rest);

	return *rest ? NULL : n;
}

static void node_free_one(struct node *n)
{
	heap_free(n->name);
	heap_free(n->value);
	heap_free(n);
}

void tree_free(struct node *top)
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

/* What a domain other than the owner may. */
static const struct perm *perm_for(const struct node *n, uint16_t dom)
{
	for (unsigned i = 1; i < n->nr_perms; i++)
		if (n->perm[i].dom == dom)
			return &n->perm[i];
	return &n->perm[0];
}

int node_may_read(const struct node *n, uint16_t dom)
{
	return dom == 0 || n->perm[0].dom == dom || perm_for(n, dom)->read;
}

int node_may_write(const struct node *n, uint16_t dom)
{
	return dom == 0 || n->perm[0].dom == dom || perm_for(n, dom)->write;
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

struct node *tree_copy(struct node *top)
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

static int path_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
	       c == '/' || c == '@' || c == ':' || c == '.' || c == '+';
}

int path_absolute(uint16_t dom, const char *path, char *out)
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

int path_is_below(const char *path, const char *top)
{
	size_t len = strlen(top);

	if (len == 1 && *top == '/')
		return *path == '/';
	return !strncmp(path, top, len) && (path[len] == 0 || path[len] == '/');
}

void node_remove(struct node *n)
{
	struct node **at = &n->parent->child;

	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	n->parent->changed = ++clock;
	n->next = NULL;
	tree_free(n);
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

int node_make(struct node *top, uint16_t dom, const char *abs, struct node **out, struct node **made)
{
	const char *rest;
	struct node *n = node_descend(top, abs, &rest);
	size_t bytes;

	*out = n;
	*made = NULL;
	if (!node_may_write(n, dom))
		return -XEN_EACCES;
	if (!*rest)
		return 0;
	if (dom && nodes_of(top, dom, &bytes) + path_parts(rest) > XS_NODES)
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

int node_set(struct node *top, uint16_t dom, struct node *n, const char *value, size_t len)
{
	size_t bytes;
	char *copy;

	if (dom && n->perm[0].dom && len > n->len) {
		nodes_of(top, n->perm[0].dom, &bytes);
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

int node_set_perms(uint16_t dom, struct node *n, const char *text, size_t len)
{
	struct perm perm[MAX_PERMS];
	unsigned nr;
	int rc = perms_parse(text, len, perm, &nr);

	if (rc)
		return rc;
	if (dom && (n->perm[0].dom != dom || perm[0].dom != dom))
		return -XEN_EACCES;
	memcpy(n->perm, perm, sizeof(perm));
	n->nr_perms = nr;
	n->changed = ++clock;
	return 0;
}
