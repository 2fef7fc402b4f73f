/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_merge.c - joining segments, and leaving out acknowledgements that a later one repeats (RFC 3449, 5.2.1).
 *
 * Packets of a stream never overtake each other.  What is joined was found to have a right checksum, by
 * the device or here: the whole gets a blank one, which nobody can check any more.
 */
#include <runtime/net_segment.h>
#include <runtime/string.h>

#include "net_merge.h"

#define STREAMS 8u

static struct stream {
	struct packet *p; /* NULL: free */
	struct net_headers h;
	uint32_t seq; /* of the next segment */
	uint32_t size;
	unsigned nr;
	int pushed;
	int acks; /* it only acknowledges */
} streams[STREAMS];
static unsigned oldest;

static void flush(struct stream *s, void (*deliver)(struct packet *p))
{
	struct packet *p = s->p;

	if (!p)
		return;
	s->p = NULL;
	if (s->nr > 1) {
		net_segment_joined(p->piece[0].data, &s->h, p->len - s->h.len, s->pushed);
		p->meta = (struct net_meta){
			.csum = NET_CSUM_BLANK,
			.gso = s->h.ipv6 ? NET_GSO_TCPV6 : NET_GSO_TCPV4,
			.gso_size = s->size,
			.csum_start = s->h.start,
			.csum_offset = s->h.offset,
			.header_len = s->h.len,
			.ip_start = s->h.ip,
		};
	}
	deliver(p);
}

void net_merge_flush(void (*deliver)(struct packet *p))
{
	for (unsigned i = 0; i < STREAMS; i++)
		flush(&streams[(oldest + i) % STREAMS], deliver);
}

/* The newest is looked at first: most packets are its own. */
static struct stream *stream_of(const struct packet *p, const struct net_headers *h)
{
	for (unsigned i = 1; i <= STREAMS; i++) {
		struct stream *s = &streams[(oldest - i) % STREAMS];

		if (s->p && net_segment_same(s->p->piece[0].data, &s->h, p->piece[0].data, h))
			return s;
	}
	return NULL;
}

static int fits(const struct stream *s, const struct packet *p, const struct net_headers *h, uint32_t data)
{
	return !s->acks && net_segment_seq(p->piece[0].data, h) == s->seq && data <= s->size && s->p->nr < NET_PIECES &&
	       s->p->len + data - s->h.ip <= 0xffff && net_segment_alike(s->p->piece[0].data, p->piece[0].data, h);
}

/* The page of p's data becomes a piece of the whole. */
static void join(struct stream *s, struct packet *p, const struct net_headers *h, uint32_t data)
{
	s->p->piece[s->p->nr++] = (struct net_piece){ p->piece[0].data + h->len, data };
	s->p->len += data;
	s->nr++;
	p->nr = 0;
	packet_put(p);
}

static struct stream *stream_begin(struct packet *p, const struct net_headers *h, uint32_t data,
				   void (*deliver)(struct packet *p))
{
	struct stream *s = &streams[oldest];

	oldest = (oldest + 1) % STREAMS;
	flush(s, deliver);
	*s = (struct stream){ .p = p, .h = *h, .size = data, .nr = 1 };
	return s;
}

/* One that acknowledges more takes the place of what was kept; one that repeats itself is news. */
static void acknowledge(struct stream *s, struct packet *p, const struct net_headers *h,
			void (*deliver)(struct packet *p))
{
	const uint8_t *head = p->piece[0].data;

	if (s && s->acks && s->seq == net_segment_seq(head, h) && s->h.len == h->len &&
	    (int32_t)(net_segment_ack(head, h) - net_segment_ack(s->p->piece[0].data, h)) > 0) {
		packet_put(s->p);
		s->p = p;
		return;
	}
	if (s)
		flush(s, deliver);
	s = stream_begin(p, h, 0, deliver);
	s->acks = 1;
	s->seq = net_segment_seq(head, h);
}

/* Data that goes on where the stream ended becomes a part of it. */
static void add(struct stream *s, struct packet *p, const struct net_headers *h, uint32_t data,
		void (*deliver)(struct packet *p))
{
	int pushed = net_segment_pushed(p->piece[0].data, h);
	uint32_t end = net_segment_seq(p->piece[0].data, h) + data;

	if (s && fits(s, p, h, data)) {
		join(s, p, h, data);
	} else {
		if (s)
			flush(s, deliver);
		s = stream_begin(p, h, data, deliver);
	}
	s->seq = end;
	s->pushed = pushed;
	if (pushed || data < s->size)
		flush(s, deliver);
}

void net_merge(struct packet *p, void (*deliver)(struct packet *p))
{
	const uint8_t *head = p->piece[0].data;
	struct net_headers h;
	struct stream *s;
	int data = -1;

	if (net_headers_parse(&h, head, p->piece[0].len) || !h.tcp) {
		deliver(p);
		return;
	}
	net_heard(p, &h);
	if (p->nr == 1 && !p->meta.gso && p->meta.csum != NET_CSUM_BLANK)
		data = net_segment_data(head, &h, p->len);
	if (data >= 0 && p->meta.csum == NET_CSUM_NONE && net_checksum_right(head, &h, h.len + data))
		p->meta.csum = NET_CSUM_VALID;
	s = stream_of(p, &h);
	if (data < 0 || p->meta.csum != NET_CSUM_VALID) {
		if (s)
			flush(s, deliver);
		deliver(p);
	} else if (data) {
		add(s, p, &h, data, deliver);
	} else {
		acknowledge(s, p, &h, deliver);
	}
}
