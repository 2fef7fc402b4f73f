/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "loop.h"

#define MAX_TICKS   8
#define MAX_WORKERS 64

struct watch {
	int fd;
	short events;
	void (*ready)(void *arg, short revents);
	void *arg;
	bool gone; /* freed by the loop when nobody looks at it any more */
};

struct job {
	void (*work)(void *arg);
	void *arg;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* All below is guarded by lock. */
static struct watch **watches;
static size_t nr_watches, room;
static void (*ticks[MAX_TICKS])(void);
static unsigned nr_ticks, workers;
static bool stopping, forgotten;
static int wake_fd = -1;
static pthread_t loop_thread;

void lock_take(void)
{
	pthread_mutex_lock(&lock);
}

void lock_give(void)
{
	pthread_mutex_unlock(&lock);
}

int64_t loop_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

bool lock_wait(pthread_cond_t *cond, int64_t until)
{
	struct timespec ts = { until / 1000, until % 1000 * 1000000 };

	return pthread_cond_clockwait(cond, &lock, CLOCK_MONOTONIC, &ts) != ETIMEDOUT;
}

static void wake(void)
{
	uint64_t one = 1;

	if (wake_fd >= 0 && !pthread_equal(pthread_self(), loop_thread) && write(wake_fd, &one, sizeof(one)) < 0)
		log_error("the loop cannot be woken");
}

struct watch *loop_watch(int fd, short events, void (*ready)(void *arg, short revents), void *arg)
{
	struct watch *w = malloc(sizeof(*w));

	if (w && nr_watches == room) {
		struct watch **more = realloc(watches, (room ? 2 * room : 16) * sizeof(*more));

		if (!more) {
			free(w);
			return NULL;
		}
		watches = more;
		room = room ? 2 * room : 16;
	}
	if (!w)
		return NULL;
	*w = (struct watch){ fd, events, ready, arg, false };
	watches[nr_watches++] = w;
	wake();
	return w;
}

void loop_events(struct watch *w, short events)
{
	if (w->events == events)
		return;
	w->events = events;
	wake();
}

void loop_forget(struct watch *w)
{
	w->gone = true;
	forgotten = true;
	wake();
}

void loop_tick(void (*tick)(void))
{
	if (nr_ticks < MAX_TICKS)
		ticks[nr_ticks++] = tick;
}

static void *worker(void *arg)
{
	struct job job = *(struct job *)arg;

	free(arg);
	lock_take();
	job.work(job.arg);
	workers--;
	wake();
	lock_give();
	return NULL;
}

bool loop_work(void (*work)(void *arg), void *arg)
{
	struct job *job;
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	if (workers == MAX_WORKERS)
		return false;
	job = malloc(sizeof(*job));
	if (!job)
		return false;
	*job = (struct job){ work, arg };
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	rc = pthread_create(&thread, &attr, worker, job);
	pthread_attr_destroy(&attr);
	if (rc) {
		free(job);
		return false;
	}
	workers++;
	return true;
}

unsigned loop_workers(void)
{
	return workers;
}

static void sweep(void)
{
	size_t kept = 0;

	for (size_t i = 0; i < nr_watches; i++)
		if (watches[i]->gone)
			free(watches[i]);
		else
			watches[kept++] = watches[i];
	nr_watches = kept;
	forgotten = false;
}

static void drain(void *arg, short revents)
{
	uint64_t n;

	(void)arg;
	(void)revents;
	while (read(wake_fd, &n, sizeof(n)) > 0)
		;
}

void loop_run(void)
{
	struct pollfd *fds = NULL;
	size_t fds_room = 0;
	int64_t next = loop_now() + 1000;

	loop_thread = pthread_self();
	wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (wake_fd < 0 || !loop_watch(wake_fd, POLLIN, drain, NULL)) {
		log_error("no event file");
		return;
	}
	while (!stopping) {
		size_t nr;
		int64_t wait = next - loop_now();

		if (forgotten)
			sweep();
		if (fds_room < nr_watches) {
			free(fds);
			fds_room = 2 * nr_watches;
			fds = calloc(fds_room, sizeof(*fds));
			if (!fds)
				abort(); /* nothing can be looked at any more */
		}
		nr = nr_watches;
		for (size_t i = 0; i < nr; i++)
			fds[i] = (struct pollfd){ .fd = watches[i]->fd, .events = watches[i]->events };
		lock_give();
		if (poll(fds, nr, wait > 0 ? (int)wait : 0) < 0 && errno != EINTR)
			log_error("poll: %d", errno);
		lock_take();
		/* Watches are added at the end and freed only above, so that numbers still fit. */
		for (size_t i = 0; i < nr; i++)
			if (fds[i].revents && !watches[i]->gone)
				watches[i]->ready(watches[i]->arg, fds[i].revents);
		if (loop_now() >= next) {
			for (unsigned i = 0; i < nr_ticks; i++)
				ticks[i]();
			next = loop_now() + 1000;
		}
	}
	free(fds);
}

void loop_stop(void)
{
	stopping = true;
	wake();
}
