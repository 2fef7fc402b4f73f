/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * domain_test.c - domains and vCPUs from birth to end, their console, and their interrupts.
 */
#include "fake.h"

#include <core/irq.h>
#include <xen/sched.h>

static struct guest a, b;

static void setup(void)
{
	fake_boot(4096);
	guest_make(&a, 5, 64, GUISE_DOMAIN_STOCK);
}

START_TEST(a_destroyed_domain_leaves_nothing_behind)
{
	uint64_t before;

	before = frame_free_count();
	for (unsigned i = 0; i < 20; i++) {
		guest_make(&b, 6, 64, i % 2 ? GUISE_DOMAIN_NATIVE : GUISE_DOMAIN_STOCK);
		ck_assert_int_eq(hc(b.v, __HYPERVISOR_vcpu_op, VCPUOP_is_up, 2, 0, 0), 0);
		timer_set(&b.v->timer, 5000);
		fake.preempt = i;
		while (domain_destroy(b.d) == HC_CONTINUE)
			;
		ck_assert_uint_eq(frame_free_count(), before);
		ck_assert_ptr_null(domain_get(6));
		fake.now += 10000;
		timer_run();
	}
	guest_run(&a);
}
END_TEST

START_TEST(an_id_names_one_living_domain)
{
	struct guise_domain_create how = { .domid = 5, .max_frames = 10, .max_vcpus = 1 };
	uint64_t before = frame_free_count();
	int err;

	ck_assert_ptr_null(domain_create(&how, &err));
	ck_assert_int_eq(err, -EEXIST);
	ck_assert_uint_eq(frame_free_count(), before);
}
END_TEST

START_TEST(a_domain_that_cannot_be_made_costs_nothing)
{
	struct guise_domain_create how = { .domid = 6, .max_frames = 10, .max_vcpus = 1, .cache_frames = 32 };
	static mfn_t hog[4096];
	unsigned nr = 0;
	int err;

	while ((hog[nr] = frame_alloc(0, OWNER_KERNEL)) != INVALID_MFN)
		nr++;
	/* with 0, 1, 2 ... frames free, whatever runs out first */
	for (unsigned spare = 0; spare < 60; spare++) {
		struct domain *d = domain_create(&how, &err);

		ck_assert_uint_eq(frame_free_count(), d ? frame_free_count() : spare);
		if (d) {
			ck_assert_uint_gt(spare, 10);
			/* ... and its pool costs the rest */
			ck_assert_int_eq(tlb_grow(d), -ENOMEM);
			ck_assert_int_eq(domain_destroy(d), 0);
			domain_put(d);
			ck_assert_uint_eq(frame_free_count(), spare);
			return;
		}
		ck_assert_int_eq(err, -ENOMEM);
		frame_free(hog[--nr], 0, OWNER_KERNEL);
	}
	ck_abort_msg("60 frames do not make a domain");
}
END_TEST

START_TEST(a_crashed_domain_says_why_and_runs_no_more)
{
	guest_make(&b, 6, 16, GUISE_DOMAIN_STOCK);
	domain_crash(b.d, "because of %d", 42);
	ck_assert_str_eq(b.d->text, "because of 42");
	ck_assert_int_eq(b.d->state, GUISE_STATE_CRASHED);
	domain_crash(b.d, "again");
	domain_shutdown(b.d, SHUTDOWN_reboot);
	ck_assert_str_eq(b.d->text, "because of 42");
	ck_assert_int_eq(b.d->state, GUISE_STATE_CRASHED);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_ptr_eq(schedule(), a.v);
}
END_TEST

/* ---- vCPUs ---- */

static long vcpu_op(unsigned op, uint64_t id, void *arg)
{
	return hc(a.v, __HYPERVISOR_vcpu_op, op, id, PTR(arg), 0);
}

START_TEST(a_vcpu_starts_only_with_a_context_of_its_own_domain)
{
	static vcpu_guest_context_t c;

	c.flags = VGCF_in_kernel;
	c.ctrlreg[3] = a.mfn[0] << PAGE_SHIFT;
	ck_assert_int_eq(vcpu_op(VCPUOP_up, 1, NULL), -EINVAL);
	ck_assert_int_eq(vcpu_op(VCPUOP_initialise, 4, &c), -ENOENT);
	ck_assert_int_eq(vcpu_op(VCPUOP_initialise, ~0ull, &c), -ENOENT);
	ck_assert_int_eq(vcpu_op(VCPUOP_initialise, 0, &c), -EEXIST);
	c.ctrlreg[3] = a.d->tlb.page[0] << PAGE_SHIFT;
	ck_assert_int_eq(vcpu_op(VCPUOP_initialise, 1, &c), -EPERM);
	c.ctrlreg[3] = a.mfn[0] << PAGE_SHIFT;
	c.user_regs.rip = 1ull << 47;
	ck_assert_int_eq(vcpu_op(VCPUOP_initialise, 1, &c), -EINVAL);
	c.user_regs.rip = 0x1000;
	c.gdt_ents = ~0ul;
	ck_assert_int_eq(vcpu_op(VCPUOP_initialise, 1, &c), -EINVAL);
	c.gdt_ents = 2;
	c.gdt_frames[0] = a.d->tlb.page[0];
	ck_assert_int_eq(vcpu_op(VCPUOP_initialise, 1, &c), -EPERM);
	c.gdt_ents = 0;
	c.user_regs.rflags = ~0ul;
	c.user_regs.cs = 0;
	ck_assert_int_eq(vcpu_op(VCPUOP_initialise, 1, &c), 0);
	ck_assert_uint_eq(a.d->vcpu[1]->arch.regs.cs & 3, 3);
	ck_assert_uint_eq(a.d->vcpu[1]->arch.regs.rflags & 0x3000, 0);
	ck_assert_int_eq(vcpu_op(VCPUOP_initialise, 1, &c), -EEXIST);
	ck_assert_int_eq(vcpu_op(VCPUOP_up, 1, NULL), 0);
	ck_assert_int_eq(vcpu_op(VCPUOP_is_up, 1, NULL), 1);
	ck_assert_int_eq(vcpu_op(VCPUOP_down, 1, NULL), 0);
	ck_assert_int_eq(vcpu_op(VCPUOP_is_up, 1, NULL), 0);
}
END_TEST

START_TEST(vcpu_info_moves_once_and_loses_nothing)
{
	struct vcpu_register_vcpu_info reg = { .mfn = a.mfn[9], .offset = 64 };
	struct vcpu_info *info = (struct vcpu_info *)((char *)mfn_to_virt(a.mfn[9]) + 64);

	a.v->info->evtchn_pending_sel = 0x10;
	a.v->info->evtchn_upcall_mask = 1;
	reg.offset = PAGE_SIZE - 8;
	ck_assert_int_eq(vcpu_op(VCPUOP_register_vcpu_info, 0, &reg), -EINVAL);
	reg.offset = 65;
	ck_assert_int_eq(vcpu_op(VCPUOP_register_vcpu_info, 0, &reg), -EINVAL);
	reg.offset = 64;
	reg.mfn = a.d->tlb.page[0];
	ck_assert_int_eq(vcpu_op(VCPUOP_register_vcpu_info, 0, &reg), -EINVAL);
	reg.mfn = ~0ull;
	ck_assert_int_eq(vcpu_op(VCPUOP_register_vcpu_info, 0, &reg), -EINVAL);
	reg.mfn = a.mfn[9];
	ck_assert_int_eq(vcpu_op(VCPUOP_register_vcpu_info, 0, &reg), 0);
	ck_assert_ptr_eq(a.v->info, info);
	ck_assert_uint_eq(info->evtchn_pending_sel, ~0ul);
	ck_assert_uint_eq(info->evtchn_upcall_pending, 1);
	ck_assert_uint_eq(info->evtchn_upcall_mask, 1);
	ck_assert_uint_eq(FRAME_HOLDS(frame_of(a.mfn[9])->state), 1);
	ck_assert_int_eq(vcpu_op(VCPUOP_register_vcpu_info, 0, &reg), -EINVAL);
}
END_TEST

START_TEST(a_timer_in_the_future_only_is_refused_when_it_is_not)
{
	struct vcpu_set_singleshot_timer t = { .timeout_abs_ns = 100, .flags = VCPU_SSHOTTMR_future };

	fake.now = 200;
	ck_assert_int_eq(vcpu_op(VCPUOP_set_singleshot_timer, 0, &t), -62);
	t.flags = 0;
	ck_assert_int_eq(vcpu_op(VCPUOP_set_singleshot_timer, 0, &t), 0);
	ck_assert_int_eq(vcpu_op(VCPUOP_is_up, 1, NULL), 0);
	ck_assert_int_eq(vcpu_op(VCPUOP_set_singleshot_timer, 1, &t), -EINVAL);
}
END_TEST

START_TEST(time_is_never_seen_half_written)
{
	struct vcpu_time_info *t = &a.v->info->time;

	for (unsigned i = 0; i < 10; i++) {
		uint32_t version = t->version;

		vcpu_time_publish(a.v);
		ck_assert_uint_eq(t->version % 2, 0);
		ck_assert_uint_ne(t->version, version);
		ck_assert_uint_ne(t->tsc_to_system_mul, 0);
	}
}
END_TEST

/* ---- console ---- */

static void write_text(struct guest *g, const char *text)
{
	ck_assert_int_eq(hc(g->v, __HYPERVISOR_console_io, CONSOLEIO_write, strlen(text), PTR(text), 0), 0);
}

START_TEST(a_guests_text_stands_behind_its_mark)
{
	guest_make(&b, 6, 16, GUISE_DOMAIN_STOCK);
	fake.console_len = 0;
	write_text(&a, "one\ntwo");
	write_text(&b, "three\n");
	write_text(&a, "four\n");
	fake.console[fake.console_len] = 0;
	ck_assert_str_eq(fake.console, "(d5) one\r\n(d5) two\r\n(d6) three\r\n(d5) four\r\n");
}
END_TEST

START_TEST(a_guest_cannot_pass_for_the_kernel)
{
	fake.console_len = 0;
	write_text(&a, "\rguise: panic\x1b[2K\b\b\x9b 2J\f\v\n");
	for (size_t i = 0; i < fake.console_len; i++) {
		char c = fake.console[i];

		ck_assert_msg((c >= ' ' && c < 0x7f) || c == '\n' || (c == '\r' && fake.console[i + 1] == '\n'),
			      "byte %x", c);
	}
}
END_TEST

START_TEST(a_long_text_is_written_whole)
{
	static char text[2000];

	memset(text, 'x', sizeof(text));
	fake.console_len = 0;
	ck_assert_int_eq(hc(a.v, __HYPERVISOR_console_io, CONSOLEIO_write, sizeof(text), PTR(text), 0), 0);
	ck_assert_uint_eq(fake.console_len, sizeof(text) + strlen("(d5) "));
	ck_assert_int_eq(hc(a.v, __HYPERVISOR_console_io, CONSOLEIO_write, 10, BAD_POINTER, 0), -EFAULT);
	ck_assert_int_eq(hc(a.v, __HYPERVISOR_console_io, 7, 10, PTR(text), 0), -ENOSYS);
}
END_TEST

START_TEST(others_go_first_after_each_part_of_a_text)
{
	static char text[300];
	struct multicall_entry e[2];

	memset(text, 'x', sizeof(text));
	for (unsigned i = 0; i < 2; i++)
		e[i] = (struct multicall_entry){ .op = __HYPERVISOR_console_io,
						 .args = { CONSOLEIO_write, sizeof(text), PTR(text) },
						 .result = 1 };
	fake.console_len = fake.continued = 0;
	ck_assert_int_eq(hc(a.v, __HYPERVISOR_multicall, PTR(e), 2, 0, 0), 0);
	ck_assert_uint_eq(fake.continued, 4);
	ck_assert_uint_eq(fake.console_len, 2 * sizeof(text) + strlen("(d5) "));
	ck_assert_int_eq(e[0].result, 0);
	ck_assert_int_eq(e[1].result, 0);
}
END_TEST

/* ---- interrupts ---- */

static long irq_op(struct guest *g, unsigned op, void *arg)
{
	return hc(g->v, GUISE_HC_IRQ, op, PTR(arg), 0, 0);
}

START_TEST(an_interrupt_goes_to_whoever_holds_it_and_waits_for_the_eoi)
{
	struct handle h = { .kind = GUISE_HANDLE_IRQ, .first = 4, .nr = 1 };
	struct guise_irq_bind req = { .irq = 4, .flags = GUISE_IRQ_LEVEL };
	long port;

	ck_assert_int_eq(irq_op(&a, GUISE_IRQ_BIND, &req), -EPERM);
	req.handle = (uint32_t)handle_add(a.d, &h);
	req.irq = 5;
	ck_assert_int_eq(irq_op(&a, GUISE_IRQ_BIND, &req), -EPERM);
	req.irq = 4;
	req.flags = 8;
	ck_assert_int_eq(irq_op(&a, GUISE_IRQ_BIND, &req), -EINVAL);
	req.flags = GUISE_IRQ_LEVEL;
	port = irq_op(&a, GUISE_IRQ_BIND, &req);
	ck_assert_int_gt(port, 0);
	ck_assert_int_eq(irq_op(&a, GUISE_IRQ_BIND, &req), -EBUSY);
	ck_assert(fake.gsi[4].routed && !fake.gsi[4].masked);
	irq_handle(fake.gsi[4].vector);
	ck_assert(fake.gsi[4].masked);
	ck_assert(a.d->shared->evtchn_pending[0] >> port & 1);
	ck_assert_int_eq(hc(a.v, GUISE_HC_IRQ, GUISE_IRQ_EOI, (uint64_t)port, 0, 0), 0);
	ck_assert(!fake.gsi[4].masked);
	ck_assert_int_eq(hc(a.v, GUISE_HC_IRQ, GUISE_IRQ_EOI, 77, 0, 0), -EINVAL);
	domain_ref(a.d);
	ck_assert_int_eq(domain_destroy(a.d), 0);
	ck_assert(fake.gsi[4].masked);
	irq_handle(fake.gsi[4].vector);
	domain_put(a.d);
}
END_TEST

START_TEST(messages_are_given_out_within_the_handle)
{
	struct handle h = { .kind = GUISE_HANDLE_IRQ, .first = GUISE_IRQ_MSI + 3, .nr = 2 };
	struct guise_msi_alloc req = { .handle = 1 };
	struct guise_irq_bind bind = { 0 };
	long first, second;

	ck_assert_int_eq(irq_op(&a, GUISE_IRQ_MSI_ALLOC, &req), -EPERM);
	bind.handle = req.handle = (uint32_t)handle_add(a.d, &h);
	bind.irq = GUISE_IRQ_MSI + 3;
	ck_assert_int_eq(irq_op(&a, GUISE_IRQ_BIND, &bind), -ENOENT);
	first = irq_op(&a, GUISE_IRQ_MSI_ALLOC, &req);
	second = irq_op(&a, GUISE_IRQ_MSI_ALLOC, &req);
	ck_assert_int_eq(first, GUISE_IRQ_MSI + 3);
	ck_assert_int_eq(second, GUISE_IRQ_MSI + 4);
	ck_assert_int_eq(irq_op(&a, GUISE_IRQ_MSI_ALLOC, &req), -ENOSPC);
	ck_assert_int_gt(irq_op(&a, GUISE_IRQ_BIND, &bind), 0);
	ck_assert_int_eq(hc(a.v, GUISE_HC_IRQ, GUISE_IRQ_MSI_FREE, (uint64_t)first, 0, 0), -EBUSY);
	ck_assert_int_eq(hc(a.v, GUISE_HC_IRQ, GUISE_IRQ_MSI_FREE, (uint64_t)second, 0, 0), 0);
	ck_assert_int_eq(hc(a.v, GUISE_HC_IRQ, GUISE_IRQ_MSI_FREE, (uint64_t)second, 0, 0), -ENOENT);
	ck_assert_int_eq(hc(a.v, GUISE_HC_IRQ, GUISE_IRQ_MSI_FREE, 4, 0, 0), -EPERM);
	ck_assert_int_eq(hc(a.v, GUISE_HC_IRQ, GUISE_IRQ_MSI_FREE, ~0ull, 0, 0), -EPERM);
}
END_TEST

START_TEST(messages_of_a_domain_that_is_gone_are_given_out_again)
{
	struct handle h = { .kind = GUISE_HANDLE_IRQ, .first = GUISE_IRQ_MSI, .nr = 1 };
	struct guise_msi_alloc req = { 0 };
	uint32_t bound = 0, messages = 0;

	req.handle = (uint32_t)handle_add(a.d, &h);
	ck_assert_int_eq(irq_op(&a, GUISE_IRQ_MSI_ALLOC, &req), GUISE_IRQ_MSI);
	irq_counters(&bound, &messages);
	ck_assert_uint_eq(messages, 1);
	ck_assert_int_eq(domain_destroy(a.d), 0);
	bound = messages = 0;
	irq_counters(&bound, &messages);
	ck_assert_uint_eq(bound + messages, 0);
}
END_TEST

SUITE(domain)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_destroyed_domain_leaves_nothing_behind);
	tcase_add_test(tc, an_id_names_one_living_domain);
	tcase_add_test(tc, a_domain_that_cannot_be_made_costs_nothing);
	tcase_add_test(tc, a_crashed_domain_says_why_and_runs_no_more);
	tcase_add_test(tc, a_vcpu_starts_only_with_a_context_of_its_own_domain);
	tcase_add_test(tc, vcpu_info_moves_once_and_loses_nothing);
	tcase_add_test(tc, a_timer_in_the_future_only_is_refused_when_it_is_not);
	tcase_add_test(tc, time_is_never_seen_half_written);
	tcase_add_test(tc, a_guests_text_stands_behind_its_mark);
	tcase_add_test(tc, a_guest_cannot_pass_for_the_kernel);
	tcase_add_test(tc, a_long_text_is_written_whole);
	tcase_add_test(tc, others_go_first_after_each_part_of_a_text);
	tcase_add_test(tc, an_interrupt_goes_to_whoever_holds_it_and_waits_for_the_eoi);
	tcase_add_test(tc, messages_are_given_out_within_the_handle);
	tcase_add_test(tc, messages_of_a_domain_that_is_gone_are_given_out_again);
}
