/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * driver.h - the driver VMs: one device, one domain, one program of the archive's drivers/.
 *
 * driver.c knows what a driver is and builds incarnations of it; supervise.c decides when one ends and
 * when the next begins.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <guise.h>

#include "config.h"
#include "elf.h"
#include "patience.h"
#include "pci.h"
#include "peer.h"

enum driver_kind { DRIVER_BLOCK, DRIVER_NET, DRIVER_SERIAL };
enum driver_state {
	DRIVER_STARTING, /* an incarnation runs, and has not said yet that its device works	*/
	DRIVER_READY,
	DRIVER_WAITING, /* its incarnation is stopped, the next one will follow		*/
	DRIVER_FAILED,	/* until the host has it restarted; its requests are answered with errors	*/
	DRIVER_LEAVING, /* its device is being unplugged				*/
	DRIVER_GONE,	/* nothing: its place is free					*/
};

struct driver {
	char name[24];	       /* "virtio-blk vda"		*/
	const char *device;    /* its last part, "vda"		*/
	char program[64];      /* in the archive		*/
	char last_program[64]; /* to fall back to, if this one does not come up; "": none */
	enum driver_kind kind;
	unsigned number; /* of its kind		*/
	uint16_t id;
	enum driver_state state;
	int was_ready;
	struct guise_device info; /* what the driver is told of its device	*/
	struct pci_keep keep;
	struct domain domain;
	struct peer peer;
	struct elf_segment text; /* of its program: what it executes		*/
	struct domain standby;	 /* the next incarnation but for its device; handle 0: there is none	*/
	char standby_program[64];
	uint64_t standby_at; /* when to go on building it, PATIENCE_NEVER: it is built, or cannot be	*/

	struct driver_config config;
	struct patience patience;
	uint32_t pulse_port;		   /* the heartbeat's event channel, 0: none	*/
	uint64_t stopped_at, due_at;	   /* WAITING, FAILED: since and until when; STARTING: when it must be ready */
	char why[96];			   /* it was stopped			*/
	uint64_t reset_by;		   /* when its device must be reset	*/
	uint64_t believe_until;		   /* of its own, what it says of broken rings is true until then */
	int reset_function;		   /* ... as a PCI function, since its own way failed */
	unsigned nr_restarts, nr_stood_by; /* in how many of them one stood by	*/
	uint64_t ready_ns, served_ns;	   /* of the last restart: from the end to ready, and to the first answer */
};

/* Of those that stand by, until they take their driver's: this, and as many as there are drivers. */
#define DRIVER_STANDBY 0x7fc0

extern struct driver drivers[];
extern unsigned nr_drivers;

/* Find the devices and start a driver VM for each that has a driver in the archive. */
void drivers_start(const void *archive, size_t len, const struct machine_config *config);
/* Wait until each has said that its device works or that it does not. */
void drivers_wait(void);
/* Domain id of the driver of disk n (0: vda), or -1: there is no such disk, or it does not work. */
int driver_of_disk(unsigned n);
unsigned driver_disks(void);
/* The same for network device n. */
int driver_of_net(unsigned n);
unsigned driver_nets(void);

/* Look for devices that came since, and start their drivers: they are ready, or not, some time later. */
void drivers_look(void);
/* Take away the driver of the device on this bus of a slot, and the slot's power: NULL, or why not yet. */
const char *driver_unplug(uint8_t bus);
struct json_out;
/* What there is, as the members "disks" and "nets". */
void drivers_put(struct json_out *o);

/* Build an incarnation and let it run: NULL, or why not. */
const char *driver_build(struct driver *d);
/* Instead of one, build a domain that answers all requests with errors. */
const char *driver_build_dead(struct driver *d);
/* Build a part of one that stands by: 1: there is more to build, 0, or -1: it cannot be. */
int driver_standby(struct driver *d);
void driver_standby_end(struct driver *d);
/* Nothing of it runs any more, and its device does nothing. */
void driver_stop(struct driver *d);
/* Take what is left of a stopped one apart: 0, or -1: not yet, its device is not reset. */
int driver_bury(struct driver *d);
const char *driver_state_name(const struct driver *d);
/* Could this file of the archive be a driver?  NULL, or why not. */
const char *driver_program_check(const char *program);
/* Make it spin for ever: 0, or -1. */
int driver_spin(struct driver *d);
/* Write into its memory: 0, or -1: there is none at that address. */
int driver_poke(struct driver *d, uint64_t at, const void *bytes, size_t len);
