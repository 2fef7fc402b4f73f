/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <libxml/parser.h>

#include "xml.h"

#define MEMORY_LEAST (64u << 10) /* KiB		*/
#define MEMORY_MOST  (1024ull << 20)
#define VCPUS_MOST   32u
#define WEIGHT_MOST  65535u
#define CAP_MOST     3200u
#define TEXT_MOST    1023u /* bytes of a kernel's command line	*/

#define BAD(...)    error_set(e, ERROR_XML_DETAIL, __VA_ARGS__)
#define REFUSE(...) error_set(e, ERROR_CONFIG_UNSUPPORTED, __VA_ARGS__)

static bool is(const xmlNode *n, const char *name)
{
	return n->type == XML_ELEMENT_NODE && !n->ns && !strcmp((const char *)n->name, name);
}

/* The next element at or after n; of this name, or any (NULL). */
static xmlNodePtr element(xmlNodePtr n, const char *name)
{
	while (n && (n->type != XML_ELEMENT_NODE || (name && !is(n, name))))
		n = n->next;
	return n;
}

static xmlNodePtr child(xmlNodePtr n, const char *name)
{
	return n ? element(n->children, name) : NULL;
}

/* Strings are ours, for free(), as libxml2 allocates with malloc(). */
static char *content(xmlNodePtr n)
{
	char *text = n ? (char *)xmlNodeGetContent(n) : NULL, *end;

	if (!text)
		return NULL;
	end = text + strlen(text);
	while (end > text && isspace((unsigned char)end[-1]))
		*--end = 0;
	memmove(text, text + strspn(text, " \t\r\n"), strlen(text + strspn(text, " \t\r\n")) + 1);
	return text;
}

static char *attribute(xmlNodePtr n, const char *name)
{
	return n ? (char *)xmlGetNoNsProp(n, (const xmlChar *)name) : NULL;
}

/* Is the attribute one of these (of "" if it is missing)?  What names the element in the error. */
__attribute__((sentinel)) static int attribute_of(xmlNodePtr n, const char *name, const char *what, struct error *e,
						  ...)
{
	char *value = attribute(n, name);
	const char *allowed;
	int rc = -1;
	va_list ap;

	va_start(ap, e);
	while (rc && (allowed = va_arg(ap, const char *)))
		if (!strcmp(value ? value : "", allowed))
			rc = 0;
	va_end(ap);
	if (rc && value)
		REFUSE("%s: %s='%.64s' is not supported", what, name, value);
	else if (rc)
		BAD("%s: attribute '%s' is missing", what, name);
	free(value);
	return rc;
}

static int number(const char *text, uint64_t *out)
{
	char *end;

	if (!text || !isdigit((unsigned char)*text) || strlen(text) > 18)
		return -1;
	*out = strtoull(text, &end, 10);
	return *end ? -1 : 0;
}

/* An amount of memory in KiB; its unit is an attribute, as libvirt has it. */
static int memory(xmlNodePtr n, const char *what, uint64_t *kib, struct error *e)
{
	static const struct {
		const char *name;
		uint64_t bytes;
	} units[] = { { "b", 1 },	    { "bytes", 1 },    { "KB", 1000 },	   { "k", 1 << 10 },
		      { "KiB", 1 << 10 },   { "MB", 1000000 }, { "M", 1 << 20 },   { "MiB", 1 << 20 },
		      { "GB", 1000000000 }, { "G", 1 << 30 },  { "GiB", 1 << 30 }, { "T", 1ull << 40 },
		      { "TiB", 1ull << 40 } };
	char *text = content(n), *unit = attribute(n, "unit");
	uint64_t value = 0, bytes = 0;

	for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(unit ? unit : "KiB", units[i].name))
			bytes = units[i].bytes;
	if (!bytes)
		BAD("%s: unit '%.32s' is unknown", what, unit);
	else if (number(text, &value) || value > MEMORY_MOST * 1024 / bytes)
		BAD("%s: '%.32s' is no amount of memory, or larger than 1 TiB", what, text ? text : "");
	else
		*kib = value * bytes / 1024;
	free(text);
	free(unit);
	return e->code ? -1 : 0;
}

static int name_check(const char *name, struct error *e)
{
	size_t len = strlen(name), digits = strspn(name, "0123456789");

	if (!len)
		return BAD("name: it is empty");
	if (len >= DEF_NAME)
		return REFUSE("name: it is longer than %u bytes", DEF_NAME - 1);
	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("-_.+", *p))
			return REFUSE("name: '%s' has a character that is no letter, digit, '-', '_', '.' or '+'",
				      name);
	if (digits == len || name[0] == '.')
		return REFUSE("name: '%s' is a number, or begins with a dot", name);
	return 0;
}

static int parse_os(struct def *d, xmlNodePtr os, struct error *e)
{
	xmlNodePtr type = child(os, "type");
	char *text;

	if (!os)
		return BAD("element 'os' is missing");
	if (!type)
		return BAD("element 'os/type' is missing");
	text = content(type);
	if (strcmp(text, "linux") && strcmp(text, "xen"))
		REFUSE("os/type: '%.32s' is not supported, only 'linux' (paravirtualized)", text);
	free(text);
	if (e->code || attribute_of(type, "machine", "os/type", e, "", "xenpv", NULL) ||
	    attribute_of(type, "arch", "os/type", e, "", "x86_64", NULL))
		return -1;
	for (xmlNodePtr n = element(os->children, NULL); n; n = element(n->next, NULL)) {
		if (n->ns || is(n, "type") || is(n, "boot"))
			continue;
		if (is(n, "kernel"))
			free(d->kernel), d->kernel = content(n);
		else if (is(n, "initrd"))
			free(d->ramdisk), d->ramdisk = content(n);
		else if (is(n, "cmdline"))
			free(d->cmdline), d->cmdline = content(n);
		else
			return REFUSE("os/%.64s is not supported", (const char *)n->name);
	}
	if (!d->kernel || !*d->kernel)
		return BAD("element 'os/kernel' is missing");
	if (d->kernel[0] != '/')
		return BAD("os/kernel: '%.128s' is no absolute path", d->kernel);
	if (d->ramdisk && !*d->ramdisk)
		free(d->ramdisk), d->ramdisk = NULL;
	if (d->ramdisk && d->ramdisk[0] != '/')
		return BAD("os/initrd: '%.128s' is no absolute path", d->ramdisk);
	if (d->cmdline && strlen(d->cmdline) > TEXT_MOST)
		return REFUSE("os/cmdline: it is longer than %u bytes", TEXT_MOST);
	if (d->cmdline && strpbrk(d->cmdline, "\r\n"))
		return REFUSE("os/cmdline: it has more than one line");
	if (d->cmdline && strchr(d->cmdline, '"') && strchr(d->cmdline, '\''))
		return REFUSE("os/cmdline: it has both kinds of quotes");
	return 0;
}

static int parse_end(xmlNodePtr root, const char *name, bool fallback, bool *restart, struct error *e)
{
	xmlNodePtr n = child(root, name);
	char *text = content(n);

	*restart = fallback;
	if (text && !strcmp(text, "restart"))
		*restart = true;
	else if (text && !strcmp(text, "destroy"))
		*restart = false;
	else if (text)
		REFUSE("%s: '%.32s' is not supported, only 'destroy' and 'restart'", name, text);
	free(text);
	return e->code ? -1 : 0;
}

static bool machine_disk(const char *name)
{
	uint64_t n;

	return name[0] == 'v' && name[1] == 'd' && islower((unsigned char)name[2]) &&
	       (!name[3] || (!number(name + 3, &n) && n >= 1 && n <= 128));
}

static int parse_disk(struct def *d, xmlNodePtr n, struct error *e)
{
	xmlNodePtr source = child(n, "source"), driver = child(n, "driver"), target = child(n, "target");
	struct def_disk *disk = &d->disk[d->nr_disks];
	char *type = attribute(n, "type"), *text;
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
	if (e->code || attribute_of(n, "device", "disk", e, "", "disk", NULL))
		return -1;
	text = attribute(target, "dev");
	if (!text)
		return BAD("element 'disk/target' or its attribute 'dev' is missing");
	if (strncmp(text, "xvd", 3) || text[3] < 'a' || text[3] > 'p' || text[4])
		REFUSE("disk/target: dev='%.32s' is not one of xvda to xvdp", text);
	else
		strcpy(disk->target, text);
	free(text);
	if (e->code || attribute_of(target, "bus", "disk/target", e, "", "xen", NULL))
		return -1;
	for (unsigned i = 0; i + 1 < d->nr_disks; i++)
		if (!strcmp(d->disk[i].target, disk->target))
			return BAD("disk/target: dev='%s' is there twice", disk->target);
	if (!source)
		return BAD("disk %s: element 'source' is missing", disk->target);
	disk->source = attribute(source, from);
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
	if (driver && (attribute_of(driver, "type", "disk/driver", e, "", "raw", "qcow2", NULL) ||
		       attribute_of(driver, "name", "disk/driver", e, "", "qemu", "phy", "file", NULL)))
		return -1;
	text = attribute(driver, "type");
	disk->qcow2 = text && !strcmp(text, "qcow2");
	free(text);
	disk->read_only = child(n, "readonly") != NULL;
	for (xmlNodePtr c = element(n->children, NULL); c; c = element(c->next, NULL)) {
		static const char *const no[] = { "auth",   "encryption",   "mirror",	 "throttlefilters",
						  "iotune", "backingStore", "shareable", "transient" };

		for (unsigned i = 0; i < sizeof(no) / sizeof(no[0]); i++)
			if (is(c, no[i]) && !(i == 5 && !c->children))
				return REFUSE("disk/%s is not supported", no[i]);
	}
	return 0;
}

static int parse_mac(struct def_vif *vif, xmlNodePtr n, struct error *e)
{
	xmlNodePtr mac = child(n, "mac");
	char *text = attribute(mac, "address");
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
	xmlNodePtr outbound = child(n, "outbound");
	char *text = attribute(outbound, "average");
	uint64_t rate = 0;

	if (child(n, "inbound"))
		REFUSE("interface/bandwidth/inbound is not supported");
	else if (outbound && (number(text, &rate) || !rate || rate > 1u << 24))
		BAD("interface/bandwidth/outbound: average='%.32s' is no rate", text ? text : "");
	vif->rate = (unsigned)rate;
	free(text);
	return e->code ? -1 : 0;
}

static int parse_vif(struct def *d, xmlNodePtr n, struct error *e)
{
	struct def_vif *vif = &d->vif[d->nr_vifs];
	xmlNodePtr source = child(n, "source");
	char *type = attribute(n, "type"), *text;
	uint64_t number_of = 0;

	if (d->nr_vifs == DEF_VIFS)
		REFUSE("interface: more than %u", DEF_VIFS);
	else if (!type)
		BAD("interface: attribute 'type' is missing");
	else if (!strcmp(type, "bridge")) {
		text = attribute(source, "bridge");
		if (!text)
			BAD("interface: attribute 'source/bridge' is missing");
		else if (strncmp(text, "net", 3) || number(text + 3, &number_of) || number_of > 15)
			REFUSE("interface/source: bridge='%.32s' is no network of the machine, as net0", text);
		free(text);
	} else if (!strcmp(type, "network")) {
		text = attribute(source, "network");
		if (!text || strcmp(text, "default"))
			REFUSE("interface/source: network='%.32s' is not supported, only 'default' (net0)",
			       text ? text : "");
		free(text);
	} else if (strcmp(type, "user")) {
		REFUSE("interface: type='%.32s' is not supported", type);
	}
	free(type);
	if (e->code)
		return -1;
	d->nr_vifs++;
	vif->bridge = (unsigned)number_of;
	if (child(n, "model") && attribute_of(child(n, "model"), "type", "interface/model", e, "netfront", "xen", NULL))
		return -1;
	for (xmlNodePtr c = element(n->children, NULL); c; c = element(c->next, NULL)) {
		static const char *const no[] = { "script", "mtu",   "vlan",	"virtualport", "filterref", "tune",
						  "ip",	    "route", "backend", "port",	       "coalesce" };

		for (unsigned i = 0; i < sizeof(no) / sizeof(no[0]); i++)
			if (is(c, no[i]))
				return REFUSE("interface/%s is not supported", no[i]);
	}
	text = attribute(child(n, "target"), "dev");
	if (text)
		snprintf(vif->target, sizeof(vif->target), "%s", text);
	free(text);
	if (parse_bandwidth(vif, child(n, "bandwidth"), e) || parse_mac(vif, n, e))
		return -1;
	for (unsigned i = 0; i + 1 < d->nr_vifs; i++)
		if (!strcmp(d->vif[i].mac, vif->mac))
			return BAD("interface/mac: '%s' is there twice", vif->mac);
	return 0;
}

static int parse_devices(struct def *d, xmlNodePtr devices, struct error *e)
{
	static const char *const no[] = { "hostdev", "redirdev", "smartcard", "filesystem", "graphics", "video",
					  "sound",   "audio",	 "tpm",	      "watchdog",   "rng",	"shmem",
					  "nvram",   "memory",	 "channel",   "parallel",   "hub",	"iommu",
					  "vsock",   "panic",	 "crypto",    "lease",	    "input" };

	for (xmlNodePtr n = element(devices->children, NULL); n; n = element(n->next, NULL)) {
		for (unsigned i = 0; i < sizeof(no) / sizeof(no[0]); i++)
			if (is(n, no[i]))
				return REFUSE("devices/%s is not supported", no[i]);
		if (is(n, "disk") && parse_disk(d, n, e))
			return -1;
		if (is(n, "interface") && parse_vif(d, n, e))
			return -1;
		if (is(n, "memballoon") && attribute_of(n, "model", "memballoon", e, "xen", "none", NULL))
			return -1;
		if (is(n, "console") || is(n, "serial")) {
			if (attribute_of(n, "type", (const char *)n->name, e, "pty", NULL))
				return -1;
			/* libvirt shows the first serial line as a console, too. */
			d->consoles += is(n, "console");
		}
	}
	if (d->consoles > 4)
		return REFUSE("devices/console: more than 4");
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

static int parse_uuid(struct def *d, xmlNodePtr root, struct error *e)
{
	xmlNodePtr n = child(root, "uuid"), name = child(root, "name");
	char text[UUID_TEXT], *given = content(n);

	if (given && !uuid_parse(given, d->uuid))
		BAD("uuid: '%.64s' is none", given);
	if (!given) {
		if (getrandom(d->uuid, UUID_BYTES, 0) != UUID_BYTES)
			return error_set(e, ERROR_SYSTEM, "no random numbers");
		d->uuid[6] = (uint8_t)(0x40 | (d->uuid[6] & 15)); /* RFC 4122, version 4 */
		d->uuid[8] = (uint8_t)(0x80 | (d->uuid[8] & 63));
		uuid_text(d->uuid, text);
		n = xmlNewDocNode(d->doc, NULL, (const xmlChar *)"uuid", (const xmlChar *)text);
		xmlAddNextSibling(name, n);
	}
	free(given);
	return e->code ? -1 : 0;
}

static int parse_vcpus(struct def *d, xmlNodePtr n, struct error *e)
{
	char *text = content(n), *current = attribute(n, "current");
	char *set = attribute(n, "cpuset");
	uint64_t v = 1, online;

	if (text && (number(text, &v) || v < 1 || v > VCPUS_MOST))
		BAD("vcpu: '%.32s' is not between 1 and %u", text, VCPUS_MOST);
	online = v;
	if (!e->code && current && (number(current, &online) || online < 1 || online > v))
		BAD("vcpu: current='%.32s' is not between 1 and %ju", current, (uintmax_t)v);
	if (!e->code && set)
		REFUSE("vcpu: cpuset='%.32s' is not supported", set);
	d->vcpus = (unsigned)v;
	d->online = (unsigned)online;
	free(set);
	free(text);
	free(current);
	return e->code ? -1 : 0;
}

/* A limit is so many microseconds in each period, for each vCPU. */
static int parse_cputune(struct def *d, xmlNodePtr n, struct error *e)
{
	uint64_t period = 100000, quota = 0, shares = 0;

	for (n = n ? element(n->children, NULL) : NULL; n; n = element(n->next, NULL)) {
		uint64_t *to = is(n, "shares") ? &shares : is(n, "period") ? &period : is(n, "quota") ? &quota : NULL;
		char *text = content(n);

		if (!to)
			REFUSE("cputune/%.64s is not supported", (const char *)n->name);
		else if (to == &quota && text[0] == '-')
			quota = 0; /* no limit */
		else if (number(text, to))
			BAD("cputune/%s: '%.32s' is no number", (const char *)n->name, text);
		free(text);
		if (e->code)
			return -1;
	}
	if (shares > WEIGHT_MOST)
		return REFUSE("cputune/shares: more than %u", WEIGHT_MOST);
	if (period < 1000 || period > 1000000)
		return BAD("cputune/period: not between 1000 and 1000000");
	d->weight = (unsigned)shares;
	quota = quota * d->vcpus * 100 / period;
	d->cap = (unsigned)(quota > CAP_MOST ? 0 : quota);
	return 0;
}

/* The element of this namespace within <metadata>. */
static xmlNodePtr metadata(xmlDocPtr doc, const char *uri)
{
	xmlNodePtr n = child(xmlDocGetRootElement(doc), "metadata");

	for (n = n ? element(n->children, NULL) : NULL; n; n = element(n->next, NULL))
		if (n->ns && !strcmp((const char *)n->ns->href, uri))
			return n;
	return NULL;
}

/*
 * <drivers xmlns='urn:guise:domain:1'><driver device='xvda' program='virtio-blk' restarts='3' .../></drivers>
 * within <metadata>.  The server knows the ranges of the numbers.
 */
static int parse_driver(struct def *d, const xmlNode *n, struct error *e)
{
	static const char *const parts[] = { "restarts", "window", "backoff", "period", "limit" };
	struct def_driver *driver = &d->driver[d->nr_drivers];
	size_t used = 0;

	if (strcmp((const char *)n->name, "driver"))
		return REFUSE("metadata/drivers/%.64s is not supported", (const char *)n->name);
	if (d->nr_drivers == DEF_DRIVERS)
		return REFUSE("metadata/drivers/driver: more than %u", DEF_DRIVERS);
	for (const xmlAttr *a = n->properties; a && !e->code; a = a->next) {
		const char *name = (const char *)a->name;
		char *text = (char *)xmlNodeGetContent((const xmlNode *)a);
		unsigned part = 0;
		uint64_t v;

		while (part < 5 && strcmp(name, parts[part]))
			part++;
		if (!strcmp(name, "device") && strlen(text) < sizeof(driver->device))
			strcpy(driver->device, text);
		else if (!strcmp(name, "program") && strlen(text) < sizeof(driver->program) && !strchr(text, '/'))
			strcpy(driver->program, text);
		else if (part == 5)
			REFUSE("metadata/drivers/driver: %.32s='%.32s' is not supported", name, text);
		else if (number(text, &v) || v > 1000000)
			BAD("metadata/drivers/driver: %s='%.32s' is not between 0 and 1000000", name, text);
		else
			used += (size_t)snprintf(driver->policy + used, sizeof(driver->policy) - used, "%s%s=%ju",
						 used ? "," : "", name, (uintmax_t)v);
		free(text);
	}
	if (!e->code && !*driver->device)
		BAD("metadata/drivers/driver: attribute 'device' is missing");
	for (unsigned i = 0; i < d->nr_drivers && !e->code; i++)
		if (!strcmp(d->driver[i].device, driver->device))
			BAD("metadata/drivers/driver: device='%s' is there twice", driver->device);
	d->nr_drivers++;
	return e->code ? -1 : 0;
}

static int parse_drivers(struct def *d, struct error *e)
{
	xmlNodePtr n = metadata(d->doc, DEF_SPACE);

	if (n && strcmp((const char *)n->name, "drivers"))
		return REFUSE("metadata/%.64s is not supported", (const char *)n->name);
	for (n = n ? element(n->children, NULL) : NULL; n; n = element(n->next, NULL))
		if (parse_driver(d, n, e))
			return -1;
	for (unsigned i = 0; i < d->nr_drivers; i++) {
		const char *device = d->driver[i].device;
		bool known = def_disk_find(d, device) >= 0;

		for (unsigned k = 0; k < d->nr_vifs; k++)
			known |= !strncmp(device, "net", 3) && (unsigned)atoi(device + 3) == d->vif[k].bridge;
		if (!known)
			return BAD("metadata/drivers/driver: device='%s' is no disk or network of the domain", device);
	}
	return 0;
}

static int parse_root(struct def *d, struct error *e)
{
	static const char *const no[] = { "bootloader",	 "numatune",	   "memtune",  "blkiotune",	"iothreads",
					  "iothreadids", "launchSecurity", "genid",    "memoryBacking", "maxMemory",
					  "idmap",	 "throttlegroups", "keywrap",  "perf",		"cpu",
					  "vcpus",	 "sysinfo",	   "resource", "seclabel" };
	xmlNodePtr root = xmlDocGetRootElement(d->doc), devices;
	char *text;

	if (!root || !is(root, "domain"))
		return BAD("the root element is not 'domain'");
	if (attribute_of(root, "type", "domain", e, "xen", NULL))
		return -1;
	xmlUnsetProp(root, (const xmlChar *)"id");
	for (xmlNodePtr n = element(root->children, NULL); n; n = element(n->next, NULL))
		for (unsigned i = 0; i < sizeof(no) / sizeof(no[0]); i++)
			if (is(n, no[i]))
				return REFUSE("%s is not supported", no[i]);
	for (xmlNodePtr n = child(child(root, "features"), NULL); n; n = element(n->next, NULL))
		if (!is(n, "acpi") && !is(n, "apic") && !is(n, "pae")) /* which mean nothing to one without firmware */
			return REFUSE("features/%.64s is not supported", (const char *)n->name);
	if (child(root, "clock") && attribute_of(child(root, "clock"), "offset", "clock", e, "utc", NULL))
		return -1;
	text = content(child(root, "name"));
	if (!text)
		return BAD("element 'name' is missing");
	if (!name_check(text, e))
		strcpy(d->name, text);
	free(text);
	if (e->code || parse_uuid(d, root, e))
		return -1;
	d->title = content(child(root, "title"));
	d->description = content(child(root, "description"));
	if (!child(root, "memory"))
		return BAD("element 'memory' is missing");
	if (memory(child(root, "memory"), "memory", &d->max_kib, e))
		return -1;
	d->memory_kib = d->max_kib;
	if (child(root, "currentMemory") && memory(child(root, "currentMemory"), "currentMemory", &d->memory_kib, e))
		return -1;
	if (d->memory_kib > d->max_kib)
		d->memory_kib = d->max_kib;
	if (d->memory_kib < MEMORY_LEAST)
		return BAD("memory: less than %u MiB", MEMORY_LEAST / 1024);
	if (parse_vcpus(d, child(root, "vcpu"), e) || parse_cputune(d, child(root, "cputune"), e) ||
	    parse_os(d, child(root, "os"), e) || parse_end(root, "on_poweroff", false, &d->restart_poweroff, e) ||
	    parse_end(root, "on_reboot", true, &d->restart_reboot, e) ||
	    parse_end(root, "on_crash", false, &d->restart_crash, e))
		return -1;
	devices = child(root, "devices");
	if (!devices)
		devices = xmlNewChild(root, NULL, (const xmlChar *)"devices", NULL);
	if (parse_devices(d, devices, e) || parse_drivers(d, e))
		return -1;
	if (!d->consoles)
		add_console(d, devices);
	return 0;
}

static xmlDocPtr document(const char *text, struct error *e)
{
	xmlParserCtxtPtr context = strlen(text) > XML_MAX ? NULL : xmlNewParserCtxt();
	xmlDocPtr doc = NULL;

	if (!context) {
		BAD("the document is longer than %u KiB", XML_MAX / 1024);
		return NULL;
	}
	doc = xmlCtxtReadMemory(context, text, (int)strlen(text), "domain.xml", NULL,
				XML_PARSE_NONET | XML_PARSE_NOBLANKS | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	if (!doc) {
		const xmlError *why = xmlCtxtGetLastError(context);
		char line[160];

		snprintf(line, sizeof(line), "%s", why && why->message ? why->message : "it cannot be read");
		line[strcspn(line, "\n")] = 0;
		error_set(e, ERROR_XML_DETAIL, "line %d: %s", why ? why->line : 0, line);
	} else if (doc->intSubset || doc->extSubset) {
		BAD("a document type is not allowed");
		xmlFreeDoc(doc);
		doc = NULL;
	}
	xmlFreeParserCtxt(context);
	return doc;
}

/* doc is given away. */
static struct def *parse(xmlDocPtr doc, struct error *e)
{
	struct def *d = calloc(1, sizeof(*d));

	if (!d) {
		error_set(e, ERROR_NO_MEMORY, "for a definition");
		xmlFreeDoc(doc);
		return NULL;
	}
	d->doc = doc;
	if (parse_root(d, e)) {
		def_free(d);
		return NULL;
	}
	return d;
}

struct def *def_parse(const char *text, struct error *e)
{
	xmlDocPtr doc = document(text, e);

	return doc ? parse(doc, e) : NULL;
}

void def_free(struct def *d)
{
	if (!d)
		return;
	for (unsigned i = 0; i < d->nr_disks; i++)
		free(d->disk[i].source);
	free(d->title);
	free(d->description);
	free(d->kernel);
	free(d->ramdisk);
	free(d->cmdline);
	xmlFreeDoc(d->doc);
	free(d);
}

struct def *def_copy(const struct def *def)
{
	struct error e = { 0 };

	return parse(xmlCopyDoc(def->doc, 1), &e);
}

void def_vif_name(const struct def *def, int id, unsigned n, char name[16])
{
	if (*def->vif[n].target)
		strcpy(name, def->vif[n].target);
	else
		snprintf(name, 16, "vif%d.%u", id, n);
}

/* What is known of a domain while it runs. */
static void show_running(const struct def *def, xmlNodePtr root, int id)
{
	char text[16];
	unsigned n = 0;

	snprintf(text, sizeof(text), "%d", id);
	xmlSetProp(root, (const xmlChar *)"id", (const xmlChar *)text);
	for (xmlNodePtr c = child(child(root, "devices"), "interface"); c; c = element(c->next, "interface"), n++) {
		if (child(c, "target"))
			continue;
		def_vif_name(def, id, n, text);
		xmlSetProp(xmlNewChild(c, NULL, (const xmlChar *)"target", NULL), (const xmlChar *)"dev",
			   (const xmlChar *)text);
	}
}

int def_disk_find(const struct def *def, const char *name)
{
	for (unsigned i = 0; i < def->nr_disks; i++)
		if (!strcmp(def->disk[i].target, name) || !strcmp(def->disk[i].source, name))
			return (int)i;
	return -1;
}

int def_vif_find(const struct def *def, int id, const char *name)
{
	char text[16];

	for (unsigned i = 0; i < def->nr_vifs; i++) {
		def_vif_name(def, id, i, text);
		if (!strcmp(text, name) || !strcasecmp(def->vif[i].mac, name))
			return (int)i;
	}
	return -1;
}

char *def_text(const struct def *def, int id)
{
	xmlDocPtr doc = xmlCopyDoc(def->doc, 1);
	xmlNodePtr root = xmlDocGetRootElement(doc);
	xmlBufferPtr buffer = xmlBufferCreate();
	char *text = NULL;

	if (id >= 0)
		show_running(def, root, id);
	if (buffer && xmlNodeDump(buffer, doc, root, 0, 1) >= 0) {
		xmlBufferAdd(buffer, (const xmlChar *)"\n", 1);
		text = (char *)xmlBufferDetach(buffer);
	}
	xmlBufferFree(buffer);
	xmlFreeDoc(doc);
	return text;
}

/* ---- changes ---- */

static xmlNodePtr text_element(xmlDocPtr doc, const char *name, const char *before)
{
	xmlNodePtr root = xmlDocGetRootElement(doc), n = child(root, name), place = child(root, before);

	if (n)
		return n;
	n = xmlNewDocNode(doc, NULL, (const xmlChar *)name, NULL);
	return place ? xmlAddPrevSibling(place, n) : xmlAddChild(root, n);
}

static void put_text(xmlNodePtr n, const char *text)
{
	xmlNodeSetContent(n, NULL);
	xmlNodeAddContent(n, (const xmlChar *)text);
}

static void put_number(xmlNodePtr n, uint64_t v)
{
	char text[32];

	snprintf(text, sizeof(text), "%ju", (uintmax_t)v);
	put_text(n, text);
}

struct def *def_set_memory(const struct def *def, uint64_t kib, bool maximum, struct error *e)
{
	xmlDocPtr doc = xmlCopyDoc(def->doc, 1);
	xmlNodePtr max = text_element(doc, "memory", "vcpu"), current = text_element(doc, "currentMemory", "vcpu");

	if (!maximum && kib > def->max_kib) {
		error_set(e, ERROR_INVALID_ARG, "memory: cannot set memory higher than max memory");
		xmlFreeDoc(doc);
		return NULL;
	}
	if (maximum) {
		xmlSetProp(max, (const xmlChar *)"unit", (const xmlChar *)"KiB");
		put_number(max, kib);
	}
	xmlSetProp(current, (const xmlChar *)"unit", (const xmlChar *)"KiB");
	put_number(current, maximum ? (def->memory_kib < kib ? def->memory_kib : kib) : kib);
	return parse(doc, e);
}

struct def *def_set_vcpus(const struct def *def, unsigned n, bool maximum, struct error *e)
{
	unsigned most = maximum ? n : def->vcpus, online = !maximum || n < def->online ? n : def->online;
	xmlDocPtr doc;
	xmlNodePtr vcpu;
	char text[16];

	if (n > most || !n) {
		error_set(e, ERROR_INVALID_ARG,
			  "requested vcpus is greater than max allowable vcpus for the domain: %u > %u", n, most);
		return NULL;
	}
	doc = xmlCopyDoc(def->doc, 1);
	vcpu = text_element(doc, "vcpu", "os");
	put_number(vcpu, most);
	snprintf(text, sizeof(text), "%u", online);
	if (online == most)
		xmlUnsetProp(vcpu, (const xmlChar *)"current");
	else
		xmlSetProp(vcpu, (const xmlChar *)"current", (const xmlChar *)text);
	return parse(doc, e);
}

static xmlNodePtr below(xmlNodePtr n, const char *name)
{
	xmlNodePtr c = child(n, name);

	return c ? c : xmlNewChild(n, NULL, (const xmlChar *)name, NULL);
}

struct def *def_set_sched(const struct def *def, unsigned weight, unsigned cap, struct error *e)
{
	xmlDocPtr doc = xmlCopyDoc(def->doc, 1);
	xmlNodePtr tune = text_element(doc, "cputune", "os");

	if (weight)
		put_number(below(tune, "shares"), weight);
	put_number(below(tune, "period"), 100000);
	put_number(below(tune, "quota"), (uint64_t)cap * 1000 / def->vcpus);
	return parse(doc, e);
}

struct def *def_set_name(const struct def *def, const char *name, struct error *e)
{
	xmlDocPtr doc = xmlCopyDoc(def->doc, 1);

	put_text(text_element(doc, "name", "uuid"), name);
	return parse(doc, e);
}

static void which(xmlNodePtr device, int *disk, int *vif)
{
	*disk = is(device, "disk") ? 0 : -1;
	*vif = is(device, "interface") ? 0 : -1;
}

struct def *def_attach(const struct def *def, const char *xml, int *disk, int *vif, struct error *e)
{
	xmlDocPtr device = document(xml, e), doc;
	xmlNodePtr n = device ? xmlDocGetRootElement(device) : NULL;
	struct def *changed = NULL;

	if (!n)
		return NULL;
	which(n, disk, vif);
	if (*disk < 0 && *vif < 0) {
		REFUSE("a device '%.64s' cannot be attached, only 'disk' and 'interface'", (const char *)n->name);
	} else {
		doc = xmlCopyDoc(def->doc, 1);
		xmlAddChild(child(xmlDocGetRootElement(doc), "devices"), xmlDocCopyNode(n, doc, 1));
		changed = parse(doc, e);
	}
	xmlFreeDoc(device);
	if (changed && *disk >= 0)
		*disk = (int)changed->nr_disks - 1;
	else if (changed)
		*vif = (int)changed->nr_vifs - 1;
	return changed;
}

struct def *def_detach(const struct def *def, const char *xml, int *disk, int *vif, struct error *e)
{
	xmlDocPtr device = document(xml, e), doc;
	xmlNodePtr n = device ? xmlDocGetRootElement(device) : NULL, same = NULL;
	char *wanted = NULL;
	int number_of = 0;

	if (!n)
		return NULL;
	which(n, disk, vif);
	if (*disk >= 0)
		wanted = attribute(child(n, "target"), "dev");
	else if (*vif >= 0)
		wanted = attribute(child(n, "mac"), "address");
	if (!wanted) {
		BAD("a disk with 'target' or an interface with 'mac' is wanted");
		xmlFreeDoc(device);
		return NULL;
	}
	doc = xmlCopyDoc(def->doc, 1);
	for (xmlNodePtr c = child(child(xmlDocGetRootElement(doc), "devices"), (const char *)n->name); c;
	     c = element(c->next, (const char *)n->name), number_of++) {
		char *text = *disk >= 0 ? attribute(child(c, "target"), "dev") : attribute(child(c, "mac"), "address");

		if (!same && text && !strcasecmp(text, wanted)) {
			same = c;
			*(*disk >= 0 ? disk : vif) = number_of;
		}
		free(text);
	}
	if (!same) {
		error_set(e, ERROR_OPERATION_FAILED, "%s %.64s is not attached", *disk >= 0 ? "disk" : "interface",
			  wanted);
		xmlFreeDoc(doc);
	} else {
		xmlUnlinkNode(same);
		xmlFreeNode(same);
	}
	free(wanted);
	xmlFreeDoc(device);
	return same ? parse(doc, e) : NULL;
}

struct def *def_set_metadata(const struct def *def, int type, const char *text, const char *key, const char *uri,
			     struct error *e)
{
	static const char *const names[] = { "description", "title" };
	xmlDocPtr doc = xmlCopyDoc(def->doc, 1), given = NULL;
	xmlNodePtr root = xmlDocGetRootElement(doc), old, n;

	old = type == 2 ? metadata(doc, uri) : child(root, names[type]);
	if (type == 2 && text) {
		given = document(text, e);
		if (!given) {
			xmlFreeDoc(doc);
			return NULL;
		}
		n = xmlDocCopyNode(xmlDocGetRootElement(given), doc, 1);
		xmlFreeDoc(given);
		xmlSetNs(n, xmlNewNs(n, (const xmlChar *)uri, (const xmlChar *)key));
		xmlAddChild(text_element(doc, "metadata", "memory"), n);
	} else if (text) {
		n = text_element(doc, names[type], type ? "description" : "metadata");
		old = NULL;
		put_text(n, text);
	}
	if (old) {
		xmlUnlinkNode(old);
		xmlFreeNode(old);
	}
	return parse(doc, e);
}

char *def_metadata(const struct def *def, int type, const char *uri)
{
	xmlNodePtr n = type == 2 ? metadata(def->doc, uri) : NULL, copy;
	xmlBufferPtr buffer;
	char *text = NULL;

	if (type == 0)
		return def->description ? strdup(def->description) : NULL;
	if (type == 1)
		return def->title ? strdup(def->title) : NULL;
	if (!n)
		return NULL;
	/* Users get it as they gave it: the namespace is in the question. */
	copy = xmlDocCopyNode(n, def->doc, 1);
	buffer = xmlBufferCreate();
	if (buffer && xmlNodeDump(buffer, def->doc, copy, 0, 1) >= 0)
		text = (char *)xmlBufferDetach(buffer);
	xmlBufferFree(buffer);
	xmlFreeNode(copy);
	return text;
}

/* ---- for the VMM server ---- */

void def_vif_text(const struct def_vif *vif, char *text, size_t size)
{
	int n = snprintf(text, size, "mac=%s,bridge=net%u", vif->mac, vif->bridge);

	if (vif->rate)
		snprintf(text + n, size - (size_t)n, ",rate=%uKB/s", vif->rate);
}

char *def_config(const struct def *def, const char *kernel, const char *ramdisk, char (*disks)[16], struct error *e)
{
	const char *quote = def->cmdline && strchr(def->cmdline, '"') ? "'" : "\"";
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f) {
		error_set(e, ERROR_NO_MEMORY, "for a configuration");
		return NULL;
	}
	fprintf(f, "name = \"%s\"\nkernel = \"%s\"\n", def->name, kernel);
	if (ramdisk)
		fprintf(f, "ramdisk = \"%s\"\n", ramdisk);
	if (def->cmdline)
		fprintf(f, "extra = %s%s%s\n", quote, def->cmdline, quote);
	fprintf(f, "memory = %ju\nmaxmem = %ju\n", (uintmax_t)def->memory_kib / 1024, (uintmax_t)def->max_kib / 1024);
	fprintf(f, "vcpus = %u\nmaxvcpus = %u\nconsoles = %u\n", def->online, def->vcpus, def->consoles);
	fprintf(f, "on_poweroff = \"%s\"\n", def->restart_poweroff ? "restart" : "destroy");
	fprintf(f, "on_reboot = \"%s\"\n", def->restart_reboot ? "restart" : "destroy");
	fprintf(f, "on_crash = \"%s\"\n", def->restart_crash ? "restart" : "destroy");
	if (def->weight)
		fprintf(f, "cpu_weight = %u\n", def->weight);
	if (def->cap)
		fprintf(f, "cap = %u\n", def->cap);
	if (def->nr_disks) {
		fprintf(f, "disk = [");
		for (unsigned i = 0; i < def->nr_disks; i++)
			fprintf(f, "%s '%s,%s,%s'", i ? "," : "", disks[i], def->disk[i].target,
				def->disk[i].read_only ? "r" : "w");
		fprintf(f, " ]\n");
	}
	if (def->nr_vifs) {
		fprintf(f, "vif = [");
		for (unsigned i = 0; i < def->nr_vifs; i++) {
			char card[80];

			def_vif_text(&def->vif[i], card, sizeof(card));
			fprintf(f, "%s '%s'", i ? "," : "", card);
		}
		fprintf(f, " ]\n");
	}
	if (fclose(f)) {
		free(text);
		error_set(e, ERROR_NO_MEMORY, "for a configuration");
		return NULL;
	}
	return text;
}
