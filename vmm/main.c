/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - the VMM server, the first domain: the order in which the machine comes to life.
 */
#include <stdarg.h>

#include <archive.h>
#include <runtime/event.h>
#include <runtime/hypercall.h>
#include <runtime/print.h>
#include <runtime/start.h>

#include "command.h"
#include "config.h"
#include "console.h"
#include "control.h"
#include "driver.h"
#include "guest.h"
#include "peer.h"
#include "power.h"
#include "profile.h"
#include "shelf.h"
#include "supervise.h"

static const void *archive;
static size_t archive_len;
static int somebody_ended, leaving;
static struct machine_config machine;

__attribute__((noreturn, format(printf, 1, 2))) static void give_up(const char *fmt, ...)
{
	char text[320];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	print("guise: error: %s\n", text);
	power_off(VERDICT_BAD_CONFIG);
}

static void domain_ended(uint32_t port, void *arg)
{
	(void)port;
	(void)arg;
	somebody_ended = 1;
}

/* Once: the guests are asked to power off, one after another, and the machine follows them.  Twice: it does not wait. */
static void button_pressed(void)
{
	if (leaving)
		power_off(VERDICT_GOOD);
	print("guise: power button: the guests are asked to power off\n");
	leaving = 1;
	guests_shutdown();
}

static void read_config(void)
{
	size_t len;
	const char *text = archive_find(archive, archive_len, "guise.cfg", &len);
	char error[256];

	if (!text)
		give_up("the boot archive holds no guise.cfg, or is damaged before it");
	if (config_machine("guise.cfg", text, len, &machine, error, sizeof(error)))
		give_up("%s", error);
	if (!machine.nr_guests && !machine.stay)
		give_up("guise.cfg: no guests are named (guests = [ \"FILE\" ])");
}

static void read_guest(const char *file, struct guest_config *guest)
{
	size_t len;
	const char *text = archive_find(archive, archive_len, file, &len);
	char error[256];

	if (!text)
		give_up("guise.cfg: '%s' is not in the boot archive", file);
	if (config_guest(file, text, len, guest, error, sizeof(error)))
		give_up("%s", error);
}

/* The boot fails with its guests. */
static void built(struct guest *g, uint64_t id, const char *error)
{
	(void)g;
	if (error)
		give_up("%s: %s", machine.guests[id], error);
}

static void work(void)
{
	uint64_t when;

	do {
		when = guests_work();
		peers_work();
	} while (control_work());
	if (supervise_due() < when)
		when = supervise_due();
	event_loop_once(when);
	supervise_work(somebody_ended);
	if (somebody_ended) {
		somebody_ended = 0;
		guests_check();
	}
}

int domain_main(void)
{
	static struct guest_config guest[CONFIG_GUESTS];
	int port;

	print_sink(console_log);
	archive = (const void *)start->mod_start;
	archive_len = start->mod_len;
	power_init(0);
	read_config();
	power_init(machine.exit_port);
	for (unsigned i = 0; i < machine.nr_guests; i++)
		read_guest(machine.guests[i], &guest[i]);

	port = event_bind_virq(VIRQ_DOM_EXC);
	if (port < 0)
		give_up("the kernel does not tell of domains' ends: %d", port);
	event_handler((uint32_t)port, domain_ended, NULL);

	power_button(button_pressed);
	drivers_start(archive, archive_len, &machine);
	drivers_wait();
	commands_register();
	profile_register();
	supervise_commands();
	if (machine.control >= 0 && control_open((unsigned)machine.control))
		give_up("guise.cfg: this machine has no com%d for 'control'", machine.control + 1);
	shelf_open();
	guests_init(archive, archive_len);
	for (unsigned i = 0; i < machine.nr_guests; i++)
		built(NULL, i, guest_create(&guest[i], (struct guest_waiter){ built, i }));

	while (guests_alive() || (machine.stay && !leaving))
		work();
	control_work(); /* how the last one ended */
	power_off(guests_crashed() ? VERDICT_GUEST_CRASHED : VERDICT_GOOD);
}
