/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vif.h - one virtual network card, as its frontend sees it.
 *
 * vif.c shows it in the store and takes the frontend's rings; net_tx.c and net_rx.c move its packets.
 */
#pragma once

#include <guise.h>
#include <runtime/net_header.h>
#include <runtime/net_ring.h>
#include <runtime/net_share.h>
#include <runtime/net_switch.h>

#include "backend.h"
#include "net_packet.h"

#define VIF_QUEUES  4u	 /* most of a card */
#define VIF_BACKLOG 128u /* packets that wait for the buffers of a queue */

/* A packet that a frontend sends, on its way. */
struct tx_job {
	uint8_t head[NET_HEADERS] __attribute__((aligned(NET_HEADERS))); /* its first bytes, in one page */
	struct vif_queue *queue;
	struct tx_job *next; /* in the one list it is in	*/
	int status;	     /* NETIF_RSP_*			*/
	struct net_request req;
	struct packet *packet; /* its copy, while one is made	*/
	uint32_t ports;	       /* that get the copy		*/
	struct net_tx tx;
	unsigned nr_cookies;
	uint32_t cookie[NET_PIECES];
};

struct vif_queue {
	struct vif *vif;
	struct backend_page tx_page, rx_page;
	uint32_t tx_port, rx_port; /* event channels; may be one */
	struct net_tx_ring tx;
	struct net_rx_ring rx;
	struct backend_watch tx_watch, rx_watch;

	int kicked;	  /* the tx ring may hold requests	*/
	int active;	  /* it gave some since it was found empty */
	int rung;	  /* we were told, but have not looked yet	*/
	unsigned idle;	  /* times that there was nothing then, one after the other */
	uint64_t look_at; /* when to look at it again without being told, 0: we are told */

	struct waiting {
		struct packet *packet;
		unsigned from; /* which port of the switch */
	} backlog[VIF_BACKLOG];
	unsigned backlog_first, backlog_nr;
	int copying; /* in this batch something for it is copied: what follows must not overtake */
};

static inline void vif_tell_tx(struct vif_queue *q)
{
	event_send(q->tx_port);
	ring_told(&q->tx.out);
}

static inline void vif_tell_rx(struct vif_queue *q)
{
	event_send(q->rx_port);
	ring_told(&q->rx.out);
}

struct vif_count {
	uint64_t packets, bytes, drops;
};

struct vif {
	struct backend backend;
	unsigned port; /* in the switch, 0: none */
	struct net_rate rate;
	int sg, gso4, gso6, csum4, csum6; /* what the frontend takes */
	unsigned nr_queues, turn;	  /* turn: the queue that may send next */
	struct vif_queue *queue;
	struct net_share share;	    /* pages in its backlogs, by who sent them */
	struct vif_count sent, got; /* by the frontend */
	uint64_t reported;	    /* packets, then */
	uint32_t ip;		    /* that its frontend said to have, 0: it has not	*/
	uint8_t ip6[2][16];	    /* the same, and of its link alone		*/
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

/* net_rx.c: forget what waits for the frontend. */
void vif_forget_backlog(struct vif *v);
