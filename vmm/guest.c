/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest.c - build a guest, show it its devices in the store, and see to its end: power-off, reboot,
 * crash, or that somebody wants it gone.
 *
 * One guest is built at a time: the server has memory for one list of frames (vmm_mem=).
 */
#include <archive.h>
#include <runtime/event.h>
#include <runtime/grant.h>
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/print.h>
#include <runtime/string.h>
#include <xen/io/xenbus.h>

#include "control.h"
#include "driver.h"
#include "guest.h"
#include "shelf.h"
#include "store.h"

#define FIRST_DOMAIN 32
#define LAST_DOMAIN  (DRIVER_STANDBY - 1)
#define END_SECONDS  20		 /* for drivers to let go of a guest's memory, before it is said	*/
#define STEP_PAGES   2048	 /* populated at a time					*/
#define TURN_NS	     60000000000 /* for a guest to power off before the next is asked	*/

static struct guest *guests;
static unsigned nr_crashed;
static int leaving; /* the machine goes down: no guest is begun */
static uint16_t last_id = FIRST_DOMAIN - 1;
static const void *archive;
static size_t archive_len;

/* A kernel or ramdisk: of the boot archive, or one that the host put on the shelf since. */
static const void *file_find(const char *name, size_t *len)
{
	const void *file = archive_find(archive, archive_len, name, len);

	return file ? file : shelf_find(name, len);
}

/* ---- the store ---- */

/* A node of the guest's home; path stays valid until the next call. */
static const char *home(const struct guest *g, const char *fmt, ...)
{
	static char path[XS_PATH];
	va_list ap;
	int n = snprintf(path, sizeof(path), "/local/domain/%u", g->domain.id);

	va_start(ap, fmt);
	vsnprintf(path + n, sizeof(path) - (size_t)n, fmt, ap);
	va_end(ap);
	return path;
}

static void show_disk(struct guest *g, const struct disk_config *disk, unsigned driver)
{
	char front[96], back[96], path[128], perms[24];
	unsigned id = g->domain.id;

	snprintf(front, sizeof(front), "/local/domain/%u/device/vbd/%u", id, disk->vdev);
	snprintf(back, sizeof(back), "/local/domain/%u/backend/vbd/%u/%u", driver, id, disk->vdev);
#define PUT(dir, key, ...) (snprintf(path, sizeof(path), "%s/%s", dir, key), xs_putf(path, __VA_ARGS__))
	snprintf(perms, sizeof(perms), "n%u,r%u", id, driver);
	xs_dir(front, perms);
	PUT(front, "backend", "%s", back);
	PUT(front, "backend-id", "%u", driver);
	PUT(front, "virtual-device", "%u", disk->vdev);
	PUT(front, "device-type", "disk");
	PUT(front, "protocol", "x86_64-abi");
	PUT(front, "state", "1");
	snprintf(perms, sizeof(perms), "n%u,r%u", driver, id);
	xs_dir(back, perms);
	PUT(back, "params", "%u", disk->partition);
	PUT(back, "mode", "%s", disk->read_only ? "r" : "w");
	PUT(back, "dev", "%s", disk->name);
	PUT(back, "online", "1");
	PUT(back, "frontend-id", "%u", id);
	PUT(back, "frontend", "%s", front);
	PUT(back, "state", "1");
}

static void show_vif(struct guest *g, unsigned n, unsigned driver)
{
	const struct vif_config *vif = &g->config.vif[n];
	char front[96], back[96], path[128], perms[24], mac[24];
	unsigned id = g->domain.id, handle = g->vif_handle[n];

	snprintf(front, sizeof(front), "/local/domain/%u/device/vif/%u", id, handle);
	snprintf(back, sizeof(back), "/local/domain/%u/backend/vif/%u/%u", driver, id, handle);
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", vif->mac[0], vif->mac[1], vif->mac[2], vif->mac[3],
		 vif->mac[4], vif->mac[5]);
	snprintf(perms, sizeof(perms), "n%u,r%u", id, driver);
	xs_dir(front, perms);
	PUT(front, "backend", "%s", back);
	PUT(front, "backend-id", "%u", driver);
	PUT(front, "handle", "%u", handle);
	PUT(front, "mac", "%s", mac);
	PUT(front, "mtu", "1500");
	PUT(front, "state", "1");
	snprintf(perms, sizeof(perms), "n%u,r%u", driver, id);
	xs_dir(back, perms);
	PUT(back, "handle", "%u", handle);
	PUT(back, "mac", "%s", mac);
	PUT(back, "bridge", "net%u", vif->device);
	if (vif->rate)
		PUT(back, "rate", "%lu,%lu", vif->rate, vif->rate_us);
	if (vif->antispoof)
		PUT(back, "antispoof", "1");
	PUT(back, "online", "1");
	PUT(back, "frontend-id", "%u", id);
	PUT(back, "frontend", "%s", front);
	PUT(back, "state", "1");
}

static void show_console(struct guest *g, unsigned n)
{
	char front[96], back[96], path[128], perms[24];
	unsigned id = g->domain.id;

	snprintf(front, sizeof(front), "/local/domain/%u/device/console/%u", id, n);
	snprintf(back, sizeof(back), "/local/domain/0/backend/console/%u/%u", id, n);
	snprintf(perms, sizeof(perms), "n0,r%u", id);
	xs_dir(back, perms);
	PUT(back, "frontend", "%s", front);
	PUT(back, "frontend-id", "%u", id);
	PUT(back, "state", "2");
	snprintf(perms, sizeof(perms), "n%u", id);
	xs_dir(front, perms);
	PUT(front, "backend", "%s", back);
	PUT(front, "backend-id", "0");
	PUT(front, "type", "xenconsoled");
	PUT(front, "output", "pty");
	PUT(front, "tty", "%s", "");
	PUT(front, "protocol", "vt100");
	PUT(front, "limit", "1048576");
	PUT(front, "state", "1");
#undef PUT
}

static void console_stop(struct guest_console *c)
{
	if (c->console)
		console_close(c->console);
	if (c->input)
		control_answer(c->input, "the guest's console is gone", 0);
	c->input = 0;
	if (c->page)
		grant_unmap(c->page, c->handle);
	c->console = NULL;
	c->page = NULL;
}

static void console_ready(struct guest_console *c)
{
	console_connect(c->console, c->guest->first ? (int)c->number : -1);
	if (c->tap)
		console_tap(c->console, c->tap, c);
}

static void console_show(const struct guest_console *c, const char *state)
{
	char back[64];

	snprintf(back, sizeof(back), "/local/domain/0/backend/console/%u/%u/state", c->guest->domain.id, c->number);
	xs_put(back, state);
}

static void console_front_changed(uint16_t dom, const char *path, const char *token, void *arg)
{
	struct guest_console *c = arg;
	struct guest *g = c->guest;
	unsigned state = xs_get_uint(path, 0), ref, remote;
	int port;

	(void)dom;
	(void)token;
	/* A guest that shuts down waits until our end closes, too. */
	if (c->console && state == 5)
		console_show(c, "5");
	if (c->console && state == 6) {
		console_stop(c);
		console_show(c, "6");
	}
	if (c->console || (state != 3 && state != 4))
		return;
	ref = xs_get_uint(home(g, "/device/console/%u/ring-ref", c->number), ~0u);
	remote = xs_get_uint(home(g, "/device/console/%u/port", c->number), 0);
	c->page = grant_map(g->domain.id, ref, 0, &c->handle);
	port = c->page ? event_bind(g->domain.id, remote) : -1;
	c->console = port < 0 ? NULL : console_open(c->page, (uint32_t)port);
	if (!c->console) {
		print("guise: %s: its console %u cannot be served\n", g->config.name, c->number);
		return;
	}
	console_ready(c);
	console_show(c, "4");
}

static const char *add_disk(struct guest *g, unsigned i)
{
	int driver = driver_of_disk(g->config.disk[i].device);

	if (driver < 0)
		return g->config.disk[i].device < driver_disks() ? "a disk of it does not work" :
								   "a disk of it is not in this machine";
	g->disk_driver[i] = (uint16_t)driver;
	show_disk(g, &g->config.disk[i], (unsigned)driver);
	return NULL;
}

static const char *add_vif(struct guest *g, unsigned i)
{
	int driver = driver_of_net(g->config.vif[i].device);

	if (driver < 0)
		return g->config.vif[i].device < driver_nets() ? "a network device of it does not work" :
								 "a network device of it is not in this machine";
	g->vif_driver[i] = (uint16_t)driver;
	show_vif(g, i, (unsigned)driver);
	return NULL;
}

static const char *show(struct guest *g)
{
	static const char *const writable[] = { "control",    "data",		"device",	  "device/vbd",
						"device/vif", "device/console", "device/suspend", "drivers",
						"feature",    "attr",		"error",	  "memory",
						"hvmloader" };
	unsigned id = g->domain.id;
	char perms[24];

	snprintf(perms, sizeof(perms), "n0,r%u", id);
	xs_dir(home(g, ""), perms);
	xs_putf(home(g, "/name"), "%s", g->config.name);
	xs_putf(home(g, "/domid"), "%u", id);
	xs_putf(home(g, "/vm"), "/vm/%u", id);
	xs_putf(home(g, "/store/port"), "%u", g->domain.store_port);
	xs_putf(home(g, "/store/ring-ref"), "%u", GRANT_REF_STORE);
	xs_putf(home(g, "/console/port"), "%u", g->domain.console_port);
	xs_putf(home(g, "/console/ring-ref"), "%u", GRANT_REF_CONSOLE);
	xs_putf(home(g, "/console/type"), "xenconsoled");
	guest_set_vcpus(g, g->config.vcpus);
	snprintf(perms, sizeof(perms), "n%u", id);
	for (unsigned i = 0; i < sizeof(writable) / sizeof(writable[0]); i++)
		xs_dir(home(g, "/%s", writable[i]), perms);
	xs_putf(home(g, "/control/shutdown"), "%s", "");
	xs_putf(home(g, "/control/sysrq"), "%s", "");
	xs_putf(home(g, "/memory/static-max"), "%u", g->config.maxmem * 1024);
	xs_putf(home(g, "/memory/target"), "%u", g->config.memory * 1024);
	for (unsigned i = 0; i < g->config.nr_disks; i++) {
		const char *error = add_disk(g, i);

		if (error)
			return error;
	}
	for (unsigned i = 0; i < g->config.nr_vifs; i++) {
		const char *error;

		g->vif_handle[i] = i;
		error = add_vif(g, i);
		if (error)
			return error;
	}
	for (unsigned n = 1; n < g->config.consoles; n++) {
		show_console(g, n);
		xs_watch(0, home(g, "/device/console/%u/state", n), "console", console_front_changed, &g->console[n]);
	}
	return NULL;
}

/* Frontend directories first, then the backends': a driver sees its frontend go. */
static void hide(struct guest *g)
{
	char path[96];

	for (unsigned n = 1; n < g->config.consoles; n++)
		xs_unwatch(0, home(g, "/device/console/%u/state", n), "console");
	xs_rm(NULL, 0, home(g, ""));
	for (unsigned i = 0; i < g->config.nr_disks; i++) {
		snprintf(path, sizeof(path), "/local/domain/%u/backend/vbd/%u", g->disk_driver[i], g->domain.id);
		if (g->disk_driver[i])
			xs_rm(NULL, 0, path);
		g->disk_driver[i] = 0;
	}
	for (unsigned i = 0; i < g->config.nr_vifs; i++) {
		snprintf(path, sizeof(path), "/local/domain/%u/backend/vif/%u", g->vif_driver[i], g->domain.id);
		if (g->vif_driver[i])
			xs_rm(NULL, 0, path);
		g->vif_driver[i] = 0;
	}
	snprintf(path, sizeof(path), "/local/domain/0/backend/console/%u", g->domain.id);
	xs_rm(NULL, 0, path);
}

/* ---- building ---- */

static const char *console_first(struct guest *g)
{
	struct guest_console *c = &g->console[0];
	int port;

	c->page = grant_map(g->domain.id, GRANT_REF_CONSOLE, 0, &c->handle);
	port = c->page ? event_bind(g->domain.id, g->domain.console_port) : -1;
	c->console = port < 0 ? NULL : console_open(c->page, (uint32_t)port);
	if (!c->console)
		return "its console cannot be served";
	console_ready(c);
	return NULL;
}

static const char *kernel_error(const struct guest_config *c, const char *why)
{
	static char text[256];

	snprintf(text, sizeof(text), "its kernel '%s': %s", c->kernel, why);
	return text;
}

/* Find and check its files, and plan its memory. */
static const char *plan(struct guest *g)
{
	const struct guest_config *c = &g->config;
	struct pv_build *b = &g->build;
	const void *kernel;
	const char *error;
	size_t len;

	*b = (struct pv_build){ .cmdline = c->extra };
	kernel = file_find(c->kernel, &len);
	if (!kernel)
		return "its kernel is not in the boot archive";
	if (c->ramdisk[0]) {
		b->ramdisk = file_find(c->ramdisk, &b->ramdisk_len);
		if (!b->ramdisk)
			return "its ramdisk is not in the boot archive";
	}
	error = elf_parse(kernel, len, &b->elf);
	if (error)
		return kernel_error(c, error);
	return pv_layout_plan(&b->layout, &b->elf, (uint64_t)c->memory << 8, b->ramdisk_len);
}

/* Its memory is complete: let it meet the world. */
static const char *finish(struct guest *g)
{
	const struct guest_config *c = &g->config;
	const char *error;

	error = show(g);
	if (!error)
		error = peer_open(&g->peer, &g->domain);
	if (!error)
		error = console_first(g);
	for (unsigned i = 0; i < c->maxvcpus && !error; i++)
		error = guest_pin(g, i, c->cpus[i], c->cpus_soft[i]);
	if (error)
		return error;
	xs_fire_special("@introduceDomain");
	print("guise: guest %u: %s, %u MiB, %u vCPU%s, kernel %s\n", g->domain.id, c->name, c->memory, c->vcpus,
	      c->vcpus == 1 ? "" : "s", c->kernel);
	guest_schedule(g, c->weight, c->cap);
	g->state = GUEST_RUNNING;
	g->since = time_ns();
	if (!g->paused)
		domain_unpause(&g->domain);
	return NULL;
}

static void tell(struct guest *g, struct guest_waiter *w, const char *error)
{
	struct guest_waiter now = *w;

	*w = (struct guest_waiter){ 0 };
	if (now.fn)
		now.fn(g, now.id, error);
}

static void end(struct guest *g, int restart);

/* One step of building.  Each takes milliseconds. */
static void build(struct guest *g)
{
	struct domain *d = &g->domain;
	const char *error;

	if (!d->handle) {
		last_id = last_id == LAST_DOMAIN ? FIRST_DOMAIN : (uint16_t)(last_id + 1);
		domain_begin(d, last_id, (uint64_t)g->config.memory << 8, (uint64_t)g->config.maxmem << 8,
			     g->config.maxvcpus, GUISE_PRIO_GUEST, GUISE_DOMAIN_STOCK);
		g->build.stage = 0;
		g->build.done = 0;
	} else if (domain_populate(d, STEP_PAGES) || (!d->error && pv_build_step(d, &g->build))) {
		return;
	}
	error = d->error;
	if (!error && d->populated < d->nr)
		return;
	domain_built(d);
	if (!error)
		error = finish(g);
	if (!error) {
		control_event("started", g->config.name, d->id, NULL);
		tell(g, &g->built, NULL);
		return;
	}
	if (!g->built.fn) { /* it was to be restarted */
		print("guise: error: %s cannot be started again: %s\n", g->config.name, error);
		nr_crashed++;
	}
	tell(g, &g->built, error);
	end(g, 0);
}

/* Two may read the same, but what one writes is its own. */
static int disks_clash(const struct guest_config *a, const struct guest_config *b)
{
	for (unsigned i = 0; i < a->nr_disks; i++) {
		for (unsigned k = 0; k < b->nr_disks; k++) {
			const struct disk_config *x = &a->disk[i], *y = &b->disk[k];

			if (x->device == y->device && !(x->read_only && y->read_only) &&
			    (x->partition == y->partition || !x->partition || !y->partition))
				return 1;
		}
	}
	return 0;
}

/* Frames that it may still take, with those for the kernel's tables (core/domain.c, domain_create()). */
static uint64_t may_take(const struct guest *g)
{
	uint64_t most = (uint64_t)g->config.maxmem << 8;
	struct guise_domain_info info = { .handle = g->domain.handle };

	if (g->state == GUEST_ENDING && !g->restart)
		return 0;
	if (info.handle && !guise_domain(GUISE_DOMAIN_INFO, &info))
		return info.max_frames + info.max_kernel_frames - info.frames - info.kernel_frames;
	return most + 2048 + g->config.maxvcpus * 16 + most / 32;
}

const char *guest_create(const struct guest_config *config, struct guest_waiter built)
{
	struct guest **at = &guests, *g;
	struct guise_system_info sys;
	uint64_t promised = 0;
	const char *error;
	int first = 1;

	if (leaving)
		return "the machine is going down";
	for (; *at; at = &(*at)->next) {
		promised += may_take(*at);
		if (!strcmp((*at)->config.name, config->name))
			return "there is a guest of its name";
		if (disks_clash(&(*at)->config, config))
			return "a disk of it belongs to another guest";
		first &= !(*at)->first;
	}
	g = heap_alloc(sizeof(*g));
	if (!g)
		return "no memory for its description";
	g->config = *config;
	g->first = first;
	g->built = built;
	for (unsigned i = 0; i < GUEST_CONSOLES; i++)
		g->console[i] = (struct guest_console){ .guest = g, .number = i };
	error = plan(g);
	/* What one takes later must not be what another's driver needs when it is replaced. */
	if (!error &&
	    (guise_system(GUISE_SYSTEM_INFO, &sys, GUISE_ROOT_SYSTEM) || promised + may_take(g) > sys.free_frames))
		error = "the machine has too little free memory for what it and the others may take (maxmem)";
	if (error)
		heap_free(g);
	else
		*at = g;
	return error;
}

void guests_init(const void *files, size_t len)
{
	archive = files;
	archive_len = len;
}

struct guest *guest_next(struct guest *g)
{
	return g ? g->next : guests;
}

struct guest *guest_find(const char *name)
{
	const char *end;
	uint64_t id = parse_u64(name, &end);
	struct guest *g = guests;

	while (g && strcmp(g->config.name, name))
		g = g->next;
	if (g || end == name || *end)
		return g;
	for (g = guests; g && (g->domain.id != id || !id); g = g->next)
		;
	return g;
}

/* ---- while it runs ---- */

void guest_pause(struct guest *g, int paused)
{
	if (g->paused == paused)
		return;
	g->paused = paused;
	if (g->state == GUEST_RUNNING)
		guise_domain_nr(paused ? GUISE_DOMAIN_PAUSE : GUISE_DOMAIN_UNPAUSE, g->domain.handle);
	control_event(paused ? "paused" : "unpaused", g->config.name, g->domain.id, NULL);
}

void guest_ask(struct guest *g, const char *what)
{
	xs_put(home(g, "/control/shutdown"), what);
}

void guest_set_memory(struct guest *g, unsigned memory)
{
	xs_putf(home(g, "/memory/target"), "%u", memory * 1024);
}

void guest_set_vcpus(struct guest *g, unsigned vcpus)
{
	g->config.vcpus = vcpus;
	for (unsigned i = 0; i < g->config.maxvcpus; i++)
		xs_putf(home(g, "/cpu/%u/availability", i), i < vcpus ? "online" : "offline");
}

void guest_schedule(struct guest *g, unsigned weight, unsigned cap)
{
	struct guise_domain_sched req = {
		.handle = g->domain.handle, .op = GUISE_SCHED_SET, .weight = weight, .cap = cap
	};

	g->config.weight = weight;
	g->config.cap = cap;
	guise_domain(GUISE_DOMAIN_SCHED, &req);
}

const char *guest_pin(struct guest *g, unsigned vcpu, uint32_t hard, uint32_t soft)
{
	struct guise_domain_affinity req = { .handle = g->domain.handle, .vcpu = vcpu, .hard = hard, .soft = soft };

	if (guise_domain(GUISE_DOMAIN_AFFINITY, &req))
		return "the machine has none of the CPUs where it may run";
	g->config.cpus[vcpu] = hard;
	g->config.cpus_soft[vcpu] = soft;
	return NULL;
}

/* ---- devices that come and go ---- */

static int vif_of_handle(const struct guest *g, unsigned handle)
{
	for (unsigned i = 0; i < g->config.nr_vifs; i++)
		if (g->vif_handle[i] == handle)
			return 1;
	return 0;
}

const char *guest_attach(struct guest *g, const struct guest_config *more)
{
	struct guest_config *c = &g->config;

	if (c->nr_disks + more->nr_disks > CONFIG_DISKS || c->nr_vifs + more->nr_vifs > CONFIG_VIFS)
		return "it has as many as it can";
	for (unsigned i = 0; i < more->nr_disks; i++) {
		if (driver_of_disk(more->disk[i].device) < 0)
			return "the disk is not in this machine, or does not work";
		for (unsigned k = 0; k < c->nr_disks; k++)
			if (c->disk[k].vdev == more->disk[i].vdev)
				return "it has a disk of this name";
	}
	for (unsigned i = 0; i < more->nr_vifs; i++)
		if (driver_of_net(more->vif[i].device) < 0)
			return "the network device is not in this machine, or does not work";
	for (unsigned i = 0; i < more->nr_disks; i++) {
		c->disk[c->nr_disks] = more->disk[i];
		add_disk(g, c->nr_disks++);
	}
	for (unsigned i = 0; i < more->nr_vifs; i++) {
		unsigned handle = 0;

		while (vif_of_handle(g, handle))
			handle++;
		c->vif[c->nr_vifs] = more->vif[i];
		g->vif_handle[c->nr_vifs] = handle;
		add_vif(g, c->nr_vifs++);
	}
	return NULL;
}

/* Xen's way: a backend that is not to be online shows that it wants to close, and is gone when the frontend has closed. */
static const char *let_go(struct guest *g, const char *kind, unsigned number, unsigned driver)
{
	unsigned id = g->domain.id, state;
	char back[96], path[128];

	snprintf(back, sizeof(back), "/local/domain/%u/backend/%s/%u/%u", driver, kind, id, number);
	state = xs_get_uint(home(g, "/device/%s/%u/state", kind, number), XenbusStateClosed);
	/* In its first state no driver of the guest's has it. */
	if (state != XenbusStateInitialising && state != XenbusStateClosed) {
		snprintf(path, sizeof(path), "%s/online", back);
		if (xs_get_uint(path, 0))
			xs_put(path, "0");
		return "the guest still uses it";
	}
	xs_rm(NULL, 0, home(g, "/device/%s/%u", kind, number));
	xs_rm(NULL, 0, back);
	return NULL;
}

const char *guest_detach_disk(struct guest *g, const char *name)
{
	struct guest_config *c = &g->config;
	const char *error;
	unsigned i = 0;

	while (i < c->nr_disks && strcmp(c->disk[i].name, name))
		i++;
	if (i == c->nr_disks)
		return "it has no disk of this name";
	error = let_go(g, "vbd", c->disk[i].vdev, g->disk_driver[i]);
	if (error)
		return error;
	c->nr_disks--;
	for (; i < c->nr_disks; i++) {
		c->disk[i] = c->disk[i + 1];
		g->disk_driver[i] = g->disk_driver[i + 1];
	}
	g->disk_driver[c->nr_disks] = 0;
	return NULL;
}

const char *guest_detach_vif(struct guest *g, const uint8_t mac[6])
{
	struct guest_config *c = &g->config;
	const char *error;
	unsigned i = 0;

	while (i < c->nr_vifs && memcmp(c->vif[i].mac, mac, 6))
		i++;
	if (i == c->nr_vifs)
		return "it has no card with this address";
	error = let_go(g, "vif", g->vif_handle[i], g->vif_driver[i]);
	if (error)
		return error;
	c->nr_vifs--;
	for (; i < c->nr_vifs; i++) {
		c->vif[i] = c->vif[i + 1];
		g->vif_driver[i] = g->vif_driver[i + 1];
		g->vif_handle[i] = g->vif_handle[i + 1];
	}
	g->vif_driver[c->nr_vifs] = 0;
	return NULL;
}

void guest_tap(struct guest_console *c, const struct console_tap *tap)
{
	c->tap = tap;
	if (c->console)
		console_tap(c->console, tap, c);
}

/* ---- the end ---- */

/* Nothing of it runs and nobody sees it any more; guests_work() does the rest. */
static void end(struct guest *g, int restart)
{
	if (g->domain.handle)
		guise_domain_nr(GUISE_DOMAIN_PAUSE, g->domain.handle);
	for (unsigned i = 0; i < GUEST_CONSOLES; i++)
		console_stop(&g->console[i]);
	if (g->domain.id)
		hide(g);
	peer_close(&g->peer);
	xs_fire_special("@releaseDomain");
	g->state = GUEST_ENDING;
	g->restart = restart;
	g->since = time_ns();
}

void guest_destroy(struct guest *g, struct guest_waiter gone)
{
	tell(g, &g->gone, "somebody else destroys it, too");
	g->gone = gone;
	if (g->state == GUEST_ENDING) {
		g->restart = 0;
		return;
	}
	print("guise: guest %u: %s destroyed\n", g->domain.id, g->config.name);
	control_event("stopped", g->config.name, g->domain.id, "destroyed");
	end(g, 0);
}

static void forget(struct guest *g)
{
	struct guest **at = &guests;

	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	control_event("gone", g->config.name, g->domain.id, NULL);
	tell(g, &g->gone, NULL);
	heap_free(g);
}

/* Take it apart as far as it goes.  When to try again. */
static uint64_t take_apart(struct guest *g)
{
	uint64_t now = time_ns(), late = g->since + END_SECONDS * 1000000000ull;

	if (!domain_destroy(&g->domain)) {
		if (g->restart) {
			g->state = GUEST_BUILDING;
			g->paused = 0;
		} else {
			forget(g);
		}
		return 0;
	}
	if (now < late)
		return now + 1000000;
	if (g->since) {
		g->since = 0;
		print("guise: %s: some of its memory is still held by a driver\n", g->config.name);
		tell(g, &g->gone, "some of its memory is still held by a driver");
	}
	return now + 1000000000;
}

static void guest_ended(struct guest *g, const struct guise_domain_info *info)
{
	enum on_end then = g->config.on_crash;
	const char *what = "crashed";

	if (info->state == GUISE_STATE_SHUTDOWN && info->reason == SHUTDOWN_poweroff) {
		then = g->config.on_poweroff;
		what = "powered off";
	} else if (info->state == GUISE_STATE_SHUTDOWN && info->reason == SHUTDOWN_reboot) {
		then = g->config.on_reboot;
		what = "rebooted";
	} else if (then == END_DESTROY) {
		nr_crashed++;
	}
	print("guise: guest %u: %s %s%s%s\n", g->domain.id, g->config.name, what, info->text[0] ? ": " : "",
	      info->text);
	control_event(what[0] == 'c' ? "crashed" : "stopped", g->config.name, g->domain.id,
		      info->text[0] ? info->text : what);
	end(g, then == END_RESTART);
}

void guests_check(void)
{
	for (struct guest *g = guests; g; g = g->next) {
		struct guise_domain_info info = { .handle = g->domain.handle };

		if (g->state == GUEST_RUNNING && !guise_domain(GUISE_DOMAIN_INFO, &info) &&
		    (info.state == GUISE_STATE_SHUTDOWN || info.state == GUISE_STATE_CRASHED))
			guest_ended(g, &info);
	}
}

void guests_shutdown(void)
{
	leaving = 1;
	for (struct guest *g = guests; g; g = g->next) {
		g->config.on_poweroff = g->config.on_reboot = g->config.on_crash = END_DESTROY;
		g->restart = 0;
		if (g->state == GUEST_BUILDING)
			end(g, 0);
	}
}

/* While the machine goes down: ask whose turn it is.  When to call again. */
static uint64_t shutdown_next(void)
{
	uint64_t now = time_ns();
	struct guest *last = NULL;

	for (struct guest *g = guests; g; g = g->next) {
		if (g->state != GUEST_RUNNING)
			continue;
		if (!g->asked)
			last = g;
		else if (now < g->asked + TURN_NS)
			return g->asked + TURN_NS;
	}
	if (!last)
		return EVENT_FOREVER;
	last->asked = now;
	guest_pause(last, 0);
	guest_ask(last, "poweroff");
	return now + TURN_NS;
}

uint64_t guests_work(void)
{
	uint64_t when = leaving ? shutdown_next() : EVENT_FOREVER, again;
	int building = 0;
	struct guest *next;

	for (struct guest *g = guests; g; g = next) {
		next = g->next;
		again = EVENT_FOREVER;
		if (g->state == GUEST_ENDING)
			again = take_apart(g);
		else if (g->state == GUEST_BUILDING && !building++) {
			build(g);
			again = 0;
		}
		if (again < when)
			when = again;
	}
	return when;
}

unsigned guests_alive(void)
{
	unsigned nr = 0;

	for (struct guest *g = guests; g; g = g->next)
		nr += g->state != GUEST_ENDING || g->restart || g->since;
	return nr;
}

unsigned guests_crashed(void)
{
	return nr_crashed;
}
