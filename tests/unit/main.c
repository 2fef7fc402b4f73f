/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - run every suite that is linked in: a line for each, what failed, and Check's total.
 *
 * TEST_SUITE=name runs one, TEST_SEED=number repeats the random numbers of an earlier run.
 */
#include <time.h>

#include "test.h"

static struct test_suite *suites;
static uint64_t seed, state;

void test_suite_register(struct test_suite *s)
{
	struct test_suite **at = &suites;

	while (*at && strcmp((*at)->name, s->name) < 0)
		at = &(*at)->next;
	s->next = *at;
	*at = s;
}

/* splitmix64 */
uint64_t test_random(void)
{
	uint64_t z = (state += 0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

uint64_t test_below(uint64_t n)
{
	return test_random() % n;
}

static void reseed(void)
{
	state = seed;
}

static SRunner *runner_of(const struct test_suite *s)
{
	Suite *suite = suite_create(s->name);
	TCase *tc = tcase_create(s->name);

	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, reseed, NULL);
	s->fill(tc);
	suite_add_tcase(suite, tc);
	return srunner_create(suite);
}

static void print_failures(SRunner *r)
{
	TestResult **results = srunner_failures(r);

	for (int i = 0; i < srunner_ntests_failed(r); i++)
		printf("    FAILED %s: %s:%d: %s\n", tr_tcname(results[i]), tr_lfile(results[i]), tr_lno(results[i]),
		       tr_msg(results[i]));
	free(results);
}

int main(void)
{
	const char *only = getenv("TEST_SUITE"), *text = getenv("TEST_SEED");
	int run = 0, failed = 0;

	seed = text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL);
	printf("TEST_SEED=%llu\n", (unsigned long long)seed);
	for (const struct test_suite *s = suites; s; s = s->next) {
		SRunner *r;

		if (only && strcmp(only, s->name))
			continue;
		r = runner_of(s);
		srunner_run_all(r, CK_SILENT);
		run += srunner_ntests_run(r);
		failed += srunner_ntests_failed(r);
		printf("  %-20s %3d passed, %d failed\n", s->name, srunner_ntests_run(r) - srunner_ntests_failed(r),
		       srunner_ntests_failed(r));
		print_failures(r);
		fflush(stdout);
		srunner_free(r);
	}
	printf("%d%%: Checks: %d, Failures: %d, Errors: 0\n", run ? 100 * (run - failed) / run : 0, run, failed);
	return failed || !run ? EXIT_FAILURE : EXIT_SUCCESS;
}
