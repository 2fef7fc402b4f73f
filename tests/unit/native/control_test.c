/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control_test.c - the control channel: each request has one answer, whatever the host sends and however
 * slowly it reads.
 */
#include "fake.h"

#include "console.h"
#include "control.h"
#include "log.h"

#define LINE 2

/* ---- in place of vmm/console.c: a line with so much room ---- */

static char sent[1 << 20];
static size_t sent_len, room;
static const char *typed;
static size_t typed_len;

int console_line_use(unsigned n, void (*user)(void))
{
	(void)user;
	return n == LINE ? 0 : -1;
}

size_t console_line_put(unsigned n, const char *bytes, size_t len)
{
	ck_assert_uint_eq(n, LINE);
	len = len < room ? len : room;
	memcpy(sent + sent_len, bytes, len);
	sent_len += len;
	room -= len;
	return len;
}

size_t console_line_take(unsigned n, char *buf, size_t size)
{
	ck_assert_uint_eq(n, LINE);
	size = size < typed_len ? size : typed_len;
	memcpy(buf, typed, size);
	typed += size;
	typed_len -= size;
	return size;
}

void consoles_pump(void)
{
}

/* ---- commands ---- */

static uint64_t waits;
static unsigned calls;

static const char *echo(const struct json *request, struct json_out *reply)
{
	const char *text = json_string(request, "text", NULL);

	calls++;
	if (!text)
		return "nothing to \"echo\"";
	json_put_string(reply, "text", text);
	return NULL;
}

static const char *large(const struct json *request, struct json_out *reply)
{
	int64_t n = 0;

	json_number(request, "n", 0, 100000, &n);
	for (int64_t i = 0; i < n; i++)
		json_put_string(reply, "x", "0123456789");
	return NULL;
}

static const char *slow(const struct json *request, struct json_out *reply)
{
	(void)request;
	(void)reply;
	waits = control_later();
	return CONTROL_LATER;
}

static const struct control_command commands[] = { { "echo", echo }, { "large", large }, { "slow", slow } };

static void setup(void)
{
	control_register(commands, 3);
	ck_assert_int_eq(control_open(LINE + 1), -1);
	ck_assert_int_eq(control_open(LINE), 0);
	room = sizeof(sent);
}

/* What is said to it, and what it says. */
static const char *say(const char *text)
{
	typed = text;
	typed_len = strlen(text);
	sent_len = 0;
	while (control_work())
		;
	sent[sent_len] = 0;
	return sent;
}

START_TEST(a_request_is_answered_with_its_number)
{
	ck_assert_str_eq(say("{\"id\":7,\"cmd\":\"echo\",\"text\":\"a\\\"b\"}\n"),
			 "{\"id\":7,\"ok\":true,\"text\":\"a\\\"b\"}\n");
	ck_assert_str_eq(say("{\"id\":0,\"cmd\":\"echo\"}\n"), "{\"id\":0,\"error\":\"nothing to \\\"echo\\\"\"}\n");
	ck_assert_str_eq(
		say("{\"cmd\":\"echo\",\"id\":1,\"text\":\"\"}\r\n\n{\"id\":2,\"cmd\":\"echo\",\"text\":\"x\"}\n"),
		"{\"id\":1,\"ok\":true,\"text\":\"\"}\n{\"id\":2,\"ok\":true,\"text\":\"x\"}\n");
}
END_TEST

START_TEST(what_is_no_request_is_refused)
{
	ck_assert_ptr_nonnull(strstr(say("hello\n"), "{\"error\":"));
	ck_assert_ptr_nonnull(strstr(say("{\"cmd\":\"echo\"}\n"), "'id' is missing"));
	ck_assert_ptr_nonnull(strstr(say("{\"id\":-1,\"cmd\":\"echo\"}\n"), "'id' is missing"));
	ck_assert_str_eq(say("{\"id\":5}\n"), "{\"id\":5,\"error\":\"'cmd' is missing\"}\n");
	ck_assert_str_eq(say("{\"id\":5,\"cmd\":\"nix\"}\n"), "{\"id\":5,\"error\":\"there is no such command\"}\n");
	ck_assert_uint_eq(calls, 0);
}
END_TEST

START_TEST(a_line_may_come_in_pieces)
{
	ck_assert_str_eq(say("{\"id\":1,\"cmd\":\"ec"), "");
	ck_assert_str_eq(say("ho\",\"text\":\"x\"}"), "");
	ck_assert_str_eq(say("\n"), "{\"id\":1,\"ok\":true,\"text\":\"x\"}\n");
}
END_TEST

START_TEST(a_line_that_is_too_long_is_skipped)
{
	char *text = calloc(1, 40000);

	memset(text, 'x', 30000);
	strcat(text, "\n{\"id\":1,\"cmd\":\"echo\",\"text\":\"x\"}\n");
	ck_assert_str_eq(say(text), "{\"error\":\"the line is too long\"}\n{\"id\":1,\"ok\":true,\"text\":\"x\"}\n");
}
END_TEST

START_TEST(an_answer_that_is_too_long_is_an_error)
{
	ck_assert_uint_gt(strlen(say("{\"id\":1,\"cmd\":\"large\",\"n\":1000}\n")), 10000);
	ck_assert_str_eq(say("{\"id\":1,\"cmd\":\"large\",\"n\":10000}\n"),
			 "{\"id\":1,\"error\":\"the answer is too long\"}\n");
}
END_TEST

START_TEST(an_answer_may_come_later)
{
	ck_assert_str_eq(say("{\"id\":9,\"cmd\":\"slow\"}\n"), "");
	control_answer(waits, NULL, 32);
	ck_assert_str_eq(say(""), "{\"id\":9,\"ok\":true,\"domid\":32}\n");
	say("{\"id\":10,\"cmd\":\"slow\"}\n");
	control_answer(waits, "no memory", 0);
	ck_assert_str_eq(say(""), "{\"id\":10,\"error\":\"no memory\"}\n");
}
END_TEST

START_TEST(requests_that_wait_are_bounded)
{
	unsigned nr = 0;

	while (!*say("{\"id\":1,\"cmd\":\"slow\"}\n"))
		ck_assert_uint_lt(++nr, 1000);
	ck_assert_ptr_nonnull(strstr(sent, "too many requests wait"));
	control_answer(waits, NULL, 0);
	say("");
	ck_assert_str_eq(say("{\"id\":1,\"cmd\":\"slow\"}\n"), "");
}
END_TEST

/* The host sends and sends and reads nothing; then it reads. */
START_TEST(no_answer_is_lost_to_a_host_that_does_not_read)
{
	static char text[600 * 64], *at = text;
	unsigned nr = 0, answers = 0;

	for (unsigned i = 0; i < 600; i++)
		at += sprintf(at, "{\"id\":%u,\"cmd\":\"large\",\"n\":100}\n", i);
	room = 0;
	typed = text;
	typed_len = strlen(text);
	sent_len = 0;
	while (control_work())
		;
	ck_assert_uint_gt(typed_len, 0); /* it stopped reading */
	for (; typed_len || nr != sent_len; room += 1000) {
		nr = (unsigned)sent_len;
		control_work();
		control_event("noise", "x", 1, NULL);
	}
	for (const char *p = sent; (p = strstr(p, "{\"id\":")); p++)
		ck_assert_int_eq(atoi(p + 6), answers++);
	ck_assert_uint_eq(answers, 600);
}
END_TEST

START_TEST(events_that_find_no_room_are_counted)
{
	unsigned told = 0;

	control_event("early", "x", 1, NULL);
	ck_assert_str_eq(say(""), "");
	say("{\"id\":1,\"cmd\":\"events\",\"on\":true}\n");
	control_event("started", "x", 33, "why");
	ck_assert_str_eq(say(""), "{\"event\":\"started\",\"guest\":\"x\",\"domid\":33,\"text\":\"why\"}\n");
	room = 0;
	for (unsigned i = 0; i < 10000; i++)
		control_event("started", "x", 33, "why");
	ck_assert_uint_eq(control_console_room(), 0);
	room = sizeof(sent);
	say("");
	for (const char *p = sent; (p = strstr(p, "\"started\"")); p++)
		told++;
	ck_assert_uint_gt(told, 100);
	ck_assert_ptr_nonnull(strstr(sent, "\"lost\""));
	ck_assert_uint_eq(atoi(strchr(strstr(sent, "\"lost\",\"events\":"), ':') + 1), 10000 - told);
	ck_assert_uint_gt(control_console_room(), 0);
}
END_TEST

START_TEST(the_log_is_read_from_any_place)
{
	char buf[16], big[1000];
	uint64_t at = 0, lost = 0;

	log_put("hello\n", 6);
	ck_assert_uint_eq(log_read(&at, &lost, buf, 4), 4);
	ck_assert_uint_eq(log_read(&at, &lost, buf, sizeof(buf)), 2);
	ck_assert_uint_eq(log_read(&at, &lost, buf, sizeof(buf)), 0);
	at = 999;
	ck_assert_uint_eq(log_read(&at, &lost, buf, sizeof(buf)), 0);
	ck_assert_uint_eq(at, 6);
	ck_assert_str_eq(say("{\"id\":1,\"cmd\":\"log\",\"from\":1}\n"),
			 "{\"id\":1,\"ok\":true,\"text\":\"ello\\n\",\"next\":6,\"end\":6}\n");
	memset(big, 'x', sizeof(big));
	for (unsigned i = 0; i < 70; i++)
		log_put(big, sizeof(big));
	at = 0;
	ck_assert_uint_eq(log_read(&at, &lost, buf, sizeof(buf)), sizeof(buf));
	ck_assert_uint_eq(lost, 70006 - LOG_SIZE);
	ck_assert_uint_eq(at, 70006 - LOG_SIZE + sizeof(buf));
}
END_TEST

START_TEST(log_and_console_are_told_as_events)
{
	say("{\"id\":1,\"cmd\":\"events\",\"on\":true}\n");
	log_put("hello\n", 6);
	ck_assert_str_eq(say(""), "{\"event\":\"log\",\"at\":0,\"text\":\"hello\\n\"}\n");
	control_console("x", 32, 1, "\xff\n", 2);
	ck_assert_str_eq(
		say(""),
		"{\"event\":\"console\",\"guest\":\"x\",\"domid\":32,\"console\":1,\"data\":\"\\u00ff\\n\"}\n");
}
END_TEST

SUITE(control)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_request_is_answered_with_its_number);
	tcase_add_test(tc, what_is_no_request_is_refused);
	tcase_add_test(tc, a_line_may_come_in_pieces);
	tcase_add_test(tc, a_line_that_is_too_long_is_skipped);
	tcase_add_test(tc, an_answer_that_is_too_long_is_an_error);
	tcase_add_test(tc, an_answer_may_come_later);
	tcase_add_test(tc, requests_that_wait_are_bounded);
	tcase_add_test(tc, no_answer_is_lost_to_a_host_that_does_not_read);
	tcase_add_test(tc, events_that_find_no_room_are_counted);
	tcase_add_test(tc, the_log_is_read_from_any_place);
	tcase_add_test(tc, log_and_console_are_told_as_events);
}
