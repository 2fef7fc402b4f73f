/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest.c - build a guest, and see to its end: power-off, reboot, crash, or that somebody wants it gone.
 *
 * One guest is built at a time: the server has memory for one list of frames (vmm_mem=).
 */
#include <archive.h>
#include <runtime/event.h>
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/print.h>
#include <runtime/string.h>

#include "control.h"
#include "driver.h"
#include "guest.h"
#include "guest_store.h"
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

/* ---- building ---- */

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

	error = guest_show(g);
	if (!error)
		error = peer_open(&g->peer, &g->domain);
	if (!error)
		error = guest_console_first(g);
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

/* ---- the end ---- */

/* Nothing of it runs and nobody sees it any more; guests_work() does the rest. */
static void end(struct guest *g, int restart)
{
	if (g->domain.handle)
		guise_domain_nr(GUISE_DOMAIN_PAUSE, g->domain.handle);
	for (unsigned i = 0; i < GUEST_CONSOLES; i++)
		guest_console_stop(&g->console[i]);
	if (g->domain.id)
		guest_hide(g);
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
