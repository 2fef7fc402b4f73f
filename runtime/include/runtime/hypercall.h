/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hypercall.h - the door to the microkernel.
 *
 * All wrappers return what the kernel left in rax: 0 or a positive value, or a negative errno.
 * Structures are read and written in place, so they may lie anywhere in the domain's memory.
 */
#pragma once

#include <guise.h>
#include <runtime/xen.h>

static inline long hypercall(unsigned nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	long rax = nr;
	register uint64_t r10 __asm__("r10") = a4;
	register uint64_t r8 __asm__("r8") = a5;

	__asm__ volatile("syscall"
			 : "+a"(rax), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10), "+r"(r8)
			 :
			 : "rcx", "r11", "memory");
	return rax;
}

static inline long hc_event_channel(unsigned op, void *arg)
{
	return hypercall(__HYPERVISOR_event_channel_op, op, (uint64_t)arg, 0, 0, 0);
}

static inline long hc_grant_table(unsigned op, void *array, unsigned count)
{
	return hypercall(__HYPERVISOR_grant_table_op, op, (uint64_t)array, count, 0, 0);
}

static inline long hc_sched(unsigned op, void *arg)
{
	return hypercall(__HYPERVISOR_sched_op, op, (uint64_t)arg, 0, 0, 0);
}

static inline long hc_vcpu(unsigned op, unsigned vcpu, void *arg)
{
	return hypercall(__HYPERVISOR_vcpu_op, op, vcpu, (uint64_t)arg, 0, 0);
}

static inline long hc_console_write(const char *text, size_t len)
{
	return hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, len, (uint64_t)text, 0, 0);
}

/* Write the entry that maps va (a page of the window, or of own memory) and drop the old one. */
static inline long hc_update_va_mapping(uint64_t va, uint64_t pte)
{
	return hypercall(__HYPERVISOR_update_va_mapping, va, pte, UVMF_INVLPG, 0, 0);
}

static inline long hc_mmuext(struct mmuext_op *ops, unsigned count)
{
	return hypercall(__HYPERVISOR_mmuext_op, (uint64_t)ops, count, 0, DOMID_SELF, 0);
}

static inline long hc_xen_version(unsigned cmd, void *arg)
{
	return hypercall(__HYPERVISOR_xen_version, cmd, (uint64_t)arg, 0, 0, 0);
}

/* ---- Guise's own calls, see guise.h.  arg is the operation's structure or its plain number. -- */

static inline long guise_domain(unsigned op, void *arg)
{
	return hypercall(GUISE_HC_DOMAIN, op, (uint64_t)arg, 0, 0, 0);
}

/* GUISE_DOMAIN_PAUSE, _UNPAUSE and _DESTROY, GUISE_HANDLE_OP_DROP, GUISE_IRQ_EOI and _MSI_FREE
 * take a number, not a structure. */
static inline long guise_domain_nr(unsigned op, uint32_t handle)
{
	return hypercall(GUISE_HC_DOMAIN, op, handle, 0, 0, 0);
}

static inline long guise_handle(unsigned op, void *arg)
{
	return hypercall(GUISE_HC_HANDLE, op, (uint64_t)arg, 0, 0, 0);
}

static inline long guise_handle_drop(uint32_t handle)
{
	return hypercall(GUISE_HC_HANDLE, GUISE_HANDLE_OP_DROP, handle, 0, 0, 0);
}

static inline long guise_irq(unsigned op, void *arg)
{
	return hypercall(GUISE_HC_IRQ, op, (uint64_t)arg, 0, 0, 0);
}

static inline long guise_irq_nr(unsigned op, uint32_t number)
{
	return hypercall(GUISE_HC_IRQ, op, number, 0, 0, 0);
}

static inline long guise_dma(unsigned op, void *array, unsigned count)
{
	return hypercall(GUISE_HC_DMA, op, (uint64_t)array, count, 0, 0);
}

static inline long guise_system(unsigned op, void *arg, uint32_t handle)
{
	return hypercall(GUISE_HC_SYSTEM, op, (uint64_t)arg, handle, 0, 0);
}
