/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - the driver of a 16550 serial line.
 *
 * The line is one console ring, offered by the VMM server at backend/console/0/<our id>: what it
 * puts in `out` is sent, what comes in is put in `in`.  While `in` is full the receiver is left
 * alone, so the bytes wait in the FIFO and then at the sender.
 */
#include <runtime/console_ring.h>
#include <runtime/device.h>
#include <runtime/event.h>
#include <runtime/grant.h>
#include <runtime/io.h>
#include <runtime/print.h>
#include <runtime/start.h>
#include <runtime/store.h>
#include <runtime/string.h>
#include <xen/io/xenbus.h>

#include "uart.h"

static struct uart uart;
static struct xencons_interface *ring;
static uint32_t ring_port, irq_port;
static int receiving = 1; /* there is room in the ring for what comes in */

static int receive(void)
{
	char byte;
	int any = 0;

	for (;;) {
		receiving = console_ring_room(ring) > 0;
		if (!receiving || !uart_receive(&uart, &byte))
			return any;
		console_ring_put(ring, &byte, 1);
		any = 1;
	}
}

/* *more is set when the transmitter is busy and the ring not empty.  Returns 1 when the other end
 * may be waiting for room: then the ring was full a moment ago. */
static int transmit(int *more)
{
	char bytes[UART_FIFO];
	size_t have, len;
	int crowded = 0;

	*more = 0;
	while ((have = console_ring_pending(ring))) {
		*more = !uart_idle(&uart);
		if (*more)
			break;
		len = console_ring_read(ring, bytes, uart.fifo);
		uart_send(&uart, bytes, len);
		crowded |= have > sizeof(ring->out) / 2;
	}
	return crowded;
}

/* An interrupt of the line, or news in the ring.  With all its interrupts off in between, the
 * UART makes a new edge for whatever is still to be done when they are on again. */
static void serve(uint32_t port, void *arg)
{
	int more, news;

	uart_interrupts(&uart, 0, 0);
	news = receive();
	news |= transmit(&more);
	uart_interrupts(&uart, receiving, more);
	/* Some chips do not tell of a transmitter that was idle before its interrupt was on. */
	if (more && uart_idle(&uart))
		event_again(irq_port);
	if (news)
		event_send(ring_port);
}

/* ---- being found ----------------------------------------------------------------------------- */

static const char *in(char *buf, const char *dir, const char *key)
{
	snprintf(buf, STORE_PATH_MAX, "%s/%s", dir, key);
	return buf;
}

static const char *connect(char *back)
{
	char path[STORE_PATH_MAX], front[STORE_PATH_MAX / 2], line[64];
	uint64_t dom, ref, remote;
	uint32_t handle;
	int port;

	if (store_directory("backend/console/0", line, sizeof(line)) != 1)
		return "no console ring is offered";
	snprintf(back, STORE_PATH_MAX / 2, "backend/console/0/%s", line);
	if (store_read(in(path, back, "frontend"), front, sizeof(front)) < 0 ||
	    store_read_u64(in(path, back, "frontend-id"), &dom) || store_read_u64(in(path, front, "ring-ref"), &ref) ||
	    store_read_u64(in(path, front, "port"), &remote))
		return "the offer of the console ring is not complete";
	ring = grant_map(dom, ref, 0, &handle);
	if (!ring)
		return "the console ring cannot be mapped";
	port = event_bind(dom, remote);
	if (port < 0)
		return "the console's event channel cannot be bound";
	ring_port = port;
	return NULL;
}

static const char *bring_up(const struct guise_device *dev, char *back)
{
	const char *error;
	int port;

	if (!dev || dev->kind != GUISE_DEVICE_UART)
		return "there is no serial line to drive";
	error = uart_open(&uart, dev->bar[0].base);
	if (!error)
		error = connect(back);
	if (error)
		return error;
	port = event_bind_irq(dev->irq_handle[0], dev->irq[0], dev->irq_flags);
	if (port < 0)
		return "its interrupt cannot be bound";
	irq_port = port;
	return NULL;
}

int domain_main(void)
{
	char back[STORE_PATH_MAX / 2], path[STORE_PATH_MAX];
	const char *error = bring_up(device_info(), back);

	if (error) {
		device_failed(error);
		return 1;
	}
	event_handler(irq_port, serve, NULL);
	event_handler(ring_port, serve, NULL);
	serve(0, NULL);
	store_printf(in(path, back, "state"), "%u", XenbusStateConnected);
	device_ready();
	for (;;)
		event_loop_once(EVENT_FOREVER);
}
