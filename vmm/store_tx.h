/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_tx.h - reading and changing nodes, on the tree itself (tx NULL) or in a transaction, which remembers it.
 * Paths are as in store.h.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct node;
struct xs_tx;

enum op { OP_READ, OP_WRITE, OP_MKDIR, OP_RM, OP_PERMS };

/* 0 or -errno; whoever watches is told, unless it is in a transaction. */
int tx_change(struct xs_tx *tx, uint16_t dom, enum op op, const char *path, const char *data, size_t len);
/* The node that dom may read; -ENOENT, -EACCES. */
int tx_read(struct xs_tx *tx, uint16_t dom, const char *path, struct node **n);
/* All of a domain's end without effect. */
void tx_forget(uint16_t dom);
