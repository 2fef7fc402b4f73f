/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vbd.c - virtual disks coming and going, by the store.
 *
 * Each has a directory backend/vbd/<domain>/<number> that the VMM server makes and removes.  Any
 * change below backend/vbd, or of a frontend's state, makes us look at all of them again: they
 * are few, and a look without a change writes nothing.
 *
 * A directory that shows state 4 when we first see it was served by an earlier incarnation of
 * this driver: its ring is adopted, and the frontend sees nothing of it.
 */
#include <runtime/event.h>
#include <runtime/gpt.h>
#include <runtime/grant.h>
#include <runtime/heap.h>
#include <runtime/print.h>
#include <runtime/store_wire.h>
#include <xen/io/protocols.h>
#include <xen/io/xenbus.h>

#include "vbd.h"

#define ROOT "backend/vbd"

struct vbd *vbds;

static struct blk_device *device;
static int changed;

static void store_changed(const char *path, const char *token, void *arg)
{
	changed = 1;
}

static void ring_event(uint32_t port, void *arg)
{
	((struct vbd *)arg)->kicked = 1;
}

/* ---- keys ------------------------------------------------------------------------------------ */

static int key_read(const char *dir, const char *key, char *buf, size_t size)
{
	char path[STORE_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, key);
	return store_read(path, buf, size);
}

static int key_read_u64(const char *dir, const char *key, uint64_t *value)
{
	char path[STORE_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, key);
	return store_read_u64(path, value);
}

static void key_write(struct vbd *v, const char *key, uint64_t value)
{
	char path[STORE_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", v->path, key);
	store_printf(path, "%lu", value);
}

static unsigned state_of(const char *dir)
{
	uint64_t state;

	return key_read_u64(dir, "state", &state) ? XenbusStateUnknown : state;
}

static void show(struct vbd *v, unsigned state)
{
	if (v->shown != state && !v->gone)
		key_write(v, "state", state);
	v->shown = state;
}

static void refuse(struct vbd *v, const char *why)
{
	char path[STORE_PATH_MAX];

	print("%s: %s: %s\n", device->name, v->path, why);
	if (!v->gone) {
		snprintf(path, sizeof(path), "%s/error", v->path);
		store_write(path, why);
	}
	v->refused = 1;
	v->state = VBD_CLOSED;
	show(v, XenbusStateClosed);
}

/* ---- the steps of a life --------------------------------------------------------------------- */

static void show_features(struct vbd *v)
{
	uint32_t granularity = device->discard_granularity;

	key_write(v, "feature-max-indirect-segments", BLK_SEGMENTS);
	if (device->has_flush)
		key_write(v, "feature-flush-cache", 1);
	if (device->has_discard) {
		key_write(v, "feature-discard", 1);
		key_write(v, "discard-granularity", granularity ? granularity : device->sector_size);
		key_write(v, "discard-alignment", 0);
	}
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
	if (!partition)
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

/* Offer the disk.  A directory that is not complete yet is left for the next look. */
static void vbd_offer(struct vbd *v)
{
	uint64_t domid, partition;
	const char *why;
	char mode[16], watched[STORE_PATH_MAX];
	int rc;

	if (key_read(v->path, "frontend", v->frontend, sizeof(v->frontend)) < 0 ||
	    key_read_u64(v->path, "frontend-id", &domid) || key_read(v->path, "mode", mode, sizeof(mode)) < 0 ||
	    key_read_u64(v->path, "params", &partition))
		return;
	v->domid = domid;
	v->shown = state_of(v->path);
	snprintf(watched, sizeof(watched), "%s/state", v->frontend);
	rc = store_watch(watched, v->path, store_changed, NULL);
	if (rc && rc != -XEN_EEXIST) /* an earlier offer of this disk made it */
		why = "the frontend cannot be watched";
	else
		why = set_limits(v, partition, mode[0] == 'w');
	if (why) {
		refuse(v, why);
		return;
	}
	v->state = VBD_OFFERED;
	if (v->shown == XenbusStateConnected)
		return;
	show_features(v);
	show(v, XenbusStateInitWait);
}

static void disconnect(struct vbd *v)
{
	if (v->port)
		event_close(v->port);
	if (v->page && grant_unmap(v->page, v->page_handle))
		panic("%s: a ring cannot be unmapped\n", device->name);
	v->port = 0;
	v->page = NULL;
	v->kicked = 0;
}

static void vbd_connect(struct vbd *v)
{
	uint64_t ref, remote_port;
	char protocol[32];
	int port;

	if (key_read_u64(v->frontend, "ring-ref", &ref) || key_read_u64(v->frontend, "event-channel", &remote_port)) {
		refuse(v, "the frontend names no ring");
		return;
	}
	if (key_read(v->frontend, "protocol", protocol, sizeof(protocol)) > 0 &&
	    strcmp(protocol, XEN_IO_PROTO_ABI_X86_64)) {
		refuse(v, "the frontend's ring has a foreign layout");
		return;
	}
	v->page = grant_map(v->domid, ref, 0, &v->page_handle);
	if (!v->page) {
		refuse(v, "the frontend's ring cannot be mapped");
		return;
	}
	port = event_bind(v->domid, remote_port);
	if (port < 0 || blk_ring_attach(&v->ring, v->page)) {
		v->port = port < 0 ? 0 : port;
		disconnect(v);
		refuse(v, port < 0 ? "the frontend's event channel cannot be bound" : "the frontend's ring is broken");
		return;
	}
	v->port = port;
	v->broken = NULL;
	v->kicked = 1;
	v->state = VBD_CONNECTED;
	event_handler(port, ring_event, v);

	key_write(v, "sector-size", v->limits.sector_size);
	key_write(v, "physical-sector-size", device->physical_size ? device->physical_size : v->limits.sector_size);
	key_write(v, "info", v->limits.read_only ? VDISK_READONLY : 0);
	key_write(v, "sectors", v->limits.sectors);
	if (v->shown == XenbusStateConnected)
		event_send(v->port); /* what was published before may not have been told */
	show(v, XenbusStateConnected);
}

/* One move, if one is due: returns 1 when there may be another. */
static int vbd_step(struct vbd *v)
{
	unsigned front = v->front;
	int leaving = v->gone || front == XenbusStateClosing || front == XenbusStateClosed;
	enum vbd_state before = v->state;

	switch (v->state) {
	case VBD_NEW:
		if (v->gone)
			v->state = VBD_CLOSED;
		else
			vbd_offer(v);
		break;
	case VBD_OFFERED:
		if (leaving)
			v->state = VBD_CLOSING;
		else if (front == XenbusStateInitialised || front == XenbusStateConnected)
			vbd_connect(v);
		break;
	case VBD_CONNECTED:
		if (leaving || front == XenbusStateInitialising || v->broken)
			v->state = VBD_CLOSING;
		break;
	case VBD_CLOSING:
		if (blk_ring_busy(&v->ring))
			break;
		disconnect(v);
		v->state = VBD_CLOSED;
		if (v->broken)
			refuse(v, v->broken);
		break;
	case VBD_CLOSED:
		if (v->refused || v->gone)
			break;
		/* Linux waits for Closing as the answer to its own, and then closes. */
		if (front == XenbusStateClosing)
			show(v, XenbusStateClosing);
		else if (front == XenbusStateClosed)
			show(v, XenbusStateClosed);
		else if (front == XenbusStateInitialising && v->shown >= XenbusStateClosing)
			vbd_offer(v);
		break;
	}
	return v->state != before;
}

static void vbd_free(struct vbd *v)
{
	char watched[STORE_PATH_MAX];
	struct vbd **link = &vbds;

	if (v->frontend[0]) {
		snprintf(watched, sizeof(watched), "%s/state", v->frontend);
		store_unwatch(watched, v->path);
	}
	while (*link != v)
		link = &(*link)->next;
	*link = v->next;
	heap_free(v);
}

/* ---- finding them ---------------------------------------------------------------------------- */

static void vbd_seen(const char *domain, const char *number)
{
	char path[sizeof(vbds->path)];
	struct vbd *v;

	if ((size_t)snprintf(path, sizeof(path), ROOT "/%s/%s", domain, number) >= sizeof(path))
		return;
	for (v = vbds; v && strcmp(v->path, path); v = v->next)
		;
	if (!v) {
		v = heap_alloc(sizeof(*v));
		if (!v) {
			print("%s: %s: no memory for it\n", device->name, path);
			return;
		}
		memcpy(v->path, path, sizeof(path));
		v->next = vbds;
		vbds = v;
	}
	v->listed = 1;
}

static void list_all(void)
{
	static char domains[XENSTORE_PAYLOAD_MAX], numbers[XENSTORE_PAYLOAD_MAX];
	int nr_domains = store_directory(ROOT, domains, sizeof(domains));
	const char *domain = domains;

	for (struct vbd *v = vbds; v; v = v->next)
		v->listed = 0;
	for (; nr_domains > 0; nr_domains--, domain += strlen(domain) + 1) {
		char path[STORE_PATH_MAX / 2];
		const char *number = numbers;
		int nr;

		snprintf(path, sizeof(path), ROOT "/%s", domain);
		nr = store_directory(path, numbers, sizeof(numbers));
		for (; nr > 0; nr--, number += strlen(number) + 1)
			vbd_seen(domain, number);
	}
}

static void look(void)
{
	list_all();
	for (struct vbd *v = vbds; v; v = v->next) {
		/* A directory that does not show what we wrote is another one of the same name:
		 * this vbd ends, and at the next look a new one begins. */
		if (!v->listed || (v->state != VBD_NEW && state_of(v->path) != v->shown))
			v->gone = 1;
		v->front = v->gone || !v->frontend[0] ? XenbusStateUnknown : state_of(v->frontend);
	}
}

int vbd_due(void)
{
	for (struct vbd *v = vbds; v; v = v->next)
		if ((v->state == VBD_CONNECTED && v->broken) || (v->state == VBD_CLOSING && !blk_ring_busy(&v->ring)))
			return 1;
	return changed;
}

void vbd_update(void)
{
	struct vbd *v, *next;

	if (!vbd_due())
		return;
	if (changed) {
		changed = 0;
		look();
	}
	for (v = vbds; v; v = next) {
		next = v->next;
		while (vbd_step(v))
			;
		if (v->gone && v->state == VBD_CLOSED) {
			vbd_free(v);
			changed = 1; /* its name may be in use again */
		}
	}
}

int vbd_start(struct blk_device *dev)
{
	device = dev;
	return store_watch(ROOT, ROOT, store_changed, NULL);
}
