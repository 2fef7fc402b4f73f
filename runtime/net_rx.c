/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_rx.c - what frontends get.
 *
 * A packet that cannot be copied at once waits in the backlog of a queue.  What a card's backlogs hold is
 * bounded, and so is what each sender has in there; what does not fit is dropped, as by any switch.  A
 * stream goes to one queue, and there in order.
 */
#include <runtime/event.h>

#include "net_parts.h"

#define HELD_MOST 192u /* pages in all backlogs */

static unsigned backlog_most(void)
{
	unsigned most = HELD_MOST / (backends_connected ? backends_connected : 1);

	return most < NET_PIECES ? NET_PIECES : most;
}

static struct vif_queue *queue_of(struct vif *v, const uint8_t *head, uint32_t len)
{
	return &v->queue[v->nr_queues > 1 ? net_flow_hash(head, len) % v->nr_queues : 0];
}

/* Can the frontend take it as it is? */
static int takes(const struct vif *v, uint32_t len, const struct net_meta *meta)
{
	if (meta->gso == NET_GSO_TCPV4)
		return v->gso4;
	if (meta->gso == NET_GSO_TCPV6)
		return v->gso6;
	return v->sg || len <= PAGE_SIZE;
}

/* ... the sum? */
static int takes_sum(const struct vif *v, const struct net_meta *meta, const uint8_t *head, uint32_t len)
{
	struct net_headers h;

	if (meta->csum != NET_CSUM_BLANK || meta->gso)
		return 1;
	return !net_headers_parse(&h, head, len) && h.ipv6 ? v->csum6 : v->csum4;
}

static uint16_t flags_of(const struct net_meta *meta)
{
	uint16_t flags = meta->gso ? NETRXF_extra_info : 0;

	return meta->csum == NET_CSUM_BLANK ? flags | NETRXF_csum_blank | NETRXF_data_validated :
	       meta->csum == NET_CSUM_VALID ? flags | NETRXF_data_validated :
					      flags;
}

/* Fill the queue's next buffers: 0, -EBUSY when it has too few, -EINVAL when its ring is broken. */
static int fill(struct vif_queue *q, struct net_cursor *c, uint32_t len, const struct net_meta *meta,
		struct tx_job *job)
{
	unsigned slots = net_rx_slots(len, meta);
	uint16_t flags = flags_of(meta);
	int room = net_rx_room(&q->rx);
	RING_IDX index;

	if (room < 0) {
		q->vif->backend.broken = "the frontend broke the rx ring";
		return room;
	}
	if ((unsigned)room < slots)
		return -XEN_EBUSY;
	copies_room(c->nr + slots);
	q->vif->got.packets++;
	q->vif->got.bytes += len;
	for (int first = 1; len; first = 0) {
		uint32_t part = len < PAGE_SIZE ? len : PAGE_SIZE, ref = net_rx_take(&q->rx, &index);

		copy_out(c, q, index, ref, part, job);
		len -= part;
		net_rx_answer(&q->rx, index, part, flags | (len ? NETRXF_more_data : 0));
		flags = 0;
		if (first && meta->gso) {
			net_rx_take(&q->rx, &index);
			net_rx_gso(&q->rx, index, meta);
		}
	}
	return 0;
}

int net_rx_direct(struct vif *to, struct tx_job *job)
{
	uint32_t len = job->req.len < NET_HEADERS ? job->req.len : NET_HEADERS;
	struct net_cursor c;
	struct vif_queue *q;

	if (!backend_serves(&to->backend) || !takes(to, job->req.len, &job->req.meta) ||
	    !takes_sum(to, &job->req.meta, job->head, len))
		return -XEN_EBUSY;
	q = queue_of(to, job->head, len);
	if (q->backlog_nr || q->copying)
		return -XEN_EBUSY;
	cursor_of_job(&c, job);
	return fill(q, &c, job->req.len, &job->req.meta, job);
}

/* ---- backlogs -------------------------------------------------------------------------------- */

void net_rx_expect(struct vif *v, const uint8_t *head, uint32_t len)
{
	if (backend_serves(&v->backend))
		queue_of(v, head, len)->copying = 1;
}

void net_rx_expect_none(void)
{
	for (struct vif *v = vif_first(); v; v = vif_next(v))
		for (unsigned i = 0; i < v->nr_queues; i++)
			v->queue[i].copying = 0;
}

static void drain(struct vif_queue *q);

static int room_for(struct vif_queue *q, const struct packet *p, unsigned from)
{
	return q->backlog_nr < VIF_BACKLOG && net_share_take(&q->vif->share, backlog_most(), from, p->nr);
}

static void queue_add(struct vif *v, struct packet *p, unsigned from)
{
	struct vif_queue *q = queue_of(v, p->piece[0].data, p->piece[0].len);

	if (!room_for(q, p, from)) {
		drain(q); /* what came in this round has not been looked at yet */
		if (!room_for(q, p, from)) {
			v->got.drops++;
			return;
		}
	}
	/* One that cannot complete the sum gets it complete; it is as good for all others. */
	if (!takes_sum(v, &p->meta, p->piece[0].data, p->piece[0].len)) {
		net_checksum_fill(p->piece, p->nr, p->meta.csum_start, p->meta.csum_offset);
		p->meta.csum = NET_CSUM_VALID;
	}
	packet_hold(p);
	q->backlog[(q->backlog_first + q->backlog_nr++) % VIF_BACKLOG] = (struct waiting){ p, from };
}

void net_rx_queue(struct vif *v, struct packet *p, unsigned from)
{
	unsigned nr;

	if (!backend_serves(&v->backend))
		return;
	if (takes(v, p->len, &p->meta)) {
		queue_add(v, p, from);
		return;
	}
	nr = p->meta.gso ? packet_segments(p) : 0;
	if (!nr)
		v->got.drops++;
	for (unsigned i = 0; i < nr; i++) {
		struct packet *segment = packet_cut(p, i);

		if (!segment)
			return;
		queue_add(v, segment, from);
		packet_put(segment);
	}
}

static struct packet *queue_take(struct vif_queue *q)
{
	struct waiting *w = &q->backlog[q->backlog_first];

	q->backlog_first = (q->backlog_first + 1) % VIF_BACKLOG;
	q->backlog_nr--;
	net_share_give(&q->vif->share, w->from, w->packet->nr);
	return w->packet;
}

void vif_forget_backlog(struct vif *v)
{
	for (unsigned i = 0; i < v->nr_queues; i++)
		while (v->queue[i].backlog_nr)
			packet_put(queue_take(&v->queue[i]));
}

/* Too few buffers: the frontend is to ring when there are as many. */
static int wait(struct vif_queue *q, unsigned slots)
{
	if (net_rx_wait(&q->rx, slots))
		return 0;
	if (q->rung && !q->look_at)
		queue_doze(q);
	if (!q->look_at)
		event_unmask(q->rx_port);
	return 1;
}

static void drain(struct vif_queue *q)
{
	while (q->backlog_nr && !q->vif->backend.broken) {
		struct packet *p = q->backlog[q->backlog_first].packet;
		struct net_cursor c;
		int rc;

		cursor_of_packet(&c, p);
		rc = fill(q, &c, p->len, &p->meta, NULL);
		if (rc == -XEN_EBUSY && !wait(q, net_rx_slots(p->len, &p->meta)))
			continue;
		if (rc)
			return;
		q->rung = 0;
		copies_then_put(queue_take(q));
	}
}

void net_rx_round(void)
{
	for (struct vif *v = vif_first(); v; v = vif_next(v))
		for (unsigned i = 0; i < v->nr_queues && backend_serves(&v->backend); i++)
			drain(&v->queue[i]);
	copies_do();
}
