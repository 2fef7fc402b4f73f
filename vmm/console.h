/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * console.h - the guests' consoles, and the serial driver VMs that carry them.
 *
 * A guest console is a ring the guest shares; a line (UART) is a ring shared with a serial driver.
 * Console n of the first guest is connected to line n.  The server's own messages go to line 0.
 */
#pragma once

#include <stdint.h>

#include <runtime/xen.h>
#include <xen/io/console.h>

struct console;

/* A console of guest dom: its page and our port.  number: 0 is the initial one. */
struct console *console_open(uint16_t dom, unsigned number, struct xencons_interface *page, uint32_t port);
void console_close(struct console *c);
/* Connect to a line; -1: to none. */
void console_connect(struct console *c, int line);

/* Begin to offer line n to the serial driver dom. */
int console_line_offer(unsigned n, uint16_t dom);
/* Wait a little for everything written to leave the machine. */
void console_flush(void);
