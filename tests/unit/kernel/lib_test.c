/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lib_test.c - strings and printing of the kernel and of native domains (under other names, since the host
 * has its own), and the archive reader.
 */
#include "../test.h"

#include <archive.h>
#include <stdarg.h>
#include <stdlib.h>

void *kernel_memcpy(void *d, const void *s, size_t n);
void *kernel_memmove(void *d, const void *s, size_t n);
void *kernel_memset(void *d, int c, size_t n);
int kernel_memcmp(const void *a, const void *b, size_t n);
size_t kernel_strlen(const char *s);
size_t kernel_strnlen(const char *s, size_t max);
int kernel_strcmp(const char *a, const char *b);
int kernel_strncmp(const char *a, const char *b, size_t n);
int kernel_snprintf(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

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
			check_that(kernel_memmove(a + to, a + from, n) == a + to);
			memmove(b + to, b + from, n);
			break;
		case 1:
			check_that(kernel_memset(a + to, c, n) == a + to);
			memset(b + to, c, n);
			break;
		case 2:
			n = n < 50 ? n : 50;
			check_that(kernel_memcpy(a + 100 + to / 2, a + from / 2, n) == a + 100 + to / 2);
			memcpy(b + 100 + to / 2, b + from / 2, n);
			break;
		default:
			check_that(sign(kernel_memcmp(a + to, a + from, n)) == sign(memcmp(a + to, a + from, n)));
		}
		check_that(memcmp(a, b, sizeof(a)) == 0);
	}
}
END_TEST

START_TEST(strings_are_compared_as_in_c)
{
	static const char *const s[] = { "", "a", "ab", "abc", "abd", "\xff", "a\xff", "b" };

	for (unsigned i = 0; i < 8; i++) {
		ck_assert_uint_eq(kernel_strlen(s[i]), strlen(s[i]));
		ck_assert_uint_eq(kernel_strnlen(s[i], 2), strnlen(s[i], 2));
		for (unsigned k = 0; k < 8; k++) {
			ck_assert_int_eq(sign(kernel_strcmp(s[i], s[k])), sign(strcmp(s[i], s[k])));
			for (size_t n = 0; n < 5; n++)
				ck_assert_int_eq(sign(kernel_strncmp(s[i], s[k], n)), sign(strncmp(s[i], s[k], n)));
		}
	}
}
END_TEST

#define SAME(...)                                                                   \
	do {                                                                        \
		char mine[80], theirs[80];                                          \
		int n = kernel_snprintf(mine, sizeof(mine), __VA_ARGS__);           \
                                                                                    \
		ck_assert_int_eq(n, snprintf(theirs, sizeof(theirs), __VA_ARGS__)); \
		ck_assert_str_eq(mine, theirs);                                     \
	} while (0)

START_TEST(text_is_formatted_as_in_c)
{
	SAME("%d %u", -5, 4000000000u);
	SAME("%x %08x %8x|", 0xbeef, 0x1f, 0x1f);
	SAME("%5d|%05d|%05d|%5d|", 42, 42, -42, -42);
	SAME("%ld %lu %lx %lld %llu", -9223372036854775807l - 1, ~0ul, 0x123456789abcdeful, -1ll, ~0ull);
	SAME("%s|%10s|%2s|", "abc", "abc", "abc");
	SAME("%c%c%% %3c|", 'a', 'b', 'c');
	SAME("%zu", (size_t)77);
	SAME("%d %d", -2147483647 - 1, 2147483647);
	SAME("%p", (void *)0x1234);
}
END_TEST

START_TEST(text_that_does_not_fit_is_cut_and_ended)
{
	for (size_t size = 0; size < 12; size++) {
		char buf[16];

		memset(buf, '#', sizeof(buf));
		ck_assert_int_eq(kernel_snprintf(buf, size, "%s%d", "hello ", 1234), 10);
		for (size_t i = size; i < sizeof(buf); i++)
			ck_assert_int_eq(buf[i], '#');
		if (size) {
			ck_assert_uint_eq(strlen(buf), size > 10 ? 10 : size - 1);
			ck_assert_int_eq(strncmp(buf, "hello 1234", size - 1), 0);
		}
	}
}
END_TEST

/* ---- the archive ---- */

static char archive[4096];
static size_t archive_len;

static void add(const char *name, const char *data)
{
	archive_len = (archive_len + 3) & ~3ul;
	archive_len += (size_t)sprintf(archive + archive_len,
				       "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 1, 0100644, 0, 0,
				       1, 0, (unsigned)strlen(data), 0, 0, 0, 0, (unsigned)strlen(name) + 1, 0);
	strcpy(archive + archive_len, name);
	archive_len = (archive_len + strlen(name) + 1 + 3) & ~3ul;
	memcpy(archive + archive_len, data, strlen(data));
	archive_len += strlen(data);
}

static void archive_make(void)
{
	memset(archive, 0, sizeof(archive));
	archive_len = 0;
	add("vmm", "first");
	add("drivers/a", "");
	add("guise.cfg", "guests = []\n");
	add("TRAILER!!!", "");
}

START_TEST(a_file_is_found_by_its_exact_name)
{
	size_t size;

	archive_make();
	ck_assert_int_eq(memcmp(archive_find(archive, archive_len, "vmm", &size), "first", 5), 0);
	ck_assert_uint_eq(size, 5);
	ck_assert_ptr_nonnull(archive_find(archive, archive_len, "drivers/a", &size));
	ck_assert_uint_eq(size, 0);
	ck_assert_ptr_nonnull(archive_find(archive, archive_len, "guise.cfg", &size));
	ck_assert_uint_eq(size, 12);
	ck_assert_ptr_null(archive_find(archive, archive_len, "vm", &size));
	ck_assert_ptr_null(archive_find(archive, archive_len, "vmm2", &size));
	ck_assert_ptr_null(archive_find(archive, archive_len, "drivers", &size));
	ck_assert_ptr_null(archive_find(archive, archive_len, "", &size));
}
END_TEST

/* In memory of exactly that size: the sanitizer sees a read beyond. */
START_TEST(a_damaged_archive_is_never_read_beyond_its_end)
{
	archive_make();
	for (unsigned step = 0; step < 20000; step++) {
		size_t len = test_below(archive_len + 1), size = 0;
		char *copy = malloc(len ? len : 1);
		const char *found;

		memcpy(copy, archive, len);
		for (uint64_t n = test_below(4); n && len; n--)
			copy[test_below(len)] = "0f \0/7"[test_below(6)];
		found = archive_find(copy, len, test_below(2) ? "guise.cfg" : "nothing", &size);
		check_that(!found || (found >= copy && size <= len && found + size <= copy + len));
		free(copy);
	}
}
END_TEST

SUITE(lib)
{
	tcase_add_test(tc, memory_is_copied_and_compared_as_in_c);
	tcase_add_test(tc, strings_are_compared_as_in_c);
	tcase_add_test(tc, text_is_formatted_as_in_c);
	tcase_add_test(tc, text_that_does_not_fit_is_cut_and_ended);
	tcase_add_test(tc, a_file_is_found_by_its_exact_name);
	tcase_add_test(tc, a_damaged_archive_is_never_read_beyond_its_end);
}
