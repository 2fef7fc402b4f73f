/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uart.c - the registers of a 16550.
 *
 * The microkernel writes its own messages to the first line, at the same speed and at any time;
 * so nothing here throws away what the transmitter holds.
 */
#include <runtime/event.h>
#include <runtime/io.h>

#include "uart.h"

#define DATA 0 /* RBR, THR; divisor low	*/
#define IER  1 /* divisor high		*/
#define FCR  2 /* write */
#define IIR  2 /* read  */
#define LCR  3
#define MCR  4
#define LSR  5

#define IER_RECEIVED 0x01
#define IER_IDLE     0x02

#define FCR_ENABLE	0x01
#define FCR_CLEAR_INPUT 0x02
#define FCR_TRIGGER_8	0x80
#define IIR_FIFO	0xc0 /* both: a FIFO that works */

#define LCR_8N1	    0x03
#define LCR_DIVISOR 0x80

#define MCR_DTR	 0x01
#define MCR_RTS	 0x02
#define MCR_OUT2 0x08 /* lets the interrupt out of the chip on a PC */

#define LSR_DATA  0x01
#define LSR_BREAK 0x10
#define LSR_IDLE  0x20 /* FIFO empty			*/
#define LSR_EMPTY 0x40 /* and the last bit is out	*/

#define DRAIN_NS 20000000ull

static uint8_t get(const struct uart *u, unsigned reg)
{
	return inb(u->port + reg);
}

static void put(const struct uart *u, unsigned reg, uint8_t value)
{
	outb(u->port + reg, value);
}

const char *uart_open(struct uart *u, uint16_t port)
{
	uint64_t until = time_ns() + DRAIN_NS;

	u->port = port;
	put(u, IER, 0);
	if (get(u, IER) & 0x0f)
		return "there is no UART at its ports";
	/* A change of speed or of the FIFO would break bytes that are still on their way. */
	while (!(get(u, LSR) & LSR_EMPTY) && time_ns() < until)
		event_loop_once(time_ns() + 1000000);

	put(u, LCR, LCR_DIVISOR | LCR_8N1);
	put(u, DATA, 1);
	put(u, IER, 0);
	put(u, LCR, LCR_8N1);
	put(u, FCR, FCR_ENABLE | FCR_CLEAR_INPUT | FCR_TRIGGER_8);
	u->fifo = (get(u, IIR) & IIR_FIFO) == IIR_FIFO ? UART_FIFO : 1;
	put(u, MCR, MCR_DTR | MCR_RTS | MCR_OUT2); /* and no loop-back */
	return NULL;
}

int uart_idle(const struct uart *u)
{
	return (get(u, LSR) & LSR_IDLE) != 0;
}

void uart_send(const struct uart *u, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		put(u, DATA, bytes[i]);
}

int uart_receive(const struct uart *u, char *byte)
{
	uint8_t status;

	while ((status = get(u, LSR)) & LSR_DATA) {
		*byte = get(u, DATA);
		if (!(status & LSR_BREAK)) /* a break reads as a byte that nobody sent */
			return 1;
	}
	return 0;
}

void uart_interrupts(const struct uart *u, int received, int idle)
{
	put(u, IER, (received ? IER_RECEIVED : 0) | (idle ? IER_IDLE : 0));
}
