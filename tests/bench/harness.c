/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * harness.c - measures the rows of a program and prints them.
 *
 * The program is static.  It is /init of a ramdisk of its own, or is started as any other:
 *	PROGRAM [-r REPETITIONS] [ROW...]
 * One line of JSON a row, on standard output: the least and the median of all repetitions, for one operation.  Where
 * Guise is below, also how often one operation entered its kernel, and for what.
 */
#include "row.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_REP 99

char self[256];
unsigned row_did;

static int by_ticks(const void *a, const void *b)
{
	double x = ((const struct sample *)a)->ticks, y = ((const struct sample *)b)->ticks;

	return (x > y) - (x < y);
}

static int by_ns(const void *a, const void *b)
{
	double x = ((const struct sample *)a)->ns, y = ((const struct sample *)b)->ns;

	return (x > y) - (x < y);
}

static int by_pace(const void *a, const void *b)
{
	double x = ((const struct sample *)a)->pace, y = ((const struct sample *)b)->pace;

	return (x > y) - (x < y);
}

/*
 * Nanoseconds of a loop that every system runs at the CPU's speed, since it enters no kernel.  On a machine that others
 * share the CPU's speed changes from second to second, and a row's time is worth what it is beside this one's.
 */
static double pace(void)
{
	volatile uint64_t result;
	uint64_t x = 1;

	measure_reset();
	go();
	for (int i = 0; i < 100000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	stop();
	result = x;
	(void)result;
	return measure_result(1).ns;
}

static void measure(const struct row *r, unsigned reps)
{
	static struct sample s[MOST_REP];
	struct sample least;
	double fastest;
	unsigned calm = (reps + 1) / 2;

	if (r->begin)
		r->begin();
	for (unsigned i = 0; i <= reps; i++) {
		/* The first one warms up. */
		double before = pace();

		measure_reset();
		row_did = 0;
		go();
		r->run(i ? r->ops : r->ops / 8 + 1);
		stop();
		if (i) {
			s[i - 1] = measure_result(row_did ? row_did : r->ops);
			s[i - 1].pace = (before + pace()) / 2;
		}
	}
	if (r->end)
		r->end();
	qsort(s, reps, sizeof(s[0]), by_ticks);
	least = s[0];
	printf("{\"row\": \"%s\", \"what\": \"%s\", \"ops\": %u, \"reps\": %u, \"ticks\": [%.2f, %.2f]", r->name,
	       r->what, r->ops, reps, least.ticks, s[reps / 2].ticks);
	/* Time is that of the half that was least disturbed. */
	qsort(s, reps, sizeof(s[0]), by_pace);
	fastest = s[0].pace;
	for (unsigned i = 0; i < calm; i++)
		s[i].ns /= s[i].pace;
	qsort(s, calm, sizeof(s[0]), by_ns);
	printf(", \"paces\": [%.8f, %.8f], \"pace\": %.0f, \"crossings\": {", s[0].ns, s[calm / 2].ns, fastest);
	measure_print_crossings(&least);
	printf("}}\n");
	fflush(stdout);
}

/* ---- where it was measured ---- */

static void print_file(const char *name, const char *path)
{
	char text[200];
	ssize_t n;
	int f = open(path, O_RDONLY);

	if (f < 0)
		return;
	n = read(f, text, sizeof(text) - 1);
	close(f);
	text[n > 0 ? n : 0] = 0;
	text[strcspn(text, "\n\"\\")] = 0;
	printf(", \"%s\": \"%s\"", name, text);
}

static void print_machine(void)
{
	static const char *const flaws[] = { "meltdown", "spectre_v1", "spectre_v2", "spec_store_bypass", "retbleed" };
	struct utsname u;

	uname(&u);
	printf("{\"system\": \"%s\", \"release\": \"%s\", \"cpus\": %ld", measure_system(), u.release,
	       sysconf(_SC_NPROCESSORS_ONLN));
	print_file("clocksource", "/sys/devices/system/clocksource/clocksource0/current_clocksource");
	print_file("cmdline", "/proc/cmdline");
	for (unsigned i = 0; i < sizeof(flaws) / sizeof(flaws[0]); i++) {
		char path[96];

		snprintf(path, sizeof(path), "/sys/devices/system/cpu/vulnerabilities/%s", flaws[i]);
		print_file(flaws[i], path);
	}
	printf("}\n");
	fflush(stdout);
}

/* ---- as /init ---- */

#define WORDS_MOST 64

/* Arguments stand in /arguments, one a line. */
static int read_arguments(char **argv)
{
	static char text[4096];
	FILE *f = fopen("/arguments", "r");
	int n = 1;

	if (!f)
		return n;
	for (size_t at = 0; n < WORDS_MOST - 1 && fgets(text + at, (int)(sizeof(text) - at), f); n++) {
		argv[n] = text + at;
		argv[n][strcspn(argv[n], "\n")] = 0;
		at += strlen(argv[n]) + 1;
	}
	fclose(f);
	return n;
}

static void mount_all(void)
{
	int console;

	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sys", "/sys", "sysfs", 0, NULL);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	mount("tmp", "/tmp", "tmpfs", 0, NULL);
	console = open("/dev/console", O_RDWR);
	for (int i = 0; i < 3; i++)
		dup2(console, i);
}

static bool wanted(const struct row *r, int argc, char **argv)
{
	bool any = argc == 0;

	for (int i = 0; i < argc; i++)
		any |= !strcmp(argv[i], r->name);
	return any;
}

static const struct row *row_named(const char *name)
{
	for (unsigned i = 0; i < nr_rows; i++)
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	return NULL;
}

static void benchmark(int argc, char **argv)
{
	unsigned reps = 5;
	int opt;

	while ((opt = getopt(argc, argv, "r:")) != -1) {
		reps = (unsigned)atoi(opt == 'r' ? optarg : "0");
		if (!reps || reps > MOST_REP)
			die("usage: %s [-r REPETITIONS] [ROW...], 1 to %d repetitions", argv[0], MOST_REP);
	}
	for (int i = optind; i < argc; i++)
		if (!row_named(argv[i]))
			die("no such row: %s", argv[i]);
	measure_init();
	print_machine();
	for (unsigned i = 0; i < nr_rows; i++)
		if (wanted(&rows[i], argc - optind, argv + optind))
			measure(&rows[i], reps);
	printf("{\"end\": 1}\n");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static char *words[WORDS_MOST];
	pid_t child;

	if (argc == 2 && !strcmp(argv[1], "child"))
		_exit(0);
	MUST(readlink("/proc/self/exe", self, sizeof(self) - 1) >= 0 || getpid() == 1 ? 0 : -1);
	if (getpid() != 1) {
		benchmark(argc, argv);
		return 0;
	}
	/* The first process of all must not end, and is a bad one to send signals to. */
	mount_all();
	MUST(readlink("/proc/self/exe", self, sizeof(self) - 1));
	words[0] = argv[0];
	argc = read_arguments(words);
	MUST(child = fork());
	if (!child) {
		benchmark(argc, words);
		exit(0);
	}
	waitpid(child, NULL, 0);
	reboot(RB_POWER_OFF);
	return 1;
}
