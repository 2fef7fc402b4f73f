/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rows.c - the classical rows: what system calls, faults, processes, switches and memory cost.
 */
#define _GNU_SOURCE
#include "row.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE  4096ul
#define LARGE (2ul << 20)
#define MANY  512u /* pages of a row about faults */

static int fd = -1, pair_a[2], pair_b[2];
static char *area;
static volatile char sink;

/* ---- system calls ---- */

static void run_null(unsigned n)
{
	while (n--)
		syscall(SYS_getppid);
}

static void zero_open(void)
{
	MUST(fd = open("/dev/zero", O_RDWR));
}

static void fd_close(void)
{
	close(fd);
}

static void run_read(unsigned n)
{
	char c;

	while (n--)
		MUST(read(fd, &c, 1));
}

static void run_write(unsigned n)
{
	while (n--)
		MUST(write(fd, "", 1));
}

static void run_stat(unsigned n)
{
	struct stat st;

	while (n--)
		MUST(stat("/dev/zero", &st));
}

static void run_open(unsigned n)
{
	while (n--) {
		MUST(fd = open("/dev/zero", O_RDONLY));
		close(fd);
	}
}

#define SELECTED 10

static int selected[SELECTED];

static void select_begin(void)
{
	for (int i = 0; i < SELECTED; i++)
		MUST(selected[i] = open("/dev/zero", O_RDWR));
}

static void select_end(void)
{
	for (int i = 0; i < SELECTED; i++)
		close(selected[i]);
}

static void run_select(unsigned n)
{
	while (n--) {
		struct timeval now = { 0, 0 };
		fd_set set;

		FD_ZERO(&set);
		for (int i = 0; i < SELECTED; i++)
			FD_SET(selected[i], &set);
		MUST(select(selected[SELECTED - 1] + 1, &set, NULL, NULL, &now));
	}
}

static void run_clock(unsigned n)
{
	struct timespec t;

	while (n--)
		clock_gettime(CLOCK_MONOTONIC, &t);
}

static void run_yield(unsigned n)
{
	while (n--)
		sched_yield();
}

/* ---- signals ---- */

static void handler(int sig)
{
	(void)sig;
}

static void run_sigaction(unsigned n)
{
	struct sigaction act = { .sa_handler = handler };

	while (n--)
		MUST(sigaction(SIGUSR1, &act, NULL));
}

static void signal_begin(void)
{
	run_sigaction(1);
}

static void run_signal(unsigned n)
{
	pid_t me = getpid();

	while (n--)
		MUST(kill(me, SIGUSR1));
}

static void protection_handler(int sig)
{
	(void)sig;
	mprotect(area, PAGE, PROT_READ | PROT_WRITE);
}

static void area_map(size_t pages)
{
	area = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	madvise(area, pages * PAGE, MADV_NOHUGEPAGE);
}

static void area_touch(size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		((volatile char *)area)[i * PAGE] = 1;
}

static void protection_begin(void)
{
	struct sigaction act = { .sa_handler = protection_handler };

	MUST(sigaction(SIGSEGV, &act, NULL));
	area_map(1);
	area_touch(1);
}

static void run_protection(unsigned n)
{
	while (n--) {
		MUST(mprotect(area, PAGE, PROT_READ));
		*(volatile char *)area = 1;
	}
}

static void page_end(void)
{
	munmap(area, PAGE);
}

/* ---- memory ---- */

static void run_anon_fault(unsigned n)
{
	stop();
	area_map(n);
	area_touch(1); /* the table of leaves is there */
	go();
	area_touch(n);
	stop();
	munmap(area, n * PAGE);
	go();
}

static void run_munmap(unsigned n)
{
	stop();
	area_map(n);
	area_touch(n);
	go();
	MUST(munmap(area, n * PAGE));
}

static void run_cow_fault(unsigned n)
{
	pid_t child;

	stop();
	area_map(n);
	area_touch(n);
	MUST(child = fork());
	if (!child)
		for (;;)
			pause();
	go();
	area_touch(n);
	stop();
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	munmap(area, n * PAGE);
	go();
}

/* Where the kernel has no large pages there are 512 small ones. */
static void run_large(unsigned n)
{
	while (n--) {
		char *map = mmap(NULL, 2 * LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *at;

		if (map == MAP_FAILED)
			die("mmap: %s", strerror(errno));
		at = (char *)(((uintptr_t)map + LARGE - 1) & -LARGE);
		madvise(at, LARGE, MADV_HUGEPAGE); /* refused where there are none */
		for (unsigned long i = 0; i < LARGE; i += PAGE)
			*(volatile char *)(at + i) = 1;
		munmap(map, 2 * LARGE);
	}
}

static void file_begin(void)
{
	static char page[PAGE];

	MUST(fd = open("/tmp/rows", O_RDWR | O_CREAT | O_TRUNC, 0600));
	for (int i = 0; i < 64; i++)
		MUST(write(fd, page, PAGE));
}

static void file_end(void)
{
	close(fd);
	unlink("/tmp/rows");
}

static char *file_map(int prot)
{
	char *m = mmap(NULL, 64 * PAGE, prot, MAP_PRIVATE, fd, 0);

	if (m == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	return m;
}

static void run_file_map(unsigned n)
{
	while (n--) {
		char *m = file_map(PROT_READ);

		for (int i = 0; i < 64; i++)
			sink = m[i * PAGE];
		munmap(m, 64 * PAGE);
	}
}

static void run_file_cow(unsigned n)
{
	while (n--) {
		char *m = file_map(PROT_READ | PROT_WRITE);

		for (int i = 0; i < 64; i++)
			m[i * PAGE] = 1;
		munmap(m, 64 * PAGE);
	}
}

static void run_mmap(unsigned n)
{
	while (n--) {
		char *m = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		MUST(munmap(m, 16 * PAGE));
	}
}

static void mprotect_begin(void)
{
	area_map(64);
	area_touch(64);
}

static void mprotect_end(void)
{
	munmap(area, 64 * PAGE);
}

static void mprotect_twice(unsigned n, size_t pages)
{
	while (n--) {
		MUST(mprotect(area, pages * PAGE, PROT_READ));
		MUST(mprotect(area, pages * PAGE, PROT_READ | PROT_WRITE));
	}
}

static void run_mprotect_1(unsigned n)
{
	mprotect_twice(n, 1);
}

static void run_mprotect_64(unsigned n)
{
	mprotect_twice(n, 64);
}

static void run_dontneed(unsigned n)
{
	while (n--) {
		MUST(madvise(area, 64 * PAGE, MADV_DONTNEED));
		area_touch(64);
	}
}

/* Bandwidths: one operation is one MiB. */
#define MIB   (1ul << 20)
#define BLOCK 65536ul

static void mib_begin(void)
{
	area_map(2 * MIB / PAGE);
	area_touch(2 * MIB / PAGE);
}

static void mib_end(void)
{
	munmap(area, 2 * MIB);
}

static void run_memory_read(unsigned n)
{
	uint64_t total = 0;

	while (n--)
		for (const volatile uint64_t *p = (uint64_t *)area, *end = p + MIB / 8; p < end; p += 8)
			total += *p;
	sink = (char)total;
}

static void run_memory_copy(unsigned n)
{
	while (n--)
		memcpy(area + MIB, area, MIB);
}

static void run_pipe_mib(unsigned n)
{
	pid_t child;

	stop();
	MUST(pipe(pair_a));
	MUST(child = fork());
	if (!child) {
		close(pair_a[1]);
		while (read(pair_a[0], area, BLOCK) > 0)
			;
		_exit(0);
	}
	close(pair_a[0]);
	go();
	for (unsigned i = 0; i < n * MIB / BLOCK; i++)
		for (size_t done = 0; done < BLOCK;) {
			ssize_t w = write(pair_a[1], area + done, BLOCK - done);

			MUST(w);
			done += (size_t)w;
		}
	close(pair_a[1]);
	waitpid(child, NULL, 0);
}

/* ---- talking to another process ---- */

static pid_t partner;

/* The partner sends back each byte that it gets. */
static void partner_start(void)
{
	char c;

	MUST(partner = fork());
	if (partner)
		return;
	while (read(pair_a[0], &c, 1) == 1 && write(pair_b[1], &c, 1) == 1)
		;
	_exit(0);
}

static void partner_end(void)
{
	kill(partner, SIGKILL);
	waitpid(partner, NULL, 0);
	for (int i = 0; i < 2; i++) {
		close(pair_a[i]);
		if (pair_b[i] != pair_a[i])
			close(pair_b[i]);
	}
}

static void pipe_begin(void)
{
	MUST(pipe(pair_a));
	MUST(pipe(pair_b));
	partner_start();
}

static void unix_begin(void)
{
	int s[2];

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	pair_a[0] = pair_b[1] = s[0];
	pair_a[1] = pair_b[0] = s[1];
	partner_start();
}

static void unix_end(void)
{
	kill(partner, SIGKILL);
	waitpid(partner, NULL, 0);
	close(pair_a[0]);
	close(pair_a[1]);
}

static void run_round_trip(unsigned n)
{
	char c = 0;

	while (n--) {
		MUST(write(pair_a[1], &c, 1));
		MUST(read(pair_b[0], &c, 1));
	}
}

static void pipe_self_begin(void)
{
	MUST(pipe(pair_a));
}

static void pipe_self_end(void)
{
	close(pair_a[0]);
	close(pair_a[1]);
}

static void run_pipe_self(unsigned n)
{
	char c = 0;

	while (n--) {
		MUST(write(pair_a[1], &c, 1));
		MUST(read(pair_a[0], &c, 1));
	}
}

/* A ring of processes hands a byte on; each sums up its working set when it has it. */
#define RING_MOST 16

static pid_t ring_pid[RING_MOST];
static int ring_in, ring_out;
static unsigned ring_size;
static size_t ring_bytes;

static void ring_work(void)
{
	uint64_t total = 0;

	for (size_t i = 0; i < ring_bytes; i += 64)
		total += *(volatile uint64_t *)(area + i);
	sink = (char)total;
}

static void ring_pass(int from, int to)
{
	char c;

	while (read(from, &c, 1) == 1) {
		ring_work();
		if (write(to, &c, 1) != 1)
			break;
	}
	_exit(0);
}

static void ring_begin(unsigned processes, size_t bytes)
{
	int in, next[2];

	ring_size = processes;
	ring_bytes = bytes;
	area_map(16);
	area_touch(16);
	MUST(pipe(next));
	ring_out = next[1];
	in = next[0];
	for (unsigned i = 1; i < processes; i++) {
		MUST(pipe(next));
		MUST(ring_pid[i] = fork());
		if (!ring_pid[i]) {
			area_touch(16); /* a working set of its own */
			ring_pass(in, next[1]);
		}
		close(in);
		close(next[1]);
		in = next[0];
	}
	ring_in = in;
}

static void ring_end(void)
{
	for (unsigned i = 1; i < ring_size; i++) {
		kill(ring_pid[i], SIGKILL);
		waitpid(ring_pid[i], NULL, 0);
	}
	close(ring_in);
	close(ring_out);
	munmap(area, 16 * PAGE);
}

static void ring_2_0(void)
{
	ring_begin(2, 0);
}

static void ring_8_0(void)
{
	ring_begin(8, 0);
}

static void ring_8_16(void)
{
	ring_begin(8, 16384);
}

static void ring_16_64(void)
{
	ring_begin(16, 65536);
}

/* One operation is one switch. */
static void run_ring(unsigned n)
{
	char c = 0;

	for (unsigned i = 0; i < n / ring_size; i++) {
		MUST(write(ring_out, &c, 1));
		MUST(read(ring_in, &c, 1));
		ring_work();
	}
}

static int futex_word;
static bool futex_stop;

static void futex(int op, int value)
{
	syscall(SYS_futex, &futex_word, op | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

static void futex_set(int value)
{
	__atomic_store_n(&futex_word, value, __ATOMIC_SEQ_CST);
	futex(FUTEX_WAKE, 1);
}

static void futex_until(int wanted)
{
	int value;

	while ((value = __atomic_load_n(&futex_word, __ATOMIC_SEQ_CST)) != wanted)
		futex(FUTEX_WAIT, value);
}

static void *futex_partner(void *arg)
{
	(void)arg;
	for (;;) {
		futex_until(1);
		if (futex_stop)
			return NULL;
		futex_set(0);
	}
}

static pthread_t thread;

static void futex_begin(void)
{
	futex_stop = false;
	futex_word = 0;
	pthread_create(&thread, NULL, futex_partner, NULL);
}

static void futex_end(void)
{
	futex_stop = true;
	futex_set(1);
	pthread_join(thread, NULL);
}

static void run_futex(unsigned n)
{
	while (n--) {
		futex_set(1);
		futex_until(0);
	}
}

static void run_futex_wake(unsigned n)
{
	while (n--)
		futex(FUTEX_WAKE, 1);
}

static void run_sleep(unsigned n)
{
	struct timespec t = { 0, 100000 };

	while (n--)
		nanosleep(&t, NULL);
}

/* ---- processes and threads ---- */

static void child_end(pid_t child)
{
	int status;

	MUST(child);
	MUST(waitpid(child, &status, 0));
	if (status)
		die("a child ended with status %x", status);
}

static void run_fork(unsigned n)
{
	while (n--) {
		pid_t child = fork();

		if (!child)
			_exit(0);
		child_end(child);
	}
}

static void fork_big_begin(void)
{
	area_map(1024);
	area_touch(1024);
}

static void fork_big_end(void)
{
	munmap(area, 1024 * PAGE);
}

static void run_vfork_exec(unsigned n)
{
	while (n--) {
		pid_t child = vfork();

		if (!child) {
			execl(self, self, "child", (char *)NULL);
			_exit(127);
		}
		child_end(child);
	}
}

static void run_fork_exec(unsigned n)
{
	while (n--) {
		pid_t child = fork();

		if (!child) {
			execl(self, self, "child", (char *)NULL);
			_exit(127);
		}
		child_end(child);
	}
}

static void run_shell(unsigned n)
{
	while (n--) {
		pid_t child = fork();

		if (!child) {
			execl("/bin/sh", "sh", "-c", ": | :", (char *)NULL);
			_exit(127);
		}
		child_end(child);
	}
}

static void *thread_main(void *arg)
{
	return arg;
}

static void run_thread(unsigned n)
{
	while (n--) {
		if (pthread_create(&thread, NULL, thread_main, NULL))
			die("no thread");
		pthread_join(thread, NULL);
	}
}

/* A million steps of a generator of random numbers. */
static void run_cpu(unsigned n)
{
	uint64_t x = 1;

	while (n--)
		for (int i = 0; i < 1000000; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
		}
	sink = (char)x;
}

const struct row rows[] = {
	{ "null", "getppid", 1000, run_null, NULL, NULL },
	{ "read", "read of 1 byte, /dev/zero", 1000, run_read, zero_open, fd_close },
	{ "write", "write of 1 byte, /dev/zero", 1000, run_write, zero_open, fd_close },
	{ "stat", "stat", 500, run_stat, NULL, NULL },
	{ "open", "open and close", 500, run_open, NULL, NULL },
	{ "select", "select of 10 files", 500, run_select, select_begin, select_end },
	{ "clock", "clock_gettime, monotonic", 1000, run_clock, NULL, NULL },
	{ "yield", "sched_yield, alone", 1000, run_yield, NULL, NULL },
	{ "sigaction", "signal handler set", 1000, run_sigaction, NULL, NULL },
	{ "signal", "signal to oneself, caught", 500, run_signal, signal_begin, NULL },
	{ "protection", "mprotect, fault, SIGSEGV caught, mprotect", 200, run_protection, protection_begin, page_end },
	{ "anon-fault", "anonymous page, first write", MANY, run_anon_fault, NULL, NULL },
	{ "cow-fault", "copy on write after fork, a page", MANY, run_cow_fault, NULL, NULL },
	{ "file-map", "64 pages of a file mapped, read, unmapped", 32, run_file_map, file_begin, file_end },
	{ "file-cow", "the same, private and written", 16, run_file_cow, file_begin, file_end },
	{ "large", "2 MiB mapped for large pages, touched, unmapped", 8, run_large, NULL, NULL },
	{ "mmap", "16 pages mapped and unmapped, untouched", 200, run_mmap, NULL, NULL },
	{ "munmap", "munmap, a touched page", MANY, run_munmap, NULL, NULL },
	{ "mprotect", "mprotect of 1 page, twice", 200, run_mprotect_1, mprotect_begin, mprotect_end },
	{ "mprotect-64", "mprotect of 64 pages, twice", 50, run_mprotect_64, mprotect_begin, mprotect_end },
	{ "dontneed", "64 pages given back and touched", 30, run_dontneed, mprotect_begin, mprotect_end },
	{ "pipe-self", "1 byte through a pipe, one process", 500, run_pipe_self, pipe_self_begin, pipe_self_end },
	{ "pipe", "round trip by pipes, two processes", 500, run_round_trip, pipe_begin, partner_end },
	{ "unix", "round trip by AF_UNIX, two processes", 500, run_round_trip, unix_begin, unix_end },
	{ "switch-2", "ring of 2 processes, a switch", 800, run_ring, ring_2_0, ring_end },
	{ "switch-8", "ring of 8 processes, a switch", 800, run_ring, ring_8_0, ring_end },
	{ "switch-8-16k", "the same with 16 KiB each", 800, run_ring, ring_8_16, ring_end },
	{ "switch-16-64k", "ring of 16 with 64 KiB each", 800, run_ring, ring_16_64, ring_end },
	{ "futex", "futex round trip, two threads", 500, run_futex, futex_begin, futex_end },
	{ "futex-wake", "futex wake, nobody waits", 1000, run_futex_wake, NULL, NULL },
	{ "thread", "thread created and joined", 100, run_thread, NULL, NULL },
	{ "fork", "fork, exit, wait", 30, run_fork, NULL, NULL },
	{ "fork-4m", "the same with 4 MiB written", 10, run_fork, fork_big_begin, fork_big_end },
	{ "vfork-exec", "vfork, exec, exit, wait", 30, run_vfork_exec, NULL, NULL },
	{ "fork-exec", "fork, exec, exit, wait", 20, run_fork_exec, NULL, NULL },
	{ "shell", "sh with a pipeline of two", 8, run_shell, NULL, NULL },
	{ "sleep", "nanosleep of 0.1 ms", 100, run_sleep, NULL, NULL },
	{ "memory-read", "1 MiB read, a word a line", 20, run_memory_read, mib_begin, mib_end },
	{ "memory-copy", "1 MiB copied", 20, run_memory_copy, mib_begin, mib_end },
	{ "pipe-mib", "1 MiB through a pipe, two processes", 4, run_pipe_mib, mib_begin, mib_end },
	{ "cpu", "1,000,000 random numbers", 2, run_cpu, NULL, NULL },
};

const unsigned nr_rows = sizeof(rows) / sizeof(rows[0]);
