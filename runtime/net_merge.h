/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_merge.h - received segments of one TCP stream become one packet, which costs its frontend little
 * more than one of them.
 */
#pragma once

#include "net_packet.h"

/* Keep the packet, joined with others, until what it is part of is complete; or deliver it at once.  Takes
 * over the caller's hold, and gives it to deliver(). */
void net_merge(struct packet *p, void (*deliver)(struct packet *p));

/* The caller's own: a TCP packet as it came, before it is joined with others. */
void net_heard(const struct packet *p, const struct net_headers *h);

/* Deliver what is kept. */
void net_merge_flush(void (*deliver)(struct packet *p));
