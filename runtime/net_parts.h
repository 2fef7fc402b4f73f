/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_parts.h - what the parts of the network backend ask of each other:
 *	net.c		the loop
 *	net_tx.c	what frontends send, and where each packet goes
 *	net_rx.c	what frontends get
 *	net_out.c	what the device gets
 *	net_copy.c	copies from and to grants, many by one call
 */
#pragma once

#include <runtime/net_dialogue.h>

#include "vif.h"

/* ---- net.c ----------------------------------------------------------------------------------- */

extern struct net_device *net_card;
extern struct net_dialogue net_dialogue; /* between guests and the world outside */
extern uint64_t net_now, net_deadline;	 /* of this round; when the next one is due in any case */

/* How long what just gave packets is left alone before it is looked at again, without asking for a
 * doorbell: a frontend that is told of each packet rings for each, and this domain, being of a higher
 * priority, would run for one packet at a time. */
#define NET_LEAVE_NS 200000u

/* What is to be looked at soon is looked at now: one awakening for all that was left alone. */
static inline int net_soon(uint64_t when)
{
	return when && when <= net_now + NET_LEAVE_NS / 2;
}

/* The round is to begin then at the latest. */
static inline void net_due(uint64_t when)
{
	if (when < net_deadline)
		net_deadline = when;
}

/* A packet of our own goes to these ports of the switch, from that one. */
void net_forward(struct packet *p, uint32_t ports, unsigned from);

/* ---- net_tx.c -------------------------------------------------------------------------------- */

int net_tx_start(void); /* 0 or -errno */

/* Take a batch of packets from the rings; 0 when there is none, or no room. */
int net_tx_round(void);

/* Is there room for more? */
int net_tx_full(void);

/* It rang for nothing: it is not heard for a while, and for a longer one if it does so again. */
void queue_doze(struct vif_queue *q);

void job_finish(struct tx_job *job);

/* Give back what finished jobs hold, and answer them. */
void jobs_answer(void);

/* ---- net_rx.c -------------------------------------------------------------------------------- */

/* Copy from a frontend's pages into another's buffers: 0, or -errno when that cannot be done now. */
int net_rx_direct(struct vif *to, struct tx_job *job);

/* The packet waits for v's buffers from now on; or it is dropped. */
void net_rx_queue(struct vif *v, struct packet *p, unsigned from);

/* Fill buffers there are. */
void net_rx_round(void);

/* A packet made by packet_new() will come in this batch. */
void net_rx_expect(struct vif *v, const uint8_t *head, uint32_t len);
void net_rx_expect_none(void);

/* ---- net_out.c ------------------------------------------------------------------------------- */

/* Does the device complete what the packet lacks? */
int net_out_does(const struct net_meta *meta);

void net_out_submit(struct net_tx *tx);

/* Send a packet of our own; what the device cannot complete is done here. */
void net_out_packet(struct packet *p);

/* Submit what had no room; is there something left? */
int net_out_waits(void);
void net_out_again(void);

void net_out_kick(void);

/* At each sign of life: does the device end what it has?  Frontends do not wait for copies. */
void net_out_watch(void);

/* ---- net_copy.c ------------------------------------------------------------------------------ */

/* A walk through a packet's bytes. */
struct net_cursor {
	uint16_t flags; /* GNTCOPY_source_gref, or 0: in frames */
	unsigned nr, piece;
	uint32_t done; /* of that piece; none is empty */
	struct {
		struct gnttab_copy_ptr at;
		uint32_t len;
	} from[NET_PIECES];
};

void cursor_of_packet(struct net_cursor *c, const struct packet *p);
void cursor_of_job(struct net_cursor *c, const struct tx_job *job);

/* There is room for nr copies on return; what is due may have been done. */
void copies_room(unsigned nr);

/* The next len bytes go to our own memory, within a page.  The job hears of failure. */
void copy_in(struct net_cursor *c, void *to, uint32_t len, struct tx_job *job);

/* ... or into a frontend's buffer. */
void copy_out(struct net_cursor *c, struct vif_queue *q, RING_IDX index, uint32_t ref, uint32_t len,
	      struct tx_job *job);

/* When the copies are done: this job is finished, this packet is needed no more. */
void copies_then_finish(struct tx_job *job);
void copies_then_put(struct packet *p);

/* Do those that are due, and publish what they filled. */
void copies_do(void);
