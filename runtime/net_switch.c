/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_switch.c - to which ports a packet goes.
 *
 * What a frontend is configured with cannot be taken from it: its address belongs to its port, and is
 * never learned elsewhere.  The table is a hash with WAYS places for each value; a new address takes
 * a free place, an aged one, or the oldest of its own port, but never one of another port.  So
 * nobody, by inventing addresses, makes the switch forget what others are known by.
 */
#include <runtime/net_switch.h>
#include <runtime/string.h>
#include <runtime/xen.h>

#define WAYS 4u

void net_switch_init(struct net_switch *sw)
{
	memset(sw, 0, sizeof(*sw));
	sw->used = 1;
}

int net_switch_add(struct net_switch *sw, const uint8_t *mac, int guarded)
{
	uint32_t rest = ~sw->used;
	unsigned port = net_port_of(&rest);

	if (port >= NET_PORTS)
		return -XEN_ENOSPC;
	sw->used |= 1u << port;
	sw->port[port] = (struct net_port){ .guarded = guarded };
	memcpy(sw->port[port].mac, mac, 6);
	for (unsigned k = 0; k < NET_MACS; k++) { /* learned, before it was ours */
		if (sw->mac[k].used && !memcmp(sw->mac[k].mac, mac, 6)) {
			sw->mac[k].used = 0;
			sw->port[sw->mac[k].port].learned--;
		}
	}
	return port;
}

void net_switch_remove(struct net_switch *sw, unsigned port)
{
	sw->used &= ~(1u << port);
	for (unsigned k = 0; k < NET_MACS; k++)
		if (sw->mac[k].port == port)
			sw->mac[k].used = 0;
}

static struct net_mac *row_of(struct net_switch *sw, const uint8_t *mac)
{
	uint32_t hash = 0;

	for (unsigned i = 0; i < 6; i++)
		hash = (hash ^ mac[i]) * 16777619u;
	return &sw->mac[(hash ^ hash >> 15) % (NET_MACS / WAYS) * WAYS];
}

unsigned net_switch_owner(const struct net_switch *sw, const uint8_t *mac)
{
	for (uint32_t ports = sw->used & ~1u; ports;) {
		unsigned port = net_port_of(&ports);

		if (!memcmp(sw->port[port].mac, mac, 6))
			return port;
	}
	return 0;
}

static struct net_mac *learned_at(struct net_switch *sw, const uint8_t *mac, uint64_t now)
{
	struct net_mac *row = row_of(sw, mac);

	for (unsigned i = 0; i < WAYS; i++)
		if (row[i].used && !memcmp(row[i].mac, mac, 6) && now - row[i].seen < NET_AGE_NS)
			return &row[i];
	return NULL;
}

static int replaceable(const struct net_mac *m, unsigned from, uint64_t now)
{
	return !m->used || m->port == from || now - m->seen >= NET_AGE_NS;
}

/* A place for an address behind port `from`, or NULL. */
static struct net_mac *place_for(struct net_switch *sw, const uint8_t *mac, unsigned from, uint64_t now)
{
	struct net_mac *row = row_of(sw, mac), *best = NULL;
	int full = from && sw->port[from].learned >= NET_MACS_PORT;

	for (unsigned i = 0; i < WAYS; i++) {
		/* The same address, aged, must not stand there twice. */
		if (row[i].used && !memcmp(row[i].mac, mac, 6))
			return &row[i];
	}
	for (unsigned i = 0; i < WAYS; i++) {
		if (!replaceable(&row[i], from, now) || (full && !(row[i].used && row[i].port == from)))
			continue;
		if (!best || (best->used && (!row[i].used || row[i].seen < best->seen)))
			best = &row[i];
	}
	return best;
}

static void learn(struct net_switch *sw, unsigned from, const uint8_t *mac, uint64_t now)
{
	struct net_mac *m = learned_at(sw, mac, now);

	if (!m)
		m = place_for(sw, mac, from, now);
	if (!m || (from && m->port != from && sw->port[from].learned >= NET_MACS_PORT))
		return;
	if (m->used)
		sw->port[m->port].learned--;
	memcpy(m->mac, mac, 6);
	m->port = from;
	m->used = 1;
	m->seen = now;
	sw->port[from].learned++;
}

static uint32_t all_but(const struct net_switch *sw, unsigned from)
{
	return sw->used & ~(1u << from);
}

/* Between a bridge and its neighbours only: IEEE 802.1D, 7.12.6. */
static int link_local(const uint8_t *mac)
{
	static const uint8_t group[5] = { 0x01, 0x80, 0xc2, 0, 0 };

	return !memcmp(mac, group, 5) && mac[5] < 16;
}

uint32_t net_switch_forward(struct net_switch *sw, unsigned from, const uint8_t *header, uint64_t now)
{
	const uint8_t *to = header, *sender = header + 6;
	struct net_port *port = &sw->port[from];
	const struct net_mac *m;
	unsigned owner = net_switch_owner(sw, sender);

	if (port->guarded && owner != from) {
		port->spoofed++;
		return 0;
	}
	if (sender[0] & 1 || link_local(to))
		return 0;
	if (!owner)
		learn(sw, from, sender, now);
	if (to[0] & 1)
		return all_but(sw, from);
	owner = net_switch_owner(sw, to);
	if (owner)
		return owner == from ? 0 : 1u << owner;
	m = learned_at(sw, to, now);
	if (m)
		return m->port == from ? 0 : 1u << m->port;
	return all_but(sw, from);
}

/* ---- a frontend's share ---------------------------------------------------------------------- */

void net_rate_init(struct net_rate *rate, uint64_t bytes, uint64_t interval_ns, uint64_t now)
{
	*rate = (struct net_rate){ .bytes = interval_ns ? bytes : 0, .interval = interval_ns };
	rate->credit = bytes;
	rate->next = now + interval_ns;
}

uint64_t net_rate_wait(struct net_rate *rate, uint64_t now)
{
	if (!rate->bytes)
		return 0;
	if (now >= rate->next) {
		/* Debts are paid by each interval that passed; what is not used is lost. */
		uint64_t passed = (now - rate->next) / rate->interval + 1;
		uint64_t owed = rate->credit < 0 ? -rate->credit : 0;

		rate->next += passed * rate->interval;
		if (passed > owed / rate->bytes + 1)
			rate->credit = rate->bytes;
		else
			rate->credit += passed * rate->bytes;
		if (rate->credit > (int64_t)rate->bytes)
			rate->credit = rate->bytes;
	}
	return rate->credit > 0 ? 0 : rate->next;
}

void net_rate_charge(struct net_rate *rate, uint32_t len)
{
	if (rate->bytes)
		rate->credit -= len;
}
