/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap.c - this domain's free memory: runs of pages, and small pieces cut from pages.
 *
 * Free pages are an address-ordered list of runs that never touch each other; a run is described
 * in its own first page.  A page that heap_alloc() cuts up starts with a struct slab; a large
 * piece is a run of pages that starts with one.  So heap_free() finds what a piece belongs to in
 * the page where it begins.
 */
#include <stdint.h>

#include <runtime/heap.h>
#include <runtime/print.h>
#include <runtime/string.h>
#include <runtime/xen.h>

struct run {
	struct run *next;
	size_t pages;
};

struct piece {
	struct piece *next;
};

#define SLAB_SMALL 0x51ab0001u
#define SLAB_LARGE 0x51ab0002u

struct slab {
	uint32_t kind;	    /* SLAB_*					*/
	uint32_t size;	    /* small: bytes of a piece; large: pages		*/
	uint32_t used;	    /* small: pieces handed out				*/
	uint32_t class;	    /* small						*/
	struct piece *free; /* small: never empty while the slab is in slabs[]	*/
	struct slab **link; /* small: what points at us in slabs[], NULL when full	*/
	struct slab *next;
} __attribute__((aligned(64)));

static const uint16_t class_size[] = { 32, 64, 128, 256, 512, 1008, 2016 };
#define CLASSES (sizeof(class_size) / sizeof(class_size[0]))

static struct run *runs;
static size_t free_pages;
static size_t total_pages, idle;    /* idle: bytes of slabs that are in no piece handed out */
static struct slab *slabs[CLASSES]; /* those with a free piece */

static char *run_end(struct run *r)
{
	return (char *)r + r->pages * PAGE_SIZE;
}

void heap_init(void *base, size_t size)
{
	uintptr_t begin = ((uintptr_t)base + PAGE_SIZE - 1) & PAGE_MASK;
	uintptr_t end = ((uintptr_t)base + size) & PAGE_MASK;

	runs = NULL;
	free_pages = total_pages = idle = 0;
	for (unsigned i = 0; i < CLASSES; i++)
		slabs[i] = NULL;
	if (begin >= end)
		return;
	runs = (struct run *)begin;
	runs->next = NULL;
	runs->pages = free_pages = total_pages = (end - begin) / PAGE_SIZE;
}

void *page_alloc(unsigned nr)
{
	struct run **link = &runs, *r;

	while (*link && (*link)->pages < nr)
		link = &(*link)->next;
	r = *link;
	if (!r || !nr)
		return NULL;
	if (r->pages == nr) {
		*link = r->next;
	} else {
		struct run *rest = (struct run *)((char *)r + nr * PAGE_SIZE);

		rest->next = r->next;
		rest->pages = r->pages - nr;
		*link = rest;
	}
	free_pages -= nr;
	return memset(r, 0, nr * PAGE_SIZE);
}

void page_free(void *pages, unsigned nr)
{
	struct run *r = pages, *before = NULL, *after = runs;

	if (!pages || !nr)
		return;
	while (after && after < r) {
		before = after;
		after = after->next;
	}
	r->pages = nr;
	if ((uintptr_t)pages & ~PAGE_MASK || (before && run_end(before) > (char *)r) ||
	    (after && run_end(r) > (char *)after))
		panic("page_free: %p is free already\n", pages);

	free_pages += nr;
	r->next = after;
	if (after && run_end(r) == (char *)after) {
		r->pages += after->pages;
		r->next = after->next;
	}
	if (before && run_end(before) == (char *)r) {
		before->pages += r->pages;
		before->next = r->next;
	} else if (before) {
		before->next = r;
	} else {
		runs = r;
	}
}

size_t heap_free_bytes(void)
{
	return free_pages * PAGE_SIZE;
}

size_t heap_used_bytes(void)
{
	return (total_pages - free_pages) * PAGE_SIZE - idle;
}

static void slab_list(struct slab *s)
{
	s->next = slabs[s->class];
	s->link = &slabs[s->class];
	if (s->next)
		s->next->link = &s->next;
	slabs[s->class] = s;
}

static void slab_unlist(struct slab *s)
{
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
	s->link = NULL;
}

static struct slab *slab_new(unsigned class)
{
	struct slab *s = page_alloc(1);
	size_t size = class_size[class];

	if (!s)
		return NULL;
	s->kind = SLAB_SMALL;
	s->size = size;
	s->class = class;
	for (size_t at = sizeof(*s); at + size <= PAGE_SIZE; at += size) {
		struct piece *p = (struct piece *)((char *)s + at);

		p->next = s->free;
		s->free = p;
	}
	idle += PAGE_SIZE;
	slab_list(s);
	return s;
}

static void *large_alloc(size_t size)
{
	size_t pages = (size + sizeof(struct slab) + PAGE_SIZE - 1) / PAGE_SIZE;
	struct slab *s = pages < UINT32_MAX ? page_alloc(pages) : NULL;

	if (!s)
		return NULL;
	s->kind = SLAB_LARGE;
	s->size = pages;
	return s + 1;
}

void *heap_alloc(size_t size)
{
	unsigned fit = 0;
	struct slab *s;
	struct piece *p;

	if (!size || size > SIZE_MAX / 2)
		return NULL;
	while (fit < CLASSES && class_size[fit] < size)
		fit++;
	if (fit == CLASSES)
		return large_alloc(size);

	s = slabs[fit] ? slabs[fit] : slab_new(fit);
	if (!s)
		return NULL;
	p = s->free;
	s->free = p->next;
	s->used++;
	idle -= s->size;
	if (!s->free)
		slab_unlist(s);
	return memset(p, 0, s->size);
}

void heap_free(void *ptr)
{
	struct slab *s = (struct slab *)((uintptr_t)ptr & PAGE_MASK);
	struct piece *p = ptr;

	if (!ptr)
		return;
	if (s->kind == SLAB_LARGE && ptr == s + 1) {
		s->kind = 0;
		page_free(s, s->size);
		return;
	}
	if (s->kind != SLAB_SMALL || ((uintptr_t)ptr - (uintptr_t)(s + 1)) % s->size || !s->used)
		panic("heap_free: %p is no piece of the heap\n", ptr);
	p->next = s->free;
	s->free = p;
	idle += s->size;
	if (!s->link)
		slab_list(s);
	if (--s->used == 0) {
		slab_unlist(s);
		s->kind = 0;
		idle -= PAGE_SIZE;
		page_free(s, 1);
	}
}
