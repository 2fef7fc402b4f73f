/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "log.h"
#include "loop.h"
#include "xml.h"

/* Write all of text, and wait for the disk if it is to last. */
static int write_file(const char *path, const char *text, bool lasts)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), rc;
	size_t len = strlen(text);

	if (fd < 0)
		return -1;
	rc = write(fd, text, len) == (ssize_t)len && !(lasts && fsync(fd)) ? 0 : -1;
	return close(fd) || rc ? -1 : 0;
}

int file_draft(const char *dir, const struct def *def, bool lasts, char draft[FILE_PATH], struct error *e)
{
	static unsigned drafts; /* several may be written at once	*/
	char *text = def_text(def, -1);
	int rc;

	if (!text)
		return error_set(e, ERROR_NO_MEMORY, "for the XML");
	snprintf(draft, FILE_PATH, "%s/%s.%u.new", dir, def->name, drafts++);
	if (lasts)
		lock_give();
	rc = write_file(draft, text, lasts);
	if (rc) {
		error_set(e, ERROR_SYSTEM, "cannot write %s: %s", draft, strerror(errno));
		unlink(draft);
	}
	if (lasts)
		lock_take();
	free(text);
	return rc;
}

int file_put(const char *draft, const char *dir, const char *name, struct error *e)
{
	char path[FILE_PATH];

	snprintf(path, sizeof(path), "%s/%s.xml", dir, name);
	if (!rename(draft, path))
		return 0;
	error_set(e, ERROR_SYSTEM, "cannot write %s: %s", path, strerror(errno));
	unlink(draft);
	return -1;
}

void file_settle(const char *dir)
{
	int fd;

	lock_give();
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd))
		log_error("%s: %s", dir, strerror(errno));
	if (fd >= 0)
		close(fd);
	lock_take();
}

void file_forget(const char *dir, const char *name, const char *suffix)
{
	char path[FILE_PATH];

	snprintf(path, sizeof(path), "%s/%s%s", dir, name, suffix);
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

struct def *file_load(const char *dir, const char *file)
{
	struct error e = { 0 };
	char path[FILE_PATH], *text;
	struct def *def;
	size_t len = strlen(file);

	if (len > 4 && !strcmp(file + len - 4, ".new")) /* a draft of a daemon that was killed */
		file_forget(dir, file, "");
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

int file_make_dir(const char *path, struct error *e)
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
