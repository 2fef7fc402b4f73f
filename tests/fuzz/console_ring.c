/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * console_ring.c - a console page whose other end writes what it likes.
 */
#include "fuzz.h"

#include <runtime/console_ring.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xencons_interface *page = calloc(1, sizeof(*page));
	uint32_t *index[] = { &page->out_prod, &page->out_cons, &page->in_prod, &page->in_cons };
	char buf[300];
	size_t n;

	input_begin(data, size);
	while (input_more()) {
		uint64_t op = input_number(1);

		n = input_number(1);
		switch (op % 8) {
		case 0:
			*index[op >> 3 & 3] = (uint32_t)input_number(4);
			break;
		case 1:
			*index[op >> 3 & 3] += (uint32_t)n;
			break;
		case 2:
			check_that(console_ring_read(page, buf, n) <= n);
			break;
		case 3:
			check_that(console_ring_put(page, buf, n) <= n);
			break;
		case 4:
			check_that(console_ring_front_put(page, buf, n) <= n);
			break;
		case 5:
			check_that(console_ring_front_read(page, buf, n) <= n);
			break;
		case 6:
			check_that(console_ring_pending(page) <= sizeof(page->out));
			break;
		default:
			check_that(console_ring_room(page) <= sizeof(page->in));
		}
	}
	free(page);
	return 0;
}
