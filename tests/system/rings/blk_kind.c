/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blk_kind.c - a disk: the honest frontend has its second partition, attackers the first.
 */
#include <runtime/print.h>
#include <runtime/string.h>

#include "attacks.h"
#include "driver.h"
#include "kind.h"
#include "store.h"

static const char *const sentences[] = {
#define X(function, sentence) sentence,
	ATTACKS(X)
#undef X
};

static int driver(void)
{
	return driver_of_disk(0);
}

static void show(const char *front, const char *back, int honest, unsigned id)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/params", back);
	xs_putf(path, "%u", honest ? 2 : 1);
	snprintf(path, sizeof(path), "%s/mode", back);
	xs_put(path, "w");
}

const struct kind kind = {
	.name = "vbd",
	.number = 51712,
	.driver = driver,
	.show = show,
	.attacks = sentences,
	.nr_attacks = sizeof(sentences) / sizeof(sentences[0]),
};
