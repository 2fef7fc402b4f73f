/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * def_driver.c - of a definition what is ours: how the drivers of its devices are watched over.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "def_read.h"
#include "xml.h"

/* The element of this namespace within <metadata>. */
xmlNodePtr def_metadata_element(xmlDocPtr doc, const char *uri)
{
	xmlNodePtr n = xml_child(xmlDocGetRootElement(doc), "metadata");

	for (n = n ? xml_element(n->children, NULL) : NULL; n; n = xml_element(n->next, NULL))
		if (n->ns && !strcmp((const char *)n->ns->href, uri))
			return n;
	return NULL;
}

/*
 * <drivers xmlns='urn:guise:domain:1'><driver device='xvda' restarts='3' standby='1' .../></drivers>
 * within <metadata>.  The server knows the ranges of the numbers.
 */
static int parse_driver(struct def *d, const xmlNode *n, struct error *e)
{
	static const char *const parts[] = { "restarts", "window", "backoff", "period", "limit", "stall", "standby" };
	static const unsigned nr_parts = sizeof(parts) / sizeof(parts[0]);
	struct def_driver *driver = &d->driver[d->nr_drivers];
	size_t used = 0;

	if (strcmp((const char *)n->name, "driver"))
		return REFUSE("metadata/drivers/%.64s is not supported", (const char *)n->name);
	if (d->nr_drivers == DEF_DRIVERS)
		return REFUSE("metadata/drivers/driver: more than %u", DEF_DRIVERS);
	for (const xmlAttr *a = n->properties; a && !e->code; a = a->next) {
		const char *name = (const char *)a->name;
		char *text = (char *)xmlNodeGetContent((const xmlNode *)a);
		unsigned part = 0, most = !strcmp(name, "standby") ? 1 : 1000000;
		uint64_t v;

		while (part < nr_parts && strcmp(name, parts[part]))
			part++;
		if (!strcmp(name, "device") && strlen(text) < sizeof(driver->device))
			strcpy(driver->device, text);
		else if (!strcmp(name, "program") && strlen(text) < sizeof(driver->program) && !strchr(text, '/'))
			strcpy(driver->program, text);
		else if (part == nr_parts)
			REFUSE("metadata/drivers/driver: %.32s='%.32s' is not supported", name, text);
		else if (xml_number(text, &v) || v > most)
			BAD("metadata/drivers/driver: %s='%.32s' is not between 0 and %u", name, text, most);
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

int def_read_drivers(struct def *d, struct error *e)
{
	xmlNodePtr n = def_metadata_element(d->doc, DEF_SPACE);

	if (n && strcmp((const char *)n->name, "drivers"))
		return REFUSE("metadata/%.64s is not supported", (const char *)n->name);
	for (n = n ? xml_element(n->children, NULL) : NULL; n; n = xml_element(n->next, NULL))
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
