/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * calls_device.c - calls about what domains consist of: memory, vCPUs, devices, shares, metadata.
 */
#include <string.h>

#include "backend.h"
#include "calls.h"
#include "domain.h"
#include "events.h"

#define AFFECT_LIVE   1u
#define AFFECT_CONFIG 2u
#define AFFECT_MAX    4u /* the maximum, of memory or vCPUs	*/

/* What the flags mean for this domain: without any it is what it is now.  0: an error is kept. */
static uint32_t affected(struct call *call, const struct domain *d, uint32_t flags)
{
	uint32_t what = flags & (AFFECT_LIVE | AFFECT_CONFIG);

	if (!what)
		what = d->id >= 0 ? AFFECT_LIVE : AFFECT_CONFIG;
	if (what & AFFECT_LIVE && d->id < 0)
		fail(call, ERROR_OPERATION_INVALID, "domain is not running");
	else if (what & AFFECT_CONFIG && !d->persistent)
		fail(call, ERROR_OPERATION_INVALID, "transient domains do not have any persistent config");
	return call->error.code ? 0 : what;
}

/* Be the only one who changes the domain, until domain_end().  What the flags mean for it; 0: an error is kept. */
static uint32_t begin(struct call *call, struct domain *d, uint32_t flags)
{
	uint32_t what;

	if (domain_begin(d, &call->error))
		return 0;
	what = affected(call, d, flags);
	if (!what)
		domain_end(d);
	return what;
}

/* What was made for a change is used, or not if something failed since; then it is domain_end(). */
static int end(struct call *call, struct domain *d, struct def *live, struct def *config)
{
	int rc = -1;

	if (!call->error.code) {
		rc = domain_change(d, live, config, &call->error);
	} else {
		def_free(live);
		def_free(config);
	}
	domain_end(d);
	return rc;
}

/* ---- memory and vCPUs ---- */

int call_get_max_memory(struct call *call)
{
	struct domain *d = call_domain(call);

	if (!d)
		return -1;
	out_u64(&call->out, d->def->max_kib);
	return 0;
}

static int set_memory(struct call *call, struct domain *d, uint64_t kib, uint32_t flags)
{
	uint32_t what = begin(call, d, flags);
	struct def *live = NULL, *config = NULL;
	bool maximum = flags & AFFECT_MAX;

	if (!what)
		return -1;
	if (maximum && what & AFFECT_LIVE)
		fail(call, ERROR_OPERATION_INVALID, "cannot resize the maximum memory on an active domain");
	else if (what & AFFECT_LIVE)
		live = def_set_memory(d->def, kib, false, &call->error);
	if (what & AFFECT_CONFIG && !call->error.code)
		config = def_set_memory(domain_persistent(d), kib, maximum, &call->error);
	if (!call->error.code && live && !backend_set_memory(d, kib, &call->error))
		event_balloon(d, kib);
	return end(call, d, live, config);
}

int call_set_memory(struct call *call)
{
	struct domain *d = call_domain(call);
	uint64_t kib = in_u64(&call->in);

	return d && !call->in.bad ? set_memory(call, d, kib, AFFECT_LIVE) : -1;
}

int call_set_memory_flags(struct call *call)
{
	struct domain *d = call_domain(call);
	uint64_t kib = in_u64(&call->in);
	uint32_t flags = in_u32(&call->in);

	return d && !call->in.bad ? set_memory(call, d, kib, flags) : -1;
}

int call_set_max_memory(struct call *call)
{
	struct domain *d = call_domain(call);
	uint64_t kib = in_u64(&call->in);

	return d && !call->in.bad ? set_memory(call, d, kib, AFFECT_MAX) : -1;
}

static int set_vcpus(struct call *call, struct domain *d, uint32_t n, uint32_t flags)
{
	struct def *live = NULL, *config = NULL;
	bool maximum = flags & AFFECT_MAX;
	uint32_t what;

	if (flags & ~(AFFECT_LIVE | AFFECT_CONFIG | AFFECT_MAX))
		return fail(call, ERROR_NO_SUPPORT, "flags 0x%x for vCPUs", flags);
	what = begin(call, d, flags);
	if (!what)
		return -1;
	if (maximum && what & AFFECT_LIVE)
		fail(call, ERROR_INVALID_ARG, "the most vCPUs of a running domain cannot be changed");
	else if (what & AFFECT_LIVE)
		live = def_set_vcpus(d->def, n, false, &call->error);
	if (what & AFFECT_CONFIG && !call->error.code)
		config = def_set_vcpus(domain_persistent(d), n, maximum, &call->error);
	if (!call->error.code && live)
		backend_set_vcpus(d, n, &call->error);
	return end(call, d, live, config);
}

int call_set_vcpus(struct call *call)
{
	struct domain *d = call_domain(call);
	uint32_t n = in_u32(&call->in);

	return d && !call->in.bad ? set_vcpus(call, d, n, AFFECT_LIVE) : -1;
}

int call_set_vcpus_flags(struct call *call)
{
	struct domain *d = call_domain(call);
	uint32_t n = in_u32(&call->in), flags = in_u32(&call->in);

	return d && !call->in.bad ? set_vcpus(call, d, n, flags) : -1;
}

int call_get_vcpus_flags(struct call *call)
{
	struct domain *d = call_domain(call);
	uint32_t flags = in_u32(&call->in), what = d ? affected(call, d, flags) : 0;
	const struct def *def;

	if (!what)
		return -1;
	if (flags & ~(AFFECT_LIVE | AFFECT_CONFIG | AFFECT_MAX))
		return fail(call, ERROR_NO_SUPPORT, "flags 0x%x for vCPUs", flags);
	def = what & AFFECT_CONFIG ? domain_persistent(d) : d->def;
	out_i32(&call->out, (int)(flags & AFFECT_MAX ? def->vcpus : def->online));
	return 0;
}

int call_get_domain_max_vcpus(struct call *call)
{
	struct domain *d = call_domain(call);

	if (!d)
		return -1;
	out_i32(&call->out, (int)d->def->vcpus);
	return 0;
}

/* ---- shares of CPU time ---- */

#define WEIGHT_OF_ALL 256u /* of a domain that says nothing	*/

int call_sched_type(struct call *call)
{
	if (!call_domain(call))
		return -1;
	out_string(&call->out, "credit"); /* whose parameters these are in libvirt	*/
	out_i32(&call->out, 2);
	return 0;
}

static int get_sched(struct call *call, struct domain *d, uint32_t most, uint32_t flags)
{
	uint32_t what = affected(call, d, flags), n = 0;
	struct backend_guest g = { 0 };
	size_t mark;

	if (!what)
		return -1;
	domain_get(d);
	if (what & AFFECT_LIVE) {
		call_usage(call, d, &g);
	} else {
		g.weight = domain_persistent(d)->weight ? domain_persistent(d)->weight : WEIGHT_OF_ALL;
		g.cap = domain_persistent(d)->cap;
	}
	domain_put(d);
	mark = out_mark(&call->out);
	if (n < most)
		out_param_word(&call->out, &n, "weight", PARAM_UINT, g.weight);
	if (n < most)
		out_param_word(&call->out, &n, "cap", PARAM_UINT, g.cap);
	out_patch(&call->out, mark, n);
	return call->error.code ? -1 : 0;
}

int call_get_sched(struct call *call)
{
	struct domain *d = call_domain(call);
	uint32_t most = in_u32(&call->in);

	return d && !call->in.bad ? get_sched(call, d, most, 0) : -1;
}

int call_get_sched_flags(struct call *call)
{
	struct domain *d = call_domain(call);
	uint32_t most = in_u32(&call->in), flags = in_u32(&call->in);

	return d && !call->in.bad ? get_sched(call, d, most, flags) : -1;
}

static int set_sched(struct call *call, bool with_flags)
{
	struct domain *d = call_domain(call);
	uint32_t n = in_count(&call->in, 16, 12), what;
	int64_t weight = -1, cap = -1;
	struct def *live = NULL, *config = NULL;
	unsigned w, c;

	for (uint32_t i = 0; i < n; i++) {
		const char *name;
		int64_t v = in_param(&call->in, &name);

		if (!strcmp(name, "weight"))
			weight = v;
		else if (!strcmp(name, "cap"))
			cap = v;
		else if (!call->in.bad)
			return fail(call, ERROR_INVALID_ARG, "parameter '%.32s' is not supported, only weight and cap",
				    name);
	}
	what = with_flags ? in_u32(&call->in) : 0;
	if (!d || call->in.bad)
		return -1;
	if (weight != -1 && (weight < 1 || weight > 65535))
		return fail(call, ERROR_INVALID_ARG, "weight must be between 1 and 65535");
	if (cap != -1 && (cap < 0 || cap > 3200))
		return fail(call, ERROR_INVALID_ARG, "cap must be between 0 and 3200");
	what = begin(call, d, what);
	if (!what)
		return -1;
	w = weight < 0 ? (d->def->weight ? d->def->weight : WEIGHT_OF_ALL) : (unsigned)weight;
	c = cap < 0 ? d->def->cap : (unsigned)cap;
	if (what & AFFECT_LIVE)
		live = def_set_sched(d->def, w, c, &call->error);
	if (what & AFFECT_CONFIG && !call->error.code)
		config = def_set_sched(domain_persistent(d), w, c, &call->error);
	if (!call->error.code && live)
		backend_schedule(d, w, c, &call->error);
	return end(call, d, live, config);
}

int call_set_sched(struct call *call)
{
	return set_sched(call, false);
}

int call_set_sched_flags(struct call *call)
{
	return set_sched(call, true);
}

/* ---- metadata ---- */

int call_set_metadata(struct call *call)
{
	struct domain *d = call_domain(call);
	int type = in_i32(&call->in);
	const char *text = in_optional(&call->in), *key = in_optional(&call->in), *uri = in_optional(&call->in);
	uint32_t flags = in_u32(&call->in), what;
	struct def *live = NULL, *config = NULL;

	if (!d || call->in.bad)
		return -1;
	if (type < 0 || type > 2 || (type == 2 && (!uri || (text && !key))))
		return fail(call, ERROR_INVALID_ARG, "metadata of type %d needs a key and a uri", type);
	what = begin(call, d, flags);
	if (!what)
		return -1;
	if (what & AFFECT_LIVE)
		live = def_set_metadata(d->def, type, text, key, uri, &call->error);
	if (what & AFFECT_CONFIG && !call->error.code)
		config = def_set_metadata(domain_persistent(d), type, text, key, uri, &call->error);
	return end(call, d, live, config);
}

int call_get_metadata(struct call *call)
{
	struct domain *d = call_domain(call);
	int type = in_i32(&call->in);
	const char *uri = in_optional(&call->in);
	uint32_t flags = in_u32(&call->in), what;
	char *text;

	if (!d || call->in.bad)
		return -1;
	if (type < 0 || type > 2 || (type == 2 && !uri))
		return fail(call, ERROR_INVALID_ARG, "metadata of type %d", type);
	what = affected(call, d, flags);
	if (!what)
		return -1;
	text = def_metadata(what & AFFECT_CONFIG ? domain_persistent(d) : d->def, type, uri);
	if (!text)
		return fail(call, ERROR_NO_METADATA, "Requested metadata element is not present");
	out_string(&call->out, text);
	free(text);
	return 0;
}

/* ---- devices ---- */

static int change_devices(struct call *call, bool attach, bool with_flags)
{
	struct domain *d = call_domain(call);
	const char *xml = in_string(&call->in);
	uint32_t flags = with_flags ? in_u32(&call->in) : AFFECT_LIVE, what;
	struct def *live = NULL, *config = NULL;
	int disk = -1, vif = -1;

	if (!d || call->in.bad)
		return -1;
	what = begin(call, d, flags);
	if (!what)
		return -1;
	if (what & AFFECT_CONFIG)
		config = attach ? def_attach(domain_persistent(d), xml, &disk, &vif, &call->error) :
				  def_detach(domain_persistent(d), xml, &disk, &vif, &call->error);
	if (what & AFFECT_LIVE && !call->error.code)
		live = attach ? def_attach(d->def, xml, &disk, &vif, &call->error) :
				def_detach(d->def, xml, &disk, &vif, &call->error);
	if (live && !call->error.code) {
		if (disk >= 0)
			attach ? backend_attach_disk(d, live, (unsigned)disk, &call->error) :
				 backend_detach_disk(d, (unsigned)disk, &call->error);
		else
			attach ? backend_attach_vif(d, live, (unsigned)vif, &call->error) :
				 backend_detach_vif(d, (unsigned)vif, &call->error);
	}
	return end(call, d, live, config);
}

int call_attach_device(struct call *call)
{
	return change_devices(call, true, false);
}

int call_detach_device(struct call *call)
{
	return change_devices(call, false, false);
}

int call_attach_device_flags(struct call *call)
{
	return change_devices(call, true, true);
}

int call_detach_device_flags(struct call *call)
{
	return change_devices(call, false, true);
}
