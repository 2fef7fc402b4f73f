/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * def_read.h - for the files that read and change definitions, between each other.  Each returns 0, or -1 with an error.
 */
#pragma once

#include "def.h"

/* Understand a document, which is given away.  NULL: an error is kept. */
struct def *def_read(xmlDocPtr doc, struct error *e);

/* Disks, cards and consoles; what a card or a guest must have and the user did not give is added. */
int def_read_devices(struct def *d, xmlNodePtr devices, struct error *e);

/* The element of this namespace within <metadata>. */
xmlNodePtr def_metadata_element(xmlDocPtr doc, const char *uri);
/* Our own one: how drivers are watched over.  After the devices. */
int def_read_drivers(struct def *d, struct error *e);
