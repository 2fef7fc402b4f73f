/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_ring.c - what a frontend sends, and which of its buffers is filled next.
 *
 * A packet is a chain of requests: the first, with the size of the whole; extra information, which
 * takes slots of its own; then a request for each further piece.  A frontend publishes a chain at
 * once, so one that ends at req_prod is broken, as is one that leaves a page or its own size: after
 * that nothing in the ring can be believed to begin where it seems to.
 *
 * Responses are published in the order of requests, so whoever serves the ring next begins at
 * rsp_prod: packets may be sent twice, none is answered twice.  A packet's responses are published at
 * once.  A backend that dies while it writes them leaves slots that are neither request nor response;
 * so what is being written stands in the padding of the shared page first (see blk_ring.c).
 */
#include <runtime/net_ring.h>

_Static_assert(__CONST_RING_SIZE(netif_tx, PAGE_SIZE) == NET_RING_SLOTS, "slots of a tx ring");
_Static_assert(__CONST_RING_SIZE(netif_rx, PAGE_SIZE) == NET_RING_SLOTS, "slots of an rx ring");
_Static_assert(sizeof(netif_extra_info_t) == sizeof(netif_rx_response_t),
	       "extra information takes the place of a response");

/* The answers being written: valid when `next` is one beyond rsp_prod. */
struct journal {
	RING_IDX next;
	uint16_t nr;
	int16_t status;	 /* tx only	*/
	uint32_t extras; /* tx only: slots of extra information, of the first 32 */
};
_Static_assert(sizeof(struct journal) <= sizeof(((netif_tx_sring_t *)0)->__pad), "the journal fits the padding");

static void journal_write(struct journal *journal, struct journal entry)
{
	wmb(); /* what it holds is published before it is lost */
	journal->nr = entry.nr;
	journal->status = entry.status;
	journal->extras = entry.extras;
	wmb(); /* whole before it is valid */
}

static void journal_validate(struct journal *journal, RING_IDX rsp_prod)
{
	index_write(&journal->next, rsp_prod + 1);
	wmb(); /* valid before a request is lost */
}

/* What a backend left half-written, of nr slots: how many slots it is, 0: nothing. */
static unsigned journal_read(const struct journal *journal, RING_IDX rsp_prod, unsigned nr, struct journal *entry)
{
	*entry = *(const volatile struct journal *)journal;
	return entry->next == rsp_prod + 1 && entry->nr <= nr ? entry->nr : 0;
}

/* ---- sending --------------------------------------------------------------------------------- */

static union netif_tx_sring_entry *tx_slot(const struct net_tx_ring *ring, RING_IDX at)
{
	return &ring->shared->ring[at % NET_RING_SLOTS];
}

static int16_t status_of(const struct net_tx_packet *packet, unsigned i)
{
	return i < 32 && packet->extras >> i & 1 ? NETIF_RSP_NULL : packet->status;
}

static int status_can_be(int status)
{
	return status == NETIF_RSP_OKAY || status == NETIF_RSP_ERROR || status == NETIF_RSP_DROPPED;
}

/* The id of a request lies behind what the response overwrites. */
static uint16_t id_of(const union netif_tx_sring_entry *slot)
{
	return *(const volatile uint16_t *)&slot->req.id;
}

/* Is what stands in the journal what is noted of the packet at rsp_prod?  And are these the answers, later?  Neither is
 * asked within the function that writes them, which may be out of its mind: a frontend that gets another answer serves
 * itself no more, or keeps the packet's pages for ever. */
__attribute__((noinline)) static int tx_fits(const struct net_tx_ring *ring)
{
	const struct net_tx_packet *packet = &ring->packet[ring->rsp_prod % NET_RING_SLOTS];
	const struct journal *journal = (const struct journal *)ring->shared->__pad;

	return journal->nr == packet->nr && journal->status == packet->status && journal->extras == packet->extras &&
	       status_can_be(packet->status);
}

__attribute__((noinline)) static int tx_stands(const struct net_tx_ring *ring, unsigned nr)
{
	const struct net_tx_packet *packet = &ring->packet[ring->rsp_prod % NET_RING_SLOTS];

	for (unsigned i = 0; i < nr; i++) {
		const union netif_tx_sring_entry *slot = tx_slot(ring, ring->rsp_prod + i);
		const volatile netif_tx_response_t *is = &slot->rsp;

		if (is->id != id_of(slot) || is->status != status_of(packet, i))
			return 0;
	}
	return nr == packet->nr;
}

/* Publish the answers to the packet at rsp_prod, as they are noted: 0, or -EIO when something else stands there than was
 * written, by a frontend or by a backend out of its mind. */
static int tx_publish(struct net_tx_ring *ring)
{
	const struct net_tx_packet *packet = &ring->packet[ring->rsp_prod % NET_RING_SLOTS];
	struct journal *journal = (struct journal *)ring->shared->__pad;
	unsigned nr = packet->nr;

	if (!ring->broken)
		ring_restate(&ring->out);
	journal_write(journal, (struct journal){ .nr = nr, .status = packet->status, .extras = packet->extras });
	if (!ring->broken && !tx_fits(ring))
		goto broken;
	journal_validate(journal, ring->rsp_prod);
	for (unsigned i = 0; i < nr; i++) {
		union netif_tx_sring_entry *slot = tx_slot(ring, ring->rsp_prod + i);

		slot->rsp = (netif_tx_response_t){ .id = id_of(slot), .status = status_of(packet, i) };
	}
	wmb(); /* the responses before rsp_prod */
	if (ring->broken)
		index_write(&ring->shared->rsp_prod, ring->rsp_prod + nr);
	else if (!tx_stands(ring, nr) || ring_publish(&ring->out, ring->rsp_prod + nr, nr, NET_RING_SLOTS))
		goto broken;
	ring->rsp_prod += nr;
	return 0;
broken:
	ring->broken = 1;
	return -XEN_EIO;
}

int net_tx_attach(struct net_tx_ring *ring, netif_tx_sring_t *shared)
{
	struct journal torn;
	unsigned nr;

	memset(ring, 0, sizeof(*ring));
	ring->shared = shared;
	ring->rsp_prod = index_read(&shared->rsp_prod);
	ring_out_begin(&ring->out, shared, ring->rsp_prod);
	nr = index_read(&shared->req_prod) - ring->rsp_prod;
	if (nr > NET_RING_SLOTS)
		return -XEN_EINVAL;
	if (journal_read((struct journal *)shared->__pad, ring->rsp_prod, nr, &torn)) {
		ring->packet[ring->rsp_prod % NET_RING_SLOTS] =
			(struct net_tx_packet){ .nr = torn.nr, .status = torn.status, .extras = torn.extras };
		if (tx_publish(ring))
			return -XEN_EINVAL;
	}
	ring->req_cons = ring->rsp_prod;
	return 0;
}

/* A private copy of ring slot `at`, once. */
static netif_tx_request_t tx_read(const struct net_tx_ring *ring, RING_IDX at)
{
	return *(const volatile netif_tx_request_t *)&tx_slot(ring, at)->req;
}

static void note_extra(struct net_request *req, const netif_extra_info_t *extra)
{
	if (extra->type != XEN_NETIF_EXTRA_TYPE_GSO)
		return; /* nothing that we announced: it may be ignored */
	req->meta.gso_size = extra->u.gso.size;
	req->meta.gso = extra->u.gso.type == XEN_NETIF_GSO_TYPE_TCPV4 ? NET_GSO_TCPV4 :
			extra->u.gso.type == XEN_NETIF_GSO_TYPE_TCPV6 ? NET_GSO_TCPV6 :
									NET_GSO_NONE;
	/* Segments without a size or of another kind: only this packet is lost. */
	if (extra->u.gso.type != XEN_NETIF_GSO_TYPE_NONE && (!req->meta.gso || !req->meta.gso_size))
		req->status = NETIF_RSP_ERROR;
}

/* The extra information behind the first request: slots taken with it, or -EINVAL. */
static int take_extras(struct net_tx_ring *ring, struct net_request *req, unsigned most)
{
	unsigned nr = 1;
	netif_extra_info_t extra;

	do {
		netif_tx_request_t raw;

		if (nr == most)
			return -XEN_EINVAL;
		raw = tx_read(ring, req->index + nr);
		memcpy(&extra, &raw, sizeof(extra));
		if (!extra.type || extra.type >= XEN_NETIF_EXTRA_TYPE_MAX)
			return -XEN_EINVAL;
		note_extra(req, &extra);
		if (nr < 32)
			ring->packet[req->index % NET_RING_SLOTS].extras |= 1u << nr;
		nr++;
	} while (extra.flags & XEN_NETIF_EXTRA_FLAG_MORE);
	return nr;
}

static int take_chain(struct net_tx_ring *ring, struct net_request *req, unsigned most)
{
	netif_tx_request_t raw = tx_read(ring, req->index);
	uint32_t first = raw.size; /* what is left of it for the first slot */
	int nr = 1;

	req->len = raw.size;
	req->slot[0] = (struct net_slot){ .ref = raw.gref, .offset = raw.offset };
	req->meta.csum = raw.flags & NETTXF_csum_blank	   ? NET_CSUM_BLANK :
			 raw.flags & NETTXF_data_validated ? NET_CSUM_VALID :
							     NET_CSUM_NONE;
	ring->packet[req->index % NET_RING_SLOTS].extras = 0;
	if (raw.flags & NETTXF_extra_info) {
		nr = take_extras(ring, req, most);
		if (nr < 0)
			return nr;
	}
	while (raw.flags & NETTXF_more_data) {
		if ((unsigned)nr == most || req->nr_slots == NET_PIECES)
			return -XEN_EINVAL;
		raw = tx_read(ring, req->index + nr);
		if (raw.size > first || raw.offset + raw.size > PAGE_SIZE)
			return -XEN_EINVAL;
		first -= raw.size;
		nr++;
		req->slot[req->nr_slots++] = (struct net_slot){ raw.gref, raw.offset, raw.size };
	}
	if (req->slot[0].offset + first > PAGE_SIZE)
		return -XEN_EINVAL;
	req->slot[0].len = first;
	return nr;
}

int net_tx_take(struct net_tx_ring *ring, struct net_request *req)
{
	RING_IDX prod = index_read(&ring->shared->req_prod);
	int nr;

	if (prod - ring->rsp_prod > NET_RING_SLOTS || prod - ring->rsp_prod < net_tx_busy(ring))
		return -XEN_EINVAL;
	if (prod == ring->req_cons)
		return 0;
	rmb(); /* req_prod before the requests */
	req->meta = (struct net_meta){ 0 };
	req->status = NETIF_RSP_OKAY;
	req->index = ring->req_cons;
	req->nr_slots = 1;
	nr = take_chain(ring, req, prod - ring->req_cons);
	if (nr < 0)
		return nr;
	req->nr_ring = nr;
	ring->packet[req->index % NET_RING_SLOTS].nr = nr;
	ring->packet[req->index % NET_RING_SLOTS].answered = 0;
	ring->req_cons += nr;
	if (req->len < NET_HEADER)
		req->status = NETIF_RSP_ERROR;
	if (req->meta.gso && req->meta.csum != NET_CSUM_BLANK)
		req->status = NETIF_RSP_ERROR;
	return 1;
}

int net_tx_wait(struct net_tx_ring *ring)
{
	index_write(&ring->shared->req_event, ring->req_cons + 1);
	mb(); /* pairs with the frontend's: it writes req_prod, then reads req_event */
	return index_read(&ring->shared->req_prod) != ring->req_cons;
}

void net_tx_answer(struct net_tx_ring *ring, const struct net_request *req, int status)
{
	ring->packet[req->index % NET_RING_SLOTS].status = status;
	ring->packet[req->index % NET_RING_SLOTS].answered = 1;
}

/* The next answer, if there is one: 1, 0, or -errno as below. */
static int tx_publish_next(struct net_tx_ring *ring)
{
	struct net_tx_packet *packet = &ring->packet[ring->rsp_prod % NET_RING_SLOTS];
	int rc;

	if (ring->rsp_prod == ring->req_cons || !packet->answered)
		return 0;
	if (!packet->nr || packet->nr > net_tx_busy(ring))
		return -XEN_EINVAL;
	rc = tx_publish(ring);
	if (rc)
		return rc;
	packet->answered = 0;
	return 1;
}

int net_tx_publish(struct net_tx_ring *ring)
{
	RING_IDX old = ring->rsp_prod;
	int rc;

	if (net_tx_busy(ring) > NET_RING_SLOTS)
		return -XEN_EINVAL;
	while ((rc = tx_publish_next(ring)) > 0)
		;
	if (rc < 0)
		return rc;
	if (ring->rsp_prod == old)
		return 0;
	mb(); /* rsp_prod before rsp_event: the frontend does it the other way round */
	return ring->rsp_prod - index_read(&ring->shared->rsp_event) < ring->rsp_prod - old;
}

/* ---- receiving ------------------------------------------------------------------------------- */

/* Buffers whose answers were being written are given back as failed: what they held comes again, or is lost,
 * as packets are. */
static void rx_mend(struct net_rx_ring *ring)
{
	struct journal torn;
	unsigned nr = journal_read((struct journal *)ring->shared->__pad, ring->rsp_prod, net_rx_room(ring), &torn);

	for (unsigned i = 0; i < nr; i++) {
		netif_rx_response_t *rsp = &ring->shared->ring[(ring->rsp_prod + i) % NET_RING_SLOTS].rsp;

		*rsp = (netif_rx_response_t){ .id = rsp->id, .status = NETIF_RSP_ERROR };
	}
	wmb(); /* the responses before rsp_prod */
	ring->rsp_prod += nr;
	ring->req_cons = ring->rsp_prod;
	index_write(&ring->shared->rsp_prod, ring->rsp_prod);
}

int net_rx_attach(struct net_rx_ring *ring, netif_rx_sring_t *shared)
{
	memset(ring, 0, sizeof(*ring));
	ring->shared = shared;
	ring->req_cons = ring->rsp_prod = index_read(&shared->rsp_prod);
	if (net_rx_room(ring) < 0)
		return -XEN_EINVAL;
	ring->adopted = ring->rsp_prod + net_rx_room(ring);
	rx_mend(ring);
	ring_out_begin(&ring->out, shared, ring->rsp_prod);
	return 0;
}

int net_rx_room(const struct net_rx_ring *ring)
{
	RING_IDX prod = index_read(&ring->shared->req_prod), taken = ring->req_cons - ring->rsp_prod;

	if (prod - ring->rsp_prod > NET_RING_SLOTS || prod - ring->rsp_prod < taken)
		return -XEN_EINVAL;
	rmb(); /* req_prod before the requests */
	return prod - ring->req_cons;
}

uint32_t net_rx_take(struct net_rx_ring *ring, RING_IDX *index)
{
	netif_rx_request_t req;

	*index = ring->req_cons++;
	req = *(const volatile netif_rx_request_t *)&ring->shared->ring[*index % NET_RING_SLOTS].req;
	ring->slot[*index % NET_RING_SLOTS].rsp = (netif_rx_response_t){ .id = req.id };
	return req.gref;
}

unsigned net_rx_slots(uint32_t len, const struct net_meta *meta)
{
	return (len + PAGE_SIZE - 1) / PAGE_SIZE + (meta->gso ? 1 : 0);
}

void net_rx_answer(struct net_rx_ring *ring, RING_IDX index, uint32_t len, uint16_t flags)
{
	netif_rx_response_t *rsp = &ring->slot[index % NET_RING_SLOTS].rsp;

	rsp->offset = 0;
	rsp->flags = flags;
	rsp->status = len;
}

void net_rx_fail(struct net_rx_ring *ring, RING_IDX index)
{
	ring->slot[index % NET_RING_SLOTS].rsp.status = NETIF_RSP_ERROR;
	if ((int32_t)(ring->adopted - index) <= 0)
		return;
	/* An earlier backend may have written over it, and over all others that it knew.  They would cost a packet each. */
	while ((int32_t)(ring->adopted - ring->req_cons) > 0) {
		net_rx_take(ring, &index);
		ring->slot[index % NET_RING_SLOTS].rsp.status = NETIF_RSP_ERROR;
	}
}

void net_rx_gso(struct net_rx_ring *ring, RING_IDX index, const struct net_meta *meta)
{
	ring->slot[index % NET_RING_SLOTS].extra = (netif_extra_info_t){
		.type = XEN_NETIF_EXTRA_TYPE_GSO,
		.u.gso.size = meta->gso_size,
		.u.gso.type = meta->gso == NET_GSO_TCPV4 ? XEN_NETIF_GSO_TYPE_TCPV4 : XEN_NETIF_GSO_TYPE_TCPV6,
	};
}

int net_rx_publish(struct net_rx_ring *ring)
{
	RING_IDX old = ring->rsp_prod;

	if (old == ring->req_cons)
		return 0;
	if (ring->req_cons - old > NET_RING_SLOTS)
		return -XEN_EINVAL;
	ring_restate(&ring->out);
	journal_write((struct journal *)ring->shared->__pad, (struct journal){ .nr = ring->req_cons - old });
	journal_validate((struct journal *)ring->shared->__pad, old);
	for (; ring->rsp_prod != ring->req_cons; ring->rsp_prod++) /* extra information is as long as a response */
		ring->shared->ring[ring->rsp_prod % NET_RING_SLOTS].rsp =
			ring->slot[ring->rsp_prod % NET_RING_SLOTS].rsp;
	wmb(); /* the responses before rsp_prod */
	if (ring_publish(&ring->out, ring->rsp_prod, ring->req_cons - old, NET_RING_SLOTS))
		return -XEN_EIO;
	mb(); /* rsp_prod before rsp_event: the frontend does it the other way round */
	return ring->rsp_prod - index_read(&ring->shared->rsp_event) < ring->rsp_prod - old;
}

int net_rx_wait(struct net_rx_ring *ring, unsigned nr)
{
	index_write(&ring->shared->req_event, ring->req_cons + nr);
	mb(); /* pairs with the frontend's: it writes req_prod, then reads req_event */
	return index_read(&ring->shared->req_prod) - ring->req_cons >= nr;
}
