/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - random sequences of steps; one that shows a difference is made as short as it can be.
 *
 *	lockstep [SEED [STEPS]]		sequences from this seed, so many steps together
 *	lockstep FILE			that one, step by step
 *
 * The short one is written to a file beside the program.
 */
#include "lockstep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STEP   sizeof(struct step)
#define LENGTH 400  /* steps of a sequence	*/
#define BATCH  2000 /* sequences of a process	*/
#define MOST   4096

/* splitmix64 */
static uint64_t state;
static char minimal[4096]; /* the file */

uint64_t test_random(void)
{
	uint64_t z = (state += 0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

uint64_t test_below(uint64_t n)
{
	return test_random() % n;
}

/* The k-th sequence of a seed. */
static size_t sequence(uint64_t seed, uint64_t k, uint8_t *bytes)
{
	size_t n = (LENGTH + 1) * STEP;

	state = seed * 0x100000001b3 ^ k;
	for (size_t i = 0; i < n; i += 8) {
		uint64_t r = test_random();

		memcpy(bytes + i, &r, 8);
	}
	if (k % 8)
		bytes[1] &= ~2, bytes[2] &= ~2; /* a run of 512 frames takes its time */
	return n;
}

/* What the fake CPU leaves to chance is the same each time. */
static void run(const uint8_t *bytes, size_t n)
{
	memcpy(&state, bytes, sizeof(state));
	lockstep_run(bytes, n);
}

/* In a process of its own: does it show a difference? */
static bool differs(const uint8_t *bytes, size_t n, bool trace)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		lockstep_trace = trace;
		if (!trace && !freopen("/dev/null", "w", stderr))
			_exit(0);
		run(bytes, n);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return status != 0;
}

/* Leave out what can be left out: halves, quarters ... single steps, until none can. */
static size_t minimise(uint8_t *bytes, size_t n)
{
	static uint8_t shorter[MOST * STEP];
	bool again = true;

	while (again) {
		again = false;
		for (size_t chunk = n / STEP / 2 ? n / STEP / 2 : 1; chunk; chunk /= 2) {
			for (size_t at = 1; at * STEP < n;) {
				size_t cut = chunk * STEP < n - at * STEP ? chunk * STEP : n - at * STEP;

				memcpy(shorter, bytes, at * STEP);
				memcpy(shorter + at * STEP, bytes + at * STEP + cut, n - at * STEP - cut);
				if (differs(shorter, n - cut, false)) {
					n -= cut;
					memcpy(bytes, shorter, n);
					again = true;
				} else {
					at += chunk;
				}
			}
		}
	}
	return n;
}

static void report(uint8_t *bytes, size_t n, const char *file)
{
	FILE *f;

	n = minimise(bytes, n);
	f = fopen(file, "w");
	if (!f || fwrite(bytes, 1, n, f) != n || fclose(f))
		perror(file);
	printf("%zu steps are enough:\n", n / STEP - 1);
	differs(bytes, n, true);
	printf("again: lockstep %s\n", file);
}

static int replay(const char *file)
{
	static uint8_t bytes[MOST * STEP];
	FILE *f = fopen(file, "r");
	size_t n = f ? fread(bytes, 1, sizeof(bytes), f) : 0;

	if (!f) {
		perror(file);
		return 1;
	}
	fclose(f);
	if (!differs(bytes, n, false)) {
		printf("no difference\n");
		return 0;
	}
	report(bytes, n, minimal);
	return 1;
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : (uint64_t)time(NULL);
	uint64_t nr = (argc > 2 ? strtoull(argv[2], NULL, 0) : 1000000) / LENGTH, done = 0;
	static uint8_t bytes[MOST * STEP];
	volatile uint64_t *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	snprintf(minimal, sizeof(minimal), "%s.minimal", argv[0]);
	if (argc == 2 && access(argv[1], R_OK) == 0)
		return replay(argv[1]);
	while (done < nr) {
		int status;
		pid_t pid;

		fflush(NULL);
		pid = fork();
		if (!pid) {
			for (*at = done; *at < nr && *at < done + BATCH; ++*at)
				run(bytes, sequence(seed, *at, bytes));
			exit(0);
		}
		waitpid(pid, &status, 0);
		if (status) {
			printf("not ok - sequence %lu of seed %lu shows a difference\n", (unsigned long)*at,
			       (unsigned long)seed);
			report(bytes, sequence(seed, *at, bytes), minimal);
			return 1;
		}
		done = *at;
	}
	printf("ok - %lu steps from seed %lu in lock-step, without a difference\n", (unsigned long)(done * LENGTH),
	       (unsigned long)seed);
	return 0;
}
