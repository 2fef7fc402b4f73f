/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch_test.c - what a driver notices of its own rings at its signs of life.  The store and all hypercalls are stubs.
 */
#include "fake.h"
#include "net_parts.h"
#include "vbd.h"

#include <runtime/device.h>
#include <runtime/grant.h>
#include <runtime/heap.h>
#include <runtime/start.h>
#include <setjmp.h>

#define PATIENCE 10

unsigned pulses, event_interrupts, event_rests, event_polls, device_work;
const struct start_info *start;
static unsigned doubted;
static jmp_buf stalled;

uint64_t time_ns(void)
{
	return pulses * 100000000ull;
}

uint64_t device_patience(void)
{
	return PATIENCE;
}

void device_doubt(const char *why)
{
	doubted++;
}

void device_stalled(const char *why)
{
	longjmp(stalled, 1);
}

uint64_t virt_to_bus(const void *p)
{
	return (uint64_t)p;
}

void device_ready(void)
{
}

void event_loop_once(uint64_t deadline_ns)
{
}

void event_unmask(uint32_t port)
{
}

int net_tx_start(void)
{
	return 0;
}

int net_tx_full(void)
{
	return 0;
}

int net_tx_round(void)
{
	return 0;
}

void jobs_answer(void)
{
}

void net_rx_queue(struct vif *v, struct packet *p, unsigned from)
{
}

void net_rx_round(void)
{
}

void device_owes(void)
{
}

void event_send(uint32_t port)
{
}

void event_mask(uint32_t port)
{
}

void event_handler(uint32_t port, event_fn fn, void *arg)
{
}

void event_close(uint32_t port)
{
}

int event_bind(uint16_t remote, uint32_t remote_port)
{
	return -XEN_EINVAL;
}

void *grant_map(uint16_t dom, uint32_t ref, int readonly, uint32_t *handle)
{
	return NULL;
}

int grant_unmap(void *va, uint32_t handle)
{
	return -XEN_EINVAL;
}

int partition_find(struct blk_device *dev, unsigned number, struct blk_limits *limits)
{
	return -XEN_EIO;
}

void vif_forget_backlog(struct vif *v)
{
}

int store_read(const char *path, char *buf, size_t size)
{
	return -XEN_ENOENT;
}

int store_read_u64(const char *path, uint64_t *value)
{
	return -XEN_ENOENT;
}

int store_write(const char *path, const char *value)
{
	return 0;
}

int store_printf(const char *path, const char *fmt, ...)
{
	return 0;
}

int store_post(const char *path, const char *value)
{
	return 0;
}

int store_rm(const char *path)
{
	return 0;
}

int store_directory(const char *path, char *buf, size_t size)
{
	return 0;
}

int store_watch(const char *path, const char *token, store_watch_fn fn, void *arg)
{
	return 0;
}

int store_unwatch(const char *path, const char *token)
{
	return 0;
}

/* ---- a disk and a card, each with one frontend ---- */

static union {
	struct ring_indices index;
	blkif_sring_t blk;
	netif_tx_sring_t tx;
	netif_rx_sring_t rx;
	uint8_t page[PAGE_SIZE];
} first, second;
static struct vbd disk;
static struct vif card;
static struct vif_queue queue;

static void connect_disk(void)
{
	static struct blk_device device;

	SHARED_RING_INIT(&first.blk);
	ck_assert_int_eq(vbd_start(&device), 0);
	ck_assert_int_eq(blk_ring_attach(&disk.ring, &first.blk), 0);
	disk.page.va = &first;
	disk.backend.state = BACKEND_CONNECTED;
	backends = &disk.backend;
}

static void connect_card(void)
{
	static struct net_device device;

	SHARED_RING_INIT(&first.tx);
	SHARED_RING_INIT(&second.rx);
	ck_assert_int_eq(vif_start(&device), 0);
	ck_assert_int_eq(net_tx_attach(&queue.tx, &first.tx), 0);
	ck_assert_int_eq(net_rx_attach(&queue.rx, &second.rx), 0);
	queue.vif = &card;
	card.queue = &queue;
	card.nr_queues = 1;
	card.backend.state = BACKEND_CONNECTED;
	backends = &card.backend;
}

/* So many signs of life: how often it doubted, -1 when it said that it stalls. */
static int signs(unsigned nr)
{
	doubted = 0;
	if (setjmp(stalled))
		return -1;
	while (nr--) {
		pulses++;
		ck_assert_int_eq(backend_watch(), 1);
	}
	return (int)doubted;
}

START_TEST(a_disk_whose_answers_nobody_is_told_of_is_noticed)
{
	connect_disk();
	first.index.req_prod = 3;
	disk.ring.req_cons = 3;
	disk.ring.rsp_prod = disk.ring.out.published = 3;
	ck_assert_int_eq(signs(2), 0);
	ck_assert_int_eq(signs(1), 1);
	vbd_tell(&disk);
	ck_assert_int_eq(signs(100), 0); /* it takes its time */
}
END_TEST

START_TEST(a_disk_that_finds_requests_without_being_told_is_noticed)
{
	connect_disk();
	for (unsigned i = 1; i <= 3; i++) {
		disk.asked = 1;
		disk.kicked = 0;
		first.index.req_prod++;
		ck_assert_int_eq(signs(1), i == 3);
		ck_assert_int_eq(disk.kicked, 1);
		/* It is taken, and done. */
		disk.ring.req_cons++;
		disk.ring.rsp_prod = ++disk.ring.out.published;
		vbd_tell(&disk);
	}
	for (unsigned i = 0; i < 10; i++) {
		disk.asked = 1;
		disk.kicked = 1; /* the bell has rung */
		first.index.req_prod++;
		ck_assert_int_eq(signs(1), 0);
		disk.ring.req_cons++;
		disk.ring.rsp_prod = ++disk.ring.out.published;
		vbd_tell(&disk);
	}
}
END_TEST

START_TEST(a_card_whose_bells_do_not_ring_is_noticed)
{
	connect_card();
	first.index.req_prod = queue.tx.req_cons = queue.tx.rsp_prod = queue.tx.out.published = 1;
	ck_assert_int_eq(signs(3), 1);
	vif_tell_tx(&queue);
	ck_assert_int_eq(signs(100), 0);

	second.index.req_prod = queue.rx.req_cons = queue.rx.rsp_prod = queue.rx.out.published = 1;
	ck_assert_int_eq(signs(3), 1);
	vif_tell_rx(&queue);
	ck_assert_int_eq(signs(100), 0);

	for (unsigned i = 1; i <= 6; i++) {
		queue.kicked = 0;
		queue.look_at = i > 3; /* then it will be looked at, soon */
		first.index.req_prod++;
		ck_assert_int_eq(signs(1), i == 3);
		queue.tx.req_cons++;
		queue.tx.rsp_prod = ++queue.tx.out.published;
		vif_tell_tx(&queue);
	}
}
END_TEST

START_TEST(a_card_that_fills_buffers_and_does_not_say_so_is_noticed)
{
	RING_IDX index;

	connect_card();
	second.index.req_prod = NET_RING_SLOTS;
	ck_assert_int_eq(signs(100), 0); /* nothing comes */
	net_rx_take(&queue.rx, &index);
	ck_assert_int_eq(signs(PATIENCE - 1), 0);
	ck_assert_int_eq(signs(2), -1);
}
END_TEST

static int takes(struct net_device *dev, struct net_tx *tx)
{
	return 0;
}

static void nothing(struct net_device *dev)
{
}

static void forget(struct net_tx *tx)
{
}

static int out_signs(unsigned nr)
{
	if (setjmp(stalled))
		return -1;
	while (nr--)
		net_out_watch();
	return 0;
}

START_TEST(a_card_that_takes_packets_and_never_ends_them_is_noticed)
{
	static struct net_device device = { .submit = takes, .kick = nothing };
	struct net_tx tx = { .done = forget };

	net_card = &device;
	ck_assert_int_eq(out_signs(100), 0); /* it has none */
	for (unsigned i = 0; i < 2; i++)
		net_out_submit(&tx);
	ck_assert_int_eq(out_signs(PATIENCE - 1), 0);
	net_complete(&tx);
	ck_assert_int_eq(out_signs(PATIENCE), 0); /* it is slow */
	ck_assert_int_eq(out_signs(1), -1);
	net_complete(&tx);
	ck_assert_int_eq(out_signs(100), 0);
}
END_TEST

START_TEST(packets_that_cannot_be_are_no_loss_but_a_fault)
{
	static const unsigned wrong[] = { 0, NET_PIECES + 1 };
	static struct net_device device = { .name = "net0" };
	struct net_piece piece[NET_PIECES + 1] = { 0 };

	heap_init(aligned_alloc(PAGE_SIZE, 1200 * PAGE_SIZE), 1200 * PAGE_SIZE);
	ck_assert_int_eq(packets_init(), 0);
	net_card = &device;
	for (unsigned i = 0; i < NET_PIECES; i++)
		piece[i] = (struct net_piece){ net_page_get(), 60 };
	net_receive(&(struct net_meta){ 0 }, piece, 1);
	fake.expect_panic = true;
	net_receive(&(struct net_meta){ 0 }, piece, wrong[_i]);
}
END_TEST

static void polls(unsigned signs_left, unsigned each, unsigned rests, unsigned work)
{
	while (signs_left--) {
		event_polls += each;
		event_rests += rests;
		device_work += work;
		ck_assert_int_eq(signs(1), 0);
	}
}

START_TEST(a_driver_that_never_rests_and_does_nothing_is_noticed)
{
	connect_card();
	polls(100, 7, 0, 0);	    /* it has only just begun */
	polls(100, 10000, 1, 0);    /* it rests, now and then */
	polls(100, 10000, 0, 1250); /* it works */
	polls(4, 10000, 0, 1249);
	polls(1, 10000, 1, 1249);
	fake.expect_panic = true;
	polls(5, 10000, 0, 1249);
}
END_TEST

SUITE(watch)
{
	tcase_add_test_raise_signal(tc, a_driver_that_never_rests_and_does_nothing_is_noticed, SIGABRT);
	tcase_add_test(tc, a_disk_whose_answers_nobody_is_told_of_is_noticed);
	tcase_add_test(tc, a_disk_that_finds_requests_without_being_told_is_noticed);
	tcase_add_test(tc, a_card_whose_bells_do_not_ring_is_noticed);
	tcase_add_test(tc, a_card_that_takes_packets_and_never_ends_them_is_noticed);
	tcase_add_loop_test_raise_signal(tc, packets_that_cannot_be_are_no_loss_but_a_fault, SIGABRT, 0, 2);
	tcase_add_test(tc, a_card_that_fills_buffers_and_does_not_say_so_is_noticed);
}
