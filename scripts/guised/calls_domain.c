/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * calls_domain.c - calls about domains: finding them, their definitions, their lives.
 */
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "calls.h"
#include "client.h"
#include "domain.h"
#include "events.h"
#include "stream.h"

#define START_PAUSED  1u
#define START_REFUSED (2u | 8u) /* automatic destroy, managed save	*/
#define XML_INACTIVE  2u
#define CONSOLE_FORCE 1u
#define PARAVIRT      16u /* the way in which we shut down and reboot	*/
#define NAMES_MOST    16384u

/* virConnectListAllDomainsFlags, by groups: of each group none or one of its flags must fit. */
enum {
	LIST_ACTIVE = 1,
	LIST_INACTIVE = 2,
	LIST_PERSISTENT = 4,
	LIST_TRANSIENT = 8,
	LIST_RUNNING = 16,
	LIST_PAUSED = 32,
	LIST_SHUTOFF = 64,
	LIST_OTHER = 128,
	LIST_SAVED = 256,
	LIST_NOT_SAVED = 512,
	LIST_AUTOSTART = 1024,
	LIST_NO_AUTOSTART = 2048,
	LIST_SNAPSHOT = 4096,
	LIST_NO_SNAPSHOT = 8192,
	LIST_CHECKPOINT = 16384,
	LIST_NO_CHECKPOINT = 32768,
};

struct domain *call_domain(struct call *call)
{
	const char *name = in_string(&call->in);
	uint8_t uuid[UUID_BYTES];
	char text[UUID_TEXT];
	struct domain *d;

	in_uuid(&call->in, uuid);
	in_i32(&call->in);
	if (call->in.bad) {
		fail(call, ERROR_RPC, "no domain");
		return NULL;
	}
	d = domain_by_uuid(uuid);
	if (!d) {
		uuid_text(uuid, text);
		fail(call, ERROR_NO_DOMAIN, "no domain with matching uuid '%s' (%s)", text, name);
	}
	return d;
}

struct domain *call_active(struct call *call)
{
	struct domain *d = call_domain(call);

	if (d && d->id < 0) {
		fail(call, ERROR_OPERATION_INVALID, "domain is not running");
		return NULL;
	}
	return d;
}

/* ---- finding ---- */

static int found(struct call *call, struct domain *d)
{
	out_domain(&call->out, d);
	return 0;
}

int call_lookup_id(struct call *call)
{
	int id = in_i32(&call->in);
	struct domain *d = domain_by_id(id);

	return d ? found(call, d) : fail(call, ERROR_NO_DOMAIN, "no domain with matching id %d", id);
}

int call_lookup_name(struct call *call)
{
	const char *name = in_string(&call->in);
	struct domain *d = domain_by_name(name);

	return d ? found(call, d) : fail(call, ERROR_NO_DOMAIN, "no domain with matching name '%.128s'", name);
}

int call_lookup_uuid(struct call *call)
{
	uint8_t uuid[UUID_BYTES];
	char text[UUID_TEXT];
	struct domain *d;

	in_uuid(&call->in, uuid);
	uuid_text(uuid, text);
	d = domain_by_uuid(uuid);
	return d ? found(call, d) : fail(call, ERROR_NO_DOMAIN, "no domain with matching uuid '%s'", text);
}

static bool group(uint32_t flags, uint32_t yes, uint32_t no, bool is)
{
	return !(flags & (yes | no)) || (flags & yes && is) || (flags & no && !is);
}

bool domain_fits(const struct domain *d, uint32_t flags)
{
	uint32_t state = d->state == DOMAIN_RUNNING ? LIST_RUNNING :
			 d->state == DOMAIN_PAUSED  ? LIST_PAUSED :
						      LIST_SHUTOFF;

	return group(flags, LIST_ACTIVE, LIST_INACTIVE, d->id >= 0) &&
	       group(flags, LIST_PERSISTENT, LIST_TRANSIENT, d->persistent) &&
	       group(flags, LIST_SAVED, LIST_NOT_SAVED, false) &&
	       group(flags, LIST_AUTOSTART, LIST_NO_AUTOSTART, d->autostart) &&
	       group(flags, LIST_SNAPSHOT, LIST_NO_SNAPSHOT, false) &&
	       group(flags, LIST_CHECKPOINT, LIST_NO_CHECKPOINT, false) &&
	       (!(flags & (LIST_RUNNING | LIST_PAUSED | LIST_SHUTOFF | LIST_OTHER)) || flags & state);
}

int call_list_all(struct call *call)
{
	uint32_t wanted = in_u32(&call->in), flags = in_u32(&call->in), n = 0;
	size_t mark = out_mark(&call->out);

	for (struct domain *d = domain_first(); d; d = d->next) {
		if (!domain_fits(d, flags))
			continue;
		n++;
		if (wanted)
			out_domain(&call->out, d);
	}
	out_patch(&call->out, mark, wanted ? n : 0);
	out_u32(&call->out, n);
	return 0;
}

static unsigned count(bool active)
{
	unsigned n = 0;

	for (struct domain *d = domain_first(); d; d = d->next)
		n += (d->id >= 0) == active;
	return n;
}

int call_num_domains(struct call *call)
{
	out_u32(&call->out, count(true));
	return 0;
}

int call_num_defined(struct call *call)
{
	out_u32(&call->out, count(false));
	return 0;
}

int call_list_domains(struct call *call)
{
	uint32_t most = in_u32(&call->in), n = 0;
	size_t mark = out_mark(&call->out);

	for (struct domain *d = domain_first(); d && n < most; d = d->next)
		if (d->id >= 0)
			out_i32(&call->out, d->id), n++;
	out_patch(&call->out, mark, n);
	return 0;
}

int call_list_defined(struct call *call)
{
	uint32_t most = in_u32(&call->in), n = 0;
	size_t mark = out_mark(&call->out);

	for (struct domain *d = domain_first(); d && n < most; d = d->next)
		if (d->id < 0)
			out_string(&call->out, d->def->name), n++;
	out_patch(&call->out, mark, n);
	return 0;
}

/* ---- what they are ---- */

int call_get_xml(struct call *call)
{
	struct domain *d = call_domain(call);
	uint32_t flags = in_u32(&call->in);
	bool inactive = flags & XML_INACTIVE;
	char *text;

	if (!d)
		return -1;
	text = def_text(inactive ? domain_persistent(d) : d->def, inactive ? -1 : d->id);
	if (!text)
		return fail(call, ERROR_NO_MEMORY, "for the XML");
	out_string(&call->out, text);
	free(text);
	return 0;
}

int call_get_os_type(struct call *call)
{
	if (!call_domain(call))
		return -1;
	out_string(&call->out, "linux");
	return 0;
}

int call_get_state(struct call *call)
{
	struct domain *d = call_domain(call);

	if (!d)
		return -1;
	out_i32(&call->out, (int)d->state);
	out_i32(&call->out, d->reason);
	return 0;
}

int call_get_control_info(struct call *call)
{
	struct domain *d = call_active(call);

	if (!d)
		return -1;
	out_u32(&call->out, d->busy ? 1 : 0); /* a job is active	*/
	out_u32(&call->out, 0);
	out_u64(&call->out, 0);
	return 0;
}

static int flag(struct call *call, bool (*is)(const struct domain *d))
{
	struct domain *d = call_domain(call);

	if (!d)
		return -1;
	out_i32(&call->out, is(d));
	return 0;
}

static bool active(const struct domain *d)
{
	return d->id >= 0;
}

static bool persistent(const struct domain *d)
{
	return d->persistent;
}

static bool updated(const struct domain *d)
{
	return d->updated;
}

static bool autostart(const struct domain *d)
{
	return d->autostart;
}

static bool never(const struct domain *d)
{
	(void)d;
	return false;
}

int call_is_active(struct call *call)
{
	return flag(call, active);
}

int call_is_persistent(struct call *call)
{
	return flag(call, persistent);
}

int call_is_updated(struct call *call)
{
	return flag(call, updated);
}

int call_get_autostart(struct call *call)
{
	return flag(call, autostart);
}

int call_has_managed_save(struct call *call)
{
	return flag(call, never);
}

int call_snapshot_num(struct call *call)
{
	return flag(call, never);
}

int call_has_current_snapshot(struct call *call)
{
	return flag(call, never);
}

int call_list_snapshots(struct call *call)
{
	if (!call_domain(call))
		return -1;
	out_u32(&call->out, 0);
	out_i32(&call->out, 0);
	return 0;
}

/* ---- definitions ---- */

static int define(struct call *call)
{
	const char *text = in_string(&call->in);
	struct def *def = call->in.bad ? NULL : def_parse(text, &call->error);
	struct domain *d = def ? domain_define(def, &call->error) : NULL;

	return d ? found(call, d) : -1;
}

int call_define_xml(struct call *call)
{
	return define(call);
}

int call_define_xml_flags(struct call *call)
{
	return define(call);
}

int call_undefine(struct call *call)
{
	struct domain *d = call_domain(call);

	return d ? domain_undefine(d, &call->error) : -1;
}

/* The flags are about what domains here never have: saved memory, snapshots, NVRAM. */
int call_undefine_flags(struct call *call)
{
	return call_undefine(call);
}

int call_set_autostart(struct call *call)
{
	struct domain *d = call_domain(call);
	int on = in_i32(&call->in);

	return d && !call->in.bad ? domain_autostart(d, on != 0, &call->error) : -1;
}

int call_rename(struct call *call)
{
	struct domain *d = call_domain(call);
	const char *name = in_optional(&call->in);

	if (!d || !name)
		return d ? fail(call, ERROR_INVALID_ARG, "a name is wanted") : -1;
	out_i32(&call->out, 0);
	return domain_rename(d, name, &call->error);
}

/* ---- lives ---- */

/* Do something with a domain while nobody else does. */
static int with(struct call *call, struct domain *d, int (*fn)(struct domain *d, struct error *e))
{
	int rc;

	if (!d || domain_begin(d, &call->error))
		return -1;
	if (d->id < 0)
		rc = fail(call, ERROR_OPERATION_INVALID, "domain is not running");
	else
		rc = fn(d, &call->error);
	domain_end(d);
	return rc;
}

static int start(struct call *call, struct domain *d, uint32_t flags)
{
	int rc;

	if (flags & START_REFUSED)
		return fail(call, ERROR_INVALID_ARG, "unsupported flags (0x%x)", flags & START_REFUSED);
	if (d->id >= 0)
		return fail(call, ERROR_OPERATION_INVALID, "domain is already running");
	domain_get(d);
	/* The machine takes its time, in which others may change the domain. */
	rc = backend_up(d, &call->error) || domain_begin(d, &call->error) ? -1 : 0;
	if (!rc) {
		rc = backend_start(d, flags & START_PAUSED, &call->error);
		if (!rc)
			found(call, d);
		domain_end(d);
	}
	domain_put(d);
	return rc;
}

int call_create(struct call *call)
{
	struct domain *d = call_domain(call);
	int rc = d ? start(call, d, 0) : -1;
	struct wire_header h = call->header;

	if (rc)
		return rc;
	h.type = WIRE_REPLY;
	out_free(&call->out); /* this one answers nothing	*/
	out_init(&call->out, &h);
	return 0;
}

int call_create_flags(struct call *call)
{
	struct domain *d = call_domain(call);
	uint32_t flags = in_u32(&call->in);

	return d && !call->in.bad ? start(call, d, flags) : -1;
}

int call_create_xml(struct call *call)
{
	const char *text = in_string(&call->in);
	uint32_t flags = in_u32(&call->in);
	struct def *def = call->in.bad ? NULL : def_parse(text, &call->error);
	struct domain *d;
	int rc;

	if (!def)
		return -1;
	d = domain_by_name(def->name);
	if (d && d->persistent && d->id < 0 && !memcmp(d->def->uuid, def->uuid, UUID_BYTES)) {
		/* A defined one may be started with another definition, this time. */
		def_free(def);
		return fail(call, ERROR_OPERATION_INVALID, "domain '%s' is defined: start it", d->def->name);
	}
	d = domain_transient(def, &call->error);
	if (!d)
		return -1;
	domain_get(d);
	rc = start(call, d, flags);
	if (rc && d->listed && d->id < 0 && !d->persistent)
		domain_vanish(d);
	domain_put(d);
	return rc;
}

int call_shutdown(struct call *call)
{
	return with(call, call_active(call), backend_shutdown);
}

/* A guest is asked in the way of Xen's; another way of asking is not there. */
static int check_way(struct call *call, uint32_t flags)
{
	return flags & ~PARAVIRT ?
		       fail(call, ERROR_INVALID_ARG, "unsupported flags (0x%x), only paravirt", flags & ~PARAVIRT) :
		       0;
}

int call_shutdown_flags(struct call *call)
{
	struct domain *d = call_active(call);
	uint32_t flags = in_u32(&call->in);

	return check_way(call, flags) ? -1 : with(call, d, backend_shutdown);
}

int call_reboot(struct call *call)
{
	struct domain *d = call_active(call);
	uint32_t flags = in_u32(&call->in);

	return check_way(call, flags) ? -1 : with(call, d, backend_reboot);
}

int call_reset(struct call *call)
{
	return with(call, call_active(call), backend_reset);
}

int call_destroy(struct call *call)
{
	return with(call, call_active(call), backend_destroy);
}

int call_destroy_flags(struct call *call)
{
	return call_destroy(call);
}

int call_suspend(struct call *call)
{
	return with(call, call_active(call), backend_suspend);
}

int call_resume(struct call *call)
{
	return with(call, call_active(call), backend_resume);
}

/* A console by its name in the XML of a user: none is the first; "console1" or "serial1" is the second. */
static int console_number(const char *name)
{
	const char *digits = name ? name + strcspn(name, "0123456789") : "";

	if (!name || !*name)
		return 0;
	if (digits[0] < '0' || digits[0] > '3' || digits[1])
		return -1;
	return digits[0] - '0';
}

int call_open_console(struct call *call)
{
	struct domain *d = call_active(call);
	const char *name = in_optional(&call->in);
	uint32_t flags = in_u32(&call->in);
	int number = console_number(name), rc;

	if (!d || call->in.bad)
		return -1;
	if (number < 0 || (unsigned)number >= d->def->consoles)
		return fail(call, ERROR_INVALID_ARG, "there is no console '%.64s'", name);
	domain_get(d);
	rc = stream_open(call, d, (unsigned)number, flags & CONSOLE_FORCE, &call->error);
	if (!rc)
		rc = backend_console_attach(d, (unsigned)number, &call->error);
	if (rc && call_client(call))
		stream_cancel(call);
	domain_put(d);
	return rc;
}
