/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_kind.c - a network device, whose cards all are on one switch.
 */
#include <runtime/print.h>
#include <runtime/string.h>

#include "driver.h"
#include "kind.h"
#include "net_attacks.h"
#include "store.h"

static const char *const sentences[] = {
#define X(function, sentence) sentence,
	ATTACKS(X)
#undef X
};

static int driver(void)
{
	return driver_of_net(0);
}

static void show(const char *front, const char *back, int honest, unsigned id)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/mac", front);
	xs_putf(path, "00:16:3e:00:00:%02x", id);
	snprintf(path, sizeof(path), "%s/mac", back);
	xs_putf(path, "00:16:3e:00:00:%02x", id);
}

const struct kind kind = {
	.name = "vif",
	.number = 0,
	.driver = driver,
	.show = show,
	.attacks = sentences,
	.nr_attacks = sizeof(sentences) / sizeof(sentences[0]),
};
