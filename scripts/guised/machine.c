/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../guise/client.h"
#include "backend.h"
#include "def.h"
#include "link.h"
#include "log.h"
#include "loop.h"
#include "machine.h"
#include "plug.h"
#include "program.h"
#include "qmp.h"
#include "shelf.h"

#define START_MS   180000 /* until the server answers	*/
#define FIRST_SLOT 0x08u
#define AFAR_TICKS 10 /* seconds between two looks for a machine that does not answer	*/
#define NAME_ERROR "guise: error:"

static const struct machine_options *options;
static enum { OFF, STARTING, RUNS } state;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pid_t qemu = -1, broker = -1; /* ours to wait for	*/

/* A file of the machine's. */
struct path {
	char text[512];
};

static struct path in_run(const char *name)
{
	struct path p;

	snprintf(p.text, sizeof(p.text), "%s/machine/%s", options->run_dir, name);
	return p;
}

/* Somebody else's machine behind a line or TCP, which needs a broker of ours. */
static bool afar(void)
{
	struct stat st;

	return options->attach &&
	       (!strncmp(options->attach, "tcp:", 4) || (!stat(options->attach, &st) && S_ISCHR(st.st_mode)));
}

static struct path control_path(void)
{
	struct path p = in_run("control.sock");

	if (options->attach && !afar())
		snprintf(p.text, sizeof(p.text), "%s", options->attach);
	return p;
}

bool machine_runs(void)
{
	return state == RUNS;
}

uint64_t machine_memory_kib(void)
{
	return options->attach ? 0 : (uint64_t)options->memory * 1024;
}

static void gone(void);

static const struct link_handlers handlers = { backend_event, gone };

/* Is the QEMU of our files there?  Its command line has the path of its socket. */
static bool qemu_lives(void)
{
	struct path file = in_run("qemu.pid"), sock = in_run("qemu.sock");
	char line[32] = "", args[16384];
	size_t n = 0;
	FILE *f;

	program_last_line(file.text, NULL, line, sizeof(line));
	if (atoi(line) <= 0)
		return false;
	snprintf(file.text, sizeof(file.text), "/proc/%d/cmdline", atoi(line));
	f = fopen(file.text, "re");
	if (f) {
		n = fread(args, 1, sizeof(args), f);
		fclose(f);
	}
	return memmem(args, n, sock.text, strlen(sock.text)) != NULL;
}

/* ---- the command line of QEMU ---- */

struct arguments {
	const char *argv[256];
	unsigned nr;
	char *made[160]; /* those that are freed */
	unsigned nr_made;
};

static void arg(struct arguments *a, const char *text)
{
	if (a->nr < 255)
		a->argv[a->nr++] = text;
}

__attribute__((format(printf, 2, 3))) static void argf(struct arguments *a, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (a->nr_made < 160 && vasprintf(&text, fmt, ap) >= 0)
		a->made[a->nr_made++] = text;
	va_end(ap);
	arg(a, text ? text : "");
}

/* A comma in a path is written twice. */
static struct path doubled(const char *path)
{
	struct path p;
	size_t n = 0;

	for (; *path && n < sizeof(p.text) - 2; path++) {
		p.text[n++] = *path;
		if (*path == ',')
			p.text[n++] = ',';
	}
	p.text[n] = 0;
	return p;
}

static bool has_kvm(void)
{
	char line[4096];
	bool has = false;
	FILE *f = options->tcg ? NULL : fopen("/proc/cpuinfo", "re");

	while (f && !has && fgets(line, sizeof(line), f))
		has = !strncmp(line, "flags", 5) && (strstr(line, " vmx") || strstr(line, " svm"));
	if (f)
		fclose(f);
	return has && !access("/dev/kvm", R_OK | W_OK);
}

/* The version of QEMU, as 702 for 7.2.  0: e says what is wrong. */
static unsigned qemu_version(struct error *e)
{
	const char *const argv[] = { options->qemu, "--version", NULL };
	struct path out = in_run("version");
	unsigned major = 0, minor = 0;
	char line[256];
	const char *v;

	if (program_run(argv, out.text, e))
		return 0;
	program_last_line(out.text, "QEMU emulator", line, sizeof(line));
	v = strstr(line, "version ");
	if (!v || sscanf(v, "version %u.%u", &major, &minor) != 2) {
		error_set(e, ERROR_SYSTEM, "%s does not say its version", options->qemu);
		return 0;
	}
	return major * 100 + minor;
}

static int cpu_arguments(struct arguments *a, struct error *e)
{
	const char *accel = "kvm", *cpu = "host";

	if (!has_kvm()) {
		unsigned version = qemu_version(e);

		if (!version)
			return -1;
		/* IRET in ring 3 faults with SMAP in TCG before QEMU 9.1.  Before 8.1 a CPU may go on executing what
		 * another wrote over: a guest of several vCPUs whose Linux patches itself would die of that. */
		accel = version < 801 && options->cpus > 1 ? "tcg,thread=single" : "tcg";
		cpu = version < 901 ? "max,-smap" : "max";
	}
	arg(a, "-accel");
	arg(a, accel);
	arg(a, "-cpu");
	arg(a, cpu);
	arg(a, "-smp");
	argf(a, "%u", options->cpus);
	return 0;
}

static int net_arguments(struct arguments *a, unsigned i, struct error *e)
{
	const char *net = options->net[i];

	arg(a, "-netdev");
	if (!strcmp(net, "user"))
		argf(a, "user,id=net%u", i);
	else if (!strncmp(net, "bridge=", 7))
		argf(a, "bridge,id=net%u,br=%s", i, net + 7);
	else if (!strncmp(net, "tap=", 4))
		argf(a, "tap,id=net%u,ifname=%s,script=no,downscript=no", i, net + 4);
	else
		return error_set(e, ERROR_INVALID_ARG, "network '%s' is none of user, bridge=NAME, tap=NAME", net);
	arg(a, "-device");
	argf(a, "virtio-net-pci,netdev=net%u,disable-legacy=on,romfile=,addr=0x%x", i, 4 + i);
	return 0;
}

static int qemu_arguments(struct arguments *a, struct error *e)
{
	static const char *const fixed[] = { "-name", "guise", "-machine", "q35", "-nodefaults", "-display", "none",
					     "-no-reboot", "-no-user-config", "-global",
					     /* so that slots are those of PCI Express, which the server knows */
					     "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off", "-serial",
					     "chardev:com1", "-serial", "chardev:com2", "-mon",
					     "chardev=qmp,mode=control", NULL };
	static const char *const sockets[][2] = { { "com2", "qemu.sock" }, { "qmp", "qmp.sock" } };

	arg(a, options->qemu);
	for (unsigned i = 0; fixed[i]; i++)
		arg(a, fixed[i]);
	arg(a, "-chardev");
	argf(a, "file,id=com1,path=%s", doubled(in_run("console.log").text).text);
	for (unsigned i = 0; i < 2; i++) {
		arg(a, "-chardev");
		argf(a, "socket,id=%s,server=on,wait=off,path=%s", sockets[i][0],
		     doubled(in_run(sockets[i][1]).text).text);
	}
	if (cpu_arguments(a, e))
		return -1;
	arg(a, "-m");
	argf(a, "%u", options->memory);
	arg(a, "-kernel");
	argf(a, "%s/hypervisor-kernel/guise", options->programs);
	arg(a, "-initrd");
	argf(a, "%s", in_run("archive").text);
	arg(a, "-append");
	arg(a, "guise");
	arg(a, "-pidfile");
	argf(a, "%s", in_run("qemu.pid").text);
	arg(a, "-object");
	argf(a, "memory-backend-file,id=shelf,share=on,size=%uM,mem-path=%s", options->shelf,
	     doubled(in_run("shelf").text).text);
	arg(a, "-device");
	arg(a, "ivshmem-plain,memdev=shelf,addr=0x3");
	for (unsigned i = 0; i < options->nr_nets; i++)
		if (net_arguments(a, i, e))
			return -1;
	for (unsigned i = 0; i < PLUG_SLOTS; i++) {
		arg(a, "-device");
		argf(a, "pcie-root-port,id=slot%u,chassis=%u,slot=%u,addr=0x%x", i, i + 1, i + 1, FIRST_SLOT + i);
	}
	return 0;
}

/* ---- its start ---- */

static int boot_archive(struct error *e)
{
	struct path config = in_run("guise.cfg"), archive = in_run("archive"), drivers;
	struct arguments a = { 0 };
	struct dirent *entry;
	FILE *f = fopen(config.text, "we");
	DIR *dir;
	int rc;

	if (!f)
		return error_set(e, ERROR_SYSTEM, "%s: %s", config.text, strerror(errno));
	fputs("on_idle = \"stay\"\ncontrol = \"com2\"\n", f);
	fclose(f);
	argf(&a, "%s/newc", options->scripts);
	argf(&a, "vmm=%s/vmm/vmm", options->programs);
	argf(&a, "guise.cfg=%s", config.text);
	snprintf(drivers.text, sizeof(drivers.text), "%s/drivers-vm", options->programs);
	dir = opendir(drivers.text);
	while (dir && (entry = readdir(dir))) {
		char path[1024];
		struct stat st;

		snprintf(path, sizeof(path), "%s/%s", drivers.text, entry->d_name);
		if (!stat(path, &st) && S_ISREG(st.st_mode) && st.st_mode & S_IXUSR && a.nr_made < 64)
			argf(&a, "drivers/%s=%s", entry->d_name, path);
	}
	if (dir)
		closedir(dir);
	rc = program_run(a.argv, archive.text, e);
	for (unsigned i = 0; i < a.nr_made; i++)
		free(a.made[i]);
	return rc;
}

/* Why it did not start: its own word, or QEMU's. */
static void why_not(struct error *e)
{
	char line[512];

	if (options->attach) {
		program_last_line(in_run("broker.log").text, NULL, line, sizeof(line));
		error_set(e, ERROR_OPERATION_FAILED, "no machine answers: %s", *line ? line : options->attach);
		return;
	}
	program_last_line(in_run("console.log").text, NAME_ERROR, line, sizeof(line));
	if (!*line)
		program_last_line(in_run("qemu.log").text, NULL, line, sizeof(line));
	error_set(e, ERROR_OPERATION_FAILED, "the machine cannot be started: %s", *line ? line : "it has ended");
}

static bool ended(pid_t *pid)
{
	int status;

	if (*pid < 0 || waitpid(*pid, &status, WNOHANG) != *pid)
		return false;
	*pid = -1;
	return true;
}

static int connect_to_it(struct error *e)
{
	static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
	int64_t until = loop_now() + START_MS;
	struct path path = control_path();
	struct error why = { 0 };

	while (link_open(path.text, &handlers, &why)) {
		if (ended(&qemu) || ended(&broker) || (qemu < 0 && !afar() && !qemu_lives()) || loop_now() > until) {
			why_not(e);
			return -1;
		}
		lock_wait(&never, loop_now() + 100);
		why.code = 0;
	}
	why.code = 0;
	/* The broker passes nothing on before the server has answered it. */
	if (link_do(link_request("hello"), START_MS, &why)) {
		link_close();
		why_not(e);
		return -1;
	}
	return 0;
}

static void end_it(void)
{
	if (broker > 0)
		kill(broker, SIGTERM);
	if (qemu > 0)
		kill(qemu, SIGTERM);
}

static int start_broker(struct error *e)
{
	struct path path = control_path(), up = in_run("qemu.sock"), program;
	const char *argv[] = { program.text, "-s", path.text, "broker", afar() ? options->attach : up.text, NULL };
	struct path dir = in_run("");

	if (mkdir(dir.text, 0700) && errno != EEXIST)
		return error_set(e, ERROR_SYSTEM, "%s: %s", dir.text, strerror(errno));

	snprintf(program.text, sizeof(program.text), "%s/guise", options->programs);
	broker = program_start(argv, in_run("broker.log").text, e);
	return broker < 0 ? -1 : 0;
}

static int start_it(struct error *e)
{
	struct path dir = in_run(""), up = in_run("qemu.sock");
	struct arguments a = { 0 };
	int rc = -1;

	if (mkdir(dir.text, 0700) && errno != EEXIST)
		return error_set(e, ERROR_SYSTEM, "%s: %s", dir.text, strerror(errno));
	log_info("starting the machine: %u MiB, %u CPUs", options->memory, options->cpus);
	if (boot_archive(e) || shelf_new(in_run("shelf").text, (size_t)options->shelf << 20, e) ||
	    qemu_arguments(&a, e))
		goto out;
	unlink(up.text);
	qemu = program_start(a.argv, in_run("qemu.log").text, e);
	if (qemu < 0)
		goto out;
	if (start_broker(e) || connect_to_it(e))
		end_it();
	else
		rc = 0;
out:
	for (unsigned i = 0; i < a.nr_made; i++)
		free(a.made[i]);
	return rc;
}

int machine_up(struct error *e)
{
	int64_t until = loop_now() + 2 * START_MS;
	int rc;

	while (state == STARTING && lock_wait(&changed, until))
		;
	if (state == RUNS)
		return 0;
	if (state == STARTING)
		return error_set(e, ERROR_TIMEOUT, "the machine has not started");
	if (options->attach)
		return error_set(e, ERROR_OPERATION_FAILED, "no machine answers at %s", options->attach);
	state = STARTING;
	rc = start_it(e);
	state = rc ? OFF : RUNS;
	pthread_cond_broadcast(&changed);
	if (!rc)
		backend_sync();
	return rc;
}

/* With a link that is open: once the server answers, all is as it says. */
static void sync_at_start(void *unused)
{
	struct error e = { 0 };

	(void)unused;
	if (link_do(link_request("hello"), START_MS, &e)) {
		log_error("%s", e.text);
		return;
	}
	state = RUNS;
	pthread_cond_broadcast(&changed);
	backend_sync();
}

/* QEMU runs, and its broker does not. */
static void reconnect(void *unused)
{
	struct error e = { 0 };

	(void)unused;
	if (start_broker(&e) || connect_to_it(&e)) {
		log_warning("the machine has ended: %s", e.text);
		state = OFF;
		pthread_cond_broadcast(&changed);
		backend_machine_gone();
		return;
	}
	sync_at_start(NULL);
}

static bool look_again(void)
{
	if (state == STARTING || (options->attach ? !afar() : !qemu_lives()) || !loop_work(reconnect, NULL))
		return false;
	state = STARTING;
	return true;
}

static void gone(void)
{
	bool starting = state == STARTING;

	if (look_again())
		return;
	if (starting)
		return; /* who starts it sees it, too */
	log_warning("the machine has ended");
	state = OFF;
	pthread_cond_broadcast(&changed);
	backend_machine_gone();
}

int machine_init(const struct machine_options *o, struct error *e)
{
	struct error why = { 0 };

	options = o;
	if (!options->attach && qemu_lives() && shelf_open(in_run("shelf").text, &why))
		log_error("%s", why.text);
	why.code = 0;
	if (!link_open(control_path().text, &handlers, &why)) {
		state = STARTING;
		return loop_work(sync_at_start, NULL) ? 0 : error_set(e, ERROR_NO_MEMORY, "for a worker");
	}
	if (options->attach && !afar())
		return error_set(e, ERROR_SYSTEM, "%s", why.text);
	if (!look_again())
		backend_machine_gone(); /* what ran before has ended	*/
	return 0;
}

void machine_tick(void)
{
	static unsigned ticks;
	struct error e = { 0 };

	ended(&broker);
	if (state == STARTING)
		return; /* who starts it looks at it */
	ended(&qemu);
	if (afar()) {
		if (!link_up() && ++ticks % AFAR_TICKS == 0)
			look_again();
		return;
	}
	/* Somebody else's machine may come back. */
	if (options->attach && !link_up() && !link_open(options->attach, &handlers, &e)) {
		state = STARTING;
		if (!loop_work(sync_at_start, NULL))
			link_close(), state = OFF;
	}
}

int machine_file(const char *file, bool kernel, char *name, struct error *e)
{
	struct path unpack;

	/* With somebody else's machine: a file of its boot archive. */
	if (options->attach) {
		if (strncmp(file, "/archive/", 9))
			return error_set(
				e, ERROR_CONFIG_UNSUPPORTED,
				"os/%s: this machine was not started by this daemon: only files of its boot archive, as "
				"/archive/NAME",
				kernel ? "kernel" : "initrd");
		snprintf(name, SHELF_NAME, "%s", file + 9);
		return 0;
	}
	snprintf(unpack.text, sizeof(unpack.text), "%s/unpack-kernel", options->scripts);
	return shelf_put(file, kernel ? unpack.text : NULL, options->run_dir, name, e);
}

int machine_disk_add(const struct def *def, unsigned n, char name[16], struct error *e)
{
	const struct def_disk *disk = &def->disk[n];

	if (disk->of_machine) {
		snprintf(name, 16, "%s", disk->source);
		return 0;
	}
	if (options->attach)
		return error_set(
			e, ERROR_CONFIG_UNSUPPORTED,
			"disk %s: this machine was not started by this daemon: only disks that it has, as guise:vda",
			disk->target);
	if (access(disk->source, disk->read_only ? R_OK : R_OK | W_OK))
		return error_set(e, ERROR_SYSTEM, "disk %s: %s: %s", disk->target, disk->source, strerror(errno));
	return plug_disk(in_run("qmp.sock").text, def, n, name, e);
}

int machine_disk_remove(const struct def *def, unsigned n, struct error *e)
{
	return def->disk[n].of_machine || options->attach ? 0 : unplug_disk(in_run("qmp.sock").text, def, n, e);
}
