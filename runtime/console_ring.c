/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * console_ring.c - bytes in and out of a shared console page.
 *
 * Both indices lie in memory that the other end may change at any time: they are read once, and a
 * distance that cannot be makes the call do nothing.
 */
#include <runtime/console_ring.h>
#include <runtime/io.h>
#include <runtime/string.h>

/* How much lies between the two, or more than size when the indices are broken. */
static uint32_t distance(const XENCONS_RING_IDX *prod, const XENCONS_RING_IDX *cons)
{
	return *(const volatile uint32_t *)prod - *(const volatile uint32_t *)cons;
}

static size_t filled(const XENCONS_RING_IDX *prod, const XENCONS_RING_IDX *cons, uint32_t size)
{
	uint32_t used = distance(prod, cons);

	return used <= size ? used : 0;
}

static size_t vacant(const XENCONS_RING_IDX *prod, const XENCONS_RING_IDX *cons, uint32_t size)
{
	uint32_t used = distance(prod, cons);

	return used <= size ? size - used : 0;
}

static size_t take(const char *ring, uint32_t size, const XENCONS_RING_IDX *prod, XENCONS_RING_IDX *cons, char *to,
		   size_t len)
{
	size_t have = filled(prod, cons, size);
	uint32_t at = *cons;

	if (len > have)
		len = have;
	rmb(); /* the bytes after prod */
	for (size_t i = 0; i < len; i++)
		to[i] = ring[(at + i) & (size - 1)];
	mb(); /* the bytes are out before the other end may overwrite them */
	*(volatile uint32_t *)cons = at + len;
	return len;
}

static size_t place(char *ring, uint32_t size, XENCONS_RING_IDX *prod, const XENCONS_RING_IDX *cons, const char *from,
		    size_t len)
{
	size_t room = vacant(prod, cons, size);
	uint32_t at = *prod;

	if (len > room)
		len = room;
	mb(); /* cons before the bytes */
	for (size_t i = 0; i < len; i++)
		ring[(at + i) & (size - 1)] = from[i];
	wmb(); /* the bytes before prod */
	*(volatile uint32_t *)prod = at + len;
	return len;
}

size_t console_ring_read(struct xencons_interface *ring, char *to, size_t size)
{
	return take(ring->out, sizeof(ring->out), &ring->out_prod, &ring->out_cons, to, size);
}

size_t console_ring_put(struct xencons_interface *ring, const char *from, size_t len)
{
	return place(ring->in, sizeof(ring->in), &ring->in_prod, &ring->in_cons, from, len);
}

size_t console_ring_pending(const struct xencons_interface *ring)
{
	return filled(&ring->out_prod, &ring->out_cons, sizeof(ring->out));
}

size_t console_ring_room(const struct xencons_interface *ring)
{
	return vacant(&ring->in_prod, &ring->in_cons, sizeof(ring->in));
}

size_t console_ring_front_room(const struct xencons_interface *ring)
{
	return vacant(&ring->out_prod, &ring->out_cons, sizeof(ring->out));
}

size_t console_ring_front_put(struct xencons_interface *ring, const char *from, size_t len)
{
	return place(ring->out, sizeof(ring->out), &ring->out_prod, &ring->out_cons, from, len);
}

size_t console_ring_front_read(struct xencons_interface *ring, char *to, size_t size)
{
	return take(ring->in, sizeof(ring->in), &ring->in_prod, &ring->in_cons, to, size);
}

size_t console_ring_front_pending(const struct xencons_interface *ring)
{
	return filled(&ring->in_prod, &ring->in_cons, sizeof(ring->in));
}
