/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * list.h - a circular doubly linked list; a head is a node that stands for "the end".
 */
#pragma once

#include <core/types.h>

struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

/* Of a head also without its lock: then it may be out of date. */
static inline bool list_empty(const struct list *l)
{
	return __atomic_load_n(&l->next, __ATOMIC_RELAXED) == l;
}

static inline void list_add_tail(struct list *head, struct list *n)
{
	n->prev = head->prev;
	n->next = head;
	head->prev->next = n;
	head->prev = n;
}

/* Unlink; safe to repeat. */
static inline void list_del(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	n->next = n->prev = n;
}

/* All that is in from is in to, which was empty. */
static inline void list_move(struct list *to, struct list *from)
{
	*to = *from;
	to->next->prev = to->prev->next = to;
	list_init(from);
}

#define list_entry(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))
#define list_for_each(p, head)	    for (struct list *p = (head)->next; p != (head); p = p->next)
