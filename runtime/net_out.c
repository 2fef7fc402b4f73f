/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_out.c - what the device gets to send.
 */
#include <runtime/device.h>
#include <runtime/start.h>

#include "net_parts.h"

#define PAGES_FEW    128u /* for copies: then the device must say what it has sent */
#define SEGMENTS_FEW 512u /* the same */

static struct net_tx *waiting, **waiting_end = &waiting; /* for room in the device */
static int submitted;					 /* since the last kick */
static unsigned held, ended;				 /* packets: that the device has; and that it had */

void net_complete(struct net_tx *tx)
{
	device_work++;
	held--;
	ended++;
	tx->done(tx);
}

static void packet_sent(struct net_tx *tx)
{
	packet_put((struct packet *)((char *)tx - offsetof(struct packet, tx)));
}

int net_out_does(const struct net_meta *meta)
{
	return (meta->csum != NET_CSUM_BLANK || net_card->tx_csum) &&
	       (meta->gso != NET_GSO_TCPV4 || net_card->tx_tso4) && (meta->gso != NET_GSO_TCPV6 || net_card->tx_tso6);
}

/* 1 when it has to wait; another error of the device drops it. */
static int try(struct net_tx *tx)
{
	int rc = net_card->submit(net_card, tx);

	if (!rc) {
		submitted = 1;
		held++;
	} else if (rc != -XEN_EBUSY) {
		tx->done(tx);
	}
	return rc == -XEN_EBUSY;
}

void net_out_submit(struct net_tx *tx)
{
	if (!waiting && !try(tx))
		return;
	tx->next = NULL;
	*waiting_end = tx;
	waiting_end = &tx->next;
}

void net_out_again(void)
{
	while (waiting) {
		struct net_tx *tx = waiting, *next = tx->next;

		if (try(tx))
			return;
		waiting = next;
		if (!waiting)
			waiting_end = &waiting;
	}
}

int net_out_waits(void)
{
	return waiting != NULL;
}

void net_out_kick(void)
{
	if (submitted)
		net_card->kick(net_card);
	submitted = 0;
}

void net_out_watch(void)
{
	static struct backend_watch watch;

	if (held) /* copies that were sent lie there until somebody looks */
		net_card->kick(net_card);
	backend_progress(&watch, held != 0, ended);
}

static void send(struct packet *p)
{
	packet_hold(p);
	p->tx.meta = p->meta;
	p->tx.head = p->piece[0].data;
	p->tx.done = packet_sent;
	p->tx.queue = p->queue;
	p->tx.awaited = packet_pages() < PAGES_FEW || packet_segments_left() < SEGMENTS_FEW;
	p->tx.nr_extents = 0;
	for (unsigned i = 0; i < p->nr; i++)
		p->tx.extent[p->tx.nr_extents++] =
			(struct net_extent){ virt_to_bus(p->piece[i].data), p->piece[i].len };
	net_out_submit(&p->tx);
}

/* With a checksum, at least. */
static void complete(struct packet *p)
{
	if (p->meta.csum == NET_CSUM_BLANK && !net_card->tx_csum) {
		if (net_checksum_fill(p->piece, p->nr, p->meta.csum_start, p->meta.csum_offset))
			return;
		p->meta.csum = NET_CSUM_VALID;
	}
	send(p);
}

void net_out_packet(struct packet *p)
{
	unsigned nr = p->meta.gso && !net_out_does(&p->meta) ? packet_segments(p) : 0;

	if (!p->meta.gso || net_out_does(&p->meta)) {
		complete(p);
		return;
	}
	for (unsigned i = 0; i < nr; i++) {
		struct packet *segment = packet_cut(p, i);

		if (!segment)
			return; /* the rest is lost; its sender will notice */
		complete(segment);
		packet_put(segment);
	}
}
