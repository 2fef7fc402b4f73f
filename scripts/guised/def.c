/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * def.c - a definition is read, and shown.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "def_read.h"
#include "xml.h"

#define MEMORY_LEAST (64u << 10) /* KiB		*/
#define MEMORY_MOST  (1024ull << 20)
#define VCPUS_MOST   32u
#define WEIGHT_MOST  65535u
#define CAP_MOST     3200u
#define TEXT_MOST    1023u /* bytes of a kernel's command line	*/

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
	char *text = xml_content(n), *unit = xml_attribute(n, "unit");
	uint64_t value = 0, bytes = 0;

	for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(unit ? unit : "KiB", units[i].name))
			bytes = units[i].bytes;
	if (!bytes)
		BAD("%s: unit '%.32s' is unknown", what, unit);
	else if (xml_number(text, &value) || value > MEMORY_MOST * 1024 / bytes)
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
	static const char *const of_os[] = { "type", "kernel", "initrd", "cmdline", "boot", NULL };
	xmlNodePtr type = xml_child(os, "type");
	char *text;

	if (!os)
		return BAD("element 'os' is missing");
	if (xml_only(os, "os", of_os, e))
		return -1;
	if (!type)
		return BAD("element 'os/type' is missing");
	text = xml_content(type);
	if (strcmp(text, "linux") && strcmp(text, "xen"))
		REFUSE("os/type: '%.32s' is not supported, only 'linux' (paravirtualized)", text);
	free(text);
	if (e->code || xml_attribute_of(type, "machine", "os/type", e, "", "xenpv", NULL) ||
	    xml_attribute_of(type, "arch", "os/type", e, "", "x86_64", NULL))
		return -1;
	for (xmlNodePtr n = xml_element(os->children, NULL); n; n = xml_element(n->next, NULL)) {
		if (xml_is(n, "kernel"))
			free(d->kernel), d->kernel = xml_content(n);
		else if (xml_is(n, "initrd"))
			free(d->ramdisk), d->ramdisk = xml_content(n);
		else if (xml_is(n, "cmdline"))
			free(d->cmdline), d->cmdline = xml_content(n);
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
	xmlNodePtr n = xml_child(root, name);
	char *text = xml_content(n);

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

static int parse_uuid(struct def *d, xmlNodePtr root, struct error *e)
{
	xmlNodePtr n = xml_child(root, "uuid"), name = xml_child(root, "name");
	char text[UUID_TEXT], *given = xml_content(n);

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
	static const char *const of_vcpu[] = { "@current", "@placement", NULL };
	char *text, *current;
	uint64_t v = 1, online;

	if (xml_only(n, "vcpu", of_vcpu, e) || xml_attribute_of(n, "placement", "vcpu", e, "", "static", NULL))
		return -1;
	text = xml_content(n);
	current = xml_attribute(n, "current");
	if (text && (xml_number(text, &v) || v < 1 || v > VCPUS_MOST))
		BAD("vcpu: '%.32s' is not between 1 and %u", text, VCPUS_MOST);
	online = v;
	if (!e->code && current && (xml_number(current, &online) || online < 1 || online > v))
		BAD("vcpu: current='%.32s' is not between 1 and %ju", current, (uintmax_t)v);
	d->vcpus = (unsigned)v;
	d->online = (unsigned)online;
	free(text);
	free(current);
	return e->code ? -1 : 0;
}

/* A limit is so many microseconds in each period, for each vCPU. */
static int parse_cputune(struct def *d, xmlNodePtr n, struct error *e)
{
	uint64_t period = 100000, quota = 0, shares = 0;

	for (n = n ? xml_element(n->children, NULL) : NULL; n; n = xml_element(n->next, NULL)) {
		uint64_t *to = xml_is(n, "shares") ? &shares :
			       xml_is(n, "period") ? &period :
			       xml_is(n, "quota")  ? &quota :
						     NULL;
		char *text = xml_content(n);

		if (!to)
			REFUSE("cputune/%.64s is not supported", (const char *)n->name);
		else if (to == &quota && text[0] == '-')
			quota = 0; /* no limit */
		else if (xml_number(text, to))
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

static int parse_root(struct def *d, struct error *e)
{
	static const char *const of_domain[] = { "@type",    "name",	 "uuid",    "title",	   "description",
						 "metadata", "vcpu",	 "cputune", "memory",	   "currentMemory",
						 "os",	     "clock",	 "devices", "on_poweroff", "on_reboot",
						 "on_crash", "features", NULL };
	/* Those mean nothing to one without firmware. */
	static const char *const of_features[] = { "acpi", "apic", "pae", NULL };
	static const char *const of_clock[] = { "@offset", "@adjustment", NULL };
	xmlNodePtr root = xmlDocGetRootElement(d->doc), devices, clock;
	char *text;

	if (!root || !xml_is(root, "domain"))
		return BAD("the root element is not 'domain'");
	if (xml_attribute_of(root, "type", "domain", e, "xen", NULL))
		return -1;
	xmlUnsetProp(root, (const xmlChar *)"id");
	clock = xml_child(root, "clock");
	if (xml_only(root, "domain", of_domain, e) ||
	    xml_only(xml_child(root, "features"), "features", of_features, e) ||
	    xml_only(clock, "clock", of_clock, e) ||
	    (clock && xml_attribute_of(clock, "offset", "clock", e, "utc", NULL)) ||
	    xml_attribute_of(clock, "adjustment", "clock", e, "", "reset", NULL))
		return -1;
	text = xml_content(xml_child(root, "name"));
	if (!text)
		return BAD("element 'name' is missing");
	if (!name_check(text, e))
		strcpy(d->name, text);
	free(text);
	if (e->code || parse_uuid(d, root, e))
		return -1;
	d->title = xml_content(xml_child(root, "title"));
	d->description = xml_content(xml_child(root, "description"));
	if (!xml_child(root, "memory"))
		return BAD("element 'memory' is missing");
	if (memory(xml_child(root, "memory"), "memory", &d->max_kib, e))
		return -1;
	d->memory_kib = d->max_kib;
	if (xml_child(root, "currentMemory") &&
	    memory(xml_child(root, "currentMemory"), "currentMemory", &d->memory_kib, e))
		return -1;
	if (d->memory_kib > d->max_kib)
		d->memory_kib = d->max_kib;
	if (d->memory_kib < MEMORY_LEAST)
		return BAD("memory: less than %u MiB", MEMORY_LEAST / 1024);
	if (parse_vcpus(d, xml_child(root, "vcpu"), e) || parse_cputune(d, xml_child(root, "cputune"), e) ||
	    parse_os(d, xml_child(root, "os"), e) || parse_end(root, "on_poweroff", false, &d->restart_poweroff, e) ||
	    parse_end(root, "on_reboot", true, &d->restart_reboot, e) ||
	    parse_end(root, "on_crash", false, &d->restart_crash, e))
		return -1;
	devices = xml_child(root, "devices");
	if (!devices)
		devices = xmlNewChild(root, NULL, (const xmlChar *)"devices", NULL);
	return def_read_devices(d, devices, e) || def_read_drivers(d, e) ? -1 : 0;
}

/* doc is given away. */
struct def *def_read(xmlDocPtr doc, struct error *e)
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
	xmlDocPtr doc = xml_document(text, e);

	return doc ? def_read(doc, e) : NULL;
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

	return def_read(xmlCopyDoc(def->doc, 1), &e);
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
	for (xmlNodePtr c = xml_child(xml_child(root, "devices"), "interface"); c;
	     c = xml_element(c->next, "interface"), n++) {
		if (xml_child(c, "target"))
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
