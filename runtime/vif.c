/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vif.c - a virtual network card in the store, and the rings its frontend names there.
 */
#include <runtime/device.h>
#include <runtime/heap.h>
#include <runtime/net_mac.h>
#include <runtime/print.h>
#include <runtime/xen.h>
#include <runtime/string.h>

#include "vif.h"

struct vif *vif_at[NET_PORTS];
struct net_switch net_switch;

/* Deaf to more until somebody has looked, so that doorbells cost their ringer only. */
static void tx_event(uint32_t port, void *arg)
{
	struct vif_queue *q = arg;

	event_mask(port);
	q->kicked = q->rung = 1;
}

/* Buffers were posted: the loop, once awake, looks at the backlog by itself. */
static void rx_event(uint32_t port, void *arg)
{
	struct vif_queue *q = arg;

	event_mask(port);
	q->rung = 1;
}

/* All that may be left to the device or to us: what it cannot do is done here. */
static void vif_offer(struct backend *b)
{
	backend_write(b, "feature-rx-copy", 1);
	backend_write(b, "feature-sg", 1);
	backend_write(b, "feature-split-event-channels", 1);
	backend_write(b, "multi-queue-max-queues", VIF_QUEUES);
	backend_write(b, "feature-gso-tcpv4", 1);
	backend_write(b, "feature-gso-tcpv6", 1);
	backend_write(b, "feature-ipv6-csum-offload", 1);
	backend_write(b, "feature-ctrl-ring", 0);
}

/* "BYTES,MICROSECONDS", as Xen's tools write it. */
static int set_rate(struct vif *v)
{
	char text[48];
	const char *end;
	uint64_t bytes, us;

	net_rate_init(&v->rate, 0, 0, 0);
	if (key_read(v->backend.path, "rate", text, sizeof(text)) <= 0)
		return 0;
	bytes = parse_u64(text, &end);
	if (*end != ',')
		return -XEN_EINVAL;
	us = parse_u64(end + 1, &end);
	if (*end || !us || !bytes || bytes > 1ull << 40 || us > 10000000)
		return -XEN_EINVAL;
	net_rate_init(&v->rate, bytes, us * 1000, time_ns());
	return 0;
}

static const char *vif_prepare(struct backend *b)
{
	struct vif *v = (struct vif *)b;
	char mac_text[32];
	uint8_t mac[6];
	int port;

	if (key_read(b->path, "mac", mac_text, sizeof(mac_text)) < 0 || net_mac_parse(mac, mac_text))
		return "its MAC address is none";
	if (set_rate(v))
		return "its rate cannot be read";
	if (v->port)
		return NULL;
	port = net_switch_add(&net_switch, mac, key_flag(b->path, "antispoof"));
	if (port < 0)
		return "the switch has no port left";
	v->port = port;
	vif_at[port] = v;
	return NULL;
}

static void vif_disconnect(struct backend *b)
{
	struct vif *v = (struct vif *)b;

	vif_forget_backlog(v);
	for (struct vif_queue *q = v->queue; q < v->queue + v->nr_queues; q++) {
		if (q->tx_port)
			event_close(q->tx_port);
		if (q->rx_port && q->rx_port != q->tx_port)
			event_close(q->rx_port);
		backend_unmap(&q->tx_page);
		backend_unmap(&q->rx_page);
	}
	heap_free(v->queue);
	v->queue = NULL;
	v->nr_queues = 0;
}

static const char *bind_channels(struct vif_queue *q, const char *dir)
{
	uint64_t tx, rx;
	int port;

	if (key_read_u64(dir, "event-channel", &tx)) {
		if (key_read_u64(dir, "event-channel-tx", &tx) || key_read_u64(dir, "event-channel-rx", &rx))
			return "the frontend names no event channel";
	} else {
		rx = tx;
	}
	port = backend_bind(&q->vif->backend, tx, tx_event, q);
	if (port < 0)
		return "the frontend's event channel cannot be bound";
	q->tx_port = q->rx_port = port;
	if (rx == tx)
		return NULL;
	port = backend_bind(&q->vif->backend, rx, rx_event, q);
	if (port < 0)
		return "the frontend's event channel cannot be bound";
	q->rx_port = port;
	return NULL;
}

static const char *queue_connect(struct vif_queue *q, const char *dir)
{
	struct backend *b = &q->vif->backend;
	uint64_t tx, rx;

	if (key_read_u64(dir, "tx-ring-ref", &tx) || key_read_u64(dir, "rx-ring-ref", &rx))
		return "the frontend names no rings";
	if (backend_map(b, &q->tx_page, tx) || backend_map(b, &q->rx_page, rx))
		return "the frontend's rings cannot be mapped";
	if (net_tx_attach(&q->tx, q->tx_page.va) || net_rx_attach(&q->rx, q->rx_page.va))
		return "the frontend's rings are broken";
	q->kicked = 1;
	return bind_channels(q, dir);
}

/* One queue's keys lie in the frontend's directory, those of more in directories of their own. */
static const char *queues_connect(struct vif *v)
{
	const char *front = v->backend.frontend, *why = NULL;
	char dir[STORE_PATH_MAX];
	uint64_t nr = 1;

	if (!key_read_u64(front, "multi-queue-num-queues", &nr) && (!nr || nr > VIF_QUEUES))
		return "the frontend has a number of queues that was not offered";
	v->queue = heap_alloc(nr * sizeof(*v->queue));
	if (!v->queue)
		return "no memory for its queues";
	v->nr_queues = nr;
	v->turn = 0;
	for (unsigned i = 0; i < nr && !why; i++) {
		v->queue[i].vif = v;
		snprintf(dir, sizeof(dir), nr > 1 ? "%s/queue-%u" : "%s", front, i);
		why = queue_connect(&v->queue[i], dir);
	}
	return why;
}

static const char *vif_connect(struct backend *b)
{
	struct vif *v = (struct vif *)b;
	const char *why = "the frontend wants pages flipped, not copied";

	if (key_flag(b->frontend, "request-rx-copy"))
		why = queues_connect(v);
	if (why)
		return why;
	v->sg = key_flag(b->frontend, "feature-sg");
	v->gso4 = v->sg && key_flag(b->frontend, "feature-gso-tcpv4");
	v->gso6 = v->sg && key_flag(b->frontend, "feature-gso-tcpv6");
	v->csum4 = !key_flag(b->frontend, "feature-no-csum-offload");
	v->csum6 = key_flag(b->frontend, "feature-ipv6-csum-offload");
	for (unsigned i = 0; backend_adopted(b) && i < v->nr_queues; i++) {
		vif_tell_tx(&v->queue[i]);
		vif_tell_rx(&v->queue[i]);
		if (net_tx_wait(&v->queue[i].tx))
			device_owes();
	}
	return NULL;
}

static int vif_busy(const struct backend *b)
{
	const struct vif *v = (const struct vif *)b;

	for (unsigned i = 0; i < v->nr_queues; i++)
		if (net_tx_busy(&v->queue[i].tx))
			return 1;
	return 0;
}

static void vif_watch(struct backend *b)
{
	struct vif *v = (struct vif *)b;

	for (struct vif_queue *q = v->queue; q < v->queue + v->nr_queues; q++) {
		unsigned held = net_tx_unanswered(&q->tx), busy = net_tx_busy(&q->tx);
		int serves = backend_serves(b), waits = busy != 0, unheard;

		if (serves)
			waits = held && !net_rate_wait(&v->rate, time_ns());
		unheard = waits && !q->kicked && !q->look_at && held > busy;
		backend_bells(&q->tx_watch, serves && (ring_untold(&q->tx.out) || unheard));
		backend_bells(&q->rx_watch, serves && ring_untold(&q->rx.out));
		q->kicked |= waits;
		backend_progress(&q->tx_watch, waits, q->tx.req_cons + q->tx.rsp_prod);
		/* What is filled in a round is answered in it. */
		waits = (serves && net_rx_busy(&q->rx)) || (q->backlog_nr && net_rx_room(&q->rx) > (int)NET_PIECES);
		backend_progress(&q->rx_watch, waits, q->rx.rsp_prod);
	}
}

static void vif_forget(struct backend *b)
{
	struct vif *v = (struct vif *)b;

	if (!v->port)
		return;
	net_switch_remove(&net_switch, v->port);
	vif_at[v->port] = NULL;
}

int vif_start(struct net_device *dev)
{
	static const struct backend_kind kind = {
		.root = "backend/vif",
		.size = sizeof(struct vif),
		.prepare = vif_prepare,
		.offer = vif_offer,
		.connect = vif_connect,
		.busy = vif_busy,
		.disconnect = vif_disconnect,
		.watch = vif_watch,
		.forget = vif_forget,
	};

	net_switch_init(&net_switch);
	return backend_start(&kind, dev->name);
}
