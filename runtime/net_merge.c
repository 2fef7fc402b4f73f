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
#include "net_parts.h"

#define STREAMS 8u

static struct stream {
	struct packet *p; /* NULL: free */
	struct net_headers h;
	uint32_t seq; /* of the next segment */
	uint32_t size;
	int pushed;
	int acks; /* it only acknowledges */
} streams[STREAMS];
static unsigned oldest;

static void flush(struct stream *s, void (*deliver)(struct packet *p))
{
	struct packet *p = s->p;

	s->p = NULL;
	if (p->nr > 1) {
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
		if (streams[(oldest + i) % STREAMS].p)
			flush(&streams[(oldest + i) % STREAMS], deliver);
}

/* The newest is looked at first: most packets are its own. */
static struct stream *stream_of(const uint8_t *head, const struct net_headers *h)
{
	for (unsigned i = 1; i <= STREAMS; i++) {
		struct stream *s = &streams[(oldest - i) % STREAMS];

		if (s->p && net_segment_same(s->p->piece[0].data, &s->h, head, h))
			return s;
	}
	return NULL;
}

static struct stream *stream_begin(const struct net_piece *piece, const struct net_headers *h, uint32_t data,
				   void (*deliver)(struct packet *p))
{
	struct stream *s = &streams[oldest];

	oldest = (oldest + 1) % STREAMS;
	if (s->p)
		flush(s, deliver);
	*s = (struct stream){ .h = *h, .seq = net_segment_seq(piece->data, h) + data, .size = data };
	s->p = net_keep(&(struct net_meta){ .csum = NET_CSUM_VALID }, piece, 1);
	return s;
}

static int fits(const struct stream *s, const uint8_t *head, const struct net_headers *h, uint32_t data)
{
	return !s->acks && net_segment_seq(head, h) == s->seq && data <= s->size && s->p->nr < NET_PIECES &&
	       s->p->len + data - s->h.ip <= 0xffff && net_segment_alike(s->p->piece[0].data, head, h);
}

/* Data that goes on where the stream ended becomes a piece of the whole. */
static void add(struct stream *s, const struct net_piece *piece, const struct net_headers *h, uint32_t data,
		void (*deliver)(struct packet *p))
{
	int pushed = net_segment_pushed(piece->data, h);

	if (s && fits(s, piece->data, h, data)) {
		s->p->piece[s->p->nr++] = (struct net_piece){ piece->data + h->len, data };
		s->p->len += data;
		s->seq += data;
	} else {
		if (s)
			flush(s, deliver);
		s = stream_begin(piece, h, data, deliver);
	}
	if (pushed || data < s->size) {
		s->pushed = pushed;
		flush(s, deliver);
	}
}

/* One that acknowledges more takes the place of what was kept; one that repeats itself is news. */
static void acknowledge(struct stream *s, const struct net_piece *piece, const struct net_headers *h,
			void (*deliver)(struct packet *p))
{
	const uint8_t *head = piece->data;

	if (s && s->acks && s->seq == net_segment_seq(head, h) && s->h.len == h->len &&
	    (int32_t)(net_segment_ack(head, h) - net_segment_ack(s->p->piece[0].data, h)) > 0) {
		net_page_put(s->p->piece[0].data);
		s->p->piece[0] = *piece;
		s->p->len = piece->len;
		return;
	}
	if (s)
		flush(s, deliver);
	s = stream_begin(piece, h, 0, deliver);
	s->acks = 1;
}

void net_merge(const struct net_meta *meta, const struct net_piece *piece, unsigned nr, uint32_t len,
	       void (*deliver)(struct packet *p))
{
	struct net_headers h;
	struct stream *s;
	int data = -1;

	if (net_headers_parse(&h, piece->data, piece->len) || !h.tcp) {
		deliver(net_keep(meta, piece, nr));
		return;
	}
	/* As it came: what is lost from here on is missed. */
	net_dialogue_note(&net_dialogue, &net_switch, piece->data, &h, len);
	if (nr == 1 && !meta->gso && meta->csum != NET_CSUM_BLANK)
		data = net_segment_data(piece->data, &h, len);
	if (data >= 0 && meta->csum == NET_CSUM_NONE && !net_checksum_right(piece->data, &h, h.len + data))
		data = -1;
	s = stream_of(piece->data, &h);
	if (data > 0) {
		add(s, piece, &h, data, deliver);
	} else if (!data) {
		acknowledge(s, piece, &h, deliver);
	} else {
		if (s)
			flush(s, deliver);
		deliver(net_keep(meta, piece, nr));
	}
}
