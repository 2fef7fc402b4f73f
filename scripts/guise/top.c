/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * top.c - two lists of the guests, a moment apart, and what changed between them.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guise.h"
#include "top.h"

static const struct {
	const char *key;
	double unit;
} per_second[] = {
	{ "faults", 1 },	   { "hypercalls", 1 },	 { "events", 1 },      { "read_bytes", 1000 },
	{ "written_bytes", 1000 }, { "rx_bytes", 1000 }, { "tx_bytes", 1000 },
};

/* The same guest in an earlier list, or NULL. */
static struct json_object *earlier(struct json_object *list, int64_t domid)
{
	struct json_object *guests;

	if (!list || !json_object_object_get_ex(list, "guests", &guests))
		return NULL;
	for (size_t i = 0; i < json_object_array_length(guests); i++) {
		struct json_object *o = json_object_array_get_idx(guests, i);

		if (guise_number(o, "domid") == domid)
			return o;
	}
	return NULL;
}

static double rate(struct json_object *now, struct json_object *then, const char *key, double ns)
{
	return then && ns > 0 ? (double)(guise_number(now, key) - guise_number(then, key)) / ns : 0;
}

static void table(struct json_object *now, struct json_object *then)
{
	double ns = then ? (double)(guise_number(now, "time_ns") - guise_number(then, "time_ns")) : 0;
	struct json_object *guests;

	if (isatty(1))
		fputs("\033[H\033[J", stdout);
	printf("%-20s %5s  %-8s %6s %6s %9s %8s %9s %9s %9s %9s %9s %9s %9s\n", "Name", "ID", "State", "CPU%", "Wait%",
	       "Time(s)", "Mem(MiB)", "Faults/s", "Calls/s", "Events/s", "Read KB/s", "Write", "Recv", "Send");
	json_object_object_get_ex(now, "guests", &guests);
	for (size_t i = 0; i < json_object_array_length(guests); i++) {
		struct json_object *o = json_object_array_get_idx(guests, i);
		struct json_object *old = earlier(then, guise_number(o, "domid"));

		printf("%-20s %5ld  %-8s %6.1f %6.1f %9.1f %8ld", guise_string(o, "name"),
		       (long)guise_number(o, "domid"), guise_string(o, "state"), 100 * rate(o, old, "cpu_ns", ns),
		       100 * rate(o, old, "wait_ns", ns), (double)guise_number(o, "cpu_ns") / 1e9,
		       (long)(guise_number(o, "memory_kib") / 1024));
		for (size_t k = 0; k < sizeof(per_second) / sizeof(per_second[0]); k++)
			printf(" %9.0f", 1e9 / per_second[k].unit * rate(o, old, per_second[k].key, ns));
		putchar('\n');
	}
	fflush(stdout);
}

int top(struct guise *g, long rounds, long seconds)
{
	struct json_object *then = NULL, *now;
	int rc = 0;

	for (long i = 0; !rc && (!rounds || i <= rounds); i++) { /* the first is what the others are compared to */
		now = guise_call(g, guise_request_new("list"));
		if (!now || guise_error(now))
			rc = failed("top", now);
		else if (i)
			table(now, then);
		json_object_put(then);
		then = now;
		if (!rc && (!rounds || i < rounds))
			poll(NULL, 0, (int)(seconds * 1000));
	}
	json_object_put(then);
	return rc;
}
