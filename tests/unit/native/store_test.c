/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_test.c - the tree: who may read and write what, quotas, watches.
 */
#include "fake.h"

#include <runtime/xen.h>

#include "store.h"

static char got[64][600];
static unsigned nr_got;

static void note(uint16_t dom, const char *path, const char *token, void *arg)
{
	(void)arg;
	if (nr_got < 64)
		snprintf(got[nr_got++], sizeof(got[0]), "%u:%s:%s", dom, path, token);
}

static int put(uint16_t dom, const char *path, const char *value)
{
	return xs_write(NULL, dom, path, value, strlen(value));
}

static const char *get(uint16_t dom, const char *path)
{
	static char text[XS_VALUE + 1];
	const char *value;
	size_t len;
	int rc = xs_read(NULL, dom, path, &value, &len);

	if (rc) {
		snprintf(text, sizeof(text), "%d", rc);
	} else {
		memcpy(text, value, len);
		text[len] = 0;
	}
	return text;
}

static int perms(uint16_t dom, const char *path, const char *p, size_t len)
{
	return xs_set_perms(NULL, dom, path, p, len);
}

#define PERMS(dom, path, p) perms(dom, path, p, sizeof(p) - 1)

/* A home for domain 5, as the builder makes it. */
static void setup(void)
{
	ck_assert_int_eq(xs_dir("/local/domain/5", "n5"), 0);
	ck_assert_int_eq(xs_dir("/local/domain/6", "n6"), 0);
	fake.log[0] = 0;
	nr_got = 0;
}

START_TEST(what_was_written_is_read)
{
	ck_assert_int_eq(put(5, "data/x", "hello"), 0);
	ck_assert_str_eq(get(5, "data/x"), "hello");
	ck_assert_str_eq(get(5, "/local/domain/5/data/x"), "hello");
	ck_assert_int_eq(put(5, "data/x", ""), 0);
	ck_assert_str_eq(get(5, "data/x"), "");
	ck_assert_str_eq(get(5, "data"), "");
	ck_assert_str_eq(get(5, "none"), "-2");
	ck_assert_int_eq(xs_write(NULL, 5, "data/x", get(5, "data/x"), XS_VALUE + 1), -XEN_ENOSPC);
}
END_TEST

START_TEST(a_path_that_cannot_be_is_refused)
{
	static const char *const bad[] = { "", "a//b", "a/", "/a/", "//", "a b", "a\"", "\xff", "a\\b", "a*" };
	char longest[XS_PATH + 8];

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_eq(put(5, bad[i], "x"), -XEN_EINVAL);
		ck_assert_int_eq(xs_rm(NULL, 5, bad[i]), -XEN_EINVAL);
		ck_assert_int_eq(xs_watch(5, bad[i], "t", note, NULL), -XEN_EINVAL);
	}
	memset(longest, 'a', sizeof(longest));
	longest[0] = '/';
	longest[XS_PATH - 1] = 0;
	ck_assert_int_eq(put(0, longest, "x"), 0);
	longest[XS_PATH - 1] = 'a';
	longest[XS_PATH] = 0;
	ck_assert_int_eq(put(0, longest, "x"), -XEN_EINVAL);
	longest[0] = 'a';
	longest[XS_PATH - strlen("/local/domain/5/")] = 0;
	ck_assert_int_eq(put(5, longest, "x"), -XEN_EINVAL);
	longest[XS_PATH - strlen("/local/domain/5/") - 1] = 0;
	ck_assert_int_eq(put(5, longest, "x"), 0);
	ck_assert_int_eq(put(0, "@special", "x"), -XEN_EINVAL);
}
END_TEST

START_TEST(a_domain_reads_and_writes_only_what_it_may)
{
	ck_assert_int_eq(xs_dir("/vm", "n0"), 0);
	ck_assert_int_eq(put(0, "/vm/secret", "s"), 0);
	ck_assert_str_eq(get(5, "/vm/secret"), "-13");
	ck_assert_int_eq(put(5, "/vm/secret", "x"), -XEN_EACCES);
	ck_assert_int_eq(put(5, "/vm/new", "x"), -XEN_EACCES);
	ck_assert_int_eq(put(5, "/local/domain/6/x", "x"), -XEN_EACCES);
	ck_assert_int_eq(xs_rm(NULL, 5, "/vm/secret"), -XEN_EACCES);
	ck_assert_int_eq(xs_rm(NULL, 5, "/local/domain/5"), -XEN_EACCES);
	ck_assert_int_eq(xs_rm(NULL, 0, "/"), -XEN_EINVAL);
	ck_assert_int_eq(PERMS(5, "/vm/secret", "n5"), -XEN_EACCES);
	ck_assert_int_eq(put(5, "mine", "x"), 0);
	ck_assert_str_eq(get(6, "/local/domain/5/mine"), "-13");
	ck_assert_int_eq(PERMS(5, "mine", "n5\0r6"), 0);
	ck_assert_str_eq(get(6, "/local/domain/5/mine"), "x");
	ck_assert_int_eq(put(6, "/local/domain/5/mine", "y"), -XEN_EACCES);
	ck_assert_int_eq(PERMS(5, "mine", "r5\0b6"), 0);
	ck_assert_int_eq(put(6, "/local/domain/5/mine", "y"), 0);
	ck_assert_str_eq(get(7, "/local/domain/5/mine"), "y");
	ck_assert_int_eq(PERMS(5, "mine", "b5\0n6"), 0);
	ck_assert_str_eq(get(6, "/local/domain/5/mine"), "-13");
	ck_assert_int_eq(put(7, "/local/domain/5/mine", "z"), 0);
	ck_assert_int_eq(PERMS(5, "mine", "n6"), -XEN_EACCES); /* an owner cannot give its node away */
}
END_TEST

START_TEST(a_new_node_belongs_to_whoever_made_it)
{
	char buf[64];

	ck_assert_int_eq(PERMS(0, "/local/domain/5", "b5\0r6"), 0);
	ck_assert_int_eq(put(7, "/local/domain/5/a/b", "x"), 0);
	ck_assert_int_eq(xs_get_perms(NULL, 7, "/local/domain/5/a/b", buf, sizeof(buf)), 6);
	ck_assert_int_eq(memcmp(buf, "b7\0r6", 6), 0);
	ck_assert_int_eq(put(0, "/local/domain/5/c", "x"), 0);
	ck_assert_int_eq(xs_get_perms(NULL, 0, "/local/domain/5/c", buf, sizeof(buf)), 6);
	ck_assert_int_eq(memcmp(buf, "b5\0r6", 6), 0);
}
END_TEST

START_TEST(permissions_that_cannot_be_are_refused)
{
	static const char *const bad[] = { "", "x5", "n", "nx", "n5x", "5", "n99999", "n0x10z", "r" };

	ck_assert_int_eq(put(5, "mine", "x"), 0);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(perms(0, "/local/domain/5/mine", bad[i], strlen(bad[i])), -XEN_EINVAL);
	ck_assert_int_eq(PERMS(0, "/local/domain/5/mine", "n5\0r1\0r2\0r3\0r4\0r6\0r7\0r8\0r9"), -XEN_EINVAL);
	ck_assert_int_eq(PERMS(0, "/local/domain/5/mine", "n5\0r1\0r2\0r3\0r4\0r6\0r7\0r8"), 0);
	ck_assert_int_eq(PERMS(0, "/none", "n5"), -XEN_ENOENT);
}
END_TEST

START_TEST(children_are_listed_with_their_nuls)
{
	char buf[64];
	int len;

	ck_assert_int_eq(xs_list(NULL, 5, "/local/domain/5", buf, sizeof(buf)), 0);
	put(5, "aa", "1");
	put(5, "b/c", "2");
	len = xs_list(NULL, 5, "/local/domain/5", buf, sizeof(buf));
	ck_assert_int_eq(len, 5);
	ck_assert(!memcmp(buf, "aa\0b\0", 5) || !memcmp(buf, "b\0aa\0", 5));
	ck_assert_int_eq(xs_list(NULL, 5, "/local/domain/5", buf, 4), -XEN_E2BIG);
	ck_assert_int_eq(xs_list(NULL, 5, "/vm", buf, sizeof(buf)), -XEN_ENOENT);
}
END_TEST

START_TEST(removing_takes_all_below_along)
{
	unsigned before = fake.allocated;

	put(5, "t/a/b/c", "1");
	put(5, "t/a/d", "2");
	put(5, "t/e", "3");
	ck_assert_int_eq(xs_rm(NULL, 5, "t"), 0);
	ck_assert_str_eq(get(5, "t/a/b/c"), "-2");
	ck_assert_str_eq(get(5, "t"), "-2");
	ck_assert_uint_eq(fake.allocated, before);
}
END_TEST

START_TEST(removing_what_is_not_there_is_no_error_where_its_parent_is)
{
	ck_assert_int_eq(xs_rm(NULL, 5, "nothing"), 0);
	ck_assert_int_eq(xs_rm(NULL, 5, "nothing/below"), -XEN_ENOENT);
	ck_assert_int_eq(xs_rm(NULL, 5, "/local/domain/6/nothing"), -XEN_EACCES);
}
END_TEST

START_TEST(a_domain_has_no_more_nodes_than_its_quota)
{
	char path[XS_PATH];
	unsigned nr = 0;
	int rc;

	/* Deep ones count for all that they make. */
	do {
		snprintf(path, sizeof(path), "n%u/a/b/c/d/e/f/g", nr);
		rc = put(5, path, "");
		nr += !rc;
	} while (!rc);
	ck_assert_int_eq(rc, -XEN_ENOSPC);
	ck_assert_uint_le(nr * 8, XS_NODES);
	ck_assert_str_eq(get(5, path), "-2");
	ck_assert_int_eq(put(6, "x", "1"), 0); /* nobody else suffers */
	ck_assert_int_eq(put(5, "n0/a", "still writable"), 0);
	ck_assert_int_eq(xs_rm(NULL, 5, "n0"), 0);
	ck_assert_int_eq(put(5, path, ""), 0);
}
END_TEST

START_TEST(a_domain_has_no_more_bytes_of_values_than_its_quota)
{
	static char value[XS_VALUE];
	char path[32];
	unsigned nr = 0;

	memset(value, 'v', sizeof(value));
	do
		snprintf(path, sizeof(path), "/local/domain/5/%u", nr);
	while (!xs_write(NULL, 5, path, value, sizeof(value)) && ++nr);
	ck_assert_uint_eq(nr, XS_BYTES / XS_VALUE);
	ck_assert_str_eq(get(5, path), "-2"); /* not made by half */
	ck_assert_int_eq(put(5, "small", ""), 0);
	ck_assert_int_eq(put(5, "small", "x"), -XEN_ENOSPC);
	ck_assert_int_eq(put(5, "0", "less"), 0);
	ck_assert_int_eq(put(5, "small", "x"), 0);
	/* A node of another's that it may write counts for that other. */
	ck_assert_int_eq(put(6, "open", ""), 0);
	ck_assert_int_eq(PERMS(6, "open", "b6"), 0);
	ck_assert_int_eq(xs_write(NULL, 5, "/local/domain/6/open", value, sizeof(value)), 0);
	ck_assert_int_eq(xs_write(NULL, 0, "/local/domain/5/builder", value, sizeof(value)), 0);
}
END_TEST

/* ---- watches ---- */

START_TEST(a_watch_fires_at_once_and_for_all_below)
{
	ck_assert_int_eq(xs_watch(5, "device", "tok", note, NULL), 0);
	ck_assert_uint_eq(nr_got, 1);
	ck_assert_str_eq(got[0], "5:device:tok");
	put(5, "device/vbd/0", "x");
	put(5, "devices", "x");
	put(5, "device", "x");
	ck_assert_uint_eq(nr_got, 3);
	ck_assert_str_eq(got[1], "5:device/vbd/0:tok");
	ck_assert_str_eq(got[2], "5:device:tok");
}
END_TEST

START_TEST(a_watch_below_what_is_removed_fires)
{
	put(5, "a/b/c", "x");
	xs_watch(5, "a/b/c", "t", note, NULL);
	nr_got = 0;
	ck_assert_int_eq(xs_rm(NULL, 5, "a"), 0);
	ck_assert_uint_eq(nr_got, 1);
	ck_assert_str_eq(got[0], "5:a/b/c:t");
}
END_TEST

START_TEST(a_watcher_learns_nothing_that_it_may_not_read)
{
	ck_assert_int_eq(xs_watch(6, "/local/domain/5", "t", note, NULL), 0);
	nr_got = 0;
	put(5, "secret/plan", "x");
	ck_assert_uint_eq(nr_got, 0);
	ck_assert_int_eq(xs_rm(NULL, 5, "secret"), 0);
	ck_assert_uint_eq(nr_got, 0);
	ck_assert_int_eq(put(5, "open", "x"), 0);
	ck_assert_int_eq(PERMS(5, "open", "r5"), 0);
	nr_got = 0;
	ck_assert_int_eq(put(5, "open", "y"), 0);
	ck_assert_uint_eq(nr_got, 1);
}
END_TEST

START_TEST(watches_are_told_apart_by_path_and_token)
{
	ck_assert_int_eq(xs_watch(5, "a", "t", note, NULL), 0);
	ck_assert_int_eq(xs_watch(5, "a", "t", note, NULL), -XEN_EEXIST);
	ck_assert_int_eq(xs_watch(5, "a", "u", note, NULL), 0);
	ck_assert_int_eq(xs_watch(6, "/local/domain/5/a", "t", note, NULL), 0);
	ck_assert_int_eq(xs_unwatch(5, "a", "v"), -XEN_ENOENT);
	ck_assert_int_eq(xs_unwatch(5, "a", "t"), 0);
	ck_assert_int_eq(xs_unwatch(5, "a", "t"), -XEN_ENOENT);
	nr_got = 0;
	put(5, "a", "x");
	ck_assert_uint_eq(nr_got, 1);
}
END_TEST

START_TEST(watches_of_a_domain_are_limited_and_go_with_it)
{
	char token[16];
	unsigned nr = 0, before = fake.allocated;

	do
		snprintf(token, sizeof(token), "%u", nr);
	while (xs_watch(5, "a", token, note, NULL) == 0 && ++nr);
	ck_assert_uint_eq(nr, XS_WATCHES);
	xs_forget(5);
	ck_assert_uint_eq(fake.allocated, before);
	nr_got = 0;
	put(5, "a", "x");
	ck_assert_uint_eq(nr_got, 0);
}
END_TEST

START_TEST(special_events_reach_those_who_asked)
{
	xs_watch(0, "@releaseDomain", "t", note, NULL);
	nr_got = 0;
	xs_fire_special("@releaseDomain");
	xs_fire_special("@introduceDomain");
	ck_assert_uint_eq(nr_got, 1);
	ck_assert_str_eq(got[0], "0:@releaseDomain:t");
}
END_TEST

START_TEST(an_empty_heap_is_an_error_and_no_more)
{
	for (unsigned n = 1; n < 40; n++) {
		const char *value;
		size_t len;
		int rc;

		fake.heap_fails = n;
		rc = put(5, "deep/er/and/deeper", "value");
		fake.heap_fails = 0;
		if (!rc)
			return;
		ck_assert_int_eq(rc, -XEN_ENOMEM);
		ck_assert_int_eq(xs_read(NULL, 5, "deep/er/and/deeper", &value, &len), -XEN_ENOENT);
		ck_assert_int_eq(xs_read(NULL, 5, "deep", &value, &len), -XEN_ENOENT);
	}
	ck_abort_msg("40 allocations for one write");
}
END_TEST

SUITE(store)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, what_was_written_is_read);
	tcase_add_test(tc, a_path_that_cannot_be_is_refused);
	tcase_add_test(tc, a_domain_reads_and_writes_only_what_it_may);
	tcase_add_test(tc, a_new_node_belongs_to_whoever_made_it);
	tcase_add_test(tc, permissions_that_cannot_be_are_refused);
	tcase_add_test(tc, children_are_listed_with_their_nuls);
	tcase_add_test(tc, removing_takes_all_below_along);
	tcase_add_test(tc, removing_what_is_not_there_is_no_error_where_its_parent_is);
	tcase_add_test(tc, a_domain_has_no_more_nodes_than_its_quota);
	tcase_add_test(tc, a_domain_has_no_more_bytes_of_values_than_its_quota);
	tcase_add_test(tc, a_watch_fires_at_once_and_for_all_below);
	tcase_add_test(tc, a_watch_below_what_is_removed_fires);
	tcase_add_test(tc, a_watcher_learns_nothing_that_it_may_not_read);
	tcase_add_test(tc, watches_are_told_apart_by_path_and_token);
	tcase_add_test(tc, watches_of_a_domain_are_limited_and_go_with_it);
	tcase_add_test(tc, special_events_reach_those_who_asked);
	tcase_add_test(tc, an_empty_heap_is_an_error_and_no_more);
}
