/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_attacks.h - what a frontend may do to a network driver, and only itself be harmed.
 */
#pragma once

/* X(function, sentence): the sentence is false if the attacker sees another answer than it must, the
 * driver ends, an honest frontend of the same device is held up, or memory is lost. */
#define ATTACKS(X)                                                                             \
	X(full_ring, "a ring full of the largest packets is served")                           \
	X(requests_ahead, "a ring with more requests than slots is closed")                    \
	X(requests_back, "a ring whose requests go back is closed")                            \
	X(buffers_ahead, "a ring with more buffers than slots is closed")                      \
	X(responses_moved, "responses that the frontend moves do not matter")                  \
	X(chain_without_end, "a packet without an end closes its ring")                        \
	X(slots_outside, "pieces that leave their page or their packet close the ring")        \
	X(extras_without_end, "extra information without an end closes the ring")              \
	X(bad_grants, "grants that are none are errors")                                       \
	X(withdrawn_pages, "pages may be withdrawn while they are sent")                       \
	X(bad_buffers, "buffers that are none are told back, and cost nobody else")            \
	X(withdrawn_buffers, "a buffer is not written after its grant is withdrawn")           \
	X(no_buffers, "a frontend that takes nothing holds nobody up")                         \
	X(bad_segments, "packets that cannot be cut as they say are errors, and nothing more") \
	X(many_queues, "queues that were not offered are refused")                             \
	X(shared_queues, "queues that share their rings harm nobody else")                     \
	X(flood, "a flood of packets for all leaves the others their share")                   \
	X(false_senders, "a flood of invented senders leaves the switch in working order")     \
	X(doorbells, "a storm of doorbells holds nobody up")                                   \
	X(states, "a storm of states in the store holds nobody up")                            \
	X(bad_rings, "rings and event channels that do not exist are refused")                 \
	X(noise, "random requests harm nobody else")                                           \
	X(vanishes, "a frontend that ends with packets on their way leaves nothing")
