/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * events.h - what clients asked to be told of: libvirt's callbacks.
 */
#pragma once

#include <stdint.h>

#include "wire.h"

struct client;
struct domain;
struct error;

/* libvirt's virDomainEventType, and of virDomainEventID those that we give. */
enum {
	EVENT_DEFINED,
	EVENT_UNDEFINED,
	EVENT_STARTED,
	EVENT_SUSPENDED,
	EVENT_RESUMED,
	EVENT_STOPPED,
	EVENT_CRASHED = 8
};
enum {
	EVENT_ID_LIFECYCLE,
	EVENT_ID_REBOOT,
	EVENT_ID_BALLOON = 13,
	EVENT_ID_DEVICE_REMOVED = 15,
	EVENT_ID_DEVICE_ADDED = 19,
	EVENT_ID_MOST = 26
};

/* uuid: of one domain, NULL for all.  The number of the callback, or -1. */
int events_register(struct client *c, int event, const uint8_t *uuid, struct error *e);
int events_deregister(struct client *c, int callback, struct error *e);
/* The client is gone. */
void events_forget(struct client *c);

void event_lifecycle(const struct domain *d, int type, int detail);
void event_reboot(const struct domain *d);
void event_balloon(const struct domain *d, uint64_t kib);
void event_device(const struct domain *d, bool added, const char *alias);
/* A domain as bodies have it: name, uuid, id. */
void out_domain(struct out *out, const struct domain *d);
