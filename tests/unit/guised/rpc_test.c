/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rpc_test.c - what a client sends, and what it gets for it.
 */
#include <dirent.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../test.h"

#include "events.h"
#include "fake.h"
#include "stream.h"

enum {
	OPEN = 1,
	CREATE = 9,
	DEFINE = 11,
	DESTROY = 12,
	XML = 14,
	LOOKUP = 23,
	UNDEFINE = 35,
	AUTOSTART = 29,
	CONSOLE = 201,
	METADATA = 264,
	LIST = 273,
	REGISTER = 316,
	LIFECYCLE = 318,
	ADDRESSES = 353
};
enum { PROGRAM = 0x20008086, PING = 1, KEEPALIVE = 0x6b656570 };

static const char *text;
static struct in in;

static int answer(struct client *c)
{
	fake_send(c);
	return fake_answer(c, &in, &text);
}

static int define(struct client *c, const char *xml)
{
	out_string(fake_call(c, DEFINE), xml);
	return answer(c);
}

/* A call about a domain alone, or with more behind it. */
static struct out *about(struct client *c, int procedure, const char *name)
{
	struct domain *d = domain_by_name(name);
	struct out *out = fake_call(c, procedure);

	ck_assert_ptr_nonnull(d);
	out_domain(out, d);
	return out;
}

static int ask(struct client *c, int procedure, const char *name)
{
	about(c, procedure, name);
	return answer(c);
}

START_TEST(nothing_is_answered_before_open)
{
	struct client *c = fake_client(false);

	ck_assert_int_eq(define(c, fake_xml("web", "", "")), ERROR_RPC);
	ck_assert_str_eq(text, "the connection is not open");
}
END_TEST

START_TEST(what_is_not_there_is_not_supported)
{
	struct client *c = fake_client(true);

	fake_call(c, 9999);
	ck_assert_int_eq(answer(c), ERROR_NO_SUPPORT);
	ck_assert_str_eq(text, "this function is not supported by the connection driver: procedure 9999");
}
END_TEST

START_TEST(a_body_that_is_cut_is_an_error)
{
	struct client *c = fake_client(true);

	out_u32(fake_call(c, DEFINE), 100); /* bytes, which do not follow */
	ck_assert_int_eq(answer(c), ERROR_RPC);
	out_u32(fake_call(c, LOOKUP), 0xffffffff);
	ck_assert_int_eq(answer(c), ERROR_RPC);
	ck_assert_ptr_nonnull(client_first());
}
END_TEST

START_TEST(an_impossible_length_ends_the_connection)
{
	static const char *const lengths[] = { "\0\0\0\0", "\0\0\0\x1b", "\x7f\xff\xff\xff" };
	struct client *c = fake_client(true);

	client_feed(c, lengths[_i], 4);
	ck_assert_ptr_null(client_first());
}
END_TEST

START_TEST(bytes_may_come_one_by_one)
{
	struct client *c = fake_client(true);
	size_t len;
	struct out *out = fake_call(c, LOOKUP);
	char *data;

	out_string(out, "web");
	data = out_finish(out, &len);
	for (size_t i = 0; i < len; i++)
		client_feed(c, data + i, 1);
	ck_assert_int_eq(fake_answer(c, &in, &text), ERROR_NO_DOMAIN);
	ck_assert_str_eq(text, "Domain not found: no domain with matching name 'web'");
}
END_TEST

START_TEST(a_reader_does_not_write)
{
	struct client *c = fake_client(false);
	struct out *out = fake_call(c, OPEN);

	out_optional(out, "guise:///system");
	out_u32(out, 1);
	ck_assert_int_eq(answer(c), 0);
	ck_assert_int_eq(define(c, fake_xml("web", "", "")), ERROR_OPERATION_DENIED);
	ck_assert_ptr_null(domain_first());
}
END_TEST

START_TEST(another_uri_is_refused)
{
	static const char *const uris[] = { "qemu:///system", "guise:///", "guise:///systems", "guise" };
	struct client *c = fake_client(false);
	struct out *out = fake_call(c, OPEN);

	out_optional(out, uris[_i]);
	out_u32(out, 0);
	ck_assert_int_eq(answer(c), ERROR_INVALID_ARG);
}
END_TEST

START_TEST(a_domain_lives)
{
	struct client *c = fake_client(true);

	ck_assert_int_eq(define(c, fake_xml("web", "", "")), 0);
	ck_assert_str_eq(in_string(&in), "web");
	ck_assert_int_eq(ask(c, DESTROY, "web"), ERROR_OPERATION_INVALID);
	ck_assert_int_eq(ask(c, CREATE, "web"), 0);
	ck_assert_int_eq(domain_by_name("web")->id, 32);
	ck_assert_int_eq(ask(c, CREATE, "web"), ERROR_OPERATION_INVALID);
	ck_assert_int_eq(ask(c, DESTROY, "web"), 0);
	fake_error = "the machine is full";
	ck_assert_int_eq(ask(c, CREATE, "web"), ERROR_OPERATION_FAILED);
	ck_assert_str_eq(text, "operation failed: the machine is full");
	ck_assert_int_eq(ask(c, UNDEFINE, "web"), 0);
	ck_assert_ptr_null(domain_first());
}
END_TEST

START_TEST(a_name_and_a_uuid_are_one_domains)
{
	struct client *c = fake_client(true);

	ck_assert_int_eq(define(c, fake_xml("a", "<uuid>11111111-2222-3333-4444-555555555555</uuid>", "")), 0);
	ck_assert_int_eq(define(c, fake_xml("b", "<uuid>11111111-2222-3333-4444-555555555555</uuid>", "")),
			 ERROR_DOM_EXIST);
	ck_assert_int_eq(define(c, fake_xml("a", "<uuid>11111111-2222-3333-4444-666666666666</uuid>", "")),
			 ERROR_DOM_EXIST);
	ck_assert_int_eq(
		define(c, fake_xml("a", "<uuid>11111111-2222-3333-4444-555555555555</uuid><title>x</title>", "")), 0);
	ck_assert_str_eq(domain_by_name("a")->def->title, "x");
	ck_assert_ptr_null(domain_first()->next);
}
END_TEST

static void first_daemon(void)
{
	struct client *c = fake_client(true);

	ck_assert_int_eq(define(c, fake_xml("web", "<title>x</title>", "")), 0);
	out_i32(about(c, AUTOSTART, "web"), 1);
	ck_assert_int_eq(answer(c), 0);
	ck_assert_int_eq(ask(c, CREATE, "web"), 0);
	ck_assert_int_eq(define(c, fake_xml("off", "", "")), 0);
	ck_assert_int_eq(ask(c, UNDEFINE, "off"), 0);
}

START_TEST(what_is_defined_is_there_for_the_next_daemon)
{
	pid_t pid = fork();
	struct domain *d;
	int status;

	if (!pid) {
		first_daemon();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	fake_again();
	d = domain_first();
	ck_assert(d && !d->next && d->persistent && d->autostart && d->was_running);
	ck_assert_str_eq(d->def->title, "x");
}
END_TEST

static struct domain *define_meanwhile(const char *more)
{
	struct error e = { 0 };
	struct def *def = def_parse(fake_xml("web", more, ""), &e);

	ck_assert_msg(def != NULL, "%s", e.text);
	return domain_define(def, &e);
}

static void somebody_defines_it(void)
{
	ck_assert_ptr_null(domain_by_name("web"));
	ck_assert_ptr_nonnull(define_meanwhile("<title>theirs</title>"));
}

static void somebody_changes_it(void)
{
	/* It is the other's turn first. */
	ck_assert(domain_by_name("web")->busy);
}

static void it_stops(void)
{
	domain_stopped(domain_by_name("web"), SHUTOFF_SHUTDOWN);
}

static unsigned files(void)
{
	char path[128];
	unsigned n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/domains", fake_config);
	dir = opendir(path);
	for (struct dirent *entry; (entry = readdir(dir));)
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

START_TEST(others_go_on_while_a_definition_is_written)
{
	struct client *c = fake_client(true);
	struct out *out;

	fake_disk = somebody_defines_it;
	ck_assert_int_eq(define(c, fake_xml("web", "", "")), ERROR_DOM_EXIST);
	ck_assert_uint_eq(files(), 1);
	fake_disk = somebody_changes_it;
	out = about(c, METADATA, "web");
	out_i32(out, 1);
	out_optional(out, "a title");
	out_optional(out, NULL);
	out_optional(out, NULL);
	out_u32(out, 0);
	ck_assert_int_eq(answer(c), 0);
	ck_assert_ptr_null(fake_disk);
	domain_vanish(domain_by_name("web"));
	fake_again();
	ck_assert_str_eq(domain_by_name("web")->def->title, "a title");
}
END_TEST

START_TEST(a_guest_may_stop_while_its_definition_is_written)
{
	struct client *c = fake_client(true);
	struct error e = { 0 };
	struct domain *d = domain_transient(def_parse(fake_xml("web", "", ""), &e), &e);
	char *xml = def_text(d->def, -1);

	domain_started(d, 32);
	fake_disk = it_stops;
	ck_assert_int_eq(define(c, xml), ERROR_NO_DOMAIN);
	ck_assert_ptr_null(domain_by_name("web"));
	ck_assert_uint_eq(files(), 0);
	ck_assert_int_eq(define(c, xml), 0);
	domain_started(domain_by_name("web"), 33);
	fake_disk = it_stops;
	ck_assert_int_eq(define(c, xml), 0);
	ck_assert_int_eq(domain_by_name("web")->id, -1);
	ck_assert_uint_eq(files(), 1);
}
END_TEST

static void it_is_changed(void)
{
	struct error e = { 0 };
	struct domain *d = domain_by_name("web");

	ck_assert(!d->busy);
	fake_up = NULL;
	ck_assert_ptr_eq(domain_define(def_set_metadata(d->def, 1, "theirs", NULL, NULL, &e), &e), d);
}

static void it_goes(void)
{
	struct error e = { 0 };

	ck_assert_int_eq(domain_undefine(domain_by_name("web"), &e), 0);
}

START_TEST(a_domain_may_change_while_its_machine_starts)
{
	struct client *c = fake_client(true);

	ck_assert_int_eq(define(c, fake_xml("web", "", "")), 0);
	fake_up = it_is_changed;
	ck_assert_int_eq(ask(c, CREATE, "web"), 0);
	ck_assert_ptr_null(fake_up);
	ck_assert_str_eq(domain_by_name("web")->def->title, "theirs");
	ck_assert_int_eq(ask(c, DESTROY, "web"), 0);
	fake_up = it_goes;
	ck_assert_int_eq(ask(c, CREATE, "web"), ERROR_NO_DOMAIN);
	ck_assert_ptr_null(domain_first());
	fake_up = NULL;
}
END_TEST

START_TEST(a_running_domain_keeps_what_it_runs_with)
{
	struct client *c = fake_client(true);
	const char *uuid = "<uuid>11111111-2222-3333-4444-555555555555</uuid>";
	char more[128];
	struct domain *d;

	snprintf(more, sizeof(more), "%s<title>new</title>", uuid);
	ck_assert_int_eq(define(c, fake_xml("web", uuid, "")), 0);
	ck_assert_int_eq(ask(c, CREATE, "web"), 0);
	ck_assert_int_eq(define(c, fake_xml("web", more, "")), 0);
	d = domain_by_name("web");
	ck_assert_ptr_null(d->def->title);
	ck_assert_str_eq(domain_persistent(d)->title, "new");
	ck_assert_int_eq(ask(c, DESTROY, "web"), 0);
	ck_assert_str_eq(d->def->title, "new");
}
END_TEST

START_TEST(events_go_to_those_who_asked)
{
	struct client *a = fake_client(true), *b = fake_client(true);
	struct wire_header h;
	struct out *out;
	int seen = 0;

	out = fake_call(a, REGISTER);
	out_i32(out, EVENT_ID_LIFECYCLE);
	out_u32(out, 0);
	ck_assert_int_eq(answer(a), 0);
	ck_assert_int_eq(define(b, fake_xml("web", "", "")), 0);
	ck_assert_int_eq(ask(b, CREATE, "web"), 0);
	while (fake_next(a, &h, &in)) {
		ck_assert_int_eq(h.procedure, LIFECYCLE);
		ck_assert_uint_eq(h.type, WIRE_MESSAGE);
		in_i32(&in);
		ck_assert_str_eq(in_string(&in), "web");
		seen++;
	}
	ck_assert_int_eq(seen, 2); /* defined, started */
	ck_assert(!fake_next(b, &h, &in));
}
END_TEST

static struct client *with_console(void)
{
	struct client *c = fake_client(true);
	struct out *out;

	if (!domain_by_name("web")) {
		ck_assert_int_eq(define(c, fake_xml("web", "", "")), 0);
		ck_assert_int_eq(ask(c, CREATE, "web"), 0);
	}
	out = about(c, CONSOLE, "web");
	out_optional(out, NULL);
	out_u32(out, 0);
	ck_assert_int_eq(answer(c), 0);
	return c;
}

static void type(struct client *c, enum wire_status status, const char *data, size_t len)
{
	struct wire_header h = { PROGRAM, 1, CONSOLE, WIRE_STREAM_DATA, fake_serial(), status };
	struct out out;
	char *message;
	size_t size;

	out_init(&out, &h);
	out_bytes(&out, data, len);
	message = out_finish(&out, &size);
	client_feed(c, message, size);
	free(message);
}

START_TEST(a_console_goes_both_ways)
{
	struct client *c = with_console();
	struct wire_header h;

	type(c, WIRE_CONTINUE, "ls\n", 3);
	ck_assert_uint_eq(fake_input_len, 3);
	ck_assert_mem_eq(fake_input, "ls\n", 3);
	stream_output(domain_by_name("web"), 0, "bin", 3);
	ck_assert(fake_next(c, &h, &in));
	ck_assert_uint_eq(h.type, WIRE_STREAM_DATA);
	ck_assert_uint_eq(h.status, WIRE_CONTINUE);
	ck_assert_uint_eq(in_left(&in), 3);
	ck_assert_int_eq(ask(c, DESTROY, "web"), 0);
}
END_TEST

START_TEST(a_console_has_one_reader)
{
	struct client *c = with_console(), *other = fake_client(true);
	struct wire_header h;
	struct out *out = about(other, CONSOLE, "web");

	out_optional(out, NULL);
	out_u32(out, 0);
	ck_assert_int_eq(answer(other), ERROR_OPERATION_FAILED);
	out = about(other, CONSOLE, "web");
	out_optional(out, NULL);
	out_u32(out, 1); /* force */
	ck_assert_int_eq(answer(other), 0);
	ck_assert(fake_next(c, &h, &in));
	ck_assert_uint_eq(h.status, WIRE_ERROR);
}
END_TEST

START_TEST(a_guest_that_does_not_read_holds_its_client_up)
{
	struct client *c = with_console();
	static char much[200000];

	type(c, WIRE_CONTINUE, much, sizeof(much));
	ck_assert(streams_full(c));
	for (int i = 0; streams_full(c) && i < 1000; i++)
		fake_taken();
	ck_assert(!streams_full(c));
}
END_TEST

START_TEST(the_end_of_a_stream_is_answered)
{
	struct client *c = with_console();
	struct wire_header h;

	type(c, WIRE_OK, NULL, 0);
	ck_assert(fake_next(c, &h, &in));
	ck_assert_uint_eq(h.type, WIRE_STREAM_DATA);
	ck_assert_uint_eq(h.status, WIRE_OK);
	ck_assert_ptr_null(c->streams);
	type(c, WIRE_OK, NULL, 0); /* again, when it is gone */
	ck_assert(fake_next(c, &h, &in));
}
END_TEST

START_TEST(a_client_that_goes_leaves_nothing)
{
	struct client *c = with_console();
	struct domain *d = domain_by_name("web");

	client_drop(c, NULL);
	stream_output(d, 0, "x", 1);
	ck_assert_uint_eq(d->refs, 1);
	with_console();
}
END_TEST

START_TEST(more_clients_than_there_may_be_are_refused)
{
	for (unsigned i = 0; i < CLIENT_MAX; i++)
		ck_assert_ptr_nonnull(client_new(dup(0)));
	ck_assert_ptr_null(client_new(dup(0)));
}
END_TEST

START_TEST(a_ping_is_answered)
{
	struct wire_header h = { KEEPALIVE, 1, PING, WIRE_MESSAGE, 0, WIRE_OK };
	struct client *c = fake_client(false);
	struct out out;
	size_t len;
	char *data;

	out_init(&out, &h);
	data = out_finish(&out, &len);
	client_feed(c, data, len);
	ck_assert(fake_next(c, &h, &in));
	ck_assert_uint_eq(h.program, KEEPALIVE);
	ck_assert_int_eq(h.procedure, 2);
}
END_TEST

START_TEST(a_cards_address_is_that_of_its_guest)
{
	struct client *c = fake_client(true);

	ck_assert_int_eq(
		define(c, fake_xml("web", "", "<interface type='user'><mac address='00:16:3e:01:02:03'/></interface>")),
		0);
	out_u32(about(c, ADDRESSES, "web"), 2);
	ck_assert_int_eq(answer(c), ERROR_OPERATION_INVALID);
	ck_assert_int_eq(ask(c, CREATE, "web"), 0);
	for (unsigned source = 0; source < 4; source++) {
		struct out *out = about(c, ADDRESSES, "web");

		out_u32(out, source);
		out_u32(out, 0);
		if (source & 1) { /* an agent, and what is unknown	*/
			ck_assert_int_eq(answer(c), ERROR_NO_SUPPORT);
			continue;
		}
		ck_assert_int_eq(answer(c), 0);
		ck_assert_uint_eq(in_u32(&in), 1);
		ck_assert_str_eq(in_string(&in), "vif32.0");
		ck_assert_str_eq(in_optional(&in), "00:16:3e:01:02:03");
		ck_assert_uint_eq(in_u32(&in), 2);
		ck_assert_int_eq(in_i32(&in), 0);
		ck_assert_str_eq(in_string(&in), "10.0.2.15");
		ck_assert_uint_eq(in_u32(&in), 0);
		ck_assert_int_eq(in_i32(&in), 1);
		ck_assert_str_eq(in_string(&in), "fe80::1");
		ck_assert_uint_eq(in_u32(&in), 0);
	}
}
END_TEST

SUITE(guised_rpc)
{
	tcase_add_checked_fixture(tc, fake_begin, NULL);
	tcase_add_test(tc, nothing_is_answered_before_open);
	tcase_add_test(tc, what_is_not_there_is_not_supported);
	tcase_add_test(tc, a_body_that_is_cut_is_an_error);
	tcase_add_loop_test(tc, an_impossible_length_ends_the_connection, 0, 3);
	tcase_add_test(tc, bytes_may_come_one_by_one);
	tcase_add_test(tc, a_reader_does_not_write);
	tcase_add_loop_test(tc, another_uri_is_refused, 0, 4);
	tcase_add_test(tc, a_domain_lives);
	tcase_add_test(tc, a_name_and_a_uuid_are_one_domains);
	tcase_add_test(tc, what_is_defined_is_there_for_the_next_daemon);
	tcase_add_test(tc, others_go_on_while_a_definition_is_written);
	tcase_add_test(tc, a_guest_may_stop_while_its_definition_is_written);
	tcase_add_test(tc, a_domain_may_change_while_its_machine_starts);
	tcase_add_test(tc, a_running_domain_keeps_what_it_runs_with);
	tcase_add_test(tc, events_go_to_those_who_asked);
	tcase_add_test(tc, a_console_goes_both_ways);
	tcase_add_test(tc, a_console_has_one_reader);
	tcase_add_test(tc, a_guest_that_does_not_read_holds_its_client_up);
	tcase_add_test(tc, the_end_of_a_stream_is_answered);
	tcase_add_test(tc, a_client_that_goes_leaves_nothing);
	tcase_add_test(tc, more_clients_than_there_may_be_are_refused);
	tcase_add_test(tc, a_ping_is_answered);
	tcase_add_test(tc, a_cards_address_is_that_of_its_guest);
}
