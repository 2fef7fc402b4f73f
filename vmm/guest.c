/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest.c - build a guest, show it its devices in the store, and see to its end: power-off, reboot or
 * crash.
 */
#include <archive.h>
#include <runtime/event.h>
#include <runtime/grant.h>
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/print.h>
#include <runtime/string.h>

#include "console.h"
#include "driver.h"
#include "guest.h"
#include "peer.h"
#include "pvguest.h"
#include "store.h"

#define FIRST_DOMAIN 32
#define LAST_DOMAIN  0x7fef
#define MAX_CONSOLES 4
#define END_SECONDS  20 /* for drivers to let go of a guest's memory */

struct guest_console {
	struct guest *guest;
	unsigned number;
	struct console *console;
	void *page;
	uint32_t handle;
};

struct guest {
	struct guest *next;
	struct guest_config config;
	struct domain domain;
	struct peer peer;
	struct guest_console console[MAX_CONSOLES];
	int first; /* the first guest's consoles are on the serial lines */
	const void *archive;
	size_t archive_len;
};

static struct guest *guests;
static unsigned nr_crashed;
static uint16_t last_id = FIRST_DOMAIN - 1;

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
	unsigned id = g->domain.id;

	snprintf(front, sizeof(front), "/local/domain/%u/device/vif/%u", id, n);
	snprintf(back, sizeof(back), "/local/domain/%u/backend/vif/%u/%u", driver, id, n);
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", vif->mac[0], vif->mac[1], vif->mac[2], vif->mac[3],
		 vif->mac[4], vif->mac[5]);
	snprintf(perms, sizeof(perms), "n%u,r%u", id, driver);
	xs_dir(front, perms);
	PUT(front, "backend", "%s", back);
	PUT(front, "backend-id", "%u", driver);
	PUT(front, "handle", "%u", n);
	PUT(front, "mac", "%s", mac);
	PUT(front, "mtu", "1500");
	PUT(front, "state", "1");
	snprintf(perms, sizeof(perms), "n%u,r%u", driver, id);
	xs_dir(back, perms);
	PUT(back, "handle", "%u", n);
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
	if (c->page)
		grant_unmap(c->page, c->handle);
	c->console = NULL;
	c->page = NULL;
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
	c->console = port < 0 ? NULL : console_open(g->domain.id, c->number, c->page, (uint32_t)port);
	if (!c->console) {
		print("guise: %s: its console %u cannot be served\n", g->config.name, c->number);
		return;
	}
	console_connect(c->console, g->first ? (int)c->number : -1);
	console_show(c, "4");
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
	for (unsigned i = 0; i < g->config.vcpus; i++)
		xs_putf(home(g, "/cpu/%u/availability", i), "online");
	snprintf(perms, sizeof(perms), "n%u", id);
	for (unsigned i = 0; i < sizeof(writable) / sizeof(writable[0]); i++)
		xs_dir(home(g, "/%s", writable[i]), perms);
	xs_putf(home(g, "/control/shutdown"), "%s", "");
	xs_putf(home(g, "/control/sysrq"), "%s", "");
	xs_putf(home(g, "/memory/static-max"), "%u", g->config.memory * 1024);
	xs_putf(home(g, "/memory/target"), "%u", g->config.memory * 1024);
	for (unsigned i = 0; i < g->config.nr_disks; i++) {
		int driver = driver_of_disk(g->config.disk[i].device);

		if (driver < 0)
			return g->config.disk[i].device < driver_disks() ? "a disk of it does not work" :
									   "a disk of it is not in this machine";
		show_disk(g, &g->config.disk[i], (unsigned)driver);
	}
	for (unsigned i = 0; i < g->config.nr_vifs; i++) {
		int driver = driver_of_net(g->config.vif[i].device);

		if (driver < 0)
			return g->config.vif[i].device < driver_nets() ?
				       "a network device of it does not work" :
				       "a network device of it is not in this machine";
		show_vif(g, i, (unsigned)driver);
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
		int driver = driver_of_disk(g->config.disk[i].device);

		if (driver < 0)
			continue;
		snprintf(path, sizeof(path), "/local/domain/%d/backend/vbd/%u", driver, g->domain.id);
		xs_rm(NULL, 0, path);
	}
	for (unsigned i = 0; i < g->config.nr_vifs; i++) {
		int driver = driver_of_net(g->config.vif[i].device);

		if (driver < 0)
			continue;
		snprintf(path, sizeof(path), "/local/domain/%d/backend/vif/%u", driver, g->domain.id);
		xs_rm(NULL, 0, path);
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
	c->console = port < 0 ? NULL : console_open(g->domain.id, 0, c->page, (uint32_t)port);
	if (!c->console)
		return "its console cannot be served";
	console_connect(c->console, g->first ? 0 : -1);
	return NULL;
}

static const char *kernel_error(const struct guest_config *c, const char *why)
{
	static char text[256];

	snprintf(text, sizeof(text), "its kernel '%s': %s", c->kernel, why);
	return text;
}

static const char *build(struct guest *g)
{
	const struct guest_config *c = &g->config;
	const void *kernel, *ramdisk = NULL;
	size_t kernel_len, ramdisk_len = 0;
	struct elf_image elf;
	struct pv_layout l;
	const char *error;
	uint64_t nr = (uint64_t)c->memory << 8;

	kernel = archive_find(g->archive, g->archive_len, c->kernel, &kernel_len);
	if (!kernel)
		return "its kernel is not in the boot archive";
	if (c->ramdisk[0]) {
		ramdisk = archive_find(g->archive, g->archive_len, c->ramdisk, &ramdisk_len);
		if (!ramdisk)
			return "its ramdisk is not in the boot archive";
	}
	error = elf_parse(kernel, kernel_len, &elf);
	if (error)
		return kernel_error(c, error);
	error = pv_layout_plan(&l, &elf, nr, ramdisk_len);
	if (error)
		return error;
	last_id = last_id == LAST_DOMAIN ? FIRST_DOMAIN : (uint16_t)(last_id + 1);
	domain_create(&g->domain, last_id, nr, nr, c->vcpus, GUISE_PRIO_GUEST, GUISE_DOMAIN_STOCK);
	if (!g->domain.error)
		pv_build(&g->domain, &elf, &l, ramdisk, ramdisk_len, c->extra);
	domain_built(&g->domain);
	if (g->domain.error)
		return g->domain.error;
	for (unsigned i = 0; i < MAX_CONSOLES; i++)
		g->console[i] = (struct guest_console){ .guest = g, .number = i };
	error = show(g);
	if (!error)
		error = peer_open(&g->peer, &g->domain);
	if (!error)
		error = console_first(g);
	if (error)
		return error;
	xs_fire_special("@introduceDomain");
	print("guise: guest %u: %s, %u MiB, %u vCPU%s, kernel %s\n", g->domain.id, c->name, c->memory, c->vcpus,
	      c->vcpus == 1 ? "" : "s", c->kernel);
	domain_unpause(&g->domain);
	return NULL;
}

const char *guest_start(const struct guest_config *config, const void *archive, size_t len)
{
	struct guest *g = heap_alloc(sizeof(*g));
	const char *error;

	if (!g)
		return "no memory for its description";
	g->config = *config;
	g->first = !guests;
	g->archive = archive;
	g->archive_len = len;
	error = build(g);
	if (error)
		return error;
	g->next = guests;
	guests = g;
	return NULL;
}

/* ---- the end ---- */

static void take_apart(struct guest *g)
{
	uint64_t until = time_ns() + END_SECONDS * 1000000000ull;
	int rc;

	for (unsigned i = 0; i < MAX_CONSOLES; i++)
		console_stop(&g->console[i]);
	hide(g);
	peer_close(&g->peer);
	xs_fire_special("@releaseDomain");
	for (;;) {
		peers_work();
		rc = domain_destroy(&g->domain);
		if (!rc || time_ns() > until)
			break;
		event_loop_once(time_ns() + 1000000);
	}
	if (rc)
		print("guise: %s: some of its memory is still held by a driver\n", g->config.name);
}

static void guest_ended(struct guest *g, const struct guise_domain_info *info)
{
	enum on_end then = g->config.on_crash;
	const char *what = "crashed";
	const char *error;

	if (info->state == GUISE_STATE_SHUTDOWN && info->reason == SHUTDOWN_poweroff) {
		then = g->config.on_poweroff;
		what = "powered off";
	} else if (info->state == GUISE_STATE_SHUTDOWN && info->reason == SHUTDOWN_reboot) {
		then = g->config.on_reboot;
		what = "rebooted";
	} else if (then == END_DESTROY) {
		nr_crashed++;
	}
	take_apart(g);
	print("guise: guest %u: %s %s%s%s\n", g->domain.id, g->config.name, what, info->text[0] ? ": " : "",
	      info->text);
	if (then == END_RESTART) {
		error = build(g);
		if (!error)
			return;
		print("guise: error: %s cannot be started again: %s\n", g->config.name, error);
		nr_crashed++;
	}
	for (struct guest **at = &guests; *at; at = &(*at)->next) {
		if (*at == g) {
			*at = g->next;
			heap_free(g);
			return;
		}
	}
}

void guests_check(void)
{
	struct guest *next;

	for (struct guest *g = guests; g; g = next) {
		struct guise_domain_info info = { .handle = g->domain.handle };

		next = g->next;
		if (!guise_domain(GUISE_DOMAIN_INFO, &info) &&
		    (info.state == GUISE_STATE_SHUTDOWN || info.state == GUISE_STATE_CRASHED))
			guest_ended(g, &info);
	}
}

void guests_shutdown(void)
{
	for (struct guest *g = guests; g; g = g->next) {
		g->config.on_poweroff = g->config.on_reboot = g->config.on_crash = END_DESTROY;
		xs_put(home(g, "/control/shutdown"), "poweroff");
	}
}

unsigned guests_alive(void)
{
	unsigned nr = 0;

	for (struct guest *g = guests; g; g = g->next)
		nr++;
	return nr;
}

unsigned guests_crashed(void)
{
	return nr_crashed;
}
