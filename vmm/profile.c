/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * profile.c - see profile.h.  An answer of profile is about one vCPU, so that it stays short.
 */
#include <runtime/event.h>
#include <runtime/hypercall.h>
#include <runtime/string.h>

#include "control.h"
#include "guest.h"
#include "profile.h"

static const char *profile(const struct json *request, struct json_out *reply)
{
	static struct guise_domain_count count;
	const char *name = json_string(request, "guest", NULL);
	struct guest *g = name ? guest_find(name) : NULL;
	struct guise_system_info sys;
	int64_t vcpu = 0;

	if (!g || g->state != GUEST_RUNNING)
		return "'guest' must name a guest that runs";
	if (json_has(request, "vcpu") && json_number(request, "vcpu", 0, g->config.maxvcpus - 1, &vcpu))
		return "'vcpu' must be the number of one that it has";
	memset(&count, 0, sizeof(count));
	count.handle = g->domain.handle;
	count.vcpu = (uint32_t)vcpu;
	count.timed = json_true(request, "timed") != 0;
	if (guise_system(GUISE_SYSTEM_INFO, &sys, GUISE_ROOT_SYSTEM))
		return "the kernel does not tell";
	if (guise_domain(GUISE_DOMAIN_COUNT, &count)) /* one that was never started has no counters */
		memset(count.crossing, 0, sizeof(count.crossing));
	json_put_number(reply, "time_ns", (int64_t)time_ns());
	json_put_number(reply, "tsc_khz", sys.tsc_khz);
	json_put_number(reply, "vcpus", g->config.maxvcpus);
	json_open(reply, "crossings", '[');
	for (unsigned i = 0; i < GUISE_CROSSINGS; i++) {
		if (!count.crossing[i].count)
			continue;
		json_open(reply, NULL, '[');
		json_put_number(reply, NULL, i);
		json_put_number(reply, NULL, (int64_t)count.crossing[i].count);
		json_put_number(reply, NULL, (int64_t)count.crossing[i].ticks);
		json_close(reply, ']');
	}
	json_close(reply, ']');
	return NULL;
}

static const char *latency(const struct json *request, struct json_out *reply)
{
	static struct guise_system_latency longest;
	struct guise_system_info sys;

	(void)request;
	if (guise_system(GUISE_SYSTEM_INFO, &sys, GUISE_ROOT_SYSTEM) ||
	    guise_system(GUISE_SYSTEM_LATENCY, &longest, GUISE_ROOT_SYSTEM))
		return "the kernel does not tell";
	json_put_number(reply, "tsc_khz", sys.tsc_khz);
	json_open(reply, "longest", '[');
	for (unsigned i = 0; i < GUISE_CROSSINGS; i++) {
		if (!longest.ticks[i])
			continue;
		json_open(reply, NULL, '[');
		json_put_number(reply, NULL, i);
		json_put_number(reply, NULL, (int64_t)longest.ticks[i]);
		json_close(reply, ']');
	}
	json_close(reply, ']');
	return NULL;
}

static const struct control_command commands[] = { { "profile", profile }, { "latency", latency } };

void profile_register(void)
{
	control_register(commands, 2);
}
