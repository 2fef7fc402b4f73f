/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * driver.c - start and watch over the driver VMs.
 *
 * All that makes a driver what it is stands in its struct: program, domain id, device and rights.  A
 * new incarnation is built from it and nothing else.
 */
#include <archive.h>
#include <runtime/event.h>
#include <runtime/hypercall.h>
#include <runtime/io.h>
#include <runtime/print.h>
#include <runtime/string.h>

#include "console.h"
#include "driver.h"
#include "native.h"
#include "pci.h"
#include "peer.h"
#include "store.h"

#define MAX_DRIVERS   28
#define FIRST_DOMAIN  1
#define DRIVER_PAGES  2048 /* 8 MiB */
#define READY_SECONDS 20

enum driver_kind { DRIVER_BLOCK, DRIVER_NET, DRIVER_SERIAL };
enum driver_state { DRIVER_STARTING, DRIVER_READY, DRIVER_FAILED };

struct driver {
	char name[24];	     /* "virtio-blk vda"	*/
	const char *program; /* in the archive	*/
	enum driver_kind kind;
	unsigned number; /* of its kind	*/
	uint16_t id;
	enum driver_state state;
	struct guise_device device;
	struct domain domain;
	struct peer peer;
};

static struct driver drivers[MAX_DRIVERS];
static unsigned nr_drivers, nr_disks, nr_nets;

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
};

static void fail(struct driver *d, const char *why)
{
	d->state = DRIVER_FAILED;
	if (d->device.kind == GUISE_DEVICE_PCI)
		pci_quiesce(&d->device);
	print("guise: %s: %s\n", d->name, why);
}

static void node(struct driver *d, const char *what)
{
	char path[64], perms[16];

	snprintf(path, sizeof(path), "/local/domain/%u/%s", d->id, what);
	snprintf(perms, sizeof(perms), "n%u", d->id);
	xs_dir(path, perms);
}

static void watch_data(uint16_t dom, const char *path, const char *token, void *arg)
{
	struct driver *d = arg;
	char text[128];

	(void)dom;
	(void)token;
	if (d->state != DRIVER_STARTING || xs_get(path, text, sizeof(text)))
		return;
	path = strrchr(path, '/');
	if (!strcmp(path, "/ready"))
		d->state = DRIVER_READY;
	else if (!strcmp(path, "/failed"))
		fail(d, text);
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
	node(d, "data");
	node(d, "error");
	snprintf(path, sizeof(path), "/local/domain/%u/data", d->id);
	xs_watch(0, path, "driver", watch_data, d);
}

static const char *rights(struct driver *d)
{
	struct guise_handle_derive port = { .parent = GUISE_ROOT_PORT, .domain = d->domain.handle };
	struct guise_handle_derive irq = { .parent = GUISE_ROOT_IRQ, .domain = d->domain.handle, .nr = 1 };
	long h;

	if (d->device.kind == GUISE_DEVICE_PCI)
		return pci_give(&d->device, d->domain.handle);
	port.first = d->device.bar[0].base;
	port.nr = d->device.bar[0].size;
	irq.first = d->device.irq[0];
	h = guise_handle(GUISE_HANDLE_OP_DERIVE, &irq);
	d->device.irq_handle[0] = (uint32_t)h;
	return h < 0 || guise_handle(GUISE_HANDLE_OP_DERIVE, &port) < 0 ? "its rights cannot be given" : NULL;
}

static void build(struct driver *d, const void *archive, size_t len)
{
	const char *error;
	struct elf_image elf;
	const void *file;
	size_t size;

	file = archive_find(archive, len, d->program, &size);
	if (!file) {
		fail(d, "its program is not in the boot archive");
		return;
	}
	error = elf_parse(file, size, &elf);
	if (!error) {
		domain_create(&d->domain, d->id, DRIVER_PAGES, DRIVER_PAGES, 1, GUISE_PRIO_DRIVER, GUISE_DOMAIN_NATIVE);
		error = d->domain.error ? d->domain.error : rights(d);
	}
	if (!error) {
		native_build(&d->domain, &elf, &d->device, sizeof(d->device), d->name);
		error = d->domain.error;
	}
	domain_built(&d->domain);
	if (!error) {
		store_prepare(d);
		error = peer_open(&d->peer, &d->domain);
	}
	if (error) {
		fail(d, error);
		return;
	}
	if (d->kind == DRIVER_SERIAL)
		console_line_offer(d->number, d->id);
	domain_unpause(&d->domain);
}

static struct driver *driver_add(const char *program, enum driver_kind kind, unsigned number)
{
	struct driver *d = &drivers[nr_drivers];

	if (nr_drivers == MAX_DRIVERS)
		return NULL;
	d->program = program;
	d->kind = kind;
	d->number = number;
	d->id = (uint16_t)(FIRST_DOMAIN + nr_drivers++);
	if (kind == DRIVER_BLOCK)
		snprintf(d->name, sizeof(d->name), "%s vd%c", strchr(program, '/') + 1, 'a' + (char)number);
	else if (kind == DRIVER_NET)
		snprintf(d->name, sizeof(d->name), "%s net%u", strchr(program, '/') + 1, number);
	else
		snprintf(d->name, sizeof(d->name), "%s com%u", strchr(program, '/') + 1, number + 1);
	return d;
}

static void find_pci(void)
{
	static struct pci_function functions[PCI_FUNCTIONS];
	unsigned nr = pci_scan(functions, PCI_FUNCTIONS);

	for (unsigned i = 0; i < nr; i++) {
		for (unsigned k = 0; k < sizeof(known) / sizeof(known[0]); k++) {
			const char *error;
			struct driver *d;

			if (known[k].class_code ?
				    functions[i].class_code != known[k].class_code :
				    functions[i].vendor != known[k].vendor || functions[i].device != known[k].device)
				continue;
			d = driver_add(known[k].program, known[k].kind,
				       known[k].kind == DRIVER_NET ? nr_nets++ : nr_disks++);
			if (!d)
				return;
			error = pci_prepare(&functions[i], &d->device);
			if (error)
				fail(d, error);
		}
	}
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
		d->device.kind = GUISE_DEVICE_UART;
		d->device.nr_irqs = 1;
		d->device.irq[0] = uart[i].irq;
		d->device.bar[0] = (struct guise_bar){ .base = uart[i].port, .size = 8, .port = 1 };
	}
}

void drivers_start(const void *archive, size_t len, int control)
{
	find_pci();
	find_lines(control);
	for (unsigned i = 0; i < nr_drivers; i++)
		if (drivers[i].state == DRIVER_STARTING)
			build(&drivers[i], archive, len);
}

void drivers_wait(void)
{
	uint64_t until = time_ns() + READY_SECONDS * 1000000000ull;

	for (unsigned i = 0; i < nr_drivers; i++) {
		while (drivers[i].state == DRIVER_STARTING && time_ns() < until) {
			event_loop_once(until);
			drivers_check();
			peers_work();
		}
		if (drivers[i].state == DRIVER_STARTING)
			fail(&drivers[i], "it does not answer");
		if (drivers[i].state == DRIVER_READY)
			print("guise: driver VM %u: %s, %u MiB\n", drivers[i].id, drivers[i].name, DRIVER_PAGES / 256);
	}
}

void drivers_check(void)
{
	for (unsigned i = 0; i < nr_drivers; i++) {
		struct driver *d = &drivers[i];
		struct guise_domain_info info = { .handle = d->domain.handle };

		if (d->state == DRIVER_FAILED || !d->domain.handle || guise_domain(GUISE_DOMAIN_INFO, &info) ||
		    (info.state != GUISE_STATE_CRASHED && info.state != GUISE_STATE_SHUTDOWN))
			continue;
		fail(d, info.text[0] ? info.text : "the driver ended");
	}
}

static int driver_of(enum driver_kind kind, unsigned n)
{
	for (unsigned i = 0; i < nr_drivers; i++)
		if (drivers[i].kind == kind && drivers[i].number == n)
			return drivers[i].state == DRIVER_READY ? drivers[i].id : -1;
	return -1;
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
