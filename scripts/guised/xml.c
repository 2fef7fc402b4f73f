/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>

#include "xml.h"

bool xml_is(const xmlNode *n, const char *name)
{
	return n->type == XML_ELEMENT_NODE && !n->ns && !strcmp((const char *)n->name, name);
}

/* The next element at or after n; of this name, or any (NULL). */
xmlNodePtr xml_element(xmlNodePtr n, const char *name)
{
	while (n && (n->type != XML_ELEMENT_NODE || (name && !xml_is(n, name))))
		n = n->next;
	return n;
}

xmlNodePtr xml_child(xmlNodePtr n, const char *name)
{
	return n ? xml_element(n->children, name) : NULL;
}

/* Strings are ours, for free(), as libxml2 allocates with malloc(). */
char *xml_content(xmlNodePtr n)
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

char *xml_attribute(xmlNodePtr n, const char *name)
{
	return n ? (char *)xmlGetNoNsProp(n, (const xmlChar *)name) : NULL;
}

/* Is the attribute one of these (of "" if it is missing)?  What names the element in the error. */
int xml_attribute_of(xmlNodePtr n, const char *name, const char *what, struct error *e, ...)
{
	char *value = xml_attribute(n, name);
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

int xml_only(xmlNodePtr n, const char *what, const char *const *names, struct error *e)
{
	const char *const *at;
	char *value;

	for (xmlNodePtr c = xml_child(n, NULL); c; c = xml_element(c->next, NULL)) {
		for (at = names; *at && !xml_is(c, *at); at++)
			;
		if (!*at)
			return REFUSE("%s/%.64s is not supported", what, (const char *)c->name);
	}
	for (xmlAttrPtr a = n ? n->properties : NULL; a; a = a->next) {
		for (at = names; *at && (**at != '@' || a->ns || strcmp(*at + 1, (const char *)a->name)); at++)
			;
		if (*at)
			continue;
		value = (char *)xmlNodeGetContent((xmlNodePtr)a);
		REFUSE("%s: %.64s='%.64s' is not supported", what, (const char *)a->name, value);
		free(value);
		return -1;
	}
	return 0;
}

int xml_number(const char *text, uint64_t *out)
{
	char *end;

	if (!text || !isdigit((unsigned char)*text) || strlen(text) > 18)
		return -1;
	*out = strtoull(text, &end, 10);
	return *end ? -1 : 0;
}

xmlDocPtr xml_document(const char *text, struct error *e)
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
