/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * def.h - a domain's definition: libvirt's XML as its user wrote it, and what we understand of it.
 *
 * The document is kept: elements that we do not know, and all <metadata>, come back as they were.  What
 * we know and cannot do is refused by its name.  Changes are made to the document and read anew, so that
 * there is one way in.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <libxml/tree.h>

#include "error.h"
#include "wire.h"

#define DEF_DISKS   8u
#define DEF_VIFS    8u
#define DEF_NAME    64u
#define DEF_DRIVERS (DEF_DISKS + DEF_VIFS)
#define DEF_SPACE   "urn:guise:domain:1" /* the namespace of what is ours in <metadata>	*/

struct def_disk {
	char *source;	 /* NULL: none	*/
	bool of_machine; /* source names a disk of the machine: vda, vda2	*/
	bool qcow2;	 /* else raw	*/
	bool read_only;
	char target[8]; /* xvda	*/
};

/* How the driver VM of a device is to be watched over, of <metadata>. */
struct def_driver {
	char device[8];	  /* of the domain (xvda), or a network of the machine (net0)	*/
	char program[24]; /* of the boot archive, below drivers/; "": the usual one	*/
	char policy[128]; /* as an item of "drivers" in guise.cfg; "": the usual one	*/
};

struct def_vif {
	char mac[18];
	unsigned bridge; /* net0 is 0	*/
	unsigned rate;	 /* KiB a second that the guest may send, 0: no limit	*/
	char target[16]; /* its name for statistics, "" if the user gave none	*/
};

struct def {
	xmlDocPtr doc;
	char name[DEF_NAME];
	uint8_t uuid[UUID_BYTES];
	char *title, *description;    /* NULL: none	*/
	uint64_t max_kib, memory_kib; /* <memory>, <currentMemory>	*/
	unsigned vcpus, online;	      /* <vcpu>, and how many of them are on at the start	*/
	unsigned consoles;
	unsigned weight, cap; /* shares of CPU time, 0: as many as all have; percent of a CPU, 0: no limit	*/
	char *kernel, *ramdisk, *cmdline; /* ramdisk, cmdline: NULL if there is none	*/
	bool restart_poweroff, restart_reboot, restart_crash;
	struct def_disk disk[DEF_DISKS];
	unsigned nr_disks;
	struct def_vif vif[DEF_VIFS];
	unsigned nr_vifs;
	struct def_driver driver[DEF_DRIVERS];
	unsigned nr_drivers;
};

/* Read text; uuid, addresses of cards and a console are added where they are missing.  NULL: error says why. */
struct def *def_parse(const char *text, struct error *e);
struct def *def_copy(const struct def *def);
void def_free(struct def *def);
/* The document as text for free(); id: of a running domain, else -1. */
char *def_text(const struct def *def, int id);

/* Each is a changed copy; NULL: error says why not. */
struct def *def_set_memory(const struct def *def, uint64_t kib, bool maximum, struct error *e);
struct def *def_set_vcpus(const struct def *def, unsigned n, bool maximum, struct error *e);
struct def *def_set_sched(const struct def *def, unsigned weight, unsigned cap, struct error *e);
struct def *def_set_name(const struct def *def, const char *name, struct error *e);
/* With the device of this XML; *disk or *vif is its number, the other -1. */
struct def *def_attach(const struct def *def, const char *xml, int *disk, int *vif, struct error *e);
/* Without the device that has the target or address of this XML; the numbers are those in def. */
struct def *def_detach(const struct def *def, const char *xml, int *disk, int *vif, struct error *e);
/* type: 0 description, 1 title, 2 an element of namespace uri with prefix key.  text NULL: take it out. */
struct def *def_set_metadata(const struct def *def, int type, const char *text, const char *key, const char *uri,
			     struct error *e);
/* For free(); NULL: there is none. */
char *def_metadata(const struct def *def, int type, const char *uri);

/* The number of a disk by its target or source, of a card by its address or name; -1: there is none. */
int def_disk_find(const struct def *def, const char *name);
int def_vif_find(const struct def *def, int id, const char *name);
/* The name that a card of a running domain has: its user's, or one of ours. */
void def_vif_name(const struct def *def, int id, unsigned n, char name[16]);
/* A card as a configuration has it. */
void def_vif_text(const struct def_vif *vif, char *text, size_t size);
/* The configuration that the VMM server reads, for free(), with these names of files and disks in the machine. */
char *def_config(const struct def *def, const char *kernel, const char *ramdisk, char (*disks)[16], struct error *e);
