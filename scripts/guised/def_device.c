/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * def_device.c - of a definition the devices: disks, cards, consoles.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "def_read.h"
#include "xml.h"

static bool machine_disk(const char *name)
{
	uint64_t n;

	return name[0] == 'v' && name[1] == 'd' && islower((unsigned char)name[2]) &&
	       (!name[3] || (!xml_number(name + 3, &n) && n >= 1 && n <= 128));
}

static int parse_disk(struct def *d, xmlNodePtr n, struct error *e)
{
	static const char *const of_disk[] = { "@type",	 "@device",  "driver",	     "source",
					       "target", "readonly", "backingStore", NULL };
	static const char *const of_driver[] = { "@name", "@type", "@cache", "@discard", NULL };
	static const char *const of_source[] = { "@file", "@dev", NULL };
	static const char *const of_target[] = { "@dev", "@bus", NULL };
	static const char *const nothing[] = { NULL };
	xmlNodePtr source = xml_child(n, "source"), driver = xml_child(n, "driver"), target = xml_child(n, "target");
	struct def_disk *disk = &d->disk[d->nr_disks];
	char *type = xml_attribute(n, "type"), *text;
	const char *from = "file";

	if (d->nr_disks == DEF_DISKS) {
		free(type);
		return REFUSE("disk: more than %u", DEF_DISKS);
	}
	d->nr_disks++;
	if (!type || !strcmp(type, "block"))
		from = "dev";
	else if (strcmp(type, "file"))
		REFUSE("disk: type='%.32s' is not supported", type);
	free(type);
	if (e->code || xml_attribute_of(n, "device", "disk", e, "", "disk", NULL) || xml_only(n, "disk", of_disk, e) ||
	    xml_only(driver, "disk/driver", of_driver, e) || xml_only(source, "disk/source", of_source, e) ||
	    xml_only(target, "disk/target", of_target, e) ||
	    xml_only(xml_child(n, "backingStore"), "disk/backingStore", nothing, e))
		return -1;
	text = xml_attribute(target, "dev");
	if (!text)
		return BAD("element 'disk/target' or its attribute 'dev' is missing");
	if (strncmp(text, "xvd", 3) || text[3] < 'a' || text[3] > 'p' || text[4])
		REFUSE("disk/target: dev='%.32s' is not one of xvda to xvdp", text);
	else
		strcpy(disk->target, text);
	free(text);
	if (e->code || xml_attribute_of(target, "bus", "disk/target", e, "", "xen", NULL))
		return -1;
	for (unsigned i = 0; i + 1 < d->nr_disks; i++)
		if (!strcmp(d->disk[i].target, disk->target))
			return BAD("disk/target: dev='%s' is there twice", disk->target);
	if (!source)
		return BAD("disk %s: element 'source' is missing", disk->target);
	disk->source = xml_attribute(source, from);
	if (!disk->source)
		return BAD("disk %s: attribute 'source/%s' is missing", disk->target, from);
	if (!strncmp(disk->source, "guise:", 6)) {
		memmove(disk->source, disk->source + 6, strlen(disk->source + 6) + 1);
		disk->of_machine = true;
		if (!machine_disk(disk->source))
			return BAD("disk %s: 'guise:%.32s' is no disk of the machine", disk->target, disk->source);
	} else if (disk->source[0] != '/') {
		return BAD("disk %s: source '%.128s' is no absolute path", disk->target, disk->source);
	}
	if (xml_attribute_of(driver, "type", "disk/driver", e, "", "raw", "qcow2", NULL) ||
	    xml_attribute_of(driver, "name", "disk/driver", e, "", "qemu", "phy", "file", NULL) ||
	    xml_attribute_of(driver, "cache", "disk/driver", e, "", "default", "writeback", NULL) ||
	    xml_attribute_of(driver, "discard", "disk/driver", e, "", "unmap", NULL))
		return -1;
	text = xml_attribute(driver, "type");
	disk->qcow2 = text && !strcmp(text, "qcow2");
	free(text);
	disk->read_only = xml_child(n, "readonly") != NULL;
	return 0;
}

static int parse_mac(struct def_vif *vif, xmlNodePtr n, struct error *e)
{
	xmlNodePtr mac = xml_child(n, "mac");
	char *text = xml_attribute(mac, "address");
	unsigned char b[6];
	char end;

	if (mac && !text)
		return BAD("interface/mac: attribute 'address' is missing");
	if (!text) {
		uint8_t r[3];

		if (getrandom(r, sizeof(r), 0) != sizeof(r))
			return error_set(e, ERROR_SYSTEM, "no random numbers");
		snprintf(vif->mac, sizeof(vif->mac), "00:16:3e:%02x:%02x:%02x", r[0] & 0x7f, r[1], r[2]);
		mac = xmlNewChild(n, NULL, (const xmlChar *)"mac", NULL);
		xmlSetProp(mac, (const xmlChar *)"address", (const xmlChar *)vif->mac);
		return 0;
	}
	if (strlen(text) != 17 ||
	    sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%c", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &end) != 6)
		BAD("interface/mac: '%.32s' is no address", text);
	else if (b[0] & 1)
		BAD("interface/mac: '%s' is an address of many", text);
	else
		snprintf(vif->mac, sizeof(vif->mac), "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4],
			 b[5]);
	free(text);
	return e->code ? -1 : 0;
}

/* A limit on what the guest sends: <bandwidth><outbound average='KiB a second'/>. */
static int parse_bandwidth(struct def_vif *vif, xmlNodePtr n, struct error *e)
{
	static const char *const of_bandwidth[] = { "outbound", NULL }, *const of_outbound[] = { "@average", NULL };
	xmlNodePtr outbound = xml_child(n, "outbound");
	char *text = xml_attribute(outbound, "average");
	uint64_t rate = 0;

	if (!xml_only(n, "interface/bandwidth", of_bandwidth, e) &&
	    !xml_only(outbound, "interface/bandwidth/outbound", of_outbound, e) && outbound &&
	    (xml_number(text, &rate) || !rate || rate > 1u << 24))
		BAD("interface/bandwidth/outbound: average='%.32s' is no rate", text ? text : "");
	vif->rate = (unsigned)rate;
	free(text);
	return e->code ? -1 : 0;
}

static int parse_vif(struct def *d, xmlNodePtr n, struct error *e)
{
	static const char *const of_vif[] = { "@type", "mac", "source", "target", "model", "bandwidth", NULL };
	struct def_vif *vif = &d->vif[d->nr_vifs];
	xmlNodePtr source = xml_child(n, "source");
	char *type = xml_attribute(n, "type"), *text;
	uint64_t number_of = 0;

	if (d->nr_vifs == DEF_VIFS)
		REFUSE("interface: more than %u", DEF_VIFS);
	else if (!type)
		BAD("interface: attribute 'type' is missing");
	else if (!strcmp(type, "bridge")) {
		text = xml_attribute(source, "bridge");
		if (!text)
			BAD("interface: attribute 'source/bridge' is missing");
		else if (strncmp(text, "net", 3) || xml_number(text + 3, &number_of) || number_of > 15)
			REFUSE("interface/source: bridge='%.32s' is no network of the machine, as net0", text);
		free(text);
	} else if (!strcmp(type, "network")) {
		text = xml_attribute(source, "network");
		if (!text)
			BAD("interface: attribute 'source/network' is missing");
		else if (strcmp(text, "default"))
			REFUSE("interface/source: network='%.32s' is not supported, only 'default' (net0)", text);
		free(text);
	} else if (strcmp(type, "user")) {
		REFUSE("interface: type='%.32s' is not supported", type);
	}
	free(type);
	if (e->code || xml_only(n, "interface", of_vif, e))
		return -1;
	d->nr_vifs++;
	vif->bridge = (unsigned)number_of;
	if (xml_child(n, "model") &&
	    xml_attribute_of(xml_child(n, "model"), "type", "interface/model", e, "netfront", "xen", NULL))
		return -1;
	text = xml_attribute(xml_child(n, "target"), "dev");
	if (text)
		snprintf(vif->target, sizeof(vif->target), "%s", text);
	free(text);
	if (parse_bandwidth(vif, xml_child(n, "bandwidth"), e) || parse_mac(vif, n, e))
		return -1;
	for (unsigned i = 0; i + 1 < d->nr_vifs; i++)
		if (!strcmp(d->vif[i].mac, vif->mac))
			return BAD("interface/mac: '%s' is there twice", vif->mac);
	return 0;
}

static void add_console(struct def *d, xmlNodePtr devices)
{
	xmlNodePtr console = xmlNewChild(devices, NULL, (const xmlChar *)"console", NULL), target;

	xmlSetProp(console, (const xmlChar *)"type", (const xmlChar *)"pty");
	target = xmlNewChild(console, NULL, (const xmlChar *)"target", NULL);
	xmlSetProp(target, (const xmlChar *)"type", (const xmlChar *)"xen");
	xmlSetProp(target, (const xmlChar *)"port", (const xmlChar *)"0");
	d->consoles = 1;
}

int def_read_devices(struct def *d, xmlNodePtr devices, struct error *e)
{
	/* Nothing is emulated for a guest, and its bus is there always: the last two are as they are in what Xen wrote. */
	static const char *const of_devices[] = { "disk",	"interface",  "console",  "serial",
						  "memballoon", "controller", "emulator", NULL };
	static const char *const of_console[] = { "@type", "@tty", "source", "target", NULL };
	static const char *const of_balloon[] = { "@model", NULL };

	if (xml_only(devices, "devices", of_devices, e))
		return -1;
	for (xmlNodePtr n = xml_element(devices->children, NULL); n; n = xml_element(n->next, NULL)) {
		if (xml_is(n, "disk") && parse_disk(d, n, e))
			return -1;
		if (xml_is(n, "interface") && parse_vif(d, n, e))
			return -1;
		if (xml_is(n, "memballoon") && (xml_attribute_of(n, "model", "memballoon", e, "xen", "none", NULL) ||
						xml_only(n, "memballoon", of_balloon, e)))
			return -1;
		if (xml_is(n, "controller") && xml_attribute_of(n, "type", "controller", e, "xenbus", NULL))
			return -1;
		if (xml_is(n, "console") || xml_is(n, "serial")) {
			if (xml_attribute_of(n, "type", (const char *)n->name, e, "pty", NULL) ||
			    xml_only(n, (const char *)n->name, of_console, e))
				return -1;
			/* libvirt shows the first serial line as a console, too. */
			d->consoles += xml_is(n, "console");
		}
	}
	if (d->consoles > 4)
		return REFUSE("devices/console: more than 4");
	if (!d->consoles)
		add_console(d, devices);
	return 0;
}
