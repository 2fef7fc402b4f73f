/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * torn.c - a shared page as somebody leaves it who dies while he writes to it.
 */
#include <runtime/xen.h>

#include "torn.h"
#include "wmb.h"

#define MOMENTS 64
#define WORDS	(PAGE_SIZE / 4)

static uint32_t moment[MOMENTS][WORDS];
static unsigned nr;
static void *watched;
static bool watching;
static void (*somebody)(void);

void fake_wmb(void)
{
	if (somebody)
		somebody();
	if (!watching)
		return;
	ck_assert_uint_lt(nr, MOMENTS);
	memcpy(moment[nr++], watched, PAGE_SIZE);
}

void torn_other(void (*other)(void))
{
	somebody = other;
}

void torn_watch(void *page)
{
	watched = page;
	watching = true;
	nr = 0;
	fake_wmb();
}

unsigned torn_end(void)
{
	fake_wmb();
	watching = false;
	return nr - 1;
}

void torn_make(unsigned n)
{
	uint32_t *page = watched;

	for (unsigned i = 0; i < WORDS; i++)
		page[i] = test_below(2) ? moment[n][i] : moment[n + 1][i];
}
