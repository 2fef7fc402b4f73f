/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * part.c - see part.h.
 */
#include <runtime/event.h>
#include <runtime/print.h>
#include <runtime/start.h>
#include <runtime/store.h>
#include <runtime/string.h>

#include "part.h"

uint16_t backend_id;

static char backend[STORE_PATH_MAX / 2];

void fails(const char *fmt, ...)
{
	char text[200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	store_write("data/fails", text);
	domain_shutdown(SHUTDOWN_poweroff);
}

void put_key(const char *key, uint64_t value)
{
	char path[STORE_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", device, key);
	expect_eq(store_printf(path, "%lu", value), 0);
}

uint64_t get_key(const char *key)
{
	char path[STORE_PATH_MAX];
	uint64_t value;

	snprintf(path, sizeof(path), "%s/%s", device, key);
	expect_eq(store_read_u64(path, &value), 0);
	return value;
}

unsigned backend_state(void)
{
	char path[STORE_PATH_MAX];
	uint64_t state;

	snprintf(path, sizeof(path), "%s/state", backend);
	return store_read_u64(path, &state) ? 0 : state;
}

int wait_state(unsigned state)
{
	uint64_t until = time_ns() + 10 * SECOND;

	while (backend_state() != state) {
		if (time_ns() > until)
			return 0;
		event_loop_once(time_ns() + SECOND / 200);
	}
	return 1;
}

uint64_t random64(void)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	return x ^= x << 17;
}

int domain_main(void)
{
	const char *line = (const char *)start->cmd_line;
	uint64_t number = parse_u64(line, NULL);
	char path[STORE_PATH_MAX];

	snprintf(path, sizeof(path), "%s/backend", device);
	expect(store_read(path, backend, sizeof(backend)) > 0);
	backend_id = (uint16_t)get_key("backend-id");
	prepare();
	if (!strcmp(line, "honest"))
		honest();
	else if (number < nr_attacks)
		attacks[number]();
	store_write("data/holds", "1");
	return 0;
}
