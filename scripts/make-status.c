/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * make-status.c - loaded into make, so that `make run` exits with the status of the guest's command.
 *
 * Make itself ends with 2 whatever the status of a recipe was.  A recipe leaves its status in
 * $(B)/status.PID, PID being make's, and this process then ends with that (GNU make manual,
 * "Loading Dynamic Objects").
 */
#include <gnumake.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int plugin_is_GPL_compatible;
int setup(const gmk_floc *where);

static char file[PATH_MAX];

static void leave(void)
{
	FILE *f = fopen(file, "r");
	int status;

	if (!f)
		return;
	if (fscanf(f, "%d", &status) != 1)
		status = EXIT_FAILURE;
	fclose(f);
	unlink(file);
	fflush(NULL);
	_exit(status);
}

int setup(const gmk_floc *where)
{
	char *b = gmk_expand("$(B)");

	snprintf(file, sizeof(file), "%s/status.%d", b, getpid());
	gmk_free(b);
	return !atexit(leave);
}
