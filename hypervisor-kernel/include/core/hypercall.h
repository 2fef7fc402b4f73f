/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hypercall.h - the door.  Every hc_ function gets the calling vCPU (current, in guest-kernel mode)
 * and its argument registers, and answers 0, a positive value, or a negative errno.
 */
#pragma once

#include <arch/cpu.h>
#include <core/types.h>
#include <guise.h>

struct vcpu;

#define HC(nr, name) long hc_##name(struct vcpu *v, const uint64_t *arg);
#include <core/hypercalls.def>
#undef HC

/* arg[0..4] = rdi rsi rdx r10 r8. */
long hypercall(struct vcpu *v, uint64_t nr, const uint64_t *arg);

/* The work is not finished: return this from hc_X after storing the progress in the caller's
 * arguments with hypercall_set_arg(); the call is issued again with them. */
#define HC_CONTINUE (-4095L)
void hypercall_set_arg(struct vcpu *v, unsigned n, uint64_t value);
/* ---- guest memory ----
 * Copy between kernel and the current guest's address space (guest-kernel mode, its tables).
 * 0 or -EFAULT; on -EFAULT an unknown part was copied.  Addresses of the kernel's range are refused. */
int copy_from_guest(void *dst, guest_ptr_t src, size_t len);
int copy_to_guest(guest_ptr_t dst, const void *src, size_t len);

/* A case of hc_X: a structure of this type at p in the guest is req; call answers.  back: req is the answer, too. */
#define HC_REQUEST(type, p, call, back)                                       \
	do {                                                                  \
		type req;                                                     \
		long answer;                                                  \
                                                                              \
		if (copy_from_guest(&req, p, sizeof(req)))                    \
			return -EFAULT;                                       \
		answer = call;                                                \
		if (!answer && (back) && copy_to_guest(p, &req, sizeof(req))) \
			answer = -EFAULT;                                     \
		return answer;                                                \
	} while (0)
