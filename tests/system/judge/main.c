/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - the judge, first domain of the test machine: builds a fresh domain for each claim in the
 * boot archive, waits for its end, and prints one line a claim.
 *
 *	1..N			the plan
 *	ok K - NAME		the claim holds
 *	not ok K - NAME: WHY	it does not
 *	skip K - NAME: WHY
 *	done: P passed, F failed, S skipped
 *
 * After each claim all memory must be back where it was.  Command line: first=K to begin with the
 * Kth, only=TEXT for those whose name contains TEXT (with _ for a space), seed=N, times (print them), nodevice (the
 * machine has none that does DMA, and no IOMMU), longest=N: no claim may have the kernel keep the CPU to itself for more than
 * N ticks of the TSC (the kernel, whose books are not looked at then, has the option profile).
 */
#include <archive.h>
#include <runtime/hypercall.h>
#include <runtime/event.h>
#include <runtime/io.h>
#include <runtime/print.h>
#include <runtime/start.h>
#include <runtime/string.h>

#include "../lib/claim.h"
#include "judge.h"

#define EXIT_PORT 0xf4

static struct {
	uint64_t first, seed;
	char only[64];
	int times, nodevice;
	uint64_t longest;
} option = { .first = 1, .seed = 1 };

static unsigned passed, failed, skipped, number;

/* The last one of that name counts. */
static const char *option_find(const char *name)
{
	const char *line = (const char *)start->cmd_line, *found = NULL;
	size_t n = strlen(name);

	for (const char *p = line; *p; p++)
		if ((p == line || p[-1] == ' ') && !strncmp(p, name, n))
			found = p + n;
	return found;
}

static void options_read(void)
{
	const char *p;

	if ((p = option_find("first=")))
		option.first = parse_u64(p, NULL);
	if ((p = option_find("seed=")))
		option.seed = parse_u64(p, NULL);
	if ((p = option_find("only=")))
		for (unsigned i = 0; *p && *p != ' ' && i < sizeof(option.only) - 1; i++, p++)
			option.only[i] = *p == '_' ? ' ' : *p;
	option.times = option_find("times") != NULL;
	if ((p = option_find("longest=")))
		option.longest = parse_u64(p, NULL);
	option.nodevice = option_find("nodevice") != NULL;
}

static struct guise_system_info machine(void)
{
	struct guise_system_info info;

	guise_system(GUISE_SYSTEM_INFO, &info, GUISE_ROOT_SYSTEM);
	return info;
}

static uint64_t free_frames(void)
{
	return machine().free_frames;
}

void fsck(void)
{
	struct guise_system_check c;
	long rc = guise_system(GUISE_SYSTEM_CHECK, &c, GUISE_ROOT_SYSTEM);

	if (rc || !c.domains || !c.frames || !c.translations) {
		print("judge: the kernel does not look at its books: %ld\n", rc);
		failed++;
	}
}

static void full_name(char *to, size_t size, const struct trial *t)
{
	snprintf(to, size, "%s%s", t->name, t->stock ? " (stock paging)" : "");
}

/* What was too long is told once, of the claim after which it is seen. */
static void longest_check(struct outcome *o)
{
	static struct guise_system_latency now, before;
	unsigned worst = 0;

	guise_system(GUISE_SYSTEM_LATENCY, &now, GUISE_ROOT_SYSTEM);
	if (!now.ticks[GUISE_HC_DOMAIN]) {
		o->verdict = VERDICT_FAILS;
		snprintf(o->text, sizeof(o->text), "the kernel takes no time (profile)");
	}
	for (unsigned i = 0; i < GUISE_CROSSINGS; i++)
		if (now.ticks[i] > before.ticks[i] && now.ticks[i] > now.ticks[worst])
			worst = i;
	if (now.ticks[worst] > before.ticks[worst] && now.ticks[worst] > option.longest &&
	    o->verdict == VERDICT_HOLDS) {
		o->verdict = VERDICT_FAILS;
		snprintf(o->text, sizeof(o->text), "%lu ticks in crossing %u without a look at interrupts",
			 now.ticks[worst], worst);
	}
	before = now;
}

/* One line, and the counts. */
static void say(const struct trial *t, const struct outcome *o, uint64_t ms)
{
	char name[200];

	full_name(name, sizeof(name), t);
	switch (o->verdict) {
	case VERDICT_HOLDS:
		passed++;
		print("ok %u - %s", number, name);
		break;
	case VERDICT_SKIP:
		skipped++;
		print("skip %u - %s: %s", number, name, o->text);
		break;
	default:
		failed++;
		print("not ok %u - %s: %s", number, name, o->text);
	}
	if (option.times)
		print(" (%lu ms)", ms);
	print("\n");
}

static void judge(const struct trial *t)
{
	struct outcome o = { .verdict = VERDICT_HOLDS };
	uint64_t before = free_frames(), began = time_ns(), after;
	unsigned times = t->claim->times ? t->claim->times : 1;

	print("# %u %s\n", number, t->name);
	if (t->claim->device && option.nodevice)
		o = (struct outcome){ .verdict = VERDICT_SKIP, .text = "the machine has no such device" };
	if (t->claim->spare > machine().max_mfn)
		o = (struct outcome){ .verdict = VERDICT_SKIP, .text = "the machine has too little memory" };
	for (unsigned i = 0; i < times && o.verdict == VERDICT_HOLDS; i++) {
		uint64_t seed = (option.seed + i) * 0x9e3779b97f4a7c15ull;

		o = t->here ? here_run(t) : trial_run(t, seed);
		if (option.longest)
			longest_check(&o);
		else
			fsck();
		after = free_frames();
		if (o.verdict == VERDICT_HOLDS && after != before) {
			o.verdict = VERDICT_FAILS;
			snprintf(o.text, sizeof(o.text), "%ld frames did not come back", (long)(before - after));
		}
		if (o.verdict == VERDICT_FAILS && t->claim->hostile)
			snprintf(o.text + strlen(o.text), sizeof(o.text) - strlen(o.text), " (seed=%lu)",
				 option.seed + i);
	}
	say(t, &o, (time_ns() - began) / 1000000);
}

static int contains(const char *text, const char *part)
{
	size_t n = strlen(part);

	for (; *text; text++)
		if (!strncmp(text, part, n))
			return 1;
	return !n;
}

/* Visit all trials in order; count only, or judge those that are asked for. */
static void all(int judging)
{
	struct trial t;

	number = 0;
	for (unsigned i = 0; trial_get(i, &t); i++) {
		number++;
		if (judging && number >= option.first && contains(t.name, option.only))
			judge(&t);
	}
}

int domain_main(void)
{
	size_t len;
	const void *program = archive_find((const void *)start->mod_start, start->mod_len, "claims", &len);
	const char *error = program ? trials_init(program, len) : "the archive holds no 'claims'";

	options_read();
	if (error) {
		print("judge: %s\n", error);
		outl(EXIT_PORT, 2);
	}
	all(0);
	print("1..%u\n", number);
	all(1);
	print("done: %u passed, %u failed, %u skipped\n", passed, failed, skipped);
	outl(EXIT_PORT, failed ? 1 : 0);
	for (;;)
		hc_sched(SCHEDOP_block, NULL);
}
