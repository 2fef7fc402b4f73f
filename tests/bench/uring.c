/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uring.c - the same work by system calls, by io_uring in batches, and with the kernel polling the ring.
 *
 * An operation on a file reads 512 bytes of a file in memory; one on the network sends or receives 64 bytes by UDP
 * to the same socket.  The name of a row ends in the size of its batches.
 */
#define _GNU_SOURCE
#include "row.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <net/if.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ENTRIES	   512u
#define OPS	   1024u
#define FILE_BYTES 512u
#define NET_BYTES  64u
#define FILE_SIZE  (64u << 10)

static int file = -1, udp = -1;
static char data[FILE_BYTES];

/* ---- the work ---- */

static void file_open(void)
{
	static char text[FILE_SIZE];

	MUST(file = open("/tmp/uring", O_RDWR | O_CREAT | O_TRUNC, 0600));
	MUST(write(file, text, sizeof(text)));
}

static void file_close(void)
{
	close(file);
	unlink("/tmp/uring");
}

static void loopback_up(void)
{
	struct ifreq r = { .ifr_name = "lo" };
	int s;

	MUST(s = socket(AF_INET, SOCK_DGRAM, 0));
	MUST(ioctl(s, SIOCGIFFLAGS, &r));
	r.ifr_flags |= IFF_UP;
	MUST(ioctl(s, SIOCSIFFLAGS, &r));
	close(s);
}

static void udp_open(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	loopback_up();
	MUST(udp = socket(AF_INET, SOCK_DGRAM, 0));
	MUST(bind(udp, (struct sockaddr *)&a, sizeof(a)));
	MUST(getsockname(udp, (struct sockaddr *)&a, &len));
	MUST(connect(udp, (struct sockaddr *)&a, sizeof(a)));
}

static void udp_close(void)
{
	close(udp);
}

static off_t file_offset(unsigned i)
{
	return (off_t)(i * FILE_BYTES % FILE_SIZE);
}

static void run_file_sync(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (pread(file, data, FILE_BYTES, file_offset(i)) != FILE_BYTES)
			die("pread");
}

static void run_net_sync(unsigned n)
{
	for (unsigned i = 0; i < n / 2; i++)
		if (send(udp, data, NET_BYTES, 0) != NET_BYTES || recv(udp, data, NET_BYTES, 0) != NET_BYTES)
			die("send or recv");
}

/* ---- io_uring, by its system calls ---- */

static struct {
	int fd;
	bool polled;
	unsigned *sq_tail, *sq_flags, *cq_head, *cq_tail, *cq_mask;
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	char *ring;
	size_t ring_size;
} u;

static void uring_open(bool polled)
{
	struct io_uring_params p = { .flags = polled ? IORING_SETUP_SQPOLL : 0, .sq_thread_idle = 1000 };
	unsigned *array;

	MUST(u.fd = (int)syscall(SYS_io_uring_setup, ENTRIES, &p));
	if (!(p.features & IORING_FEAT_SINGLE_MMAP))
		die("io_uring: an old kernel");
	u.ring_size = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
	u.ring = mmap(NULL, u.ring_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, u.fd, IORING_OFF_SQ_RING);
	u.sqe = mmap(NULL, ENTRIES * sizeof(*u.sqe), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, u.fd,
		     IORING_OFF_SQES);
	if (u.ring == MAP_FAILED || u.sqe == MAP_FAILED)
		die("io_uring: mmap: %s", strerror(errno));
	u.polled = polled;
	u.sq_tail = (unsigned *)(u.ring + p.sq_off.tail);
	u.sq_flags = (unsigned *)(u.ring + p.sq_off.flags);
	u.cq_head = (unsigned *)(u.ring + p.cq_off.head);
	u.cq_tail = (unsigned *)(u.ring + p.cq_off.tail);
	u.cq_mask = (unsigned *)(u.ring + p.cq_off.ring_mask);
	u.cqe = (struct io_uring_cqe *)(u.ring + p.cq_off.cqes);
	array = (unsigned *)(u.ring + p.sq_off.array);
	for (unsigned i = 0; i < ENTRIES; i++)
		array[i] = i;
}

static void uring_close(void)
{
	munmap(u.ring, u.ring_size);
	munmap(u.sqe, ENTRIES * sizeof(*u.sqe));
	close(u.fd);
}

static struct io_uring_sqe request(bool net, unsigned i)
{
	if (net)
		return (struct io_uring_sqe){ .opcode = i % 2 ? IORING_OP_RECV : IORING_OP_SEND,
					      .fd = udp,
					      .addr = (uintptr_t)data,
					      .len = NET_BYTES };
	return (struct io_uring_sqe){ .opcode = IORING_OP_READ,
				      .fd = file,
				      .addr = (uintptr_t)data,
				      .len = FILE_BYTES,
				      .off = (uint64_t)file_offset(i) };
}

/* Submit the batch and wait for all of it. */
static void uring_batch(bool net, unsigned first, unsigned batch)
{
	unsigned tail = *u.sq_tail, head = *u.cq_head, flags = IORING_ENTER_GETEVENTS;

	for (unsigned i = 0; i < batch; i++)
		u.sqe[(tail + i) % ENTRIES] = request(net, first + i);
	__atomic_store_n(u.sq_tail, tail + batch, __ATOMIC_SEQ_CST);
	if (u.polled && __atomic_load_n(u.sq_flags, __ATOMIC_SEQ_CST) & IORING_SQ_NEED_WAKEUP)
		flags |= IORING_ENTER_SQ_WAKEUP;
	while (__atomic_load_n(u.cq_tail, __ATOMIC_ACQUIRE) - head < batch) {
		MUST(syscall(SYS_io_uring_enter, u.fd, u.polled ? 0 : batch, batch, flags, NULL, 0));
		if (!u.polled && __atomic_load_n(u.cq_tail, __ATOMIC_ACQUIRE) - head < batch)
			die("io_uring: fewer answers than requests");
	}
	for (unsigned i = 0; i < batch; i++, head++)
		if (u.cqe[head & *u.cq_mask].res != (int)(net ? NET_BYTES : FILE_BYTES))
			die("io_uring: answer %d", u.cqe[head & *u.cq_mask].res);
	__atomic_store_n(u.cq_head, head, __ATOMIC_RELEASE);
}

static void run_uring(bool net, unsigned n, unsigned batch)
{
	for (unsigned i = 0; i < n; i += batch)
		uring_batch(net, i, batch);
}

#define BATCHES(kind, net, size)                    \
	static void run_##kind##_##size(unsigned n) \
	{                                           \
		run_uring(net, n, size);            \
	}

BATCHES(file, false, 1)
BATCHES(file, false, 8)
BATCHES(file, false, 64)
BATCHES(file, false, 512)
BATCHES(net, true, 2)
BATCHES(net, true, 8)
BATCHES(net, true, 64)
BATCHES(net, true, 512)

static void file_begin(void)
{
	file_open();
	uring_open(false);
}

static void file_poll_begin(void)
{
	file_open();
	uring_open(true);
}

static void file_end(void)
{
	uring_close();
	file_close();
}

static void net_begin(void)
{
	udp_open();
	uring_open(false);
}

static void net_poll_begin(void)
{
	udp_open();
	uring_open(true);
}

static void net_end(void)
{
	uring_close();
	udp_close();
}

const struct row rows[] = {
	{ "file-sync", "read of 512 bytes, a system call each", OPS, run_file_sync, file_open, file_close },
	{ "file-1", "the same by io_uring, 1 at a time", OPS, run_file_1, file_begin, file_end },
	{ "file-8", "io_uring, 8", OPS, run_file_8, file_begin, file_end },
	{ "file-64", "io_uring, 64", OPS, run_file_64, file_begin, file_end },
	{ "file-512", "io_uring, 512", OPS, run_file_512, file_begin, file_end },
	{ "file-poll-64", "io_uring polled by the kernel, 64", OPS, run_file_64, file_poll_begin, file_end },
	{ "file-poll-512", "io_uring polled by the kernel, 512", OPS, run_file_512, file_poll_begin, file_end },
	{ "net-sync", "64 bytes by UDP, sent or received, a system call each", OPS, run_net_sync, udp_open, udp_close },
	{ "net-2", "the same by io_uring, 2 at a time", OPS, run_net_2, net_begin, net_end },
	{ "net-8", "io_uring, 8", OPS, run_net_8, net_begin, net_end },
	{ "net-64", "io_uring, 64", OPS, run_net_64, net_begin, net_end },
	{ "net-512", "io_uring, 512", OPS, run_net_512, net_begin, net_end },
	{ "net-poll-64", "io_uring polled by the kernel, 64", OPS, run_net_64, net_poll_begin, net_end },
	{ "net-poll-512", "io_uring polled by the kernel, 512", OPS, run_net_512, net_poll_begin, net_end },
};

const unsigned nr_rows = sizeof(rows) / sizeof(rows[0]);
