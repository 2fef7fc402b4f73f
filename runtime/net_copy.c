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
static struct run {		 /* of copies, one after the other */
	unsigned end;		 /* the next one's first */
	struct vif_queue *queue; /* whose buffer it fills; NULL: none's */
	RING_IDX index;
	struct tx_job *job; /* from whom it came; NULL: it is ours */
} runs[COPIES];
static unsigned nr_copies, nr_runs, nr_spent, nr_finished;
static struct packet *spent[SPENT];
static struct tx_job *finished[SPENT];

static struct gnttab_copy_ptr ours(const void *at)
{
	return (struct gnttab_copy_ptr){ { .gmfn = virt_to_mfn(at) }, DOMID_SELF, (uint64_t)at & ~PAGE_MASK };
}

static struct gnttab_copy_ptr theirs(const struct vif *v, uint32_t ref, uint16_t offset)
{
	return (struct gnttab_copy_ptr){ { .ref = ref }, v->backend.domid, offset };
}

void cursor_of_packet(struct net_cursor *c, const struct packet *p)
{
	c->flags = c->piece = c->done = 0;
	c->nr = p->nr;
	for (unsigned i = 0; i < p->nr; i++) {
		c->from[i].at = ours(p->piece[i].data);
		c->from[i].len = p->piece[i].len;
	}
}

void cursor_of_job(struct net_cursor *c, const struct tx_job *job)
{
	c->flags = GNTCOPY_source_gref;
	c->nr = c->piece = c->done = 0;
	for (unsigned i = 0; i < job->req.nr_slots; i++) {
		const struct net_slot *slot = &job->req.slot[i];

		if (!slot->len)
			continue;
		c->from[c->nr].at = theirs(job->queue->vif, slot->ref, slot->offset);
		c->from[c->nr++].len = slot->len;
	}
}

/* The next len bytes go there, a copy for each piece. */
static void copy(struct net_cursor *c, struct gnttab_copy_ptr to, uint16_t flags, uint32_t len, struct vif_queue *q,
		 RING_IDX index, struct tx_job *job)
{
	for (uint32_t at = 0; at < len && c->piece < c->nr;) {
		uint32_t left = c->from[c->piece].len - c->done, part = left < len - at ? left : len - at;
		gnttab_copy_t *next = &copies[nr_copies];

		*next = (gnttab_copy_t){ c->from[c->piece].at, to, part, c->flags | flags, 0 };
		next->source.offset += c->done;
		next->dest.offset += at;
		nr_copies++;
		at += part;
		c->done += part;
		if (part == left) {
			c->piece++;
			c->done = 0;
		}
	}
	runs[nr_runs++] = (struct run){ nr_copies, q, index, job };
}

void copy_in(struct net_cursor *c, void *to, uint32_t len, struct tx_job *job)
{
	copy(c, ours(to), 0, len, NULL, 0, job);
}

void copy_out(struct net_cursor *c, struct vif_queue *q, RING_IDX index, uint32_t ref, uint32_t len, struct tx_job *job)
{
	copy(c, theirs(q->vif, ref, 0), GNTCOPY_dest_gref, len, q, index, job);
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

static void failed(const struct run *run, int status)
{
	if (run->queue)
		net_rx_fail(&run->queue->rx, run->index);
	if (run->job)
		run->job->status = status == GNTST_bad_domain ? NETIF_RSP_DROPPED : NETIF_RSP_ERROR;
}

void copies_do(void)
{
	const gnttab_copy_t *done = copies;
	int rc;

	if (!nr_copies)
		return;
	rc = grant_copy(copies, nr_copies);
	for (const struct run *run = runs; run < runs + nr_runs; run++)
		for (const gnttab_copy_t *end = copies + run->end; done < end; done++)
			if (rc || done->status != GNTST_okay)
				failed(run, done->status);
	nr_copies = nr_runs = 0;
	for (struct vif *v = vif_first(); v; v = vif_next(v))
		if (backend_serves(&v->backend))
			publish(v);
	while (nr_finished)
		job_finish(finished[--nr_finished]);
	while (nr_spent)
		packet_put(spent[--nr_spent]);
}
