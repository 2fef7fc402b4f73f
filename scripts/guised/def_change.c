/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * def_change.c - changed copies of a definition.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "def_read.h"
#include "xml.h"

static xmlNodePtr text_element(xmlDocPtr doc, const char *name, const char *before)
{
	xmlNodePtr root = xmlDocGetRootElement(doc), n = xml_child(root, name), place = xml_child(root, before);

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
	return def_read(doc, e);
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
	return def_read(doc, e);
}

static xmlNodePtr below(xmlNodePtr n, const char *name)
{
	xmlNodePtr c = xml_child(n, name);

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
	return def_read(doc, e);
}

struct def *def_set_name(const struct def *def, const char *name, struct error *e)
{
	xmlDocPtr doc = xmlCopyDoc(def->doc, 1);

	put_text(text_element(doc, "name", "uuid"), name);
	return def_read(doc, e);
}

static void which(xmlNodePtr device, int *disk, int *vif)
{
	*disk = xml_is(device, "disk") ? 0 : -1;
	*vif = xml_is(device, "interface") ? 0 : -1;
}

struct def *def_attach(const struct def *def, const char *xml, int *disk, int *vif, struct error *e)
{
	xmlDocPtr device = xml_document(xml, e), doc;
	xmlNodePtr n = device ? xmlDocGetRootElement(device) : NULL;
	struct def *changed = NULL;

	if (!n)
		return NULL;
	which(n, disk, vif);
	if (*disk < 0 && *vif < 0) {
		REFUSE("a device '%.64s' cannot be attached, only 'disk' and 'interface'", (const char *)n->name);
	} else {
		doc = xmlCopyDoc(def->doc, 1);
		xmlAddChild(xml_child(xmlDocGetRootElement(doc), "devices"), xmlDocCopyNode(n, doc, 1));
		changed = def_read(doc, e);
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
	xmlDocPtr device = xml_document(xml, e), doc;
	xmlNodePtr n = device ? xmlDocGetRootElement(device) : NULL, same = NULL;
	char *wanted = NULL;
	int number_of = 0;

	if (!n)
		return NULL;
	which(n, disk, vif);
	if (*disk >= 0)
		wanted = xml_attribute(xml_child(n, "target"), "dev");
	else if (*vif >= 0)
		wanted = xml_attribute(xml_child(n, "mac"), "address");
	if (!wanted) {
		BAD("a disk with 'target' or an interface with 'mac' is wanted");
		xmlFreeDoc(device);
		return NULL;
	}
	doc = xmlCopyDoc(def->doc, 1);
	for (xmlNodePtr c = xml_child(xml_child(xmlDocGetRootElement(doc), "devices"), (const char *)n->name); c;
	     c = xml_element(c->next, (const char *)n->name), number_of++) {
		char *text = *disk >= 0 ? xml_attribute(xml_child(c, "target"), "dev") :
					  xml_attribute(xml_child(c, "mac"), "address");

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
	return same ? def_read(doc, e) : NULL;
}

struct def *def_set_metadata(const struct def *def, int type, const char *text, const char *key, const char *uri,
			     struct error *e)
{
	static const char *const names[] = { "description", "title" };
	xmlDocPtr doc = xmlCopyDoc(def->doc, 1), given = NULL;
	xmlNodePtr root = xmlDocGetRootElement(doc), old, n;

	old = type == 2 ? def_metadata_element(doc, uri) : xml_child(root, names[type]);
	if (type == 2 && text) {
		given = xml_document(text, e);
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
	return def_read(doc, e);
}

char *def_metadata(const struct def *def, int type, const char *uri)
{
	xmlNodePtr n = type == 2 ? def_metadata_element(def->doc, uri) : NULL, copy;
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
