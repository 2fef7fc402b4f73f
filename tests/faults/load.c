/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load.c - runs in the guest: work for a disk and a network card that notices each wrong byte.
 *
 * load DISK ADDRESS PORT
 *
 * The disk, of DISK_SIZE bytes, is written and read past the page cache; what a block must hold follows from its place
 * and from how often it was written.  To the host's server go random bytes, which it sends back.  Memory that no driver
 * is ever given, all that is free, is looked at all the time.  Twenty times a second a line tells how far it is:
 *
 *	load disk OPERATIONS ERRORS WRONG net OPERATIONS ERRORS WRONG rounds ROUNDS memory WRONG MIB PASSES
 *
 * OPERATIONS are those that came to a good end, WRONG counts bytes, ROUNDS and PASSES how often each part of the disk
 * was read and all of MIB looked at.  What the guest's kernel has to complain of comes as a line, too: kernel TEXT.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define WORKERS	  4
#define STREAMS	  2
#define DISK_SIZE (4u << 20)
#define BLOCK	  (16u << 10)
#define BLOCKS	  (DISK_SIZE / BLOCK / WORKERS)
#define FLUSH	  16 /* writes from one fdatasync to the next */
#define MESSAGE	  (32u << 10)
#define STEP	  (16u << 20) /* of memory, each second */
#define SPARE	  (96u << 20) /* memory that is left to others */

struct counters {
	atomic_ulong operations, errors, wrong;
};

static struct counters disk_counters, net_counters;
static atomic_ulong rounds[WORKERS], memory_wrong, passes;
static size_t memory_size;
static const char *disk;
static struct sockaddr_in server = { .sin_family = AF_INET };

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void fill(void *to, size_t len, uint64_t seed)
{
	uint64_t *words = to, state = seed * 0x9e3779b97f4a7c15ul | 1;

	for (size_t i = 0; i < len / 8; i++)
		words[i] = next(&state);
}

static unsigned long differing(const unsigned char *a, const unsigned char *b, size_t len)
{
	unsigned long n = 0;

	if (!memcmp(a, b, len))
		return 0;
	for (size_t i = 0; i < len; i++)
		n += a[i] != b[i];
	return n;
}

static void *get(size_t len)
{
	void *p;

	if (posix_memalign(&p, 4096, len)) {
		fprintf(stderr, "load: no memory\n");
		exit(1);
	}
	memset(p, 0, len);
	return p;
}

/* ---- disk ---- */

struct part {
	int fd;
	unsigned first; /* its first block */
	unsigned char *is, *should;
	uint64_t written[BLOCKS]; /* how often; 0: zeros, as the disk came */
};

static int transferred(ssize_t n, size_t wanted)
{
	atomic_fetch_add(n == (ssize_t)wanted ? &disk_counters.operations : &disk_counters.errors, 1);
	return n == (ssize_t)wanted;
}

static void expected(struct part *p, unsigned block)
{
	if (p->written[block])
		fill(p->should, BLOCK, (p->first + block) * 0x100000001ul + p->written[block]);
	else
		memset(p->should, 0, BLOCK);
}

/* A write that failed may have been done, and is done again until one does not fail. */
static void put(struct part *p, unsigned block)
{
	p->written[block]++;
	expected(p, block);
	while (!transferred(pwrite(p->fd, p->should, BLOCK, (off_t)(p->first + block) * BLOCK), BLOCK))
		usleep(100000);
}

/* A block that is wrong is counted once. */
static void check(struct part *p, unsigned block)
{
	unsigned long wrong;

	memset(p->is, 0xa5, BLOCK);
	if (!transferred(pread(p->fd, p->is, BLOCK, (off_t)(p->first + block) * BLOCK), BLOCK)) {
		usleep(100000);
		return;
	}
	expected(p, block);
	wrong = differing(p->is, p->should, BLOCK);
	if (!wrong)
		return;
	atomic_fetch_add(&disk_counters.wrong, wrong);
	put(p, block);
}

static void *disk_worker(void *arg)
{
	unsigned long me = (unsigned long)arg, writes = 0;
	uint64_t random = me + 1;
	struct part *p = get(sizeof(*p));

	p->fd = open(disk, O_RDWR | O_DIRECT);
	if (p->fd < 0) {
		fprintf(stderr, "load: %s: %s\n", disk, strerror(errno));
		exit(1);
	}
	p->first = (unsigned)me * BLOCKS;
	p->is = get(BLOCK);
	p->should = get(BLOCK);
	for (unsigned block = 0;; block = (block + 1) % BLOCKS) {
		unsigned any = (unsigned)(next(&random) % BLOCKS);

		if (!block)
			atomic_fetch_add(&rounds[me], 1);
		put(p, any);
		if (++writes % FLUSH == 0)
			transferred(fdatasync(p->fd), 0);
		check(p, any);
		check(p, block);
	}
	return NULL;
}

/* ---- network ---- */

static int moved(int fd, unsigned char *data, int out)
{
	for (size_t n = 0; n < MESSAGE;) {
		ssize_t some = out ? send(fd, data + n, MESSAGE - n, MSG_NOSIGNAL) : recv(fd, data + n, MESSAGE - n, 0);

		if (some <= 0)
			return 0;
		n += (size_t)some;
	}
	return 1;
}

static void *net_worker(void *arg)
{
	unsigned char *sent = get(MESSAGE), *received = get(MESSAGE);
	uint64_t seed = (unsigned long)arg << 32;

	for (;; sleep(1)) {
		unsigned long wrong = 0;
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (!connect(fd, (struct sockaddr *)&server, sizeof(server)))
			while (!wrong) {
				fill(sent, MESSAGE, ++seed);
				if (!moved(fd, sent, 1) || !moved(fd, received, 0))
					break;
				wrong = differing(sent, received, MESSAGE);
				atomic_fetch_add(&net_counters.operations, 1);
				atomic_fetch_add(&net_counters.wrong, wrong);
			}
		/* One that was wrong may have lost its place: the next begins anew. */
		if (!wrong)
			atomic_fetch_add(&net_counters.errors, 1);
		close(fd);
	}
	return NULL;
}

/* ---- the rest of the guest ---- */

static uint64_t *memory, *memory_should;

/* Before all else: later many would want the CPU. */
static void memory_fill(void)
{
	struct sysinfo info;
	size_t room = sysinfo(&info) ? 0 : info.freeram * info.mem_unit;

	memory_size = room > SPARE + STEP ? (room - SPARE) / STEP * STEP : STEP;
	memory = mmap(NULL, memory_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (memory == MAP_FAILED) {
		fprintf(stderr, "load: no memory\n");
		exit(1);
	}
	memory_should = get(BLOCK);
	fill(memory_should, BLOCK, 1);
	/* Not by memcpy(): "rep movsb" is slow where a CPU is emulated. */
	for (size_t i = 0; i < memory_size / 8; i++)
		memory[i] = memory_should[i % (BLOCK / 8)];
}

static void *memory_worker(void *arg)
{
	for (;; atomic_fetch_add(&passes, 1)) {
		for (size_t at = 0; at < memory_size; at += BLOCK) {
			unsigned char *block = (unsigned char *)memory + at, *should = (unsigned char *)memory_should;
			unsigned long wrong = differing(block, should, BLOCK);

			if (at % STEP == 0)
				sleep(1);
			if (!wrong)
				continue;
			atomic_fetch_add(&memory_wrong, wrong);
			memcpy(block, should, BLOCK);
		}
	}
	return arg;
}

static void *kernel_worker(void *arg)
{
	static const char *const bad[] = { "WARNING:",	"BUG",		"Oops",	    "I/O error", "general protection",
					   "hung task", "out of range", "disabled", "Bad ",	 "bogus" };
	int fd = open("/dev/kmsg", O_RDONLY);
	char line[1024], *text;
	ssize_t n;

	lseek(fd, 0, SEEK_END);
	while ((n = read(fd, line, sizeof(line) - 1)) > 0 || errno == EPIPE) {
		if (n <= 0)
			continue;
		line[n] = 0;
		text = strchr(line, ';');
		if (!text)
			continue;
		text[strcspn(text, "\n")] = 0;
		for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
			if (strstr(text, bad[i])) {
				printf("kernel %s\n", text + 1);
				break;
			}
	}
	return arg;
}

static void start(void *(*worker)(void *), unsigned long n)
{
	pthread_t thread;

	for (unsigned long i = 0; i < n; i++)
		if (pthread_create(&thread, NULL, worker, (void *)i)) {
			fprintf(stderr, "load: no thread\n");
			exit(1);
		}
}

int main(int argc, char **argv)
{
	if (argc != 4 || inet_pton(AF_INET, argv[2], &server.sin_addr) != 1) {
		fprintf(stderr, "usage: load DISK ADDRESS PORT\n");
		return 2;
	}
	disk = argv[1];
	server.sin_port = htons((uint16_t)atoi(argv[3]));
	setlinebuf(stdout);
	memory_fill();
	start(kernel_worker, 1);
	start(memory_worker, 1);
	start(disk_worker, WORKERS);
	start(net_worker, STREAMS);
	for (;;) {
		unsigned long least = rounds[0];

		for (unsigned i = 1; i < WORKERS; i++)
			least = rounds[i] < least ? rounds[i] : least;
		printf("load disk %lu %lu %lu net %lu %lu %lu rounds %lu memory %lu %lu %lu\n",
		       disk_counters.operations, disk_counters.errors, disk_counters.wrong, net_counters.operations,
		       net_counters.errors, net_counters.wrong, least, memory_wrong, memory_size >> 20, passes);
		usleep(50000);
	}
}
