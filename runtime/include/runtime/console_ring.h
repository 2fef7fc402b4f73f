/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * console_ring.h - bytes in and out of a shared console page, from either end.
 *
 * The frontend is the one whose console it is: it puts output in `out` and reads typed input from
 * `in`.  No function waits; all return how many bytes went through.  Indices that the other end
 * has broken read as an empty ring and as a full one.
 */
#pragma once

#include <stddef.h>

#include <runtime/xen.h>
#include <xen/io/console.h>

/* Backend: take output, put input. */
size_t console_ring_read(struct xencons_interface *ring, char *to, size_t size);
size_t console_ring_put(struct xencons_interface *ring, const char *from, size_t len);
size_t console_ring_pending(const struct xencons_interface *ring); /* bytes read could take */
size_t console_ring_room(const struct xencons_interface *ring);	   /* bytes put could place */

/* Frontend: put output, take input. */
size_t console_ring_front_room(const struct xencons_interface *ring);
size_t console_ring_front_put(struct xencons_interface *ring, const char *from, size_t len);
size_t console_ring_front_read(struct xencons_interface *ring, char *to, size_t size);
size_t console_ring_front_pending(const struct xencons_interface *ring); /* bytes front_read could take */
