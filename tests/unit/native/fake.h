/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fake.h - a native domain's surroundings on the host: a heap that can run dry, a log that is kept.
 */
#pragma once

#include "../test.h"

struct fake {
	unsigned allocated;  /* pieces of the heap in use		*/
	unsigned heap_fails; /* the n-th allocation from now fails, and all after it; 0: none */
	size_t heap_free;    /* what heap_free_bytes() says		*/
	char log[4096];	     /* what was printed			*/
	bool expect_panic;   /* a panic is the test's success		*/
};

extern struct fake fake;

/* Bytes [0, len) at the very end of accessible memory. */
void *fake_tight(const void *data, size_t len);
