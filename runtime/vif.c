/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vif.c - virtual network cards coming and going, by the store.
 *
 * Each has a directory backend/vif/<domain>/<number> that the VMM server makes and removes.  Any
 * change below backend/vif, or of a frontend's state, makes us look at all of them again: they
 * are few, and a look without a change writes nothing.
 *
 * A directory that shows state 4 when we first see it was served by an earlier incarnation of
 * this driver: its rings are adopted, and the frontend sees nothing of it.
 */
#include <runtime/event.h>
#include <runtime/grant.h>
#include <runtime/heap.h>
#include <runtime/net_mac.h>
#include <runtime/print.h>
#include <runtime/store_wire.h>
#include <xen/io/xenbus.h>

#include "vif.h"

#define ROOT "backend/vif"

struct vif *vifs;
struct vif *vif_at[NET_PORTS];
unsigned nr_vifs;
struct net_switch net_switch;

static struct net_device *device;
static int changed;

static void store_changed(const char *path, const char *token, void *arg)
{
	changed = 1;
}

static void tx_event(uint32_t port, void *arg)
{
	((struct vif *)arg)->kicked = 1;
}

/* Buffers were posted: the loop, once awake, looks at the backlog by itself. */
static void rx_event(uint32_t port, void *arg)
{
}

/* ---- keys ------------------------------------------------------------------------------------ */

static int key_read(const char *dir, const char *key, char *buf, size_t size)
{
	char path[STORE_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, key);
	return store_read(path, buf, size);
}

static int key_read_u64(const char *dir, const char *key, uint64_t *value)
{
	char path[STORE_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, key);
	return store_read_u64(path, value);
}

static int key_flag(const char *dir, const char *key)
{
	uint64_t value;

	return !key_read_u64(dir, key, &value) && value;
}

static void key_write(struct vif *v, const char *key, uint64_t value)
{
	char path[STORE_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", v->path, key);
	store_printf(path, "%lu", value);
}

static unsigned state_of(const char *dir)
{
	uint64_t state;

	return key_read_u64(dir, "state", &state) ? XenbusStateUnknown : state;
}

static void show(struct vif *v, unsigned state)
{
	if (v->shown != state && !v->gone)
		key_write(v, "state", state);
	v->shown = state;
}

static void refuse(struct vif *v, const char *why)
{
	char path[STORE_PATH_MAX];

	print("%s: %s: %s\n", device->name, v->path, why);
	if (!v->gone) {
		snprintf(path, sizeof(path), "%s/error", v->path);
		store_write(path, why);
	}
	v->refused = 1;
	v->state = VIF_CLOSED;
	show(v, XenbusStateClosed);
}

/* ---- the steps of a life --------------------------------------------------------------------- */

/* What the device cannot do is not offered; what comes in whole is passed on whole in any case. */
static void show_features(struct vif *v)
{
	key_write(v, "feature-rx-copy", 1);
	key_write(v, "feature-sg", 1);
	key_write(v, "feature-split-event-channels", 1);
	key_write(v, "multi-queue-max-queues", 1);
	key_write(v, "feature-gso-tcpv4", device->tx_tso4 && device->tx_csum);
	key_write(v, "feature-gso-tcpv6", device->tx_tso6 && device->tx_csum);
	key_write(v, "feature-ipv6-csum-offload", 1);
}

/* "BYTES,MICROSECONDS", as Xen's tools write it. */
static int set_rate(struct vif *v)
{
	char text[48];
	const char *end;
	uint64_t bytes, us;

	net_rate_init(&v->rate, 0, 0, 0);
	if (key_read(v->path, "rate", text, sizeof(text)) <= 0)
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

/* Offer the card.  A directory that is not complete yet is left for the next look. */
static void vif_offer(struct vif *v)
{
	const char *why = NULL;
	char mac_text[32], watched[STORE_PATH_MAX];
	uint64_t domid;
	uint8_t mac[6];
	int rc;

	if (key_read(v->path, "frontend", v->frontend, sizeof(v->frontend)) < 0 ||
	    key_read_u64(v->path, "frontend-id", &domid) || key_read(v->path, "mac", mac_text, sizeof(mac_text)) < 0)
		return;
	v->domid = domid;
	v->shown = state_of(v->path);
	snprintf(watched, sizeof(watched), "%s/state", v->frontend);
	rc = store_watch(watched, v->path, store_changed, NULL);
	if (rc && rc != -XEN_EEXIST) /* an earlier offer of this card made it */
		why = "the frontend cannot be watched";
	else if (net_mac_parse(mac, mac_text))
		why = "its MAC address is none";
	else if (set_rate(v))
		why = "its rate cannot be read";
	if (!why && !v->port) {
		rc = net_switch_add(&net_switch, mac, key_flag(v->path, "antispoof"));
		if (rc < 0)
			why = "the switch has no port left";
		else
			v->port = rc;
	}
	if (why) {
		refuse(v, why);
		return;
	}
	vif_at[v->port] = v;
	v->state = VIF_OFFERED;
	if (v->shown == XenbusStateConnected)
		return;
	show_features(v);
	show(v, XenbusStateInitWait);
}

static void page_unmap(struct vif_page *page)
{
	if (page->va && grant_unmap(page->va, page->handle))
		panic("%s: a ring cannot be unmapped\n", device->name);
	page->va = NULL;
}

static void disconnect(struct vif *v)
{
	vif_forget(v);
	if (v->tx_port)
		event_close(v->tx_port);
	if (v->rx_port && v->rx_port != v->tx_port)
		event_close(v->rx_port);
	v->tx_port = v->rx_port = 0;
	page_unmap(&v->tx_page);
	page_unmap(&v->rx_page);
	v->kicked = v->active = 0;
	v->look_at = 0;
}

static const char *bind_channels(struct vif *v)
{
	uint64_t tx, rx;
	int port;

	if (key_read_u64(v->frontend, "event-channel", &tx)) {
		if (key_read_u64(v->frontend, "event-channel-tx", &tx) ||
		    key_read_u64(v->frontend, "event-channel-rx", &rx))
			return "the frontend names no event channel";
	} else {
		rx = tx;
	}
	port = event_bind(v->domid, tx);
	if (port < 0)
		return "the frontend's event channel cannot be bound";
	v->tx_port = v->rx_port = port;
	event_handler(port, tx_event, v);
	if (rx == tx)
		return NULL;
	port = event_bind(v->domid, rx);
	if (port < 0)
		return "the frontend's event channel cannot be bound";
	v->rx_port = port;
	event_handler(port, rx_event, v);
	return NULL;
}

static const char *map_rings(struct vif *v)
{
	uint64_t tx, rx, queues;

	if (!key_flag(v->frontend, "request-rx-copy"))
		return "the frontend wants pages flipped, not copied";
	if (!key_read_u64(v->frontend, "multi-queue-num-queues", &queues) && queues != 1)
		return "the frontend has more than one queue";
	if (key_read_u64(v->frontend, "tx-ring-ref", &tx) || key_read_u64(v->frontend, "rx-ring-ref", &rx))
		return "the frontend names no rings";
	v->tx_page.va = grant_map(v->domid, tx, 0, &v->tx_page.handle);
	v->rx_page.va = grant_map(v->domid, rx, 0, &v->rx_page.handle);
	if (!v->tx_page.va || !v->rx_page.va)
		return "the frontend's rings cannot be mapped";
	if (net_tx_attach(&v->tx, v->tx_page.va) || net_rx_attach(&v->rx, v->rx_page.va))
		return "the frontend's rings are broken";
	return NULL;
}

static void vif_connect(struct vif *v)
{
	const char *why = map_rings(v);

	if (!why)
		why = bind_channels(v);
	if (why) {
		disconnect(v);
		refuse(v, why);
		return;
	}
	v->sg = key_flag(v->frontend, "feature-sg");
	v->gso4 = v->sg && key_flag(v->frontend, "feature-gso-tcpv4");
	v->gso6 = v->sg && key_flag(v->frontend, "feature-gso-tcpv6");
	v->csum4 = !key_flag(v->frontend, "feature-no-csum-offload");
	v->csum6 = key_flag(v->frontend, "feature-ipv6-csum-offload");
	v->broken = NULL;
	v->kicked = 1;
	v->state = VIF_CONNECTED;
	nr_vifs++;
	if (v->shown == XenbusStateConnected) { /* what was published before may not have been told */
		event_send(v->tx_port);
		event_send(v->rx_port);
	}
	show(v, XenbusStateConnected);
}

/* One move, if one is due: returns 1 when there may be another. */
static int vif_step(struct vif *v)
{
	unsigned front = v->front;
	int leaving = v->gone || front == XenbusStateClosing || front == XenbusStateClosed;
	enum vif_state before = v->state;

	switch (v->state) {
	case VIF_NEW:
		if (v->gone)
			v->state = VIF_CLOSED;
		else
			vif_offer(v);
		break;
	case VIF_OFFERED:
		if (leaving)
			v->state = VIF_CLOSING;
		else if (front == XenbusStateInitialised || front == XenbusStateConnected)
			vif_connect(v);
		break;
	case VIF_CONNECTED:
		if (leaving || front == XenbusStateInitialising || v->broken) {
			v->state = VIF_CLOSING;
			nr_vifs--;
		}
		break;
	case VIF_CLOSING:
		if (v->tx_page.va && net_tx_busy(&v->tx))
			break;
		disconnect(v);
		v->state = VIF_CLOSED;
		if (v->broken)
			refuse(v, v->broken);
		break;
	case VIF_CLOSED:
		if (v->refused || v->gone)
			break;
		/* Linux waits for Closing as the answer to its own, and then closes. */
		if (front == XenbusStateClosing)
			show(v, XenbusStateClosing);
		else if (front == XenbusStateClosed)
			show(v, XenbusStateClosed);
		else if (front == XenbusStateInitialising && v->shown >= XenbusStateClosing)
			vif_offer(v);
		break;
	}
	return v->state != before;
}

static void vif_free(struct vif *v)
{
	char watched[STORE_PATH_MAX];
	struct vif **link = &vifs;

	if (v->frontend[0]) {
		snprintf(watched, sizeof(watched), "%s/state", v->frontend);
		store_unwatch(watched, v->path);
	}
	if (v->port) {
		net_switch_remove(&net_switch, v->port);
		vif_at[v->port] = NULL;
	}
	while (*link != v)
		link = &(*link)->next;
	*link = v->next;
	heap_free(v);
}

/* ---- finding them ---------------------------------------------------------------------------- */

static void vif_seen(const char *domain, const char *number)
{
	char path[sizeof(vifs->path)];
	struct vif *v;

	if ((size_t)snprintf(path, sizeof(path), ROOT "/%s/%s", domain, number) >= sizeof(path))
		return;
	for (v = vifs; v && strcmp(v->path, path); v = v->next)
		;
	if (!v) {
		v = heap_alloc(sizeof(*v));
		if (!v) {
			print("%s: %s: no memory for it\n", device->name, path);
			return;
		}
		memcpy(v->path, path, sizeof(path));
		v->next = vifs;
		vifs = v;
	}
	v->listed = 1;
}

static void list_all(void)
{
	static char domains[XENSTORE_PAYLOAD_MAX], numbers[XENSTORE_PAYLOAD_MAX];
	int nr_domains = store_directory(ROOT, domains, sizeof(domains));
	const char *domain = domains;

	for (struct vif *v = vifs; v; v = v->next)
		v->listed = 0;
	for (; nr_domains > 0; nr_domains--, domain += strlen(domain) + 1) {
		char path[STORE_PATH_MAX / 2];
		const char *number = numbers;
		int nr;

		snprintf(path, sizeof(path), ROOT "/%s", domain);
		nr = store_directory(path, numbers, sizeof(numbers));
		for (; nr > 0; nr--, number += strlen(number) + 1)
			vif_seen(domain, number);
	}
}

static void look(void)
{
	list_all();
	for (struct vif *v = vifs; v; v = v->next) {
		/* A directory that does not show what we wrote is another one of the same name:
		 * this vif ends, and at the next look a new one begins. */
		if (!v->listed || (v->state != VIF_NEW && state_of(v->path) != v->shown))
			v->gone = 1;
		v->front = v->gone || !v->frontend[0] ? XenbusStateUnknown : state_of(v->frontend);
	}
}

int vif_due(void)
{
	for (struct vif *v = vifs; v; v = v->next)
		if ((v->state == VIF_CONNECTED && v->broken) || (v->state == VIF_CLOSING && !net_tx_busy(&v->tx)))
			return 1;
	return changed;
}

void vif_update(void)
{
	struct vif *v, *next;

	if (!vif_due())
		return;
	if (changed) {
		changed = 0;
		look();
	}
	for (v = vifs; v; v = next) {
		next = v->next;
		while (vif_step(v))
			;
		if (v->gone && v->state == VIF_CLOSED) {
			vif_free(v);
			changed = 1; /* its name may be in use again */
		}
	}
}

int vif_start(struct net_device *dev)
{
	device = dev;
	net_switch_init(&net_switch);
	return store_watch(ROOT, ROOT, store_changed, NULL);
}
