/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - guised: libvirt's clients manage the guests of a machine that runs the microkernel (docs/guised.8).
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <libxml/parser.h>

#include "backend.h"
#include "client.h"
#include "domain.h"
#include "file.h"
#include "log.h"
#include "loop.h"
#include "machine.h"

#define FIRST_PASSED_FD 3 /* sd_listen_fds(3)	*/

static struct machine_options machine = { .qemu = "qemu-system-x86_64", .memory = 2048, .cpus = 1, .shelf = 512 };
static char config_dir[512], run_dir[512], socket_path[600], programs[PATH_MAX], scripts[PATH_MAX + 16];
static bool session, bound; /* bound: the socket is ours, and goes with us	*/

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_error("%s", text);
	exit(1);
}

static const char usage[] =
	"guised [OPTION...]: serve libvirt's clients\n"
	"  --session         as this user, for guise:///session (the default unless root)\n"
	"  --system          for guise:///system\n"
	"  --socket PATH     listen there\n"
	"  --config DIR      where definitions are kept\n"
	"  --run DIR         where the state of what runs is kept\n"
	"  --machine PLACE   start none, use that whose control channel is there: socket, serial line, tcp:HOST:PORT\n"
	"  --memory MIB      of the machine (2048)\n"
	"  --cpus N          of the machine (1)\n"
	"  --net KIND        net0, net1 ... of the machine: user, bridge=NAME or tap=NAME (one, user)\n"
	"  --shelf MIB       for kernels and ramdisks of running guests (512)\n"
	"  --tcg             do not use KVM\n"
	"  --qemu PROGRAM    (qemu-system-x86_64)\n"
	"  --programs DIR    where the microkernel and its programs are (where guised is)\n"
	"  --scripts DIR     where newc and unpack-kernel are (../scripts from there)\n"
	"  -v                say more\n";

static unsigned number(const char *option, const char *text, unsigned least, unsigned most)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (!*text || *end || v < least || v > most)
		die("--%s %s: must be between %u and %u", option, text, least, most);
	return (unsigned)v;
}

static void put(char *to, size_t size, const char *text)
{
	if ((size_t)snprintf(to, size, "%s", text) >= size)
		die("%s: the path is too long", text);
}

enum { SESSION = 256, SYSTEM, SOCKET, CONFIG, RUN, MACHINE, MEMORY, CPUS, NET, SHELF, TCG, QEMU, PROGRAMS, SCRIPTS };

static void parse(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "session", no_argument, NULL, SESSION },
		{ "system", no_argument, NULL, SYSTEM },
		{ "socket", required_argument, NULL, SOCKET },
		{ "config", required_argument, NULL, CONFIG },
		{ "run", required_argument, NULL, RUN },
		{ "machine", required_argument, NULL, MACHINE },
		{ "memory", required_argument, NULL, MEMORY },
		{ "cpus", required_argument, NULL, CPUS },
		{ "net", required_argument, NULL, NET },
		{ "shelf", required_argument, NULL, SHELF },
		{ "tcg", no_argument, NULL, TCG },
		{ "qemu", required_argument, NULL, QEMU },
		{ "programs", required_argument, NULL, PROGRAMS },
		{ "scripts", required_argument, NULL, SCRIPTS },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	bool verbose = false;
	int c;

	log_init(0);
	session = getuid() != 0;
	while ((c = getopt_long(argc, argv, "vh", longs, NULL)) != -1) {
		switch (c) {
		case SESSION:
		case SYSTEM:
			session = c == SESSION;
			break;
		case SOCKET:
			put(socket_path, sizeof(socket_path), optarg);
			break;
		case CONFIG:
			put(config_dir, sizeof(config_dir), optarg);
			break;
		case RUN:
			put(run_dir, sizeof(run_dir), optarg);
			break;
		case MACHINE:
			machine.attach = optarg;
			break;
		case MEMORY:
			machine.memory = number("memory", optarg, 256, 1u << 20);
			break;
		case CPUS:
			machine.cpus = number("cpus", optarg, 1, 64);
			break;
		case NET:
			if (machine.nr_nets == MACHINE_NETS)
				die("--net: at most %u", MACHINE_NETS);
			machine.net[machine.nr_nets++] = optarg;
			break;
		case SHELF:
			machine.shelf = number("shelf", optarg, 64, 1024);
			if (machine.shelf & (machine.shelf - 1))
				die("--shelf %s: must be a power of two", optarg);
			break;
		case TCG:
			machine.tcg = true;
			break;
		case QEMU:
			machine.qemu = optarg;
			break;
		case PROGRAMS:
			put(programs, sizeof(programs), optarg);
			break;
		case SCRIPTS:
			put(scripts, sizeof(scripts), optarg);
			break;
		case 'v':
			verbose = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			exit(2);
		}
	}
	if (optind < argc)
		die("'%s' is not understood", argv[optind]);
	log_init(verbose);
}

/* PATH, or the default below the user's directories or the system's. */
static void defaults(void)
{
	const char *home = getenv("HOME"), *runtime = getenv("XDG_RUNTIME_DIR"), *config = getenv("XDG_CONFIG_HOME");
	char own[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);

	if (n < 0)
		die("/proc/self/exe: %s", strerror(errno));
	own[n] = 0;
	*strrchr(own, '/') = 0;
	if (!*programs)
		put(programs, sizeof(programs), own);
	if (!*scripts)
		snprintf(scripts, sizeof(scripts), "%s/../scripts", programs);
	if (session && !*run_dir) {
		if (!runtime)
			die("XDG_RUNTIME_DIR is not set: --run DIR");
		snprintf(run_dir, sizeof(run_dir), "%s/guised", runtime);
	}
	if (session && !*config_dir) {
		if (!home && !config)
			die("HOME is not set: --config DIR");
		snprintf(config_dir, sizeof(config_dir), "%s%s/guise", config ? config : home,
			 config ? "" : "/.config");
	}
	if (session && !*socket_path)
		snprintf(socket_path, sizeof(socket_path), "%s/libvirt/virtguised-sock", runtime ? runtime : run_dir);
	if (!*run_dir)
		put(run_dir, sizeof(run_dir), "/run/guised");
	if (!*config_dir)
		put(config_dir, sizeof(config_dir), "/etc/guise");
	if (!*socket_path)
		put(socket_path, sizeof(socket_path), "/run/libvirt/virtguised-sock");
	if (!machine.nr_nets)
		machine.net[machine.nr_nets++] = "user";
	machine.programs = programs;
	machine.scripts = scripts;
	machine.run_dir = run_dir;
}

/* Two daemons would not know of each other's changes. */
static void only_one(void)
{
	char path[600];
	int fd;

	snprintf(path, sizeof(path), "%s/lock", run_dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB))
		die("%s: %s", path, errno == EWOULDBLOCK ? "another guised runs" : strerror(errno));
}

static void listen_on(int fd)
{
	if (client_listen(fd))
		die("no memory for a socket");
}

/* Sockets that systemd opened for us.  How many. */
static int passed_sockets(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	int nr = pid && fds && atoi(pid) == getpid() ? atoi(fds) : 0;

	for (int i = 0; i < nr; i++) {
		fcntl(FIRST_PASSED_FD + i, F_SETFD, FD_CLOEXEC);
		fcntl(FIRST_PASSED_FD + i, F_SETFL, O_NONBLOCK);
		listen_on(FIRST_PASSED_FD + i);
	}
	return nr;
}

static void own_socket(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char dir[sizeof(socket_path)], *slash;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (strlen(socket_path) >= sizeof(at.sun_path))
		die("%s: the path is too long", socket_path);
	strcpy(at.sun_path, socket_path);
	strcpy(dir, socket_path);
	slash = strrchr(dir, '/');
	if (slash && slash != dir) {
		*slash = 0;
		if (mkdir(dir, 0755) && errno != EEXIST)
			die("%s: %s", dir, strerror(errno));
	}
	unlink(socket_path); /* the lock says that nobody serves it */
	umask(077);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 32))
		die("%s: %s", socket_path, strerror(errno));
	listen_on(fd);
	bound = true;
	log_info("listening at %s", socket_path);
}

static void stop(void *arg, short revents)
{
	(void)arg;
	(void)revents;
	loop_stop();
}

static void signals(void)
{
	sigset_t set;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0 || !loop_watch(fd, POLLIN, stop, NULL))
		die("no signals: %s", strerror(errno));
}

/* Once in the life of what is in the run directory: a daemon that starts again does not start what was stopped. */
static void autostart(void *unused)
{
	struct domain *d = domain_first();

	(void)unused;
	while (d) {
		struct error e = { 0 };
		struct domain *next;

		domain_get(d);
		if (d->autostart && d->id < 0 && !backend_up(d, &e) && !domain_begin(d, &e)) {
			if (d->id < 0)
				backend_start(d, false, &e);
			domain_end(d);
		}
		if (e.code)
			log_error("autostart of %s: %s", d->def->name, e.text);
		next = d->listed ? d->next : domain_first(); /* those that run are passed over */
		domain_put(d);
		d = next;
	}
}

static void start_autostart(void)
{
	char path[600];
	int fd;

	snprintf(path, sizeof(path), "%s/autostarted", run_dir);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	close(fd);
	loop_work(autostart, NULL);
}

int main(int argc, char **argv)
{
	struct error e = { 0 };

	parse(argc, argv);
	defaults();
	lock_take();
	xmlInitParser();
	signals();
	umask(077);
	if (file_make_dir(run_dir, &e))
		die("%s", e.text);
	only_one();
	if (domains_load(config_dir, run_dir, &e))
		die("%s", e.text);
	if (!passed_sockets())
		own_socket();
	if (machine_init(&machine, &e))
		die("%s", e.text);
	loop_tick(client_tick);
	loop_tick(machine_tick);
	start_autostart();
	loop_run();
	if (bound)
		unlink(socket_path);
	log_info("guised ends; the machine and its guests go on");
	exit(0);
}
