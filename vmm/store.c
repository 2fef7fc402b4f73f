/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store.c - the calls of the store: on behalf of domains, and of the VMM server itself.
 */
#include <stdarg.h>

#include <runtime/print.h>
#include <runtime/string.h>
#include <runtime/xen.h>

#include "store.h"
#include "store_tree.h"
#include "store_tx.h"
#include "store_watch.h"

int xs_read(struct xs_tx *tx, uint16_t dom, const char *path, const char **value, size_t *len)
{
	struct node *n;
	int rc = tx_read(tx, dom, path, &n);

	if (rc)
		return rc;
	*value = n->value ? n->value : "";
	*len = n->len;
	return 0;
}

int xs_write(struct xs_tx *tx, uint16_t dom, const char *path, const char *value, size_t len)
{
	return len > XS_VALUE ? -XEN_ENOSPC : tx_change(tx, dom, OP_WRITE, path, value, len);
}

int xs_mkdir(struct xs_tx *tx, uint16_t dom, const char *path)
{
	return tx_change(tx, dom, OP_MKDIR, path, NULL, 0);
}

int xs_rm(struct xs_tx *tx, uint16_t dom, const char *path)
{
	return tx_change(tx, dom, OP_RM, path, NULL, 0);
}

int xs_list(struct xs_tx *tx, uint16_t dom, const char *path, char *buf, size_t size)
{
	struct node *n;
	size_t at = 0;
	int rc = tx_read(tx, dom, path, &n);

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
	int rc = tx_read(tx, dom, path, &n);

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
	return tx_change(tx, dom, OP_PERMS, path, perms, len);
}

void xs_forget(uint16_t dom)
{
	watch_forget(dom);
	tx_forget(dom);
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
