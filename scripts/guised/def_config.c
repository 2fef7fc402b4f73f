/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * def_config.c - a definition as the VMM server's configuration has it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "def.h"

void def_vif_text(const struct def_vif *vif, char *text, size_t size)
{
	int n = snprintf(text, size, "mac=%s,bridge=net%u", vif->mac, vif->bridge);

	if (vif->rate)
		snprintf(text + n, size - (size_t)n, ",rate=%uKB/s", vif->rate);
}

char *def_config(const struct def *def, const char *kernel, const char *ramdisk, char (*disks)[16], struct error *e)
{
	const char *quote = def->cmdline && strchr(def->cmdline, '"') ? "'" : "\"";
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f) {
		error_set(e, ERROR_NO_MEMORY, "for a configuration");
		return NULL;
	}
	fprintf(f, "name = \"%s\"\nkernel = \"%s\"\n", def->name, kernel);
	if (ramdisk)
		fprintf(f, "ramdisk = \"%s\"\n", ramdisk);
	if (def->cmdline)
		fprintf(f, "extra = %s%s%s\n", quote, def->cmdline, quote);
	fprintf(f, "memory = %ju\nmaxmem = %ju\n", (uintmax_t)def->memory_kib / 1024, (uintmax_t)def->max_kib / 1024);
	fprintf(f, "vcpus = %u\nmaxvcpus = %u\nconsoles = %u\n", def->online, def->vcpus, def->consoles);
	fprintf(f, "on_poweroff = \"%s\"\n", def->restart_poweroff ? "restart" : "destroy");
	fprintf(f, "on_reboot = \"%s\"\n", def->restart_reboot ? "restart" : "destroy");
	fprintf(f, "on_crash = \"%s\"\n", def->restart_crash ? "restart" : "destroy");
	if (def->weight)
		fprintf(f, "cpu_weight = %u\n", def->weight);
	if (def->cap)
		fprintf(f, "cap = %u\n", def->cap);
	if (def->nr_disks) {
		fprintf(f, "disk = [");
		for (unsigned i = 0; i < def->nr_disks; i++)
			fprintf(f, "%s '%s,%s,%s'", i ? "," : "", disks[i], def->disk[i].target,
				def->disk[i].read_only ? "r" : "w");
		fprintf(f, " ]\n");
	}
	if (def->nr_vifs) {
		fprintf(f, "vif = [");
		for (unsigned i = 0; i < def->nr_vifs; i++) {
			char card[80];

			def_vif_text(&def->vif[i], card, sizeof(card));
			fprintf(f, "%s '%s'", i ? "," : "", card);
		}
		fprintf(f, " ]\n");
	}
	if (fclose(f)) {
		free(text);
		error_set(e, ERROR_NO_MEMORY, "for a configuration");
		return NULL;
	}
	return text;
}
