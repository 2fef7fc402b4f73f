/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - the driver of an Intel 82574L network device (numbers are those of its data sheet).
 *
 * One queue each way, a message for each, and one for the link.  A message masks its own cause (EIAC
 * without IAME), so each is asked for by IMS, and the ring is looked at behind that.
 *
 * While there is no link, the device sends nothing: what it has is given up and it begins anew, so that
 * no frontend's page stays pinned.
 */
#include <runtime/device.h>
#include <runtime/event.h>
#include <runtime/heap.h>
#include <runtime/io.h>
#include <runtime/net.h>
#include <runtime/print.h>
#include <runtime/start.h>
#include <runtime/string.h>
#include <runtime/window.h>

#include "ring.h"

/* Registers */
enum {
	CTRL = 0x0000,
	STATUS = 0x0008,
	EECD = 0x0010,
	CTRL_EXT = 0x0018,
	ICR = 0x00c0,
	IMS = 0x00d0,
	IMC = 0x00d8,
	EIAC = 0x00dc,
	IVAR = 0x00e4,
	RCTL = 0x0100,
	TCTL = 0x0400,
	TIPG = 0x0410,
	EXTCNF_CTRL = 0x0f00,
	RDBAL = 0x2800,
	RDLEN = 0x2808,
	RDH = 0x2810,
	RDT = 0x2818,
	TDBAL = 0x3800,
	TDLEN = 0x3808,
	TDH = 0x3810,
	TDT = 0x3818,
	TXDCTL = 0x3828,
	RXCSUM = 0x5000,
	RAL0 = 0x5400,
	RAH0 = 0x5404,
	REGISTERS = 0x6000
};

#define CTRL_MASTER_OFF (1u << 2)
#define CTRL_LINK_UP	(1u << 6)
#define CTRL_RESET	(1u << 26)
#define STATUS_LINK	(1u << 1)
#define STATUS_MASTER	(1u << 19)
#define EECD_LOADED	(1u << 9)
#define EXTCNF_SOFTWARE (1u << 5) /* the PHY's registers are ours */

#define CTRL_EXT_ALL (1u << 28 | 1u << 31)		       /* a driver is there; pending messages are taken back */
#define RCTL_ALL     (1u << 1 | 3u << 3 | 1u << 15 | 1u << 26) /* on; any address, any group; broadcast; no FCS */
#define TCTL_PAD     (1u << 3)
#define TCTL_ALL     (1u << 1 | TCTL_PAD | 15u << 4 | 63u << 12) /* on; short ones padded; collisions */
#define TIPG_COPPER  (8u | 8u << 10 | 6u << 20)
#define TXDCTL_EACH  (1u << 22 | 1u << 24) /* each descriptor is written back when it is done */
#define RXCSUM_ALL   (3u << 8)

enum { CAUSE_LINK = 1 << 2, CAUSE_RX = 1 << 20, CAUSE_TX = 1 << 22, CAUSE_OTHER = 1 << 24 };
enum { MESSAGE_RX, MESSAGE_TX, MESSAGE_OTHER, MESSAGES };
#define IVAR_ALL (MESSAGE_RX | MESSAGE_TX << 8 | MESSAGE_OTHER << 16 | 0x80888u | 1u << 31)

#define SLEEP_NS 1000000u
#define WAITS	 100u /* sleeps, until something is taken not to come */

static struct net_device card;
static struct e1000e_tx_ring tx;
static struct e1000e_rx_ring rx;
static char *registers;
static uint32_t port[MESSAGES];
static unsigned shown_tx, shown_rx; /* tails that the device was told */
static unsigned nr_awaited;
static int link, stuck; /* there is a link; it was lost with packets on their way */

static uint32_t get(unsigned reg)
{
	return mmio_read32(registers + reg);
}

static void set(unsigned reg, uint32_t value)
{
	mmio_write32(registers + reg, value);
}

/* Wait until these bits of a register read so: 0, or -EAGAIN. */
static int await(unsigned reg, uint32_t bits, uint32_t value)
{
	for (unsigned i = 0; i < WAITS; i++) {
		if ((get(reg) & bits) == value)
			return 0;
		event_loop_once(time_ns() + SLEEP_NS);
	}
	return -XEN_EAGAIN;
}

/* ---- bringing it up -------------------------------------------------------------------------- */

/* From any state: whoever drove it before may have left it in the middle of anything (4.6.2, 5.x). */
static const char *reset(void)
{
	set(IMC, ~0u);
	set(RCTL, 0);
	set(TCTL, TCTL_PAD);
	set(CTRL, get(CTRL) | CTRL_MASTER_OFF);
	await(STATUS, STATUS_MASTER, 0); /* transactions under way end; a reset ends them, too */
	set(EXTCNF_CTRL, get(EXTCNF_CTRL) | EXTCNF_SOFTWARE);
	await(EXTCNF_CTRL, EXTCNF_SOFTWARE, EXTCNF_SOFTWARE);
	set(CTRL, get(CTRL) | CTRL_RESET);
	event_loop_once(time_ns() + SLEEP_NS); /* it may not be touched in the first microsecond */
	if (await(CTRL, CTRL_RESET, 0))
		return "it does not reset";
	if (await(EECD, EECD_LOADED, EECD_LOADED))
		return "it does not load its address";
	set(EXTCNF_CTRL, get(EXTCNF_CTRL) & ~EXTCNF_SOFTWARE);
	set(IMC, ~0u);
	get(ICR);
	return NULL;
}

static void set_ring(unsigned base, unsigned len, const void *desc)
{
	uint64_t bus = virt_to_bus(desc);

	set(base, bus);
	set(base + 4, bus >> 32);
	set(len, RING_BYTES);
}

static void listen_link(void)
{
	set(IMS, CAUSE_OTHER | CAUSE_LINK);
	link = (get(STATUS) & STATUS_LINK) != 0;
}

/* Behind a reset, with empty rings. */
static void go(void)
{
	set(CTRL, (get(CTRL) & ~CTRL_MASTER_OFF) | CTRL_LINK_UP);
	set(CTRL_EXT, get(CTRL_EXT) | CTRL_EXT_ALL);
	set(IVAR, IVAR_ALL);
	set(EIAC, CAUSE_RX | CAUSE_TX | CAUSE_OTHER);
	set_ring(TDBAL, TDLEN, tx.desc);
	set(TDH, 0);
	set(TDT, 0);
	set(TXDCTL, TXDCTL_EACH);
	set(TIPG, TIPG_COPPER);
	set(TCTL, TCTL_ALL);
	set_ring(RDBAL, RDLEN, rx.desc);
	set(RDH, 0);
	set(RDT, 0);
	set(RXCSUM, RXCSUM_ALL);
	set(RCTL, RCTL_ALL);
	shown_tx = shown_rx = 0;
	set(IMS, CAUSE_RX);
	listen_link();
}

/* ---- sending --------------------------------------------------------------------------------- */

static int card_submit(struct net_device *dev, struct net_tx *packet)
{
	int rc = link ? e1000e_tx_add(&tx, packet) : -XEN_ENOTCONN;

	if (!rc)
		nr_awaited += packet->awaited;
	return rc;
}

static void done(struct net_tx *packet)
{
	nr_awaited -= packet->awaited;
	net_complete(packet);
}

/* What the device has sent, and an interrupt at the next if somebody waits for it. */
static void reap(void)
{
	struct net_tx *packet;

	for (int listening = 0;; listening = 1) {
		while ((packet = e1000e_tx_take(&tx)))
			done(packet);
		if (listening || (!nr_awaited && e1000e_tx_busy(&tx) < RING_SIZE / 2))
			return;
		set(ICR, CAUSE_TX);
		set(IMS, CAUSE_TX);
	}
}

static void card_kick(struct net_device *dev)
{
	wmb(); /* descriptors before the tail */
	if (shown_tx != tx.tail)
		set(TDT, tx.tail);
	shown_tx = tx.tail;
	reap();
}

static void sent(uint32_t from, void *arg)
{
	reap();
}

/* ---- receiving ------------------------------------------------------------------------------- */

static void post(void)
{
	void *page;

	while (e1000e_rx_room(&rx) && (page = net_page_get()))
		e1000e_rx_add(&rx, page, virt_to_bus(page));
	wmb(); /* buffers before the tail */
	if (shown_rx != rx.tail)
		set(RDT, rx.tail);
	shown_rx = rx.tail;
}

static void begin_anew(void)
{
	const char *error = reset();
	struct net_tx *packet;
	void *page;

	if (error)
		panic("%s: %s\n", card.name, error);
	while ((packet = e1000e_tx_give_up(&tx)))
		done(packet);
	while ((page = e1000e_rx_give_up(&rx)))
		net_page_put(page);
	go();
	post();
}

/* Called in each round, and never from a handler: a reset waits. */
static unsigned card_refill(struct net_device *dev)
{
	if (stuck)
		begin_anew();
	stuck = 0;
	post();
	return e1000e_rx_busy(&rx);
}

static unsigned card_receive(struct net_device *dev, unsigned most)
{
	struct net_piece piece;
	struct net_meta meta;
	unsigned nr = 0;
	void *page;

	for (; nr < most && (page = e1000e_rx_take(&rx, &piece, &meta)); nr++) {
		if (piece.len)
			net_receive(&meta, &piece, 1);
		else
			net_page_put(page);
	}
	return nr;
}

static int card_listen(struct net_device *dev)
{
	set(ICR, CAUSE_RX);
	set(IMS, CAUSE_RX);
	return e1000e_rx_due(&rx);
}

static void received(uint32_t from, void *arg)
{
	net_received();
}

/* ---- the link -------------------------------------------------------------------------------- */

static void other(uint32_t from, void *arg)
{
	int before = link;

	set(ICR, CAUSE_OTHER | CAUSE_LINK);
	listen_link();
	if (link == before)
		return;
	print("%s: the link is %s\n", card.name, link ? "up" : "down");
	stuck |= !link && e1000e_tx_busy(&tx);
}

/* ---- the device ------------------------------------------------------------------------------ */

static const char *open(const struct guise_device *info)
{
	static const event_fn handler[MESSAGES] = { received, sent, other };

	if (info->bar[0].port || info->bar[0].size < REGISTERS)
		return "it has no registers";
	registers = mmio_map(info->bar[0].base, REGISTERS);
	if (!registers)
		return "its registers cannot be mapped";
	for (unsigned i = 0; i < MESSAGES; i++) {
		int rc = i < info->nr_irqs ? event_bind_irq(info->irq_handle[i], info->irq[i], 0) : -XEN_ENOENT;

		if (rc < 0)
			return "its interrupt cannot be bound";
		port[i] = rc;
		event_handler(port[i], handler[i], NULL);
	}
	return NULL;
}

static int memory(void)
{
	char *pages = page_alloc(2 + RING_SIZE * TX_HEADERS / PAGE_SIZE);

	if (!pages)
		return -XEN_ENOMEM;
	tx.desc = (struct e1000e_tx_desc *)pages;
	rx.desc = (struct e1000e_rx_desc *)(pages + PAGE_SIZE);
	tx.header = (uint8_t(*)[TX_HEADERS])(pages + 2 * PAGE_SIZE);
	for (unsigned i = 0; i < RING_SIZE; i++)
		tx.header_bus[i] = virt_to_bus(tx.header[i]);
	return 0;
}

static void describe(void)
{
	uint32_t low = get(RAL0), high = get(RAH0);

	memcpy(card.mac, &low, 4);
	memcpy(card.mac + 4, &high, 2);
	card.tx_csum = card.tx_tso4 = card.tx_tso6 = 1;
	card.submit = card_submit;
	card.kick = card_kick;
	card.receive = card_receive;
	card.listen = card_listen;
	card.refill = card_refill;
}

static const char *bring_up(const struct guise_device *info)
{
	const char *error;

	if (!info || info->kind != GUISE_DEVICE_PCI)
		return "there is no device to drive";
	error = open(info);
	if (!error)
		error = reset();
	if (!error && (memory() || net_init(&card)))
		error = "no memory for packets";
	if (error)
		return error;
	describe();
	go();
	card_refill(&card);
	return NULL;
}

int domain_main(void)
{
	if (device_open(bring_up))
		return 1;
	return net_serve(&card);
}
