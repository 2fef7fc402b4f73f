/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config.c - configuration files: an error is one line, all else is within its limits.
 */
#include "fuzz.h"

#include "config.h"

static void ends(const char *text, size_t size)
{
	check_that(memchr(text, 0, size));
}

static void guest(const char *text, size_t len)
{
	struct guest_config g;
	char error[256];

	if (config_guest("g.cfg", text, len, &g, error, sizeof(error))) {
		check_that(!strncmp(error, "g.cfg:", 6) && strlen(error) < sizeof(error));
		return;
	}
	ends(g.name, sizeof(g.name));
	ends(g.kernel, sizeof(g.kernel));
	ends(g.ramdisk, sizeof(g.ramdisk));
	ends(g.extra, sizeof(g.extra));
	check_that(g.name[0] && g.kernel[0] && g.memory >= 64 && g.vcpus >= 1 && g.vcpus <= 32 && g.consoles <= 4);
	check_that(g.nr_disks <= CONFIG_DISKS);
	for (unsigned i = 0; i < g.nr_disks; i++)
		check_that(g.disk[i].device < 26 && g.disk[i].partition <= 128 && strlen(g.disk[i].name) == 4);
}

static void machine(const char *text, size_t len)
{
	struct machine_config m;
	char error[64];

	if (config_machine("m.cfg", text, len, &m, error, sizeof(error))) {
		check_that(!strncmp(error, "m.cfg:", 6) && strlen(error) < sizeof(error));
		return;
	}
	check_that(m.nr_guests <= CONFIG_GUESTS && m.exit_port <= 0xffff);
	for (unsigned i = 0; i < m.nr_guests; i++)
		ends(m.guests[i], sizeof(m.guests[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	guest((const char *)data, size);
	machine((const char *)data, size);
	return 0;
}
