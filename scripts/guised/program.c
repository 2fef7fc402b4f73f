/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop.h"
#include "program.h"

extern char **environ;

static pid_t spawn(const char *const *argv, int in, int out, int err, bool session, struct error *e)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	pid_t pid = -1;
	int rc;

	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, (short)(POSIX_SPAWN_SETSIGMASK | (session ? POSIX_SPAWN_SETSID : 0)));
	rc = posix_spawnp(&pid, argv[0], &actions, &attr, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	if (rc)
		return error_set(e, ERROR_SYSTEM, "%s: %s", argv[0], strerror(rc));
	return pid;
}

void program_last_line(const char *path, const char *prefix, char *line, size_t size)
{
	FILE *f = fopen(path, "re");
	char text[512];

	*line = 0;
	while (f && fgets(text, sizeof(text), f)) {
		text[strcspn(text, "\r\n")] = 0;
		if (*text && (!prefix || !strncmp(text, prefix, strlen(prefix))))
			snprintf(line, size, "%s", text);
	}
	if (f)
		fclose(f);
}

/* What it says on stderr, as far as it matters: the last line. */
static void listen_to(int fd, char *line, size_t size)
{
	FILE *f = fdopen(fd, "r");
	char text[512];

	*line = 0;
	while (f && fgets(text, sizeof(text), f)) {
		text[strcspn(text, "\r\n")] = 0;
		if (*text)
			snprintf(line, size, "%s", text);
	}
	if (f)
		fclose(f);
}

int program_run(const char *const *argv, const char *output, struct error *e)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), pipe_fd[2] = { -1, -1 }, status = -1;
	int out = output ? open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : null;
	char line[512] = "";
	pid_t pid;

	if (null < 0 || out < 0 || pipe2(pipe_fd, O_CLOEXEC)) {
		error_set(e, ERROR_SYSTEM, "%s: %s", output ? output : argv[0], strerror(errno));
		goto out;
	}
	pid = spawn(argv, null, out, pipe_fd[1], false, e);
	close(pipe_fd[1]);
	pipe_fd[1] = -1;
	if (pid < 0)
		goto out;
	lock_give();
	listen_to(pipe_fd[0], line, sizeof(line));
	pipe_fd[0] = -1;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	lock_take();
	if (status)
		error_set(e, ERROR_OPERATION_FAILED, "%s: %s", argv[0], *line ? line : "it failed");
out:
	if (pipe_fd[0] >= 0)
		close(pipe_fd[0]);
	if (pipe_fd[1] >= 0)
		close(pipe_fd[1]);
	if (out >= 0 && out != null)
		close(out);
	if (null >= 0)
		close(null);
	return e->code ? -1 : 0;
}

pid_t program_start(const char *const *argv, const char *log, struct error *e)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int out = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	pid_t pid = -1;

	if (null < 0 || out < 0)
		error_set(e, ERROR_SYSTEM, "%s: %s", log, strerror(errno));
	else
		pid = spawn(argv, null, out, out, true, e);
	if (out >= 0)
		close(out);
	if (null >= 0)
		close(null);
	return pid;
}
