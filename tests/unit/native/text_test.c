/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text_test.c - the runtime's strings and numbers (those that the host has as well under other names).
 */
#include "fake.h"

#include <runtime/string.h>

char *runtime_strchr(const char *s, int c);
char *runtime_strrchr(const char *s, int c);

START_TEST(strings_are_searched_as_in_c)
{
	static const char *const s[] = { "", "a", "ab", "abc", "abd", "\xff", "a\xff", "b", "aXbXc" };

	for (unsigned i = 0; i < 9; i++) {
		for (const char *c = "aXc\xffz";; c++) {
			ck_assert_ptr_eq(runtime_strchr(s[i], *c), strchr(s[i], *c));
			ck_assert_ptr_eq(runtime_strrchr(s[i], *c), strrchr(s[i], *c));
			if (!*c)
				break;
		}
	}
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
	tcase_add_test(tc, strings_are_searched_as_in_c);
	tcase_add_test(tc, a_number_is_read_up_to_its_last_digit);
}
