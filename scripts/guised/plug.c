/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plug.c - QEMU's side by QMP, the server's by the control channel.
 *
 * A device is named by the domain's uuid and the target, so that a new daemon finds those of the old one; the
 * server is asked how it calls what is at the device's address.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../guise/client.h"
#include "def.h"
#include "link.h"
#include "log.h"
#include "loop.h"
#include "machine.h"
#include "plug.h"
#include "qmp.h"

#define PLUG_MS 120000
#define POLL_MS 100
#define GONE_MS 120000

static void pause_ms(int ms)
{
	static pthread_cond_t never = PTHREAD_COND_INITIALIZER;

	lock_wait(&never, loop_now() + ms);
}

static struct json_object *string(const char *text)
{
	return json_object_new_string(text);
}

static void device_name(const struct def *def, unsigned n, char name[64])
{
	char uuid[UUID_TEXT];

	uuid_text(def->uuid, uuid);
	snprintf(name, 64, "d-%s-%s", uuid, def->disk[n].target);
}

/* Of a block device: at most 31 bytes, the first a letter; the end of the device's name tells most. */
static struct json_object *node_name(const char *id)
{
	char name[32];

	snprintf(name, sizeof(name), "n%s", id + strlen(id) - 30);
	return string(name);
}

/* The slot's number and address of a device, by QEMU's list; bus -1: it is not there.  taken: slots in use. */
static int look(const char *qmp_path, const char *id, int *bus, unsigned *taken, struct error *e)
{
	struct json_object *buses = qmp(qmp_path, "query-pci", NULL, e), *devices, *bridge, *below, *device;

	*bus = -1;
	*taken = 0;
	if (!buses)
		return -1;
	if (!json_object_array_length(buses) ||
	    !json_object_object_get_ex(json_object_array_get_idx(buses, 0), "devices", &devices)) {
		json_object_put(buses);
		return error_set(e, ERROR_OPERATION_FAILED, "QEMU does not tell of its PCI devices");
	}
	for (size_t i = 0; i < json_object_array_length(devices); i++) {
		const char *slot = guise_string(json_object_array_get_idx(devices, i), "qdev_id");
		unsigned number;

		if (!slot || sscanf(slot, "slot%u", &number) != 1 || number > 31 ||
		    !json_object_object_get_ex(json_object_array_get_idx(devices, i), "pci_bridge", &bridge) ||
		    !json_object_object_get_ex(bridge, "devices", &below) || !json_object_array_length(below))
			continue;
		*taken |= 1u << number;
		device = json_object_array_get_idx(below, 0);
		if (guise_string(device, "qdev_id") && !strcmp(guise_string(device, "qdev_id"), id))
			*bus = (int)guise_number(device, "bus");
	}
	json_object_put(buses);
	return 0;
}

static int add_block(const char *qmp_path, const struct def_disk *disk, const char *id, struct error *e)
{
	struct json_object *node = json_object_new_object(), *file = json_object_new_object();
	struct stat st;

	json_object_object_add(file, "driver",
			       string(!stat(disk->source, &st) && S_ISBLK(st.st_mode) ? "host_device" : "file"));
	json_object_object_add(file, "filename", string(disk->source));
	json_object_object_add(node, "node-name", node_name(id));
	json_object_object_add(node, "driver", string(disk->qcow2 ? "qcow2" : "raw"));
	json_object_object_add(node, "read-only", json_object_new_boolean(disk->read_only));
	json_object_object_add(node, "discard", string("unmap"));
	json_object_object_add(node, "file", file);
	return qmp_do(qmp_path, "blockdev-add", node, e);
}

static int remove_block(const char *qmp_path, const char *id, struct error *e)
{
	struct json_object *node = json_object_new_object();

	json_object_object_add(node, "node-name", node_name(id));
	return qmp_do(qmp_path, "blockdev-del", node, e);
}

static int add_device(const char *qmp_path, const char *id, unsigned slot, struct error *e)
{
	struct json_object *device = json_object_new_object();
	char bus[16];

	snprintf(bus, sizeof(bus), "slot%u", slot);
	json_object_object_add(device, "driver", string("virtio-blk-pci"));
	json_object_object_add(device, "id", string(id));
	json_object_object_add(device, "drive", node_name(id));
	json_object_object_add(device, "bus", string(bus));
	json_object_object_add(device, "disable-legacy", string("on"));
	return qmp_do(qmp_path, "device_add", device, e);
}

static struct json_object *on_bus(struct json_object *answer, int bus)
{
	struct json_object *disks;

	for (size_t i = 0; json_object_object_get_ex(answer, "disks", &disks) && i < json_object_array_length(disks);
	     i++) {
		struct json_object *disk = json_object_array_get_idx(disks, i);

		if (guise_number(disk, "bdf") >> 8 == bus)
			return disk;
	}
	return NULL;
}

/* The server's name of the disk on this bus, once its driver works. */
static int ask_name(int bus, char name[16], struct error *e)
{
	int64_t until = loop_now() + PLUG_MS;

	*name = 0;
	if (link_do(link_request("plug"), PLUG_MS, e))
		return -1;
	do {
		struct json_object *answer = link_call(link_request("devices"), PLUG_MS, e), *disk;
		const char *state;

		if (!answer)
			return -1;
		disk = on_bus(answer, bus);
		state = disk ? guise_string(disk, "state") : NULL;
		if (!state)
			error_set(e, ERROR_OPERATION_FAILED, "the machine does not see the new disk");
		else if (!strcmp(state, "failed"))
			error_set(e, ERROR_OPERATION_FAILED, "the machine cannot drive the disk: %s",
				  guise_string(disk, "error"));
		else if (!strcmp(state, "ready"))
			snprintf(name, 16, "%s", guise_string(disk, "name"));
		json_object_put(answer);
		if (e->code || *name)
			return e->code ? -1 : 0;
		pause_ms(POLL_MS);
	} while (loop_now() < until);
	return error_set(e, ERROR_TIMEOUT, "the driver of the disk is not ready");
}

int plug_disk(const char *qmp_path, const struct def *def, unsigned n, char name[16], struct error *e)
{
	const struct def_disk *disk = &def->disk[n];
	unsigned taken, slot = 0;
	char id[64];
	int bus;

	device_name(def, n, id);
	if (look(qmp_path, id, &bus, &taken, e))
		return -1;
	if (bus < 0) {
		while (slot < PLUG_SLOTS && taken >> slot & 1)
			slot++;
		if (slot == PLUG_SLOTS)
			return error_set(e, ERROR_OPERATION_FAILED, "disk %s: all %u slots of the machine are taken",
					 disk->target, PLUG_SLOTS);
		if (add_block(qmp_path, disk, id, e))
			return -1;
		if (add_device(qmp_path, id, slot, e)) {
			struct error more = { 0 };

			remove_block(qmp_path, id, &more);
			return -1;
		}
		if (look(qmp_path, id, &bus, &taken, e))
			return -1;
	}
	if (bus < 0)
		error_set(e, ERROR_OPERATION_FAILED, "disk %s: QEMU does not show the new device", disk->target);
	if (e->code || ask_name(bus, name, e)) {
		struct error more = { 0 };

		unplug_disk(qmp_path, def, n, &more);
		return -1;
	}
	return 0;
}

/* Press the slot's button, and have the server stop the driver and turn the slot off. */
static int take_out(const char *qmp_path, const char *id, int bus, int64_t until, struct error *e)
{
	struct json_object *device = json_object_new_object(), *request;

	json_object_object_add(device, "id", string(id));
	if (qmp_do(qmp_path, "device_del", device, e))
		return -1;
	for (;;) {
		e->code = 0;
		request = link_request("unplug");
		json_object_object_add(request, "bus", json_object_new_int(bus));
		if (!link_do(request, PLUG_MS, e))
			return 0;
		/* A guest that has just gone may still be on its way out of the driver. */
		if (!link_up() || loop_now() > until)
			return -1;
		pause_ms(POLL_MS);
	}
}

int unplug_disk(const char *qmp_path, const struct def *def, unsigned n, struct error *e)
{
	int64_t until = loop_now() + GONE_MS;
	unsigned taken;
	char id[64];
	int bus;

	device_name(def, n, id);
	if (look(qmp_path, id, &bus, &taken, e) || (bus >= 0 && take_out(qmp_path, id, bus, until, e)))
		return -1;
	/* QEMU lets go of the image some time after the device has left. */
	while (remove_block(qmp_path, id, e)) {
		if (!link_up() || loop_now() > until)
			return -1;
		e->code = 0;
		pause_ms(POLL_MS);
	}
	return 0;
}
