/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtqueue_test.c - a queue whose books are wrong does not reach its device.
 */
#include "fake.h"

#include <runtime/xen.h>
#include <virtio/virtqueue.h>

#define SIZE 8u

static struct virtqueue vq;
static struct virtq_desc desc[SIZE];
static struct virtq_avail avail;
static struct virtq_used used;
static int token[SIZE];

static void setup(void)
{
	vq = (struct virtqueue){ .size = SIZE, .desc = desc, .avail = &avail, .used = &used };
	used.idx = 0;
	virtqueue_init(&vq);
}

static int add(unsigned i)
{
	struct virtq_buffer buffer = { 0x1000 * (i + 1), 100 };

	return virtqueue_add(&vq, &buffer, 0, 1, &token[i]);
}

static void *done(uint32_t id)
{
	uint32_t len;

	used.ring[used.idx++ % SIZE] = (struct virtq_used_entry){ id, 100 };
	return virtqueue_take(&vq, &len);
}

START_TEST(what_is_added_comes_back)
{
	setup();
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < SIZE; i++)
			ck_assert_int_eq(add(i), 0);
		ck_assert_uint_eq(virtqueue_busy(&vq), SIZE);
		ck_assert_int_eq(add(0), -XEN_EBUSY);
		for (unsigned i = 0; i < SIZE; i++)
			ck_assert_ptr_eq(done(avail.ring[(round * SIZE + i) % SIZE]), &token[i]);
		ck_assert_uint_eq(virtqueue_busy(&vq), 0);
		ck_assert_ptr_null(vq.broken);
	}
}
END_TEST

/* Two parts that the device reads and one that it writes, from desc[at] on. */
static void check_chain(const struct virtq_desc *chain, unsigned at)
{
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_uint_eq(chain[at].bus, 0x1000 * (i + 1));
		ck_assert_uint_eq(chain[at].len, 10 + i);
		ck_assert_uint_eq(chain[at].flags, i == 2 ? VIRTQ_DESC_WRITE : VIRTQ_DESC_NEXT);
		at = chain[at].next;
	}
}

START_TEST(a_chain_leads_from_part_to_part_and_ends)
{
	static const struct virtq_buffer buffer[] = { { 0x1000, 10 }, { 0x2000, 11 }, { 0x3000, 12 } };
	static struct virtq_desc table[SIZE][3];

	setup();
	ck_assert_int_eq(add(0), 0);
	ck_assert_int_eq(virtqueue_add(&vq, buffer, 2, 1, &token[1]), 0);
	check_chain(desc, avail.ring[1]);
	ck_assert_uint_eq(virtqueue_busy(&vq), 4);
	ck_assert_ptr_null(done(avail.ring[1])); /* it wrote more than 12 */
	setup();
	for (unsigned i = 0; i < SIZE; i++) {
		vq.table[i].desc = table[i];
		vq.table[i].bus = 0x8000 + i;
	}
	ck_assert_int_eq(add(0), 0);
	ck_assert_int_eq(virtqueue_add(&vq, buffer, 2, 1, &token[1]), 0);
	check_chain(table[avail.ring[1]], 0);
	ck_assert_uint_eq(desc[avail.ring[1]].bus, 0x8000 + avail.ring[1]);
	ck_assert_uint_eq(desc[avail.ring[1]].len, sizeof(table[0]));
	ck_assert_uint_eq(desc[avail.ring[1]].flags, VIRTQ_DESC_INDIRECT);
	ck_assert_uint_eq(virtqueue_busy(&vq), 2);
	ck_assert_ptr_eq(done(avail.ring[0]), &token[0]);
	ck_assert_ptr_null(vq.broken);
}
END_TEST

START_TEST(a_descriptor_that_is_none_or_is_in_use_is_not_given_away)
{
	setup();
	ck_assert_int_eq(add(0), 0);
	vq.first_free = SIZE;
	ck_assert_int_eq(add(1), -XEN_EBUSY);
	ck_assert_ptr_nonnull(vq.broken);
	setup();
	ck_assert_int_eq(add(0), 0);
	vq.first_free = 0;
	ck_assert_int_eq(add(1), -XEN_EBUSY);
	ck_assert_ptr_nonnull(vq.broken);
	ck_assert_uint_eq(vq.avail_idx, 1);
}
END_TEST

START_TEST(no_more_descriptors_come_back_than_were_given)
{
	setup();
	ck_assert_int_eq(add(0), 0);
	ck_assert_int_eq(add(1), 0);
	vq.slot[0].nr = 3;
	ck_assert_ptr_null(done(0));
	ck_assert_ptr_nonnull(vq.broken);
}
END_TEST

SUITE(virtqueue)
{
	tcase_add_test(tc, what_is_added_comes_back);
	tcase_add_test(tc, a_chain_leads_from_part_to_part_and_ends);
	tcase_add_test(tc, a_descriptor_that_is_none_or_is_in_use_is_not_given_away);
	tcase_add_test(tc, no_more_descriptors_come_back_than_were_given);
}
