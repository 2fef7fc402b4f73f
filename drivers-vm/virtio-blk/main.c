/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - the driver of a virtio block device (VIRTIO 1.2, 5.2).
 *
 * The device reads a header and writes a status for each request.  Both lie in `wire`, in memory
 * that the device shares; what must not change behind us is in `io`, which it never sees.
 */
#include <runtime/blk.h>
#include <runtime/device.h>
#include <runtime/event.h>
#include <runtime/heap.h>
#include <runtime/print.h>
#include <runtime/start.h>
#include <runtime/string.h>

#include <virtio/virtio_pci.h>

#define F_SIZE_MAX (1ull << 1)
#define F_SEG_MAX  (1ull << 2)
#define F_RO	   (1ull << 5)
#define F_BLK_SIZE (1ull << 6)
#define F_FLUSH	   (1ull << 9)
#define F_TOPOLOGY (1ull << 10)
#define F_DISCARD  (1ull << 13)

#define TYPE_IN	     0u
#define TYPE_OUT     1u
#define TYPE_FLUSH   4u
#define TYPE_DISCARD 11u

#define STATUS_OK	   0
#define STATUS_IOERR	   1
#define STATUS_UNSUPPORTED 2
#define STATUS_NONE	   0xff /* the device has not written it yet */

struct config {
	uint64_t capacity;
	uint32_t size_max, seg_max;
	uint32_t geometry;
	uint32_t blk_size;
	uint8_t physical_exp, alignment_offset;
	uint16_t min_io_size;
	uint32_t opt_io_size;
	uint8_t writeback, unused;
	uint16_t num_queues;
	uint32_t max_discard_sectors, max_discard_seg, discard_alignment;
};
_Static_assert(sizeof(struct config) == 48, "layout is the specification's");

struct wire {
	struct {
		uint32_t type, zero;
		uint64_t sector;
	} head;
	struct {
		uint64_t sector;
		uint32_t nr_sectors, flags;
	} discard;
	uint8_t status;
	uint8_t pad[31];
};
_Static_assert(sizeof(struct wire) == 64, "none crosses a page");

struct io {
	struct io *next; /* free ones */
	struct blk_request *req;
	volatile struct wire *wire;
	uint64_t bus; /* of wire */
};

static struct virtio_device virtio;
static struct virtio_queue queue;
static struct blk_device disk;
static struct io ios[VIRTQ_SIZE], *free_ios;
static unsigned nr_busy; /* requests that the device has */

static int io_alloc(unsigned nr)
{
	struct wire *wire = page_alloc((nr * sizeof(*wire) + PAGE_SIZE - 1) / PAGE_SIZE);

	for (unsigned i = 0; wire && i < nr; i++) {
		ios[i].wire = &wire[i];
		ios[i].bus = virt_to_bus(&wire[i]);
		ios[i].next = free_ios;
		free_ios = &ios[i];
	}
	return wire ? 0 : -XEN_ENOMEM;
}

static const uint32_t type_of[] = {
	[BLK_READ] = TYPE_IN,
	[BLK_WRITE] = TYPE_OUT,
	[BLK_FLUSH] = TYPE_FLUSH,
	[BLK_DISCARD] = TYPE_DISCARD,
};

static int disk_submit(struct blk_device *dev, struct blk_request *req)
{
	struct virtq_buffer buffer[BLK_SEGMENTS + 2];
	struct io *io = free_ios;
	unsigned nr = 0, nr_read;

	if (!io)
		return -XEN_EBUSY;
	io->wire->head.type = type_of[req->op];
	io->wire->head.zero = 0;
	io->wire->head.sector = req->op == BLK_READ || req->op == BLK_WRITE ? req->sector : 0;
	io->wire->status = STATUS_NONE;

	buffer[nr++] = (struct virtq_buffer){ io->bus, sizeof(io->wire->head) };
	if (req->op == BLK_DISCARD) {
		io->wire->discard.sector = req->sector;
		io->wire->discard.nr_sectors = req->nr_sectors;
		io->wire->discard.flags = 0;
		buffer[nr++] =
			(struct virtq_buffer){ io->bus + offsetof(struct wire, discard), sizeof(io->wire->discard) };
	}
	for (unsigned i = 0; i < req->nr_extents; i++)
		buffer[nr++] = (struct virtq_buffer){ req->extent[i].bus, req->extent[i].len };
	nr_read = req->op == BLK_READ ? 1 : nr;
	buffer[nr++] = (struct virtq_buffer){ io->bus + offsetof(struct wire, status), 1 };

	if (virtqueue_add(&queue.vq, buffer, nr_read, nr - nr_read, io))
		return -XEN_EBUSY;
	free_ios = io->next;
	io->req = req;
	nr_busy++;
	return 0;
}

static void disk_kick(struct blk_device *dev)
{
	virtio_kick(&queue);
}

static int status_errno(uint8_t status)
{
	switch (status) {
	case STATUS_OK:
		return 0;
	case STATUS_IOERR:
		return -XEN_EIO;
	case STATUS_UNSUPPORTED:
		return -XEN_EOPNOTSUPP;
	}
	panic("%s: the device gave a request the status %u\n", disk.name, status);
}

static void finish(struct io *io)
{
	int status = status_errno(io->wire->status);
	struct blk_request *req = io->req;

	io->next = free_ios;
	free_ios = io;
	nr_busy--;
	blk_complete(req, status);
}

/* Finish what is done, and be told when a part of the rest is. */
static void reap(unsigned part)
{
	struct io *io;
	uint32_t len;

	do {
		while ((io = virtqueue_take(&queue.vq, &len)))
			finish(io);
	} while (virtqueue_wait_for(&queue.vq, nr_busy > part ? nr_busy / part : 1));
	if (queue.vq.broken)
		panic("%s: %s\n", disk.name, queue.vq.broken);
}

/* An interrupt for each of many is dear; disk_look() follows should the others be slow. */
static void interrupt(uint32_t port, void *arg)
{
	reap(4);
}

static void disk_look(struct blk_device *dev)
{
	reap(VIRTQ_SIZE);
}

/* What the device says of itself, as far as it makes sense. */
static const char *describe(void)
{
	uint64_t has = virtio.features;
	struct config c;
	uint32_t unit;

	virtio_config(&virtio, 0, &c, sizeof(c));
	unit = has & F_BLK_SIZE ? c.blk_size : BLK_SECTOR;
	if (unit < BLK_SECTOR || unit > PAGE_SIZE || unit & (unit - 1))
		return "its sectors have a size that is not supported";
	if (has & F_SIZE_MAX && c.size_max < PAGE_SIZE)
		return "it takes less than a page at once";

	disk.name = start->cmd_line[0] ? (const char *)start->cmd_line : "virtio-blk";
	disk.sectors = c.capacity & ~(uint64_t)(unit / BLK_SECTOR - 1);
	disk.sector_size = unit;
	disk.physical_size = unit;
	if (has & F_TOPOLOGY && c.physical_exp <= 12)
		disk.physical_size = unit << c.physical_exp;
	disk.max_segments = has & F_SEG_MAX && c.seg_max ? c.seg_max : 1;
	if (disk.max_segments > BLK_SEGMENTS)
		disk.max_segments = BLK_SEGMENTS;
	if (disk.max_segments > queue.vq.size - 2)
		disk.max_segments = queue.vq.size - 2;
	disk.max_extent = has & F_SIZE_MAX ? c.size_max & ~(unit - 1) : 0;
	disk.has_flush = (has & F_FLUSH) != 0;
	disk.read_only = (has & F_RO) != 0;
	disk.max_discard = c.max_discard_sectors & ~(unit / BLK_SECTOR - 1);
	disk.has_discard = has & F_DISCARD && disk.max_discard && c.max_discard_seg;
	if (c.discard_alignment < 1u << 20)
		disk.discard_granularity = c.discard_alignment * BLK_SECTOR;
	disk.submit = disk_submit;
	disk.kick = disk_kick;
	disk.look = disk_look;
	return NULL;
}

static const char *bring_up(const struct guise_device *info)
{
	const char *error = virtio_open(&virtio, info);

	if (!error)
		error = virtio_accept(&virtio,
				      F_SIZE_MAX | F_SEG_MAX | F_RO | F_BLK_SIZE | F_FLUSH | F_TOPOLOGY | F_DISCARD);
	if (!error)
		error = virtio_queue(&virtio, &queue, 0, 0, BLK_SEGMENTS + 2);
	if (!error)
		error = describe();
	if (!error && io_alloc(queue.vq.size))
		error = "no memory for requests";
	if (error)
		return error;
	event_handler(queue.port, interrupt, NULL);
	virtio_go(&virtio);
	return NULL;
}

int domain_main(void)
{
	return device_open(bring_up) ? 1 : blk_serve(&disk);
}
