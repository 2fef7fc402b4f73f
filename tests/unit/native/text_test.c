/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text_test.c - the runtime's strings, formats and numbers (those that the host has as well under
 * other names).
 */
#include "fake.h"

#include <runtime/string.h>

void *runtime_memcpy(void *to, const void *from, size_t len);
void *runtime_memmove(void *to, const void *from, size_t len);
void *runtime_memset(void *to, int byte, size_t len);
int runtime_memcmp(const void *a, const void *b, size_t len);
size_t runtime_strlen(const char *s);
size_t runtime_strnlen(const char *s, size_t max);
int runtime_strcmp(const char *a, const char *b);
int runtime_strncmp(const char *a, const char *b, size_t max);
char *runtime_strchr(const char *s, int c);
char *runtime_strrchr(const char *s, int c);
int runtime_snprintf(char *to, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int sign(int x)
{
	return (x > 0) - (x < 0);
}

START_TEST(memory_is_copied_and_compared_as_in_c)
{
	uint8_t a[200], b[200];

	for (unsigned step = 0; step < 20000; step++) {
		size_t from = test_below(100), to = test_below(100), n = test_below(100);
		int c = (int)test_below(256);

		for (unsigned i = 0; i < 200; i++)
			a[i] = b[i] = (uint8_t)test_below(4);
		switch (test_below(4)) {
		case 0:
			check_that(runtime_memmove(a + to, a + from, n) == a + to);
			memmove(b + to, b + from, n);
			break;
		case 1:
			check_that(runtime_memset(a + to, c, n) == a + to);
			memset(b + to, c, n);
			break;
		case 2:
			n = n < 50 ? n : 50;
			check_that(runtime_memcpy(a + 100 + to / 2, a + from / 2, n) == a + 100 + to / 2);
			memcpy(b + 100 + to / 2, b + from / 2, n);
			break;
		default:
			check_that(sign(runtime_memcmp(a + to, a + from, n)) == sign(memcmp(a + to, a + from, n)));
		}
		check_that(memcmp(a, b, sizeof(a)) == 0);
	}
}
END_TEST

START_TEST(strings_are_searched_as_in_c)
{
	static const char *const s[] = { "", "a", "ab", "abc", "abd", "\xff", "a\xff", "b", "aXbXc" };

	for (unsigned i = 0; i < 9; i++) {
		ck_assert_uint_eq(runtime_strlen(s[i]), strlen(s[i]));
		ck_assert_uint_eq(runtime_strnlen(s[i], 2), strnlen(s[i], 2));
		for (const char *c = "aXc\xffz";; c++) {
			ck_assert_ptr_eq(runtime_strchr(s[i], *c), strchr(s[i], *c));
			ck_assert_ptr_eq(runtime_strrchr(s[i], *c), strrchr(s[i], *c));
			if (!*c)
				break;
		}
		for (unsigned k = 0; k < 9; k++) {
			ck_assert_int_eq(sign(runtime_strcmp(s[i], s[k])), sign(strcmp(s[i], s[k])));
			for (size_t n = 0; n < 5; n++)
				ck_assert_int_eq(sign(runtime_strncmp(s[i], s[k], n)), sign(strncmp(s[i], s[k], n)));
		}
	}
}
END_TEST

#define SAME(...)                                                                   \
	do {                                                                        \
		char mine[80], theirs[80];                                          \
		int n = runtime_snprintf(mine, sizeof(mine), __VA_ARGS__);          \
                                                                                    \
		ck_assert_int_eq(n, snprintf(theirs, sizeof(theirs), __VA_ARGS__)); \
		ck_assert_str_eq(mine, theirs);                                     \
	} while (0)

START_TEST(text_is_formatted_as_in_c)
{
	SAME("%d %i %u", -5, 0, 4000000000u);
	SAME("%x %X %08x %-8x|", 0xbeef, 0xbeef, 0x1f, 0x1f);
	SAME("%5d|%-5d|%05d|%05d|", 42, 42, 42, -42);
	SAME("%ld %lu %lx %lld %llu", -9223372036854775807l - 1, ~0ul, 0x123456789abcdeful, -1ll, ~0ull);
	SAME("%s|%10s|%-10s|%.3s|%.*s|%*s|", "abc", "abc", "abc", "abcdef", 2, "abcdef", 6, "abc");
	SAME("%c%c%% %3c|%-3c|", 'a', 'b', 'c', 'd');
	SAME("%zu %hu %hhu %hd", (size_t)77, (unsigned short)65535, (unsigned char)255, (short)-7);
	SAME("%d %d", -2147483647 - 1, 2147483647);
	SAME("%p", (void *)0x1234);
	SAME("%.0s|%5.2s|", "abc", "abc");
}
END_TEST

START_TEST(text_that_does_not_fit_is_cut_and_ended)
{
	for (size_t size = 0; size < 12; size++) {
		char buf[16];

		memset(buf, '#', sizeof(buf));
		ck_assert_int_eq(runtime_snprintf(buf, size, "%s%d", "hello ", 1234), 10);
		for (size_t i = size; i < sizeof(buf); i++)
			ck_assert_int_eq(buf[i], '#');
		if (size) {
			ck_assert_uint_eq(strlen(buf), size > 10 ? 10 : size - 1);
			ck_assert_int_eq(strncmp(buf, "hello 1234", size - 1), 0);
		}
	}
}
END_TEST

START_TEST(a_string_with_a_precision_needs_no_end)
{
	char *text = fake_tight("abc", 3), buf[16];

	ck_assert_int_eq(runtime_snprintf(buf, sizeof(buf), "%.3s", text), 3);
	ck_assert_str_eq(buf, "abc");
	free(text);
}
END_TEST

static uint64_t parse(const char *s, int *used)
{
	const char *end;
	uint64_t n = parse_u64(s, &end);

	*used = (int)(end - s);
	ck_assert_uint_eq(parse_u64(s, NULL), n);
	return n;
}

START_TEST(a_number_is_read_up_to_its_last_digit)
{
	static const struct {
		const char *text;
		uint64_t value;
		int used;
	} cases[] = { { "0", 0, 1 },
		      { "42,7", 42, 2 },
		      { "007", 7, 3 },
		      { "0x1F", 31, 4 },
		      { "0XaBg", 0xab, 4 },
		      { "0x", 0, 1 },
		      { "0xg", 0, 1 },
		      { "", 0, 0 },
		      { "-1", 0, 0 },
		      { " 1", 0, 0 },
		      { "18446744073709551615", ~0ull, 20 },
		      { "18446744073709551616x", ~0ull, 20 },
		      { "99999999999999999999999", ~0ull, 23 },
		      { "0xffffffffffffffff", ~0ull, 18 },
		      { "0x10000000000000000", ~0ull, 19 },
		      { "1a", 1, 1 } };

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int used;
		uint64_t n = parse(cases[i].text, &used);

		ck_assert_msg(n == cases[i].value && used == cases[i].used, "\"%s\": %lu, %d characters", cases[i].text,
			      n, used);
	}
}
END_TEST

SUITE(text)
{
	tcase_add_test(tc, memory_is_copied_and_compared_as_in_c);
	tcase_add_test(tc, strings_are_searched_as_in_c);
	tcase_add_test(tc, text_is_formatted_as_in_c);
	tcase_add_test(tc, text_that_does_not_fit_is_cut_and_ended);
	tcase_add_test(tc, a_string_with_a_precision_needs_no_end);
	tcase_add_test(tc, a_number_is_read_up_to_its_last_digit);
}
