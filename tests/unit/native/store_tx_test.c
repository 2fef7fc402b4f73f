/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_tx_test.c - transactions: all or nothing, and as if nobody else had been there.
 */
#include "fake.h"

#include <runtime/xen.h>

#include "store.h"

static unsigned events;

static void note(uint16_t dom, const char *path, const char *token, void *arg)
{
	(void)dom;
	(void)path;
	(void)token;
	(void)arg;
	events++;
}

static void setup(void)
{
	fake.heap_free = 1000; /* what there is at the start */
	ck_assert_int_eq(xs_dir("/local/domain/5", "b5"), 0);
	ck_assert_int_eq(xs_dir("/local/domain/6", "n6"), 0);
}

static int put(struct xs_tx *tx, const char *path, const char *value)
{
	return xs_write(tx, 5, path, value, strlen(value));
}

static bool is(struct xs_tx *tx, const char *path, const char *want)
{
	const char *value;
	size_t len;

	if (xs_read(tx, 5, path, &value, &len))
		return !want;
	return want && len == strlen(want) && !memcmp(value, want, len);
}

static struct xs_tx *begin(void)
{
	int id = xs_tx_start(5);

	ck_assert_int_gt(id, 0);
	return xs_tx_find(5, (uint32_t)id);
}

START_TEST(nothing_shows_before_the_end)
{
	struct xs_tx *tx = begin();

	ck_assert_int_eq(put(tx, "a", "1"), 0);
	ck_assert(is(tx, "a", "1"));
	ck_assert(is(NULL, "a", NULL));
	ck_assert_int_eq(xs_tx_end(tx, 1), 0);
	ck_assert(is(NULL, "a", "1"));
}
END_TEST

START_TEST(an_aborted_transaction_changes_nothing)
{
	struct xs_tx *tx;

	put(NULL, "a", "0");
	tx = begin();
	put(tx, "a", "1");
	put(tx, "b", "1");
	xs_rm(tx, 5, "a");
	ck_assert_int_eq(xs_tx_end(tx, 0), 0);
	ck_assert(is(NULL, "a", "0"));
	ck_assert(is(NULL, "b", NULL));
}
END_TEST

START_TEST(a_change_of_what_was_read_makes_it_begin_again)
{
	struct xs_tx *tx;

	put(NULL, "a", "0");
	tx = begin();
	ck_assert(is(tx, "a", "0"));
	ck_assert_int_eq(put(tx, "b", "1"), 0);
	put(NULL, "a", "9");
	ck_assert(is(tx, "a", "0"));
	ck_assert_int_eq(xs_tx_end(tx, 1), -XEN_EAGAIN);
	ck_assert(is(NULL, "b", NULL));
}
END_TEST

START_TEST(what_was_missing_and_appeared_is_a_conflict)
{
	struct xs_tx *tx = begin();

	ck_assert(is(tx, "a", NULL));
	put(tx, "b", "1");
	put(NULL, "a", "9");
	ck_assert_int_eq(xs_tx_end(tx, 1), -XEN_EAGAIN);
}
END_TEST

START_TEST(a_directory_that_was_listed_and_grew_is_a_conflict)
{
	struct xs_tx *tx;
	char buf[64];

	put(NULL, "d/x", "0");
	tx = begin();
	ck_assert_int_gt(xs_list(tx, 5, "d", buf, sizeof(buf)), 0);
	put(tx, "b", "1");
	put(NULL, "d/y", "9");
	ck_assert_int_eq(xs_tx_end(tx, 1), -XEN_EAGAIN);
}
END_TEST

START_TEST(an_own_change_does_not_hide_anothers)
{
	struct xs_tx *tx;
	char buf[64];

	put(NULL, "d/x", "0");
	tx = begin();
	put(tx, "d/mine", "1");
	ck_assert_int_gt(xs_list(tx, 5, "d", buf, sizeof(buf)), 0);
	put(NULL, "d/y", "9");
	ck_assert_int_eq(xs_tx_end(tx, 1), -XEN_EAGAIN);
}
END_TEST

START_TEST(changes_elsewhere_are_no_conflict)
{
	struct xs_tx *tx;

	put(NULL, "a", "0");
	put(NULL, "far/away", "0");
	tx = begin();
	ck_assert(is(tx, "a", "0"));
	put(tx, "a", "1");
	put(tx, "new/below", "1");
	put(tx, "new/below", "2");
	xs_rm(tx, 5, "new");
	put(tx, "new/below", "3");
	put(NULL, "far/away", "9");
	ck_assert_int_eq(xs_tx_end(tx, 1), 0);
	ck_assert(is(NULL, "a", "1"));
	ck_assert(is(NULL, "new/below", "3"));
}
END_TEST

START_TEST(two_that_write_the_same_cannot_both_win)
{
	struct xs_tx *one = begin(), *two = begin();

	put(one, "a", "1");
	put(two, "a", "2");
	ck_assert_int_eq(xs_tx_end(one, 1), 0);
	ck_assert_int_eq(xs_tx_end(two, 1), -XEN_EAGAIN);
	ck_assert(is(NULL, "a", "1"));
}
END_TEST

START_TEST(a_change_that_was_refused_is_not_made_at_the_end)
{
	struct xs_tx *tx = begin();

	ck_assert_int_eq(put(tx, "/local/domain/6/x", "1"), -XEN_EACCES);
	ck_assert_int_eq(put(tx, "a", "1"), 0);
	/* Now it would be allowed. */
	ck_assert_int_eq(xs_set_perms(NULL, 0, "/local/domain/6", "b6", 2), 0);
	ck_assert_int_eq(xs_tx_end(tx, 1), 0);
	ck_assert(is(NULL, "/local/domain/6/x", NULL));
	ck_assert(is(NULL, "a", "1"));
}
END_TEST

START_TEST(a_commit_makes_all_changes_or_none)
{
	struct xs_tx *tx = begin();

	ck_assert_int_eq(put(tx, "a", "1"), 0);
	ck_assert_int_eq(put(tx, "/local/domain/5/sub/x", "1"), 0);
	ck_assert_int_eq(put(tx, "z", "1"), 0);
	/* Meanwhile the home is taken away from it. */
	ck_assert_int_eq(xs_set_perms(NULL, 0, "/local/domain/5", "n0", 2), 0);
	ck_assert_int_ne(xs_tx_end(tx, 1), 0);
	ck_assert_int_eq(xs_set_perms(NULL, 0, "/local/domain/5", "b5", 2), 0);
	ck_assert(is(NULL, "a", NULL));
	ck_assert(is(NULL, "sub", NULL));
	ck_assert(is(NULL, "z", NULL));
}
END_TEST

START_TEST(two_commits_together_keep_the_quota)
{
	struct xs_tx *one = begin(), *two = begin();
	char path[32];
	unsigned nr = 0;
	int rc;

	for (unsigned i = 0; i < 100; i++) {
		snprintf(path, sizeof(path), "one%u/a/b/c/d/e", i);
		ck_assert_int_eq(put(one, path, ""), 0);
		snprintf(path, sizeof(path), "two%u/a/b/c/d/e", i);
		ck_assert_int_eq(put(two, path, ""), 0);
	}
	ck_assert_int_eq(xs_tx_end(one, 1), 0);
	rc = xs_tx_end(two, 1);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(path, sizeof(path), "two%u", i);
		nr += is(NULL, path, "");
	}
	ck_assert_int_ne(rc, 0);
	ck_assert_uint_eq(nr, 0);
}
END_TEST

START_TEST(watches_fire_at_the_commit_only)
{
	struct xs_tx *tx;

	xs_watch(5, "a", "t", note, NULL);
	events = 0;
	tx = begin();
	put(tx, "a", "1");
	put(tx, "a/b", "1");
	ck_assert_uint_eq(events, 0);
	xs_tx_end(tx, 1);
	ck_assert_uint_eq(events, 2);
	tx = begin();
	put(tx, "a", "2");
	xs_tx_end(tx, 0);
	ck_assert_uint_eq(events, 2);
}
END_TEST

START_TEST(transactions_are_limited_and_belong_to_their_domain)
{
	unsigned before = fake.allocated, nr = 0;
	int id = 0, rc;

	while ((rc = xs_tx_start(5)) > 0) {
		id = rc;
		nr++;
	}
	ck_assert_int_eq(rc, -XEN_ENOSPC);
	ck_assert_uint_eq(nr, XS_TRANSACTIONS);
	ck_assert_ptr_null(xs_tx_find(6, (uint32_t)id));
	ck_assert_ptr_null(xs_tx_find(5, 0));
	ck_assert_int_gt(xs_tx_start(6), 0);
	xs_forget(5);
	xs_forget(6);
	ck_assert_uint_eq(fake.allocated, before);
}
END_TEST

START_TEST(the_last_memory_is_not_for_guests_transactions)
{
	fake.heap_free = 249;
	ck_assert_int_eq(xs_tx_start(5), -XEN_ENOSPC);
	ck_assert_int_gt(xs_tx_start(0), 0);
	fake.heap_free = 251;
	ck_assert_int_gt(xs_tx_start(5), 0);
}
END_TEST

START_TEST(a_transaction_has_no_more_changes_than_its_quota)
{
	struct xs_tx *tx = begin();
	unsigned nr = 0;

	while (put(tx, "a", "x") == 0)
		nr++;
	ck_assert_uint_eq(nr, XS_TX_OPS);
	ck_assert_int_eq(xs_tx_end(tx, 1), 0);
}
END_TEST

START_TEST(an_empty_heap_leaves_transaction_and_tree_whole)
{
	for (unsigned n = 1; n < 200; n++) {
		unsigned before = fake.allocated;
		struct xs_tx *tx;
		int id, rc = 0;

		fake.heap_fails = n;
		id = xs_tx_start(5);
		tx = id > 0 ? xs_tx_find(5, (uint32_t)id) : NULL;
		for (unsigned i = 0; tx && i < 4; i++)
			rc |= put(tx, "deep/er/and/deeper", "1") | put(tx, "b", "1");
		if (tx)
			rc |= xs_tx_end(tx, 1);
		fake.heap_fails = 0;
		if (tx && !rc) {
			ck_assert(is(NULL, "deep/er/and/deeper", "1"));
			return;
		}
		ck_assert(!is(NULL, "deep/er/and/deeper", "1") || is(NULL, "b", "1") || rc);
		xs_rm(NULL, 5, "deep");
		xs_rm(NULL, 5, "b");
		ck_assert_uint_eq(fake.allocated, before);
	}
	ck_abort_msg("it never has enough");
}
END_TEST

SUITE(store_tx)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, nothing_shows_before_the_end);
	tcase_add_test(tc, an_aborted_transaction_changes_nothing);
	tcase_add_test(tc, a_change_of_what_was_read_makes_it_begin_again);
	tcase_add_test(tc, what_was_missing_and_appeared_is_a_conflict);
	tcase_add_test(tc, a_directory_that_was_listed_and_grew_is_a_conflict);
	tcase_add_test(tc, an_own_change_does_not_hide_anothers);
	tcase_add_test(tc, changes_elsewhere_are_no_conflict);
	tcase_add_test(tc, two_that_write_the_same_cannot_both_win);
	tcase_add_test(tc, a_change_that_was_refused_is_not_made_at_the_end);
	tcase_add_test(tc, a_commit_makes_all_changes_or_none);
	tcase_add_test(tc, two_commits_together_keep_the_quota);
	tcase_add_test(tc, watches_fire_at_the_commit_only);
	tcase_add_test(tc, transactions_are_limited_and_belong_to_their_domain);
	tcase_add_test(tc, the_last_memory_is_not_for_guests_transactions);
	tcase_add_test(tc, a_transaction_has_no_more_changes_than_its_quota);
	tcase_add_test(tc, an_empty_heap_leaves_transaction_and_tree_whole);
}
