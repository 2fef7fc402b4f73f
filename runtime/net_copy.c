/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_copy.c - copies from and to grants, many by one call.
 */
#include <runtime/event.h>
#include <runtime/grant.h>
#include <runtime/print.h>
#include <runtime/start.h>

#include "net_parts.h"

#define COPIES 256u /* in one call		*/
#define SPENT  128u /* packets that are copied by one call */

static gnttab_copy_t copies[COPIES];
static struct {
	struct vif_queue *queue; /* whose buffer it fills; NULL: none's */
	RING_IDX index;
	struct tx_job *job; /* from whom it came; NULL: it is ours */
} copy_for[COPIES];
static unsigned nr_copies, nr_spent, nr_finished;
static struct packet *spent[SPENT];
static struct tx_job *finished[SPENT];

void cursor_of_packet(struct net_cursor *c, const struct packet *p)
{
	c->piece = c->done = 0;
	c->from.domid = DOMID_SELF;
	c->from.nr = p->nr;
	for (unsigned i = 0; i < p->nr; i++) {
		c->from.piece[i].at = virt_to_mfn(p->piece[i].data);
		c->from.piece[i].offset = (uint64_t)p->piece[i].data & ~PAGE_MASK;
		c->from.piece[i].len = p->piece[i].len;
	}
}

void cursor_of_job(struct net_cursor *c, const struct tx_job *job)
{
	c->piece = c->done = 0;
	c->from.domid = job->queue->vif->backend.domid;
	c->from.nr = job->req.nr_slots;
	for (unsigned i = 0; i < c->from.nr; i++) {
		c->from.piece[i].at = job->req.slot[i].ref;
		c->from.piece[i].offset = job->req.slot[i].offset;
		c->from.piece[i].len = job->req.slot[i].len;
	}
}

static gnttab_copy_t *copy_add(struct vif_queue *q, RING_IDX index, struct tx_job *job)
{
	gnttab_copy_t *copy = &copies[nr_copies];

	*copy = (gnttab_copy_t){ 0 };
	copy_for[nr_copies].queue = q;
	copy_for[nr_copies].index = index;
	copy_for[nr_copies++].job = job;
	return copy;
}

/* The source half of a copy of at most `most` bytes, within a piece: how many; 0 at the end. */
static uint32_t cursor_step(struct net_cursor *c, gnttab_copy_t *copy, uint32_t most)
{
	const struct net_source *from = &c->from;
	uint32_t len;

	while (c->piece < from->nr && c->done == from->piece[c->piece].len) {
		c->piece++;
		c->done = 0;
	}
	if (c->piece == from->nr)
		return 0;
	len = from->piece[c->piece].len - c->done;
	if (len > most)
		len = most;
	copy->source.domid = from->domid;
	if (from->domid == DOMID_SELF) {
		copy->source.u.gmfn = from->piece[c->piece].at;
	} else {
		copy->source.u.ref = from->piece[c->piece].at;
		copy->flags |= GNTCOPY_source_gref;
	}
	copy->source.offset = from->piece[c->piece].offset + c->done;
	copy->len = len;
	c->done += len;
	return len;
}

void copy_in(struct net_cursor *c, void *to, uint32_t len, struct tx_job *job)
{
	for (uint32_t at = 0; at < len;) {
		gnttab_copy_t *copy = copy_add(NULL, 0, job);

		copy->dest.u.gmfn = virt_to_mfn(to);
		copy->dest.domid = DOMID_SELF;
		copy->dest.offset = ((uint64_t)to & ~PAGE_MASK) + at;
		at += cursor_step(c, copy, len - at);
	}
}

void copy_out(struct net_cursor *c, struct vif_queue *q, RING_IDX index, uint32_t ref, uint32_t len, struct tx_job *job)
{
	for (uint32_t at = 0; at < len;) {
		gnttab_copy_t *copy = copy_add(q, index, job);

		copy->dest.u.ref = ref;
		copy->dest.domid = q->vif->backend.domid;
		copy->dest.offset = at;
		copy->flags = GNTCOPY_dest_gref;
		at += cursor_step(c, copy, len - at);
	}
}

void copies_room(unsigned nr)
{
	if (nr_copies + nr > COPIES || nr_spent == SPENT || nr_finished == SPENT)
		copies_do();
}

void copies_then_finish(struct tx_job *job)
{
	finished[nr_finished++] = job;
}

void copies_then_put(struct packet *p)
{
	spent[nr_spent++] = p;
}

static void publish(struct vif *v)
{
	for (struct vif_queue *q = v->queue; q < v->queue + v->nr_queues; q++) {
		int rc = net_rx_publish(&q->rx);

		if (rc == -XEN_EIO)
			v->backend.broken = "the frontend broke the rx ring";
		else if (rc < 0)
			panic("%s: more buffers were filled than there are\n", net_card->name);
		else if (rc)
			vif_tell_rx(q);
	}
}

void copies_do(void)
{
	int rc = nr_copies ? grant_copy(copies, nr_copies) : 0;

	for (unsigned i = 0; i < nr_copies; i++) {
		if (!rc && copies[i].status == GNTST_okay)
			continue;
		if (copy_for[i].queue)
			net_rx_fail(&copy_for[i].queue->rx, copy_for[i].index);
		if (copy_for[i].job)
			copy_for[i].job->status = copies[i].status == GNTST_bad_domain ? NETIF_RSP_DROPPED :
											 NETIF_RSP_ERROR;
	}
	nr_copies = 0;
	for (struct vif *v = vif_first(); v; v = vif_next(v))
		if (backend_serves(&v->backend))
			publish(v);
	while (nr_finished)
		job_finish(finished[--nr_finished]);
	while (nr_spent)
		packet_put(spent[--nr_spent]);
}
