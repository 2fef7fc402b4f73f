/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net.c - the way of packets between frontends and the device.
 *
 * What frontends send is taken in batches, one packet from each ring in turn.  The first bytes are
 * copied, for the switch and the checksum; where the packet goes decides how:
 *	to the device		its pages are pinned for DMA and sent as they lie; answered when sent
 *	to one frontend		copied from grant to grant, with one call for the batch
 *	otherwise		copied into a packet of our own: to several ports, to a frontend that
 *				has no buffers ready, or when the checksum must be completed here
 * What the device receives is a packet of our own from the start.  It waits in the backlog of each
 * frontend it goes to, and is copied out as that has buffers.  A backlog is bounded, by its share of
 * the pages that all may hold; what does not fit is dropped, as by any switch.
 *
 * Grants are given back before the response is written: a frontend must find them free.
 *
 * A frontend that is told of each packet rings for each, and this domain, being of a higher priority,
 * would run for one packet at a time.  So a ring that gave packets is left alone for a moment, without
 * asking for an event, and then looked at; only when it is empty then do we wait for its bell again.
 * The device is treated alike.
 */
#include <runtime/device.h>
#include <runtime/event.h>
#include <runtime/grant.h>
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/net_header.h>
#include <runtime/print.h>
#include <runtime/start.h>

#include "vif.h"

#define BATCH	    32u	    /* packets whose first bytes fill one page				*/
#define BATCHES	    4u	    /* in one round: then others get their turn				*/
#define COPIES	    128u    /* in one call							*/
#define SPENT	    64u	    /* packets that are copied by one call				*/
#define PINNED_MOST 3584    /* pages at a time; the kernel's table holds 4096, rings included	*/
#define HELD_MOST   128u    /* pages in all backlogs						*/
#define PACKET_MOST 17u	    /* pages of the largest packet					*/
#define PAGES_FEW   128u    /* for copies: then the device must say what it has sent		*/
#define LEAVE_NS    200000u /* a ring that gave packets is left alone for so long			*/
#define POLL_NS	    200000  /* how long a ring is left alone that was just served		*/

_Static_assert(BATCH *NET_HEADERS <= PAGE_SIZE, "one page for the headers of a batch");
_Static_assert(NET_PIECES * 2 + 1 <= COPIES, "one packet's copies fit in a call");
_Static_assert(NET_PIECES <= GUISE_DMA_BATCH, "one packet's pages are pinned by one call");

struct job_list {
	struct tx_job *first, **end;
};

/* Where a packet's bytes are. */
struct source {
	uint16_t domid; /* DOMID_SELF: frames, else grants */
	unsigned nr;
	uint32_t len;
	struct {
		uint64_t at;
		uint32_t offset, len;
	} piece[NET_PIECES];
};

static struct net_device *device;
static struct net_tx *waiting, **waiting_end = &waiting;     /* for room in the device	*/
static struct job_list finished = { NULL, &finished.first }; /* to be unpinned and answered	*/
static struct job_list copied = { NULL, &copied.first };     /* finished with the next copies */
static struct vif *turn; /* whose ring is looked at first, may be stale: only compared	*/
static int submitted;	 /* since the last kick */
static unsigned pinned;	 /* pages */
static uint64_t now, deadline;
static uint64_t look_at; /* when to look at the device without an interrupt, 0: it interrupts */
static uint8_t (*heads)[NET_HEADERS];

/* Copies that are due, and which buffer of whom each fills. */
static gnttab_copy_t copies[COPIES];
static struct {
	struct vif *vif; /* NULL: none's */
	RING_IDX index;
	struct tx_job *job; /* or: from whom it came */
} copy_for[COPIES];
static unsigned nr_copies;
static struct packet *spent[SPENT];
static unsigned nr_spent;

static void list_add(struct job_list *list, struct tx_job *job)
{
	job->next = NULL;
	*list->end = job;
	list->end = &job->next;
}

static struct tx_job *list_take(struct job_list *list)
{
	struct tx_job *job = list->first;

	if (job) {
		list->first = job->next;
		if (!list->first)
			list->end = &list->first;
	}
	return job;
}

static void job_finish(struct tx_job *job, int status)
{
	job->status = status;
	list_add(&finished, job);
}

/* ---- to the device --------------------------------------------------------------------------- */

void net_complete(struct net_tx *tx)
{
	tx->done(tx);
}

static void job_sent(struct net_tx *tx)
{
	job_finish((struct tx_job *)((char *)tx - offsetof(struct tx_job, tx)), NETIF_RSP_OKAY);
}

static void packet_sent(struct net_tx *tx)
{
	packet_put((struct packet *)((char *)tx - offsetof(struct packet, tx)));
}

static void submit(struct net_tx *tx)
{
	int rc = waiting ? -XEN_EBUSY : device->submit(device, tx);

	if (!rc) {
		submitted = 1;
	} else if (rc == -XEN_EBUSY) {
		tx->next = NULL;
		*waiting_end = tx;
		waiting_end = &tx->next;
	} else {
		tx->done(tx);
	}
}

static void submit_waiting(void)
{
	while (waiting) {
		struct net_tx *tx = waiting;
		int rc = device->submit(device, tx);

		if (rc == -XEN_EBUSY)
			return;
		waiting = tx->next;
		if (!waiting)
			waiting_end = &waiting;
		if (rc)
			tx->done(tx);
		else
			submitted = 1;
	}
}

static void packet_send(struct packet *p)
{
	packet_hold(p);
	p->tx.meta = p->meta;
	p->tx.done = packet_sent;
	p->tx.awaited = packet_pages() < PAGES_FEW;
	p->tx.nr_extents = 0;
	for (unsigned i = 0; i < p->nr; i++)
		p->tx.extent[p->tx.nr_extents++] =
			(struct net_extent){ virt_to_bus(p->piece[i].data), p->piece[i].len };
	submit(&p->tx);
}

/* Does the device complete what the packet lacks? */
static int device_does(const struct net_meta *meta)
{
	return (meta->csum != NET_CSUM_BLANK || device->tx_csum) && (meta->gso != NET_GSO_TCPV4 || device->tx_tso4) &&
	       (meta->gso != NET_GSO_TCPV6 || device->tx_tso6);
}

/* ---- copying --------------------------------------------------------------------------------- */

static gnttab_copy_t *copy_add(struct vif *vif, RING_IDX index, struct tx_job *job)
{
	gnttab_copy_t *copy = &copies[nr_copies];

	memset(copy, 0, sizeof(*copy));
	copy_for[nr_copies].vif = vif;
	copy_for[nr_copies].index = index;
	copy_for[nr_copies++].job = job;
	return copy;
}

/* Do the copies that are due, and publish what they filled. */
static void copies_do(void)
{
	int rc = nr_copies ? grant_copy(copies, nr_copies) : 0;
	struct tx_job *job;

	for (unsigned i = 0; i < nr_copies; i++) {
		if (!rc && copies[i].status == GNTST_okay)
			continue;
		if (copy_for[i].vif)
			net_rx_fail(&copy_for[i].vif->rx, copy_for[i].index);
		if (copy_for[i].job)
			copy_for[i].job->status = NETIF_RSP_ERROR;
	}
	nr_copies = 0;
	for (struct vif *v = vif_first(); v; v = vif_next(v))
		if (backend_serves(&v->backend) && net_rx_publish(&v->rx))
			event_send(v->rx_port);
	while ((job = list_take(&copied)))
		list_add(&finished, job);
	while (nr_spent)
		packet_put(spent[--nr_spent]);
}

static void source_of_packet(struct source *from, const struct packet *p)
{
	from->domid = DOMID_SELF;
	from->nr = p->nr;
	from->len = p->len;
	for (unsigned i = 0; i < p->nr; i++) {
		from->piece[i].at = virt_to_mfn(p->piece[i].data);
		from->piece[i].offset = (uint64_t)p->piece[i].data & ~PAGE_MASK;
		from->piece[i].len = p->piece[i].len;
	}
}

static void source_of_job(struct source *from, const struct tx_job *job)
{
	from->domid = job->vif->backend.domid;
	from->nr = job->req.nr_slots;
	from->len = job->req.len;
	for (unsigned i = 0; i < from->nr; i++) {
		from->piece[i].at = job->req.slot[i].ref;
		from->piece[i].offset = job->req.slot[i].offset;
		from->piece[i].len = job->req.slot[i].len;
	}
}

/* A walk through a source, in steps that stay within a piece. */
struct cursor {
	const struct source *from;
	unsigned piece;
	uint32_t done; /* of that piece */
};

/* The source half of a copy of at most `most` bytes: how many it is; 0 at the end. */
static uint32_t cursor_step(struct cursor *c, gnttab_copy_t *copy, uint32_t most)
{
	uint32_t len;

	while (c->piece < c->from->nr && c->done == c->from->piece[c->piece].len) {
		c->piece++;
		c->done = 0;
	}
	if (c->piece == c->from->nr)
		return 0;
	len = c->from->piece[c->piece].len - c->done;
	if (len > most)
		len = most;
	copy->source.domid = c->from->domid;
	if (c->from->domid == DOMID_SELF) {
		copy->source.u.gmfn = c->from->piece[c->piece].at;
	} else {
		copy->source.u.ref = c->from->piece[c->piece].at;
		copy->flags |= GNTCOPY_source_gref;
	}
	copy->source.offset = c->from->piece[c->piece].offset + c->done;
	copy->len = len;
	c->done += len;
	return len;
}

/* Can the frontend take such a packet at all? */
static int vif_takes(const struct vif *v, uint32_t len, const struct net_meta *meta)
{
	if (meta->gso == NET_GSO_TCPV4)
		return v->gso4;
	if (meta->gso == NET_GSO_TCPV6)
		return v->gso6;
	return v->sg || len <= PAGE_SIZE;
}

static uint16_t rx_flags(const struct net_meta *meta)
{
	return meta->csum == NET_CSUM_BLANK ? NETRXF_csum_blank | NETRXF_data_validated :
	       meta->csum == NET_CSUM_VALID ? NETRXF_data_validated :
					      0;
}

/* Fill the frontend's next buffers: 0, -EBUSY when it has too few, -EINVAL when its ring is broken.
 * The job, if there is one, hears of failures. */
static int vif_fill(struct vif *v, const struct source *from, const struct net_meta *meta, struct tx_job *job)
{
	unsigned slots = net_rx_slots(from->len, meta);
	uint16_t flags = rx_flags(meta) | (meta->gso ? NETRXF_extra_info : 0);
	struct cursor cursor = { .from = from };
	uint32_t left = from->len;
	int room = net_rx_room(&v->rx);
	RING_IDX index;

	if (room < 0) {
		v->backend.broken = "the frontend broke the rx ring";
		return room;
	}
	if ((unsigned)room < slots)
		return -XEN_EBUSY;
	if (nr_copies + from->nr + slots > COPIES)
		copies_do();
	for (int first = 1; left; first = 0) {
		uint32_t in_page = left < PAGE_SIZE ? left : PAGE_SIZE, at = 0;
		uint32_t ref = net_rx_take(&v->rx, &index);

		while (at < in_page) {
			gnttab_copy_t *copy = copy_add(v, index, job);

			copy->dest.u.ref = ref;
			copy->dest.domid = v->backend.domid;
			copy->dest.offset = at;
			copy->flags = GNTCOPY_dest_gref;
			at += cursor_step(&cursor, copy, in_page - at);
		}
		left -= in_page;
		net_rx_answer(&v->rx, index, in_page, flags | (left ? NETRXF_more_data : 0));
		flags = 0;
		if (first && meta->gso) {
			net_rx_take(&v->rx, &index);
			net_rx_gso(&v->rx, index, meta);
		}
	}
	return 0;
}

/* ---- to frontends ---------------------------------------------------------------------------- */

static unsigned backlog_share(void)
{
	unsigned share = HELD_MOST / (backends_connected ? backends_connected : 1);

	return share < NET_PIECES ? NET_PIECES : share;
}

static int packet_is_ipv6(const struct packet *p)
{
	struct net_headers h;

	return !net_headers_parse(&h, p->piece[0].data, p->piece[0].len) && h.ipv6;
}

/* The packet waits for v's buffers from now on; or it is dropped. */
static void vif_queue(struct vif *v, struct packet *p)
{
	if (!backend_serves(&v->backend))
		return;
	if (v->backlog_nr == VIF_BACKLOG || v->backlog_pages + p->nr > backlog_share() ||
	    !vif_takes(v, p->len, &p->meta)) {
		v->dropped++;
		return;
	}
	/* One that cannot complete the sum gets it complete; it is as good for all others. */
	if (p->meta.csum == NET_CSUM_BLANK && !p->meta.gso && !(packet_is_ipv6(p) ? v->csum6 : v->csum4)) {
		if (net_checksum_fill(p->piece, p->nr, p->meta.csum_start, p->meta.csum_offset))
			return;
		p->meta.csum = NET_CSUM_VALID;
	}
	packet_hold(p);
	v->backlog[(v->backlog_first + v->backlog_nr++) % VIF_BACKLOG] = p;
	v->backlog_pages += p->nr;
}

static struct packet *backlog_take(struct vif *v)
{
	struct packet *p = v->backlog[v->backlog_first];

	v->backlog_first = (v->backlog_first + 1) % VIF_BACKLOG;
	v->backlog_nr--;
	v->backlog_pages -= p->nr;
	return p;
}

void vif_forget_backlog(struct vif *v)
{
	while (v->backlog_nr)
		packet_put(backlog_take(v));
}

static void backlog_drain(struct vif *v)
{
	struct source from;

	while (v->backlog_nr && !v->backend.broken) {
		struct packet *p = v->backlog[v->backlog_first];
		int rc;

		if (nr_spent == SPENT)
			copies_do();
		source_of_packet(&from, p);
		rc = vif_fill(v, &from, &p->meta, NULL);
		if (rc == -XEN_EBUSY && net_rx_wait(&v->rx, net_rx_slots(p->len, &p->meta)))
			continue;
		if (rc)
			return;
		spent[nr_spent++] = backlog_take(v);
	}
}

static void backlogs_drain(void)
{
	for (struct vif *v = vif_first(); v; v = vif_next(v))
		if (backend_serves(&v->backend))
			backlog_drain(v);
	copies_do();
}

/* A packet of our own goes to these ports. */
static void packet_forward(struct packet *p, uint32_t ports)
{
	for (unsigned i = 1; i < NET_PORTS; i++)
		if (ports >> i & 1 && vif_at[i])
			vif_queue(vif_at[i], p);
	if (!(ports & 1))
		return;
	if (!device_does(&p->meta) &&
	    (p->meta.gso || net_checksum_fill(p->piece, p->nr, p->meta.csum_start, p->meta.csum_offset)))
		return;
	if (!device_does(&p->meta))
		p->meta.csum = NET_CSUM_VALID;
	packet_send(p);
}

void net_receive(const struct net_meta *meta, const struct net_piece *piece, unsigned nr)
{
	struct packet *p = nr <= NET_PIECES ? packet_new() : NULL;
	uint8_t header[12];

	if (!p) {
		while (nr--)
			net_page_put(piece[nr].data);
		return;
	}
	p->meta = *meta;
	p->nr = nr;
	for (unsigned i = 0; i < nr; i++) {
		p->piece[i] = piece[i];
		p->len += piece[i].len;
	}
	if (piece[0].len >= NET_HEADER && p->len <= 0xffff) {
		memcpy(header, piece[0].data, sizeof(header));
		packet_forward(p, net_switch_forward(&net_switch, 0, header, now) & ~1u);
	}
	packet_put(p);
}

void net_look_later(void)
{
	look_at = time_ns() + LEAVE_NS; /* handlers run long after `now` */
}

/* ---- from the rings -------------------------------------------------------------------------- */

/* The next packet of one ring that is no error, or NULL. */
static struct tx_job *take_one(struct vif *v)
{
	struct net_request req;
	struct tx_job *job;
	uint64_t until;
	int rc;

	until = net_rate_wait(&v->rate, now);
	if (until) {
		if (until < deadline)
			deadline = until;
		return NULL;
	}
	while ((rc = net_tx_take(&v->tx, &req)) > 0) {
		job = &v->job[req.index % NET_RING_SLOTS];
		job->vif = v;
		job->req = req;
		job->nr_cookies = 0;
		job->status = NETIF_RSP_OKAY;
		job->packet = NULL;
		v->active = 1;
		if (req.status == NETIF_RSP_OKAY) {
			net_rate_charge(&v->rate, req.len);
			return job;
		}
		job_finish(job, req.status);
	}
	if (rc < 0) {
		v->backend.broken = "the frontend broke the tx ring";
		v->kicked = 0;
	} else if (v->active) {
		v->active = v->kicked = 0;
		v->look_at = now + LEAVE_NS;
	} else {
		v->kicked = net_tx_wait(&v->tx);
	}
	return NULL;
}

/* One from each ring in turn, as many as could all be copied. */
static unsigned take_batch(struct tx_job **batch)
{
	unsigned nr = 0, idle = 0, pages = packet_pages(), all = 0;
	struct vif *v = vif_first();

	for (struct vif *i = v; i; i = vif_next(i)) {
		all++;
		i->copying = 0;
		if (i == turn)
			v = i;
	}
	while (nr < BATCH && pages >= PACKET_MOST && idle < all) {
		struct tx_job *job = backend_serves(&v->backend) && v->kicked ? take_one(v) : NULL;

		idle = job ? 0 : idle + 1;
		if (job) {
			batch[nr++] = job;
			pages -= (job->req.len + PAGE_SIZE - 1) / PAGE_SIZE;
		}
		v = vif_next(v) ? vif_next(v) : vif_first();
	}
	turn = v;
	return nr;
}

static uint32_t head_len(const struct tx_job *job)
{
	return job->req.len < NET_HEADERS ? job->req.len : NET_HEADERS;
}

/* Read the first bytes of each packet; a job that fails is told. */
static void read_heads(struct tx_job **batch, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		struct source from;
		struct cursor cursor = { .from = &from };
		uint32_t len = head_len(batch[i]), at = 0;

		if (nr_copies + NET_PIECES > COPIES)
			copies_do();
		source_of_job(&from, batch[i]);
		while (at < len) {
			gnttab_copy_t *copy = copy_add(NULL, 0, batch[i]);

			copy->dest.u.gmfn = virt_to_mfn(heads);
			copy->dest.domid = DOMID_SELF;
			copy->dest.offset = (uint64_t)&heads[i][at] & ~PAGE_MASK;
			at += cursor_step(&cursor, copy, len - at);
		}
	}
	copies_do();
}

/* Find what is left to be done to the packet, as its frontend says: 0 or -EINVAL. */
static int find_offsets(struct net_meta *meta, const uint8_t *head, uint32_t len)
{
	struct net_headers h;

	if (meta->csum != NET_CSUM_BLANK)
		return 0;
	if (net_headers_parse(&h, head, len))
		return -XEN_EINVAL;
	if (meta->gso && (!h.tcp || h.ipv6 != (meta->gso == NET_GSO_TCPV6) || h.len > len))
		return -XEN_EINVAL;
	meta->csum_start = h.start;
	meta->csum_offset = h.offset;
	meta->header_len = meta->gso ? h.len : 0;
	return 0;
}

/* The one port of a set, or -1. */
static int only_port(uint32_t ports)
{
	return ports & (ports - 1) ? -1 : __builtin_ctz(ports);
}

static int copy_direct(struct tx_job *job, struct vif *to, const uint8_t *head)
{
	const struct net_meta *meta = &job->req.meta;
	struct net_headers h;
	struct source from;

	if (!backend_serves(&to->backend) || to->backlog_nr || to->copying || !vif_takes(to, job->req.len, meta))
		return -XEN_EBUSY;
	if (meta->csum == NET_CSUM_BLANK &&
	    !(!net_headers_parse(&h, head, head_len(job)) && h.ipv6 ? to->csum6 : to->csum4))
		return -XEN_EBUSY;
	source_of_job(&from, job);
	return vif_fill(to, &from, meta, job);
}

/* The copies into a packet of our own; it goes on its way when they are done. */
static void copy_begin(struct tx_job *job, uint32_t ports)
{
	struct packet *p = packet_new();
	struct source from;
	struct cursor cursor = { .from = &from };

	packet_fill(p, job->req.len);
	p->meta = job->req.meta;
	job->packet = p;
	job->ports = ports;
	for (unsigned i = 1; i < NET_PORTS; i++)
		if (ports >> i & 1 && vif_at[i])
			vif_at[i]->copying = 1;
	if (nr_copies + NET_PIECES + PACKET_MOST > COPIES)
		copies_do();
	source_of_job(&from, job);
	for (unsigned i = 0; i < p->nr; i++) {
		for (uint32_t at = 0; at < p->piece[i].len;) {
			gnttab_copy_t *copy = copy_add(NULL, 0, job);

			copy->dest.u.gmfn = virt_to_mfn(p->piece[i].data);
			copy->dest.domid = DOMID_SELF;
			copy->dest.offset = at;
			at += cursor_step(&cursor, copy, p->piece[i].len - at);
		}
	}
}

static void copy_end(struct tx_job *job)
{
	if (job->status == NETIF_RSP_OKAY)
		packet_forward(job->packet, job->ports);
	packet_put(job->packet);
	job->packet = NULL;
	list_add(&finished, job);
}

/* Decide where a packet goes, and begin: returns 1 when it is to be pinned for the device. */
static int route(struct tx_job *job, const uint8_t *head)
{
	struct net_meta *meta = &job->req.meta;
	uint32_t ports;
	int only;

	if (job->status != NETIF_RSP_OKAY || find_offsets(meta, head, head_len(job))) {
		job_finish(job, NETIF_RSP_ERROR);
		return 0;
	}
	ports = net_switch_forward(&net_switch, job->vif->port, head, now);
	if (!ports) {
		job_finish(job, NETIF_RSP_DROPPED);
		return 0;
	}
	only = only_port(ports);
	if (!only && device_does(meta))
		return 1;
	if (only > 0 && vif_at[only] && !copy_direct(job, vif_at[only], head))
		list_add(&copied, job);
	else
		copy_begin(job, ports);
	return 0;
}

/* Pin the pages of jobs that together have no more than a call takes, and send them. */
static void pin_and_submit(struct tx_job **batch, unsigned nr)
{
	struct guise_dma_map map[GUISE_DMA_BATCH], *m = map;
	long rc;

	for (unsigned i = 0; i < nr; i++)
		for (unsigned s = 0; s < batch[i]->req.nr_slots; s++)
			*m++ = (struct guise_dma_map){
				.domid = batch[i]->vif->backend.domid,
				.flags = GUISE_DMA_RDONLY,
				.ref = batch[i]->req.slot[s].ref,
			};
	rc = m == map ? 0 : guise_dma(GUISE_DMA_MAP, map, m - map);
	m = map;
	for (unsigned i = 0; i < nr; i++) {
		struct tx_job *job = batch[i];

		job->tx.meta = job->req.meta;
		job->tx.done = job_sent;
		job->tx.awaited = 1;
		job->tx.nr_extents = 0;
		for (unsigned s = 0; s < job->req.nr_slots; s++, m++) {
			const struct net_slot *slot = &job->req.slot[s];

			if (rc || m->status) {
				job->status = NETIF_RSP_ERROR;
				continue;
			}
			job->cookie[job->nr_cookies++] = m->cookie;
			pinned++;
			if (slot->len)
				job->tx.extent[job->tx.nr_extents++] =
					(struct net_extent){ m->bus + slot->offset, slot->len };
		}
		if (job->status == NETIF_RSP_OKAY)
			submit(&job->tx);
		else
			list_add(&finished, job);
	}
}

/* Nothing new is taken: the device's next interrupt goes on. */
static int full(void)
{
	return waiting || pinned + BATCH * NET_PIECES > PINNED_MOST || packet_pages() < PACKET_MOST;
}

/* Take a batch; returns 0 when there is nothing to take, or no room for it. */
static int take_packets(void)
{
	struct tx_job *batch[BATCH], *direct[BATCH];
	unsigned taken, nr = 0, slots = 0;

	if (full() || !vif_first())
		return 0;
	taken = take_batch(batch);
	read_heads(batch, taken);
	for (unsigned i = 0; i < taken; i++) {
		if (!route(batch[i], heads[i]))
			continue;
		batch[i]->packet = NULL;
		if (slots + batch[i]->req.nr_slots > GUISE_DMA_BATCH) {
			pin_and_submit(direct, nr);
			nr = slots = 0;
		}
		slots += batch[i]->req.nr_slots;
		direct[nr++] = batch[i];
	}
	copies_do();
	pin_and_submit(direct, nr);
	for (unsigned i = 0; i < taken; i++)
		if (batch[i]->packet)
			copy_end(batch[i]);
	return taken > 0;
}

/* ---- back to the rings ----------------------------------------------------------------------- */

static void unpin(uint32_t *cookie, unsigned nr)
{
	long rc = nr ? guise_dma(GUISE_DMA_UNMAP, cookie, nr) : 0;

	if (rc)
		panic("%s: pages cannot be unpinned: %ld\n", device->name, rc);
	pinned -= nr;
}

static void unpin_finished(void)
{
	uint32_t cookie[GUISE_DMA_BATCH];
	unsigned nr = 0;

	for (struct tx_job *job = finished.first; job; job = job->next)
		for (unsigned i = 0; i < job->nr_cookies; i++) {
			cookie[nr++] = job->cookie[i];
			if (nr == GUISE_DMA_BATCH) {
				unpin(cookie, nr);
				nr = 0;
			}
		}
	unpin(cookie, nr);
}

static void answer_finished(void)
{
	struct tx_job *job;

	if (!finished.first)
		return;
	unpin_finished();
	while ((job = list_take(&finished)))
		net_tx_answer(&job->vif->tx, &job->req, job->status);
	for (struct vif *v = vif_first(); v; v = vif_next(v))
		if (v->tx_page.va && net_tx_publish(&v->tx))
			event_send(v->tx_port);
}

/* One round: returns 1 when there is work for another right away. */
static int round(void)
{
	now = time_ns();
	deadline = EVENT_FOREVER;
	if (look_at && now >= look_at) {
		look_at = 0;
		device->look(device);
	}
	for (struct vif *v = vif_first(); v; v = vif_next(v)) {
		if (v->look_at && now >= v->look_at) {
			v->look_at = 0;
			v->kicked = 1;
		}
	}
	backlogs_drain();
	submit_waiting();
	for (unsigned i = 0; i < BATCHES && take_packets(); i++) {
		backlogs_drain();
		if (submitted)
			device->kick(device);
		submitted = 0;
		answer_finished();
	}
	if (submitted)
		device->kick(device);
	submitted = 0;
	answer_finished();
	device->refill(device);

	if (backend_due())
		return 1;
	if (look_at)
		deadline = look_at < deadline ? look_at : deadline;
	if (full())
		return 0;
	for (struct vif *v = vif_first(); v; v = vif_next(v)) {
		if (backend_serves(&v->backend) && v->kicked && !net_rate_wait(&v->rate, now))
			return 1;
		if (v->look_at && v->look_at < deadline)
			deadline = v->look_at;
	}
	return 0;
}

int net_init(struct net_device *dev)
{
	device = dev;
	heads = page_alloc(1);
	now = time_ns();
	return heads ? packets_init() : -XEN_ENOMEM;
}

int net_serve(struct net_device *dev)
{
	int rc = vif_start(dev), more = 0;

	if (rc)
		return rc;
	device_ready();
	for (;;) {
		event_loop_once(more ? 0 : deadline);
		backend_update();
		more = round();
	}
}
