/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_wire_test.c - both ends of a store connection: the server's, and the client's of runtime/.
 */
#include "fake.h"

#include <runtime/store_wire.h>

#include "../../../vmm/store_wire.h"
#include "store.h"

static struct xenstore_domain_interface page;
static struct store_conn *conn;
static struct store_message msg;
static unsigned rung;

static void ring_bell(void *arg)
{
	(void)arg;
	rung++;
}

static void setup(void)
{
	xs_dir("/local/domain/5", "n5");
	conn = store_conn_open(5, &page, ring_bell, NULL);
	ck_assert_ptr_nonnull(conn);
}

static void send_head(uint32_t type, uint32_t tx, size_t len)
{
	struct xsd_sockmsg head = { type, 77, tx, (uint32_t)len };

	ck_assert_int_eq(store_wire_put(&page, &head, sizeof(head)), sizeof(head));
}

/* Send; the server works. */
static void request(uint32_t type, uint32_t tx, const char *body, size_t len)
{
	send_head(type, tx, len);
	ck_assert_int_eq(store_wire_put(&page, body, len), (int)len);
	store_conn_work(conn);
}

/* The next message of the server: its type. */
static uint32_t answer(void)
{
	int taken = 0;

	msg.have = 0;
	ck_assert_int_eq(store_wire_take(&page, &msg, &taken), 1);
	return msg.head.type;
}

#define REQUEST(type, tx, body) request(type, tx, body, sizeof(body) - 1)

static void want_error(const char *name)
{
	ck_assert_uint_eq(answer(), XS_ERROR);
	ck_assert_str_eq(msg.payload, name);
}

static void want_ok(uint32_t type)
{
	uint32_t have = answer();

	ck_assert_msg(have == type, "type %u: %s", have, msg.payload);
	ck_assert_str_eq(msg.payload, "OK");
}

START_TEST(a_request_is_answered_under_its_own_number)
{
	REQUEST(XS_WRITE, 0, "data\0hello");
	want_ok(XS_WRITE);
	ck_assert_uint_eq(msg.head.req_id, 77);
	ck_assert_uint_ge(rung, 1);
	REQUEST(XS_READ, 0, "data\0");
	ck_assert_uint_eq(answer(), XS_READ);
	ck_assert_uint_eq(msg.head.len, 5);
	ck_assert_str_eq(msg.payload, "hello");
	REQUEST(XS_READ, 0, "nothing\0");
	want_error("ENOENT");
}
END_TEST

START_TEST(a_message_may_come_a_byte_at_a_time)
{
	struct xsd_sockmsg head = { XS_WRITE, 1, 0, 6 };
	char bytes[sizeof(head) + 6];

	memcpy(bytes, &head, sizeof(head));
	memcpy(bytes + sizeof(head), "x\0yyyy", 6);
	for (unsigned i = 0; i < sizeof(bytes); i++) {
		ck_assert_int_eq(store_wire_put(&page, &bytes[i], 1), 1);
		store_conn_work(conn);
	}
	want_ok(XS_WRITE);
}
END_TEST

START_TEST(a_body_of_the_wrong_form_is_an_error_and_no_more)
{
	static const uint32_t types[] = { XS_DIRECTORY,	      XS_READ,	XS_GET_PERMS, XS_WATCH, XS_UNWATCH,
					  XS_TRANSACTION_END, XS_WRITE, XS_MKDIR,     XS_RM,	XS_SET_PERMS };

	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		request(types[i], 0, "", 0);
		ck_assert_uint_eq(answer(), XS_ERROR);
		request(types[i], 0, "no end", 6);
		ck_assert_uint_eq(answer(), XS_ERROR);
		request(types[i], 0, "\0", 1);
		ck_assert_uint_eq(answer(), XS_ERROR);
	}
	REQUEST(99, 0, "x\0");
	want_error("ENOSYS");
	ck_assert_ptr_null(store_conn_broken(conn));
}
END_TEST

/* One string where two belong: nothing is behind it. */
START_TEST(permissions_that_are_missing_are_refused)
{
	char number[16];

	REQUEST(XS_WRITE, 0, "a\0x");
	want_ok(XS_WRITE);
	REQUEST(XS_SET_PERMS, 0, "a\0");
	want_error("EINVAL");
	REQUEST(XS_TRANSACTION_START, 0, "\0");
	ck_assert_uint_eq(answer(), XS_TRANSACTION_START);
	strcpy(number, msg.payload);
	REQUEST(XS_SET_PERMS, (uint32_t)atoi(number), "a\0");
	want_error("EINVAL");
	REQUEST(XS_TRANSACTION_END, (uint32_t)atoi(number), "T\0");
	answer();
	ck_assert_ptr_null(store_conn_broken(conn));
}
END_TEST

START_TEST(a_transaction_is_named_by_its_number)
{
	uint32_t tx;

	REQUEST(XS_TRANSACTION_START, 0, "\0");
	ck_assert_uint_eq(answer(), XS_TRANSACTION_START);
	tx = (uint32_t)atoi(msg.payload);
	REQUEST(XS_WRITE, tx, "a\0x");
	want_ok(XS_WRITE);
	REQUEST(XS_READ, 0, "a\0");
	want_error("ENOENT");
	REQUEST(XS_READ, tx + 1, "a\0");
	want_error("ENOENT");
	REQUEST(XS_TRANSACTION_START, tx, "\0");
	want_error("EBUSY");
	REQUEST(XS_TRANSACTION_END, tx, "X\0");
	want_error("EINVAL");
	REQUEST(XS_TRANSACTION_END, tx, "T\0");
	want_ok(XS_TRANSACTION_END);
	REQUEST(XS_READ, 0, "a\0");
	ck_assert_uint_eq(answer(), XS_READ);
	REQUEST(XS_TRANSACTION_END, tx, "T\0");
	want_error("ENOENT");
}
END_TEST

START_TEST(the_answer_to_a_watch_comes_before_its_first_event)
{
	REQUEST(XS_WRITE, 0, "a\0x");
	want_ok(XS_WRITE);
	REQUEST(XS_WATCH, 0, "a\0token\0");
	want_ok(XS_WATCH);
	ck_assert_uint_eq(answer(), XS_WATCH_EVENT);
	ck_assert_uint_eq(msg.head.len, 8);
	ck_assert_int_eq(memcmp(msg.payload, "a\0token", 8), 0);
	REQUEST(XS_WRITE, 0, "a/b\0y");
	ck_assert_uint_eq(answer(), XS_WATCH_EVENT);
	ck_assert_int_eq(memcmp(msg.payload, "a/b\0token", 10), 0);
	want_ok(XS_WRITE);
	REQUEST(XS_UNWATCH, 0, "a\0token\0");
	want_ok(XS_UNWATCH);
}
END_TEST

START_TEST(several_requests_at_once_are_answered_in_order)
{
	for (unsigned i = 0; i < 8; i++) {
		send_head(XS_READ, 0, 2);
		ck_assert_int_eq(store_wire_put(&page, i % 2 ? "a" : "b", 2), 2);
	}
	REQUEST(XS_WRITE, 0, "a\0x");
	for (unsigned i = 0; i < 8; i++)
		want_error("ENOENT");
	want_ok(XS_WRITE);
}
END_TEST

START_TEST(a_client_that_does_not_read_waits_and_costs_nothing_more)
{
	unsigned before, sent = 0;

	for (unsigned i = 0; i < 20000; i++) {
		struct xsd_sockmsg head = { XS_READ, 1, 0, 2 };

		if (page.req_prod - page.req_cons > XENSTORE_RING_SIZE - 18)
			break;
		store_wire_put(&page, &head, sizeof(head));
		store_wire_put(&page, "a", 2);
		sent++;
		store_conn_work(conn);
	}
	before = fake.allocated;
	ck_assert_uint_lt(sent, 20000);
	store_conn_work(conn);
	ck_assert_uint_eq(fake.allocated, before);
	ck_assert_ptr_null(store_conn_broken(conn));
	for (unsigned i = 0; i < sent; i++) {
		want_error("ENOENT");
		store_conn_work(conn);
	}
}
END_TEST

START_TEST(indices_that_cannot_be_end_this_connection_only)
{
	page.req_prod = page.req_cons + XENSTORE_RING_SIZE + 1;
	store_conn_work(conn);
	ck_assert_ptr_nonnull(store_conn_broken(conn));
	page.req_prod = page.req_cons;
	REQUEST(XS_READ, 0, "a\0");
	ck_assert_uint_eq(page.rsp_prod, 0);
}
END_TEST

START_TEST(reply_indices_that_cannot_be_end_it_as_well)
{
	page.rsp_cons = 5;
	REQUEST(XS_READ, 0, "a\0");
	ck_assert_ptr_nonnull(store_conn_broken(conn));
}
END_TEST

START_TEST(a_request_that_is_too_long_ends_the_connection)
{
	send_head(XS_WRITE, 0, XENSTORE_PAYLOAD_MAX + 1);
	store_conn_work(conn);
	ck_assert_ptr_nonnull(store_conn_broken(conn));
}
END_TEST

START_TEST(the_longest_request_is_taken_whole)
{
	static char body[XENSTORE_PAYLOAD_MAX];
	struct xsd_sockmsg head = { XS_WRITE, 1, 0, sizeof(body) };
	size_t at = 0;

	memset(body, 'v', sizeof(body));
	memcpy(body, "a", 2);
	store_wire_put(&page, &head, sizeof(head));
	while (at < sizeof(body)) {
		at += (size_t)store_wire_put(&page, body + at, sizeof(body) - at);
		store_conn_work(conn);
	}
	want_error("ENOSPC"); /* longer than a value may be */
	ck_assert_ptr_null(store_conn_broken(conn));
}
END_TEST

START_TEST(a_closed_connection_takes_all_it_had_along)
{
	unsigned before;

	store_conn_close(conn);
	before = fake.allocated;
	setup();
	memset(&page, 0, sizeof(page));
	for (unsigned i = 0; i < 5; i++) {
		REQUEST(XS_TRANSACTION_START, 0, "\0");
		REQUEST(XS_WATCH, 0, "a\0t\0");
	}
	store_conn_close(conn);
	ck_assert_uint_eq(fake.allocated, before);
}
END_TEST

START_TEST(errors_are_named_alike_at_both_ends)
{
	ck_assert_int_eq(store_wire_errno("ENOENT"), XEN_ENOENT);
	ck_assert_int_eq(store_wire_errno("EACCES"), XEN_EACCES);
	ck_assert_int_eq(store_wire_errno("EAGAIN"), XEN_EAGAIN);
	ck_assert_int_eq(store_wire_errno("ENOTEMPTY"), XEN_ENOTEMPTY);
	ck_assert_int_eq(store_wire_errno("EWHATEVER"), XEN_EIO);
	ck_assert_int_eq(store_wire_errno(""), XEN_EIO);
}
END_TEST

SUITE(store_wire)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_request_is_answered_under_its_own_number);
	tcase_add_test(tc, a_message_may_come_a_byte_at_a_time);
	tcase_add_test(tc, a_body_of_the_wrong_form_is_an_error_and_no_more);
	tcase_add_test(tc, permissions_that_are_missing_are_refused);
	tcase_add_test(tc, a_transaction_is_named_by_its_number);
	tcase_add_test(tc, the_answer_to_a_watch_comes_before_its_first_event);
	tcase_add_test(tc, several_requests_at_once_are_answered_in_order);
	tcase_add_test(tc, a_client_that_does_not_read_waits_and_costs_nothing_more);
	tcase_add_test(tc, indices_that_cannot_be_end_this_connection_only);
	tcase_add_test(tc, reply_indices_that_cannot_be_end_it_as_well);
	tcase_add_test(tc, a_request_that_is_too_long_ends_the_connection);
	tcase_add_test(tc, the_longest_request_is_taken_whole);
	tcase_add_test(tc, a_closed_connection_takes_all_it_had_along);
	tcase_add_test(tc, errors_are_named_alike_at_both_ends);
}
