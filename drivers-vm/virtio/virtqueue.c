/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtqueue.c - a split virtqueue from the driver's side.
 *
 * Free descriptors and the parts of a chain are linked by slot[].next, never by the table that the
 * device could write.
 */
#include <runtime/io.h>
#include <runtime/string.h>
#include <runtime/xen.h>

#include "virtqueue.h"

_Static_assert(sizeof(struct virtq_desc) == 16 && sizeof(struct virtq_used_entry) == 8,
	       "layouts are the specification's");

static uint16_t read16(const uint16_t *p)
{
	return *(const volatile uint16_t *)p;
}

static void write16(uint16_t *p, uint16_t value)
{
	*(volatile uint16_t *)p = value;
}

static uint16_t *used_event(struct virtqueue *vq)
{
	return &vq->avail->ring[vq->size];
}

static uint16_t *avail_event(struct virtqueue *vq)
{
	return (uint16_t *)&vq->used->ring[vq->size];
}

void virtqueue_init(struct virtqueue *vq)
{
	vq->broken = NULL;
	vq->avail_idx = vq->shown_idx = vq->used_idx = 0;
	vq->first_free = 0;
	vq->nr_free = vq->size;
	memset(vq->slot, 0, sizeof(vq->slot));
	for (unsigned i = 0; i < vq->size; i++)
		vq->slot[i].next = i + 1;
}

static void *broken(struct virtqueue *vq, const char *why)
{
	vq->broken = why;
	return NULL;
}

int virtqueue_add(struct virtqueue *vq, const struct virtq_buffer *buffer, unsigned nr_read, unsigned nr_write,
		  void *token)
{
	unsigned nr = nr_read + nr_write, head = vq->first_free, next = head, i = 0;
	unsigned taken = nr > 1 && vq->table[0].desc ? 1 : nr;
	struct virtq_slot *slot = &vq->slot[head];
	int indirect = taken < nr;
	struct virtq_desc *desc;

	if (vq->nr_free < taken)
		return -XEN_EBUSY;
	if (head >= vq->size || slot->token) {
		broken(vq, "its driver has lost count of what is free");
		return -XEN_EBUSY;
	}
	vq->avail->ring[vq->avail_idx++ & (vq->size - 1)] = head;
	slot->token = token;
	slot->nr = taken;
	slot->writable = 0;
	vq->nr_free -= taken;
	if (indirect) {
		vq->desc[head] = (struct virtq_desc){ vq->table[head].bus, nr * sizeof(*desc), VIRTQ_DESC_INDIRECT, 0 };
		vq->first_free = slot->next;
	}
	do { /* each part but the last leads to the next */
		desc = indirect ? &vq->table[head].desc[i] : &vq->desc[next];
		next = indirect ? i + 1 : vq->slot[next].next;
		desc->bus = buffer[i].bus;
		desc->len = buffer[i].len;
		desc->flags = VIRTQ_DESC_NEXT;
		desc->next = next;
		if (i >= nr_read) {
			desc->flags = VIRTQ_DESC_NEXT | VIRTQ_DESC_WRITE;
			slot->writable += buffer[i].len;
		}
	} while (++i < nr);
	desc->flags &= ~VIRTQ_DESC_NEXT;
	if (!indirect)
		vq->first_free = next;
	return 0;
}

int virtqueue_show(struct virtqueue *vq)
{
	uint16_t old = vq->shown_idx, now = vq->avail_idx;

	if (old == now)
		return 0;
	wmb(); /* the chains before idx */
	write16(&vq->avail->idx, now);
	vq->shown_idx = now;
	mb(); /* idx before the device's wish, which it writes before it looks at idx again */
	if (vq->event_idx)
		return (uint16_t)(now - read16(avail_event(vq)) - 1) < (uint16_t)(now - old);
	return !(read16(&vq->used->flags) & VIRTQ_NO_NOTIFY);
}

static void slot_free(struct virtqueue *vq, unsigned head)
{
	unsigned last = head;

	for (unsigned i = 1; i < vq->slot[head].nr; i++)
		last = vq->slot[last].next;
	vq->slot[last].next = vq->first_free;
	vq->first_free = head;
	vq->nr_free += vq->slot[head].nr;
	vq->slot[head].token = NULL;
}

void *virtqueue_take(struct virtqueue *vq, uint32_t *len)
{
	const volatile struct virtq_used_entry *entry = &vq->used->ring[vq->used_idx & (vq->size - 1)];
	uint32_t id;
	void *token;

	if (vq->broken || read16(&vq->used->idx) == vq->used_idx)
		return NULL;
	rmb(); /* idx before the entry */
	id = entry->id;
	*len = entry->len;
	if (id >= vq->size || !vq->slot[id].token)
		return broken(vq, "the device returned what it was not given");
	if (*len > vq->slot[id].writable)
		return broken(vq, "the device claims to have written more than it was given");
	if (vq->slot[id].nr > virtqueue_busy(vq))
		return broken(vq, "its driver has lost count of what is in use");
	token = vq->slot[id].token;
	slot_free(vq, id);
	vq->used_idx++;
	return token;
}

int virtqueue_wait_for(struct virtqueue *vq, unsigned nr)
{
	if (vq->broken)
		return 0;
	if (!vq->event_idx)
		nr = 1;
	else
		write16(used_event(vq), vq->used_idx + nr - 1);
	mb(); /* our wish before idx: the device does it the other way round */
	return (uint16_t)(read16(&vq->used->idx) - vq->used_idx) >= nr;
}

int virtqueue_wait(struct virtqueue *vq)
{
	return virtqueue_wait_for(vq, 1);
}
