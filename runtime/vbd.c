/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vbd.c - a virtual disk in the store, and the ring its frontend names there.
 */
#include <runtime/device.h>
#include <runtime/gpt.h>
#include <runtime/print.h>
#include <xen/io/protocols.h>

#include "vbd.h"

static struct blk_device *device;

static void ring_event(uint32_t port, void *arg)
{
	((struct vbd *)arg)->kicked = 1;
}

static const char *set_limits(struct vbd *v, uint64_t partition, int writable)
{
	struct blk_limits *l = &v->limits;

	*l = (struct blk_limits){
		.sectors = device->sectors,
		.sector_size = device->sector_size,
		.read_only = !writable || device->read_only,
		.has_flush = device->has_flush,
		.has_discard = device->has_discard,
	};
	if (!partition || !device->sectors) /* none can be found on one that answers nothing */
		return NULL;
	switch (partition <= GPT_ENTRIES_MAX ? partition_find(device, partition, l) : -XEN_ENOENT) {
	case 0:
		return NULL;
	case -XEN_ENOENT:
		return "the disk has no partition of that number";
	case -XEN_EINVAL:
		return "the disk has no valid GPT partition table";
	case -XEN_ENOMEM:
		return "no memory for the partition table";
	}
	return "the partition table cannot be read";
}

static const char *vbd_prepare(struct backend *b)
{
	uint64_t partition;
	char mode[16];

	if (key_read(b->path, "mode", mode, sizeof(mode)) < 0 || key_read_u64(b->path, "params", &partition))
		return "its mode or its params cannot be read";
	return set_limits((struct vbd *)b, partition, mode[0] == 'w');
}

static void vbd_offer(struct backend *b)
{
	uint32_t granularity = device->discard_granularity;

	backend_write(b, "feature-max-indirect-segments", BLK_SEGMENTS);
	if (device->has_flush)
		backend_write(b, "feature-flush-cache", 1);
	if (device->has_discard) {
		backend_write(b, "feature-discard", 1);
		backend_write(b, "discard-granularity", granularity ? granularity : device->sector_size);
		backend_write(b, "discard-alignment", 0);
	}
}

static void vbd_disconnect(struct backend *b)
{
	struct vbd *v = (struct vbd *)b;

	if (v->port)
		event_close(v->port);
	v->port = 0;
	backend_unmap(&v->page);
	v->kicked = v->asked = 0;
}

static const char *vbd_connect(struct backend *b)
{
	struct vbd *v = (struct vbd *)b;
	uint64_t ref, remote_port;
	char protocol[32];
	int port;

	if (key_read_u64(b->frontend, "ring-ref", &ref) || key_read_u64(b->frontend, "event-channel", &remote_port))
		return "the frontend names no ring";
	if (key_read(b->frontend, "protocol", protocol, sizeof(protocol)) > 0 &&
	    strcmp(protocol, XEN_IO_PROTO_ABI_X86_64))
		return "the frontend's ring has a foreign layout";
	if (backend_map(b, &v->page, ref))
		return "the frontend's ring cannot be mapped";
	if (blk_ring_attach(&v->ring, v->page.va))
		return "the frontend's ring is broken";
	port = backend_bind(b, remote_port, ring_event, b);
	if (port < 0)
		return "the frontend's event channel cannot be bound";
	v->port = port;
	v->kicked = 1;

	if (backend_adopted(b)) {
		vbd_tell(v);
		if (blk_ring_wait(&v->ring))
			device_owes();
		return NULL; /* the frontend has read what follows */
	}
	backend_write(b, "sector-size", v->limits.sector_size);
	backend_write(b, "physical-sector-size", device->physical_size ? device->physical_size : v->limits.sector_size);
	backend_write(b, "info", v->limits.read_only ? VDISK_READONLY : 0);
	backend_write(b, "sectors", v->limits.sectors);
	return NULL;
}

static int vbd_busy(const struct backend *b)
{
	const struct vbd *v = (const struct vbd *)b;

	return v->page.va && blk_ring_busy(&v->ring);
}

static void vbd_watch(struct backend *b)
{
	struct vbd *v = (struct vbd *)b;
	unsigned held = blk_ring_unanswered(&v->ring), busy = blk_ring_busy(&v->ring);
	int serves = backend_serves(b), waits = serves ? held != 0 : vbd_busy(b);

	backend_bells(&v->watch, serves && (ring_untold(&v->ring.out) || (v->asked && !v->kicked && held > busy)));
	v->kicked |= waits;
	backend_progress(&v->watch, waits, v->ring.req_cons + v->ring.rsp_prod);
}

int vbd_start(struct blk_device *dev)
{
	static const struct backend_kind kind = {
		.root = "backend/vbd",
		.size = sizeof(struct vbd),
		.prepare = vbd_prepare,
		.offer = vbd_offer,
		.connect = vbd_connect,
		.busy = vbd_busy,
		.disconnect = vbd_disconnect,
		.watch = vbd_watch,
	};

	device = dev;
	return backend_start(&kind, dev->name);
}
