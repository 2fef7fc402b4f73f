/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vif.c - a virtual network card in the store, and the rings its frontend names there.
 */
#include <runtime/net_mac.h>
#include <runtime/xen.h>
#include <runtime/string.h>

#include "vif.h"

struct vif *vif_at[NET_PORTS];
struct net_switch net_switch;

static struct net_device *device;

static void tx_event(uint32_t port, void *arg)
{
	((struct vif *)arg)->kicked = 1;
}

/* Buffers were posted: the loop, once awake, looks at the backlog by itself. */
static void rx_event(uint32_t port, void *arg)
{
}

/* What the device cannot do is not offered; what comes in whole is passed on whole in any case. */
static void vif_offer(struct backend *b)
{
	backend_write(b, "feature-rx-copy", 1);
	backend_write(b, "feature-sg", 1);
	backend_write(b, "feature-split-event-channels", 1);
	backend_write(b, "multi-queue-max-queues", 1);
	backend_write(b, "feature-gso-tcpv4", device->tx_tso4 && device->tx_csum);
	backend_write(b, "feature-gso-tcpv6", device->tx_tso6 && device->tx_csum);
	backend_write(b, "feature-ipv6-csum-offload", 1);
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
	if (v->tx_port)
		event_close(v->tx_port);
	if (v->rx_port && v->rx_port != v->tx_port)
		event_close(v->rx_port);
	v->tx_port = v->rx_port = 0;
	backend_unmap(&v->tx_page);
	backend_unmap(&v->rx_page);
	v->kicked = v->active = 0;
	v->look_at = 0;
}

static const char *bind_channels(struct vif *v)
{
	const char *dir = v->backend.frontend;
	uint64_t tx, rx;
	int port;

	if (key_read_u64(dir, "event-channel", &tx)) {
		if (key_read_u64(dir, "event-channel-tx", &tx) || key_read_u64(dir, "event-channel-rx", &rx))
			return "the frontend names no event channel";
	} else {
		rx = tx;
	}
	port = backend_bind(&v->backend, tx, tx_event);
	if (port < 0)
		return "the frontend's event channel cannot be bound";
	v->tx_port = v->rx_port = port;
	if (rx == tx)
		return NULL;
	port = backend_bind(&v->backend, rx, rx_event);
	if (port < 0)
		return "the frontend's event channel cannot be bound";
	v->rx_port = port;
	return NULL;
}

static const char *map_rings(struct vif *v)
{
	const char *dir = v->backend.frontend;
	uint64_t tx, rx, queues;

	if (!key_flag(dir, "request-rx-copy"))
		return "the frontend wants pages flipped, not copied";
	if (!key_read_u64(dir, "multi-queue-num-queues", &queues) && queues != 1)
		return "the frontend has more than one queue";
	if (key_read_u64(dir, "tx-ring-ref", &tx) || key_read_u64(dir, "rx-ring-ref", &rx))
		return "the frontend names no rings";
	if (backend_map(&v->backend, &v->tx_page, tx) || backend_map(&v->backend, &v->rx_page, rx))
		return "the frontend's rings cannot be mapped";
	if (net_tx_attach(&v->tx, v->tx_page.va) || net_rx_attach(&v->rx, v->rx_page.va))
		return "the frontend's rings are broken";
	return NULL;
}

static const char *vif_connect(struct backend *b)
{
	struct vif *v = (struct vif *)b;
	const char *why = map_rings(v);

	if (!why)
		why = bind_channels(v);
	if (why)
		return why;
	v->sg = key_flag(b->frontend, "feature-sg");
	v->gso4 = v->sg && key_flag(b->frontend, "feature-gso-tcpv4");
	v->gso6 = v->sg && key_flag(b->frontend, "feature-gso-tcpv6");
	v->csum4 = !key_flag(b->frontend, "feature-no-csum-offload");
	v->csum6 = key_flag(b->frontend, "feature-ipv6-csum-offload");
	v->kicked = 1;
	if (backend_adopted(b)) {
		event_send(v->tx_port);
		event_send(v->rx_port);
	}
	return NULL;
}

static int vif_busy(const struct backend *b)
{
	const struct vif *v = (const struct vif *)b;

	return v->tx_page.va && net_tx_busy(&v->tx);
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
		.forget = vif_forget,
	};

	device = dev;
	net_switch_init(&net_switch);
	return backend_start(&kind, dev->name);
}
