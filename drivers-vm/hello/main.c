/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - hello: the smallest driver VM that is of use, to start a new one from.
 *
 * It shows what it was given, says that it works, and answers in data/answer of its directory in
 * the store whatever is written to data/question: everything a driver does but driving.
 */
#include <runtime/device.h>
#include <runtime/event.h>
#include <runtime/print.h>
#include <runtime/start.h>
#include <runtime/store.h>

/* What this domain holds.  Nothing else of the machine can be reached from here. */
static void show_device(const struct guise_device *dev)
{
	for (unsigned i = 0; i < 6; i++)
		if (dev->bar[i].size)
			print("hello: %s 0x%lx, %lu bytes\n", dev->bar[i].port ? "ports" : "memory", dev->bar[i].base,
			      dev->bar[i].size);
	for (unsigned i = 0; i < dev->nr_irqs; i++)
		print("hello: interrupt %u by handle %u\n", dev->irq[i], dev->irq_handle[i]);
}

/* Handlers run from event_loop_once() only, one after the other: there is nothing to lock. */
static void interrupt(uint32_t port, void *arg)
{
	const struct guise_device *dev = arg;

	/* Here a driver makes its device stop asking.  An interrupt that is level-triggered stays
	 * masked until it is told that this was done. */
	if (dev->irq_flags & GUISE_IRQ_LEVEL)
		event_irq_done(port);
}

static void asked(const char *path, const char *token, void *arg)
{
	char question[64];

	/* What others write is read once, into memory of ours, and is checked there. */
	if (store_read("data/question", question, sizeof(question)) <= 0)
		return;
	store_printf("data/answer", "hello, %s", question);
}

int domain_main(void)
{
	const struct guise_device *dev = device_info();
	int port;

	if (!dev) {
		device_failed("there is no device to greet"); /* told to the VMM server */
		return 1;				      /* and the end of this domain */
	}
	print("hello: I am %s, started after %lu ms\n", (const char *)start->cmd_line, time_ns() / 1000000);
	show_device(dev);

	/* A real driver resets its device first: an earlier incarnation may have left it working. */
	for (unsigned i = 0; i < dev->nr_irqs; i++) {
		port = event_bind_irq(dev->irq_handle[i], dev->irq[i], dev->irq_flags);
		if (port < 0)
			panic("hello: interrupt %u cannot be bound: %d\n", dev->irq[i], port);
		event_handler(port, interrupt, (void *)dev);
	}
	if (store_watch("data/question", "question", asked, NULL))
		panic("hello: the store cannot be watched\n");
	device_ready();

	for (;;)
		event_loop_once(EVENT_FOREVER);
}
