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

#define NEEDS_CSUM 1u
#define DATA_VALID 2u

#define GSO_NONE  0u
#define GSO_TCPV4 1u
#define GSO_TCPV6 4u

#define QUEUE_RECEIVE  0
#define QUEUE_TRANSMIT 1
#define QUEUE_CONTROL  2

#define CONTROL_RX	  0
#define CONTROL_ALL	  0 /* receive what is meant for any address */
#define CONTROL_ALL_GROUP 1 /* ... any group */
#define CONTROL_OK	  0
#define CONTROL_NS	  1000000000ull

#define BUDGET 64u /* packets received before others get their turn */

struct header {
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};
_Static_assert(sizeof(struct header) == 12, "layout is the specification's");

struct command {
	uint8_t class, command, on, answer;
};

struct send {
	struct send *next; /* free ones */
	struct net_tx *tx;
	struct header *header;
	uint64_t bus; /* of header */
};

static struct virtio_device virtio;
static struct virtio_queue receive, transmit, control;
static struct net_device card;
static struct send sends[VIRTQ_SIZE], *free_sends;
static unsigned nr_sending, nr_awaited;

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

static int sends_alloc(unsigned nr)
{
	struct header *header = page_alloc((nr * 16 + PAGE_SIZE - 1) / PAGE_SIZE);

	for (unsigned i = 0; header && i < nr; i++) {
		sends[i].header = (struct header *)((char *)header + i * 16); /* none crosses a page */
		sends[i].bus = virt_to_bus(sends[i].header);
		sends[i].next = free_sends;
		free_sends = &sends[i];
	}
	return header ? 0 : -XEN_ENOMEM;
}

static void describe_packet(struct header *h, const struct net_meta *meta)
{
	memset(h, 0, sizeof(*h));
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
	struct send *send = free_sends;

	if (!send)
		return -XEN_EBUSY;
	describe_packet(send->header, &tx->meta);
	buffer[0] = (struct virtq_buffer){ send->bus, sizeof(struct header) };
	for (unsigned i = 0; i < tx->nr_extents; i++)
		buffer[1 + i] = (struct virtq_buffer){ tx->extent[i].bus, tx->extent[i].len };
	if (virtqueue_add(&transmit.vq, buffer, 1 + tx->nr_extents, 0, send))
		return -XEN_EBUSY;
	free_sends = send->next;
	send->tx = tx;
	nr_sending++;
	nr_awaited += tx->awaited;
	return 0;
}

/* What the device has sent, and an interrupt at the next, if somebody waits for that: a frontend, or the
 * backend for room.  Copies lie here until then at no cost, and an interrupt a packet is dear. */
static void reap(void)
{
	struct send *send;
	uint32_t len;

	do {
		while ((send = virtqueue_take(&transmit.vq, &len))) {
			nr_sending--;
			nr_awaited -= send->tx->awaited;
			send->next = free_sends;
			free_sends = send;
			net_complete(send->tx);
		}
	} while ((nr_awaited || nr_sending > transmit.vq.size / 2) && virtqueue_wait(&transmit.vq));
	check(&transmit);
}

static void card_kick(struct net_device *dev)
{
	reap();
	virtio_kick(&transmit);
}

static void sent(uint32_t port, void *arg)
{
	reap();
}

/* ---- receiving ------------------------------------------------------------------------------- */

static void card_refill(struct net_device *dev)
{
	void *page;

	while ((page = net_page_get())) {
		struct virtq_buffer buffer = { virt_to_bus(page), PAGE_SIZE };

		if (virtqueue_add(&receive.vq, &buffer, 0, 1, page)) {
			net_page_put(page);
			break;
		}
	}
	virtio_kick(&receive);
}

/* What the header says, as far as it may say it: 0, or -EINVAL for what was not negotiated. */
static int read_header(const struct header *h, struct net_meta *meta)
{
	memset(meta, 0, sizeof(*meta));
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
static unsigned receive_pieces(struct net_piece *piece, struct header *h)
{
	uint32_t len;
	uint8_t *page = virtqueue_take(&receive.vq, &len);
	unsigned wanted, nr = 1;

	if (!page)
		return 0;
	if (len <= sizeof(*h))
		panic("%s: the device received a packet without a header\n", card.name);
	memcpy(h, page, sizeof(*h));
	piece[0] = (struct net_piece){ page + sizeof(*h), len - sizeof(*h) };
	wanted = has(F_MRG_RXBUF) ? h->num_buffers : 1;
	if (!wanted || wanted > NET_PIECES)
		panic("%s: the device received a packet of %u buffers\n", card.name, wanted);
	for (; nr < wanted; nr++) {
		page = virtqueue_take(&receive.vq, &len);
		if (!page || !len)
			panic("%s: the device received a packet in part\n", card.name);
		piece[nr] = (struct net_piece){ page, len };
	}
	return nr;
}

/* Take what came.  An interrupt is asked for only when there was nothing: see net_look_later(). */
static void card_look(struct net_device *dev)
{
	struct net_piece piece[NET_PIECES];
	struct net_meta meta;
	unsigned packets = 0, nr;
	struct header h;

	while (packets < BUDGET && (nr = receive_pieces(piece, &h))) {
		packets++;
		if (!read_header(&h, &meta))
			net_receive(&meta, piece, nr);
		else
			while (nr--)
				net_page_put(piece[nr].data);
	}
	check(&receive);
	if (packets == BUDGET || (!packets && virtqueue_wait(&receive.vq)))
		event_again(receive.port);
	else if (packets)
		net_look_later();
}

static void received(uint32_t port, void *arg)
{
	card_look(&card);
}

/* ---- the device ------------------------------------------------------------------------------ */

/* One command of the class RX, and wait for its answer: only while the device is brought up. */
static const char *tell(struct command *c, uint8_t command)
{
	uint64_t bus = virt_to_bus(c), until = time_ns() + CONTROL_NS;
	struct virtq_buffer buffer[] = { { bus, 2 }, { bus + 2, 1 }, { bus + 3, 1 } };
	uint32_t len;

	*c = (struct command){ CONTROL_RX, command, 1, 0xff };
	if (virtqueue_add(&control.vq, buffer, 2, 1, c))
		return "its control queue is full";
	virtio_kick(&control);
	while (!virtqueue_take(&control.vq, &len)) {
		if (control.vq.broken || time_ns() > until)
			return "it does not answer";
		event_loop_once(time_ns() + 1000000);
	}
	return *(volatile uint8_t *)&c->answer == CONTROL_OK ? NULL : "it does not receive for other addresses";
}

/* Guests have addresses of their own: the switch must see them all. */
static const char *receive_all(void)
{
	struct command *c = has(F_CTRL_RX) ? page_alloc(1) : NULL;
	const char *error;

	if (!has(F_CTRL_RX))
		return NULL; /* it knows no filter */
	if (!c)
		return "no memory for a command";
	error = tell(c, CONTROL_ALL);
	return error ? error : tell(c, CONTROL_ALL_GROUP);
}

static const char *describe(void)
{
	card.name = start->cmd_line[0] ? (const char *)start->cmd_line : "virtio-net";
	if (transmit.vq.size < NET_PIECES + 1)
		return "its queue is too short for a packet";
	if (has(F_MAC))
		virtio_config(&virtio, 0, card.mac, sizeof(card.mac));
	card.tx_csum = has(F_CSUM);
	card.tx_tso4 = has(F_HOST_TSO4) && has(F_CSUM);
	card.tx_tso6 = has(F_HOST_TSO6) && has(F_CSUM);
	card.submit = card_submit;
	card.kick = card_kick;
	card.refill = card_refill;
	card.look = card_look;
	return NULL;
}

/* Large packets are received in several pages, or not at all. */
static const char *accept(void)
{
	uint64_t wanted = F_CSUM | F_GUEST_CSUM | F_MAC | F_HOST_TSO4 | F_HOST_TSO6 | F_MRG_RXBUF;
	uint64_t offered = virtio_offers(&virtio);

	if (offered & F_MRG_RXBUF && offered & F_GUEST_CSUM)
		wanted |= F_GUEST_TSO4 | F_GUEST_TSO6;
	if (offered & F_CTRL_VQ && virtio.info->nr_irqs > QUEUE_CONTROL)
		wanted |= F_CTRL_VQ | F_CTRL_RX;
	return virtio_accept(&virtio, wanted);
}

static const char *bring_up(const struct guise_device *info)
{
	const char *error = virtio_open(&virtio, info);

	if (!error)
		error = accept();
	if (!error)
		error = virtio_queue(&virtio, &receive, QUEUE_RECEIVE, 0);
	if (!error)
		error = virtio_queue(&virtio, &transmit, QUEUE_TRANSMIT, 1);
	if (!error && has(F_CTRL_RX))
		error = virtio_queue(&virtio, &control, QUEUE_CONTROL, QUEUE_CONTROL);
	if (!error)
		error = describe();
	if (!error && (sends_alloc(transmit.vq.size) || net_init(&card)))
		error = "no memory for packets";
	if (error)
		return error;
	event_handler(receive.port, received, NULL);
	event_handler(transmit.port, sent, NULL);
	virtio_go(&virtio);
	error = receive_all();
	if (!error)
		card_refill(&card);
	return error;
}

int domain_main(void)
{
	if (device_open(bring_up))
		return 1;
	print("%s: %02x:%02x:%02x:%02x:%02x:%02x%s%s%s\n", card.name, card.mac[0], card.mac[1], card.mac[2],
	      card.mac[3], card.mac[4], card.mac[5], card.tx_csum ? ", checksums" : "",
	      card.tx_tso4 ? ", segmentation" : "", has(F_GUEST_TSO4) || has(F_GUEST_TSO6) ? ", large receive" : "");
	return net_serve(&card);
}
