/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json_test.c - JSON text: what is read, what is refused, and that what is written can be read.
 */
#include "fake.h"

#include "json.h"

static struct json j;

static const char *parse(const char *text)
{
	/* Never freed: strings stay where they were read. */
	return json_parse(&j, fake_tight(text, strlen(text)), strlen(text));
}

START_TEST(members_are_found_by_their_key)
{
	int64_t n;
	size_t len;

	ck_assert_ptr_null(
		parse(" { \"id\" : 12 ,\"cmd\":\"list\", \"deep\":{\"id\":3,\"a\":[1,{\"id\":4}]},\"yes\":true,"
		      "\"no\":false, \"none\":null, \"minus\":-7, \"empty\":{}, \"e\":[] }\n"));
	ck_assert_int_eq(json_number(&j, "id", 0, 100, &n), 0);
	ck_assert_int_eq(n, 12);
	ck_assert_int_eq(json_number(&j, "id", 13, 100, &n), -1);
	ck_assert_int_eq(json_number(&j, "id", 0, 11, &n), -1);
	ck_assert_int_eq(json_number(&j, "cmd", 0, 100, &n), -1);
	ck_assert_int_eq(json_number(&j, "a", 0, 100, &n), -1);
	ck_assert_int_eq(json_number(&j, "minus", -7, 0, &n), 0);
	ck_assert_int_eq(n, -7);
	ck_assert_str_eq(json_string(&j, "cmd", &len), "list");
	ck_assert_uint_eq(len, 4);
	ck_assert_ptr_null(json_string(&j, "id", NULL));
	ck_assert_int_eq(json_true(&j, "yes"), 1);
	ck_assert_int_eq(json_true(&j, "no"), 0);
	ck_assert_int_eq(json_true(&j, "nowhere"), 0);
	ck_assert_int_eq(json_has(&j, "none"), 1);
	ck_assert_int_eq(json_has(&j, "a"), 0);
}
END_TEST

START_TEST(a_text_that_is_no_object_has_no_members)
{
	int64_t n;

	ck_assert_ptr_null(parse("[\"id\",1]"));
	ck_assert_int_eq(json_number(&j, "id", 0, 100, &n), -1);
	ck_assert_ptr_null(parse("5"));
	ck_assert_int_eq(json_has(&j, "id"), 0);
}
END_TEST

START_TEST(strings_hold_bytes)
{
	size_t len;
	const char *s;

	ck_assert_ptr_null(parse("{\"s\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e4\\u0000\xc3\xa4z\"}"));
	s = json_string(&j, "s", &len);
	ck_assert_uint_eq(len, 13);
	ck_assert_mem_eq(s, "\"\\/\b\f\n\r\tA\xe4\0\xe4z", 14);
}
END_TEST

static const char *const bad[] = {
	"",
	" ",
	"{",
	"[",
	"}",
	"{\"a\"",
	"{\"a\":",
	"{\"a\":1",
	"{\"a\":1,",
	"{\"a\":1,}",
	"{,}",
	"{\"a\" 1}",
	"{a:1}",
	"{1:1}",
	"[1,]",
	"[,1]",
	"[1 2]",
	"[1}",
	"{\"a\":1]",
	"1 2",
	"{} {}",
	"01",
	"-",
	"-a",
	"1.5",
	"1e3",
	"+1",
	"99999999999999999999",
	"9223372036854775808",
	"tru",
	"nul",
	"True",
	"\"",
	"\"a",
	"\"\\",
	"\"\\x\"",
	"\"\\u12\"",
	"\"\\u12g4\"",
	"\"\\u0100\"",
	"\"\t\"",
	"\"\x80\"",
	"\"\xc3\"",
	"\"\xc3z\"",
	"\"\xe2\x82\xac\"",
	"'a'",
	"[[[[[[[[[1]]]]]]]]]",
};

START_TEST(what_is_no_json_is_refused)
{
	ck_assert_msg(parse(bad[_i]) != NULL, "%s", bad[_i]);
}
END_TEST

START_TEST(depth_and_number_of_values_are_bounded)
{
	char text[3 * JSON_VALUES + 8] = "[0";

	ck_assert_ptr_null(parse("[[[[[[[[1]]]]]]]]"));
	for (unsigned i = 2; i < JSON_VALUES; i++)
		strcat(text, ",0");
	strcat(text, "]");
	ck_assert_ptr_null(parse(text));
	text[strlen(text) - 1] = 0;
	strcat(text, ",0]");
	ck_assert_str_eq(parse(text), "there are too many values");
}
END_TEST

START_TEST(what_is_written_can_be_read)
{
	char buf[400], bytes[256];
	struct json_out o;
	size_t len;
	int64_t n;

	for (unsigned i = 0; i < 256; i++)
		bytes[i] = (char)i;
	json_begin(&o, buf, sizeof(buf));
	json_open(&o, NULL, '{');
	json_put_number(&o, "n", INT64_MIN + 1);
	json_put_bool(&o, "b", 1);
	json_open(&o, "list", '[');
	json_put_number(&o, NULL, 1);
	json_open(&o, NULL, '{');
	json_close(&o, '}');
	json_put_string(&o, NULL, "x");
	json_close(&o, ']');
	json_put_bytes(&o, "s", bytes + 1, 40);
	json_close(&o, '}');
	ck_assert_int_eq(o.overflow, 0);
	ck_assert_ptr_null(json_parse(&j, buf, o.len));
	ck_assert_uint_eq(j.nr, 8);
	ck_assert_int_eq(json_number(&j, "n", INT64_MIN, 0, &n), 0);
	ck_assert_int_eq(n, INT64_MIN + 1);
	ck_assert_int_eq(json_true(&j, "b"), 1);
	ck_assert_mem_eq(json_string(&j, "s", &len), bytes + 1, 40);
	ck_assert_uint_eq(len, 40);
}
END_TEST

START_TEST(what_does_not_fit_is_remembered)
{
	char *buf = malloc(10);
	struct json_out o;

	json_begin(&o, buf, 10);
	json_put_string(&o, NULL, "12345678");
	ck_assert_int_eq(o.overflow, 0);
	json_begin(&o, buf, 10);
	json_put_string(&o, NULL, "123456789");
	ck_assert_int_eq(o.overflow, 1);
	ck_assert_uint_le(o.len, 10);
}
END_TEST

SUITE(json)
{
	tcase_add_test(tc, members_are_found_by_their_key);
	tcase_add_test(tc, a_text_that_is_no_object_has_no_members);
	tcase_add_test(tc, strings_hold_bytes);
	tcase_add_loop_test(tc, what_is_no_json_is_refused, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tc, depth_and_number_of_values_are_bounded);
	tcase_add_test(tc, what_is_written_can_be_read);
	tcase_add_test(tc, what_does_not_fit_is_remembered);
}
