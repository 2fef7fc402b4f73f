/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vif.h - one virtual network card, as its frontend sees it.
 *
 * vif.c brings it to life and to its end by the store; net.c moves its packets in between.
 */
#pragma once

#include <guise.h>
#include <runtime/net_ring.h>
#include <runtime/net_switch.h>
#include <runtime/store.h>

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

enum vif_state {
	VIF_NEW,       /* nothing shown to the frontend yet			*/
	VIF_OFFERED,   /* state 2; waits for the frontend's rings		*/
	VIF_CONNECTED, /* state 4						*/
	VIF_CLOSING,   /* takes nothing new; what the device has is awaited	*/
	VIF_CLOSED,    /* holds nothing of the frontend				*/
};

#define VIF_BACKLOG 128u /* packets that wait for a frontend's buffers */

struct vif {
	struct vif *next;
	char path[STORE_PATH_MAX / 2]; /* of its directory; also the watch's token */
	char frontend[STORE_PATH_MAX / 2];
	uint16_t domid; /* of the frontend		*/
	enum vif_state state;
	unsigned shown; /* XenbusState in the store, 0: none yet	*/
	unsigned front; /* the frontend's, at the last look		*/
	int listed;	/* its directory was there then			*/
	int gone;	/* ... but was not, or was another: it ends	*/
	int refused;
	const char *broken; /* why the rings are not served any more, NULL: they are */

	unsigned port; /* in the switch, 0: none */
	struct net_rate rate;
	int sg, gso4, gso6, csum4, csum6; /* what the frontend takes */

	struct vif_page {
		void *va;
		uint32_t handle;
	} tx_page, rx_page;
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
extern struct vif *vifs;
extern struct vif *vif_at[NET_PORTS];
extern unsigned nr_vifs;
extern struct net_switch net_switch;

/* Begin to watch the store: 0 or -errno. */
int vif_start(struct net_device *dev);

/* Follow what changed in the store and in the rings since the last call.  Not from a handler. */
void vif_update(void);

/* Is there anything for vif_update() to do? */
int vif_due(void);

/* net.c: forget what waits for its frontend. */
void vif_forget(struct vif *v);
