/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - the program behind every domain of the judge: a claim, a peer or a bystander.
 *
 * Command line: ROLE INDEX stock|native SEED.
 */
#include <runtime/hypercall.h>
#include <runtime/print.h>
#include <runtime/start.h>
#include <runtime/string.h>

#include "bystander.h"
#include "claim.h"
#include "peer.h"
#include "pt.h"
#include "trap.h"

extern const struct claim __start_claims[], __stop_claims[];

static union {
	struct report report;
	char page[PAGE_SIZE];
} report_page __attribute__((aligned(4096)));

static const struct claims header __attribute__((used, aligned(8))) = {
	.magic = CLAIMS_MAGIC,
	.first = (uint64_t)__start_claims,
	.end = (uint64_t)__stop_claims,
	.size = sizeof(struct claim),
	.report = (uint64_t)&report_page,
};

const struct claim *claim;
struct report *report = &report_page.report;
int stock;
uint64_t random_seed;

static void finish(uint32_t verdict)
{
	__atomic_store_n(&report->verdict, verdict, __ATOMIC_RELEASE);
	domain_shutdown(SHUTDOWN_poweroff);
}

void fails(const char *file, int line, const char *fmt, ...)
{
	va_list args;

	report->line = (uint32_t)line;
	snprintf(report->file, sizeof(report->file), "%s", file);
	va_start(args, fmt);
	vsnprintf(report->text, sizeof(report->text), fmt, args);
	va_end(args);
	finish(VERDICT_FAILS);
	__builtin_unreachable();
}

void skip(const char *why)
{
	snprintf(report->text, sizeof(report->text), "%s", why);
	finish(VERDICT_SKIP);
	__builtin_unreachable();
}

/* xorshift64*: repeatable from the seed. */
uint64_t random64(void)
{
	static uint64_t x;

	if (!x)
		x = random_seed ? random_seed : 1;
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	return x * 2685821657736338717ull;
}

static const char *word(const char *from, char *to, size_t size)
{
	while (*from == ' ')
		from++;
	while (*from && *from != ' ' && size > 1) {
		*to++ = *from++;
		size--;
	}
	*to = 0;
	return from;
}

int domain_main(void)
{
	const char *line = (const char *)start->cmd_line;
	char role[16], index[16], paging[16], number[32];

	line = word(line, role, sizeof(role));
	line = word(line, index, sizeof(index));
	line = word(line, paging, sizeof(paging));
	word(line, number, sizeof(number));
	claim = &__start_claims[parse_u64(index, NULL)];
	stock = !strcmp(paging, "stock");
	random_seed = parse_u64(number, NULL);
	__asm__ volatile("" ::"m"(header));
	report->verdict = VERDICT_RUNNING;
	traps_init();
	pt_protect();
	if (!strcmp(role, ROLE_PEER)) {
		peer_serve();
	} else if (!strcmp(role, ROLE_BYSTANDER)) {
		bystander_watch();
	} else {
		if (claim->peer)
			peer_init();
		claim->run();
		finish(VERDICT_HOLDS);
	}
	return 0;
}
