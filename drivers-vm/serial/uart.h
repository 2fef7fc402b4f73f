/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uart.h - a 16550 and its kin: 115200 baud, 8 bits, no parity, one stop bit.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define UART_FIFO 16

struct uart {
	uint16_t port;
	unsigned fifo; /* bytes that an idle transmitter takes	*/
};

/* NULL, or why it cannot be used.  All its interrupts are off on return. */
const char *uart_open(struct uart *u, uint16_t port);

/* The transmitter is empty and takes u->fifo bytes. */
int uart_idle(const struct uart *u);
void uart_send(const struct uart *u, const char *bytes, size_t len);

/* A byte that came in: 1, or 0 when there is none. */
int uart_receive(const struct uart *u, char *byte);

/* Interrupt for bytes that came in, for an idle transmitter. */
void uart_interrupts(const struct uart *u, int received, int idle);
