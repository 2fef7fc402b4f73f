/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_switch.h - a learning switch: to which ports a packet goes.  No hypercalls, no packets.
 *
 * Port 0 is the network device, the others are frontends, whose addresses are known from their
 * configuration.  What else speaks behind a port is learned, in a table of fixed size.
 */
#pragma once

#include <stdint.h>

#define NET_PORTS     17u  /* the device and 16 frontends		*/
#define NET_MACS      256u /* addresses that are remembered		*/
#define NET_MACS_PORT 32u  /* ... of these, behind one frontend	*/
#define NET_AGE_NS    (300 * 1000000000ull)

struct net_switch {
	uint32_t used; /* ports, a bit each */
	struct net_port {
		int guarded;
		uint8_t mac[6];
		unsigned learned;
		uint64_t spoofed; /* packets refused */
	} port[NET_PORTS];
	struct net_mac {
		uint8_t mac[6];
		uint8_t port;
		uint8_t used;
		uint64_t seen; /* time */
	} mac[NET_MACS];
};

/* The first of a set of ports, which is not empty: it is taken out. */
static inline unsigned net_port_of(uint32_t *ports)
{
	unsigned port = __builtin_ctz(*ports);

	*ports &= *ports - 1;
	return port;
}

void net_switch_init(struct net_switch *sw);

/* A frontend's port, with its address; a guarded one may send from no other.  0, or -ENOSPC. */
int net_switch_add(struct net_switch *sw, const uint8_t *mac, int guarded);

/* The port is gone, and what was learned of it. */
void net_switch_remove(struct net_switch *sw, unsigned port);

/* The port whose configured address this is, or 0. */
unsigned net_switch_owner(const struct net_switch *sw, const uint8_t *mac);

/* The ports that a packet from port `from` goes to, a bit each; header is its first 12 bytes.  Learns
 * its sender.  0: it goes nowhere. */
uint32_t net_switch_forward(struct net_switch *sw, unsigned from, const uint8_t *header, uint64_t now);

/* ---- a frontend's share ---------------------------------------------------------------------- */

/* `bytes` each `interval`; what is not used is not saved up.  bytes 0: no limit. */
struct net_rate {
	uint64_t bytes, interval; /* ns */
	int64_t credit;		  /* below 0: sent ahead */
	uint64_t next;		  /* time of the next credit */
};

void net_rate_init(struct net_rate *rate, uint64_t bytes, uint64_t interval_ns, uint64_t now);

/* 0 when something may be sent now, or the time from which on it may. */
uint64_t net_rate_wait(struct net_rate *rate, uint64_t now);

void net_rate_charge(struct net_rate *rate, uint32_t len);
