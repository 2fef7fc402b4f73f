/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * print.c - text to whoever reads this domain's log.
 */
#include <runtime/hypercall.h>
#include <runtime/print.h>
#include <runtime/start.h>

static void kernel_log(const char *text, size_t len)
{
	hc_console_write(text, len);
}

static void (*sink)(const char *text, size_t len) = kernel_log;

void print_sink(void (*to)(const char *text, size_t len))
{
	sink = to ? to : kernel_log;
}

void vprint(const char *fmt, va_list args)
{
	char line[512];
	int len = vsnprintf(line, sizeof(line), fmt, args);

	sink(line, (size_t)len < sizeof(line) ? (size_t)len : sizeof(line) - 1);
}

void print(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprint(fmt, args);
	va_end(args);
}

/* Whatever the sink needs may be what broke: the last words go to the kernel. */
void panic(const char *fmt, ...)
{
	va_list args;

	print_sink(NULL);
	print("panic: ");
	va_start(args, fmt);
	vprint(fmt, args);
	va_end(args);
	domain_shutdown(SHUTDOWN_crash);
}
