/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config.c - "key = value" lines, as xl reads them: strings in quotes, numbers, lists in brackets.
 *
 * Every key is known, has one type and a range, and may be given once; anything else is an error that
 * names file, line and key.
 */
#include <stdarg.h>

#include <guise.h>
#include <runtime/net_mac.h>
#include <runtime/print.h>
#include <runtime/string.h>

#include "config.h"

#define MAX_ITEMS 16

struct value {
	enum { STRING, NUMBER, LIST } type;
	char text[CONFIG_STRING]; /* STRING */
	uint64_t number;
	char item[MAX_ITEMS][128]; /* LIST of strings */
	unsigned item_line[MAX_ITEMS];
	unsigned nr;
};

struct parser {
	const char *file, *p, *end;
	unsigned line;
	char *error;
	size_t error_size;
	char key[32];
	struct value value;
};

static int fail(struct parser *s, const char *fmt, ...)
{
	va_list ap;
	size_t n = (size_t)snprintf(s->error, s->error_size, "%s:%u: ", s->file, s->line);

	va_start(ap, fmt);
	if (n < s->error_size)
		vsnprintf(s->error + n, s->error_size - n, fmt, ap);
	va_end(ap);
	return -1;
}

static int peek(const struct parser *s)
{
	return s->p < s->end ? *s->p : 0;
}

/* Spaces and comments; with lines, also their ends. */
static void skip(struct parser *s, int lines)
{
	for (; s->p < s->end; s->p++) {
		if (*s->p == '#')
			while (s->p + 1 < s->end && s->p[1] != '\n')
				s->p++;
		else if (*s->p == '\n' && lines)
			s->line++;
		else if (*s->p != ' ' && *s->p != '\t' && *s->p != '\r')
			return;
	}
}

static int word_char(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static int string(struct parser *s, char *to, size_t size)
{
	char quote = *s->p++;
	size_t n = 0;

	for (; s->p < s->end && *s->p != quote && *s->p != '\n'; s->p++) {
		if (n + 1 >= size)
			return fail(s, "the string of '%s' is too long", s->key);
		to[n++] = *s->p;
	}
	if (peek(s) != quote)
		return fail(s, "the string of '%s' has no end", s->key);
	s->p++;
	to[n] = 0;
	return 0;
}

static int list(struct parser *s)
{
	struct value *v = &s->value;

	for (s->p++;;) {
		skip(s, 1);
		if (peek(s) == ']') {
			s->p++;
			return 0;
		}
		if (peek(s) != '"' && peek(s) != '\'')
			return fail(s, "the list of '%s' wants strings in quotes", s->key);
		if (v->nr == MAX_ITEMS)
			return fail(s, "the list of '%s' is too long", s->key);
		v->item_line[v->nr] = s->line;
		if (string(s, v->item[v->nr++], sizeof(v->item[0])))
			return -1;
		skip(s, 1);
		if (peek(s) == ',')
			s->p++;
		else if (peek(s) != ']')
			return fail(s, "the list of '%s' wants ',' or ']'", s->key);
	}
}

/* The next "key = value": 1, 0 at the end, -1 on an error. */
static int next(struct parser *s)
{
	size_t n = 0;

	skip(s, 1);
	if (s->p >= s->end)
		return 0;
	while (word_char(peek(s)) && n + 1 < sizeof(s->key))
		s->key[n++] = *s->p++;
	s->key[n] = 0;
	skip(s, 0);
	if (!n || peek(s) != '=')
		return fail(s, n ? "'%s' wants '='" : "a key is wanted", s->key);
	s->p++;
	skip(s, 0);
	memset(&s->value, 0, sizeof(s->value));
	if (peek(s) == '"' || peek(s) == '\'') {
		s->value.type = STRING;
		if (string(s, s->value.text, sizeof(s->value.text)))
			return -1;
	} else if (peek(s) == '[') {
		s->value.type = LIST;
		if (list(s))
			return -1;
	} else if (peek(s) >= '0' && peek(s) <= '9') {
		char digits[24];
		const char *stop;

		for (n = 0; word_char(peek(s)) && n + 1 < sizeof(digits); n++)
			digits[n] = *s->p++;
		digits[n] = 0;
		s->value.type = NUMBER;
		s->value.number = parse_u64(digits, &stop);
		if (*stop)
			return fail(s, "'%s': '%s' is not a number", s->key, digits);
	} else {
		return fail(s, "'%s' wants a string in quotes, a number or a list", s->key);
	}
	skip(s, 0);
	if (s->p < s->end && *s->p != '\n')
		return fail(s, "there is something behind the value of '%s'", s->key);
	return 1;
}

/* ---- values ---- */

static int want_string(struct parser *s, char *to, size_t size)
{
	if (s->value.type != STRING)
		return fail(s, "'%s' wants a string in quotes", s->key);
	if (strlen(s->value.text) >= size)
		return fail(s, "the string of '%s' is too long", s->key);
	memcpy(to, s->value.text, strlen(s->value.text) + 1);
	return 0;
}

/* What can be told from a number, and stand in a path. */
static int want_name(struct parser *s, char *to, size_t size)
{
	size_t digits = 0, n;

	if (want_string(s, to, size))
		return -1;
	for (n = 0; to[n]; n++) {
		if (!word_char(to[n]) && to[n] != '-' && to[n] != '.' && to[n] != '+')
			return fail(s, "'%s' has a character that is no letter, digit, '-', '_', '.' or '+'", s->key);
		digits += to[n] >= '0' && to[n] <= '9';
	}
	return n && digits == n ? fail(s, "'%s' must not be a number", s->key) : 0;
}

static int want_number(struct parser *s, unsigned *to, unsigned least, unsigned most)
{
	if (s->value.type != NUMBER)
		return fail(s, "'%s' wants a number", s->key);
	if (s->value.number < least || s->value.number > most)
		return fail(s, "'%s' must be between %u and %u", s->key, least, most);
	*to = (unsigned)s->value.number;
	return 0;
}

static int want_end(struct parser *s, enum on_end *to)
{
	if (s->value.type != STRING)
		return fail(s, "'%s' wants a string in quotes", s->key);
	if (!strcmp(s->value.text, "destroy"))
		*to = END_DESTROY;
	else if (!strcmp(s->value.text, "restart"))
		*to = END_RESTART;
	else
		return fail(s, "'%s' must be \"destroy\" or \"restart\"", s->key);
	return 0;
}

/* "vda", "vda2", with an optional "phy:" or "/dev/" before it. */
static int disk_target(const char *t, struct disk_config *d)
{
	const char *end;
	uint64_t part = 0;

	if (!strncmp(t, "phy:", 4))
		t += 4;
	if (!strncmp(t, "/dev/", 5))
		t += 5;
	if (strncmp(t, "vd", 2) || t[2] < 'a' || t[2] > 'z')
		return -1;
	if (t[3]) {
		part = parse_u64(t + 3, &end);
		if (*end || t[3] < '1' || t[3] > '9' || part > 128)
			return -1;
	}
	d->device = (unsigned)(t[2] - 'a');
	d->partition = (unsigned)part;
	return 0;
}

static int disk_vdev(const char *t, struct disk_config *d)
{
	if (strncmp(t, "xvd", 3) || t[3] < 'a' || t[3] > 'p' || t[4])
		return -1;
	memcpy(d->name, t, 5);
	d->vdev = 51712 + 16u * (unsigned)(t[3] - 'a');
	return 0;
}

static int disk_access(const char *t, struct disk_config *d)
{
	d->read_only = !strcmp(t, "r") || !strcmp(t, "ro");
	return d->read_only || !strcmp(t, "w") || !strcmp(t, "rw") ? 0 : -1;
}

/* "target, vdev, access" by position, or "target=", "vdev=", "access=" in any order. */
static int disk(struct parser *s, char *text, struct disk_config *d)
{
	static const char *const names[] = { "target", "vdev", "access" };
	unsigned have = 0, position = 0;

	while (text && *text) {
		char *comma = strchr(text, ','), *eq;
		unsigned which = position++;
		int rc;

		if (comma)
			*comma = 0;
		while (*text == ' ')
			text++;
		eq = strchr(text, '=');
		if (eq) {
			*eq = 0;
			for (which = 0; which < 3 && strcmp(text, names[which]); which++)
				;
			if (which == 3)
				return fail(s, "disk: unknown part '%s'", text);
			text = eq + 1;
		}
		if (which > 2 || have >> which & 1)
			return fail(s, "disk: too many parts");
		rc = which == 0 ? disk_target(text, d) : which == 1 ? disk_vdev(text, d) : disk_access(text, d);
		if (rc)
			return fail(s, "disk: '%s' is no %s", text, names[which]);
		have |= 1u << which;
		text = comma ? comma + 1 : NULL;
	}
	return (have & 3) == 3 ? 0 : fail(s, "disk: 'target,vdev,access' is wanted, for example 'vda,xvda,w'");
}

static int disks(struct parser *s, struct guest_config *g)
{
	unsigned end = s->line;

	if (s->value.type != LIST)
		return fail(s, "'disk' wants a list of strings");
	for (unsigned i = 0; i < s->value.nr; i++) {
		s->line = s->value.item_line[i];
		if (g->nr_disks == CONFIG_DISKS)
			return fail(s, "disk: more than %u", CONFIG_DISKS);
		if (disk(s, s->value.item[i], &g->disk[g->nr_disks]))
			return -1;
		for (unsigned k = 0; k < g->nr_disks; k++)
			if (g->disk[k].vdev == g->disk[g->nr_disks].vdev)
				return fail(s, "disk: %s is given twice", g->disk[k].name);
		g->nr_disks++;
	}
	s->line = end;
	return 0;
}

/* ---- network cards ---- */

static int vif_mac(const char *t, struct vif_config *v)
{
	return net_mac_parse(v->mac, t);
}

/* The switch that it is plugged into: the machine's network devices have one each. */
static int vif_bridge(const char *t, struct vif_config *v)
{
	const char *end;
	uint64_t n;

	if (strncmp(t, "net", 3) || t[3] < '0' || t[3] > '9')
		return -1;
	n = parse_u64(t + 3, &end);
	v->device = (unsigned)n;
	return *end || n > 63 ? -1 : 0;
}

/* A number and one of these letters behind it, or none. */
static uint64_t scaled(const char **t, const char *letters, const uint64_t *factor, uint64_t none)
{
	uint64_t n = parse_u64(*t, t);
	const char *at = **t ? strchr(letters, **t) : NULL;

	if (n > 1000000000000)
		return 0;
	if (!at)
		return n * none;
	(*t)++;
	return n * factor[at - letters];
}

/* "10Mb/s", "250KB/s", "1MB/s@20ms": as xl reads it, with 50 ms if no interval is given. */
static int vif_rate(const char *t, struct vif_config *v)
{
	static const uint64_t sizes[] = { 1000, 1000000, 1000000000 }, times[] = { 1000, 1 };
	uint64_t bits;

	if (*t < '0' || *t > '9')
		return -1;
	bits = scaled(&t, "KMG", sizes, 1);
	if (*t == 'B')
		bits *= 8;
	else if (*t != 'b')
		return -1;
	if (strncmp(++t, "/s", 2) || !bits || bits > 1000000000000)
		return -1;
	t += 2;
	v->rate_us = 50000;
	if (*t == '@') {
		if (*++t < '0' || *t > '9')
			return -1;
		v->rate_us = scaled(&t, "mu", times, 1000000);
		if (*t == 's')
			t++;
	}
	if (*t || !v->rate_us || v->rate_us > 10000000)
		return -1;
	v->rate = bits / 8 * v->rate_us / 1000000;
	return v->rate ? 0 : -1;
}

static int vif_antispoof(const char *t, struct vif_config *v)
{
	v->antispoof = !strcmp(t, "1");
	return v->antispoof || !strcmp(t, "0") ? 0 : -1;
}

/* "mac=...,bridge=...,rate=...,antispoof=...", in any order, all of them optional. */
static int vif(struct parser *s, char *text, struct vif_config *v)
{
	static const struct {
		const char *name;
		int (*read)(const char *t, struct vif_config *v);
	} parts[] = {
		{ "mac", vif_mac }, { "bridge", vif_bridge }, { "rate", vif_rate }, { "antispoof", vif_antispoof }
	};
	unsigned have = 0;

	while (text && *text) {
		char *comma = strchr(text, ','), *eq;
		unsigned which = 0;

		if (comma)
			*comma = 0;
		while (*text == ' ')
			text++;
		eq = strchr(text, '=');
		if (eq)
			*eq = 0;
		while (which < 4 && strcmp(text, parts[which].name))
			which++;
		if (which == 4 || !eq)
			return fail(s, eq ? "vif: unknown part '%s'" : "vif: '%s' has no value", text);
		if (have >> which & 1)
			return fail(s, "vif: '%s' is given twice", text);
		if (parts[which].read(eq + 1, v))
			return fail(s, "vif: '%s' is no %s", eq + 1, text);
		have |= 1u << which;
		text = comma ? comma + 1 : NULL;
	}
	return 0;
}

static int vifs(struct parser *s, struct guest_config *g)
{
	unsigned end = s->line;

	if (s->value.type != LIST)
		return fail(s, "'vif' wants a list of strings");
	for (unsigned i = 0; i < s->value.nr; i++) {
		s->line = s->value.item_line[i];
		if (g->nr_vifs == CONFIG_VIFS)
			return fail(s, "vif: more than %u", CONFIG_VIFS);
		if (vif(s, s->value.item[i], &g->vif[g->nr_vifs++]))
			return -1;
	}
	s->line = end;
	return 0;
}

/* Cards without an address get one of Xen's range, from the guest's name: the same at each start. */
static void vifs_address(struct guest_config *g)
{
	static const uint8_t none[6];

	for (unsigned i = 0; i < g->nr_vifs; i++) {
		uint32_t hash = 2166136261u;

		if (memcmp(g->vif[i].mac, none, 6))
			continue;
		for (const char *c = g->name; *c; c++)
			hash = (hash ^ (uint8_t)*c) * 16777619u;
		hash = (hash ^ i) * 16777619u;
		memcpy(g->vif[i].mac, (uint8_t[]){ 0x00, 0x16, 0x3e, hash >> 16 & 0x7f, hash >> 8 & 0xff, hash & 0xff },
		       6);
	}
}

/* ---- driver VMs ---- */

static const struct {
	const char *name;
	size_t at; /* in struct driver_config */
	unsigned least, most, otherwise;
} driver_parts[] = {
	{ "restarts", offsetof(struct driver_config, restarts), 0, 1000000, 10 },
	{ "window", offsetof(struct driver_config, window), 1, 86400, 60 },
	{ "backoff", offsetof(struct driver_config, backoff), 0, 5000, 20 },
	{ "period", offsetof(struct driver_config, period), 0, 10000, 100 },
	{ "limit", offsetof(struct driver_config, limit), 50, 60000, 3000 },
	{ "stall", offsetof(struct driver_config, stall), 0, 600000, 5000 },
	{ "standby", offsetof(struct driver_config, standby), 0, 1, 0 },
};
#define DRIVER_PARTS (sizeof(driver_parts) / sizeof(driver_parts[0]))

static unsigned *driver_part(struct driver_config *d, unsigned i)
{
	return (unsigned *)((char *)d + driver_parts[i].at);
}

struct driver_config config_driver(const struct machine_config *m, const char *device)
{
	struct driver_config d = { .device = "" };

	for (unsigned i = 0; i < DRIVER_PARTS; i++)
		*driver_part(&d, i) = driver_parts[i].otherwise;
	for (unsigned i = 0; i < m->nr_drivers; i++) {
		if (!strcmp(m->driver[i].device, device))
			return m->driver[i];
		if (!m->driver[i].device[0])
			d = m->driver[i];
	}
	return d;
}

/* "vda,restarts=5,window=30": a device, or all, and any of the parts. */
static int driver(struct parser *s, char *text, struct driver_config *d)
{
	static const struct machine_config none;
	char *comma = strchr(text, ',');
	unsigned have = 0;

	if (comma)
		*comma = 0;
	*d = config_driver(&none, "");
	if (!text[0] || strlen(text) >= sizeof(d->device) || strchr(text, '='))
		return fail(s, "drivers: '%s' is no device, nor 'all'", text);
	if (strcmp(text, "all"))
		memcpy(d->device, text, strlen(text) + 1);
	while (comma) {
		char *eq;
		const char *end;
		unsigned which = 0;
		uint64_t n;

		for (text = comma + 1; *text == ' ';)
			text++;
		comma = strchr(text, ',');
		if (comma)
			*comma = 0;
		eq = strchr(text, '=');
		if (eq)
			*eq = 0;
		while (which < DRIVER_PARTS && strcmp(text, driver_parts[which].name))
			which++;
		if (which == DRIVER_PARTS || !eq)
			return fail(s, eq ? "drivers: unknown part '%s'" : "drivers: '%s' has no value", text);
		if (have >> which & 1)
			return fail(s, "drivers: '%s' is given twice", text);
		n = parse_u64(eq + 1, &end);
		if (*end || !eq[1] || n < driver_parts[which].least || n > driver_parts[which].most)
			return fail(s, "drivers: '%s' must be between %u and %u", text, driver_parts[which].least,
				    driver_parts[which].most);
		*driver_part(d, which) = (unsigned)n;
		have |= 1u << which;
	}
	return 0;
}

static int driver_list(struct parser *s, struct machine_config *m)
{
	unsigned end = s->line;

	if (s->value.type != LIST)
		return fail(s, "'drivers' wants a list of strings");
	for (unsigned i = 0; i < s->value.nr; i++) {
		s->line = s->value.item_line[i];
		if (driver(s, s->value.item[i], &m->driver[i]))
			return -1;
		for (unsigned k = 0; k < i; k++)
			if (!strcmp(m->driver[k].device, m->driver[i].device))
				return fail(s, "drivers: '%s' is given twice", s->value.item[i]);
		m->nr_drivers++;
	}
	s->line = end;
	return 0;
}

/* ---- the two kinds of file ---- */

static int machine_key(struct parser *s, struct machine_config *m)
{
	char text[16];

	if (!strcmp(s->key, "guests")) {
		if (s->value.type != LIST)
			return fail(s, "'guests' wants a list of strings");
		for (unsigned i = 0; i < s->value.nr; i++) {
			if (strlen(s->value.item[i]) >= sizeof(m->guests[0]))
				return fail(s, "guests: '%s' is too long", s->value.item[i]);
			memcpy(m->guests[m->nr_guests++], s->value.item[i], strlen(s->value.item[i]) + 1);
		}
		return 0;
	}
	if (!strcmp(s->key, "on_idle")) {
		if (want_string(s, text, sizeof(text)))
			return -1;
		m->stay = !strcmp(text, "stay");
		return m->stay || !strcmp(text, "poweroff") ? 0 : fail(s, "'on_idle' must be \"poweroff\" or \"stay\"");
	}
	if (!strcmp(s->key, "control")) {
		if (want_string(s, text, sizeof(text)))
			return -1;
		if (strncmp(text, "com", 3) || text[3] < '2' || text[3] > '4' || text[4])
			return fail(s, "'control' must be \"com2\", \"com3\" or \"com4\"");
		m->control = text[3] - '1';
		return 0;
	}
	if (!strcmp(s->key, "drivers"))
		return driver_list(s, m);
	if (!strcmp(s->key, "exit_port"))
		return want_number(s, &m->exit_port, 1, 0xffff);
	return fail(s, "unknown key '%s'", s->key);
}

static int cpu_number(const char **text, uint64_t *n)
{
	const char *from = *text;

	*n = parse_u64(from, text);
	return *text != from && *n < 32;
}

int config_cpus(const char *text, uint32_t *cpus)
{
	*cpus = strcmp(text, "all") ? 0 : ~0u;
	if (*cpus)
		return 0;
	for (;; text++) {
		uint64_t first, last;

		if (!cpu_number(&text, &first))
			return -1;
		last = first;
		if (*text == '-') {
			text++;
			if (!cpu_number(&text, &last) || last < first)
				return -1;
		}
		for (; first <= last; first++)
			*cpus |= 1u << first;
		if (*text && *text != ',')
			return -1;
		if (!*text)
			return 0;
	}
}

static int want_cpus(struct parser *s, uint32_t *cpus)
{
	char text[128];

	if (want_string(s, text, sizeof(text)))
		return -1;
	if (config_cpus(text, &cpus[0]))
		return fail(s, "'%s' must be \"all\" or CPUs, as \"0-3,5\"", s->key);
	for (unsigned i = 1; i < 32; i++)
		cpus[i] = cpus[0];
	return 0;
}

static int guest_key(struct parser *s, struct guest_config *g)
{
	if (!strcmp(s->key, "name"))
		return want_name(s, g->name, sizeof(g->name));
	if (!strcmp(s->key, "kernel"))
		return want_string(s, g->kernel, sizeof(g->kernel));
	if (!strcmp(s->key, "ramdisk"))
		return want_string(s, g->ramdisk, sizeof(g->ramdisk));
	if (!strcmp(s->key, "extra"))
		return want_string(s, g->extra, sizeof(g->extra));
	if (!strcmp(s->key, "memory"))
		return want_number(s, &g->memory, 64, 1u << 20);
	if (!strcmp(s->key, "maxmem"))
		return want_number(s, &g->maxmem, 64, 1u << 20);
	if (!strcmp(s->key, "vcpus"))
		return want_number(s, &g->vcpus, 1, 32);
	if (!strcmp(s->key, "maxvcpus"))
		return want_number(s, &g->maxvcpus, 1, 32);
	if (!strcmp(s->key, "cpu_weight"))
		return want_number(s, &g->weight, 1, GUISE_WEIGHT_MAX);
	if (!strcmp(s->key, "cap"))
		return want_number(s, &g->cap, 0, GUISE_CAP_MAX);
	if (!strcmp(s->key, "cpus"))
		return want_cpus(s, g->cpus);
	if (!strcmp(s->key, "cpus_soft"))
		return want_cpus(s, g->cpus_soft);
	if (!strcmp(s->key, "consoles"))
		return want_number(s, &g->consoles, 1, 4);
	if (!strcmp(s->key, "on_poweroff"))
		return want_end(s, &g->on_poweroff);
	if (!strcmp(s->key, "on_reboot"))
		return want_end(s, &g->on_reboot);
	if (!strcmp(s->key, "on_crash"))
		return want_end(s, &g->on_crash);
	if (!strcmp(s->key, "disk"))
		return disks(s, g);
	if (!strcmp(s->key, "vif"))
		return vifs(s, g);
	return fail(s, "unknown key '%s'", s->key);
}

/* Keys seen so far, to refuse a second one. */
static int once(struct parser *s, char seen[][32], unsigned *nr)
{
	for (unsigned i = 0; i < *nr; i++)
		if (!strcmp(seen[i], s->key))
			return fail(s, "'%s' is given twice", s->key);
	memcpy(seen[(*nr)++], s->key, sizeof(s->key));
	return 0;
}

static int parse(struct parser *s, struct machine_config *m, struct guest_config *g)
{
	char seen[24][32];
	unsigned nr = 0;
	int rc;

	while ((rc = next(s)) > 0) {
		if (once(s, seen, &nr) || (m ? machine_key(s, m) : guest_key(s, g)))
			return -1;
	}
	return rc;
}

int config_machine(const char *file, const char *text, size_t len, struct machine_config *out, char *error, size_t size)
{
	static struct parser s;

	memset(out, 0, sizeof(*out));
	out->control = -1;
	s = (struct parser){
		.file = file, .p = text, .end = text + len, .line = 1, .error = error, .error_size = size
	};
	return parse(&s, out, NULL);
}

int config_guest(const char *file, const char *text, size_t len, struct guest_config *out, char *error, size_t size)
{
	static struct parser s;

	*out = (struct guest_config){
		.memory = 512, .vcpus = 1, .weight = GUISE_WEIGHT_DEFAULT, .consoles = 1, .on_reboot = END_RESTART
	};
	memset(out->cpus, 0xff, sizeof(out->cpus));
	s = (struct parser){
		.file = file, .p = text, .end = text + len, .line = 1, .error = error, .error_size = size
	};
	if (parse(&s, NULL, out))
		return -1;
	if (!out->name[0] || !out->kernel[0])
		return fail(&s, "'%s' is missing", out->name[0] ? "kernel" : "name");
	if (!out->maxmem)
		out->maxmem = out->memory;
	if (out->maxmem < out->memory)
		return fail(&s, "'maxmem' is less than 'memory'");
	if (!out->maxvcpus)
		out->maxvcpus = out->vcpus;
	if (out->maxvcpus < out->vcpus)
		return fail(&s, "'maxvcpus' is less than 'vcpus'");
	vifs_address(out);
	return 0;
}
