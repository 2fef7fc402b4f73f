/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_segment_test.c - cutting packets and joining segments, with every byte and checksum looked at.
 */
#include "fake.h"
#include "net_merge.h"

#include <runtime/heap.h>
#include <runtime/net_segment.h>

#define MOST 65000u

static uint8_t stream[MOST];
static uint32_t delivered; /* bytes of the stream that came, in order */
static unsigned nr_packets, nr_joined;
static uint32_t first_seq = 0xfffff000; /* the numbers wrap on the way */

static void setup(void)
{
	size_t size = 1200 * PAGE_SIZE;

	heap_init(aligned_alloc(PAGE_SIZE, size), size);
	ck_assert_int_eq(packets_init(), 0);
	for (uint32_t i = 0; i < MOST; i++)
		stream[i] = (uint8_t)test_random();
}

static unsigned header_len(int ipv6)
{
	return 14 + (ipv6 ? 40 : 20) + 32;
}

/* Headers of a packet with len bytes of data; options as Linux has them. */
static void write_header(uint8_t *p, int ipv6, uint32_t seq, uint32_t len, uint8_t flags)
{
	unsigned ip = 14, tcp = ipv6 ? 54 : 34;
	struct net_piece piece = { p + ip, 20 };

	memset(p, 0, header_len(ipv6));
	memset(p, 0x52, 12);
	net_put16(p + 12, ipv6 ? 0x86dd : 0x0800);
	if (ipv6) {
		p[ip] = 0x60;
		net_put16(p + ip + 4, 32 + len);
		p[ip + 6] = 6;
		memset(p + ip + 8, 0xfd, 32);
	} else {
		p[ip] = 0x45;
		net_put16(p + ip + 2, 20 + 32 + len);
		net_put16(p + ip + 4, 0x1234);
		p[ip + 6] = 0x40;
		p[ip + 8] = 64;
		p[ip + 9] = 6;
		memset(p + ip + 12, 10, 8);
		net_checksum_fill(&piece, 1, 0, 10);
	}
	net_put16(p + tcp, 4000);
	net_put16(p + tcp + 2, 5001);
	net_put16(p + tcp + 4, seq >> 16);
	net_put16(p + tcp + 6, seq);
	p[tcp + 12] = 8 << 4;
	p[tcp + 13] = flags;
	net_put16(p + tcp + 14, 500);
	memset(p + tcp + 20, 1, 12);
	net_put16(p + tcp + 16, net_tcp_pseudo_sum(p + ip, ipv6, 32 + len));
}

/* A large packet that waits for being cut: pages as a frontend's copies have them. */
static struct packet *large(int ipv6, uint32_t len, uint16_t size, uint8_t flags)
{
	uint8_t *all = malloc(header_len(ipv6) + len);
	struct packet *p = packet_new();

	write_header(all, ipv6, first_seq, len, flags);
	memcpy(all + header_len(ipv6), stream, len);
	packet_fill(p, header_len(ipv6) + len);
	for (unsigned i = 0, at = 0; i < p->nr; at += p->piece[i++].len)
		memcpy(p->piece[i].data, all + at, p->piece[i].len);
	free(all);
	p->meta = (struct net_meta){ .csum = NET_CSUM_BLANK,
				     .gso = ipv6 ? NET_GSO_TCPV6 : NET_GSO_TCPV4,
				     .gso_size = size };
	return p;
}

/* As the device would receive what it is: in one page. */
static struct packet *received(const struct packet *p)
{
	struct packet *q = packet_new();
	uint8_t *at = net_page_get();

	q->nr = 1;
	q->len = p->len;
	q->piece[0] = (struct net_piece){ at, p->len };
	for (unsigned i = 0; i < p->nr; at += p->piece[i++].len)
		memcpy(at, p->piece[i].data, p->piece[i].len);
	return q;
}

/* What comes: headers that tell the truth, and the stream's next bytes. */
static void deliver(struct packet *p)
{
	uint8_t *all = malloc(p->len);
	struct net_headers h;

	for (unsigned i = 0, at = 0; i < p->nr; at += p->piece[i++].len)
		memcpy(all + at, p->piece[i].data, p->piece[i].len);
	check_that(!net_headers_parse(&h, all, p->len) && h.tcp);
	check_that(net_segment_seq(all, &h) == first_seq + delivered);
	check_that(h.ipv6 || net_get16(all + h.ip + 2) == p->len - h.ip);
	check_that(!h.ipv6 || net_get16(all + h.ip + 4) == p->len - h.start);
	if (p->meta.gso) {
		struct net_piece piece = { all, p->len };

		nr_joined++;
		check_that(p->meta.csum == NET_CSUM_BLANK && p->meta.header_len == h.len);
		check_that(p->meta.csum_start == h.start && p->meta.csum_offset == h.offset &&
			   p->meta.ip_start == h.ip);
		net_checksum_fill(&piece, 1, h.start, h.offset);
	}
	check_that(net_checksum_right(all, &h, p->len));
	check_that(!memcmp(all + h.len, stream + delivered, p->len - h.len));
	delivered += p->len - h.len;
	nr_packets++;
	free(all);
	packet_put(p);
}

static void cut_and_check(int ipv6, uint32_t len, uint16_t size)
{
	struct packet *p = large(ipv6, len, size, 0x19); /* FIN, PSH, ACK */
	unsigned nr = packet_segments(p), pages = packet_pages();

	delivered = nr_packets = nr_joined = 0;
	ck_assert_uint_eq(nr, (len + size - 1) / size);
	for (unsigned i = 0; i < nr; i++) {
		struct packet *s = packet_cut(p, i);
		unsigned flags = s->piece[0].data[header_len(ipv6) - 32 + 13];

		check_that(s->meta.csum == NET_CSUM_BLANK && !s->meta.gso);
		check_that(s->len <= header_len(ipv6) + size);
		check_that(flags == (i + 1 == nr ? 0x19 : 0x10));
		check_that(!net_checksum_fill(s->piece, s->nr, s->meta.csum_start, s->meta.csum_offset));
		deliver(s);
	}
	ck_assert_uint_eq(delivered, len);
	packet_put(p);
	check_that(packet_pages() >= pages);
}

START_TEST(what_is_cut_is_the_packet_in_segments_with_right_checksums)
{
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		cut_and_check(ipv6, 65000 - 100, 1448);
		cut_and_check(ipv6, 1448, 1448);
		cut_and_check(ipv6, 1449, 1448);
		cut_and_check(ipv6, 30000, 4095);
		cut_and_check(ipv6, 30001, 8961);
		for (unsigned i = 0; i < 50; i++)
			cut_and_check(ipv6, 1 + (uint32_t)test_below(64000), (uint16_t)(512 + test_below(9000)));
	}
}
END_TEST

START_TEST(a_packet_that_makes_too_many_segments_is_not_cut)
{
	struct packet *p = large(0, 60000, 100, 0x10);

	ck_assert_uint_eq(packet_segments(p), 0);
	p->meta.gso_size = 0;
	ck_assert_uint_eq(packet_segments(p), 0);
}
END_TEST

/* It comes from the device. */
static void merge(struct packet *p, void (*to)(struct packet *p))
{
	net_merge(&p->meta, p->piece, p->nr, p->len, to);
	p->nr = 0;
	packet_put(p);
}

/* Send the stream in segments and see it come: lost[i] segments are left out. */
static void join_and_check(int ipv6, uint32_t len, uint16_t size, uint8_t csum)
{
	struct packet *p = large(ipv6, len, size, 0x18);
	unsigned nr = packet_segments(p);

	delivered = nr_packets = nr_joined = 0;
	for (unsigned i = 0; i < nr; i++) {
		struct packet *s = packet_cut(p, i), *r;

		net_checksum_fill(s->piece, s->nr, s->meta.csum_start, s->meta.csum_offset);
		r = received(s);
		r->meta.csum = csum;
		packet_put(s);
		merge(r, deliver);
	}
	net_merge_flush(deliver);
	packet_put(p);
	ck_assert_uint_eq(delivered, len);
}

START_TEST(segments_of_a_stream_become_large_packets)
{
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		join_and_check(ipv6, 36 * 1448, 1448, NET_CSUM_NONE);
		ck_assert_uint_eq(nr_packets, 36 / NET_PIECES);
		ck_assert_uint_eq(nr_joined, 36 / NET_PIECES);
		join_and_check(ipv6, 10 * 1448 + 100, 1448, NET_CSUM_VALID);
		ck_assert_uint_eq(nr_packets, 1);
		join_and_check(ipv6, 100, 1448, NET_CSUM_NONE);
		ck_assert_uint_eq(nr_joined, 0);
	}
}
END_TEST

static struct packet *segment(uint32_t at, uint32_t len, uint8_t flags)
{
	struct packet *p = packet_new();
	uint8_t *page = net_page_get();
	struct net_piece *piece = &p->piece[0];

	write_header(page, 0, first_seq + at, len, flags);
	memcpy(page + header_len(0), stream + at, len);
	*piece = (struct net_piece){ page, header_len(0) + len };
	p->nr = 1;
	p->len = piece->len;
	net_checksum_fill(piece, 1, 34, 16);
	return p;
}

START_TEST(what_is_out_of_turn_is_not_joined_and_not_overtaken)
{
	merge(segment(0, 1000, 0x10), deliver);
	merge(segment(1000, 1000, 0x10), deliver);
	ck_assert_uint_eq(nr_packets, 0);
	merge(segment(2000, 1000, 0x11), deliver); /* FIN */
	ck_assert_uint_eq(nr_packets, 2);
	ck_assert_uint_eq(nr_joined, 1);
	merge(segment(3000, 1000, 0x10), deliver);
	merge(segment(4000, 1000, 0x18), deliver); /* PSH ends it */
	ck_assert_uint_eq(nr_packets, 3);
	merge(segment(5000, 500, 0x10), deliver);
	merge(segment(5500, 1000, 0x10), deliver); /* larger than the first */
	ck_assert_uint_eq(nr_packets, 4);
	net_merge_flush(deliver);
	ck_assert_uint_eq(delivered, 6500);
}
END_TEST

static void count(struct packet *p)
{
	nr_packets++;
	nr_joined += p->meta.gso != 0;
	packet_put(p);
}

START_TEST(what_differs_or_is_damaged_is_not_joined)
{
	struct packet *p;

	merge(segment(0, 1000, 0x10), count);
	p = segment(1000, 1000, 0x10);
	p->piece[0].data[500] ^= 1;
	merge(p, count);
	ck_assert_uint_eq(nr_packets, 2); /* ... nor is it believed to be right */
	merge(segment(2000, 1000, 0x10), count);
	p = segment(3000, 1000, 0x10);
	net_put16(p->piece[0].data + 34 + 14, 501); /* another window */
	p->meta.csum = NET_CSUM_VALID;
	merge(p, count);
	net_merge_flush(count);
	ck_assert_uint_eq(nr_packets, 4);
	ck_assert_uint_eq(nr_joined, 0);
	merge(segment(0, 1000, 0x10), count);
	p = segment(2000, 1000, 0x10); /* one was lost */
	merge(p, count);
	net_merge_flush(count);
	ck_assert_uint_eq(nr_joined, 0);
}
END_TEST

static struct packet *acknowledgement(uint32_t ack, uint16_t window)
{
	struct packet *p = segment(0, 0, 0x10);
	uint8_t *tcp = p->piece[0].data + 34;

	memcpy(tcp + 20, (uint8_t[]){ 1, 1, 8, 10 }, 4);
	net_put16(tcp + 8, ack >> 16);
	net_put16(tcp + 10, ack);
	net_put16(tcp + 14, window);
	net_put16(tcp + 16, net_tcp_pseudo_sum(tcp - 20, 0, 32));
	net_checksum_fill(p->piece, 1, 34, 16);
	return p;
}

START_TEST(of_acknowledgements_that_advance_the_last_is_delivered)
{
	struct packet *p;

	for (unsigned i = 0; i < 20; i++)
		merge(acknowledgement(0xffffff00 + i * 100, (uint16_t)(500 + i)), count);
	ck_assert_uint_eq(nr_packets, 0);
	net_merge_flush(count);
	ck_assert_uint_eq(nr_packets, 1);
	for (unsigned i = 0; i < 3; i++) /* they tell of a loss */
		merge(acknowledgement(3000, 500), count);
	net_merge_flush(count);
	ck_assert_uint_eq(nr_packets, 4);
	merge(acknowledgement(3000, 500), count);
	p = acknowledgement(4000, 500);
	p->piece[0].data[50] ^= 1; /* damaged: it must not displace a good one */
	merge(p, count);
	merge(acknowledgement(5000, 500), count);
	merge(segment(0, 1000, 0x10), count);
	net_merge_flush(count);
	ck_assert_uint_eq(nr_packets, 8);
}
END_TEST

START_TEST(streams_do_not_mix)
{
	for (unsigned i = 0; i < 12; i++) {
		for (unsigned s = 0; s < 12; s++) {
			struct packet *p = segment(i * 1000, 1000, 0x10);

			net_put16(p->piece[0].data + 34, 3000 + s);
			p->meta.csum = NET_CSUM_VALID;
			merge(p, count);
		}
	}
	net_merge_flush(count);
	ck_assert_uint_ge(nr_packets, 12);
}
END_TEST

SUITE(net_segment)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, what_is_cut_is_the_packet_in_segments_with_right_checksums);
	tcase_add_test(tc, a_packet_that_makes_too_many_segments_is_not_cut);
	tcase_add_test(tc, segments_of_a_stream_become_large_packets);
	tcase_add_test(tc, what_is_out_of_turn_is_not_joined_and_not_overtaken);
	tcase_add_test(tc, what_differs_or_is_damaged_is_not_joined);
	tcase_add_test(tc, of_acknowledgements_that_advance_the_last_is_delivered);
	tcase_add_test(tc, streams_do_not_mix);
}
