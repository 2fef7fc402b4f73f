/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer.c - the store connections of all domains.
 */
#include <runtime/event.h>
#include <runtime/grant.h>
#include <runtime/print.h>

#include "peer.h"

#define MAX_PEERS 64

static struct peer *peers[MAX_PEERS];

static void notify(void *arg)
{
	event_send(((struct peer *)arg)->port);
}

static void work(uint32_t port, void *arg)
{
	struct peer *p = arg;
	const char *before = store_conn_broken(p->conn);

	(void)port;
	store_conn_work(p->conn);
	if (!before && store_conn_broken(p->conn))
		print("guise: domain %u lost the store: %s\n", p->dom, store_conn_broken(p->conn));
}

void peers_work(void)
{
	for (unsigned i = 0; i < MAX_PEERS; i++)
		if (peers[i])
			work(0, peers[i]);
}

const char *peer_open(struct peer *p, const struct domain *d)
{
	unsigned slot = 0;
	int port;

	*p = (struct peer){ .dom = d->id };
	while (slot < MAX_PEERS && peers[slot])
		slot++;
	if (slot == MAX_PEERS)
		return "there are too many domains";
	p->page = grant_map(d->id, GRANT_REF_STORE, 0, &p->handle);
	if (!p->page)
		return "its store page cannot be mapped";
	port = event_bind(d->id, d->store_port);
	if (port < 0)
		return "its store event channel cannot be bound";
	p->port = (uint32_t)port;
	p->conn = store_conn_open(d->id, p->page, notify, p);
	if (!p->conn)
		return "no memory for its store connection";
	peers[slot] = p;
	event_handler(p->port, work, p);
	return NULL;
}

void peer_close(struct peer *p)
{
	for (unsigned i = 0; i < MAX_PEERS; i++)
		if (peers[i] == p)
			peers[i] = NULL;
	if (p->conn)
		store_conn_close(p->conn);
	if (p->port)
		event_close(p->port);
	if (p->page)
		grant_unmap(p->page, p->handle);
	*p = (struct peer){ 0 };
}
