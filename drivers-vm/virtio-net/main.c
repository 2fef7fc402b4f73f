/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - the driver of a virtio network device (VIRTIO 1.2, 5.1).
 *
 * Each packet has a header.  For those that are sent it lies in `headers`, by the slot of `sends`
 * which remembers whose packet it is; for those received it is in front, in the first page.
 */
#include <runtime/device.h>
#include <runtime/event.h>
#include <runtime/heap.h>
#include <runtime/net.h>
#include <runtime/print.h>
#include <runtime/start.h>
#include <runtime/string.h>

#include <virtio/virtio_pci.h>

#define F_CSUM	     (1ull << 0)
#define F_GUEST_CSUM (1ull << 1)
#define F_MAC	     (1ull << 5)
#define F_GUEST_TSO4 (1ull << 7)
#define F_GUEST_TSO6 (1ull << 8)
#define F_HOST_TSO4  (1ull << 11)
#define F_HOST_TSO6  (1ull << 12)
#define F_MRG_RXBUF  (1ull << 15)
#define F_CTRL_VQ    (1ull << 17)
#define F_CTRL_RX    (1ull << 18)
#define F_MQ	     (1ull << 22)

#define NEEDS_CSUM 1u
#define DATA_VALID 2u

#define GSO_NONE  0u
#define GSO_TCPV4 1u
#define GSO_TCPV6 4u

#define CONFIG_PAIRS 8 /* offset: the most that it has */

#define PAIRS		4u /* most that are used: one queue to receive, one to send */
#define MESSAGE_RECEIVE 0u
#define MESSAGE_SEND	1u
#define MESSAGE_CONTROL 2u

#define CONTROL_RX	  0u
#define CONTROL_ALL	  0u /* receive what is meant for any address */
#define CONTROL_ALL_GROUP 1u /* ... any group */
#define CONTROL_MQ	  4u
#define CONTROL_PAIRS	  0u /* use so many */
#define CONTROL_OK	  0
#define CONTROL_NS	  1000000000ull

struct header {
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};
_Static_assert(sizeof(struct header) == 12, "layout is the specification's");

struct command {
	uint8_t class, command;
	uint8_t data[2]; /* only one of them for CONTROL_RX */
	uint8_t answer;
};

struct send {
	struct send *next; /* free ones */
	struct net_tx *tx;
	struct header *header;
	uint64_t bus; /* of header */
};

struct pair {
	struct virtio_queue receive, transmit;
	struct send sends[VIRTQ_SIZE], *free_sends;
	unsigned nr_sending, nr_awaited;
};

static struct virtio_device virtio;
static struct virtio_queue control;
static struct pair pairs[PAIRS];
static unsigned nr_pairs;
static unsigned turn; /* the pair whose packets are taken first */
static struct net_device card;

static int has(uint64_t feature)
{
	return (virtio.features & feature) != 0;
}

static void check(const struct virtio_queue *q)
{
	if (q->vq.broken)
		panic("%s: %s\n", card.name, q->vq.broken);
}

/* ---- sending --------------------------------------------------------------------------------- */

static int sends_alloc(struct pair *p)
{
	unsigned nr = p->transmit.vq.size;
	struct header *header = page_alloc((nr * 16 + PAGE_SIZE - 1) / PAGE_SIZE);

	for (unsigned i = 0; header && i < nr; i++) {
		struct send *send = &p->sends[i];

		send->header = (struct header *)((char *)header + i * 16); /* none crosses a page */
		send->bus = virt_to_bus(send->header);
		send->next = p->free_sends;
		p->free_sends = send;
	}
	return header ? 0 : -XEN_ENOMEM;
}

static void describe_packet(struct header *h, const struct net_meta *meta)
{
	*h = (struct header){ 0 };
	if (meta->csum == NET_CSUM_BLANK) {
		h->flags = NEEDS_CSUM;
		h->csum_start = meta->csum_start;
		h->csum_offset = meta->csum_offset;
	}
	if (meta->gso) {
		h->gso_type = meta->gso == NET_GSO_TCPV4 ? GSO_TCPV4 : GSO_TCPV6;
		h->gso_size = meta->gso_size;
		h->hdr_len = meta->header_len;
	}
}

static int card_submit(struct net_device *dev, struct net_tx *tx)
{
	struct virtq_buffer buffer[NET_PIECES + 1];
	struct pair *p = &pairs[tx->queue % nr_pairs];
	struct send *send = p->free_sends;

	if (!send)
		return -XEN_EBUSY;
	describe_packet(send->header, &tx->meta);
	buffer[0] = (struct virtq_buffer){ send->bus, sizeof(struct header) };
	for (unsigned i = 0; i < tx->nr_extents; i++)
		buffer[1 + i] = (struct virtq_buffer){ tx->extent[i].bus, tx->extent[i].len };
	if (virtqueue_add(&p->transmit.vq, buffer, 1 + tx->nr_extents, 0, send))
		return -XEN_EBUSY;
	p->free_sends = send->next;
	send->tx = tx;
	p->nr_sending++;
	p->nr_awaited += tx->awaited;
	return 0;
}

/* What the device has sent, and an interrupt at the next, if somebody waits for that: a frontend, or the
 * backend for room.  Copies lie here until then at no cost, and an interrupt a packet is dear. */
static void reap(struct pair *p)
{
	struct virtqueue *vq = &p->transmit.vq;
	struct send *send;
	uint32_t len;

	do {
		while ((send = virtqueue_take(vq, &len))) {
			p->nr_sending--;
			p->nr_awaited -= send->tx->awaited;
			send->next = p->free_sends;
			p->free_sends = send;
			net_complete(send->tx);
		}
	} while ((p->nr_awaited || p->nr_sending > vq->size / 2) && virtqueue_wait(vq));
	check(&p->transmit);
}

static void card_kick(struct net_device *dev)
{
	for (struct pair *p = pairs; p < pairs + nr_pairs; p++) {
		reap(p);
		virtio_kick(&p->transmit);
	}
}

static void sent(uint32_t port, void *arg)
{
	for (struct pair *p = pairs; p < pairs + nr_pairs; p++)
		reap(p);
}

/* ---- receiving ------------------------------------------------------------------------------- */

static int post(struct virtio_queue *q)
{
	void *page = net_page_get();
	struct virtq_buffer buffer = { page ? virt_to_bus(page) : 0, PAGE_SIZE };

	if (page && !virtqueue_add(&q->vq, &buffer, 0, 1, page))
		return 1;
	if (page)
		net_page_put(page);
	return 0;
}

/* Each queue gets as many as the others. */
static unsigned card_refill(struct net_device *dev)
{
	unsigned posted = 0;

	for (unsigned i = 0, refused = 0; refused < nr_pairs; i = i + 1 < nr_pairs ? i + 1 : 0)
		refused = post(&pairs[i].receive) ? 0 : refused + 1;
	for (unsigned i = 0; i < nr_pairs; i++) {
		virtio_kick(&pairs[i].receive);
		posted += virtqueue_busy(&pairs[i].receive.vq);
	}
	return posted;
}

/* What the header says, as far as it may say it: 0, or -EINVAL for what was not negotiated. */
static int read_header(const struct header *h, struct net_meta *meta)
{
	*meta = (struct net_meta){ 0 };
	if (has(F_GUEST_CSUM) && h->flags & NEEDS_CSUM) {
		meta->csum = NET_CSUM_BLANK;
		meta->csum_start = h->csum_start;
		meta->csum_offset = h->csum_offset;
	} else if (has(F_GUEST_CSUM) && h->flags & DATA_VALID) {
		meta->csum = NET_CSUM_VALID;
	}
	if (h->gso_type == GSO_NONE)
		return 0;
	if (h->gso_type == GSO_TCPV4 && has(F_GUEST_TSO4))
		meta->gso = NET_GSO_TCPV4;
	else if (h->gso_type == GSO_TCPV6 && has(F_GUEST_TSO6))
		meta->gso = NET_GSO_TCPV6;
	meta->gso_size = h->gso_size;
	return meta->gso && meta->gso_size && meta->csum == NET_CSUM_BLANK ? 0 : -XEN_EINVAL;
}

/* The pages of one packet: how many pieces, 0 when there is no packet. */
static unsigned receive_pieces(struct virtqueue *vq, struct net_piece *piece, struct header *h)
{
	uint32_t len;
	uint8_t *page = virtqueue_take(vq, &len);
	unsigned wanted, nr = 1;

	if (!page)
		return 0;
	if (len <= sizeof(*h))
		panic("%s: the device received a packet without a header\n", card.name);
	*h = *(const volatile struct header *)page;
	piece[0] = (struct net_piece){ page + sizeof(*h), len - sizeof(*h) };
	wanted = has(F_MRG_RXBUF) ? h->num_buffers : 1;
	if (!wanted || wanted > NET_PIECES)
		panic("%s: the device received a packet of %u buffers\n", card.name, wanted);
	for (; nr < wanted; nr++) {
		page = virtqueue_take(vq, &len);
		if (!page || !len)
			panic("%s: the device received a packet in part\n", card.name);
		piece[nr] = (struct net_piece){ page, len };
	}
	return nr;
}

static unsigned queue_receive(struct virtio_queue *q, unsigned most)
{
	struct net_piece piece[NET_PIECES];
	struct net_meta meta;
	unsigned packets = 0, nr;
	struct header h;

	while (packets < most && (nr = receive_pieces(&q->vq, piece, &h))) {
		packets++;
		if (!read_header(&h, &meta))
			net_receive(&meta, piece, nr);
		else
			while (nr--)
				net_page_put(piece[nr].data);
	}
	check(q);
	return packets;
}

static unsigned card_receive(struct net_device *dev, unsigned most)
{
	unsigned packets = 0;

	for (unsigned i = 0; i < nr_pairs && packets < most; i++)
		packets += queue_receive(&pairs[turn++ % nr_pairs].receive, most - packets);
	return packets;
}

static int card_listen(struct net_device *dev)
{
	int due = 0;

	for (unsigned i = 0; i < nr_pairs; i++)
		due |= virtqueue_wait(&pairs[i].receive.vq);
	return due;
}

/* Only to be woken. */
static void answered(uint32_t port, void *arg)
{
}

static void received(uint32_t port, void *arg)
{
	net_received();
}

/* ---- the device ------------------------------------------------------------------------------ */

/* One command with len bytes of data, and wait for its answer: only while the device is brought up. */
static const char *tell(uint8_t class, uint8_t command, uint8_t value, unsigned len, const char *refused)
{
	static struct command *c;
	uint64_t bus, until = time_ns() + CONTROL_NS;
	uint32_t written;

	if (!c)
		c = page_alloc(1);
	if (!c)
		return "no memory for a command";
	*c = (struct command){ class, command, { value }, 0xff };
	bus = virt_to_bus(c);
	struct virtq_buffer buffer[] = { { bus, 2 }, { bus + 2, len }, { bus + offsetof(struct command, answer), 1 } };
	if (virtqueue_add(&control.vq, buffer, 2, 1, c))
		return "its control queue is full";
	virtio_kick(&control);
	while (!virtqueue_take(&control.vq, &written)) {
		if (control.vq.broken || time_ns() > until)
			return "it does not answer";
		if (!virtqueue_wait(&control.vq))
			event_loop_once(time_ns() + 1000000);
	}
	return *(volatile uint8_t *)&c->answer == CONTROL_OK ? NULL : refused;
}

/* Guests have addresses of their own: the switch must see them all. */
static const char *receive_all(void)
{
	const char *refused = "it does not receive for other addresses", *error;

	if (!has(F_CTRL_RX))
		return NULL; /* it knows no filter */
	error = tell(CONTROL_RX, CONTROL_ALL, 1, 1, refused);
	return error ? error : tell(CONTROL_RX, CONTROL_ALL_GROUP, 1, 1, refused);
}

static const char *use_pairs(void)
{
	return nr_pairs == 1 ? NULL : tell(CONTROL_MQ, CONTROL_PAIRS, nr_pairs, 2, "it does not use several queues");
}

static const char *describe(void)
{
	if (pairs[0].transmit.vq.size < NET_PIECES + 1)
		return "its queue is too short for a packet";
	if (has(F_MAC))
		virtio_config(&virtio, 0, card.mac, sizeof(card.mac));
	card.tx_csum = has(F_CSUM);
	card.tx_tso4 = has(F_HOST_TSO4) && has(F_CSUM);
	card.tx_tso6 = has(F_HOST_TSO6) && has(F_CSUM);
	card.submit = card_submit;
	card.kick = card_kick;
	card.refill = card_refill;
	card.receive = card_receive;
	card.listen = card_listen;
	return NULL;
}

/* Large packets are received in several pages, or not at all. */
static const char *accept(void)
{
	uint64_t wanted = F_CSUM | F_GUEST_CSUM | F_MAC | F_HOST_TSO4 | F_HOST_TSO6 | F_MRG_RXBUF;
	uint64_t offered = virtio_offers(&virtio);

	if (offered & F_MRG_RXBUF && offered & F_GUEST_CSUM)
		wanted |= F_GUEST_TSO4 | F_GUEST_TSO6;
	if (offered & F_CTRL_VQ && virtio.info->nr_irqs > MESSAGE_CONTROL)
		wanted |= F_CTRL_VQ | F_CTRL_RX | F_MQ;
	return virtio_accept(&virtio, wanted);
}

/* Pairs as many as it has, and the control queue behind all of those that it has. */
static const char *queues(void)
{
	uint16_t most = 1;
	const char *error = NULL;

	if (has(F_MQ))
		virtio_config(&virtio, CONFIG_PAIRS, &most, sizeof(most));
	if (!most)
		return "it has no queues";
	nr_pairs = most < PAIRS ? most : PAIRS;
	for (unsigned i = 0; i < nr_pairs && !error; i++) {
		struct pair *p = &pairs[i];

		error = virtio_queue(&virtio, &p->receive, 2 * i, MESSAGE_RECEIVE, 1);
		if (!error)
			error = virtio_queue(&virtio, &p->transmit, 2 * i + 1, MESSAGE_SEND, NET_PIECES + 1);
		if (!error && sends_alloc(p))
			error = "no memory for packets";
	}
	if (!error && has(F_CTRL_VQ))
		error = virtio_queue(&virtio, &control, 2 * most, MESSAGE_CONTROL, 3);
	return error;
}

static const char *bring_up(const struct guise_device *info)
{
	const char *error;

	error = virtio_open(&virtio, info);
	if (!error)
		error = accept();
	if (!error)
		error = queues();
	if (!error)
		error = describe();
	if (!error && net_init(&card))
		error = "no memory for packets";
	if (error)
		return error;
	event_handler(pairs[0].receive.port, received, NULL);
	event_handler(pairs[0].transmit.port, sent, NULL);
	if (has(F_CTRL_VQ))
		event_handler(control.port, answered, NULL);
	virtio_go(&virtio);
	error = receive_all();
	if (!error)
		error = use_pairs();
	if (!error)
		card_refill(&card);
	return error;
}

int domain_main(void)
{
	if (device_open(bring_up))
		return 1;
	return net_serve(&card);
}
