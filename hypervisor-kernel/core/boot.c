/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * boot.c - the order the system is born in.
 */
#include <core/boot.h>
#include <core/lib.h>
#include <core/vcpu.h>

static const char *option_find(const char *name)
{
	size_t n = strlen(name);

	for (const char *p = boot_info.cmdline; *p;) {
		while (*p == ' ')
			p++;
		if (!strncmp(p, name, n) && (p[n] == '=' || p[n] == ' ' || !p[n]))
			return p + n;
		while (*p && *p != ' ')
			p++;
	}
	return NULL;
}

bool boot_flag(const char *name)
{
	return option_find(name) != NULL;
}

uint64_t boot_number(const char *name, uint64_t otherwise)
{
	const char *p = option_find(name);
	uint64_t n = 0;

	if (!p || *p != '=' || p[1] < '0' || p[1] > '9')
		return otherwise;
	for (p++; *p >= '0' && *p <= '9' && n < 1ull << 40; p++)
		n = n * 10 + (uint64_t)(*p - '0');
	return n;
}

void kmain(void)
{
	verbose = boot_flag("verbose");
	crossings_timed = boot_flag("profile");
	arch_init();
	sched_init();
	arch_start_cpus();
	printk("guise: %lu MiB of memory free, boot archive %lu KiB\n", frame_free_count() >> 8,
	       boot_info.archive_len >> 10);
	first_domain_build();
	arch_start_guests();
}
