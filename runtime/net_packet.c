/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_packet.c - packets in this domain's own memory.
 *
 * Copies may use COPY_PAGES of the pool's pages, so a device that is slow to send, or a frontend that
 * does not take what it gets, leaves the device enough to receive into.
 */
#include <runtime/heap.h>
#include <runtime/xen.h>

#include "net_packet.h"

#define PAGES	   896u
#define COPY_PAGES 352u
#define PACKETS	   PAGES /* each has a page at least */

static void *page[PAGES];
static unsigned nr_pages, copy_pages;
static struct packet *free_packets;

int packets_init(void)
{
	char *memory = page_alloc(PAGES);
	struct packet *packet = heap_alloc(PACKETS * sizeof(*packet));

	if (!memory || !packet)
		return -XEN_ENOMEM;
	for (unsigned i = 0; i < PAGES; i++)
		page[nr_pages++] = memory + i * PAGE_SIZE;
	for (unsigned i = 0; i < PACKETS; i++) {
		packet[i].next = free_packets;
		free_packets = &packet[i];
	}
	return 0;
}

void *net_page_get(void)
{
	return nr_pages ? page[--nr_pages] : NULL;
}

void net_page_put(void *va)
{
	page[nr_pages++] = (void *)((uint64_t)va & PAGE_MASK);
}

struct packet *packet_new(void)
{
	struct packet *p = free_packets;

	if (!p)
		return NULL;
	free_packets = p->next;
	p->refs = 1;
	p->nr = p->len = 0;
	p->copied = 0;
	return p;
}

void packet_fill(struct packet *p, uint32_t len)
{
	p->copied = 1;
	p->len = len;
	for (; len; p->nr++) {
		p->piece[p->nr].data = net_page_get();
		p->piece[p->nr].len = len < PAGE_SIZE ? len : PAGE_SIZE;
		len -= p->piece[p->nr].len;
		copy_pages++;
	}
}

void packet_hold(struct packet *p)
{
	p->refs++;
}

void packet_put(struct packet *p)
{
	if (--p->refs)
		return;
	for (unsigned i = 0; i < p->nr; i++)
		net_page_put(p->piece[i].data);
	if (p->copied)
		copy_pages -= p->nr;
	p->next = free_packets;
	free_packets = p;
}

unsigned packet_pages(void)
{
	unsigned most = COPY_PAGES - copy_pages;

	if (!free_packets)
		return 0;
	return most < nr_pages ? most : nr_pages;
}
