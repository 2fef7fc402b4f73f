/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * apps.c - packaged programs, each with a fixed amount of work.  What waits for a device is in io and net.
 *
 * It is /init of a ramdisk that has the file system of IMAGE=bench, and a C program's source in /tree.tar
 * (tests/bench/run makes it).  An operation is the whole command, by a shell.
 */
#include "row.h"

#include <stdio.h>
#include <stdlib.h>

#define QUIET " > /dev/null 2>&1"

static void shell(const char *command)
{
	if (system(command))
		die("failed: %s", command);
}

#define APP(name, command)                    \
	static void run_##name(unsigned n)    \
	{                                     \
		while (n--)                   \
			shell(command QUIET); \
	}

/* The freestanding part of Guise that needs no headers but Xen's. */
APP(gcc,
    "cd /tmp/tree && for f in runtime/*.c hypervisor-kernel/lib/*.c; do gcc -std=gnu11 -O2 -ffreestanding -mno-sse -fno-pic "
    "-Iruntime/include -Ihypervisor-kernel/abi -Ihypervisor-kernel/lib -Iinclude -c -o /tmp/gcc.o $f || exit 1; done")
APP(xz, "xz -T1 -5 -k -c /usr/bin/perl")
APP(sqlite,
    "rm -f /tmp/db; { echo 'pragma synchronous=off; create table t(a integer primary key, b text);'; "
    "for i in 1 2 3 4 5 6 7 8; do echo \"begin; with recursive n(x) as (select 1 union all select x+1 from n "
    "where x<2000) insert into t(b) select hex(x*7919) from n; commit; create index i$i on t(b); drop index i$i;\"; "
    "done; echo 'select count(*), min(b), max(b) from t;'; } | sqlite3 /tmp/db")
APP(hackbench, "hackbench -g 2 -l 100")
APP(hackbench_pipe, "hackbench -g 2 -l 100 -p")
APP(sysbench_cpu, "sysbench cpu --events=500 --time=0 run")
APP(sysbench_memory, "sysbench memory --memory-block-size=4K --memory-total-size=256M run")
APP(sysbench_threads, "sysbench threads --threads=8 --events=500 --time=0 run")
APP(perf_pipe, "perf bench sched pipe -l 5000")
APP(perf_messaging, "perf bench sched messaging -g 2 -l 20")
APP(iperf, "iperf3 -c 127.0.0.1 -n 64M")
APP(find, "find /usr -name '*.so*' | wc -l")

static void gcc_begin(void)
{
	shell("mkdir -p /tmp/tree && tar -xf /tree.tar -C /tmp/tree");
}

static void iperf_begin(void)
{
	shell("ip link set lo up && iperf3 -s -D -I /tmp/iperf.pid" QUIET);
}

static void iperf_end(void)
{
	shell("kill $(tr -d '\\0' < /tmp/iperf.pid)");
}

/* One worker sends a page of 4 KiB to four connections. */
static void nginx_begin(void)
{
	shell("ip link set lo up && mkdir -p /tmp/www && head -c 4096 /usr/bin/perl > /tmp/www/page && printf '%s' 'pid /tmp/nginx.pid; "
	      "error_log /dev/null; events {} http { access_log off; server { listen 127.0.0.1:8080; root /tmp/www; } }' "
	      "> /tmp/nginx.conf && nginx -c /tmp/nginx.conf" QUIET);
}

static void nginx_end(void)
{
	shell("kill $(cat /tmp/nginx.pid)");
}

/* wrk knows only for how long: what it reached by then is the number of operations. */
static void run_nginx(unsigned n)
{
	char line[200];
	FILE *f = popen("wrk -t 1 -c 4 -d 1s http://127.0.0.1:8080/page", "r");

	(void)n;
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, " %u requests in", &row_did);
	if (!f || pclose(f) || !row_did)
		die("wrk told no number of requests");
}

/* Which of two wakes first decides how often they switch: such a row is the mean of several. */
#define TURNS 10

const struct row rows[] = {
	{ "gcc", "gcc -O2, Guise's runtime", 1, run_gcc, gcc_begin, NULL },
	{ "xz", "xz -5 of /usr/bin/perl", 1, run_xz, NULL, NULL },
	{ "sqlite", "SQLite, 16,000 rows, eight indices", 1, run_sqlite, NULL, NULL },
	{ "hackbench", "hackbench, sockets, 2 groups", TURNS, run_hackbench, NULL, NULL },
	{ "hackbench-pipe", "hackbench, pipes, 2 groups", TURNS, run_hackbench_pipe, NULL, NULL },
	{ "sysbench-cpu", "sysbench cpu", 1, run_sysbench_cpu, NULL, NULL },
	{ "sysbench-memory", "sysbench memory", 1, run_sysbench_memory, NULL, NULL },
	{ "sysbench-threads", "sysbench threads, 8 threads", 1, run_sysbench_threads, NULL, NULL },
	{ "perf-pipe", "perf bench sched pipe", TURNS, run_perf_pipe, NULL, NULL },
	{ "perf-messaging", "perf bench sched messaging", TURNS, run_perf_messaging, NULL, NULL },
	{ "iperf", "iperf3, 64 MiB to itself", TURNS, run_iperf, iperf_begin, iperf_end },
	{ "nginx", "nginx and wrk, a page of 4 KiB", 1, run_nginx, nginx_begin, nginx_end },
	{ "find", "find in /usr", 1, run_find, NULL, NULL },
};

const unsigned nr_rows = sizeof(rows) / sizeof(rows[0]);
