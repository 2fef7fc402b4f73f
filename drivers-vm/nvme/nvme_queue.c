/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nvme_queue.c - commands into a queue, and their ends out of it.
 *
 * At most size - 1 commands are on their way, and one that has ended was fetched: so the submission
 * queue, which would be full with size - 1, never is, and its head need not be followed.
 */
#include <runtime/blk.h>
#include <runtime/io.h>
#include <runtime/string.h>
#include <runtime/xen.h>

#include "nvme.h"

void nvme_queue_init(struct nvme_queue *q)
{
	q->sq_tail = q->sq_told = q->cq_head = q->cq_told = 0;
	q->phase = 1;
	q->broken = NULL;
	q->free = NULL;
	for (unsigned i = q->size - 1; i-- > 0;) {
		q->io[i].token = NULL;
		q->io[i].next = q->free;
		q->free = &q->io[i];
	}
}

void nvme_put(struct nvme_queue *q, struct nvme_command *c, void *token)
{
	struct nvme_io *io = q->free;

	q->free = io->next;
	io->token = token;
	c->id = io - q->io;
	q->sq[q->sq_tail] = *c;
	q->sq_tail = (q->sq_tail + 1) % q->size;
}

void nvme_kick(struct nvme_queue *q)
{
	if (q->sq_told == q->sq_tail)
		return;
	q->sq_told = q->sq_tail;
	wmb(); /* the commands before the doorbell */
	mmio_write32(q->sq_doorbell, q->sq_tail);
}

struct nvme_io *nvme_take(struct nvme_queue *q)
{
	volatile struct nvme_completion *c = &q->cq[q->cq_head];
	uint16_t status = c->status, id;

	if ((status & 1) != q->phase) {
		if (q->cq_told != q->cq_head)
			mmio_write32(q->cq_doorbell, q->cq_head);
		q->cq_told = q->cq_head;
		return NULL;
	}
	rmb(); /* the phase before the rest */
	id = c->id;
	if (id >= q->size - 1 || !q->io[id].token) {
		q->broken = "the controller ended a command that it did not have";
		return NULL;
	}
	q->io[id].status = status >> 1;
	q->io[id].result = c->result;
	q->cq_head = (q->cq_head + 1) % q->size;
	q->phase ^= !q->cq_head;
	return &q->io[id];
}

void nvme_free(struct nvme_queue *q, struct nvme_io *io)
{
	io->token = NULL;
	io->next = q->free;
	q->free = io;
}

void nvme_prp(struct nvme_command *c, const struct nvme_io *io, const struct blk_extent *extent, unsigned nr)
{
	unsigned pages = 0;

	for (unsigned i = 0; i < nr; i++) {
		uint64_t end = extent[i].bus + extent[i].len;

		for (uint64_t at = extent[i].bus; at < end; at = (at & PAGE_MASK) + PAGE_SIZE) {
			if (!pages)
				c->prp1 = at;
			else
				io->list[pages - 1] = at;
			pages++;
		}
	}
	/* Two pages need no list. */
	c->prp2 = pages == 2 ? io->list[0] : pages > 2 ? io->list_bus : 0;
}
