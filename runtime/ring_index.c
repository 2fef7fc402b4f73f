/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ring_index.c - what a ring's frontend is told, looked at once more by somebody who did not work it out.
 *
 * Books are kept here of their own.  Whoever is wrong elsewhere, by a broken instruction or a word of memory that was
 * overwritten, is found out before it counts.
 */
#include <runtime/ring_index.h>

int ring_publish(struct ring_out *out, RING_IDX to, unsigned nr, unsigned slots)
{
	if (to - out->published != nr || index_read(&out->page->req_prod) - to > slots)
		return -XEN_EIO;
	index_write(&out->page->rsp_prod, to);
	out->published = to;
	return 0;
}

void ring_restate(const struct ring_out *out)
{
	index_write(&out->page->rsp_prod, out->published);
}

int ring_untold(const struct ring_out *out)
{
	RING_IDX wanted = index_read(&out->page->rsp_event);

	return (int32_t)(out->published - wanted) >= 0 && (int32_t)(out->told - wanted) < 0;
}
