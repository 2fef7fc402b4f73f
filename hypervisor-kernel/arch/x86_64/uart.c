/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uart.c - the output-only debug console: a 16550 at 0x3f8, polled.
 */
#include <arch/arch.h>

#define UART 0x3f8

static bool present;

void uart_init(void)
{
	outb(UART + 7, 0x5a);
	present = inb(UART + 7) == 0x5a;
	if (!present)
		return;
	outb(UART + 1, 0);    /* no interrupts */
	outb(UART + 3, 0x80); /* divisor */
	outb(UART + 0, 1);
	outb(UART + 1, 0);
	outb(UART + 3, 3); /* 8n1 */
	outb(UART + 2, 7); /* FIFO */
	outb(UART + 4, 3);
}

void arch_console_putc(char c)
{
	if (!present)
		return;
	for (int i = 0; i < 100000 && !(inb(UART + 5) & 0x20); i++)
		;
	outb(UART, (uint8_t)c);
}
