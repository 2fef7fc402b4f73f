/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config.h - configuration files: the machine's (guise.cfg) and the guests' (keys of xl.cfg(5)).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define CONFIG_GUESTS  16
#define CONFIG_DISKS   8
#define CONFIG_VIFS    8
#define CONFIG_STRING  1024
#define CONFIG_DRIVERS 16

enum on_end { END_DESTROY, END_RESTART };

/* How a driver VM is watched over. */
struct driver_config {
	char device[8];	   /* "vda", "net0", "com1"; "": all that have no entry of their own	*/
	unsigned restarts; /* most in a window; then it is given up			*/
	unsigned window;   /* s								*/
	unsigned backoff;  /* ms before the third restart of a window, doubled each time	*/
	unsigned period;   /* ms between the signs of life that are asked for, 0: none	*/
	unsigned limit;	   /* ms that one may take						*/
	unsigned stall;	   /* ms in which no request goes on, 0: any time			*/
	unsigned standby;  /* 1: the next incarnation is built in advance			*/
};

struct machine_config {
	char guests[CONFIG_GUESTS][64]; /* names of guest configurations in the archive	*/
	unsigned nr_guests;
	struct driver_config driver[CONFIG_DRIVERS];
	unsigned nr_drivers;
	int stay;	    /* on_idle="stay": do not power off when the last guest is gone	*/
	unsigned exit_port; /* isa-debug-exit device, 0: none					*/
	int control;	    /* line of the control channel, 0: com1 ...; -1: none		*/
};

struct disk_config {
	unsigned device;    /* 0: vda, 1: vdb ...	*/
	unsigned partition; /* 0: the whole disk	*/
	unsigned vdev;	    /* number of xvd? for the guest */
	char name[8];	    /* "xvda"			*/
	int read_only;
};

struct vif_config {
	unsigned device; /* "net0" is 0			*/
	uint8_t mac[6];
	int antispoof; /* it may send from no other address		*/
	uint64_t rate; /* bytes in each rate_us, 0: no limit	*/
	uint64_t rate_us;
};

struct guest_config {
	char name[64], kernel[128], ramdisk[128], extra[CONFIG_STRING];
	unsigned memory, maxmem;  /* MiB	*/
	unsigned vcpus, maxvcpus; /* on, and those that may be	*/
	unsigned weight, cap;	  /* share of the CPUs; cap in percent of one, 0: none	*/
	uint32_t cpus[32];	  /* bitmap of those where each vCPU may run ...	*/
	uint32_t cpus_soft[32];	  /* ... and where it would rather; 0: anywhere		*/
	unsigned consoles;
	enum on_end on_poweroff, on_reboot, on_crash;
	struct disk_config disk[CONFIG_DISKS];
	unsigned nr_disks;
	struct vif_config vif[CONFIG_VIFS];
	unsigned nr_vifs;
};

/* What holds for a device. */
struct driver_config config_driver(const struct machine_config *m, const char *device);

/* "all", or numbers and ranges, as "0-3,5", to a bitmap.  -1: it is neither, or names a CPU above 31. */
int config_cpus(const char *text, uint32_t *cpus);
/* Parse text.  0, or -1 with one line in error: "file:line: what is wrong". */
int config_machine(const char *file, const char *text, size_t len, struct machine_config *out, char *error,
		   size_t size);
int config_guest(const char *file, const char *text, size_t len, struct guest_config *out, char *error, size_t size);
