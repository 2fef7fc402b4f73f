/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backend.h - our end of a device that a frontend has: a disk or a card, from the store's first
 * word of it to the last.
 *
 * backend.c knows the states; what is read, offered, mapped and given back is its kind's.  A
 * driver serves one kind.
 */
#pragma once

#include <runtime/event.h>
#include <runtime/store.h>
#include <xen/io/xenbus.h>

enum backend_state {
	BACKEND_NEW,	   /* nothing shown to the frontend yet				*/
	BACKEND_OFFERED,   /* state 2; waits for the frontend's rings			*/
	BACKEND_CONNECTED, /* state 4							*/
	BACKEND_CLOSING,   /* takes nothing new; what the device has is awaited		*/
	BACKEND_CLOSED,	   /* holds nothing of the frontend				*/
};

/* The first member of a kind's own structure. */
struct backend {
	struct backend *next;
	char path[STORE_PATH_MAX / 2]; /* of its directory; also the watch's token */
	char frontend[STORE_PATH_MAX / 2];
	uint16_t domid; /* of the frontend		*/
	enum backend_state state;
	unsigned shown; /* XenbusState in the store, 0: none yet	*/
	unsigned front; /* the frontend's, at the last look		*/
	int listed;	/* its directory was there then			*/
	int gone;	/* ... but was not, or was another: it ends	*/
	int unwanted;	/* its "online" is 0: the frontend is asked to close	*/
	int refused;
	const char *broken; /* why it is not served any more, NULL: it is */
};

struct backend_kind {
	const char *root; /* "backend/vbd" */
	size_t size;	  /* of the structure that begins with a struct backend */

	/* Read its directory: NULL, or why it cannot be.  Again when the frontend begins anew. */
	const char *(*prepare)(struct backend *b);

	/* Write what the frontend must know before it connects. */
	void (*offer)(struct backend *b);

	/* Take the frontend's rings: NULL, or why not; disconnect() follows then. */
	const char *(*connect)(struct backend *b);

	/* Does the device still have something of it? */
	int (*busy)(const struct backend *b);

	/* Give back all that connect() took. */
	void (*disconnect)(struct backend *b);

	/* At each sign of life: backend_progress() for each of its rings; look at those that hold requests. */
	void (*watch)(struct backend *b);

	/* It will be freed.  May be NULL. */
	void (*forget)(struct backend *b);
};

/* All of them, in no order, and how many are connected. */
extern struct backend *backends;
extern unsigned backends_connected;

/* Begin to watch the store, in the name of a device: 0 or -errno. */
int backend_start(const struct backend_kind *kind, const char *device);

/* Follow what changed in the store and in the rings since the last call.  Not from a handler. */
void backend_update(void);

/* In each round of a driver's loop, before the rings are looked at: 1 when it gave a sign of life since the last. */
int backend_watch(void);

/* Is there anything for backend_update() to do? */
int backend_due(void);

static inline int backend_serves(const struct backend *b)
{
	return b->state == BACKEND_CONNECTED && !b->broken;
}

/* In connect(): did an earlier incarnation of this driver serve it?  What that published may not
 * have been told to the frontend. */
static inline int backend_adopted(const struct backend *b)
{
	return b->shown == XenbusStateConnected;
}

/* ---- for kinds ------------------------------------------------------------------------------- */

/* A key of a directory; as store_read() and store_read_u64(). */
int key_read(const char *dir, const char *key, char *buf, size_t size);
int key_read_u64(const char *dir, const char *key, uint64_t *value);
int key_flag(const char *dir, const char *key); /* is it there, and not 0? */

/* Write a key of our own directory. */
void backend_write(struct backend *b, const char *key, uint64_t value);

/* Tell whoever watches what it has done, without waiting: words name=number, in data/<kind>/<domain>/<number>. */
void backend_report(struct backend *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Does a ring that something waits in go on? */
struct backend_watch {
	uint32_t moved;
	unsigned pulses; /* in which it did not				*/
	unsigned lost;	 /* ... in which a bell was found not to have rung */
};

/* moved: its indices, in any way that tells when one of them moved.  Does not return when it stands for too long. */
void backend_progress(struct backend_watch *w, int waits, uint32_t moved);

/* lost: one of the two ends asked to be told of something in the ring that is there now, and was not. */
void backend_bells(struct backend_watch *w, int lost);

/* A ring, granted by the frontend. */
struct backend_page {
	void *va; /* NULL: none */
	uint32_t handle;
};

/* 0 or -errno */
int backend_map(struct backend *b, struct backend_page *page, uint64_t ref);
void backend_unmap(struct backend_page *page);

/* Bind to an event channel of the frontend: our port, or -errno. */
int backend_bind(struct backend *b, uint64_t remote_port, event_fn fn, void *arg);
