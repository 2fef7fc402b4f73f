/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blk.c - in the place of a disk's driver that was given up: all requests are answered with an error.
 *
 * Without a sector no read or write is in range.  A flush must fail, too: the answer that there is none would be
 * remembered beyond the driver's return.
 */
#include <runtime/blk.h>
#include <runtime/start.h>

static int refuse(struct blk_device *dev, struct blk_request *req)
{
	return -XEN_EIO;
}

static void nothing(struct blk_device *dev)
{
}

int domain_main(void)
{
	static struct blk_device disk = {
		.sector_size = BLK_SECTOR,
		.max_segments = 1,
		.has_flush = 1,
		.has_discard = 1,
		.submit = refuse,
		.kick = nothing,
	};

	disk.name = (const char *)start->cmd_line;
	return blk_serve(&disk);
}
