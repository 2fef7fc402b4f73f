/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guise.c - the host command: what runs on a machine, and what shall (docs/guise.1).
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "broker.h"
#include "collect.h"
#include "guise.h"
#include "profile.h"
#include "terminal.h"
#include "top.h"

#define CONFIG_MAX 12000 /* bytes of a guest's configuration	*/

static bool raw; /* --json */

static struct command {
	const char *name, *args, *help;
	int least, most; /* arguments	*/
	int (*run)(struct guise *g, int argc, char **argv);
} commands[];

__attribute__((format(printf, 1, 2))) static int usage(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("guise: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputs(" (see guise help)\n", stderr);
	va_end(ap);
	return EXIT_USAGE;
}

int failed(const char *what, struct json_object *answer)
{
	const char *error = answer ? guise_error(answer) : "the machine has ended";

	fprintf(stderr, "guise: %s%s%s\n", what ? what : "", what ? ": " : "", error ? error : "no answer");
	return EXIT_MACHINE;
}

static void print_json(struct json_object *o)
{
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	fflush(stdout);
}

/* Ask; the answer, or NULL after saying why not, or after printing it for --json. */
static struct json_object *ask(struct guise *g, const char *what, struct json_object *request, int *rc)
{
	struct json_object *answer = guise_call(g, request);

	*rc = 0;
	if (raw && answer)
		print_json(answer);
	if (!answer || guise_error(answer))
		*rc = raw && answer ? EXIT_MACHINE : failed(what, answer);
	if (raw || *rc) {
		json_object_put(answer);
		return NULL;
	}
	return answer;
}

static struct json_object *about(const char *cmd, const char *guest)
{
	struct json_object *o = guise_request_new(cmd);

	json_object_object_add(o, "guest", guise_text(guest, strlen(guest)));
	return o;
}

/* A number of [least, most]; -1: it is none. */
static long number(const char *text, long least, long most)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, strncmp(text, "0x", 2) ? 10 : 16);
	return *text < '0' || *text > '9' || *end || errno || n < least || n > most ? -1 : n;
}

/* ---- what there is ---- */

static int list(struct guise *g, int argc, char **argv)
{
	struct json_object *answer, *guests;
	int rc;

	(void)argc, (void)argv;
	answer = ask(g, NULL, guise_request_new("list"), &rc);
	if (!answer)
		return rc;
	printf("%-24s %5s %8s %5s  %-8s %10s\n", "Name", "ID", "Mem", "VCPUs", "State", "Time(s)");
	json_object_object_get_ex(answer, "guests", &guests);
	for (size_t i = 0; i < json_object_array_length(guests); i++) {
		struct json_object *o = json_object_array_get_idx(guests, i);

		printf("%-24s %5ld %8ld %5ld  %-8s %10.1f\n", guise_string(o, "name"), (long)guise_number(o, "domid"),
		       (long)(guise_number(o, "memory_kib") / 1024), (long)guise_number(o, "vcpus"),
		       guise_string(o, "state"), (double)guise_number(o, "cpu_ns") / 1e9);
	}
	json_object_put(answer);
	return 0;
}

/* Each member on a line of its own; those of members behind their name. */
static void print_members(struct json_object *o, const char *prefix)
{
	json_object_object_foreach(o, key, value)
	{
		char name[64];
		size_t len;
		char *text;

		if (!*prefix && (!strcmp(key, "id") || !strcmp(key, "ok")))
			continue;
		snprintf(name, sizeof(name), "%s%s", prefix, key);
		if (json_object_is_type(value, json_type_object)) {
			strncat(name, ".", sizeof(name) - strlen(name) - 1);
			print_members(value, name);
		} else if (json_object_is_type(value, json_type_array)) {
			for (size_t i = 0; i < json_object_array_length(value); i++) {
				snprintf(name, sizeof(name), "%s%s[%zu].", prefix, key, i);
				print_members(json_object_array_get_idx(value, i), name);
			}
		} else if (json_object_is_type(value, json_type_string)) {
			text = guise_bytes(o, key, &len);
			printf("%-22s %s\n", name, text ? text : "");
			free(text);
		} else {
			printf("%-22s %s\n", name, json_object_to_json_string(value));
		}
	}
}

static int info(struct guise *g, int argc, char **argv)
{
	struct json_object *answer;
	int rc;

	answer = ask(g, argc ? argv[0] : NULL, argc ? about("info", argv[0]) : guise_request_new("info"), &rc);
	if (answer)
		print_members(answer, "");
	json_object_put(answer);
	return rc;
}

/* The server's messages; -f: and those to come. */
static int64_t log_next;

static void print_log(struct json_object *o)
{
	size_t len;
	char *text = guise_bytes(o, "text", &len);

	if (text)
		fwrite(text, 1, len, stdout);
	fflush(stdout);
	free(text);
}

static void log_event(struct json_object *o, void *arg)
{
	(void)arg;
	if (strcmp(guise_string(o, "event"), "log") || guise_number(o, "at") < log_next)
		return;
	log_next = guise_number(o, "at") + 1;
	if (raw)
		print_json(o);
	else
		print_log(o);
}

static int log_command(struct guise *g, int argc, char **argv)
{
	bool follow = argc && !strcmp(argv[0], "-f");
	struct json_object *answer, *o;
	int64_t end;

	if (argc && !follow)
		return usage("log: '%s' is not understood", argv[0]);
	if (follow) { /* before the rest is read, so that nothing falls between */
		o = guise_request_new("events");
		json_object_object_add(o, "on", json_object_new_boolean(1));
		json_object_put(guise_call(g, o));
	}
	do {
		o = guise_request_new("log");
		if (log_next)
			json_object_object_add(o, "from", json_object_new_int64(log_next));
		answer = guise_call(g, o);
		if (!answer || guise_error(answer)) {
			failed("log", answer);
			json_object_put(answer);
			return EXIT_MACHINE;
		}
		if (raw)
			print_json(answer);
		else
			print_log(answer);
		log_next = guise_number(answer, "next");
		end = guise_number(answer, "end");
		json_object_put(answer);
	} while (log_next < end);
	guise_on_event(g, log_event, NULL);
	while (follow && !guise_receive(g, -1, &answer))
		json_object_put(answer);
	return follow ? failed("log", NULL) : 0;
}

static void print_event(struct json_object *o, void *arg)
{
	(void)arg;
	print_json(o);
}

static int events(struct guise *g, int argc, char **argv)
{
	struct json_object *o = guise_request_new("events"), *answer;

	(void)argc, (void)argv;
	guise_on_event(g, print_event, NULL);
	json_object_object_add(o, "on", json_object_new_boolean(1));
	json_object_put(guise_call(g, o));
	while (!guise_receive(g, -1, &answer))
		json_object_put(answer);
	return 0; /* that the machine ends is an end */
}

/* ---- life ---- */

static int create(struct guise *g, int argc, char **argv)
{
	bool from_stdin = !strcmp(argv[0], "-");
	FILE *f = from_stdin ? stdin : fopen(argv[0], "r");
	static char text[CONFIG_MAX + 1];
	struct json_object *o, *answer;
	size_t len;
	int rc;

	(void)argc;
	len = f ? fread(text, 1, sizeof(text), f) : 0;
	if (!f || ferror(f))
		return usage("%s: %s", argv[0], strerror(errno));
	if (f != stdin)
		fclose(f);
	if (len > CONFIG_MAX)
		return usage("%s: this is too long for a configuration", argv[0]);
	o = guise_request_new("create");
	json_object_object_add(o, "file", guise_text(argv[0], strlen(argv[0])));
	json_object_object_add(o, "config", guise_text(text, len));
	answer = ask(g, NULL, o, &rc);
	if (answer)
		printf("domain %ld\n", (long)guise_number(answer, "domid"));
	json_object_put(answer);
	return rc;
}

static int simple(struct guise *g, const char *cmd, const char *guest)
{
	int rc;

	json_object_put(ask(g, guest, about(cmd, guest), &rc));
	return rc;
}

static int pause_command(struct guise *g, int argc, char **argv)
{
	(void)argc;
	return simple(g, "pause", argv[0]);
}

static int unpause(struct guise *g, int argc, char **argv)
{
	(void)argc;
	return simple(g, "unpause", argv[0]);
}

static int reboot(struct guise *g, int argc, char **argv)
{
	(void)argc;
	return simple(g, "reboot", argv[0]);
}

static int destroy(struct guise *g, int argc, char **argv)
{
	(void)argc;
	return simple(g, "destroy", argv[0]);
}

static void see_gone(struct json_object *o, void *arg)
{
	const char **guest = arg, *who = guise_string(o, "guest");

	if (who && *guest && !strcmp(who, *guest) && !strcmp(guise_string(o, "event"), "gone"))
		*guest = NULL;
}

/* -w: and wait until it is gone. */
static int shutdown_command(struct guise *g, int argc, char **argv)
{
	bool wait = !strcmp(argv[0], "-w");
	const char *guest = argv[wait], *name = NULL;
	struct json_object *o, *answer;
	int rc = 0;

	if (argc != 1 + wait)
		return usage("shutdown: a guest is wanted, and no more");
	if (wait) {
		o = guise_call(g, about("info", guest));
		if (!o || guise_error(o)) {
			rc = failed(guest, o);
			json_object_put(o);
			return rc;
		}
		name = strdup(guise_string(o, "name"));
		json_object_put(o);
		guise_on_event(g, see_gone, &name);
		o = guise_request_new("events");
		json_object_object_add(o, "on", json_object_new_boolean(1));
		json_object_put(guise_call(g, o));
	}
	rc = simple(g, "shutdown", guest);
	while (!rc && name && !guise_receive(g, -1, &answer)) /* the last guest's end may be the machine's */
		json_object_put(answer);
	return rc;
}

static int set_mem(struct guise *g, int argc, char **argv)
{
	long mib = number(argv[1], 1, 1 << 20);
	struct json_object *o;
	int rc;

	(void)argc;
	if (mib < 0)
		return usage("set-mem: '%s' is no number of MiB", argv[1]);
	o = about("set-mem", argv[0]);
	json_object_object_add(o, "memory", json_object_new_int64(mib));
	json_object_put(ask(g, argv[0], o, &rc));
	return rc;
}

/* weight=N and cap=N; without them, what they are. */
static int sched(struct guise *g, int argc, char **argv)
{
	struct json_object *o = about("sched", argv[0]), *answer;
	int rc;

	for (int i = 1; i < argc; i++) {
		char *eq = strchr(argv[i], '=');
		long n = eq ? number(eq + 1, 0, 65535) : -1;

		if (eq)
			*eq = 0;
		if (n < 0 || (strcmp(argv[i], "weight") && strcmp(argv[i], "cap"))) {
			json_object_put(o);
			return usage("sched: weight=NUMBER or cap=PERCENT is wanted");
		}
		json_object_object_add(o, argv[i], json_object_new_int64(n));
	}
	answer = ask(g, argv[0], o, &rc);
	if (answer)
		printf("weight=%ld cap=%ld\n", (long)guise_number(answer, "weight"), (long)guise_number(answer, "cap"));
	json_object_put(answer);
	return rc;
}

/* GUEST VCPU|all CPUS [SOFT]; a CPU's list that is "-" stays what it is. */
static int vcpu_pin(struct guise *g, int argc, char **argv)
{
	struct json_object *o = about("vcpu-pin", argv[0]);
	long vcpu = strcmp(argv[1], "all") ? number(argv[1], 0, 31) : 0;
	int rc;

	if (vcpu < 0) {
		json_object_put(o);
		return usage("vcpu-pin: '%s' is no vCPU, nor all of them", argv[1]);
	}
	if (strcmp(argv[1], "all"))
		json_object_object_add(o, "vcpu", json_object_new_int64(vcpu));
	for (int i = 2; i < argc; i++)
		if (strcmp(argv[i], "-"))
			json_object_object_add(o, i == 2 ? "cpus" : "soft", guise_text(argv[i], strlen(argv[i])));
	json_object_put(ask(g, argv[0], o, &rc));
	return rc;
}

/* What was looked at, and agrees. */
static int fsck(struct guise *g, int argc, char **argv)
{
	static const char *const what[] = { "domains", "frames", "holds", "uses", "ports", "translations", "dma" };
	struct json_object *answer;
	int rc;

	(void)argc, (void)argv;
	answer = ask(g, NULL, guise_request_new("fsck"), &rc);
	for (size_t i = 0; answer && i < sizeof(what) / sizeof(what[0]); i++)
		printf("%-12s %12ld\n", what[i], (long)guise_number(answer, what[i]));
	json_object_put(answer);
	return rc;
}

static int driver_list(struct guise *g)
{
	struct json_object *answer, *all;
	int rc;

	answer = ask(g, NULL, guise_request_new("driver-list"), &rc);
	if (!answer)
		return rc;
	printf("%-8s %4s %-22s %-9s %12s %8s %9s  %s\n", "Device", "ID", "Program", "State", "Standby(KiB)", "Restarts",
	       "Last(ms)", "Why");
	json_object_object_get_ex(answer, "drivers", &all);
	for (size_t i = 0; i < json_object_array_length(all); i++) {
		struct json_object *o = json_object_array_get_idx(all, i);

		printf("%-8s %4ld %-22s %-9s %12ld %8ld %9.1f  %s\n", guise_string(o, "name"),
		       (long)guise_number(o, "domid"), guise_string(o, "program"), guise_string(o, "state"),
		       (long)guise_number(o, "standby_kib"), (long)guise_number(o, "restarts"),
		       (double)guise_number(o, "ready_us") / 1e3,
		       json_object_object_get(o, "why") ? guise_string(o, "why") : "");
	}
	json_object_put(answer);
	return 0;
}

/* Hexadecimal digits as bytes: their number, 0: they are none. */
static size_t hex_bytes(const char *text, char *bytes, size_t size)
{
	size_t n = 0;
	unsigned byte;

	for (; *text; text += 2) {
		if (n == size || !isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]))
			return 0;
		sscanf(text, "%2x", &byte);
		bytes[n++] = (char)byte;
	}
	return n;
}

static int driver_command(struct guise *g, int argc, char **argv)
{
	static const struct {
		const char *name;
		int least, most;
	} verbs[] = { { "list", 1, 1 }, { "kill", 2, 2 }, { "restart", 2, 3 }, { "hang", 2, 2 }, { "inject", 4, 4 } };
	char name[32], bytes[256];
	struct json_object *o;
	size_t verb = 0, len;
	int rc;

	while (verb < 5 && strcmp(argv[0], verbs[verb].name))
		verb++;
	if (verb == 5 || argc < verbs[verb].least || argc > verbs[verb].most)
		return usage(
			"driver: list, kill DEVICE, restart DEVICE [PROGRAM], hang DEVICE, inject DEVICE ADDRESS BYTES");
	if (!verb)
		return driver_list(g);
	snprintf(name, sizeof(name), "driver-%s", argv[0]);
	o = guise_request_new(name);
	json_object_object_add(o, "driver", guise_text(argv[1], strlen(argv[1])));
	if (verb == 2 && argc == 3)
		json_object_object_add(o, "program", guise_text(argv[2], strlen(argv[2])));
	if (verb == 4) {
		long at = number(argv[2], 0, LONG_MAX);

		len = hex_bytes(argv[3], bytes, sizeof(bytes));
		if (at < 0 || !len) {
			json_object_put(o);
			return usage("driver inject: '%s' is no %s", at < 0 ? argv[2] : argv[3],
				     at < 0 ? "address" : "bytes (two digits each, at most 256)");
		}
		json_object_object_add(o, "at", json_object_new_int64(at));
		json_object_object_add(o, "data", guise_text(bytes, len));
	}
	json_object_put(ask(g, argv[1], o, &rc));
	return rc;
}

static int console(struct guise *g, int argc, char **argv)
{
	long n = 0;

	if (argc == 2 || (argc == 3 && strcmp(argv[1], "-n")))
		return usage("console: NAME -n NUMBER is wanted");
	if (argc == 3)
		n = number(argv[2], 0, 3);
	if (n < 0)
		return usage("console: '%s' is no number of a console", argv[2]);
	return terminal(g, argv[0], (int)n);
}

static int top_command(struct guise *g, int argc, char **argv)
{
	long rounds = 0, seconds = 1;

	for (int i = 0; i < argc; i += 2) {
		long n = i + 1 < argc ? number(argv[i + 1], 1, 100000) : -1;

		if (n < 0 || (strcmp(argv[i], "-n") && strcmp(argv[i], "-d")))
			return usage("top: '%s' is not understood", argv[i]);
		*(argv[i][1] == 'n' ? &rounds : &seconds) = n;
	}
	return top(g, rounds, seconds);
}

static int profile_command(struct guise *g, int argc, char **argv)
{
	long seconds = 10;

	if (argc > 1 && (seconds = number(argv[1], 1, 86400)) < 0)
		return usage("profile: '%s' is no number of seconds", argv[1]);
	return profile(g, argv[0], seconds, argc > 2 ? argv[2] : NULL);
}

static int latency(struct guise *g, int argc, char **argv)
{
	struct json_object *answer;
	long seconds = 10;
	int rc;

	if (argc > 1 && (seconds = number(argv[1], 1, 86400)) < 0)
		return usage("latency: '%s' is no number of seconds", argv[1]);
	if (argc && (rc = profile_watch(g, argv[0], seconds)))
		return rc;
	answer = ask(g, NULL, guise_request_new("latency"), &rc);
	if (answer)
		latency_table(answer);
	json_object_put(answer);
	return rc;
}

/* Any request: the members as KEY=VALUE, numbers as numbers. */
static int call(struct guise *g, int argc, char **argv)
{
	struct json_object *o = guise_request_new(argv[0]), *answer;
	int rc;

	for (int i = 1; i < argc; i++) {
		char *eq = strchr(argv[i], '='), *value = eq + 1;
		long n;

		if (!eq || eq == argv[i]) {
			json_object_put(o);
			return usage("call: '%s' is not KEY=VALUE", argv[i]);
		}
		*eq = 0;
		n = number(value, 0, LONG_MAX);
		json_object_object_add(o, argv[i],
				       n >= 0 && strcmp(argv[i], "guest") ? json_object_new_int64(n) :
									    guise_text(value, strlen(value)));
	}
	answer = guise_call(g, o);
	if (!answer)
		return failed(argv[0], NULL);
	print_json(answer);
	rc = guise_error(answer) ? EXIT_MACHINE : 0;
	json_object_put(answer);
	return rc;
}

/* ---- */

static struct command commands[] = {
	{ "list", "", "the guests", 0, 0, list },
	{ "info", "[GUEST]", "all about a guest, or about the machine", 0, 1, info },
	{ "create", "FILE", "build and start a guest; its files are in the boot archive", 1, 1, create },
	{ "console", "GUEST [-n NUMBER]", "its console on this terminal; Ctrl-] leaves it", 1, 3, console },
	{ "pause", "GUEST", "stop it where it is", 1, 1, pause_command },
	{ "unpause", "GUEST", "let it go on", 1, 1, unpause },
	{ "shutdown", "[-w] GUEST", "ask it to power off; -w: and wait", 1, 2, shutdown_command },
	{ "reboot", "GUEST", "ask it to reboot", 1, 1, reboot },
	{ "destroy", "GUEST", "end it at once, and wait until nothing is left of it", 1, 1, destroy },
	{ "set-mem", "GUEST MIB", "ask it to use so much memory, up to its maxmem", 2, 2, set_mem },
	{ "sched", "GUEST [weight=N] [cap=PERCENT]", "its share of the CPUs, and a bound on it", 1, 3, sched },
	{ "top", "[-n ROUNDS] [-d SECONDS]", "who uses what, live", 0, 4, top_command },
	{ "profile", "GUEST [SECONDS [FILE]]", "what it enters the kernel for; FILE: a trace for Perfetto", 1, 3,
	  profile_command },
	{ "latency", "[GUEST [SECONDS]]", "the longest that the kernel kept a CPU to itself, after watching a guest", 0,
	  2, latency },
	{ "driver", "VERB [DEVICE] ...", "driver VMs: list, kill, restart, hang, inject", 1, 4, driver_command },
	{ "vcpu-pin", "GUEST VCPU|all CPUS [SOFT]",
	  "the CPUs where it may run, and where it would rather: all, 0-3,5, -", 3, 4, vcpu_pin },
	{ "fsck", "", "the kernel (DEBUG=1) compares its books with what is", 0, 0, fsck },
	{ "log", "[-f]", "what the server said; -f: and what it says", 0, 1, log_command },
	{ "events", "", "what happens, a JSON object a line", 0, 0, events },
	{ "call", "COMMAND [KEY=VALUE]...", "any request of the protocol, and its answer", 1, 32, call },
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int help(void)
{
	puts("guise [-m MACHINE | -s SOCKET] [--json] COMMAND\n");
	for (size_t i = 0; i < COMMANDS; i++) {
		char text[64];

		snprintf(text, sizeof(text), "%s %s", commands[i].name, commands[i].args);
		printf("  %-32s %s\n", text, commands[i].help);
	}
	puts("\nGUEST is a name or a domain id.  MACHINE is what `make run` called NAME; without it, the only one\n"
	     "that runs.  Exit status: 0, 1 if the machine says no, 2 for wrong arguments, 3 if there is no machine.");
	return 0;
}

static int run(const struct command *c, const char *machine, const char *path, int argc, char **argv)
{
	char socket[256], error[320];
	struct guise *g;
	int rc;

	if (argc < c->least || argc > c->most)
		return usage("%s wants: %s", c->name, *c->args ? c->args : "nothing behind it");
	if (!path) {
		if (guise_socket(machine, socket, sizeof(socket), error, sizeof(error))) {
			fprintf(stderr, "guise: %s\n", error);
			return EXIT_CONNECT;
		}
		path = socket;
	}
	g = guise_open(path, error, sizeof(error));
	if (!g) {
		fprintf(stderr, "guise: %s\n", error);
		return EXIT_CONNECT;
	}
	rc = c->run(g, argc, argv);
	guise_close(g);
	return rc;
}

/* broker QEMU-SOCKET [PATH]: for scripts/run.  PATH: else where a machine of -m's name is looked for. */
static int broker_command(const char *machine, const char *path, int argc, char **argv)
{
	char made[256], error[320];

	if (argc != 1 || (!machine && !path))
		return usage("-m MACHINE broker wants QEMU's socket");
	if (!path) {
		if (!guise_directory(true, error, sizeof(error)) ||
		    guise_socket(machine, made, sizeof(made), error, sizeof(error))) {
			fprintf(stderr, "guise: %s\n", error);
			return EXIT_MACHINE;
		}
		path = made;
	}
	return broker(argv[0], path);
}

/* collect NONCE FILE GUEST...: for scripts/run, which finds the command's status in FILE. */
static int collect_command(const char *machine, int argc, char **argv)
{
	char path[256], error[320] = "";
	struct guise *g = NULL;
	int status;
	FILE *f;

	if (argc < 3)
		return usage("collect wants NONCE, FILE and guests");
	for (int i = 0; i < 300 && !g; i++) { /* the broker is only starting */
		if (!guise_socket(machine, path, sizeof(path), error, sizeof(error)))
			g = guise_open(path, error, sizeof(error));
		if (!g)
			poll(NULL, 0, 100);
	}
	if (!g) {
		fprintf(stderr, "guise: %s\n", error);
		return EXIT_CONNECT;
	}
	status = collect(g, argv[0], argv + 2, argc - 2);
	guise_close(g);
	f = status < 256 ? fopen(argv[1], "w") : NULL;
	if (!f || fprintf(f, "%d\n", status) < 0 || fclose(f))
		return EXIT_MACHINE;
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "machine", required_argument, NULL, 'm' },
		{ "socket", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *machine = getenv("GUISE_MACHINE"), *path = NULL;
	int c;

	signal(SIGPIPE, SIG_DFL);
	opterr = 0;
	while ((c = getopt_long(argc, argv, "+m:s:jh", options, NULL)) != -1) {
		if (c == 'm')
			machine = optarg;
		else if (c == 's')
			path = optarg;
		else if (c == 'j')
			raw = true;
		else if (c == 'h')
			return help();
		else
			return usage("'%s' is not understood", argv[optind - 1]);
	}
	if (optind == argc)
		return usage("a command is wanted");
	argv += optind;
	argc -= optind + 1;
	if (!strcmp(*argv, "help"))
		return help();
	if (!strcmp(*argv, "broker"))
		return broker_command(machine, path, argc, argv + 1);
	if (!strcmp(*argv, "collect"))
		return collect_command(machine, argc, argv + 1);
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i].name, *argv))
			return run(&commands[i], machine, path, argc, argv + 1);
	return usage("there is no command '%s'", *argv);
}
