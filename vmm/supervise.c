/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * supervise.c - driver VMs that end, hang or break a rule are replaced by a new incarnation.
 *
 * The order is what keeps guests from harm: the incarnation is stopped, its device is reset, and only then its
 * domain is destroyed, which withdraws what it had of others.  The next one is built from the program in the
 * archive, with the same domain id, so that grants and event channels still name it.  It finds what its
 * predecessor served in the store, and goes on with the rings as they stand.
 *
 * Of one that is given up the place is taken by a domain that answers all requests with errors.
 */
#include <runtime/event.h>
#include <runtime/hypercall.h>
#include <runtime/print.h>
#include <runtime/string.h>

#include "console.h"
#include "control.h"
#include "driver.h"
#include "store.h"
#include "supervise.h"

#define MS	   1000000ul
#define READY_MS   5000 /* that a new incarnation may take	*/
#define STANDBY_MS 50	/* after which the next one is built in advance: the guests' requests come first */
#define RESET_MS   50	/* that a device may take, before its PCI function is reset	*/

/* To the log and to the host. */
__attribute__((format(printf, 3, 4))) static void tell(const struct driver *d, const char *event, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	print("guise: %s: %s\n", d->name, text);
	control_event(event, d->device, d->id, text);
}

/* The next incarnation follows after wait ns. */
static void stop(struct driver *d, const char *why, uint64_t wait)
{
	uint64_t now = time_ns();

	/* An incarnation that never came up prolongs the outage of the one before it. */
	if (d->state == DRIVER_READY)
		d->stopped_at = d->patience.asked ? d->patience.asked : now;
	snprintf(d->why, sizeof(d->why), "%s", why);
	/* A program that was given to replace another one must have come up once. */
	if (d->last_program[0]) {
		memcpy(d->program, d->last_program, sizeof(d->program));
		d->last_program[0] = 0;
	}
	driver_stop(d);
	d->state = DRIVER_WAITING;
	d->due_at = now + wait;
	d->reset_by = now + RESET_MS * MS;
}

static void stalled(struct driver *d, const char *why)
{
	supervise_stop(d, why);
	d->patience.stalls++;
}

/* A frontend broke its ring, or the driver is mad: the next one will be believed.  That is no end which counts, since a
 * guest could cause it; it can do so once in a window. */
static void doubted(struct driver *d, const char *why)
{
	d->believe_until = time_ns() + d->config.window * 1000 * MS;
	stop(d, why, 0);
}

static void came_up(struct driver *d)
{
	d->state = DRIVER_READY;
	d->last_program[0] = 0;
	if (d->was_ready) {
		d->ready_ns = time_ns() - d->stopped_at;
		d->served_ns = 0;
		d->nr_restarts++;
		tell(d, "driver-restarted", "%s; restarted in %lu.%lu ms", d->why, d->ready_ns / MS,
		     d->ready_ns / (MS / 10) % 10);
	}
	d->was_ready = 1;
	d->standby_at = d->config.standby ? time_ns() + STANDBY_MS * MS : PATIENCE_NEVER;
}

/* The driver says in the store how it goes. */
static void data_changed(uint16_t dom, const char *path, const char *token, void *arg)
{
	struct driver *d = arg;
	char text[sizeof(d->why)];
	const char *end;

	(void)dom;
	(void)token;
	if (d->state >= DRIVER_WAITING || xs_get(path, text, sizeof(text)))
		return;
	path = strrchr(path, '/');
	if (!strcmp(path, "/failed"))
		supervise_stop(d, text);
	else if (!strcmp(path, "/stalled"))
		stalled(d, text);
	else if (!strcmp(path, "/doubted"))
		doubted(d, text);
	else if (!strcmp(path, "/ready") && d->state == DRIVER_STARTING)
		came_up(d);
	else if (!strcmp(path, "/served") && d->nr_restarts && !d->served_ns) {
		d->served_ns = parse_u64(text, &end) - d->stopped_at;
		tell(d, "driver-served", "first answer after %lu.%lu ms", d->served_ns / MS,
		     d->served_ns / (MS / 10) % 10);
	}
}

static void pulse(uint32_t port, void *arg)
{
	(void)port;
	patience_alive(&((struct driver *)arg)->patience);
}

const char *supervise_begin(struct driver *d)
{
	char path[64];
	int port = event_bind(d->id, d->domain.console_port);

	if (port < 0)
		return "its heartbeat cannot be bound";
	d->pulse_port = (uint32_t)port;
	event_handler(d->pulse_port, pulse, d);
	d->state = DRIVER_STARTING;
	d->due_at = time_ns() + READY_MS * MS;
	patience_begin(&d->patience, time_ns());
	snprintf(path, sizeof(path), "/local/domain/%u/data", d->id);
	xs_watch(0, path, "driver", data_changed, d);
	return NULL;
}

void supervise_end(struct driver *d)
{
	if (d->pulse_port)
		event_close(d->pulse_port);
	d->pulse_port = 0;
}

/* Guests get errors from now on, not before the device is reset: until then it may reach their memory. */
void supervise_give_up(struct driver *d, const char *why)
{
	uint64_t now = time_ns();

	driver_stop(d);
	d->state = DRIVER_FAILED;
	d->due_at = d->was_ready && !d->reset_function ? now : PATIENCE_NEVER;
	d->reset_by = now + RESET_MS * MS;
	snprintf(d->why, sizeof(d->why), "%s", why);
	if (d->kind == DRIVER_SERIAL)
		console_line_gone(d->number);
	tell(d, "driver-given-up", "given up: %s", d->why);
}

static void ended(struct driver *d, const char *why)
{
	uint64_t wait = d->was_ready ? patience_end(&d->patience, time_ns()) : PATIENCE_NEVER;

	if (wait == PATIENCE_NEVER)
		supervise_give_up(d, why);
	else
		stop(d, why, wait);
}

void supervise_stop(struct driver *d, const char *why)
{
	if (d->state < DRIVER_WAITING)
		ended(d, why);
}

/* What comes after one that was stopped: the next incarnation, or whoever answers in the place of one. */
static void follow(struct driver *d, uint64_t now)
{
	const char *error;

	if (driver_bury(d)) {
		d->due_at = now + MS;
		if (now < d->reset_by)
			return;
		if (d->reset_function) {
			supervise_give_up(d, "its device cannot be reset");
			return;
		}
		d->reset_function = 1;
		pci_reset_begin(&d->info, &d->keep, 1);
		d->due_at = now + PCI_FLR_MS * MS;
		return;
	}
	d->reset_function = 0;
	d->due_at = PATIENCE_NEVER;
	if (d->state == DRIVER_WAITING) {
		error = driver_build(d);
		if (error)
			ended(d, error);
	} else if (d->kind != DRIVER_SERIAL) {
		error = driver_build_dead(d);
		if (error)
			print("guise: %s: its guests wait for ever: %s\n", d->name, error);
	}
}

static int has_ended(struct driver *d)
{
	struct guise_domain_info info = { .handle = d->domain.handle };

	if (guise_domain(GUISE_DOMAIN_INFO, &info))
		return 0;
	if (info.state == GUISE_STATE_CRASHED || info.state == GUISE_STATE_SHUTDOWN)
		supervise_stop(d, info.text[0] ? info.text : "it ended");
	else if (info.dma_faults)
		supervise_stop(d, "its device tried to reach memory that is not its own");
	else
		return 0;
	return 1;
}

static void watch_over(struct driver *d, uint64_t now)
{
	if (d->was_ready && d->state == DRIVER_STARTING && now >= d->due_at) {
		supervise_stop(d, "it does not come up");
		return;
	}
	switch (patience_look(&d->patience, now)) {
	case PATIENCE_HUNG:
		supervise_stop(d, "it hangs");
		break;
	case PATIENCE_ASK:
		event_send(d->pulse_port);
		break;
	case PATIENCE_WAIT:
		break;
	}
}

/* A part of it, if one is due. */
static void stand_by(struct driver *d, uint64_t now)
{
	if (d->state == DRIVER_READY && now >= d->standby_at && driver_standby(d) <= 0)
		d->standby_at = PATIENCE_NEVER;
}

void supervise_work(int ended)
{
	for (unsigned i = 0; i < nr_drivers; i++) {
		struct driver *d = &drivers[i];
		uint64_t now = time_ns();

		if (d->state < DRIVER_WAITING && !(ended && has_ended(d)))
			watch_over(d, now);
		if ((d->state == DRIVER_WAITING || d->state == DRIVER_FAILED) && now >= d->due_at)
			follow(d, now);
		stand_by(d, now);
	}
}

uint64_t supervise_due(void)
{
	uint64_t due = EVENT_FOREVER;

	for (unsigned i = 0; i < nr_drivers; i++) {
		const struct driver *d = &drivers[i];
		uint64_t at = d->state < DRIVER_WAITING ? patience_due(&d->patience) :
			      d->state <= DRIVER_FAILED ? d->due_at :
							  EVENT_FOREVER;

		if (d->state == DRIVER_READY && d->standby_at < at)
			at = d->standby_at;
		if (at < due)
			due = at;
	}
	return due;
}

/* ---- the host's commands ---- */

static struct driver *driver_named(const struct json *request, const char **error)
{
	const char *name = json_string(request, "driver", NULL);
	static char text[96];

	if (!name) {
		*error = "'driver' is missing: a device, as vda, net0 or com1";
		return NULL;
	}
	for (unsigned i = 0; i < nr_drivers; i++)
		if (drivers[i].state != DRIVER_GONE && !strcmp(drivers[i].device, name))
			return &drivers[i];
	snprintf(text, sizeof(text), "there is no driver of '%s'", name);
	*error = text;
	return NULL;
}

/* One that runs. */
static struct driver *running_driver(const struct json *request, const char **error)
{
	struct driver *d = driver_named(request, error);

	if (d && d->state != DRIVER_READY) {
		*error = "it does not run now";
		return NULL;
	}
	return d;
}

static const char *list(const struct json *request, struct json_out *reply)
{
	(void)request;
	json_open(reply, "drivers", '[');
	for (unsigned i = 0; i < nr_drivers; i++) {
		const struct driver *d = &drivers[i];
		struct guise_domain_info info = { .handle = d->domain.handle };
		struct guise_domain_info next = { .handle = d->standby.handle };

		if (d->state == DRIVER_GONE)
			continue;
		json_open(reply, NULL, '{');
		json_put_string(reply, "name", d->device);
		json_put_number(reply, "domid", d->id);
		json_put_string(reply, "program", d->program);
		json_put_string(reply, "state", driver_state_name(d));
		json_put_number(reply, "restarts", d->nr_restarts);
		if (d->domain.handle && !guise_domain(GUISE_DOMAIN_INFO, &info)) {
			json_put_number(reply, "memory_kib", (int64_t)info.frames * 4);
			json_put_number(reply, "kernel_kib", (int64_t)info.kernel_frames * 4);
			json_put_number(reply, "cpu_ns", (int64_t)info.cpu_ns);
		}
		if (d->standby.handle)
			guise_domain(GUISE_DOMAIN_INFO, &next);
		if (d->config.standby)
			json_put_number(reply, "standby_kib", (int64_t)(next.frames + next.kernel_frames) * 4);
		if (d->nr_stood_by)
			json_put_number(reply, "stood_by", d->nr_stood_by);
		if (d->why[0])
			json_put_string(reply, "why", d->why);
		if (d->nr_restarts)
			json_put_number(reply, "ready_us", (int64_t)(d->ready_ns / 1000));
		if (d->served_ns)
			json_put_number(reply, "served_us", (int64_t)(d->served_ns / 1000));
		json_close(reply, '}');
	}
	json_close(reply, ']');
	return NULL;
}

static const char *kill(const struct json *request, struct json_out *reply)
{
	const char *error = NULL;
	struct driver *d = running_driver(request, &error);

	(void)reply;
	if (d)
		supervise_stop(d, "killed");
	return error;
}

static const char *replace(const struct json *request, struct json_out *reply)
{
	const char *error = NULL, *program = json_string(request, "program", NULL);
	struct driver *d = driver_named(request, &error);

	(void)reply;
	if (!d || (program && (error = driver_program_check(program))))
		return error;
	if (d->state == DRIVER_LEAVING || !d->was_ready)
		return "it leaves, or never worked";
	if (d->state == DRIVER_FAILED) /* it gets another chance, and all of them */
		d->patience.ends = d->patience.stalls = 0;
	if (d->state == DRIVER_WAITING) { /* not any longer */
		d->due_at = 0;
		return program ? "it does not run now" : NULL;
	}
	stop(d, program ? "replaced" : "restarted", 0);
	if (program && strcmp(program, d->program)) {
		memcpy(d->last_program, d->program, sizeof(d->program));
		snprintf(d->program, sizeof(d->program), "%s", program);
	}
	return NULL;
}

/* All it executes becomes one loop, wherever it is now. */
static const char *hang(const struct json *request, struct json_out *reply)
{
	const char *error = NULL;
	struct driver *d = running_driver(request, &error);

	(void)reply;
	return d && driver_spin(d) ? "its memory cannot be written" : error;
}

static const char *inject(const struct json *request, struct json_out *reply)
{
	const char *error = NULL, *data;
	struct driver *d = running_driver(request, &error);
	int64_t at;
	size_t len;

	(void)reply;
	if (!d)
		return error;
	data = json_string(request, "data", &len);
	if (!data || !len)
		return "'data' is missing: the bytes";
	if (json_number(request, "at", 0, INT64_MAX, &at) || driver_poke(d, (uint64_t)at, data, len))
		return "'at' is missing, or no address of its memory";
	return NULL;
}

/* Watch it in another way from now on: parts as an item of "drivers" in guise.cfg has them. */
static const char *policy(const struct json *request, struct json_out *reply)
{
	static struct machine_config parsed;
	static char text[160], why[128];
	const char *error = NULL, *parts = json_string(request, "policy", NULL);
	struct driver *d = driver_named(request, &error);

	(void)reply;
	if (!d)
		return error;
	snprintf(text, sizeof(text), "drivers = [ '%s%s%s' ]", d->device, parts ? "," : "", parts ? parts : "");
	if (config_machine("policy", text, strlen(text), &parsed, why, sizeof(why)))
		return why;
	d->config = config_driver(&parsed, d->device);
	if (!d->config.standby)
		driver_standby_end(d);
	d->standby_at = d->config.standby ? time_ns() : PATIENCE_NEVER;
	return NULL;
}

static const struct control_command commands[] = {
	{ "driver-list", list }, { "driver-kill", kill },     { "driver-restart", replace },
	{ "driver-hang", hang }, { "driver-inject", inject }, { "driver-policy", policy },
};

void supervise_commands(void)
{
	control_register(commands, sizeof(commands) / sizeof(commands[0]));
}
