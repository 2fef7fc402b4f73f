/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nvme.c - an NVMe controller: reset, the admin queue, and the queues for I/O.
 *
 * The admin queue is used while the device is brought up only, and polled.  No asynchronous event
 * is asked for, so nothing comes there later.
 */
#include <runtime/event.h>
#include <runtime/heap.h>
#include <runtime/io.h>
#include <runtime/start.h>
#include <runtime/window.h>

#include "nvme.h"

/* Registers, 3.1. */
#define CAP	  0x00
#define CC	  0x14
#define CSTS	  0x1c
#define AQA	  0x24
#define ASQ	  0x28
#define ACQ	  0x30
#define LENGTH	  0x38
#define DOORBELLS 0x1000

#define CAP_ENTRIES(cap)    (((cap)&0xffff) + 1)	       /* most in a queue		*/
#define CAP_TIMEOUT_NS(cap) (((cap) >> 24 & 0xff) * 500000000) /* to become ready, or not ready */
#define CAP_STRIDE(cap)	    (4u << ((cap) >> 32 & 15))	       /* of doorbells			*/
#define CAP_NVM(cap)	    ((cap) >> 37 & 1)		       /* has the NVM command set	*/
#define CAP_PAGE_LEAST(cap) ((cap) >> 48 & 15)		       /* 0: pages of 4 KiB are enough	*/

#define CC_ENABLE      1u
#define CC_ENTRY_SIZES (6u << 16 | 4u << 20) /* 64 and 16 bytes */
#define CSTS_READY     1u
#define CSTS_FATAL     2u

#define ADMIN_CREATE_SQ	   0x01
#define ADMIN_CREATE_CQ	   0x05
#define ADMIN_IDENTIFY	   0x06
#define ADMIN_SET_FEATURES 0x09
#define FEATURE_QUEUES	   0x07
#define CONTIGUOUS	   1u
#define INTERRUPTS	   2u

#define COMMAND_NS 10000000000ull /* for one admin command */

static const struct guise_device *device;
static char *registers, *doorbells;
static uint64_t cap;
static struct nvme_queue admin;

static uint32_t status(void)
{
	return mmio_read32(registers + CSTS);
}

int nvme_failed(void)
{
	return status() & CSTS_FATAL;
}

/* Wait until the controller is ready, or is not. */
static const char *wait_ready(uint32_t ready)
{
	uint64_t until = time_ns() + CAP_TIMEOUT_NS(cap) + 1000000000;

	while ((status() & CSTS_READY) != ready) {
		if (ready && nvme_failed())
			return "the controller reports a fatal error";
		if (time_ns() > until)
			return ready ? "the controller does not become ready" : "the controller does not stop";
		event_loop_once(time_ns() + 1000000);
	}
	return NULL;
}

/* A write to CC while it still stops has no defined effect: whoever had it may have died in between. */
static const char *stop(void)
{
	uint32_t cc = mmio_read32(registers + CC);

	if (cc & CC_ENABLE && !(status() & CSTS_READY) && !nvme_failed())
		wait_ready(CSTS_READY);
	mmio_write32(registers + CC, cc & ~CC_ENABLE);
	return wait_ready(0);
}

static const char *queue_alloc(struct nvme_queue *q, unsigned number)
{
	uint64_t *lists = page_alloc(NVME_QUEUE * NVME_LIST * sizeof(*lists) / PAGE_SIZE);

	q->size = CAP_ENTRIES(cap) < NVME_QUEUE ? CAP_ENTRIES(cap) : NVME_QUEUE;
	q->sq = page_alloc(1);
	q->cq = page_alloc(1);
	if (!lists || !q->sq || !q->cq)
		return "no memory for a queue";
	for (unsigned i = 0; i < NVME_QUEUE; i++) {
		q->io[i].list = lists + i * NVME_LIST;
		q->io[i].list_bus = virt_to_bus(q->io[i].list);
	}
	q->sq_doorbell = doorbells + 2 * number * CAP_STRIDE(cap);
	q->cq_doorbell = doorbells + (2 * number + 1) * CAP_STRIDE(cap);
	nvme_queue_init(q);
	return NULL;
}

static const char *start_up(void)
{
	const char *error = queue_alloc(&admin, 0);

	if (error)
		return error;
	mmio_write32(registers + AQA, (admin.size - 1) << 16 | (admin.size - 1));
	mmio_write64(registers + ASQ, virt_to_bus(admin.sq));
	mmio_write64(registers + ACQ, virt_to_bus((void *)admin.cq));
	mmio_write32(registers + CC, CC_ENTRY_SIZES | CC_ENABLE);
	return wait_ready(CSTS_READY);
}

const char *nvme_open(const struct guise_device *info)
{
	const char *error;
	size_t length;

	device = info;
	if (info->bar[0].port || info->bar[0].size < DOORBELLS + PAGE_SIZE)
		return "it has no registers";
	registers = mmio_map(info->bar[0].base, LENGTH);
	if (!registers)
		return "its registers cannot be mapped";
	cap = mmio_read64(registers + CAP);
	if (!CAP_NVM(cap) || CAP_PAGE_LEAST(cap))
		return "it has no NVM command set, or its pages are too large";
	length = 2 * (1 + NVME_QUEUES) * CAP_STRIDE(cap);
	doorbells = DOORBELLS + length <= info->bar[0].size ? mmio_map(info->bar[0].base + DOORBELLS, length) : NULL;
	if (!doorbells)
		return "its doorbells cannot be mapped";
	error = stop();
	return error ? error : start_up();
}

/* One admin command, and its end. */
static const char *tell(struct nvme_command *c, uint32_t *result)
{
	uint64_t until = time_ns() + COMMAND_NS;
	struct nvme_io *io;

	nvme_put(&admin, c, &admin);
	nvme_kick(&admin);
	while (!(io = nvme_take(&admin))) {
		if (admin.broken)
			return admin.broken;
		if (time_ns() > until || nvme_failed())
			return "the controller does not answer";
		event_loop_once(time_ns() + 100000);
	}
	if (result)
		*result = io->result;
	nvme_free(&admin, io);
	return io->status ? "the controller refused a command" : NULL;
}

const char *nvme_identify(uint32_t what, uint32_t nsid, void *page)
{
	struct nvme_command c = { .opcode = ADMIN_IDENTIFY, .nsid = nsid, .prp1 = virt_to_bus(page), .arg = { what } };

	return tell(&c, NULL);
}

static const char *queue_open(struct nvme_queue *q, unsigned number, unsigned message)
{
	uint32_t sizes;
	const char *error = queue_alloc(q, number);
	int port;

	if (error)
		return error;
	sizes = (q->size - 1) << 16 | number;
	struct nvme_command cq = {
		.opcode = ADMIN_CREATE_CQ,
		.prp1 = virt_to_bus((void *)q->cq),
		.arg = { sizes, message << 16 | INTERRUPTS | CONTIGUOUS },
	};
	struct nvme_command sq = {
		.opcode = ADMIN_CREATE_SQ,
		.prp1 = virt_to_bus(q->sq),
		.arg = { sizes, number << 16 | CONTIGUOUS },
	};
	port = event_bind_irq(device->irq_handle[message], device->irq[message], 0);
	if (port < 0)
		return "its interrupt cannot be bound";
	q->port = port;
	error = tell(&cq, NULL);
	return error ? error : tell(&sq, NULL);
}

unsigned nvme_queues(struct nvme_queue *queue, const char **error)
{
	struct nvme_command c = {
		.opcode = ADMIN_SET_FEATURES,
		.arg = { FEATURE_QUEUES, (NVME_QUEUES - 1) << 16 | (NVME_QUEUES - 1) },
	};
	uint32_t given;
	unsigned nr = NVME_QUEUES;

	*error = tell(&c, &given);
	if (*error)
		return 0;
	/* One less than it has, of each kind.  Message 0 is the admin queue's, if there are others. */
	if ((given & 0xffff) + 1 < nr)
		nr = (given & 0xffff) + 1;
	if ((given >> 16) + 1 < nr)
		nr = (given >> 16) + 1;
	if (device->nr_irqs < nr + 1)
		nr = device->nr_irqs > 1 ? device->nr_irqs - 1 : 1;
	for (unsigned i = 0; i < nr && !*error; i++)
		*error = queue_open(&queue[i], 1 + i, device->nr_irqs > 1 ? 1 + i : 0);
	return *error ? 0 : nr;
}
