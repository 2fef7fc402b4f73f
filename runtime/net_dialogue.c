/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_dialogue.c - do streams between guests and the world outside go on?
 *
 * That they do not is all that shows of many faults of a card's driver: what it sends, receives or hands on is lost or
 * spoiled, and no ring stands still.  Both ends of a TCP connection repeat then what they sent (RFC 6298), and nothing
 * comes any further.  It may as well be that the other end is gone.  So it is a suspicion, which an incarnation has
 * only after much went on before its eyes: the next one waits for a silent world as long as it takes.
 */
#include <runtime/net_dialogue.h>
#include <runtime/net_header.h>

#define NEWS_LEAST  64u
#define AGAIN_LEAST 4u
#define PADDING	    6u /* bytes behind the headers of a packet without data (IEEE 802.3, 4.2.3.3) */

#define FLAGS	 13 /* offsets in the TCP header */
#define FLAG_SYN 2

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)net_get16(p) << 16 | net_get16(p + 2);
}

void net_dialogue_note(struct net_dialogue *d, const uint8_t *p, uint32_t head, uint32_t len)
{
	uint32_t name, end, ack, data;
	struct net_headers h;
	const uint8_t *tcp;
	unsigned i;
	int begins;

	if (net_headers_parse(&h, p, head) || !h.tcp || len < h.len)
		return;
	tcp = p + h.start;
	begins = tcp[FLAGS] & FLAG_SYN;
	data = len - h.len;
	end = get32(tcp + 4) + data;
	ack = get32(tcp + 8);
	/* Its ports, and the last bytes of the IP header: addresses, or parts of one. */
	name = (get32(tcp) * 31 + get32(tcp - 4)) * 31 + get32(tcp - 8);
	i = name * 2654435761u >> 26;
	if (d->flow[i].name != name || (begins && d->flow[i].end != end) || (int32_t)(end - d->flow[i].end) > 0 ||
	    (int32_t)(ack - d->flow[i].ack) > 0) {
		d->flow[i].name = name;
		d->flow[i].end = end;
		d->flow[i].ack = ack;
		d->news++;
		d->again = 0;
		d->quiet = 0;
	} else if (begins || data > PADDING) {
		/* Who asks whether the other end is alive, or has room, sends no data. */
		d->again++;
	}
}

int net_dialogue_ended(struct net_dialogue *d, uint64_t patience)
{
	if (d->news < NEWS_LEAST || d->again < AGAIN_LEAST)
		return 0;
	return patience && ++d->quiet >= patience;
}
