/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "loop.h"
#include "program.h"
#include "shelf.h"

#define HEADER	110u /* of cpio's newc format: magic, 13 fields of 8 hexadecimal digits	*/
#define TRAILER "TRAILER!!!"

static char *shelf;
static size_t shelf_size, shelf_end; /* where the trailer is	*/
static bool busy;
static pthread_cond_t idle = PTHREAD_COND_INITIALIZER;

static size_t up(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

static size_t entry_size(const char *name, size_t len)
{
	return up(HEADER + strlen(name) + 1) + up(len);
}

static void entry_header(size_t at, const char *name, size_t len)
{
	char head[HEADER + SHELF_NAME + 8] = "";
	int n = snprintf(head, sizeof(head), "070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X%s", 0,
			 0100644, 0, 0, 1, 0, len, 0, 0, 0, 0, strlen(name) + 1, 0, name);

	memcpy(shelf + at, head, up((size_t)n + 1));
}

static void trailer(size_t at)
{
	entry_header(at, TRAILER, 0);
	shelf_end = at;
}

/* The entry at: its name and file, and where the next is; 0: it is none. */
static size_t entry(size_t at, const char **name)
{
	char size[9] = "", length[9] = "";
	size_t len, names;

	if (shelf_size - at < HEADER || memcmp(shelf + at, "070701", 6))
		return 0;
	memcpy(size, shelf + at + 6 + 8 * 6, 8);
	memcpy(length, shelf + at + 6 + 8 * 11, 8);
	if (sscanf(size, "%8zx", &len) != 1 || sscanf(length, "%8zx", &names) != 1 || !names ||
	    names + len + HEADER + 8 > shelf_size - at)
		return 0;
	*name = shelf + at + HEADER;
	return at + up(HEADER + names) + up(len);
}

static bool has(const char *name)
{
	const char *there;
	size_t at = 0, next;

	while (at < shelf_end && (next = entry(at, &there))) {
		if (!strcmp(there, name))
			return true;
		at = next;
	}
	return false;
}

static int map(const char *path, int flags, size_t size, struct error *e)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | flags, 0600);
	struct stat st;

	if (fd < 0 || (size && ftruncate(fd, (off_t)size)) || fstat(fd, &st)) {
		error_set(e, ERROR_SYSTEM, "%s: %s", path, strerror(errno));
	} else {
		if (shelf)
			munmap(shelf, shelf_size);
		shelf_size = (size_t)st.st_size;
		shelf = mmap(NULL, shelf_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (shelf == MAP_FAILED) {
			shelf = NULL;
			error_set(e, ERROR_SYSTEM, "%s: %s", path, strerror(errno));
		}
	}
	if (fd >= 0)
		close(fd);
	return shelf && !e->code ? 0 : -1;
}

int shelf_new(const char *path, size_t size, struct error *e)
{
	unlink(path); /* an old machine may still have it */
	if (map(path, O_CREAT | O_EXCL, size, e))
		return -1;
	trailer(0);
	return 0;
}

int shelf_open(const char *path, struct error *e)
{
	const char *name;
	size_t at = 0, next;

	if (map(path, 0, 0, e))
		return -1;
	while ((next = entry(at, &name)) && strcmp(name, TRAILER))
		at = next;
	trailer(at);
	return 0;
}

void shelf_clear(void)
{
	if (shelf && !busy)
		trailer(0);
}

/* Copy a file behind what is there; only then does its name appear. */
static int copy(const char *file, const char *name, struct error *e)
{
	size_t data = shelf_end + up(HEADER + strlen(name) + 1), done = 0, at;
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		error_set(e, ERROR_SYSTEM, "%s: %s", file, strerror(errno));
		goto out;
	}
	if (!S_ISREG(st.st_mode) || !st.st_size) {
		error_set(e, ERROR_OPERATION_FAILED, "%s: no file, or empty", file);
		goto out;
	}
	if ((size_t)st.st_size > shelf_size ||
	    entry_size(name, (size_t)st.st_size) + entry_size(TRAILER, 0) > shelf_size - shelf_end) {
		error_set(e, ERROR_OPERATION_FAILED,
			  "%s: the kernels and ramdisks of running guests and this one are more than %zu MiB", file,
			  shelf_size >> 20);
		goto out;
	}
	lock_give();
	while (done < (size_t)st.st_size) {
		ssize_t n = read(fd, shelf + data + done, (size_t)st.st_size - done);

		if (n <= 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	lock_take();
	if (done < (size_t)st.st_size) {
		error_set(e, ERROR_SYSTEM, "%s: it cannot be read", file);
		goto out;
	}
	at = shelf_end;
	trailer(at + entry_size(name, done));
	entry_header(at, name, done);
out:
	if (fd >= 0)
		close(fd);
	return e->code ? -1 : 0;
}

static int put(const char *file, const char *unpack, const char *work_dir, const char *name, struct error *e)
{
	char elf[4200];
	const char *const argv[] = { unpack, file, elf, NULL };
	int rc;

	if (!unpack)
		return copy(file, name, e);
	snprintf(elf, sizeof(elf), "%s/kernel", work_dir);
	rc = program_run(argv, NULL, e) || copy(elf, name, e) ? -1 : 0;
	unlink(elf);
	return rc;
}

int shelf_put(const char *file, const char *unpack, const char *work_dir, char name[SHELF_NAME], struct error *e)
{
	struct stat st;
	int rc = 0;

	if (!shelf)
		return error_set(
			e, ERROR_OPERATION_FAILED,
			"the machine takes no kernels and ramdisks while it runs: it was not started by this daemon");
	if (stat(file, &st))
		return error_set(e, ERROR_SYSTEM, "%s: %s", file, strerror(errno));
	/* The same file, unchanged. */
	snprintf(name, SHELF_NAME, "shelf/%jx-%jx-%jx-%jx", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino,
		 (uintmax_t)st.st_size, (uintmax_t)st.st_mtim.tv_sec * 1000000000u + (uintmax_t)st.st_mtim.tv_nsec);
	while (busy)
		lock_wait(&idle, loop_now() + 1000);
	busy = true;
	if (!has(name))
		rc = put(file, unpack, work_dir, name, e);
	busy = false;
	pthread_cond_broadcast(&idle);
	return rc;
}
