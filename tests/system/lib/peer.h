/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer.h - a second domain that does what this one asks of it, through a page lent to it.
 *
 * The peer finds the page by convention: the first reference that the claim's domain hands out.
 */
#pragma once

#include <stdint.h>

#define PEER_DATA 2048

struct mailbox {
	uint32_t turn;	/* 0: the claim's, 1: the peer's				*/
	uint32_t ready; /* the peer is there						*/
	uint32_t op;
	uint32_t zero;
	uint64_t nr, arg[5]; /* of the hypercall					*/
	int64_t result;
	uint64_t data_va; /* where the peer sees data[]				*/
	uint8_t data[PEER_DATA];
};

enum { PEER_CALL, PEER_PAGE, PEER_OFFER, PEER_WITHDRAW, PEER_PEEK, PEER_POKE, PEER_SPACE, PEER_IN, PEER_END };

/* In the claim: */
void peer_init(void); /* wait for the peer */
extern struct mailbox *mailbox;
/* Let the peer make a hypercall.  Pointers: PEER_PTR(offset in mailbox->data). */
int64_t peer_call(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e);
#define PEER_PTR(offset) (mailbox->data_va + (offset))
uint64_t peer_page(uint64_t *mfn);	       /* a page of the peer's memory: address there	*/
uint64_t peer_space(void);		       /* a page of address space with nothing in it	*/
int64_t peer_offer(uint64_t va, int readonly); /* it lends that page to us: reference		*/
int64_t peer_withdraw(int64_t ref);	       /* it takes it back: 0 or -EBUSY			*/
/* 64 bits of its memory; a fault there answers 0 / is ignored and sets *fault. */
uint64_t peer_peek(uint64_t va, int *fault);
void peer_poke(uint64_t va, uint64_t value, int *fault);
int peer_can_in(uint16_t port); /* does an IN of a byte from there go through? */
void peer_end(void);		/* it powers off */

/* Map what we lend: handle >= 0, or a GNTST_* error; at *va in the peer. */
int64_t peer_map(uint32_t ref, int readonly, uint64_t *va);
int64_t peer_unmap(uint32_t handle, uint64_t va);

/* In the peer: serve for ever. */
void peer_serve(void);
