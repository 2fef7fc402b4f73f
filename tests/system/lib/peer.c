/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer.c - see peer.h.  Both sides wait by yielding: nothing but shared memory and the scheduler
 * need to work.
 */
#include <runtime/grant.h>
#include <runtime/heap.h>
#include <runtime/hypercall.h>
#include <runtime/io.h>
#include <runtime/start.h>
#include <runtime/string.h>
#include <runtime/window.h>

#include "claim.h"
#include "peer.h"
#include "trap.h"

struct mailbox *mailbox;

#define FIRST_REF 8 /* the first that grant.c hands out */

static void wait_turn(uint32_t turn)
{
	while (__atomic_load_n(&mailbox->turn, __ATOMIC_ACQUIRE) != turn)
		hc_sched(SCHEDOP_yield, NULL);
}

static int64_t ask(uint32_t op)
{
	mailbox->op = op;
	__atomic_store_n(&mailbox->turn, 1, __ATOMIC_RELEASE);
	wait_turn(0);
	return mailbox->result;
}

void peer_init(void)
{
	mailbox = page_alloc(1);
	expect(mailbox);
	expect_eq(grant_offer(DOMID_PEER, mailbox, 0), FIRST_REF);
	while (!__atomic_load_n(&mailbox->ready, __ATOMIC_ACQUIRE))
		hc_sched(SCHEDOP_yield, NULL);
}

int64_t peer_call(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	mailbox->nr = nr;
	mailbox->arg[0] = a;
	mailbox->arg[1] = b;
	mailbox->arg[2] = c;
	mailbox->arg[3] = d;
	mailbox->arg[4] = e;
	return ask(PEER_CALL);
}

uint64_t peer_page(uint64_t *mfn)
{
	int64_t va = ask(PEER_PAGE);

	expect(va);
	if (mfn)
		*mfn = mailbox->arg[0];
	return (uint64_t)va;
}

uint64_t peer_space(void)
{
	return (uint64_t)ask(PEER_SPACE);
}

int64_t peer_offer(uint64_t va, int readonly)
{
	mailbox->arg[0] = va;
	mailbox->arg[1] = (uint64_t)readonly;
	return ask(PEER_OFFER);
}

int64_t peer_withdraw(int64_t ref)
{
	mailbox->arg[0] = (uint64_t)ref;
	return ask(PEER_WITHDRAW);
}

uint64_t peer_peek(uint64_t va, int *fault)
{
	mailbox->arg[0] = va;
	ask(PEER_PEEK);
	if (fault)
		*fault = mailbox->result != 0;
	return mailbox->arg[1];
}

void peer_poke(uint64_t va, uint64_t value, int *fault)
{
	mailbox->arg[0] = va;
	mailbox->arg[1] = value;
	ask(PEER_POKE);
	if (fault)
		*fault = mailbox->result != 0;
}

int peer_can_in(uint16_t port)
{
	mailbox->arg[0] = port;
	return (int)ask(PEER_IN);
}

void peer_end(void)
{
	mailbox->op = PEER_END;
	__atomic_store_n(&mailbox->turn, 1, __ATOMIC_RELEASE);
}

int64_t peer_map(uint32_t ref, int readonly, uint64_t *va)
{
	gnttab_map_grant_ref_t *op = (void *)mailbox->data;

	*va = peer_space();
	*op = (gnttab_map_grant_ref_t){
		.host_addr = *va,
		.flags = GNTMAP_host_map | (readonly ? GNTMAP_readonly : 0),
		.ref = ref,
		.dom = DOMID_CLAIM,
	};
	expect_eq(peer_call(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, PEER_PTR(0), 1, 0, 0), 0);
	return op->status ? op->status : (int64_t)op->handle;
}

int64_t peer_unmap(uint32_t handle, uint64_t va)
{
	gnttab_unmap_grant_ref_t *op = (void *)mailbox->data;

	*op = (gnttab_unmap_grant_ref_t){ .host_addr = va, .handle = handle };
	expect_eq(peer_call(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, PEER_PTR(0), 1, 0, 0), 0);
	return op->status;
}

/* ---- the peer's half ---- */

INSN(in_byte, "mov %edi, %edx; in %dx, %al")

static int64_t serve(struct mailbox *m)
{
	void *page;

	switch (m->op) {
	case PEER_CALL:
		return hypercall((unsigned)m->nr, m->arg[0], m->arg[1], m->arg[2], m->arg[3], m->arg[4]);
	case PEER_PAGE:
		page = page_alloc(1);
		m->arg[0] = page ? virt_to_mfn(page) : 0;
		return (int64_t)page;
	case PEER_SPACE:
		return (int64_t)window_alloc(1);
	case PEER_OFFER:
		return grant_offer(DOMID_CLAIM, (void *)m->arg[0], (int)m->arg[1]);
	case PEER_WITHDRAW:
		return grant_end((int)m->arg[0]);
	case PEER_PEEK:
		return !can_read(m->arg[0], &m->arg[1]);
	case PEER_POKE:
		return !can_write(m->arg[0], m->arg[1]);
	case PEER_IN:
		return !traps(in_byte, m->arg[0], 0);
	case PEER_END:
		domain_shutdown(SHUTDOWN_poweroff);
	}
	return -XEN_ENOSYS;
}

void peer_serve(void)
{
	uint32_t handle;

	while (!(mailbox = grant_map(DOMID_CLAIM, FIRST_REF, 0, &handle)))
		hc_sched(SCHEDOP_yield, NULL);
	mailbox->data_va = (uint64_t)mailbox->data;
	__atomic_store_n(&mailbox->ready, 1, __ATOMIC_RELEASE);
	for (;;) {
		wait_turn(1);
		mailbox->result = serve(mailbox);
		__atomic_store_n(&mailbox->turn, 0, __ATOMIC_RELEASE);
	}
}
