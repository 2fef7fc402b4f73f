/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attacks.h - what a frontend may do to a block driver, and only itself be harmed.
 */
#pragma once

/* X(function, sentence): the sentence is false if the attacker sees another answer than it must, the
 * driver ends, an honest frontend of the same disk is held up or hears of an error, or memory is lost. */
#define ATTACKS(X)                                                                \
	X(full_ring, "a ring full of the largest requests is served")             \
	X(requests_ahead, "a ring with more requests than slots is closed")       \
	X(requests_back, "a ring whose requests go back is closed")               \
	X(responses_moved, "responses that the frontend moves do not matter")     \
	X(bad_segments, "segments that cannot be are errors")                     \
	X(bad_ranges, "sectors behind the end are errors")                        \
	X(bad_grants, "grants that are none are errors")                          \
	X(read_only_grants, "a page granted read-only is not written")            \
	X(withdrawn_grants, "a page is not written after its grant is withdrawn") \
	X(bad_indirect, "indirect requests that cannot be are errors")            \
	X(changing_indirect, "indirect segments may change while they are read")  \
	X(unknown_operations, "operations that do not exist are refused")         \
	X(ring_as_data, "a ring that is read into itself harms nobody else")      \
	X(doorbells, "a storm of doorbells holds nobody up")                      \
	X(states, "a storm of states in the store holds nobody up")               \
	X(bad_rings, "rings and event channels that do not exist are refused")    \
	X(noise, "random requests harm nobody else")                              \
	X(vanishes, "a frontend that ends with requests on their way leaves nothing")
