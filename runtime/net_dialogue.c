/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_dialogue.c - do streams between guests and the world outside go on?
 *
 * That they do not is all that shows of many faults of a card's driver: what it sends, receives or hands on is lost or
 * spoiled, and no ring stands still.  Both ends of a TCP connection repeat then what they sent (RFC 6298), and nothing
 * comes any further.  Or only what is sent again gets through: so one that had to be sent again counts as going on when
 * DEBT packets more went further.
 *
 * It may as well be that the other end is gone.  So it is a suspicion, which an incarnation has only after much went on
 * before its eyes: the next one waits for a silent world as long as it takes.
 */
#include <runtime/net_dialogue.h>
#include <runtime/net_header.h>

#define NEWS_LEAST  64u
#define AGAIN_LEAST 4u
#define DEBT	    8u
#define PADDING	    6u /* bytes behind the headers of a packet without data (IEEE 802.3, 4.2.3.3) */

#define FLAGS	 13 /* offsets in the TCP header */
#define FLAG_SYN 2
#define FLAG_RST 4

static void went_on(struct net_dialogue *d, struct net_stream *s)
{
	d->news++;
	if (s->debt) {
		s->debt--;
	} else {
		d->again = 0;
		d->quiet = 0;
	}
}

/* The last bytes of the addresses, and the ports: the same for both ways. */
static uint32_t name_of(const uint8_t *p, const struct net_headers *h)
{
	const uint8_t *from = p + h->ip + (h->ipv6 ? 20 : 12), *ports = p + h->start;

	return (net_get32(from) ^ net_get32(from + (h->ipv6 ? 16 : 4))) * 31 +
	       (net_get16(ports) ^ net_get16(ports + 2));
}

/* What comes in and is not for us would be for a guest that is gone, or for others.  Asked only where it matters: each
 * packet passes here. */
static int ours(const struct net_switch *into, const uint8_t *p)
{
	return !into || net_switch_owner(into, p);
}

void net_dialogue_note(struct net_dialogue *d, const struct net_switch *into, const uint8_t *p,
		       const struct net_headers *h, uint32_t len)
{
	uint32_t name, end, ack, data = len - h->len;
	const uint8_t *tcp = p + h->start;
	struct net_way *way, *back;
	struct net_stream *s;
	int begins;

	if (!h->tcp || len < h->len || tcp[FLAGS] & FLAG_RST)
		return;
	name = name_of(p, h);
	s = &d->stream[name * 2654435761u >> 26];
	way = &s->way[!into];
	back = &s->way[!!into];
	begins = (tcp[FLAGS] & FLAG_SYN) != 0;
	end = net_get32(tcp + 4) + data + begins;
	ack = net_get32(tcp + 8);
	if (s->name != name) { /* of one that is not known, this tells how far it has come */
		if (!ours(into, p))
			return;
		s->name = name;
		s->debt = 0;
		way->end = back->ack = end - begins;
		way->ack = back->end = ack;
		if (!begins)
			return;
	}
	if ((begins && way->end != end) || (int32_t)(end - way->end) > 0 || (int32_t)(ack - way->ack) > 0) {
		if (begins)
			s->debt = 0;
		way->end = end;
		way->ack = ack;
		went_on(d, s);
	} else if ((begins || data > PADDING) && ours(into, p)) {
		/* Who asks whether the other end is alive, or has room, sends no data. */
		s->debt = DEBT;
		d->again++;
	}
}

int net_dialogue_ended(struct net_dialogue *d, uint64_t patience)
{
	if (d->news < NEWS_LEAST || d->again < AGAIN_LEAST)
		return 0;
	return patience && ++d->quiet >= patience;
}
