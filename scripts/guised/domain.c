/* SPDX-License-Identifier: BSD-2-Clause */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "domain.h"
#include "events.h"
#include "file.h"
#include "log.h"
#include "loop.h"
#include "stream.h"

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
	if (file_make_dir(saved_dir, e) || file_make_dir(autostart_dir, e) || file_make_dir(live_dir, e))
		return -1;
	dir = opendir(saved_dir);
	while (dir && (entry = readdir(dir))) {
		struct def *def = file_load(saved_dir, entry->d_name);
		struct error why = { 0 };
		char path[FILE_PATH];
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
		snprintf(path, sizeof(path), "%s/%s", autostart_dir, def->name);
		d->autostart = !access(path, F_OK);
	}
	if (dir)
		closedir(dir);
	/* What ran with the last daemon: whether it still does is seen when the machine answers. */
	dir = opendir(live_dir);
	while (dir && (entry = readdir(dir))) {
		struct def *def = file_load(live_dir, entry->d_name);
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

/* What runs is known to the next daemon; it need not survive a loss of power. */
static int save_live(const struct def *def, struct error *e)
{
	char draft[FILE_PATH];

	return file_draft(live_dir, def, false, draft, e) || file_put(draft, live_dir, def->name, e) ? -1 : 0;
}

/* The files of a domain's new definitions.  Nothing waits once one of them is in its place. */
static int save(struct domain *d, const struct def *live, const struct def *persistent, struct error *e)
{
	char draft[FILE_PATH] = "";
	const struct domain *other;

	if (persistent && file_draft(saved_dir, persistent, true, draft, e))
		return -1;
	other = persistent ? domain_by_name(persistent->name) : NULL;
	if (!d->listed)
		error_set(e, ERROR_NO_DOMAIN, "'%s' has gone", d->def->name);
	else if (other && other != d)
		error_set(e, ERROR_DOM_EXIST, "domain with name '%s' already exists", persistent->name);
	else if (!(live && d->id >= 0 && save_live(live, e)) && persistent)
		file_put(draft, saved_dir, persistent->name, e);
	if (e->code && persistent)
		unlink(draft);
	return e->code ? -1 : 0;
}

int domain_change(struct domain *d, struct def *live, struct def *persistent, struct error *e)
{
	if (save(d, live, persistent, e)) {
		def_free(live);
		def_free(persistent);
		return -1;
	}
	if (live && d->id < 0) { /* it stopped meanwhile */
		def_free(live);
	} else if (live) {
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
	if (persistent) {
		d->persistent = true;
		file_settle(saved_dir);
	}
	return 0;
}

static struct domain *define_new(struct def *def, struct error *e)
{
	char draft[FILE_PATH];
	struct domain *d;

	if (file_draft(saved_dir, def, true, draft, e)) {
		def_free(def);
		return NULL;
	}
	if (known(def, e) || e->code) { /* somebody was faster */
		unlink(draft);
		e->code = 0;
		return domain_define(def, e);
	}
	d = add(def, e);
	if (!d) {
		unlink(draft);
		return NULL;
	}
	if (file_put(draft, saved_dir, def->name, e)) {
		drop(d);
		return NULL;
	}
	d->persistent = true;
	event_lifecycle(d, EVENT_DEFINED, 0);
	domain_begin(d, e); /* does not wait: nobody has it yet */
	file_settle(saved_dir);
	domain_end(d);
	return d;
}

struct domain *domain_define(struct def *def, struct error *e)
{
	struct domain *d = known(def, e);
	bool fresh;
	int rc;

	if (!d && !e->code)
		return define_new(def, e);
	if (e->code || domain_begin(d, e)) {
		def_free(def);
		return NULL;
	}
	fresh = !d->persistent;
	if (known(def, e) == d) {
		rc = domain_change(d, NULL, def, e);
	} else {
		rc = e->code ? -1 : error_set(e, ERROR_OPERATION_FAILED, "'%s' has another name now", def->name);
		def_free(def);
	}
	if (!rc)
		event_lifecycle(d, EVENT_DEFINED, fresh ? 0 : 1);
	domain_end(d);
	return rc ? NULL : d;
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
	if (domain_begin(d, e))
		return -1;
	if (!d->persistent) {
		error_set(e, ERROR_OPERATION_INVALID, "cannot undefine transient domain");
	} else {
		file_forget(saved_dir, d->def->name, ".xml");
		file_forget(autostart_dir, d->def->name, "");
		file_settle(saved_dir);
		d->persistent = d->autostart = false;
		event_lifecycle(d, EVENT_UNDEFINED, 0);
		def_free(d->inactive);
		d->inactive = NULL;
		if (d->id < 0)
			drop(d);
	}
	domain_end(d);
	return e->code ? -1 : 0;
}

static int set_autostart(struct domain *d, bool on, struct error *e)
{
	char path[FILE_PATH];
	int fd;

	if (!d->persistent)
		return error_set(e, ERROR_OPERATION_INVALID, "cannot set autostart for transient domain");
	if (on) {
		snprintf(path, sizeof(path), "%s/%s", autostart_dir, d->def->name);
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0)
			return error_set(e, ERROR_SYSTEM, "cannot write %s: %s", path, strerror(errno));
		close(fd);
	} else {
		file_forget(autostart_dir, d->def->name, "");
	}
	d->autostart = on;
	file_settle(autostart_dir);
	return 0;
}

int domain_autostart(struct domain *d, bool on, struct error *e)
{
	int rc;

	if (domain_begin(d, e))
		return -1;
	rc = set_autostart(d, on, e);
	domain_end(d);
	return rc;
}

static int rename_to(struct domain *d, const char *name, struct error *e)
{
	char old[DEF_NAME];
	bool autostart = d->autostart;
	struct def *def;

	if (d->id >= 0)
		return error_set(e, ERROR_OPERATION_INVALID, "cannot rename active domain");
	if (domain_by_name(name))
		return error_set(e, ERROR_DOM_EXIST, "domain with name '%s' already exists", name);
	def = def_set_name(d->def, name, e);
	if (!def)
		return -1;
	strcpy(old, d->def->name);
	if (domain_change(d, NULL, def, e))
		return -1;
	file_forget(saved_dir, old, ".xml");
	file_forget(autostart_dir, old, "");
	return autostart ? set_autostart(d, true, e) : 0;
}

int domain_rename(struct domain *d, const char *name, struct error *e)
{
	int rc;

	if (domain_begin(d, e))
		return -1;
	rc = rename_to(d, name, e);
	domain_end(d);
	return rc;
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
	if (save_live(d->def, &e))
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
	file_forget(live_dir, d->def->name, ".xml");
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

	domain_get(d);
	while (d->busy && lock_wait(&idle, until))
		;
	if (!d->busy && d->listed) {
		d->busy = true;
		return 0;
	}
	if (d->busy)
		error_set(e, ERROR_TIMEOUT, "cannot acquire state change lock of '%s'", d->def->name);
	else
		error_set(e, ERROR_NO_DOMAIN, "'%s' has gone", d->def->name);
	domain_put(d);
	return -1;
}

void domain_end(struct domain *d)
{
	d->busy = false;
	pthread_cond_broadcast(&idle);
	domain_put(d);
}
