/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xml.h - elements of a document, as its reader wants them: by name, with errors that name them.
 *
 * Elements are those of libvirt, which have no namespace.  Any node may be NULL: it has nothing then.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <libxml/tree.h>

#include "error.h"

#define XML_MAX (512u << 10) /* bytes of a document	*/

/* For functions that have a struct error *e: what is wrong, and what we cannot do. */
#define BAD(...)    error_set(e, ERROR_XML_DETAIL, __VA_ARGS__)
#define REFUSE(...) error_set(e, ERROR_CONFIG_UNSUPPORTED, __VA_ARGS__)

/* Read text, which names no other files and has no document type.  NULL: an error is kept. */
xmlDocPtr xml_document(const char *text, struct error *e);

bool xml_is(const xmlNode *n, const char *name);
/* The next element at or after n; of this name, or any (NULL). */
xmlNodePtr xml_element(xmlNodePtr n, const char *name);
/* The first such element within n. */
xmlNodePtr xml_child(xmlNodePtr n, const char *name);

/* Text without the blanks around it, and the value of an attribute: for free(), NULL if there is none. */
char *xml_content(xmlNodePtr n);
char *xml_attribute(xmlNodePtr n, const char *name);
/* Is the attribute one of these (of "" if it is missing)?  0, or -1; what names the element in the error. */
__attribute__((sentinel)) int xml_attribute_of(xmlNodePtr n, const char *name, const char *what, struct error *e, ...);
/* Has it no other elements and attributes than these, up to a NULL?  "@name" is an attribute.  0, or -1. */
int xml_only(xmlNodePtr n, const char *what, const char *const *names, struct error *e);

/* 0: text (or NULL) is a decimal number of at most 18 digits. */
int xml_number(const char *text, uint64_t *out);
