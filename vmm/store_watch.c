/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_watch.c - who wants to be told of changes in the store.
 */
#include <runtime/heap.h>
#include <runtime/print.h>
#include <runtime/string.h>
#include <runtime/xen.h>

#include "store.h"
#include "store_tree.h"
#include "store_watch.h"

struct watch {
	struct watch *next;
	uint16_t dom;
	int relative;
	char *path, *token;
	xs_watch_fn fn;
	void *arg;
};

static struct watch *watches;

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
				node_may_read(node_descend(tree_main(), path, &rest), w->dom);
}

void watch_fire(const char *path, int removed)
{
	struct watch *next;

	for (struct watch *w = watches; w; w = next) {
		next = w->next;
		if (path_is_below(path, w->path) && watch_may_see(w, path))
			watch_call(w, path);
		else if (removed && path_is_below(w->path, path) && watch_may_see(w, path))
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

void watch_forget(uint16_t dom)
{
	for (struct watch **w = &watches; *w;) {
		if ((*w)->dom == dom)
			watch_free(w);
		else
			w = &(*w)->next;
	}
}
