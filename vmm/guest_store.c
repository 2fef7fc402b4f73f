/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest_store.c - what the store says of a guest and its devices, what it is asked there, and its consoles.
 */
#include <runtime/event.h>
#include <runtime/grant.h>
#include <runtime/hypercall.h>
#include <runtime/print.h>
#include <runtime/string.h>
#include <xen/io/xenbus.h>

#include "control.h"
#include "driver.h"
#include "guest.h"
#include "guest_store.h"
#include "store.h"

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

/* ---- what it is asked ---- */

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

/* ---- consoles ---- */

void guest_console_stop(struct guest_console *c)
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
		guest_console_stop(c);
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

const char *guest_console_first(struct guest *g)
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

void guest_tap(struct guest_console *c, const struct console_tap *tap)
{
	c->tap = tap;
	if (c->console)
		console_tap(c->console, tap, c);
}

/* ---- its devices ---- */

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

const char *guest_show(struct guest *g)
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
void guest_hide(struct guest *g)
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
