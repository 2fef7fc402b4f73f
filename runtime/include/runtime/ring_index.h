/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ring_index.h - the four indices a shared ring begins with, which its other end may write at any time.  No hypercalls.
 */
#pragma once

#include <stdint.h>

#include <runtime/xen.h>
#include <xen/io/ring.h>

/* What the page of each kind of ring begins with (xen/io/ring.h). */
struct ring_indices {
	RING_IDX req_prod, req_event, rsp_prod, rsp_event;
};

/* What its frontend knows. */
struct ring_out {
	struct ring_indices *page;
	RING_IDX published, told; /* responses; those before it was told last */
};

static inline RING_IDX index_read(const RING_IDX *index)
{
	return *(const volatile RING_IDX *)index;
}

static inline void index_write(RING_IDX *index, RING_IDX value)
{
	*(volatile RING_IDX *)index = value;
}

/* A ring whose responses before `published` are so, and are known. */
static inline void ring_out_begin(struct ring_out *out, void *page, RING_IDX published)
{
	*out = (struct ring_out){ page, published, published };
}

/* Publish nr responses, the last of them before index `to`: 0; or -EIO, and nothing is published, when they do not begin
 * where the last ones ended, or are more than the requests.  The caller is out of its mind then, or the frontend wrote
 * into its own requests' index; and one that finds a wrong index serves itself no more, whoever comes after. */
int ring_publish(struct ring_out *out, RING_IDX to, unsigned nr, unsigned slots);

/* Before more is published: what was counts as such, also if its index was stored elsewhere, or the frontend moved it.  The
 * requests of responses that do not count would be lost. */
void ring_restate(const struct ring_out *out);

/* Its frontend's bell rang. */
static inline void ring_told(struct ring_out *out)
{
	out->told = out->published;
}

/* Is there a response that the frontend asked to be told of, and was not? */
int ring_untold(const struct ring_out *out);
