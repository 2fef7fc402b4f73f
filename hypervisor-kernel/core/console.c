/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * console.c - the debug console: output only, for the kernel and for console_io.
 *
 * Text of guests is marked with their domain id at each line's start, and what moves the cursor is
 * left out, so that none can pass for another or for the kernel.
 */
#include <core/hypercall.h>
#include <core/lib.h>
#include <core/vcpu.h>

bool verbose;

#define NOBODY 0xffff

static struct spinlock console_lock = { .rank = LOCK_CONSOLE };
static uint16_t line_of = NOBODY; /* the guest whose unfinished line stands on the console */

static void put(char c)
{
	if (c == '\n')
		arch_console_putc('\r');
	arch_console_putc(c);
}

static void write_locked(const char *text, size_t len) MUST_HOLD(console_lock)
{
	if (line_of != NOBODY)
		put('\n');
	line_of = NOBODY;
	for (size_t i = 0; i < len; i++)
		put(text[i]);
}

static void console_write(const char *text, size_t len)
{
	spin_lock(&console_lock);
	write_locked(text, len);
	spin_unlock(&console_lock);
}

static void guest_write(uint16_t id, const char *text, size_t len)
{
	char mark[16];
	size_t n = (size_t)snprintf(mark, sizeof(mark), "(d%u) ", id);

	spin_lock(&console_lock);
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '\r')
			continue;
		if (line_of != id)
			write_locked(mark, n);
		line_of = c == '\n' ? NOBODY : id;
		put((c < ' ' && c != '\n' && c != '\t') || c == 0x7f ? '?' : c);
	}
	spin_unlock(&console_lock);
}

void printk(const char *fmt, ...)
{
	char line[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	console_write(line, MIN((size_t)n, sizeof(line) - 1));
}

#define CONSOLE_MAX 256

long hc_console_io(struct vcpu *v, const uint64_t *arg)
{
	uint64_t n = MIN(arg[1], CONSOLE_MAX);
	struct domain *d = v->domain;
	char text[CONSOLE_MAX];

	if (arg[0] != CONSOLEIO_read && arg[0] != CONSOLEIO_write)
		return -ENOSYS;
	if (arg[0] == CONSOLEIO_read || !n)
		return 0;
	if (copy_from_guest(text, arg[2], n))
		return -EFAULT;
	if (d->id == DOMID_FIRST)
		console_write(text, n);
	else
		guest_write(d->id, text, n);
	/* A serial line is slow: others go first, also after the end and within a multicall. */
	hypercall_set_arg(v, 1, arg[1] - n);
	hypercall_set_arg(v, 2, arg[2] + n);
	return HC_CONTINUE;
}
