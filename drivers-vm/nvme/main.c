/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - the driver of an NVMe disk (NVM Express 1.4): the first namespace of a controller.
 *
 * One queue is enough until it is full, then the next is used: this domain has one vCPU, and fewer
 * queues in use mean fewer doorbells and interrupts.
 */
#include <runtime/blk.h>
#include <runtime/device.h>
#include <runtime/event.h>
#include <runtime/heap.h>
#include <runtime/print.h>
#include <runtime/start.h>
#include <runtime/string.h>

#include "nvme.h"

#define NAMESPACE 1u

#define OP_FLUSH   0x00
#define OP_WRITE   0x01
#define OP_READ	   0x02
#define OP_DATASET 0x09 /* Dataset Management */
#define DEALLOCATE 4u

/* Status: type and code, 4.6.1. */
#define STATUS(status)	  ((status)&0x7ff)
#define STATUS_NO_COMMAND 0x001 /* Invalid Command Opcode */

#define IDENTIFY_NAMESPACE  0u
#define IDENTIFY_CONTROLLER 1u
#define IDENTIFY_OTHERS	    2u /* numbers of active namespaces above one's own */

#define MOST_BYTES   (BLK_SEGMENTS * PAGE_SIZE)
#define MOST_DISCARD (1u << 21) /* sectors: others wait behind it	*/

/* Of the structures that Identify reads, figures 247 and 245. */
struct controller {
	uint8_t a[77], mdts, b[438];
	uint8_t c[4];
	uint16_t oncs, fuses;
	uint8_t fna, vwc;
};
_Static_assert(offsetof(struct controller, oncs) == 520 && offsetof(struct controller, vwc) == 525, "as specified");

struct namespace
{
	uint64_t size, capacity, used;
	uint8_t features, nr_formats, format, a[36], b[36], attributes;
	uint8_t c[28];
	struct {
		uint16_t metadata;
		uint8_t shift, performance;
	} formats[16];
};
_Static_assert(offsetof(struct namespace, attributes) == 99 && offsetof(struct namespace, formats) == 128,
	       "as specified");

static struct nvme_queue queues[NVME_QUEUES];
static unsigned nr_queues;
static struct blk_device disk;

static struct nvme_queue *queue_with_room(void)
{
	for (unsigned i = 0; i < nr_queues; i++)
		if (queues[i].free)
			return &queues[i];
	return NULL;
}

static void describe_discard(struct nvme_command *c, const struct nvme_io *io, uint64_t block, uint64_t nr)
{
	c->opcode = OP_DATASET;
	c->arg[0] = 0; /* one range: attributes and blocks, first block */
	c->arg[1] = DEALLOCATE;
	io->list[0] = nr << 32;
	io->list[1] = block;
	c->prp1 = io->list_bus;
}

static int disk_submit(struct blk_device *dev, struct blk_request *req)
{
	struct nvme_queue *q = queue_with_room();
	struct nvme_command c = { .opcode = OP_FLUSH, .nsid = NAMESPACE };
	uint32_t unit = disk.sector_size / BLK_SECTOR;
	uint64_t block = req->sector / unit, nr = req->nr_sectors / unit;

	if (!q)
		return -XEN_EBUSY;
	if (req->op == BLK_DISCARD) {
		describe_discard(&c, q->free, block, nr);
	} else if (req->op != BLK_FLUSH) {
		c.opcode = req->op == BLK_READ ? OP_READ : OP_WRITE;
		c.arg[0] = (uint32_t)block;
		c.arg[1] = block >> 32;
		c.arg[2] = nr - 1;
		nvme_prp(&c, q->free, req->extent, req->nr_extents);
	}
	nvme_put(q, &c, req);
	return 0;
}

static void disk_kick(struct blk_device *dev)
{
	for (unsigned i = 0; i < nr_queues; i++)
		nvme_kick(&queues[i]);
}

static void interrupt(uint32_t port, void *arg)
{
	struct nvme_queue *q = arg;
	struct nvme_io *io;

	while ((io = nvme_take(q))) {
		int status = !STATUS(io->status)		     ? 0 :
			     STATUS(io->status) == STATUS_NO_COMMAND ? -XEN_EOPNOTSUPP :
								       -XEN_EIO;
		struct blk_request *req = io->token;

		nvme_free(q, io);
		blk_complete(req, status);
	}
	if (q->broken)
		panic("%s: %s\n", disk.name, q->broken);
}

static void disk_check(struct blk_device *dev)
{
	if (nvme_failed())
		panic("%s: the controller reports a fatal error\n", disk.name);
}

static void describe_controller(const struct controller *c)
{
	disk.max_bytes = MOST_BYTES;
	if (c->mdts && c->mdts < 8 && PAGE_SIZE << c->mdts < MOST_BYTES)
		disk.max_bytes = PAGE_SIZE << c->mdts;
	disk.max_extent = disk.max_bytes;
	disk.max_segments = BLK_SEGMENTS;
	disk.seam = PAGE_SIZE;
	disk.has_flush = c->vwc & 1;
	disk.has_discard = c->oncs >> 2 & 1;
	disk.max_discard = MOST_DISCARD;
}

static const char *describe_namespace(const struct namespace *n)
{
	unsigned format = n->format & 15, shift = n->formats[format].shift;

	if (!n->size)
		return "it has no namespace 1";
	if (shift < 9 || shift > 12)
		return "its sectors have a size that is not supported";
	if (n->formats[format].metadata)
		return "its sectors carry metadata, which is not supported";
	if (n->size > ~0ull >> shift)
		return "it claims an impossible size";
	disk.sector_size = 1u << shift;
	disk.sectors = n->size << (shift - 9);
	disk.read_only = n->attributes & 1;
	return NULL;
}

static const char *describe(void)
{
	uint32_t *page = page_alloc(1);
	const char *error = page ? nvme_identify(IDENTIFY_CONTROLLER, 0, page) : "no memory to identify it";

	if (error)
		return error;
	describe_controller((const struct controller *)page);
	error = nvme_identify(IDENTIFY_NAMESPACE, NAMESPACE, page);
	if (!error)
		error = describe_namespace((const struct namespace *)page);
	if (!error && !nvme_identify(IDENTIFY_OTHERS, NAMESPACE, page) && page[0])
		print("%s: it has other namespaces, which are not served\n", disk.name);
	page_free(page, 1);
	return error;
}

static const char *bring_up(const struct guise_device *info)
{
	const char *error = nvme_open(info);

	disk.name = start->cmd_line[0] ? (const char *)start->cmd_line : "nvme";
	disk.submit = disk_submit;
	disk.kick = disk_kick;
	disk.check = disk_check;
	if (!error)
		error = describe();
	if (!error)
		nr_queues = nvme_queues(queues, &error);
	for (unsigned i = 0; i < nr_queues; i++)
		event_handler(queues[i].port, interrupt, &queues[i]);
	return error;
}

int domain_main(void)
{
	return device_open(bring_up) ? 1 : blk_serve(&disk);
}
