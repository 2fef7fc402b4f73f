/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backend.c - domains as guests of the machine.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../guise/client.h"
#include "backend.h"
#include "domain.h"
#include "events.h"
#include "link.h"
#include "log.h"
#include "loop.h"
#include "machine.h"
#include "shelf.h"
#include "stream.h"

#define DETACH_MS      30000
#define DETACH_POLL_MS 250
#define ASK_MS	       120000 /* a host may be busy, and clients are told meanwhile that we live	*/
#define BUILD_MS       300000 /* for a guest to be built, or taken apart	*/

static int simple(const char *cmd, struct domain *d, int ms, struct error *e)
{
	return link_do(link_about(cmd, d->def->name), ms, e);
}

/* ---- start and end ---- */

static void disks_remove(const struct def *def, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		struct error e = { 0 };

		if (machine_disk_remove(def, i, &e))
			log_error("domain %s, disk %s: %s", def->name, def->disk[i].target, e.text);
	}
}

/* Domains whose disks are leaving the machine: they cannot start again before. */
struct leaving {
	struct leaving *next;
	struct def *def;
};

static struct leaving *leaving;
static pthread_cond_t left = PTHREAD_COND_INITIALIZER;

static void disks_remove_later(void *arg)
{
	struct leaving *l = arg, **at;

	if (link_up())
		disks_remove(l->def, l->def->nr_disks);
	for (at = &leaving; *at != l; at = &(*at)->next)
		;
	*at = l->next;
	pthread_cond_broadcast(&left);
	def_free(l->def);
	free(l);
}

static void disks_leave(const struct domain *d)
{
	struct leaving *l = d->def->nr_disks && link_up() ? calloc(1, sizeof(*l)) : NULL;

	if (!l)
		return;
	l->def = def_copy(d->def);
	l->next = leaving;
	leaving = l;
	if (!l->def || !loop_work(disks_remove_later, l)) {
		log_error("domain %s: its disks stay in the machine", d->def->name);
		leaving = l->next;
		def_free(l->def);
		free(l);
	}
}

static void wait_for_disks(const struct def *def)
{
	int64_t until = loop_now() + BUILD_MS;
	struct leaving *l;

	do {
		for (l = leaving; l && memcmp(l->def->uuid, def->uuid, UUID_BYTES); l = l->next)
			;
	} while (l && lock_wait(&left, until));
}

/* It has stopped: its disks leave the machine. */
static void stopped(struct domain *d, int reason)
{
	disks_leave(d);
	domain_stopped(d, reason);
}

/* ---- drivers ---- */

/* Is this the program that drives the device now? */
static bool driven_by(const char *device, const char *program)
{
	struct error e = { 0 };
	struct json_object *answer = link_call(link_request("driver-list"), ASK_MS, &e), *list;
	bool same = false;

	for (size_t i = 0;
	     answer && json_object_object_get_ex(answer, "drivers", &list) && i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		same |= !strcmp(guise_string(o, "name"), device) && !strcmp(guise_string(o, "program"), program);
	}
	json_object_put(answer);
	return same;
}

/* Have the driver of a device ("vdb", "net0") as the definition wants that of its own ("xvda", "net0"). */
static int set_driver(const struct def *def, const char *own, const char *device, struct error *e)
{
	char name[8], program[40];
	struct json_object *request;

	snprintf(name, sizeof(name), "%.*s", !strncmp(device, "vd", 2) ? 3 : 7, device); /* no partition */
	for (unsigned i = 0; i < def->nr_drivers; i++) {
		const struct def_driver *driver = &def->driver[i];

		if (strcmp(driver->device, own))
			continue;
		request = link_request("driver-policy");
		json_object_object_add(request, "driver", json_object_new_string(name));
		if (*driver->policy)
			json_object_object_add(request, "policy", json_object_new_string(driver->policy));
		if (link_do(request, ASK_MS, e))
			return -1;
		snprintf(program, sizeof(program), "drivers/%s", driver->program);
		if (!*driver->program || driven_by(name, program))
			continue;
		request = link_request("driver-restart");
		json_object_object_add(request, "driver", json_object_new_string(name));
		json_object_object_add(request, "program", json_object_new_string(program));
		if (link_do(request, ASK_MS, e))
			return -1;
	}
	return 0;
}

static int set_drivers(const struct def *def, char (*disks)[16], struct error *e)
{
	char net[8];

	for (unsigned i = 0; i < def->nr_disks; i++)
		if (set_driver(def, def->disk[i].target, disks[i], e))
			return -1;
	for (unsigned i = 0; i < def->nr_vifs; i++) {
		snprintf(net, sizeof(net), "net%u", def->vif[i].bridge);
		if (set_driver(def, net, net, e))
			return -1;
	}
	return 0;
}

static int create(const struct def *def, int *id, struct error *e)
{
	char kernel[SHELF_NAME], ramdisk[SHELF_NAME], disks[DEF_DISKS][16] = { 0 };
	struct json_object *request, *answer;
	unsigned added = 0;
	char *config = NULL;

	wait_for_disks(def);
	if (machine_file(def->kernel, true, kernel, e) ||
	    (def->ramdisk && machine_file(def->ramdisk, false, ramdisk, e)))
		return -1;
	while (added < def->nr_disks && !machine_disk_add(def, added, disks[added], e))
		added++;
	if (added == def->nr_disks && !set_drivers(def, disks, e))
		config = def_config(def, kernel, def->ramdisk ? ramdisk : NULL, disks, e);
	if (config) {
		request = link_request("create");
		json_object_object_add(request, "file", json_object_new_string(def->name));
		json_object_object_add(request, "config", json_object_new_string(config));
		answer = link_call(request, BUILD_MS, e);
		if (answer)
			*id = (int)guise_number(answer, "domid");
		json_object_put(answer);
		free(config);
	}
	if (e->code && link_up())
		disks_remove(def, added);
	return e->code ? -1 : 0;
}

/* Of somebody else's machine the memory is not known: it says itself what is too much. */
static int fits(const struct def *def, struct error *e)
{
	uint64_t kib = machine_memory_kib();

	return kib && def->max_kib > kib ?
		       error_set(e, ERROR_CONFIG_UNSUPPORTED, "memory: %ju MiB are more than the machine's %ju",
				 (uintmax_t)def->max_kib / 1024, (uintmax_t)kib / 1024) :
		       0;
}

int backend_up(const struct domain *d, struct error *e)
{
	return fits(d->def, e) || machine_up(e) ? -1 : 0;
}

static int start(struct domain *d, bool paused, struct error *e)
{
	struct def *def;
	int id = -1, rc;

	if (!machine_runs())
		return error_set(e, ERROR_OPERATION_FAILED, "the machine has ended");
	if (d->id >= 0)
		return error_set(e, ERROR_OPERATION_INVALID, "domain is already running");
	if (fits(d->def, e))
		return -1;
	def = def_copy(d->def); /* while we wait somebody may define it anew */
	rc = def ? create(def, &id, e) : error_set(e, ERROR_NO_MEMORY, "for a definition");
	if (!rc && paused)
		rc = link_do(link_about("pause", def->name), ASK_MS, e);
	def_free(def);
	if (rc)
		return rc;
	domain_started(d, id);
	if (paused)
		domain_paused(d);
	return 0;
}

int backend_start(struct domain *d, bool paused, struct error *e)
{
	int rc;

	d->starting = true;
	rc = start(d, paused, e);
	d->starting = false;
	return rc;
}

int backend_shutdown(struct domain *d, struct error *e)
{
	return simple("shutdown", d, ASK_MS, e);
}

int backend_reboot(struct domain *d, struct error *e)
{
	return simple("reboot", d, ASK_MS, e);
}

int backend_destroy(struct domain *d, struct error *e)
{
	d->ending = SHUTOFF_DESTROYED;
	if (simple("destroy", d, BUILD_MS, e))
		return -1;
	if (d->listed && d->id >= 0)
		stopped(d, SHUTOFF_DESTROYED);
	return 0;
}

int backend_reset(struct domain *d, struct error *e)
{
	struct def *def = def_copy(d->def);
	int id = -1, rc;

	d->restarting = true;
	rc = simple("destroy", d, BUILD_MS, e);
	if (!rc)
		rc = create(def, &id, e);
	d->restarting = false;
	def_free(def);
	if (!rc)
		domain_rebooted(d, id);
	else if (d->listed && d->id >= 0)
		stopped(d, SHUTOFF_FAILED);
	return rc;
}

int backend_suspend(struct domain *d, struct error *e)
{
	if (d->state == DOMAIN_PAUSED)
		return 0;
	if (simple("pause", d, ASK_MS, e))
		return -1;
	domain_paused(d);
	return 0;
}

int backend_resume(struct domain *d, struct error *e)
{
	if (d->state == DOMAIN_RUNNING)
		return error_set(e, ERROR_OPERATION_INVALID, "domain is already running");
	if (simple("unpause", d, ASK_MS, e))
		return -1;
	domain_resumed(d);
	return 0;
}

int backend_set_memory(struct domain *d, uint64_t kib, struct error *e)
{
	struct json_object *request = link_about("set-mem", d->def->name);

	json_object_object_add(request, "memory", json_object_new_int64((int64_t)kib / 1024));
	return link_do(request, ASK_MS, e);
}

int backend_set_vcpus(struct domain *d, unsigned n, struct error *e)
{
	struct json_object *request = link_about("set-vcpus", d->def->name);

	json_object_object_add(request, "vcpus", json_object_new_int((int)n));
	return link_do(request, ASK_MS, e);
}

int backend_schedule(struct domain *d, unsigned weight, unsigned cap, struct error *e)
{
	struct json_object *request = link_about("sched", d->def->name);

	json_object_object_add(request, "weight", json_object_new_int((int)weight));
	json_object_object_add(request, "cap", json_object_new_int((int)cap));
	return link_do(request, ASK_MS, e);
}

/* ---- devices ---- */

static int attach(struct domain *d, const char *key, const char *text, struct error *e)
{
	struct json_object *request = link_about("attach-device", d->def->name);

	json_object_object_add(request, key, json_object_new_string(text));
	return link_do(request, ASK_MS, e);
}

/* The guest's kernel may need a while, and does not let go of a disk that is mounted. */
static int detach(struct domain *d, const char *key, const char *text, struct error *e)
{
	static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
	int64_t until = loop_now() + DETACH_MS;

	for (;;) {
		struct json_object *request = link_about("detach-device", d->def->name);

		json_object_object_add(request, key, json_object_new_string(text));
		e->code = 0;
		if (!link_do(request, ASK_MS, e))
			return 0;
		if (!link_up() || d->id < 0 || loop_now() > until)
			return -1;
		lock_wait(&never, loop_now() + DETACH_POLL_MS);
	}
}

int backend_attach_disk(struct domain *d, const struct def *def, unsigned n, struct error *e)
{
	char name[16], text[48];

	if (machine_disk_add(def, n, name, e))
		return -1;
	snprintf(text, sizeof(text), "%s,%s,%s", name, def->disk[n].target, def->disk[n].read_only ? "r" : "w");
	if (attach(d, "disk", text, e)) {
		struct error more = { 0 };

		machine_disk_remove(def, n, &more);
		return -1;
	}
	event_device(d, true, def->disk[n].target);
	return 0;
}

int backend_detach_disk(struct domain *d, unsigned n, struct error *e)
{
	if (detach(d, "disk", d->def->disk[n].target, e) || machine_disk_remove(d->def, n, e))
		return -1;
	event_device(d, false, d->def->disk[n].target);
	return 0;
}

int backend_attach_vif(struct domain *d, const struct def *def, unsigned n, struct error *e)
{
	char text[80];

	def_vif_text(&def->vif[n], text, sizeof(text));
	if (attach(d, "vif", text, e))
		return -1;
	event_device(d, true, def->vif[n].mac);
	return 0;
}

int backend_detach_vif(struct domain *d, unsigned n, struct error *e)
{
	if (detach(d, "vif", d->def->vif[n].mac, e))
		return -1;
	event_device(d, false, d->def->vif[n].mac);
	return 0;
}

/* ---- what there is ---- */

static uint64_t count(struct json_object *o, const char *key)
{
	return (uint64_t)guise_number(o, key);
}

static struct in6_addr address6(struct json_object *o, const char *key)
{
	const char *text = guise_string(o, key);
	struct in6_addr a;

	return text && inet_pton(AF_INET6, text, &a) == 1 ? a : in6addr_any;
}

static void devices(const struct domain *d, struct json_object *info, struct backend_guest *out)
{
	struct json_object *list;

	for (size_t i = 0; json_object_object_get_ex(info, "disks", &list) && i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		int n = def_disk_find(d->def, guise_string(o, "vdev") ? guise_string(o, "vdev") : "");

		if (n >= 0)
			out->disk[n] = (struct backend_disk){ count(o, "reads"),	 count(o, "writes"),
							      count(o, "flushes"),	 count(o, "read_bytes"),
							      count(o, "written_bytes"), count(o, "errors") };
	}
	for (size_t i = 0; json_object_object_get_ex(info, "vifs", &list) && i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		int n = def_vif_find(d->def, d->id, guise_string(o, "mac") ? guise_string(o, "mac") : "");

		if (n >= 0)
			out->vif[n] = (struct backend_vif){
				count(o, "rx_bytes"),	  count(o, "rx_packets"),
				count(o, "rx_drops"),	  count(o, "tx_bytes"),
				count(o, "tx_packets"),	  count(o, "tx_drops"),
				(uint32_t)count(o, "ip"), { address6(o, "ip6"), address6(o, "ip6_link") }
			};
	}
}

int backend_guest(struct domain *d, struct backend_guest *out, struct error *e)
{
	struct json_object *o = link_call(link_about("info", d->def->name), ASK_MS, e), *list;

	if (!o)
		return -1;
	*out = (struct backend_guest){ .memory_kib = count(o, "memory_kib"),
				       .cpu_ns = count(o, "cpu_ns"),
				       .weight = (unsigned)count(o, "weight"),
				       .cap = (unsigned)count(o, "cap") };
	for (size_t i = 0;
	     json_object_object_get_ex(o, "vcpu_ns", &list) && i < json_object_array_length(list) && i < BACKEND_VCPUS;
	     i++)
		out->vcpu_ns[i] = (uint64_t)json_object_get_int64(json_object_array_get_idx(list, i));
	devices(d, o, out);
	json_object_put(o);
	return 0;
}

void backend_machine(struct backend_machine *out)
{
	struct error e = { 0 };
	struct json_object *o = machine_runs() ? link_call(link_request("info"), ASK_MS, &e) : NULL;

	*out = (struct backend_machine){ .total_kib = machine_memory_kib(),
					 .free_kib = machine_memory_kib(),
					 .cpus = 1 };
	if (!o)
		return;
	out->runs = true;
	out->total_kib = (uint64_t)guise_number(o, "total_kib");
	out->free_kib = (uint64_t)guise_number(o, "free_kib");
	out->cpus = (unsigned)guise_number(o, "cpus");
	out->mhz = (unsigned)(guise_number(o, "tsc_khz") / 1000);
	json_object_put(o);
}

/* ---- consoles ---- */

int backend_console_attach(struct domain *d, unsigned number, struct error *e)
{
	struct json_object *request = link_about("console", d->def->name), *answer;
	char *backlog;
	size_t len = 0;

	json_object_object_add(request, "console", json_object_new_int((int)number));
	answer = link_call(request, ASK_MS, e);
	if (!answer)
		return -1;
	backlog = guise_bytes(answer, "backlog", &len);
	if (backlog && len)
		stream_output(d, number, backlog, len);
	free(backlog);
	json_object_put(answer);
	return 0;
}

void backend_console_detach(struct domain *d, unsigned number)
{
	struct json_object *request = link_about("detach", d->def->name);

	json_object_object_add(request, "console", json_object_new_int((int)number));
	link_send(request, NULL, 0);
}

static void (*input_taken)(unsigned id, const char *error);

static void input_answered(unsigned id, struct json_object *answer)
{
	input_taken(id, answer ? guise_error(answer) : "the machine has ended");
}

int backend_console_input(struct domain *d, unsigned number, const char *data, size_t len,
			  void (*taken)(unsigned id, const char *error), unsigned id)
{
	struct json_object *request = link_about("input", d->def->name);

	input_taken = taken;
	json_object_object_add(request, "console", json_object_new_int((int)number));
	json_object_object_add(request, "data", guise_text(data, len));
	return link_send(request, input_answered, id);
}

/* ---- what the machine tells ---- */

/* A guest that somebody else started: what can be said of it, as a definition. */
static char *describe(const char *name, struct json_object *info)
{
	struct json_object *list;
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	fprintf(f, "<domain type='xen'><name>%s</name><memory unit='KiB'>%jd</memory><vcpu current='%jd'>%jd</vcpu>",
		name, (intmax_t)guise_number(info, "maxmem_kib"), (intmax_t)guise_number(info, "vcpus"),
		(intmax_t)guise_number(info, "maxvcpus"));
	fprintf(f, "<os><type machine='xenpv'>linux</type><kernel>/archive/%s</kernel></os><devices>",
		guise_string(info, "kernel") ? guise_string(info, "kernel") : "");
	for (size_t i = 0; json_object_object_get_ex(info, "disks", &list) && i < json_object_array_length(list); i++) {
		struct json_object *disk = json_object_array_get_idx(list, i);

		fprintf(f, "<disk type='block'><source dev='guise:%s'/><target dev='%s' bus='xen'/></disk>",
			guise_string(disk, "target"), guise_string(disk, "vdev"));
	}
	for (size_t i = 0; json_object_object_get_ex(info, "vifs", &list) && i < json_object_array_length(list); i++) {
		struct json_object *vif = json_object_array_get_idx(list, i);

		fprintf(f, "<interface type='bridge'><mac address='%s'/><source bridge='%s'/></interface>",
			guise_string(vif, "mac"), guise_string(vif, "bridge"));
	}
	fprintf(f, "</devices></domain>");
	fclose(f);
	return text;
}

static void adopt(const char *name)
{
	struct error e = { 0 };
	struct json_object *info = link_call(link_about("info", name), ASK_MS, &e);
	struct def *def = NULL;
	struct domain *d = NULL;
	char *text;

	if (!info || domain_by_name(name)) /* it has gone, or somebody else was faster */
		goto out;
	text = describe(name, info);
	def = text ? def_parse(text, &e) : NULL;
	d = def ? domain_transient(def, &e) : NULL;
	if (d)
		domain_started(d, (int)guise_number(info, "domid"));
	else
		log_error("guest %s cannot be shown: %s", name, e.text);
	free(text);
out:
	json_object_put(info);
}

static bool listed(struct json_object *guests, const char *name)
{
	for (size_t i = 0; i < json_object_array_length(guests); i++) {
		const char *text = guise_string(json_object_array_get_idx(guests, i), "name");

		if (text && !strcmp(text, name))
			return true;
	}
	return false;
}

static void known(struct domain *d, int id, bool paused)
{
	if (d->id < 0 && !d->starting) {
		domain_known(d, id, paused ? DOMAIN_PAUSED : DOMAIN_RUNNING);
		log_info("domain %s still runs, id %d", d->def->name, id);
	} else if (d->id >= 0 && d->id != id) {
		domain_rebooted(d, id);
	}
}

/* Its name, if it has been built and is not about to go. */
static const char *runs(struct json_object *guest)
{
	const char *state = guise_string(guest, "state");

	return state && strcmp(state, "building") && strcmp(state, "ending") ? guise_string(guest, "name") : NULL;
}

/* The guests, when nothing has happened to any since the machine was asked.  NULL: an error is kept. */
static struct json_object *guests_now(struct error *e)
{
	struct json_object *answer;
	unsigned seen;

	for (;;) {
		seen = domain_changes();
		answer = link_call(link_request("list"), ASK_MS, e);
		if (!answer || seen == domain_changes())
			return answer;
		json_object_put(answer);
	}
}

void backend_sync(void)
{
	struct error e = { 0 };
	struct json_object *answer = guests_now(&e), *guests;
	struct domain *next;

	if (!answer || !json_object_object_get_ex(answer, "guests", &guests)) {
		json_object_put(answer);
		log_error("the machine does not tell of its guests: %s", e.text);
		return;
	}
	for (struct domain *d = domain_first(); d; d = next) {
		next = d->next;
		if ((d->was_running || (d->id >= 0 && !d->restarting)) && !listed(guests, d->def->name))
			stopped(d, SHUTOFF_UNKNOWN);
	}
	for (size_t i = 0; i < json_object_array_length(guests); i++) {
		struct json_object *g = json_object_array_get_idx(guests, i);
		struct domain *d = runs(g) ? domain_by_name(runs(g)) : NULL;

		if (d)
			known(d, (int)guise_number(g, "domid"), !strcmp(guise_string(g, "state"), "paused"));
	}
	/* For more about the others we wait: what was told of guests is old then. */
	for (size_t i = 0; i < json_object_array_length(guests); i++) {
		const char *name = runs(json_object_array_get_idx(guests, i));

		if (name && !domain_by_name(name))
			adopt(name);
	}
	json_object_put(answer);
}

static void sync_again(void *unused)
{
	(void)unused;
	if (link_up())
		backend_sync();
}

void backend_machine_gone(void)
{
	struct domain *next;

	for (struct domain *d = domain_first(); d; d = next) {
		next = d->next;
		if (d->id >= 0 || d->was_running)
			domain_stopped(d, d->id >= 0 ? SHUTOFF_CRASHED : SHUTOFF_UNKNOWN);
	}
}

/* Why a guest stops, from what the server says. */
static int reason(const char *event, const char *text)
{
	if (!strcmp(event, "crashed"))
		return SHUTOFF_CRASHED;
	return text && !strcmp(text, "destroyed") ? SHUTOFF_DESTROYED : SHUTOFF_SHUTDOWN;
}

static void console_event(struct json_object *event, const struct domain *d)
{
	size_t len = 0;
	char *data = guise_bytes(event, "data", &len);

	if (data)
		stream_output(d, (unsigned)guise_number(event, "console"), data, len);
	free(data);
}

static void guest_event(const char *what, struct json_object *event, struct domain *d)
{
	const char *text = guise_string(event, "text");
	int id = (int)guise_number(event, "domid");

	if (!strcmp(what, "started") && d->id >= 0 && d->id != id && !d->restarting) {
		domain_rebooted(d, id);
	} else if (!strcmp(what, "started") && d->id < 0 && !d->starting) {
		domain_started(d, id);
	} else if (d->id < 0 || d->restarting) {
		/* who starts it gets an answer */
	} else if (!strcmp(what, "paused")) {
		domain_paused(d);
	} else if (!strcmp(what, "unpaused")) {
		domain_resumed(d);
	} else if (!strcmp(what, "stopped") || !strcmp(what, "crashed")) {
		d->ending = reason(what, text);
		if (d->ending == SHUTOFF_CRASHED)
			log_warning("domain %s has crashed: %s", d->def->name, text ? text : "");
	} else if (!strcmp(what, "gone") && d->id == id) {
		stopped(d, d->ending);
	}
}

void backend_event(struct json_object *event)
{
	const char *what = guise_string(event, "event"), *guest = guise_string(event, "guest");
	struct domain *d = guest ? domain_by_name(guest) : NULL;

	if (!strcmp(what, "console")) {
		if (d)
			console_event(event, d);
	} else if (!strcmp(what, "log")) {
		log_debug("machine: %s", guise_string(event, "text"));
	} else if (!strcmp(what, "lost") || (guest && !d)) {
		loop_work(sync_again, NULL);
	} else if (d) {
		guest_event(what, event, d);
	}
}
