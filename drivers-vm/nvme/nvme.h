/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nvme.h - a controller, its queues, and what goes through them (NVM Express 1.4).
 *
 * A queue is a page of commands and a page of completions, since a domain's frames do not lie
 * together.  The controller shares these and the lists of `io`; all else is private.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <guise.h>

#define NVME_QUEUE  64u /* most commands in one: they fill a page	*/
#define NVME_LIST   32u /* entries in a list: none crosses a page	*/
#define NVME_QUEUES 3u	/* most queues beside the admin queue		*/

struct nvme_command {
	uint8_t opcode, flags;
	uint16_t id;
	uint32_t nsid;
	uint64_t zero, metadata;
	uint64_t prp1, prp2;
	uint32_t arg[6]; /* CDW10 and following */
};
_Static_assert(sizeof(struct nvme_command) == 64, "layout is the specification's");

struct nvme_completion {
	uint32_t result, zero;
	uint16_t sq_head, sq_id, id, status; /* bit 0 of status is the phase */
};
_Static_assert(sizeof(struct nvme_completion) == 16, "layout is the specification's");

/* A command on its way. */
struct nvme_io {
	struct nvme_io *next; /* free ones */
	void *token;	      /* the driver's; NULL: it is free */
	uint64_t *list;	      /* of PRPs, or a range to discard */
	uint64_t list_bus;
	uint16_t status; /* of its end, without the phase: 0 is success */
	uint32_t result;
};

struct nvme_queue {
	struct nvme_command *sq;
	volatile struct nvme_completion *cq;
	void *sq_doorbell, *cq_doorbell;
	unsigned size; /* of both, in entries */
	unsigned sq_tail, sq_told;
	unsigned cq_head, cq_told, phase;
	uint32_t port;
	const char *broken; /* how the controller broke the rules, NULL: not */
	struct nvme_io io[NVME_QUEUE], *free;
};

/* ---- nvme_queue.c: decides from memory alone ------------------------------------------------- */

/* Empty; memory, size and the lists of its io are set. */
void nvme_queue_init(struct nvme_queue *q);

/* Put a command in the queue with the free io q->free, which is not NULL, and a token. */
void nvme_put(struct nvme_queue *q, struct nvme_command *c, void *token);

/* Tell the controller about all that was put. */
void nvme_kick(struct nvme_queue *q);

/* The io whose command ended next, its token still in it; or NULL. nvme_free() follows. */
struct nvme_io *nvme_take(struct nvme_queue *q);
void nvme_free(struct nvme_queue *q, struct nvme_io *io);

/* The memory of a transfer: pages that lie anywhere, the first begins and the last ends anywhere.  The
 * extents of bus addresses meet at page boundaries only, and are NVME_LIST + 1 pages at most. */
struct blk_extent;
void nvme_prp(struct nvme_command *c, const struct nvme_io *io, const struct blk_extent *extent, unsigned nr);

/* ---- nvme.c: the registers ------------------------------------------------------------------- */

/* Stop the controller, whatever it was doing, and start it anew: NULL, or why not. */
const char *nvme_open(const struct guise_device *info);

/* Read a structure of a page: what it is (CNS), and of which namespace. */
const char *nvme_identify(uint32_t what, uint32_t nsid, void *page);

/* As many I/O queues as it gives, at most NVME_QUEUES, with an interrupt each: how many, or 0 and why. */
unsigned nvme_queues(struct nvme_queue *queue, const char **error);

/* Has it given up?  (CSTS.CFS) */
int nvme_failed(void);
