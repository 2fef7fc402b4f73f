/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * profile.c - the counters of a guest's vCPUs, ten times a second, and the longest stretches in the kernel.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <hypervisor-kernel/abi/guise.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guise.h"
#include "profile.h"

#define SAMPLE_MS 100
#define VCPUS	  32

static const char *const names[GUISE_CROSSINGS] = {
#define CROSSING(nr, name) [nr] = name,
#include <hypervisor-kernel/abi/crossings.def>
#undef CROSSING
};

struct reading {
	int64_t ns, khz;
	long vcpus;
	int64_t count[GUISE_CROSSINGS], ticks[GUISE_CROSSINGS];
};

static const char *name_of(unsigned i)
{
	return names[i] ? names[i] : "other";
}

static int64_t item(struct json_object *array, size_t i)
{
	return json_object_get_int64(json_object_array_get_idx(array, i));
}

static int read_vcpu(struct guise *g, const char *guest, long vcpu, bool timed, struct reading *to)
{
	struct json_object *request = guise_request_new("profile"), *answer, *list;

	json_object_object_add(request, "guest", guise_text(guest, strlen(guest)));
	json_object_object_add(request, "vcpu", json_object_new_int64(vcpu));
	json_object_object_add(request, "timed", json_object_new_boolean(timed));
	answer = guise_call(g, request);
	if (!answer || guise_error(answer)) {
		int rc = failed(guest, answer);

		json_object_put(answer);
		return rc;
	}
	memset(to, 0, sizeof(*to));
	to->ns = guise_number(answer, "time_ns");
	to->khz = guise_number(answer, "tsc_khz");
	to->vcpus = (long)guise_number(answer, "vcpus");
	if (json_object_object_get_ex(answer, "crossings", &list))
		for (size_t i = 0; i < json_object_array_length(list); i++) {
			struct json_object *one = json_object_array_get_idx(list, i);
			int64_t nr = item(one, 0);

			if (nr < 0 || nr >= GUISE_CROSSINGS)
				continue;
			to->count[nr] = item(one, 1);
			to->ticks[nr] = item(one, 2);
		}
	json_object_put(answer);
	return 0;
}

/* A counter's track for each crossing of a vCPU: per second, and its share of the time. */
static void trace_sample(FILE *f, long vcpu, const struct reading *now, const struct reading *then)
{
	double seconds = (double)(now->ns - then->ns) / 1e9;

	if (seconds <= 0)
		return;
	for (unsigned i = 0; i < GUISE_CROSSINGS; i++) {
		double rate = (double)(now->count[i] - then->count[i]) / seconds;
		double share = (double)(now->ticks[i] - then->ticks[i]) / ((double)now->khz * 10 * seconds);

		if (now->count[i])
			fprintf(f,
				",\n{\"ph\":\"C\",\"pid\":%ld,\"ts\":%.1f,\"name\":\"%s\",\"args\":{\"per second\":%.0f,"
				"\"percent of the time\":%.3f}}",
				vcpu, (double)now->ns / 1e3, name_of(i), rate, share);
	}
}

static void table(long vcpu, const struct reading *now, const struct reading *then)
{
	double seconds = (double)(now->ns - then->ns) / 1e9;

	printf("vCPU %ld, %.1f s\n%-20s %12s %12s %9s\n", vcpu, seconds, "", "each second", "ns in kernel", "time");
	for (unsigned i = 0; i < GUISE_CROSSINGS; i++) {
		double count = (double)(now->count[i] - then->count[i]);
		double ns = (double)(now->ticks[i] - then->ticks[i]) * 1e6 / (double)now->khz;

		if (count > 0)
			printf("%-20s %12.0f %12.0f %8.2f%%\n", name_of(i), count / seconds, ns / count,
			       ns / seconds / 1e7);
	}
}

int profile(struct guise *g, const char *guest, long seconds, const char *trace)
{
	static struct reading first[VCPUS], before[VCPUS], now;
	long vcpus = 1;
	FILE *f = NULL;
	int rc = 0;

	if (trace && !(f = fopen(trace, "w"))) {
		fprintf(stderr, "guise: %s: %s\n", trace, strerror(errno));
		return EXIT_USAGE;
	}
	if (f)
		fputs("[{\"ph\":\"M\",\"pid\":0,\"name\":\"process_name\",\"args\":{\"name\":\"vCPU 0\"}}", f);
	for (long v = 0; !rc && v < vcpus; v++) {
		rc = read_vcpu(g, guest, v, true, &first[v]);
		vcpus = first[v].vcpus < VCPUS ? first[v].vcpus : VCPUS;
		before[v] = first[v];
	}
	for (long i = 1; !rc && i <= seconds * 1000 / SAMPLE_MS; i++) {
		bool last = i == seconds * 1000 / SAMPLE_MS;

		poll(NULL, 0, SAMPLE_MS);
		for (long v = 0; !rc && v < vcpus; v++) {
			rc = read_vcpu(g, guest, v, !last, &now);
			if (rc)
				break;
			if (f)
				trace_sample(f, v, &now, &before[v]);
			before[v] = now;
			if (last)
				table(v, &now, &first[v]);
		}
	}
	if (f && (fputs("]\n", f) < 0 || fclose(f))) {
		fprintf(stderr, "guise: %s: %s\n", trace, strerror(errno));
		rc = EXIT_USAGE;
	}
	return rc;
}

int profile_watch(struct guise *g, const char *guest, long seconds)
{
	static struct reading now;

	for (int on = 1; on >= 0; on--) {
		long vcpus = 1;

		for (long v = 0; v < vcpus; v++) {
			int rc = read_vcpu(g, guest, v, on, &now);

			if (rc)
				return rc;
			vcpus = now.vcpus;
		}
		if (on)
			sleep((unsigned)seconds);
	}
	return 0;
}

void latency_table(struct json_object *answer)
{
	double khz = (double)guise_number(answer, "tsc_khz");
	struct json_object *list;
	size_t nr;

	if (!json_object_object_get_ex(answer, "longest", &list))
		return;
	nr = json_object_array_length(list);
	if (!nr)
		puts("nothing was timed yet: name a guest, or boot with profile");
	else
		printf("%-20s %12s %12s\n", "", "microseconds", "ticks");
	for (size_t i = 0; i < nr; i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		unsigned what = (unsigned)item(one, 0);

		printf("%-20s %12.1f %12lld\n", what < GUISE_CROSSINGS ? name_of(what) : "other",
		       (double)item(one, 1) * 1e3 / khz, (long long)item(one, 1));
	}
}
