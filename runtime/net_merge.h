/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_merge.h - received segments of one TCP stream become one packet, which costs its frontend little
 * more than one of them.
 */
#pragma once

#include "net_packet.h"

/* Keep what came, joined with others, until what it is part of is complete; or deliver it at once.  len bytes lie in
 * nr pieces, whose pages are taken over; deliver() gets a hold on a packet. */
void net_merge(const struct net_meta *meta, const struct net_piece *piece, unsigned nr, uint32_t len,
	       void (*deliver)(struct packet *p));

/* Deliver what is kept. */
void net_merge_flush(void (*deliver)(struct packet *p));

/* The caller's own: a packet of these pieces, held once. */
struct packet *net_keep(const struct net_meta *meta, const struct net_piece *piece, unsigned nr);
