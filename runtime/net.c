/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net.c - the network backend's loop.
 *
 * In a round, each source of packets gives a batch: the device, then the frontends by net_tx.c.  What the
 * device receives is a packet of our own from the start, and segments of a stream are joined.
 *
 * What just gave packets is left alone for a moment, without asking for an event, and then looked at; only
 * when there is nothing then do we wait for its bell again.  The device is treated like a frontend's ring.
 */
#include <runtime/device.h>
#include <runtime/event.h>
#include <runtime/net_ear.h>
#include <runtime/print.h>
#include <runtime/start.h>

#include "net_merge.h"
#include "net_parts.h"

#define BATCHES	     4u	 /* in one round: then others get their turn */
#define RECEIVE_MOST 64u /* packets, in one round */
#define REPORT_NS    1000000000u

struct net_device *net_card;
struct net_dialogue net_dialogue;
uint64_t net_now, net_deadline;

static uint64_t report_at; /* from when on it may be told what was done */
static struct net_ear ear;

void net_forward(struct packet *p, uint32_t ports, unsigned from)
{
	uint32_t cards = ports & ~1u;

	while (cards) {
		struct vif *v = vif_at[net_port_of(&cards)];

		if (v)
			net_rx_queue(v, p, from);
	}
	if (ports & 1)
		net_out_packet(p);
}

/* ---- from the device ------------------------------------------------------------------------- */

static void deliver(struct packet *p)
{
	net_forward(p, net_switch_forward(&net_switch, 0, p->piece[0].data, net_now) & ~1u, 0);
	packet_put(p);
}

struct packet *net_keep(const struct net_meta *meta, const struct net_piece *piece, unsigned nr)
{
	struct packet *p = packet_new();

	/* There is a packet for each page there is; what is lost here would be missed by nobody. */
	if (!p)
		panic("%s: a packet of %u pieces cannot be kept\n", net_card->name, nr);
	p->meta = *meta;
	for (; p->nr < nr; p->nr++) {
		p->piece[p->nr] = piece[p->nr];
		p->len += piece[p->nr].len;
	}
	return p;
}

void net_receive(const struct net_meta *meta, const struct net_piece *piece, unsigned nr)
{
	uint32_t len = 0;

	device_work++;
	if (!nr || nr > NET_PIECES)
		panic("%s: a packet of %u pieces\n", net_card->name, nr);
	for (unsigned i = 0; i < nr; i++)
		len += piece[i].len;
	if (piece[0].len >= NET_HEADER && len <= 0xffff)
		net_merge(meta, piece, nr, len, deliver);
	else
		while (nr)
			net_page_put(piece[--nr].data);
}

void net_received(void)
{
	net_ear_interrupt(&ear);
}

/* asked: it is time for a sign of life, so look whether interrupts are lost. */
static void receive(int asked)
{
	unsigned nr;

	if (asked && net_dialogue_ended(&net_dialogue, device_patience()))
		device_doubt("streams go on no more");
	if (net_ear_asks(&ear, net_now, net_now + NET_LEAVE_NS / 2, asked)) {
		nr = net_card->receive(net_card, RECEIVE_MOST);
		if (net_ear_got(&ear, nr))
			panic("%s: packets come, and no interrupts\n", net_card->name);
		net_merge_flush(deliver);
		ear.due = nr == RECEIVE_MOST || (!nr && net_card->listen(net_card));
		ear.look_at = nr && !ear.due ? net_now + NET_LEAVE_NS : 0;
	}
	if (ear.look_at)
		net_due(ear.look_at);
}

/* ---- the loop -------------------------------------------------------------------------------- */

/* Look at the queues that were left alone. */
static void look(void)
{
	for (struct vif *v = vif_first(); v; v = vif_next(v)) {
		for (struct vif_queue *q = v->queue; q < v->queue + v->nr_queues; q++) {
			if (!net_soon(q->look_at))
				continue;
			q->look_at = 0;
			q->kicked = 1;
			event_unmask(q->rx_port);
		}
	}
}

/* Has a queue something that may be taken now? */
static int rings_due(void)
{
	int due = 0;

	for (struct vif *v = vif_first(); v; v = vif_next(v)) {
		for (struct vif_queue *q = v->queue; q < v->queue + v->nr_queues; q++) {
			due |= q->kicked && backend_serves(&v->backend) && !net_rate_wait(&v->rate, net_now);
			if (q->look_at)
				net_due(q->look_at);
		}
	}
	return due;
}

/* RFC 4291, 2.2; the host shortens it. */
static const char *ip6_text(char text[40], const uint8_t *a)
{
	snprintf(text, 40, "%x:%x:%x:%x:%x:%x:%x:%x", net_get16(a), net_get16(a + 2), net_get16(a + 4),
		 net_get16(a + 6), net_get16(a + 8), net_get16(a + 10), net_get16(a + 12), net_get16(a + 14));
	return text;
}

/* Tell of what was done, each second in which something was. */
static void report(void)
{
	char ip6[40], of_link[40];
	int any = 0;

	for (struct vif *v = vif_first(); v; v = vif_next(v)) {
		uint64_t all = v->sent.packets + v->got.packets + v->sent.drops + v->got.drops;

		if (all == v->reported)
			continue;
		any = 1;
		if (net_now < report_at)
			break;
		v->reported = all;
		backend_report(
			&v->backend,
			"tx_packets=%lu tx_bytes=%lu tx_drops=%lu rx_packets=%lu rx_bytes=%lu rx_drops=%lu ip=%u ip6=%s ip6_link=%s",
			v->sent.packets, v->sent.bytes, v->sent.drops, v->got.packets, v->got.bytes, v->got.drops,
			v->ip, ip6_text(ip6, v->ip6[0]), ip6_text(of_link, v->ip6[1]));
	}
	if (!any)
		return;
	if (net_now >= report_at)
		report_at = net_now + REPORT_NS;
	net_due(report_at);
}

/* Returns 1 when there is work for another round right away. */
static int round(int asked)
{
	net_now = time_ns();
	net_deadline = EVENT_FOREVER;
	receive(asked);
	if (asked)
		net_out_watch();
	look();
	net_rx_round();
	net_out_again();
	for (unsigned i = 0; i < BATCHES && net_tx_round(); i++) {
		net_rx_round();
		net_out_kick();
		jobs_answer();
	}
	net_out_kick();
	jobs_answer();
	if (net_ear_deaf(&ear, net_card->refill(net_card), asked))
		panic("%s: there is nothing to receive into\n", net_card->name);
	report();
	return backend_due() || ear.due || (rings_due() && !net_tx_full());
}

int net_init(struct net_device *dev)
{
	int rc = packets_init();

	net_card = dev;
	dev->name = start->cmd_line[0] ? (const char *)start->cmd_line : "net";
	net_now = time_ns();
	return rc ? rc : net_tx_start();
}

int net_serve(struct net_device *dev)
{
	int rc = vif_start(dev), more = 0;

	if (rc)
		return rc;
	print("%s: %02x:%02x:%02x:%02x:%02x:%02x%s%s\n", dev->name, dev->mac[0], dev->mac[1], dev->mac[2], dev->mac[3],
	      dev->mac[4], dev->mac[5], dev->tx_csum ? ", checksums" : "", dev->tx_tso4 ? ", segmentation" : "");
	device_ready();
	for (;;) {
		event_loop_once(more ? 0 : net_deadline);
		backend_update();
		more = round(backend_watch());
	}
}
