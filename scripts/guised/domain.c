/* SPDX-License-Identifier: BSD-2-Clause */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "domain.h"
#include "events.h"
#include "log.h"
#include "loop.h"
#include "stream.h"
#include "xml.h"

#define DOMAINS_MOST 1024u
#define WAIT_MS	     60000

static struct domain *domains;
static unsigned nr_domains, changes;
static char saved_dir[4096], autostart_dir[4096], live_dir[4096];
static pthread_cond_t idle = PTHREAD_COND_INITIALIZER; /* somebody is not busy any more */

struct domain *domain_first(void)
{
	return domains;
}

struct domain *domain_by_name(const char *name)
{
	struct domain *d;

	for (d = domains; d && strcmp(d->def->name, name); d = d->next)
		;
	return d;
}

struct domain *domain_by_uuid(const uint8_t uuid[UUID_BYTES])
{
	struct domain *d;

	for (d = domains; d && memcmp(d->def->uuid, uuid, UUID_BYTES); d = d->next)
		;
	return d;
}

struct domain *domain_by_id(int id)
{
	struct domain *d;

	for (d = domains; d && (id < 0 || d->id != id); d = d->next)
		;
	return d;
}

struct domain *domain_get(struct domain *d)
{
	d->refs++;
	return d;
}

void domain_put(struct domain *d)
{
	if (--d->refs)
		return;
	def_free(d->def);
	def_free(d->inactive);
	free(d);
}

const struct def *domain_persistent(const struct domain *d)
{
	return d->inactive ? d->inactive : d->def;
}

/* ---- files ---- */

static void path_of(char *path, size_t size, const char *dir, const char *name, const char *suffix)
{
	snprintf(path, size, "%s/%s%s", dir, name, suffix);
}

/* All or nothing: a new file takes the old one's name.  What is to last does so even if the power fails. */
static int save(const char *dir, const struct def *def, struct error *e)
{
	bool lasts = dir == saved_dir;
	char path[4400], temporary[4400];
	char *text = def_text(def, -1);
	size_t len = text ? strlen(text) : 0;
	int fd, dir_fd, rc = -1;

	path_of(path, sizeof(path), dir, def->name, ".xml");
	path_of(temporary, sizeof(temporary), dir, def->name, ".new");
	fd = text ? open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
	if (fd >= 0) {
		rc = write(fd, text, len) == (ssize_t)len && !(lasts && fsync(fd)) ? 0 : -1;
		rc = close(fd) || rc || rename(temporary, path) ? -1 : 0;
	}
	if (rc) {
		error_set(e, ERROR_SYSTEM, "cannot write %s: %s", path, strerror(errno));
		if (fd >= 0)
			unlink(temporary);
	}
	dir_fd = lasts ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (dir_fd >= 0) {
		fsync(dir_fd);
		close(dir_fd);
	}
	free(text);
	return rc;
}

static void forget(const char *dir, const char *name, const char *suffix)
{
	char path[4400];

	path_of(path, sizeof(path), dir, name, suffix);
	if (unlink(path) && errno != ENOENT)
		log_error("cannot remove %s: %s", path, strerror(errno));
}

static char *load(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = f ? malloc(XML_MAX + 2) : NULL;
	size_t len;

	if (!f)
		return NULL;
	if (text) {
		len = fread(text, 1, XML_MAX + 1, f);
		text[len] = 0;
	}
	fclose(f);
	return text;
}

static struct def *load_def(const char *dir, const char *file)
{
	struct error e = { 0 };
	char path[4400], *text;
	struct def *def;
	size_t len = strlen(file);

	if (file[0] == '.' || len < 5 || strcmp(file + len - 4, ".xml"))
		return NULL;
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	text = load(path);
	def = text ? def_parse(text, &e) : NULL;
	if (def && (strncmp(def->name, file, len - 4) || def->name[len - 4])) {
		error_set(&e, ERROR_XML, "it defines '%s'", def->name);
		def_free(def);
		def = NULL;
	}
	if (!def)
		log_error("%s is left alone: %s", path, e.code ? e.text : strerror(errno));
	free(text);
	return def;
}

static int make_dir(const char *path, struct error *e)
{
	char part[4096];

	for (const char *slash = path; slash; slash = strchr(slash + 1, '/')) {
		const char *end = strchr(slash + 1, '/');
		size_t len = end ? (size_t)(end - path) : strlen(path);

		if (len >= sizeof(part))
			return error_set(e, ERROR_SYSTEM, "%.128s...: too long", path);
		memcpy(part, path, len);
		part[len] = 0;
		if (mkdir(part, 0711) && errno != EEXIST)
			return error_set(e, ERROR_SYSTEM, "cannot make %s: %s", part, strerror(errno));
	}
	return 0;
}

/* ---- the registry ---- */

static struct domain *add(struct def *def, struct error *e)
{
	struct domain *d = nr_domains < DOMAINS_MOST ? calloc(1, sizeof(*d)) : NULL;
	struct domain **end;

	if (!d) {
		error_set(e, ERROR_OPERATION_FAILED, "%u domains are as many as there can be", nr_domains);
		def_free(def);
		return NULL;
	}
	d->refs = 1;
	d->listed = true;
	d->def = def;
	d->id = -1;
	d->state = DOMAIN_SHUTOFF;
	for (end = &domains; *end; end = &(*end)->next)
		;
	*end = d;
	nr_domains++;
	return d;
}

static void drop(struct domain *d)
{
	struct domain **at;

	for (at = &domains; *at != d; at = &(*at)->next)
		;
	*at = d->next;
	nr_domains--;
	d->listed = false;
	domain_put(d);
}

int domains_load(const char *config_dir, const char *run_dir, struct error *e)
{
	struct dirent *entry;
	DIR *dir;

	snprintf(saved_dir, sizeof(saved_dir), "%s/domains", config_dir);
	snprintf(autostart_dir, sizeof(autostart_dir), "%s/autostart", config_dir);
	snprintf(live_dir, sizeof(live_dir), "%s/live", run_dir);
	if (make_dir(saved_dir, e) || make_dir(autostart_dir, e) || make_dir(live_dir, e))
		return -1;
	dir = opendir(saved_dir);
	while (dir && (entry = readdir(dir))) {
		struct def *def = load_def(saved_dir, entry->d_name);
		struct error why = { 0 };
		char path[4400];
		struct domain *d;

		if (def && domain_by_uuid(def->uuid)) {
			log_error("%s/%s is left alone: another domain has its uuid", saved_dir, entry->d_name);
			def_free(def);
			continue;
		}
		d = def ? add(def, &why) : NULL;
		if (!d)
			continue;
		d->persistent = true;
		path_of(path, sizeof(path), autostart_dir, def->name, "");
		d->autostart = !access(path, F_OK);
	}
	if (dir)
		closedir(dir);
	/* What ran with the last daemon: whether it still does is seen when the machine answers. */
	dir = opendir(live_dir);
	while (dir && (entry = readdir(dir))) {
		struct def *def = load_def(live_dir, entry->d_name);
		struct domain *d = def ? domain_by_name(def->name) : NULL;
		struct error why = { 0 };

		if (d) {
			d->inactive = d->def;
			d->def = def;
		} else if (def) {
			d = add(def, &why);
		}
		if (d)
			d->was_running = true;
	}
	if (dir)
		closedir(dir);
	return 0;
}

/* One name, one uuid: it is the same domain if both are, and a conflict if only one is. */
static struct domain *known(const struct def *def, struct error *e)
{
	struct domain *name = domain_by_name(def->name), *uuid = domain_by_uuid(def->uuid);
	char text[UUID_TEXT];

	if (name && name != uuid) {
		uuid_text(name->def->uuid, text);
		error_set(e, ERROR_DOM_EXIST, "domain '%s' already exists with uuid %s", def->name, text);
	} else if (uuid && !name) {
		uuid_text(def->uuid, text);
		error_set(e, ERROR_DOM_EXIST, "domain '%s' is already defined with uuid %s", uuid->def->name, text);
	}
	return name;
}

int domain_change(struct domain *d, struct def *live, struct def *persistent, struct error *e)
{
	if ((persistent && save(saved_dir, persistent, e)) || (live && d->id >= 0 && save(live_dir, live, e))) {
		def_free(live);
		def_free(persistent);
		return -1;
	}
	if (live) {
		if (!d->inactive && d->persistent && !persistent)
			d->inactive = d->def;
		else
			def_free(d->def);
		d->def = live;
	}
	if (persistent && d->id >= 0) {
		def_free(d->inactive);
		d->inactive = persistent;
		d->updated = true;
	} else if (persistent) {
		def_free(d->def);
		d->def = persistent;
	}
	return 0;
}

struct domain *domain_define(struct def *def, struct error *e)
{
	struct domain *d = known(def, e);
	bool fresh = !d || !d->persistent;

	if (e->code || (!d && save(saved_dir, def, e))) {
		def_free(def);
		return NULL;
	}
	if (d ? domain_change(d, NULL, def, e) : !(d = add(def, e)))
		return NULL;
	d->persistent = true;
	event_lifecycle(d, EVENT_DEFINED, fresh ? 0 : 1);
	return d;
}

struct domain *domain_transient(struct def *def, struct error *e)
{
	struct domain *d = known(def, e);

	if (d && !e->code)
		error_set(e, d->id >= 0 ? ERROR_OPERATION_INVALID : ERROR_DOM_EXIST, "domain '%s' %s", def->name,
			  d->id >= 0 ? "is already active" : "is defined: start it");
	if (e->code) {
		def_free(def);
		return NULL;
	}
	return add(def, e);
}

void domain_vanish(struct domain *d)
{
	drop(d);
}

int domain_undefine(struct domain *d, struct error *e)
{
	if (!d->persistent)
		return error_set(e, ERROR_OPERATION_INVALID, "cannot undefine transient domain");
	forget(saved_dir, d->def->name, ".xml");
	forget(autostart_dir, d->def->name, "");
	d->persistent = d->autostart = false;
	event_lifecycle(d, EVENT_UNDEFINED, 0);
	if (d->id < 0 && !d->busy) {
		drop(d);
	} else {
		def_free(d->inactive);
		d->inactive = NULL;
	}
	return 0;
}

int domain_autostart(struct domain *d, bool on, struct error *e)
{
	char path[4400];
	int fd;

	if (!d->persistent)
		return error_set(e, ERROR_OPERATION_INVALID, "cannot set autostart for transient domain");
	path_of(path, sizeof(path), autostart_dir, d->def->name, "");
	if (on) {
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0)
			return error_set(e, ERROR_SYSTEM, "cannot write %s: %s", path, strerror(errno));
		close(fd);
	} else {
		forget(autostart_dir, d->def->name, "");
	}
	d->autostart = on;
	return 0;
}

int domain_rename(struct domain *d, const char *name, struct error *e)
{
	char old[DEF_NAME];
	bool autostart = d->autostart;
	struct def *def;

	if (d->id >= 0 || d->busy)
		return error_set(e, ERROR_OPERATION_INVALID, "cannot rename active domain");
	if (domain_by_name(name))
		return error_set(e, ERROR_DOM_EXIST, "domain with name '%s' already exists", name);
	def = def_set_name(d->def, name, e);
	if (!def)
		return -1;
	strcpy(old, d->def->name);
	if (domain_change(d, NULL, def, e))
		return -1;
	forget(saved_dir, old, ".xml");
	forget(autostart_dir, old, "");
	return autostart ? domain_autostart(d, true, e) : 0;
}

/* ---- what happens to them ---- */

unsigned domain_changes(void)
{
	return changes;
}

void domain_known(struct domain *d, int id, enum domain_state state)
{
	struct error e = { 0 };

	changes++;
	if (d->persistent && !d->inactive)
		d->inactive = def_copy(d->def);
	d->id = id;
	d->was_running = false;
	d->ending = SHUTOFF_UNKNOWN;
	d->state = state;
	d->reason = state == DOMAIN_PAUSED ? (int)PAUSED_USER : (int)RUNNING_BOOTED;
	if (save(live_dir, d->def, &e))
		log_error("%s", e.text);
}

void domain_started(struct domain *d, int id)
{
	domain_known(d, id, DOMAIN_RUNNING);
	log_info("domain %s runs, id %d", d->def->name, id);
	event_lifecycle(d, EVENT_STARTED, 0);
}

void domain_paused(struct domain *d)
{
	if (d->state != DOMAIN_RUNNING)
		return;
	d->state = DOMAIN_PAUSED;
	d->reason = PAUSED_USER;
	event_lifecycle(d, EVENT_SUSPENDED, 0);
}

void domain_resumed(struct domain *d)
{
	if (d->state != DOMAIN_PAUSED)
		return;
	d->state = DOMAIN_RUNNING;
	d->reason = RUNNING_UNPAUSED;
	event_lifecycle(d, EVENT_RESUMED, 0);
}

void domain_rebooted(struct domain *d, int id)
{
	changes++;
	d->id = id;
	d->state = DOMAIN_RUNNING;
	d->reason = RUNNING_BOOTED;
	event_reboot(d);
}

void domain_stopped(struct domain *d, int reason)
{
	static const int detail[] = { [SHUTOFF_SHUTDOWN] = 0,
				      [SHUTOFF_DESTROYED] = 1,
				      [SHUTOFF_CRASHED] = 2,
				      [SHUTOFF_FAILED] = 5,
				      [SHUTOFF_DAEMON] = 5 };

	changes++;
	log_info("domain %s has stopped", d->def->name);
	forget(live_dir, d->def->name, ".xml");
	streams_of_domain_end(d);
	d->id = -1;
	d->was_running = false;
	d->state = DOMAIN_SHUTOFF;
	d->reason = reason;
	d->updated = false;
	if (d->inactive) {
		def_free(d->def);
		d->def = d->inactive;
		d->inactive = NULL;
	}
	event_lifecycle(d, EVENT_STOPPED, detail[reason]);
	if (!d->persistent)
		drop(d);
}

int domain_begin(struct domain *d, struct error *e)
{
	int64_t until = loop_now() + WAIT_MS;

	while (d->busy && lock_wait(&idle, until))
		;
	if (d->busy)
		return error_set(e, ERROR_TIMEOUT, "cannot acquire state change lock of '%s'", d->def->name);
	if (!d->listed)
		return error_set(e, ERROR_NO_DOMAIN, "'%s' has gone", d->def->name);
	d->busy = true;
	return 0;
}

void domain_end(struct domain *d)
{
	d->busy = false;
	pthread_cond_broadcast(&idle);
}
