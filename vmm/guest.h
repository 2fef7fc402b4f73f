/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest.h - a guest from its configuration to its end.
 *
 * Nothing here waits.  What takes long, building and taking apart, goes on by steps in guests_work(),
 * and whoever asked for it is called when it is done.
 */
#pragma once

#include <stddef.h>

#include "config.h"
#include "console.h"
#include "domain.h"
#include "peer.h"
#include "pvguest.h"

#define GUEST_CONSOLES 4

enum guest_state {
	GUEST_BUILDING,
	GUEST_RUNNING, /* or paused	*/
	GUEST_ENDING,  /* drivers still hold some of its frames	*/
};

struct guest;

/* Called when something is done; error: NULL, or why it could not be. */
struct guest_waiter {
	void (*fn)(struct guest *g, uint64_t id, const char *error);
	uint64_t id;
};

struct guest_console {
	struct guest *guest;
	unsigned number;
	struct console *console;
	void *page;
	uint32_t handle;
	const struct console_tap *tap; /* NULL: none; its argument is this	*/
	uint64_t input;		       /* request that waits for its input to be taken, 0: none	*/
};

struct guest {
	struct guest *next;
	struct guest_config config;
	enum guest_state state;
	int paused;
	int restart; /* when it has ended, build it again	*/
	int first;   /* its consoles are on the serial lines */
	struct domain domain;
	struct peer peer;
	struct pv_build build;
	struct guest_console console[GUEST_CONSOLES];
	uint16_t disk_driver[CONFIG_DISKS], vif_driver[CONFIG_VIFS]; /* domain ids, 0: not shown yet	*/
	unsigned vif_handle[CONFIG_VIFS];			     /* their numbers in the store	*/
	uint64_t since;						     /* time_ns() of its start, or of its end	*/
	uint64_t asked;						     /* to power off, with the machine; 0: not yet	*/
	struct guest_waiter built, gone;
};

/* Where kernels and ramdisks are. */
void guests_init(const void *archive, size_t len);
/* Begin to build one; built is called unless this returns why it cannot be (then no guest is left). */
const char *guest_create(const struct guest_config *config, struct guest_waiter built);
/* End one that is built, whatever it does.  gone is called when nothing of it is left. */
void guest_destroy(struct guest *g, struct guest_waiter gone);
void guest_pause(struct guest *g, int paused);
/* Ask its kernel: "poweroff", "reboot". */
void guest_ask(struct guest *g, const char *what);
/* Ask its balloon to make it so large, in MiB. */
void guest_set_memory(struct guest *g, unsigned memory);
/* Ask its kernel to have so many vCPUs on. */
void guest_set_vcpus(struct guest *g, unsigned vcpus);
/* Its share of the CPUs, from now on and after each restart. */
void guest_schedule(struct guest *g, unsigned weight, unsigned cap);
/* CPUs where a vCPU of it may run, and where it would rather, in the same way.  NULL, or why not. */
const char *guest_pin(struct guest *g, unsigned vcpu, uint32_t hard, uint32_t soft);
/* Give a running one the disks and cards of this configuration, too; all of them or none.  NULL, or why not. */
const char *guest_attach(struct guest *g, const struct guest_config *more);
/* Ask it to let go of a disk (by its name, "xvdb") or of a card.  NULL: it is gone; else why not yet. */
const char *guest_detach_disk(struct guest *g, const char *name);
const char *guest_detach_vif(struct guest *g, const uint8_t mac[6]);
/* Watch a console, or no more (NULL).  The tap's argument is the struct guest_console. */
void guest_tap(struct guest_console *c, const struct console_tap *tap);

/* By name, or by domain id as a number; NULL: none. */
struct guest *guest_find(const char *name);
/* All guests, in the order of their creation; NULL: the first, and at the end. */
struct guest *guest_next(struct guest *g);

/* Look for guests that ended, and do what their configuration says. */
void guests_check(void);
/*
 * All of them power off, as their own administrator would ask them to: the last created first, and each when the one
 * after it is gone, or has not gone for a minute.  They are not restarted.
 */
void guests_shutdown(void);
/* Go on with what is under way.  When to call again: time_ns(), 0 for at once, or EVENT_FOREVER. */
uint64_t guests_work(void);
/* How many run or are about to. */
unsigned guests_alive(void);
/* How many crashed and were not restarted. */
unsigned guests_crashed(void);
