# SPDX-License-Identifier: BSD-2-Clause
# In the guest, under bash: address spaces that come and go, shared and private pages, protections, on all CPUs.
# Prints nothing if all is well.  ENABLED: the features that must be on, or none where there is no Guise.
# shellcheck shell=bash
set -eu
if [ -n "$ENABLED" ]; then
	mount -t debugfs none /sys/kernel/debug
	grep -qx "enabled $ENABLED" /sys/kernel/debug/guise/features || {
		echo "features: $(tr '\n' ' ' < /sys/kernel/debug/guise/features)"
		exit 1
	}
fi
[ "$(nproc)" = "$CPUS" ] || { echo "$(nproc) CPUs, not $CPUS"; exit 1; }
cat > /tmp/pages.c <<- 'END'
	#define _GNU_SOURCE
	#include <pthread.h>
	#include <sched.h>
	#include <setjmp.h>
	#include <signal.h>
	#include <stdint.h>
	#include <stdio.h>
	#include <stdlib.h>
	#include <string.h>
	#include <sys/mman.h>
	#include <sys/wait.h>
	#include <unistd.h>
	#define PAGES 300
	#define SIZE (PAGES * 4096ul)
	static volatile uint32_t sink;
	static pthread_key_t back; /* of this thread, a sigjmp_buf */
	static void caught(int sig) { siglongjmp(pthread_getspecific(back), 1); }
	static void fail(const char *what) { printf("%s\n", what); fflush(stdout); _exit(1); }
	static int refused(volatile uint32_t *p, int write)
	{
		sigjmp_buf here;
		pthread_setspecific(back, &here);
		if (sigsetjmp(here, 1))
			return 1;
		if (write)
			*p = 0xdead;
		else
			sink = *p; /* tcc would not load what nobody takes */
		return 0;
	}
	static void fill(uint32_t *p, uint32_t seed)
	{
		for (unsigned i = 0; i < PAGES; i++)
			p[i * 1024] = seed + i;
	}
	static void check(uint32_t *p, uint32_t seed, const char *what)
	{
		for (unsigned i = 0; i < PAGES; i++)
			if (p[i * 1024] != seed + i)
				fail(what);
	}
	/* Nobody else has mappings between base and base + 17 * SIZE. */
	static void round_of(char *base, uint32_t seed)
	{
		uint32_t *p = mmap(base, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), *q;
		int status;
		pid_t child;
		fill(p, seed);
		child = fork();
		if (!child) {
			check(p, seed, "a child does not see what its parent wrote");
			fill(p, ~seed);
			check(p, ~seed, "a child does not see what it wrote");
			_exit(0);
		}
		fill(p, seed + 1);
		if (waitpid(child, &status, 0) != child || status)
			fail("a child failed");
		check(p, seed + 1, "a parent sees what its child wrote");
		mprotect(p, SIZE, PROT_READ);
		if (!refused(p + 5 * 1024, 1) || refused(p + 6 * 1024, 0))
			fail("a read-only page");
		mprotect(p, SIZE, PROT_NONE);
		if (!refused(p + 7 * 1024, 0))
			fail("a page without access");
		mprotect(p, SIZE, PROT_READ | PROT_WRITE);
		check(p, seed + 1, "after mprotect");
		q = mremap(p, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, base + 16 * SIZE);
		if (q == MAP_FAILED)
			fail("mremap");
		check(q, seed + 1, "after mremap");
		if (!refused(p, 0))
			fail("a page that was moved is still there");
		madvise(q, SIZE, MADV_DONTNEED);
		for (unsigned i = 0; i < PAGES; i++)
			if (q[i * 1024])
				fail("a page that was given up is not empty");
		munmap(q, SIZE);
		if (!refused(q + 9 * 1024, 0))
			fail("a page that was unmapped is still there");
	}
	/* Large pages that are shared, copied, split and moved; without any it is the same with small ones. */
	#define LARGE (2ul << 20)
	#define LARGES 8
	static void large_check(uint32_t *p, uint32_t seed, size_t from, const char *what)
	{
		for (size_t i = from; i < LARGES * LARGE / 4096; i++)
			if (p[i * 1024 + i % 1024] != seed + (uint32_t)i)
				fail(what);
	}
	static void large_fill(uint32_t *p, uint32_t seed)
	{
		for (size_t i = 0; i < LARGES * LARGE / 4096; i++)
			p[i * 1024 + i % 1024] = seed + (uint32_t)i;
	}
	static void larges(char *base, uint32_t seed)
	{
		uint32_t *p = mmap(base, LARGES * LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), *q;
		int status;
		pid_t child;
		madvise(p, LARGES * LARGE, MADV_HUGEPAGE);
		large_fill(p, seed);
		child = fork();
		if (!child) {
			large_check(p, seed, 0, "a child does not see what its parent wrote in large pages");
			large_fill(p, ~seed);
			large_check(p, ~seed, 0, "a child does not see what it wrote in large pages");
			_exit(0);
		}
		large_fill(p, seed + 1);
		if (waitpid(child, &status, 0) != child || status)
			fail("a child with large pages failed");
		large_check(p, seed + 1, 0, "a parent sees what its child wrote in large pages");
		mprotect(p + 1024, 4096, PROT_READ);
		if (!refused(p + 1024, 1) || refused(p + 2 * 1024, 0))
			fail("a read-only page of a large one");
		mprotect(p + 1024, 4096, PROT_READ | PROT_WRITE);
		large_check(p, seed + 1, 0, "a large page that was split");
		madvise((char *)p + LARGE, 4096, MADV_DONTNEED);
		if (p[LARGE / 4 + 512])
			fail("a page of a large one that was given up is not empty");
		large_check(p, seed + 1, LARGE / 4096 + 1, "after a page of a large one was given up");
		q = mremap(p, LARGES * LARGE, LARGES * LARGE, MREMAP_MAYMOVE | MREMAP_FIXED, base + 2 * LARGES * LARGE);
		if (q == MAP_FAILED)
			fail("mremap of large pages");
		large_check(q, seed + 1, LARGE / 4096 + 1, "large pages that were moved");
		if (!refused(p + 7 * 1024, 0))
			fail("a large page that was moved is still there");
		munmap(q, LARGES * LARGE);
		if (!refused(q + LARGE, 0))
			fail("a large page that was unmapped is still there");
	}
	static void *rounds(void *arg)
	{
		for (uint32_t i = 0; i < 60; i++) {
			char *base = (char *)0x100000000000 + ((uintptr_t)arg << 30);
			uint32_t seed = (uint32_t)(uintptr_t)arg * 100000 + i * 1000;
			round_of(base, seed);
			if (i % 6 == 0)
				larges(base, seed);
		}
		return NULL;
	}
	int main(void)
	{
		pthread_t thread[4];
		struct sigaction act = { .sa_handler = caught };
		sigaction(SIGSEGV, &act, NULL);
		pthread_key_create(&back, NULL);
		for (uintptr_t i = 0; i < 4; i++)
			pthread_create(&thread[i], NULL, rounds, (void *)i);
		for (int i = 0; i < 4; i++)
			pthread_join(thread[i], NULL);
		return 0;
	}
END
tcc -pthread -o /tmp/pages /tmp/pages.c || tcc -lpthread -o /tmp/pages /tmp/pages.c
/tmp/pages
if { [ ! -e /sys/hypervisor/type ] || ((${ENABLED:-0} & 0x10)); } && grep -qx 'thp_fault_alloc 0' /proc/vmstat; then
	echo 'there was no large page'
	exit 1
fi
for _ in {1..40}; do
	[ "$(echo abc | tr a-c x-z | cat)" = xyz ] || { echo 'a pipe of processes'; exit 1; }
done
! dmesg | grep -E 'BUG|WARNING|Oops|Bad page|bad pmd|segfault'
