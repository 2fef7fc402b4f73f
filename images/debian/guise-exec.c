/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guise-exec.c - in the guest: run the host's command and send what it prints to the host.
 *
 * guise-exec DIR reads DIR/exec (for bash), DIR/line (the terminal line to the host, "hvc1") and
 * DIR/nonce.  On the line, which is nobody else's, go
 *	"guise-exec NONCE\n"	from here on the line is ours
 *	"o LENGTH\n" bytes	standard output
 *	"e LENGTH\n" bytes	standard error
 *	"x STATUS\n"		the end: as a shell's $?
 * so nothing that the command prints can be taken for the end.  scripts/run is the reader.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define LINE_SECONDS 60 /* a second console may come up late */

static int line = -1;
static volatile sig_atomic_t stopped;

static void die(const char *what)
{
	fprintf(stderr, "guise-exec: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void put(const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(line, p, len);

		if (n < 0 && errno != EINTR && errno != EAGAIN)
			die("the line to the host");
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
}

__attribute__((format(printf, 1, 2))) static void say(const char *fmt, ...)
{
	char text[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put(text, strlen(text));
}

static void word(const char *dir, const char *name, char *to, int size)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	if (!f || !fgets(to, size, f))
		die(path);
	fclose(f);
	to[strcspn(to, "\n")] = 0;
}

static void line_open(const char *dir)
{
	char path[64] = "/dev/", nonce[64];
	struct termios raw;

	word(dir, "line", path + 5, sizeof(path) - 5);
	word(dir, "nonce", nonce, sizeof(nonce));
	for (int i = 0; (line = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0; i++) {
		if (i == LINE_SECONDS * 10)
			die(path);
		usleep(100000);
	}
	if (!tcgetattr(line, &raw)) {
		cfmakeraw(&raw);
		raw.c_cflag |= CLOCAL;
		tcsetattr(line, TCSANOW, &raw);
	}
	say("guise-exec %s\n", nonce);
}

/* What came through a pipe goes to the line; 0 at its end or, if it does not block, when it is empty. */
static int copy(int from, char tag)
{
	static char buf[65536];
	ssize_t n = read(from, buf, sizeof(buf));

	if (n < 0 && errno == EINTR)
		return 1;
	if (n <= 0)
		return 0;
	say("%c %zd\n", tag, n);
	put(buf, (size_t)n);
	return 1;
}

static void got_signal(int sig)
{
	if (sig == SIGTERM)
		stopped = 1;
}

static void signals(sigset_t *open_mask)
{
	struct sigaction act = { .sa_handler = got_signal, .sa_flags = SA_RESTART };
	sigset_t blocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGCHLD);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, open_mask);
	sigaction(SIGCHLD, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
}

int main(int argc, char **argv)
{
	int out[2], err[2], status = 0;
	struct pollfd fds[2];
	sigset_t open_mask;
	char path[256];
	pid_t child;

	if (argc != 2)
		return 2;
	line_open(argv[1]);
	snprintf(path, sizeof(path), "%s/exec", argv[1]);
	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		die("pipe");
	signals(&open_mask);
	child = fork();
	if (child < 0)
		die("fork");
	if (!child) {
		sigprocmask(SIG_SETMASK, &open_mask, NULL);
		dup2(out[1], 1);
		dup2(err[1], 2);
		execl("/bin/bash", "bash", path, (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	close(err[1]);
	fds[0] = (struct pollfd){ .fd = out[0], .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = err[0], .events = POLLIN };
	/* The command's end counts, not that of the pipes: a daemon that it started may hold them. */
	while (waitpid(child, &status, WNOHANG) == 0) {
		if (ppoll(fds, 2, NULL, &open_mask) <= 0)
			continue;
		for (int i = 0; i < 2; i++)
			if (fds[i].revents && !copy(fds[i].fd, "oe"[i]))
				fds[i].fd = -1;
	}
	for (int i = 0; i < 2; i++) {
		fcntl(fds[i].fd, F_SETFL, O_NONBLOCK);
		while (fds[i].fd >= 0 && copy(fds[i].fd, "oe"[i]))
			;
	}
	/* The guest goes down for another reason (the command may have asked for a reboot): no verdict. */
	if (stopped)
		return 0;
	say("x %d\n", WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
	tcdrain(line);
	execlp("systemctl", "systemctl", "--no-block", "poweroff", (char *)NULL);
	return 1;
}
