/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * driver.c - find the devices, and build and bury incarnations of their driver VMs.
 *
 * All that makes a driver what it is stands in its struct: program, domain id, device and rights.  A
 * new incarnation is built from it and nothing else.  What it serves outlives it: the directories in the
 * store, the frontends' rings, and their ends of the event channels.
 */
#include <archive.h>
#include <runtime/device.h>
#include <runtime/event.h>
#include <runtime/hypercall.h>
#include <runtime/io.h>
#include <runtime/print.h>
#include <runtime/string.h>

#include "console.h"
#include "driver.h"
#include "json.h"
#include "native.h"
#include "slot.h"
#include "store.h"
#include "supervise.h"

#define MAX_DRIVERS   28
#define FIRST_DOMAIN  1
#define DRIVER_PAGES  2048 /* 8 MiB */
#define READY_SECONDS 20
#define UART_IER      1
#define STANDBY_STEP  256 /* pages: the server does other things in between */
#define CPU_CAP	      90  /* percent: one that spins leaves the rest to who notices */

struct driver drivers[MAX_DRIVERS];
unsigned nr_drivers;

static unsigned nr_disks, nr_nets;
static const void *archive;
static size_t archive_len;
static const struct machine_config *config;

static const struct {
	uint32_t class_code; /* 0: by vendor and device */
	uint16_t vendor, device;
	const char *program;
	enum driver_kind kind;
} known[] = {
	{ 0x010802, 0, 0, "drivers/nvme", DRIVER_BLOCK },	   /* any NVMe controller		*/
	{ 0, 0x1af4, 0x1042, "drivers/virtio-blk", DRIVER_BLOCK }, /* virtio 1.0 block device	*/
	{ 0, 0x1af4, 0x1001, "drivers/virtio-blk", DRIVER_BLOCK }, /* the same, also speaking legacy */
	{ 0, 0x1af4, 0x1041, "drivers/virtio-net", DRIVER_NET },   /* virtio 1.0 network device	*/
	{ 0, 0x1af4, 0x1000, "drivers/virtio-net", DRIVER_NET },   /* the same, also speaking legacy */
	{ 0, 0x8086, 0x10d3, "drivers/e1000e", DRIVER_NET },	   /* Intel 82574L			*/
};

static void node(struct driver *d, const char *what)
{
	char path[64], perms[16];

	snprintf(path, sizeof(path), "/local/domain/%u/%s", d->id, what);
	snprintf(perms, sizeof(perms), "n%u", d->id);
	xs_dir(path, perms);
}

static void store_prepare(struct driver *d)
{
	char path[64], perms[16];

	snprintf(path, sizeof(path), "/local/domain/%u", d->id);
	snprintf(perms, sizeof(perms), "n0,r%u", d->id);
	xs_dir(path, perms);
	snprintf(path, sizeof(path), "/local/domain/%u/name", d->id);
	xs_put(path, d->name);
	node(d, "backend");
	node(d, "backend/vbd");
	node(d, "backend/vif");
	node(d, "backend/console");
	node(d, "device");
	node(d, "error");
	snprintf(path, sizeof(path), "/local/domain/%u/data", d->id);
	xs_rm(NULL, 0, path);
	node(d, "data");
}

static const char *rights(struct driver *d)
{
	struct guise_handle_derive port = { .parent = GUISE_ROOT_PORT, .domain = d->domain.handle };
	struct guise_handle_derive irq = { .parent = GUISE_ROOT_IRQ, .domain = d->domain.handle, .nr = 1 };
	long h;

	if (d->info.kind == GUISE_DEVICE_PCI)
		return pci_give(&d->info, d->domain.handle);
	port.first = d->info.bar[0].base;
	port.nr = d->info.bar[0].size;
	irq.first = d->info.irq[0];
	h = guise_handle(GUISE_HANDLE_OP_DERIVE, &irq);
	d->info.irq_handle[0] = (uint32_t)h;
	return h < 0 || guise_handle(GUISE_HANDLE_OP_DERIVE, &port) < 0 ? "its rights cannot be given" : NULL;
}

static const char *program_open(const char *program, struct elf_image *elf)
{
	size_t size;
	const void *file = archive_find(archive, archive_len, program, &size);

	return file ? elf_parse(file, size, elf) : "its program is not in the boot archive";
}

const char *driver_program_check(const char *program)
{
	struct elf_image elf;
	const char *error = program_open(program, &elf);

	if (!error && (elf.low < GUISE_NATIVE_BASE || elf.high > GUISE_NATIVE_BASE + DRIVER_PAGES * PAGE_SIZE / 2))
		error = "it is no program of a driver";
	return strlen(program) < sizeof(drivers->program) ? error : "its name is too long";
}

static void begin(struct domain *domain, uint16_t id)
{
	domain_begin(domain, id, DRIVER_PAGES, DRIVER_PAGES, 1, GUISE_PRIO_DRIVER, GUISE_DOMAIN_NATIVE);
}

/* Its pages, at most so many, and when it has them all, what is in them: 1: more are missing. */
static int fill(struct domain *domain, const struct driver *d, const struct elf_image *elf, uint64_t most)
{
	if (domain_populate(domain, most))
		return 1;
	if (!domain->error)
		native_fill(domain, elf, sizeof(struct device_start), d->name);
	return 0;
}

int driver_standby(struct driver *d)
{
	struct elf_image elf;

	if (program_open(d->program, &elf))
		return -1;
	if (!d->standby.handle) {
		begin(&d->standby, (uint16_t)(DRIVER_STANDBY + (d - drivers)));
		d->standby.start_id = d->id;
		memcpy(d->standby_program, d->program, sizeof(d->program));
	}
	if (fill(&d->standby, d, &elf, STANDBY_STEP))
		return 1;
	if (!d->standby.error)
		return 0;
	print("guise: %s: none stands by: %s\n", d->name, d->standby.error);
	driver_standby_end(d);
	return -1;
}

void driver_standby_end(struct driver *d)
{
	domain_destroy(&d->standby);
}

/* All but what makes it a driver. */
static const char *build(struct driver *d, const char *program)
{
	struct device_start told;
	struct guise_domain_sched share = { .op = GUISE_SCHED_SET, .weight = GUISE_WEIGHT_DEFAULT, .cap = CPU_CAP };
	struct elf_image elf;
	const char *error = program_open(program, &elf);

	if (error)
		return error;
	d->text = elf.segment[0];
	if (strcmp(program, d->standby_program))
		driver_standby_end(d);
	if (d->standby.handle) {
		d->domain = d->standby;
		d->standby = (struct domain){ 0 };
		d->nr_stood_by++;
	} else {
		begin(&d->domain, d->id);
	}
	if (d->domain.populated < d->domain.nr)
		fill(&d->domain, d, &elf, DRIVER_PAGES);
	if (d->state != DRIVER_FAILED && !d->domain.error)
		d->domain.error = rights(d);
	/* Who answers in a dead one's place has no successor that could know better. */
	told = (struct device_start){ d->info, d->state == DRIVER_FAILED ? ~0ull : d->believe_until,
				      patience_stall(&d->patience) };
	if (!d->domain.error)
		native_start(&d->domain, &elf, &told, sizeof(told));
	if (d->domain.error)
		return d->domain.error;
	share.handle = d->domain.handle;
	guise_domain(GUISE_DOMAIN_SCHED, &share);
	store_prepare(d);
	return peer_open(&d->peer, &d->domain);
}

const char *driver_build(struct driver *d)
{
	const char *error = build(d, d->program);

	if (!error)
		error = supervise_begin(d);
	if (error)
		return error;
	if (d->kind == DRIVER_SERIAL && !d->was_ready)
		console_line_offer(d->number, d->id);
	domain_unpause(&d->domain);
	return NULL;
}

const char *driver_build_dead(struct driver *d)
{
	const char *error = build(d, d->kind == DRIVER_BLOCK ? "drivers/dead-blk" : "drivers/dead-net");

	if (!error)
		domain_unpause(&d->domain);
	return error;
}

void driver_stop(struct driver *d)
{
	if (d->domain.handle)
		guise_domain_nr(GUISE_DOMAIN_PAUSE, d->domain.handle);
	if (d->kind == DRIVER_SERIAL) {
		console_line_lost(d->number);
		outb((uint16_t)(d->info.bar[0].base + UART_IER), 0);
	} else {
		pci_reset_begin(&d->info, &d->keep, 0);
	}
}

/* Frames that the device was given are held until the domain is destroyed: not before it is reset. */
int driver_bury(struct driver *d)
{
	if (d->info.kind == GUISE_DEVICE_PCI && !pci_reset_done(&d->info, &d->keep))
		return -1;
	supervise_end(d);
	peer_close(&d->peer);
	if (domain_destroy(&d->domain))
		return -1;
	if (d->info.kind == GUISE_DEVICE_PCI)
		pci_restore(&d->info, &d->keep);
	return 0;
}

int driver_poke(struct driver *d, uint64_t at, const void *bytes, size_t len)
{
	uint64_t offset = at - GUISE_NATIVE_BASE, all = DRIVER_PAGES * PAGE_SIZE;

	if (!d->domain.mfn || at < GUISE_NATIVE_BASE || offset > all || len > all - offset)
		return -1;
	domain_write(&d->domain, offset, bytes, len);
	return d->domain.error ? -1 : 0;
}

int driver_spin(struct driver *d)
{
	static uint8_t nops[PAGE_SIZE];
	uint64_t at = d->text.vaddr, end = at + d->text.filesz;
	uint8_t jump[5] = { 0xe9 };
	int32_t back = (int32_t)(at - end);
	int rc = 0;

	memset(nops, 0x90, sizeof(nops));
	memcpy(jump + 1, &back, sizeof(back));
	/* It must not run into what is not a loop yet. */
	guise_domain_nr(GUISE_DOMAIN_PAUSE, d->domain.handle);
	for (; at < end && !rc; at += PAGE_SIZE)
		rc = driver_poke(d, at, nops, end - at < PAGE_SIZE ? end - at : PAGE_SIZE);
	if (!rc)
		rc = driver_poke(d, end - sizeof(jump), jump, sizeof(jump));
	domain_unpause(&d->domain);
	return rc;
}

static struct driver *driver_add(const char *program, enum driver_kind kind, unsigned number)
{
	struct driver *d = drivers;

	while (d < drivers + nr_drivers && d->state != DRIVER_GONE)
		d++;
	if (d == drivers + MAX_DRIVERS)
		return NULL;
	if (d == drivers + nr_drivers)
		nr_drivers++;
	*d = (struct driver){ .id = (uint16_t)(FIRST_DOMAIN + (d - drivers)) };
	snprintf(d->program, sizeof(d->program), "%s", program);
	d->kind = kind;
	d->number = number;
	if (kind == DRIVER_BLOCK)
		snprintf(d->name, sizeof(d->name), "%s vd%c", strchr(program, '/') + 1, 'a' + (char)number);
	else if (kind == DRIVER_NET)
		snprintf(d->name, sizeof(d->name), "%s net%u", strchr(program, '/') + 1, number);
	else
		snprintf(d->name, sizeof(d->name), "%s com%u", strchr(program, '/') + 1, number + 1);
	d->device = strchr(d->name, ' ') + 1;
	d->config = config_driver(config, d->device);
	d->patience.config = &d->config;
	return d;
}

static struct driver *of_kind(enum driver_kind kind, unsigned n)
{
	for (unsigned i = 0; i < nr_drivers; i++)
		if (drivers[i].state != DRIVER_GONE && drivers[i].kind == kind && drivers[i].number == n)
			return &drivers[i];
	return NULL;
}

static int is_driven(uint16_t bdf)
{
	for (unsigned i = 0; i < nr_drivers; i++)
		if (drivers[i].state != DRIVER_GONE && drivers[i].info.kind == GUISE_DEVICE_PCI &&
		    drivers[i].info.bdf == bdf)
			return 1;
	return 0;
}

/* A driver for the function, unless there is none for it.  0: there is no room for more. */
static int found_pci(const struct pci_function *f)
{
	for (unsigned k = 0; k < sizeof(known) / sizeof(known[0]); k++) {
		unsigned number = 0;
		const char *error;
		struct driver *d;

		if (known[k].class_code ? f->class_code != known[k].class_code :
					  f->vendor != known[k].vendor || f->device != known[k].device)
			continue;
		while (of_kind(known[k].kind, number))
			number++;
		d = driver_add(known[k].program, known[k].kind, number);
		if (!d)
			return 0;
		if (known[k].kind == DRIVER_NET && number >= nr_nets)
			nr_nets = number + 1;
		if (known[k].kind == DRIVER_BLOCK && number >= nr_disks)
			nr_disks = number + 1;
		error = pci_prepare(f, &d->info, &d->keep);
		if (error)
			supervise_give_up(d, error);
	}
	return 1;
}

static void find_pci(void)
{
	static struct pci_function functions[PCI_FUNCTIONS];
	unsigned nr = pci_scan(functions, PCI_FUNCTIONS);

	for (unsigned i = 0; i < nr; i++)
		if (!is_driven(functions[i].bdf) && !found_pci(&functions[i]))
			return;
}

static void find_lines(int control)
{
	static const struct {
		uint16_t port;
		uint32_t irq;
	} uart[] = { { 0x3f8, 4 }, { 0x2f8, 3 }, { 0x3e8, 5 }, { 0x2e8, 7 } };

	for (unsigned i = 0; i < 4; i++) {
		struct driver *d;

		if (i >= 2 && (int)i != control)
			continue;
		outb(uart[i].port + 7, 0xa5); /* the scratch register keeps what is written */
		if (inb(uart[i].port + 7) != 0xa5)
			continue;
		d = driver_add("drivers/serial", DRIVER_SERIAL, i);
		if (!d)
			return;
		d->info.kind = GUISE_DEVICE_UART;
		d->info.nr_irqs = 1;
		d->info.irq[0] = uart[i].irq;
		d->info.bar[0] = (struct guise_bar){ .base = uart[i].port, .size = 8, .port = 1 };
	}
}

static void start(void)
{
	for (unsigned i = 0; i < nr_drivers; i++) {
		struct driver *d = &drivers[i];
		const char *error;

		if (d->state != DRIVER_STARTING || d->domain.handle)
			continue;
		error = driver_build(d);
		if (error)
			supervise_give_up(d, error);
	}
}

void drivers_start(const void *files, size_t len, const struct machine_config *machine)
{
	archive = files;
	archive_len = len;
	config = machine;
	find_pci();
	find_lines(machine->control);
	start();
}

void drivers_wait(void)
{
	uint64_t until = time_ns() + READY_SECONDS * 1000000000ull;

	for (unsigned i = 0; i < nr_drivers; i++) {
		while (drivers[i].state == DRIVER_STARTING && time_ns() < until) {
			event_loop_once(until);
			supervise_work(1);
			peers_work();
		}
		if (drivers[i].state == DRIVER_STARTING)
			supervise_give_up(&drivers[i], "it does not answer");
		if (drivers[i].state == DRIVER_READY)
			print("guise: driver VM %u: %s, %u MiB\n", drivers[i].id, drivers[i].name, DRIVER_PAGES / 256);
	}
}

static int driver_of(enum driver_kind kind, unsigned n)
{
	const struct driver *d = of_kind(kind, n);

	return d && d->was_ready && d->state <= DRIVER_WAITING ? d->id : -1;
}

int driver_of_disk(unsigned n)
{
	return driver_of(DRIVER_BLOCK, n);
}

int driver_of_net(unsigned n)
{
	return driver_of(DRIVER_NET, n);
}

unsigned driver_disks(void)
{
	return nr_disks;
}

unsigned driver_nets(void)
{
	return nr_nets;
}

/* ---- devices that come and go ---- */

void drivers_look(void)
{
	if (!slots_look())
		return;
	find_pci();
	start();
}

const char *driver_unplug(uint8_t bus)
{
	struct driver *d = drivers;
	char path[64];

	while (d < drivers + nr_drivers &&
	       (d->state == DRIVER_GONE || d->info.kind != GUISE_DEVICE_PCI || d->info.bdf >> 8 != bus))
		d++;
	if (d == drivers + nr_drivers)
		return slot_off(bus) ? "there is no slot with this bus" : NULL;
	if (d->state != DRIVER_LEAVING) {
		d->state = DRIVER_LEAVING;
		if (d->domain.handle)
			guise_domain_nr(GUISE_DOMAIN_PAUSE, d->domain.handle);
		pci_quiesce(&d->info);
		driver_standby_end(d);
		supervise_end(d);
		peer_close(&d->peer);
		snprintf(path, sizeof(path), "/local/domain/%u/data", d->id);
		xs_unwatch(0, path, "driver");
		snprintf(path, sizeof(path), "/local/domain/%u", d->id);
		xs_rm(NULL, 0, path);
	}
	if (domain_destroy(&d->domain))
		return "a guest still uses it";
	for (unsigned i = 0; i < d->info.nr_irqs; i++)
		guise_irq_nr(GUISE_IRQ_MSI_FREE, d->info.irq[i]);
	slot_off(bus);
	print("guise: driver VM %u: %s unplugged\n", d->id, d->name);
	d->state = DRIVER_GONE;
	return NULL;
}

const char *driver_state_name(const struct driver *d)
{
	static const char *const states[] = { "starting", "ready", "waiting", "failed", "leaving", "gone" };

	return states[d->state];
}

static void put_kind(struct json_out *o, const char *key, enum driver_kind kind, unsigned nr)
{
	json_open(o, key, '[');
	for (unsigned n = 0; n < nr; n++) {
		const struct driver *d = of_kind(kind, n);

		if (!d)
			continue;
		json_open(o, NULL, '{');
		json_put_string(o, "name", d->device);
		json_put_number(o, "bdf", d->info.bdf);
		json_put_number(o, "driver", d->id);
		json_put_string(o, "state", driver_state_name(d));
		if (d->state == DRIVER_FAILED)
			json_put_string(o, "error", d->why);
		json_close(o, '}');
	}
	json_close(o, ']');
}

void drivers_put(struct json_out *o)
{
	put_kind(o, "disks", DRIVER_BLOCK, nr_disks);
	put_kind(o, "nets", DRIVER_NET, nr_nets);
}
