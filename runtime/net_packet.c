/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_packet.c - packets in this domain's own memory.
 *
 * COPY_PAGES of the pool's pages are for copies and no more, HEADER_PAGES for headers of segments.  So a
 * device that is slow to send, or a frontend that does not take what it gets, leaves the device enough
 * to receive into, and however much the device can receive into, there is enough to send from.
 */
#include <runtime/heap.h>
#include <runtime/net_segment.h>
#include <runtime/string.h>

#include "net_packet.h"

#define PAGES	     896u
#define COPY_PAGES   352u
#define HEADER_PAGES 64u
#define SEGMENTS     1024u
#define PACKETS	     (PAGES + SEGMENTS) /* each but a segment has a page at least */

static void *page[PAGES];
static unsigned nr_pages, copy_pages, nr_segments;
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

static void *take(void)
{
	return nr_pages ? page[--nr_pages] : NULL;
}

void *net_page_get(void)
{
	return nr_pages > COPY_PAGES - copy_pages + HEADER_PAGES ? take() : NULL;
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
	p->queue = 0;
	p->meta = (struct net_meta){ 0 };
	p->parent = NULL;
	p->nr_headers = 0;
	return p;
}

void packet_fill(struct packet *p, uint32_t len)
{
	p->copied = 1;
	p->len = len;
	for (; len; p->nr++) {
		p->piece[p->nr].data = take();
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
	while (p->nr_headers)
		net_page_put(p->header[--p->nr_headers]);
	if (p->copied)
		copy_pages -= p->nr;
	if (p->parent) {
		nr_segments--;
		packet_put(p->parent);
	} else {
		while (p->nr)
			net_page_put(p->piece[--p->nr].data);
	}
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

unsigned packet_segments(struct packet *p)
{
	struct net_headers *h = &p->headers;
	uint32_t nr;

	if (!p->meta.gso_size || net_headers_parse(h, p->piece[0].data, p->piece[0].len) || !h->tcp ||
	    h->len > NET_HEADERS || h->len >= p->len)
		return 0;
	nr = (p->len - h->len + p->meta.gso_size - 1) / p->meta.gso_size;
	return nr <= PACKET_SEGMENTS ? nr : 0;
}

/* q holds those pieces of p that its next len bytes lie in. */
static void share(struct packet *q, struct packet *p, uint32_t len)
{
	while (len && p->cut_piece < p->nr) {
		const struct net_piece *from = &p->piece[p->cut_piece];
		uint32_t part;

		if (p->cut_at >= from->len) {
			p->cut_at -= from->len;
			p->cut_piece++;
			continue;
		}
		part = from->len - p->cut_at < len ? from->len - p->cut_at : len;
		q->piece[q->nr++] = (struct net_piece){ from->data + p->cut_at, part };
		p->cut_at += part;
		len -= part;
	}
}

struct packet *packet_cut(struct packet *p, unsigned i)
{
	const struct net_headers *h = &p->headers;
	uint32_t size = p->meta.gso_size, left = p->len - h->len - i * size, len = left < size ? left : size;
	unsigned last = i * NET_HEADERS / PAGE_SIZE;
	struct packet *q;

	if (last == p->nr_headers) {
		p->header[last] = take();
		p->nr_headers += p->header[last] != NULL;
	}
	q = last < p->nr_headers && nr_segments < SEGMENTS ? packet_new() : NULL;
	if (!q)
		return NULL;
	nr_segments++;
	if (!i) {
		p->cut_piece = 0;
		p->cut_at = h->len;
	}
	q->nr = 1;
	q->piece[0] = (struct net_piece){ p->header[last] + i * NET_HEADERS % PAGE_SIZE, h->len };
	net_segment_header(q->piece[0].data, p->piece[0].data, h, p->len - h->len, size, i);
	share(q, p, len);
	q->len = h->len + len;
	q->meta = (struct net_meta){ .csum = NET_CSUM_BLANK, .csum_start = h->start, .csum_offset = h->offset };
	q->queue = p->queue;
	q->parent = p;
	packet_hold(p);
	return q;
}

unsigned packet_segments_left(void)
{
	return SEGMENTS - nr_segments;
}
