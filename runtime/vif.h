/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vif.h - one virtual network card, as its frontend sees it.
 *
 * vif.c shows it in the store and takes the frontend's rings; net.c moves its packets.
 */
#pragma once

#include <guise.h>
#include <runtime/net_ring.h>
#include <runtime/net_switch.h>

#include "backend.h"
#include "net_packet.h"

/* A packet that a frontend sends, on its way.  It lives in the ring slot of its first request, so no
 * newer one takes its place before its response is published. */
struct tx_job {
	struct vif *vif;
	struct tx_job *next; /* in the one list it is in	*/
	int status;	     /* NETIF_RSP_*			*/
	struct net_request req;
	struct packet *packet; /* its copy, while one is made	*/
	uint32_t ports;	       /* that get the copy		*/
	struct net_tx tx;
	unsigned nr_cookies;
	uint32_t cookie[NET_PIECES];
};

#define VIF_BACKLOG 128u /* packets that wait for a frontend's buffers */

struct vif {
	struct backend backend;
	unsigned port; /* in the switch, 0: none */
	struct net_rate rate;
	int sg, gso4, gso6, csum4, csum6; /* what the frontend takes */

	struct backend_page tx_page, rx_page;
	uint32_t tx_port, rx_port; /* event channels; may be one */
	struct net_tx_ring tx;
	struct net_rx_ring rx;
	int kicked;	  /* the tx ring may hold requests */
	int active;	  /* it gave some since it was found empty */
	uint64_t look_at; /* when to look at it again without being told, 0: we are told */

	struct packet *backlog[VIF_BACKLOG];
	unsigned backlog_first, backlog_nr, backlog_pages;
	int copying; /* in this batch something for it is copied: what follows must not overtake */
	uint64_t dropped;

	struct tx_job job[NET_RING_SLOTS];
};

/* All of them, in no order, and by their switch port. */
static inline struct vif *vif_first(void)
{
	return (struct vif *)backends;
}

static inline struct vif *vif_next(const struct vif *v)
{
	return (struct vif *)v->backend.next;
}

extern struct vif *vif_at[NET_PORTS];
extern struct net_switch net_switch;

/* Begin to watch the store: 0 or -errno. */
int vif_start(struct net_device *dev);

/* net.c: forget what waits for its frontend. */
void vif_forget_backlog(struct vif *v);
