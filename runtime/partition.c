/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * partition.c - finding a partition on the device.
 *
 * Reads wait for the device while its interrupts are served; what else completes meanwhile only
 * queues up.
 */
#include <runtime/event.h>
#include <runtime/gpt.h>
#include <runtime/heap.h>
#include <runtime/print.h>
#include <runtime/start.h>

#include "vbd.h"

#define READ_NS 60000000000ull

struct waiting_read {
	struct blk_request req;
	int finished, status;
};

static void read_done(struct blk_request *req, int status)
{
	struct waiting_read *r = (struct waiting_read *)req;

	r->status = status;
	r->finished = 1;
}

/* Read whole pages' worth of sectors; buf is page aligned. */
static int read_page(struct blk_device *dev, uint64_t sector, void *buf, uint32_t len)
{
	struct blk_extent extent = { virt_to_bus(buf), len };
	struct waiting_read r = {
		.req = {
			.op = BLK_READ,
			.sector = sector,
			.nr_sectors = len / BLK_SECTOR,
			.nr_extents = 1,
			.extent = &extent,
			.done = read_done,
		},
	};
	uint64_t until = time_ns() + READ_NS;
	int rc;

	while ((rc = dev->submit(dev, &r.req)) == -XEN_EBUSY)
		event_loop_once(until);
	if (rc)
		return rc;
	dev->kick(dev);
	while (!r.finished) {
		if (time_ns() > until) /* it may still write to buf: nothing but the end is safe */
			panic("%s: the device does not answer\n", dev->name);
		event_loop_once(until);
	}
	return r.status;
}

static int find_by_header(struct blk_device *dev, uint64_t lba, unsigned number, struct blk_limits *limits, char *page)
{
	uint32_t unit = dev->sector_size / BLK_SECTOR;
	struct gpt_partition part;
	struct gpt_table table;
	size_t len, pages;
	char *entries;
	int rc;

	rc = read_page(dev, lba * unit, page, dev->sector_size);
	if (!rc)
		rc = gpt_header(page, dev->sector_size, lba, dev->sectors / unit, &table);
	if (rc)
		return rc;

	len = (size_t)table.nr * table.size;
	len = (len + dev->sector_size - 1) / dev->sector_size * dev->sector_size;
	pages = (len + PAGE_SIZE - 1) / PAGE_SIZE;
	entries = page_alloc(pages);
	if (!entries)
		return -XEN_ENOMEM;
	for (size_t at = 0; !rc && at < len; at += PAGE_SIZE)
		rc = read_page(dev, table.entries * unit + at / BLK_SECTOR, entries + at,
			       len - at < PAGE_SIZE ? len - at : PAGE_SIZE);
	if (!rc)
		rc = gpt_partition(&table, entries, number, &part);
	if (!rc) {
		limits->first = part.first * unit;
		limits->sectors = part.nr * unit;
	}
	page_free(entries, pages);
	return rc;
}

int partition_find(struct blk_device *dev, unsigned number, struct blk_limits *limits)
{
	uint64_t blocks = dev->sectors / (dev->sector_size / BLK_SECTOR);
	char *page = page_alloc(1);
	int rc;

	if (!page)
		return -XEN_ENOMEM;
	if (blocks < 6) {
		rc = -XEN_EINVAL;
	} else {
		rc = find_by_header(dev, 1, number, limits, page);
		if (rc && rc != -XEN_ENOENT) /* the copy at the end of the disk */
			rc = find_by_header(dev, blocks - 1, number, limits, page);
	}
	page_free(page, 1);
	return rc;
}
