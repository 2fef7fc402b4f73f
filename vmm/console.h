/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * console.h - the guests' consoles, and the serial driver VMs that carry them.
 *
 * A guest console is a ring the guest shares; a line (UART) is a ring shared with a serial driver.
 * Console n of the first guest is connected to line n.  The server's own messages go to line 0.
 * Beside its line a console may have a tap, which gets the same output and may put input.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <runtime/xen.h>
#include <xen/io/console.h>

#define CONSOLE_INPUT 1024 /* most bytes of input from a tap at a time	*/

struct console;

struct console_tap {
	size_t (*room)(void *arg); /* bytes of output that put() takes now; consoles_pump() when there is more */
	void (*put)(void *arg, const char *bytes, size_t len);
	void (*taken)(void *arg); /* the guest has all of the input that had to wait	*/
};

/* A guest's console: its page and our port. */
struct console *console_open(struct xencons_interface *page, uint32_t port);
void console_close(struct console *c);
/* Connect to a line; -1: to none. */
void console_connect(struct console *c, int line);
/* From the next consoles_pump() or event on; NULL: no more. */
void console_tap(struct console *c, const struct console_tap *tap, void *arg);
/* The end of the output so far, at most size bytes. */
size_t console_backlog(const struct console *c, char *buf, size_t size);
/* Up to CONSOLE_INPUT bytes of input.  0: the guest has them; 1: some wait, taken() will be called; -1: earlier
 * ones still wait. */
int console_input(struct console *c, const char *bytes, size_t len);
void consoles_pump(void);

/* Begin to offer line n to the serial driver dom. */
int console_line_offer(unsigned n, uint16_t dom);
/* Take line n for something else than a console; user() is called at its events.  -1: there is none. */
int console_line_use(unsigned n, void (*user)(void));
size_t console_line_put(unsigned n, const char *bytes, size_t len);
size_t console_line_take(unsigned n, char *buf, size_t size);

/* A message of the server's: the sink of print(). */
void console_log(const char *text, size_t len);
/* Its driver serves line n no more; it goes on when the next incarnation has the ring. */
void console_line_lost(unsigned n);
/* Nobody will: what would leave by line n is dropped. */
void console_line_gone(unsigned n);
/* Wait a little for everything written to leave the machine. */
void console_flush(void);
