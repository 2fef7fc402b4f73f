/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command.c - the host's commands about guests and the machine.
 */
#include <runtime/event.h>
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/net_mac.h>
#include <runtime/print.h>
#include <runtime/string.h>

#include "command.h"
#include "control.h"
#include "driver.h"
#include "guest.h"
#include "store.h"

#define MEMORY_LEAST 64u /* MiB, as in a configuration	*/

/* The guest that a request names; else *error says why not. */
static struct guest *guest_of(const struct json *request, const char **error)
{
	const char *name = json_string(request, "guest", NULL);
	struct guest *g = name ? guest_find(name) : NULL;
	static char text[128];

	if (!name)
		*error = "'guest' is missing: a name, or a domain id in quotes";
	else if (!g)
		snprintf(text, sizeof(text), "there is no guest '%s'", name);
	if (name && !g)
		*error = text;
	return g;
}

/* One that runs or is paused. */
static struct guest *running_guest(const struct json *request, const char **error)
{
	struct guest *g = guest_of(request, error);

	if (g && g->state != GUEST_RUNNING) {
		*error = g->state == GUEST_BUILDING ? "it is not built yet" : "it is being destroyed";
		return NULL;
	}
	return g;
}

static void later(struct guest *g, uint64_t id, const char *error)
{
	control_answer(id, error, error ? 0 : g->domain.id);
}

/* ---- what there is ---- */

static void put_use(struct json_out *o, const struct guise_domain_info *c)
{
	json_put_number(o, "memory_kib", (int64_t)c->frames * 4);
	json_put_number(o, "cpu_ns", (int64_t)c->cpu_ns);
	json_put_number(o, "wait_ns", (int64_t)c->wait_ns);
	json_put_number(o, "faults", (int64_t)c->faults);
	json_put_number(o, "hypercalls", (int64_t)c->hypercalls);
	json_put_number(o, "events", (int64_t)c->events_received);
}

static void put_counters(struct json_out *o, const struct guise_domain_info *c)
{
	json_put_number(o, "kernel_kib", (int64_t)c->kernel_frames * 4);
	json_put_number(o, "cache_kib", (int64_t)c->cache_frames * 4);
	json_put_number(o, "ports", c->ports);
	json_put_number(o, "handles", c->handles);
	json_put_number(o, "grants", c->grants);
	json_put_number(o, "grant_maps", c->grant_maps);
	json_put_number(o, "events_sent", (int64_t)c->events_sent);
}

static const char *state_name(const struct guest *g)
{
	return g->state == GUEST_BUILDING ? "building" :
	       g->state == GUEST_ENDING	  ? "ending" :
	       g->paused		  ? "paused" :
					    "running";
}

static void put_guest(struct json_out *o, const struct guest *g, const struct guise_domain_info *c)
{
	json_put_string(o, "name", g->config.name);
	json_put_number(o, "domid", g->domain.id);
	json_put_string(o, "state", state_name(g));
	json_put_number(o, "vcpus", g->config.vcpus);
	json_put_number(o, "maxvcpus", g->config.maxvcpus);
	json_put_number(o, "maxmem_kib", (int64_t)g->config.maxmem * 1024);
	put_use(o, c);
}

/* All zero while it has no domain. */
static struct guise_domain_info counters(const struct guest *g)
{
	struct guise_domain_info c = { .handle = g->domain.handle };

	if (!g->domain.handle || guise_domain(GUISE_DOMAIN_INFO, &c))
		c = (struct guise_domain_info){ 0 };
	return c;
}

/* What the driver of a device tells of its use, in words NAME=VALUE: fn(name, value, arg) for each.
 * The text is the driver's own: what is no such word is passed over. */
static void device_use(const struct guest *g, unsigned driver, const char *kind, unsigned number,
		       void (*fn)(const char *name, const char *value, void *arg), void *arg)
{
	char path[96], text[384], *word = text, *end, *eq;

	snprintf(path, sizeof(path), "/local/domain/%u/data/%s/%u/%u", driver, kind, g->domain.id, number);
	if (!driver || xs_get(path, text, sizeof(text)))
		return;
	for (; word; word = end) {
		end = strchr(word, ' ');
		if (end)
			*end++ = 0;
		eq = strchr(word, '=');
		if (!eq)
			continue;
		*eq = 0;
		fn(word, eq + 1, arg);
	}
}

static void put_use_word(const char *name, const char *value, void *arg)
{
	const char *end;
	uint64_t n = parse_u64(value, &end);

	if (*end)
		json_put_string(arg, name, value);
	else
		json_put_number(arg, name, (int64_t)(n & INT64_MAX));
}

struct io {
	uint64_t read, written, rx, tx; /* bytes */
};

static void add_io(const char *name, const char *value, void *arg)
{
	uint64_t n = parse_u64(value, NULL);
	struct io *io = arg;

	if (!strcmp(name, "read_bytes"))
		io->read += n;
	else if (!strcmp(name, "written_bytes"))
		io->written += n;
	else if (!strcmp(name, "rx_bytes"))
		io->rx += n;
	else if (!strcmp(name, "tx_bytes"))
		io->tx += n;
}

/* All of its disks and cards together. */
static void put_io(struct json_out *o, const struct guest *g)
{
	struct io io = { 0 };

	for (unsigned i = 0; i < g->config.nr_disks; i++)
		device_use(g, g->disk_driver[i], "vbd", g->config.disk[i].vdev, add_io, &io);
	for (unsigned i = 0; i < g->config.nr_vifs; i++)
		device_use(g, g->vif_driver[i], "vif", g->vif_handle[i], add_io, &io);
	json_put_number(o, "read_bytes", (int64_t)(io.read & INT64_MAX));
	json_put_number(o, "written_bytes", (int64_t)(io.written & INT64_MAX));
	json_put_number(o, "rx_bytes", (int64_t)(io.rx & INT64_MAX));
	json_put_number(o, "tx_bytes", (int64_t)(io.tx & INT64_MAX));
}

static const char *list(const struct json *request, struct json_out *reply)
{
	(void)request;
	json_put_number(reply, "time_ns", (int64_t)time_ns());
	json_open(reply, "guests", '[');
	for (struct guest *g = NULL; (g = guest_next(g));) {
		struct guise_domain_info c = counters(g);

		json_open(reply, NULL, '{');
		put_guest(reply, g, &c);
		put_io(reply, g);
		json_close(reply, '}');
	}
	json_close(reply, ']');
	return NULL;
}

static const char *info_machine(struct json_out *reply)
{
	struct guise_domain_info self = { .handle = GUISE_INFO_SELF };
	struct guise_system_counters all;
	struct guise_system_info sys;
	unsigned nr = 0;

	if (guise_system(GUISE_SYSTEM_INFO, &sys, GUISE_ROOT_SYSTEM) ||
	    guise_system(GUISE_SYSTEM_COUNTERS, &all, GUISE_ROOT_SYSTEM) || guise_domain(GUISE_DOMAIN_INFO, &self))
		return "the kernel does not tell";
	for (struct guest *g = NULL; (g = guest_next(g));)
		nr++;
	json_put_number(reply, "time_ns", (int64_t)time_ns());
	json_put_number(reply, "cpus", sys.nr_cpus);
	json_put_number(reply, "tsc_khz", sys.tsc_khz);
	json_put_bool(reply, "iommu", (sys.features & GUISE_FEATURE_IOMMU) != 0);
	json_put_number(reply, "total_kib", (int64_t)sys.total_frames * 4);
	json_put_number(reply, "free_kib", (int64_t)sys.free_frames * 4);
	json_put_number(reply, "guests", nr);
	json_put_number(reply, "domains", all.domains);
	json_put_number(reply, "idle_ns", (int64_t)all.idle_ns);
	json_put_number(reply, "switches", (int64_t)all.switches);
	json_put_number(reply, "irqs", all.irqs);
	json_put_number(reply, "messages", all.messages);
	json_open(reply, "server", '{');
	put_use(reply, &self);
	put_counters(reply, &self);
	json_put_number(reply, "heap_used", (int64_t)heap_used_bytes());
	json_put_number(reply, "heap_free", (int64_t)heap_free_bytes());
	json_close(reply, '}');
	return NULL;
}

/* The kernel looks at all that it keeps books of.  What does not agree ends the machine. */
static const char *fsck(const struct json *request, struct json_out *reply)
{
	struct guise_system_check c;

	(void)request;
	if (guise_system(GUISE_SYSTEM_CHECK, &c, GUISE_ROOT_SYSTEM))
		return "this kernel does not check itself: it has to be built with DEBUG=1";
	json_put_number(reply, "domains", (int64_t)c.domains);
	json_put_number(reply, "frames", (int64_t)c.frames);
	json_put_number(reply, "holds", (int64_t)c.holds);
	json_put_number(reply, "uses", (int64_t)c.uses);
	json_put_number(reply, "ports", (int64_t)c.ports);
	json_put_number(reply, "translations", (int64_t)c.translations);
	json_put_number(reply, "dma", (int64_t)c.dma);
	return NULL;
}

static const char *const end_names[] = { [END_DESTROY] = "destroy", [END_RESTART] = "restart" };

static void put_cpus(struct json_out *reply, const char *key, const uint32_t *cpus, unsigned nr)
{
	json_open(reply, key, '[');
	for (unsigned i = 0; i < nr; i++)
		json_put_number(reply, NULL, cpus[i]);
	json_close(reply, ']');
}

static const char *info(const struct json *request, struct json_out *reply)
{
	const char *error = NULL;
	struct guise_domain_info use;
	const struct guest_config *c;
	struct guest *g;

	if (!json_has(request, "guest"))
		return info_machine(reply);
	g = guest_of(request, &error);
	if (!g)
		return error;
	c = &g->config;
	use = counters(g);
	put_guest(reply, g, &use);
	put_counters(reply, &use);
	json_open(reply, "vcpu_ns", '[');
	for (unsigned i = 0; i < c->maxvcpus; i++)
		json_put_number(reply, NULL, (int64_t)use.vcpu_ns[i]);
	json_close(reply, ']');
	put_cpus(reply, "vcpu_cpus", c->cpus, c->maxvcpus);
	put_cpus(reply, "vcpu_cpus_soft", c->cpus_soft, c->maxvcpus);
	json_put_number(reply, "weight", c->weight);
	json_put_number(reply, "cap", c->cap);
	if (g->state == GUEST_RUNNING)
		json_put_number(reply, "uptime_ns", (int64_t)(time_ns() - g->since));
	json_put_string(reply, "kernel", c->kernel);
	json_put_string(reply, "ramdisk", c->ramdisk);
	json_put_string(reply, "extra", c->extra);
	json_put_number(reply, "consoles", c->consoles);
	json_put_string(reply, "on_poweroff", end_names[c->on_poweroff]);
	json_put_string(reply, "on_reboot", end_names[c->on_reboot]);
	json_put_string(reply, "on_crash", end_names[c->on_crash]);
	json_open(reply, "disks", '[');
	for (unsigned i = 0; i < c->nr_disks; i++) {
		char target[16];

		snprintf(target, sizeof(target), c->disk[i].partition ? "vd%c%u" : "vd%c",
			 'a' + (char)c->disk[i].device, c->disk[i].partition);
		json_open(reply, NULL, '{');
		json_put_string(reply, "target", target);
		json_put_string(reply, "vdev", c->disk[i].name);
		json_put_bool(reply, "read_only", c->disk[i].read_only);
		device_use(g, g->disk_driver[i], "vbd", c->disk[i].vdev, put_use_word, reply);
		json_close(reply, '}');
	}
	json_close(reply, ']');
	json_open(reply, "vifs", '[');
	for (unsigned i = 0; i < c->nr_vifs; i++) {
		const uint8_t *m = c->vif[i].mac;
		char text[24];

		json_open(reply, NULL, '{');
		snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
		json_put_string(reply, "mac", text);
		snprintf(text, sizeof(text), "net%u", c->vif[i].device);
		json_put_string(reply, "bridge", text);
		device_use(g, g->vif_driver[i], "vif", g->vif_handle[i], put_use_word, reply);
		json_close(reply, '}');
	}
	json_close(reply, ']');
	return NULL;
}

/* ---- life ---- */

static const char *create(const struct json *request, struct json_out *reply)
{
	static struct guest_config config;
	static char error[256];
	const char *file = json_string(request, "file", NULL), *text, *why;
	size_t len;

	(void)reply;
	text = json_string(request, "config", &len);
	if (!text)
		return "'config' is missing: the text of a guest's configuration";
	if (config_guest(file ? file : "config", text, len, &config, error, sizeof(error)))
		return error;
	why = guest_create(&config, (struct guest_waiter){ later, 0 });
	if (why)
		return why;
	for (struct guest *g = NULL; (g = guest_next(g));)
		if (!strcmp(g->config.name, config.name))
			g->built.id = control_later();
	return CONTROL_LATER;
}

static const char *destroy(const struct json *request, struct json_out *reply)
{
	const char *error = NULL;
	struct guest *g = guest_of(request, &error);

	(void)reply;
	if (!g)
		return error;
	if (g->state == GUEST_BUILDING)
		return "it is not built yet";
	guest_destroy(g, (struct guest_waiter){ later, control_later() });
	return CONTROL_LATER;
}

static const char *pause(const struct json *request, struct json_out *reply)
{
	const char *error = NULL;
	struct guest *g = running_guest(request, &error);

	(void)reply;
	if (g)
		guest_pause(g, 1);
	return error;
}

static const char *unpause(const struct json *request, struct json_out *reply)
{
	const char *error = NULL;
	struct guest *g = running_guest(request, &error);

	(void)reply;
	if (g)
		guest_pause(g, 0);
	return error;
}

static const char *ask(const struct json *request, const char *what)
{
	const char *error = NULL;
	struct guest *g = running_guest(request, &error);

	if (g && g->paused)
		return "it is paused";
	if (g)
		guest_ask(g, what);
	return error;
}

static const char *shutdown(const struct json *request, struct json_out *reply)
{
	(void)reply;
	return ask(request, "poweroff");
}

static const char *reboot(const struct json *request, struct json_out *reply)
{
	(void)reply;
	return ask(request, "reboot");
}

static const char *set_mem(const struct json *request, struct json_out *reply)
{
	static char text[96];
	const char *error = NULL;
	struct guest *g = running_guest(request, &error);
	int64_t mib;

	(void)reply;
	if (!g)
		return error;
	if (json_number(request, "memory", MEMORY_LEAST, g->config.maxmem, &mib)) {
		snprintf(text, sizeof(text), "'memory' must be between %u and %u MiB (maxmem)", MEMORY_LEAST,
			 g->config.maxmem);
		return text;
	}
	guest_set_memory(g, (unsigned)mib);
	return NULL;
}

static const char *set_vcpus(const struct json *request, struct json_out *reply)
{
	const char *error = NULL;
	struct guest *g = running_guest(request, &error);
	int64_t vcpus;

	(void)reply;
	if (!g)
		return error;
	if (json_number(request, "vcpus", 1, g->config.maxvcpus, &vcpus))
		return "'vcpus' must be between 1 and its maxvcpus";
	guest_set_vcpus(g, (unsigned)vcpus);
	return NULL;
}

static const char *sched(const struct json *request, struct json_out *reply)
{
	const char *error = NULL;
	struct guest *g = running_guest(request, &error);
	int64_t weight, cap;

	if (!g)
		return error;
	weight = g->config.weight;
	cap = g->config.cap;
	if (json_has(request, "weight") && json_number(request, "weight", 1, GUISE_WEIGHT_MAX, &weight))
		return "'weight' must be between 1 and 65535";
	if (json_has(request, "cap") && json_number(request, "cap", 0, GUISE_CAP_MAX, &cap))
		return "'cap' must be between 0 and 3200, in percent of one CPU";
	guest_schedule(g, (unsigned)weight, (unsigned)cap);
	json_put_number(reply, "weight", weight);
	json_put_number(reply, "cap", cap);
	return NULL;
}

/* cpus and soft are what they were, if they are not given; vcpu: all of them. */
static const char *vcpu_pin(const struct json *request, struct json_out *reply)
{
	const char *error = NULL, *hard = json_string(request, "cpus", NULL),
		   *soft = json_string(request, "soft", NULL);
	struct guest *g = running_guest(request, &error);
	uint32_t cpus = 0, rather = 0;
	int64_t first = 0, last;

	(void)reply;
	if (!g)
		return error;
	last = g->config.maxvcpus - 1;
	if (json_has(request, "vcpu")) {
		if (json_number(request, "vcpu", 0, last, &first))
			return "'vcpu' must be below its maxvcpus";
		last = first;
	}
	if ((hard && config_cpus(hard, &cpus)) || (soft && config_cpus(soft, &rather)))
		return "'cpus' and 'soft' must be \"all\" or CPUs, as \"0-3,5\"";
	for (; first <= last && !error; first++)
		error = guest_pin(g, (unsigned)first, hard ? cpus : g->config.cpus[first],
				  soft ? rather : g->config.cpus_soft[first]);
	return error;
}

/* ---- consoles ---- */

static size_t tap_room(void *arg)
{
	(void)arg;
	return control_console_room();
}

static void tap_put(void *arg, const char *bytes, size_t len)
{
	struct guest_console *c = arg;

	control_console(c->guest->config.name, c->guest->domain.id, c->number, bytes, len);
}

static void tap_taken(void *arg)
{
	struct guest_console *c = arg;
	uint64_t id = c->input;

	c->input = 0;
	if (id)
		control_answer(id, NULL, 0);
}

static const struct console_tap tap = { tap_room, tap_put, tap_taken };

static struct guest_console *console_of(const struct json *request, const char **error)
{
	struct guest *g = guest_of(request, error);
	int64_t n = 0;

	if (!g)
		return NULL;
	if (json_has(request, "console") && json_number(request, "console", 0, g->config.consoles - 1, &n)) {
		*error = "it has no console of this number";
		return NULL;
	}
	return &g->console[n];
}

static const char *console(const struct json *request, struct json_out *reply)
{
	char backlog[2048];
	const char *error = NULL;
	struct guest_console *c = console_of(request, &error);

	if (!c)
		return error;
	json_put_string(reply, "guest", c->guest->config.name);
	json_put_number(reply, "domid", c->guest->domain.id);
	json_put_number(reply, "console", c->number);
	if (c->console)
		json_put_bytes(reply, "backlog", backlog, console_backlog(c->console, backlog, sizeof(backlog)));
	guest_tap(c, &tap); /* what comes from now on is told behind this answer */
	return NULL;
}

static const char *detach(const struct json *request, struct json_out *reply)
{
	const char *error = NULL;
	struct guest_console *c = console_of(request, &error);

	(void)reply;
	if (c)
		guest_tap(c, NULL);
	return error;
}

static const char *input(const struct json *request, struct json_out *reply)
{
	const char *error = NULL, *data;
	struct guest_console *c = console_of(request, &error);
	size_t len;

	(void)reply;
	if (!c)
		return error;
	data = json_string(request, "data", &len);
	if (!data || len > CONSOLE_INPUT)
		return "'data' is missing, or has more than 1024 bytes";
	if (!c->console)
		return "the guest does not use this console now";
	switch (console_input(c->console, data, len)) {
	case 0:
		return NULL;
	case 1:
		c->input = control_later();
		return CONTROL_LATER;
	}
	return "earlier input still waits";
}

/* ---- devices ---- */

static const char *devices(const struct json *request, struct json_out *reply)
{
	(void)request;
	drivers_put(reply);
	return NULL;
}

static const char *plug(const struct json *request, struct json_out *reply)
{
	(void)request;
	(void)reply;
	drivers_look();
	return NULL;
}

/* "disk" or "vif", as a configuration has them, of a running guest. */
static const char *attach(const struct json *request, struct json_out *reply)
{
	static struct guest_config more;
	static char text[512], error[256];
	const char *disk = json_string(request, "disk", NULL), *vif = json_string(request, "vif", NULL), *why = NULL;
	struct guest *g = running_guest(request, &why);
	int len;

	(void)reply;
	if (!g)
		return why;
	if (!disk == !vif)
		return "one of 'disk' and 'vif' is wanted";
	len = snprintf(text, sizeof(text), "name = \"%s\"\nkernel = \"-\"\n%s = [ '%s' ]\n", g->config.name,
		       disk ? "disk" : "vif", disk ? disk : vif);
	if (len >= (int)sizeof(text))
		return "it is too long";
	if (config_guest("attach", text, (size_t)len, &more, error, sizeof(error)))
		return error;
	return guest_attach(g, &more);
}

static const char *detach_device(const struct json *request, struct json_out *reply)
{
	const char *disk = json_string(request, "disk", NULL), *vif = json_string(request, "vif", NULL), *why = NULL;
	struct guest *g = running_guest(request, &why);
	uint8_t mac[6];

	(void)reply;
	if (!g)
		return why;
	if (disk)
		return guest_detach_disk(g, disk);
	if (!vif || net_mac_parse(mac, vif))
		return "'disk', or 'vif' with an address, is missing";
	return guest_detach_vif(g, mac);
}

static const char *unplug(const struct json *request, struct json_out *reply)
{
	int64_t bus;

	(void)reply;
	return json_number(request, "bus", 0, 255, &bus) ? "'bus' is missing: a number up to 255" :
							   driver_unplug((uint8_t)bus);
}

static const struct control_command commands[] = {
	{ "list", list },
	{ "info", info },
	{ "create", create },
	{ "destroy", destroy },
	{ "pause", pause },
	{ "unpause", unpause },
	{ "reboot", reboot },
	{ "shutdown", shutdown },
	{ "set-mem", set_mem },
	{ "sched", sched },
	{ "vcpu-pin", vcpu_pin },
	{ "fsck", fsck },
	{ "console", console },
	{ "detach", detach },
	{ "input", input },
	{ "devices", devices },
	{ "plug", plug },
	{ "unplug", unplug },
	{ "attach-device", attach },
	{ "detach-device", detach_device },
	{ "set-vcpus", set_vcpus },
};

void commands_register(void)
{
	control_register(commands, sizeof(commands) / sizeof(commands[0]));
}
