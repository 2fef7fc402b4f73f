/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * machine.h - the machine that the guests run on: a QEMU that boots the microkernel, and lives on without us.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

#define MACHINE_NETS 4

struct machine_options {
	const char *programs; /* where the microkernel, the server and the drivers are: build/	*/
	const char *scripts;  /* where newc and unpack-kernel are	*/
	const char *run_dir;
	const char *qemu;
	const char *attach; /* control socket of a machine that somebody else runs; NULL: we start our own	*/
	unsigned memory;    /* MiB	*/
	unsigned cpus;
	unsigned shelf;		       /* MiB for kernels and ramdisks	*/
	bool tcg;		       /* even where there is KVM	*/
	const char *net[MACHINE_NETS]; /* "user", "bridge=NAME" or "tap=NAME": net0, net1 ... */
	unsigned nr_nets;
};

struct def;

/* Look for a machine that runs already. */
int machine_init(const struct machine_options *options, struct error *e);
/* Wait, in a worker, until it runs; start it if it does not. */
int machine_up(struct error *e);
bool machine_runs(void);
uint64_t machine_memory_kib(void); /* that ours has, or would have; 0: it is somebody else's */
/* Every second: has QEMU ended? */
void machine_tick(void);
/* Have its kernel or ramdisk there; the name for a configuration. */
int machine_file(const char *file, bool kernel, char *name, struct error *e);
/* Make disk n of def a device of the machine; the name that it has there.  Waits. */
int machine_disk_add(const struct def *def, unsigned n, char name[16], struct error *e);
/* Take it away again. */
int machine_disk_remove(const struct def *def, unsigned n, struct error *e);
