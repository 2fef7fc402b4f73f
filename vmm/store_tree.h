/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_tree.h - the nodes of the store, whose they are and who may see or change them.
 *
 * There is the tree, and copies of it that transactions work on.  top is the root of either.  Functions that can
 * fail answer 0 or a negative errno of xen/errno.h.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

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
	uint64_t changed; /* tree_clock() when it or its list of children last changed */
	unsigned nr_perms;
	struct perm perm[MAX_PERMS]; /* [0]: the owner, and what others may */
};

/* The tree itself. */
struct node *tree_main(void);
/* Another takes its place: the one that was there. */
struct node *tree_exchange(struct node *with);
/* Counts the changes of all trees. */
uint64_t tree_clock(void);
/* Bytes of memory that copies for guests leave free: a part of what there was before there was a tree. */
size_t tree_reserve(void);
/* NULL: no memory. */
struct node *tree_copy(struct node *top);
/* Free n and all below it; n is out of its parent's list already. */
void tree_free(struct node *n);

/* Walk down as far as the path goes: the last node reached; *rest is what is left of the path. */
struct node *node_descend(struct node *top, const char *path, const char **rest);
/* NULL: there is none. */
struct node *node_find(struct node *top, const char *path);
int node_may_read(const struct node *n, uint16_t dom);
int node_may_write(const struct node *n, uint16_t dom);
/* The node at this absolute path, made with its parents where it is missing; *made: the first of these, or NULL. */
int node_make(struct node *top, uint16_t dom, const char *abs, struct node **out, struct node **made);
/* Values count for the owner of their node, whoever writes them. */
int node_set(struct node *top, uint16_t dom, struct node *n, const char *value, size_t len);
/* Permissions as in xs_set_perms(). */
int node_set_perms(uint16_t dom, struct node *n, const char *text, size_t len);
/* With all below it; n has a parent. */
void node_remove(struct node *n);

/* What the domain calls path, as an absolute one of at most XS_PATH bytes. */
int path_absolute(uint16_t dom, const char *path, char *out);
/* Is path the same as top, or below it? */
int path_is_below(const char *path, const char *top);
/* On the heap; NULL: no memory. */
char *copy_of(const char *s, size_t len);
