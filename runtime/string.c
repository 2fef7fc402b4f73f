/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * string.c - characters in text.  The rest is the kernel's (hypervisor-kernel/lib/).
 */
#include <runtime/string.h>

char *strchr(const char *s, int c)
{
	for (; *s != (char)c; s++)
		if (!*s)
			return NULL;
	return (char *)s;
}

char *strrchr(const char *s, int c)
{
	const char *found = NULL;

	do
		if (*s == (char)c)
			found = s;
	while (*s++);
	return (char *)found;
}
