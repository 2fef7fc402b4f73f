/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - first domain of a test machine with one device behind its real driver VM: an honest frontend
 * works, and a hostile one after the other has its way with rings of its own.
 *
 * The server's own files start the driver and serve the store.  What the device is, is its kind's.
 * Output as the judge's.
 */
#include <archive.h>
#include <runtime/event.h>
#include <runtime/hypercall.h>
#include <runtime/io.h>
#include <runtime/print.h>
#include <runtime/start.h>
#include <runtime/string.h>

#include "domain.h"
#include "driver.h"
#include "elf.h"
#include "kind.h"
#include "native.h"
#include "peer.h"
#include "store.h"
#include "supervise.h"

#define EXIT_PORT 0xf4
#define PAGES	  512u
#define HONEST	  100u
#define SECOND	  1000000000ull
#define PATIENCE  (60 * SECOND)

struct frontend {
	struct domain domain;
	struct peer peer;
	int honest;
};

static struct elf_image program;
static uint16_t next_id = HONEST;
static char why[300];

/* A driver that ends is not started again: it must not end. */
static const struct machine_config machine = { .driver = { { .window = 60 } }, .nr_drivers = 1, .control = -1 };

static void somebody_ended(uint32_t port, void *arg)
{
}

/* Those that are free or the driver's: a new incarnation has other tables in the kernel. */
static uint64_t free_frames(void)
{
	struct guise_domain_info driver = { .handle = drivers[0].domain.handle };
	struct guise_system_info info;

	guise_system(GUISE_SYSTEM_INFO, &info, GUISE_ROOT_SYSTEM);
	guise_domain(GUISE_DOMAIN_INFO, &driver);
	return info.free_frames + driver.frames + driver.kernel_frames;
}

static void back_path(const struct frontend *f, char *path, size_t size)
{
	snprintf(path, size, "/local/domain/%d/backend/%s/%u/%u", kind.driver(), kind.name, f->domain.id, kind.number);
}

static void show(const struct frontend *f)
{
	char front[96], back[96], path[128], perms[24];
	int driver = kind.driver();
	unsigned id = f->domain.id;

	snprintf(path, sizeof(path), "/local/domain/%u", id);
	snprintf(perms, sizeof(perms), "n%u", id);
	xs_dir(path, perms);
	snprintf(path, sizeof(path), "/local/domain/%u/data", id);
	xs_dir(path, perms);
	snprintf(front, sizeof(front), "/local/domain/%u/device/%s/%u", id, kind.name, kind.number);
	back_path(f, back, sizeof(back));
#define PUT(dir, key, ...) (snprintf(path, sizeof(path), "%s/%s", dir, key), xs_putf(path, __VA_ARGS__))
	snprintf(perms, sizeof(perms), "n%u,r%d", id, driver);
	xs_dir(front, perms);
	PUT(front, "backend", "%s", back);
	PUT(front, "backend-id", "%d", driver);
	PUT(front, "state", "1");
	snprintf(perms, sizeof(perms), "n%d,r%u", driver, id);
	xs_dir(back, perms);
	PUT(back, "frontend-id", "%u", id);
	PUT(back, "frontend", "%s", front);
	kind.show(front, back, f->honest, id);
	PUT(back, "state", "1");
#undef PUT
}

static const char *begin(struct frontend *f, int is_honest, const char *line)
{
	const char *error;

	memset(f, 0, sizeof(*f));
	f->honest = is_honest;
	domain_create(&f->domain, next_id++, PAGES, PAGES, 1, GUISE_PRIO_GUEST, GUISE_DOMAIN_NATIVE);
	if (!f->domain.error)
		native_build(&f->domain, &program, NULL, 0, line);
	domain_built(&f->domain);
	error = f->domain.error;
	if (!error)
		error = peer_open(&f->peer, &f->domain);
	if (error)
		return error;
	show(f);
	domain_unpause(&f->domain);
	return NULL;
}

static void wait_a_little(void)
{
	peers_work();
	event_loop_once(time_ns() + SECOND / 100);
	supervise_work(1);
}

/* Take it apart: 0, or -EAGAIN when somebody keeps some of its memory. */
static int end(struct frontend *f)
{
	uint64_t until = time_ns() + PATIENCE;
	char path[96];
	int rc;

	snprintf(path, sizeof(path), "/local/domain/%u", f->domain.id);
	xs_rm(NULL, 0, path);
	back_path(f, path, sizeof(path));
	xs_rm(NULL, 0, path);
	peer_close(&f->peer);
	while ((rc = domain_destroy(&f->domain)) && time_ns() < until)
		wait_a_little();
	return rc;
}

static int said(const struct frontend *f, const char *key, char *text, size_t size)
{
	char path[96];

	snprintf(path, sizeof(path), "/local/domain/%u/data/%s", f->domain.id, key);
	return !xs_get(path, text, size);
}

static int over(const struct frontend *f)
{
	struct guise_domain_info info = { .handle = f->domain.handle };

	return guise_domain(GUISE_DOMAIN_INFO, &info) || info.state >= GUISE_STATE_SHUTDOWN;
}

/* The honest one goes on, n rounds more: NULL, or why not. */
static const char *goes_on(const struct frontend *honest, unsigned n)
{
	uint64_t until = time_ns() + PATIENCE, rounds = 0, first = 0;
	static char text[200];

	while (time_ns() < until && kind.driver() >= 0 && !over(honest)) {
		if (said(honest, "rounds", text, sizeof(text)))
			rounds = parse_u64(text, NULL);
		if (!first)
			first = rounds;
		if (first && rounds >= first + n)
			return NULL;
		wait_a_little();
	}
	if (kind.driver() < 0)
		return "the driver ended";
	return said(honest, "fails", text, sizeof(text)) ? text : "the honest frontend is held up";
}

static const char *attack(const struct frontend *honest, unsigned number)
{
	uint64_t before = free_frames(), until = time_ns() + PATIENCE;
	struct guise_system_check check;
	struct frontend f;
	const char *error;
	char line[16];

	snprintf(line, sizeof(line), "%u", number);
	error = begin(&f, 0, line);
	if (error)
		return error;
	error = goes_on(honest, 2);
	while (!error && !over(&f)) {
		wait_a_little();
		if (time_ns() > until)
			error = "the attack takes too long";
	}
	if (!error && said(&f, "fails", why, sizeof(why)))
		error = why;
	else if (!error && !said(&f, "holds", why, sizeof(why)))
		error = "the attacker ended early";
	if (end(&f))
		return error ? error : "some of its memory is still held";
	if (guise_system(GUISE_SYSTEM_CHECK, &check, GUISE_ROOT_SYSTEM) &&
	    !error) /* what does not agree is its panic */
		error = "the kernel does not look at its books";
	if (!error)
		error = goes_on(honest, 2);
	if (!error && free_frames() != before) {
		snprintf(why, sizeof(why), "%ld frames did not come back", (long)(before - free_frames()));
		error = why;
	}
	return error;
}

static const char *prepare(struct frontend *honest)
{
	const void *archive = (const void *)start->mod_start, *file;
	const char *error;
	size_t len;
	int port = event_bind_virq(VIRQ_DOM_EXC);

	if (port < 0)
		return "the kernel does not tell of domains' ends";
	event_handler(port, somebody_ended, NULL);
	file = archive_find(archive, start->mod_len, "frontend", &len);
	error = file ? elf_parse(file, len, &program) : "the archive holds no 'frontend'";
	if (error)
		return error;
	drivers_start(archive, start->mod_len, &machine);
	drivers_wait();
	if (kind.driver() < 0)
		return "there is no device";
	error = begin(honest, 1, "honest");
	return error ? error : goes_on(honest, 1);
}

int domain_main(void)
{
	unsigned nr = kind.nr_attacks, failed = 0;
	struct frontend honest;
	const char *error = prepare(&honest);

	if (error)
		print("rings: %s\n", error);
	print("1..%u\n", error ? 0 : nr);
	for (unsigned i = 0; !error && i < nr; i++) {
		const char *wrong;

		print("# %u %s\n", i + 1, kind.attacks[i]);
		wrong = attack(&honest, i);
		failed += wrong != NULL;
		if (wrong)
			print("not ok %u - %s: %s\n", i + 1, kind.attacks[i], wrong);
		else
			print("ok %u - %s\n", i + 1, kind.attacks[i]);
	}
	print("done: %u passed, %u failed, 0 skipped\n", nr - failed, failed);
	outl(EXIT_PORT, error || failed);
	return 1;
}
