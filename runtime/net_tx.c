/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_tx.c - what frontends send, and where each packet goes.
 *
 * Packets are taken in batches, from the cards in turn.  The first bytes are copied, for the switch and
 * the checksum; where the packet goes decides how:
 *	to the device		its pages are pinned for DMA and sent as they lie; answered when sent
 *	to one frontend		copied from grant to grant, with one call for the batch
 *	otherwise		copied into a packet of our own: to several ports, to a frontend that
 *				has no buffers ready, or when something is to be completed here
 *
 * Grants are given back before the response is written: a frontend must find them free.
 */
#include <runtime/device.h>
#include <runtime/event.h>
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/print.h>
#include <runtime/start.h>

#include "net_parts.h"

#define BATCH	    32u	 /* packets									*/
#define JOBS	    512u /* packets on their way: more than devices have room for			*/
#define PINNED_MOST 3584 /* pages at a time; the kernel's table holds 4096, rings included	*/
#define PACKET_MOST 17u	 /* pages of the largest packet						*/
#define IDLE_MOST   6u	 /* a queue that rings for nothing is not heard for 12.8 ms at most	*/

_Static_assert(sizeof(struct tx_job) % NET_HEADERS == 0, "no head crosses a page");
_Static_assert(NET_PIECES <= GUISE_DMA_BATCH, "one packet's pages are pinned by one call");

static struct tx_job *free_jobs, *finished; /* to be unpinned and answered */
static unsigned nr_free;
static struct net_turns turns;
static unsigned pinned; /* pages */

int net_tx_start(void)
{
	struct tx_job *job = page_alloc(JOBS * sizeof(*job) / PAGE_SIZE);

	for (unsigned i = 0; job && i < JOBS; i++) {
		job[i].next = free_jobs;
		free_jobs = &job[i];
		nr_free++;
	}
	return job ? 0 : -XEN_ENOMEM;
}

void job_finish(struct tx_job *job)
{
	job->next = finished;
	finished = job;
}

static void job_refuse(struct tx_job *job, int status)
{
	job->status = status;
	job->queue->vif->sent.drops++;
	job_finish(job);
}

static void job_sent(struct net_tx *tx)
{
	job_finish((struct tx_job *)((char *)tx - offsetof(struct tx_job, tx)));
}

/* ---- from the rings -------------------------------------------------------------------------- */

void queue_doze(struct vif_queue *q)
{
	q->rung = 0;
	q->look_at = net_now + (NET_LEAVE_NS << q->idle);
	if (q->idle < IDLE_MOST)
		q->idle++;
}

/* The ring is empty. */
static void rest(struct vif_queue *q)
{
	if (q->active) { /* more will come soon */
		q->active = q->kicked = q->rung = q->idle = 0;
		q->look_at = net_now + NET_LEAVE_NS;
	} else if (q->rung) {
		q->kicked = 0;
		queue_doze(q);
	} else {
		q->kicked = net_tx_wait(&q->tx);
		if (!q->kicked)
			event_unmask(q->tx_port);
	}
}

/* The next packet of a queue, or NULL. */
static struct tx_job *take_one(struct vif_queue *q)
{
	struct tx_job *job = free_jobs;
	struct vif *v = q->vif;
	int rc = net_tx_take(&q->tx, &job->req);

	if (rc <= 0) {
		if (rc < 0)
			v->backend.broken = "the frontend broke the tx ring";
		else
			rest(q);
		return NULL;
	}
	free_jobs = job->next;
	nr_free--;
	job->queue = q;
	job->nr_cookies = 0;
	job->status = job->req.status;
	job->packet = NULL;
	q->active = 1;
	device_work++;
	v->sent.packets++;
	v->sent.bytes += job->req.len;
	net_rate_charge(&v->rate, job->req.len);
	return job;
}

/* ... of a card: its queues in turn. */
static struct tx_job *take_from(struct vif *v)
{
	uint64_t until = net_rate_wait(&v->rate, net_now);

	if (until) {
		net_due(until);
		return NULL;
	}
	for (unsigned i = 0; i < v->nr_queues; i++) {
		struct vif_queue *q = &v->queue[v->turn++ % v->nr_queues];
		struct tx_job *job = q->kicked && !v->backend.broken ? take_one(q) : NULL;

		if (job)
			return job;
	}
	return NULL;
}

static uint32_t ports_ready(void)
{
	uint32_t ready = 0;

	for (struct vif *v = vif_first(); v; v = vif_next(v))
		for (unsigned i = 0; i < v->nr_queues && backend_serves(&v->backend); i++)
			if (v->queue[i].kicked)
				ready |= 1u << v->port;
	return ready;
}

/* As many as could all be copied, and cut. */
static unsigned take_batch(struct tx_job **batch)
{
	unsigned nr = 0, pages = packet_pages(), segments = packet_segments_left();
	uint32_t ready = ports_ready();

	while (ready && nr < BATCH && nr_free && pages >= PACKET_MOST && segments >= PACKET_SEGMENTS) {
		unsigned port = net_turn(&turns, ready);
		struct tx_job *job = take_from(vif_at[port]);

		if (!job) {
			ready &= ~(1u << port);
			continue;
		}
		net_turn_charge(&turns, port, job->req.len);
		batch[nr++] = job;
		pages -= (job->req.len + PAGE_SIZE - 1) / PAGE_SIZE;
		if (job->status == NETIF_RSP_OKAY && job->req.meta.gso &&
		    job->req.len / job->req.meta.gso_size < PACKET_SEGMENTS)
			segments -= job->req.len / job->req.meta.gso_size + 1;
	}
	return nr;
}

/* ---- where they go --------------------------------------------------------------------------- */

static uint32_t head_len(const struct tx_job *job)
{
	return job->req.len < NET_HEADERS ? job->req.len : NET_HEADERS;
}

/* Read the first bytes of each packet; a job that fails is told. */
static void read_heads(struct tx_job **batch, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		struct net_cursor c;

		if (batch[i]->status != NETIF_RSP_OKAY)
			continue;
		copies_room(NET_PIECES);
		cursor_of_job(&c, batch[i]);
		copy_in(&c, batch[i]->head, head_len(batch[i]), batch[i]);
	}
	copies_do();
}

/* Find what is left to be done to the packet, as its frontend says: 0 or -EINVAL. */
static int find_offsets(struct net_meta *meta, const uint8_t *head, uint32_t len)
{
	struct net_headers h;

	if (meta->csum != NET_CSUM_BLANK)
		return 0;
	if (net_headers_parse(&h, head, len))
		return -XEN_EINVAL;
	if (meta->gso && (!h.tcp || h.ipv6 != (meta->gso == NET_GSO_TCPV6) || h.len > len))
		return -XEN_EINVAL;
	meta->csum_start = h.start;
	meta->csum_offset = h.offset;
	meta->ip_start = h.ip;
	meta->header_len = meta->gso ? h.len : 0;
	return 0;
}

/* The one port of a set, or -1. */
static int only_port(uint32_t ports)
{
	return ports & (ports - 1) ? -1 : __builtin_ctz(ports);
}

/* The copies into a packet of our own; it goes on its way when they are done. */
static void copy_begin(struct tx_job *job, uint32_t ports)
{
	struct packet *p = packet_new();
	uint32_t cards = ports & ~1u;
	struct net_cursor c;

	packet_fill(p, job->req.len);
	p->meta = job->req.meta;
	p->queue = job->tx.queue;
	job->packet = p;
	job->ports = ports;
	while (cards) {
		struct vif *v = vif_at[net_port_of(&cards)];

		if (v)
			net_rx_expect(v, job->head, head_len(job));
	}
	copies_room(NET_PIECES + PACKET_MOST);
	cursor_of_job(&c, job);
	for (unsigned i = 0; i < p->nr; i++)
		copy_in(&c, p->piece[i].data, p->piece[i].len, job);
}

static void copy_end(struct tx_job *job)
{
	if (job->status == NETIF_RSP_OKAY)
		net_forward(job->packet, job->ports, job->queue->vif->port);
	packet_put(job->packet);
	job_finish(job);
}

/* Who says that its own card has an address? */
static void look_for_address(struct vif *v, const uint8_t *p, unsigned len)
{
	const uint8_t *a;
	unsigned n = net_address_said(p, len, net_switch.port[v->port].mac, &a);

	if (n == 4)
		v->ip = net_get16(a) << 16 | net_get16(a + 2);
	else if (n == 16)
		memcpy(v->ip6[a[0] == 0xfe && a[1] >> 6 == 2], a, 16);
}

/* Decide where a packet goes, and begin: returns 1 when it is to be pinned for the device. */
static int route(struct tx_job *job)
{
	struct net_meta *meta = &job->req.meta;
	struct net_headers h;
	uint32_t ports;
	int only;

	if (job->status != NETIF_RSP_OKAY || find_offsets(meta, job->head, head_len(job))) {
		job_refuse(job, NETIF_RSP_ERROR);
		return 0;
	}
	look_for_address(job->queue->vif, job->head, head_len(job));
	ports = net_switch_forward(&net_switch, job->queue->vif->port, job->head, net_now);
	/* A switch gone mad drops them, too. */
	if ((!ports || ports & 1) && !net_headers_parse(&h, job->head, head_len(job)))
		net_dialogue_note(&net_dialogue, NULL, job->head, &h, job->req.len);
	if (!ports) {
		job_refuse(job, NETIF_RSP_DROPPED);
		return 0;
	}
	job->tx.queue = job->queue - job->queue->vif->queue;
	only = only_port(ports);
	if (!only && net_out_does(meta))
		return 1;
	if (only > 0 && vif_at[only] && !net_rx_direct(vif_at[only], job))
		copies_then_finish(job);
	else
		copy_begin(job, ports);
	return 0;
}

/* Pin the pages of jobs that together have no more than a call takes, and send them. */
static void pin_and_submit(struct tx_job **batch, unsigned nr)
{
	struct guise_dma_map map[GUISE_DMA_BATCH], *m = map;
	long rc;

	for (unsigned i = 0; i < nr; i++)
		for (unsigned s = 0; s < batch[i]->req.nr_slots; s++)
			*m++ = (struct guise_dma_map){
				.domid = batch[i]->queue->vif->backend.domid,
				.flags = GUISE_DMA_RDONLY,
				.ref = batch[i]->req.slot[s].ref,
			};
	rc = m == map ? 0 : guise_dma(GUISE_DMA_MAP, map, m - map);
	m = map;
	for (unsigned i = 0; i < nr; i++) {
		struct tx_job *job = batch[i];

		job->tx.meta = job->req.meta;
		job->tx.head = job->head;
		job->tx.done = job_sent;
		job->tx.awaited = 1;
		job->tx.nr_extents = 0;
		for (unsigned s = 0; s < job->req.nr_slots; s++, m++) {
			const struct net_slot *slot = &job->req.slot[s];

			if (rc || m->status) {
				job->status = m->status == GNTST_bad_domain ? NETIF_RSP_DROPPED : NETIF_RSP_ERROR;
				continue;
			}
			job->cookie[job->nr_cookies++] = m->cookie;
			pinned++;
			if (slot->len)
				job->tx.extent[job->tx.nr_extents++] =
					(struct net_extent){ m->bus + slot->offset, slot->len };
		}
		if (job->status == NETIF_RSP_OKAY)
			net_out_submit(&job->tx);
		else
			job_refuse(job, job->status);
	}
}

int net_tx_full(void)
{
	return net_out_waits() || !nr_free || pinned + BATCH * NET_PIECES > PINNED_MOST ||
	       packet_pages() < PACKET_MOST || packet_segments_left() < PACKET_SEGMENTS;
}

int net_tx_round(void)
{
	struct tx_job *batch[BATCH], *direct[BATCH];
	unsigned taken, nr = 0, slots = 0;

	if (net_tx_full())
		return 0;
	taken = take_batch(batch);
	if (!taken)
		return 0;
	net_rx_expect_none();
	read_heads(batch, taken);
	for (unsigned i = 0; i < taken; i++) {
		if (!route(batch[i]))
			continue;
		if (slots + batch[i]->req.nr_slots > GUISE_DMA_BATCH) {
			pin_and_submit(direct, nr);
			nr = slots = 0;
		}
		slots += batch[i]->req.nr_slots;
		direct[nr++] = batch[i];
	}
	copies_do();
	pin_and_submit(direct, nr);
	for (unsigned i = 0; i < taken; i++)
		if (batch[i]->packet)
			copy_end(batch[i]);
	return 1;
}

/* ---- back to the rings ----------------------------------------------------------------------- */

static void unpin(uint32_t *cookie, unsigned nr)
{
	long rc = nr ? guise_dma(GUISE_DMA_UNMAP, cookie, nr) : 0;

	if (rc)
		panic("%s: pages cannot be unpinned: %ld\n", net_card->name, rc);
	pinned -= nr;
}

static void unpin_finished(void)
{
	uint32_t cookie[GUISE_DMA_BATCH];
	unsigned nr = 0;

	for (struct tx_job *job = finished; job; job = job->next)
		while (job->nr_cookies) {
			cookie[nr++] = job->cookie[--job->nr_cookies];
			if (nr == GUISE_DMA_BATCH) {
				unpin(cookie, nr);
				nr = 0;
			}
		}
	unpin(cookie, nr);
}

void jobs_answer(void)
{
	if (!finished)
		return;
	for (struct tx_job *job = finished; job; job = job->next)
		if (job->status == NETIF_RSP_ERROR)
			device_doubt("a packet cannot be sent"); /* does not return, or it is so */
	unpin_finished();
	while (finished) {
		struct tx_job *job = finished;

		finished = job->next;
		if (job->nr_cookies)
			panic("%s: pages of a packet are kept\n", net_card->name);
		net_tx_answer(&job->queue->tx, &job->req, job->status);
		job->next = free_jobs;
		free_jobs = job;
		nr_free++;
	}
	for (struct vif *v = vif_first(); v; v = vif_next(v))
		for (struct vif_queue *q = v->queue; q < v->queue + v->nr_queues; q++)
			switch (net_tx_publish(&q->tx)) {
			case 0:
				break;
			case 1:
				vif_tell_tx(q);
				break;
			case -XEN_EIO:
				v->backend.broken = "the frontend changed an answer";
				break;
			default:
				panic("%s: an answer belongs to no packet\n", net_card->name);
			}
	device_served();
}
