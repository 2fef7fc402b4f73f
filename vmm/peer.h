/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer.h - what this server shares with a running domain: the store ring.
 */
#pragma once

#include <stdint.h>

#include "domain.h"
#include "store_wire.h"

struct peer {
	uint16_t dom;
	void *page;
	uint32_t handle, port;
	struct store_conn *conn;
};

/* Map d's store page, bind its event channel and serve it.  NULL, or why not. */
const char *peer_open(struct peer *p, const struct domain *d);
void peer_close(struct peer *p);
/* Give every connection a chance to send what watches made meanwhile.  Call after each event. */
void peers_work(void);
