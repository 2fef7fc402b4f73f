/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log.c - systemd names the device and inode of its stream in JOURNAL_STREAM; if stderr is that, the
 * level goes before the line as sd-daemon(3) says, and the journal takes it off.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

static int journal, verbose;

void log_init(int more)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char text[64];
	struct stat st;

	verbose = more;
	if (!stream || fstat(STDERR_FILENO, &st))
		return;
	snprintf(text, sizeof(text), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	journal = !strcmp(stream, text);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (level == LOG_LEVEL_DEBUG && !verbose)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	if (journal)
		fprintf(stderr, "<%d>%s\n", level, text);
	else
		fprintf(stderr, "guised: %s\n", text);
}
