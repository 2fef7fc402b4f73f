/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_ear.h - when a card is to be asked for packets, and whether it can be heard.  No hypercalls.
 */
#pragma once

#include <stdint.h>

#define NET_SILENT_MOST 5u
#define NET_DEAF_MOST	5u

struct net_ear {
	int due;	  /* the card may have packets */
	uint64_t look_at; /* when to look for them without an interrupt, 0: it interrupts */
	int doubts;	  /* it is looked at although nobody said so */
	unsigned deaf;	  /* signs of life at which it had nothing to receive into */
	unsigned silent;  /* times that it had some then, and no interrupt had come since the last time */
};

static inline void net_ear_interrupt(struct net_ear *ear)
{
	ear->silent = 0;
	ear->due = 1;
}

/* Is it to be asked?  soon: the time, and a little more; pulse: also if all is well, as at each sign of life. */
static inline int net_ear_asks(struct net_ear *ear, uint64_t now, uint64_t soon, int pulse)
{
	if (ear->look_at && ear->look_at <= soon)
		ear->due = 1;
	/* One whose time has come without our noticing is as good as none. */
	ear->doubts = pulse && !ear->due && ear->look_at <= now;
	return ear->due || ear->doubts;
}

/* Has it been without any buffer for too long?  Others cannot keep all that there are. */
static inline int net_ear_deaf(struct net_ear *ear, unsigned buffers, int pulse)
{
	ear->deaf = buffers ? 0 : ear->deaf + (pulse != 0);
	return ear->deaf >= NET_DEAF_MOST;
}

/* It had nr: 0, or -1 when it has had some too often, and no interrupt came. */
static inline int net_ear_got(struct net_ear *ear, unsigned nr)
{
	ear->silent += ear->doubts && nr;
	return ear->silent >= NET_SILENT_MOST ? -1 : 0;
}
