/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file.c - in the guest: a file is changed by all ways there are, at random, and compared with what it must be.
 *
 * usage: file FILE SECONDS SEED
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SIZE (512u << 10) /* the file is never longer	*/
#define MOST (64u << 10)  /* bytes that change at once	*/
#define PAGE 4096u

static uint8_t good[SIZE], buffer[MOST];
static size_t length; /* of the file	*/
static const char *path;
static int fd;
static unsigned long step;

static void same(const uint8_t *found, size_t from, size_t n, const char *how)
{
	for (size_t i = 0; i < n; i++)
		if (found[i] != good[from + i])
			errx(1, "%s: step %lu, %s: byte 0x%zx is 0x%02x, not 0x%02x", path, step, how, from + i,
			     found[i], good[from + i]);
}

/* It ends where it should, and what it became longer by is empty. */
static void grows(size_t to)
{
	if (to > length) {
		memset(good + length, 0, to - length);
		length = to;
	}
}

static void change(size_t from, size_t n)
{
	grows(from + n);
	for (size_t i = 0; i < n; i++)
		good[from + i] = (uint8_t)random();
}

/* Read or write n bytes through a mapping. */
static void mapped(size_t from, size_t n, int write)
{
	size_t first = from / PAGE * PAGE, all = from + n - first;
	uint8_t *map;

	if (write && from + n > length && ftruncate(fd, (off_t)(from + n)))
		err(1, "%s: step %lu: ftruncate", path, step);
	map = mmap(NULL, all, PROT_READ | (write ? PROT_WRITE : 0), write || random() % 2 ? MAP_SHARED : MAP_PRIVATE,
		   fd, (off_t)first);
	if (map == MAP_FAILED)
		err(1, "%s: step %lu: mmap", path, step);
	if (write) {
		change(from, n);
		memcpy(map + (from - first), good + from, n);
		if (random() % 4 == 0 && msync(map, all, random() % 2 ? MS_SYNC : MS_ASYNC))
			err(1, "%s: step %lu: msync", path, step);
	}
	same(map + (from - first), from, n, write ? "written by a mapping" : "read by a mapping");
	munmap(map, all);
}

static void reopen(void)
{
	if (close(fd))
		err(1, "%s: close", path);
	fd = open(path, O_RDWR);
	if (fd < 0)
		err(1, "%s", path);
}

static void one(void)
{
	size_t from = (size_t)random() % SIZE, n = (size_t)random() % MOST + 1, in = 0;

	if (from + n > SIZE)
		n = SIZE - from;
	if (from < length)
		in = from + n > length ? length - from : n; /* what of it is in the file */
	switch (random() % 10) {
	case 0 ... 1:
		change(from, n);
		if (pwrite(fd, good + from, n, (off_t)from) != (ssize_t)n)
			err(1, "%s: step %lu: pwrite", path, step);
		break;
	case 2 ... 3:
		mapped(from, n, 1);
		break;
	case 4:
		if (pread(fd, buffer, n, (off_t)from) != (ssize_t)in)
			err(1, "%s: step %lu: pread", path, step);
		same(buffer, from, in, "read");
		break;
	case 5:
		if (in)
			mapped(from, in, 0);
		break;
	case 6:
		if (random() % 4) /* or it is always short */
			from = SIZE - from / 4;
		if (ftruncate(fd, (off_t)from))
			err(1, "%s: step %lu: ftruncate", path, step);
		grows(from);
		length = from;
		break;
	case 7:
		if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)n))
			err(1, "%s: step %lu: fallocate", path, step);
		memset(good + from, 0, in);
		break;
	case 8:
		if (fdatasync(fd) ||
		    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED)) /* the next reads come from the disk */
			err(1, "%s: step %lu: fdatasync", path, step);
		break;
	case 9:
		reopen();
		break;
	}
}

int main(int argc, char **argv)
{
	time_t end;

	if (argc != 4)
		errx(2, "usage: file FILE SECONDS SEED");
	path = argv[1];
	end = time(NULL) + atol(argv[2]);
	srandom((unsigned)atol(argv[3]));
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		err(1, "%s", path);
	while (time(NULL) < end) {
		one();
		step++;
	}
	if (fsync(fd))
		err(1, "%s: fsync", path);
	if (length)
		mapped(0, length, 0);
	if (lseek(fd, 0, SEEK_END) != (off_t)length)
		errx(1, "%s: it is %lld bytes long, not %zu", path, (long long)lseek(fd, 0, SEEK_END), length);
	printf("%lu steps\n", step);
	unlink(path);
	return 0;
}
