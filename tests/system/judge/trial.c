/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trial.c - the domains of one trial: claimant, and perhaps peer and bystander.  Each is a native
 * domain without handles, but for what the claim asks for.
 */
#include <runtime/device.h>
#include <runtime/event.h>
#include <runtime/hypercall.h>
#include <runtime/print.h>
#include <runtime/start.h>
#include <runtime/string.h>

#include "domain.h"
#include "elf.h"
#include "judge.h"
#include "native.h"

#define PAGES	      400u
#define SECONDS	      60u /* more than a busy host needs for any claim: one that takes them hangs */
#define SECOND	      1000000000ull
#define DESTROY_TRIES 100u

extern const struct claim __start_claims[], __stop_claims[];

static struct elf_image elf;
static struct claims header;
static unsigned nr_claims;
static int domain_ended;
static struct guise_device device;

/* The program's byte at an address, as far as the file has it. */
static const void *at(uint64_t va, size_t len)
{
	for (unsigned i = 0; i < elf.nr; i++) {
		const struct elf_segment *s = &elf.segment[i];

		if (va >= s->vaddr && va - s->vaddr < s->filesz && len <= s->filesz - (va - s->vaddr))
			return s->data + (va - s->vaddr);
	}
	return NULL;
}

static int header_find(void)
{
	for (unsigned i = 0; i < elf.nr; i++) {
		const struct elf_segment *s = &elf.segment[i];

		for (uint64_t off = 0; off + sizeof(header) <= s->filesz; off += 8) {
			memcpy(&header, s->data + off, sizeof(header));
			if (header.magic == CLAIMS_MAGIC && header.size == sizeof(struct claim))
				return 1;
		}
	}
	return 0;
}

static void somebody_ended(uint32_t port, void *arg)
{
	domain_ended = 1;
}

const char *trials_init(const void *program, size_t len)
{
	const char *error = elf_parse(program, len, &elf);
	int port;

	if (error)
		return error;
	if (!header_find() || !at(header.first, header.end - header.first))
		return "the program holds no claims";
	nr_claims = (unsigned)((header.end - header.first) / header.size);
	port = event_bind_virq(VIRQ_DOM_EXC);
	if (port < 0)
		return "the kernel does not tell of domains' ends";
	event_handler((uint32_t)port, somebody_ended, NULL);
	return NULL;
}

int trial_get(unsigned n, struct trial *t)
{
	static struct claim copy;
	unsigned here = (unsigned)(__stop_claims - __start_claims);

	if (n < here) {
		copy = __start_claims[n];
		*t = (struct trial){ .claim = &copy, .name = copy.name, .here = 1, .index = n };
		return 1;
	}
	n -= here;
	for (unsigned i = 0; i < nr_claims; i++) {
		memcpy(&copy, at(header.first + i * header.size, header.size), sizeof(copy));
		if (!copy.paging)
			copy.paging = NATIVE;
		for (unsigned kind = NATIVE; kind <= STOCK; kind++) {
			if (!(copy.paging & kind) || n--)
				continue;
			*t = (struct trial){
				.claim = &copy, .name = at((uint64_t)copy.name, 1), .index = i, .stock = kind == STOCK
			};
			return 1;
		}
	}
	return 0;
}

/* ---- building ---- */

static void give(struct domain *d, uint32_t parent, uint64_t first, uint64_t nr)
{
	struct guise_handle_derive req = { .parent = parent, .domain = d->handle, .first = first, .nr = nr };

	if (nr && guise_handle(GUISE_HANDLE_OP_DERIVE, &req) < 0)
		d->error = "it cannot be given its handle";
}

static void build(struct domain *d, uint16_t id, const char *role, const struct trial *t, uint64_t seed)
{
	const struct claim *c = t->claim;
	int claimant = id == DOMID_CLAIM, drives = claimant && c->device && edu_prepare(&device);
	uint64_t nr = claimant && c->pages ? c->pages : PAGES;
	struct device_start told = { 0 };
	char line[100];

	domain_create(d, id, nr, nr + (claimant ? c->spare : 0), claimant && c->vcpus ? c->vcpus : 1, GUISE_PRIO_GUEST,
		      claimant && t->stock ? GUISE_DOMAIN_STOCK : GUISE_DOMAIN_NATIVE);
	snprintf(line, sizeof(line), "%s %u %s %lu", role, t->index, claimant && t->stock ? "stock" : "native", seed);
	if (!d->error && drives &&
	    edu_give(&device, d->handle, (uint16_t)(c->device == 1 ? device.bdf : device.bdf ^ 8)))
		d->error = "it cannot be given the device";
	told.info = device;
	if (!d->error)
		native_build(d, &elf, drives ? &told : NULL, drives ? sizeof(told) : 0, line);
	if (!d->error && claimant) {
		give(d, GUISE_ROOT_PORT, c->port, c->nr_ports);
		give(d, GUISE_ROOT_IRQ, c->irq, c->nr_irqs);
		give(d, GUISE_ROOT_MMIO, c->mmio, c->nr_mmio);
	}
}

static struct report report_of(struct domain *d, uint64_t mfn)
{
	struct report r = { 0 };
	struct guise_domain_copy req = {
		.handle = d->handle,
		.dir = GUISE_COPY_READ,
		.mfn = mfn,
		.len = sizeof(r),
		.buffer = (uint64_t)&r,
	};

	_Static_assert(sizeof(r) <= PAGE_SIZE, "a report fits a page");
	guise_domain(GUISE_DOMAIN_COPY, &req);
	r.file[sizeof(r.file) - 1] = r.text[sizeof(r.text) - 1] = 0;
	return r;
}

static uint64_t report_mfn(const struct domain *d)
{
	return d->mfn ? d->mfn[(header.report - GUISE_NATIVE_BASE) / PAGE_SIZE] : ~0ull;
}

/* ---- waiting ---- */

static struct guise_domain_info info_of(const struct domain *d)
{
	struct guise_domain_info info = { .handle = d->handle };

	guise_domain(GUISE_DOMAIN_INFO, &info);
	return info;
}

static int over(const struct guise_domain_info *info)
{
	return info->state >= GUISE_STATE_SHUTDOWN;
}

/* A peer that ended is taken apart at once: claims are about that, too. */
static struct guise_domain_info wait_end(const struct domain *d, struct domain *peer, uint64_t seconds)
{
	uint64_t deadline = time_ns() + seconds * SECOND;
	struct guise_domain_info info = info_of(d);

	while (!over(&info) && time_ns() < deadline) {
		event_loop_once(deadline);
		if (peer->handle) {
			info = info_of(peer);
			if (over(&info))
				domain_destroy(peer);
		}
		info = info_of(d);
	}
	return info;
}

/* The bystander looks at everything twice more; what it has to say, or NULL. */
static void ask_bystander(struct domain *d, uint64_t mfn, struct outcome *o)
{
	uint64_t deadline = time_ns() + SECONDS * SECOND, rounds = report_of(d, mfn).rounds;
	struct report r;
	struct guise_domain_info info;

	do {
		event_loop_once(time_ns() + SECOND / 1000);
		r = report_of(d, mfn);
		info = info_of(d);
	} while (r.rounds < rounds + 2 && !over(&info) && time_ns() < deadline);
	if (r.rounds >= rounds + 2)
		return;
	o->verdict = VERDICT_FAILS;
	if (r.verdict == VERDICT_FAILS)
		snprintf(o->text, sizeof(o->text), "%s: %s", r.file, r.text);
	else if (over(&info))
		snprintf(o->text, sizeof(o->text), "the bystander ended: %s", info.text);
	else
		snprintf(o->text, sizeof(o->text), "the bystander does not get to run");
}

static int contains(const char *text, const char *part)
{
	size_t n = strlen(part);

	for (; *text; text++)
		if (!strncmp(text, part, n))
			return 1;
	return 0;
}

static struct outcome outcome_of(const struct claim *c, const struct guise_domain_info *info, const struct report *r)
{
	struct outcome o = { .verdict = VERDICT_FAILS };
	const char *dies = c->dies ? at((uint64_t)c->dies, 1) : NULL;

	if (r->verdict == VERDICT_FAILS) {
		snprintf(o.text, sizeof(o.text), "%s:%u: %s", r->file, r->line, r->text);
	} else if (c->hostile == 2) {
		o.verdict = VERDICT_HOLDS;
	} else if (!over(info)) {
		snprintf(o.text, sizeof(o.text), "no end in sight (%lu hypercalls, %lu ms of CPU)", info->hypercalls,
			 info->cpu_ns / 1000000);
	} else if (c->hostile) {
		o.verdict = VERDICT_HOLDS;
	} else if (info->state == GUISE_STATE_CRASHED) {
		if (dies && contains(info->text, dies))
			o.verdict = VERDICT_HOLDS;
		else
			snprintf(o.text, sizeof(o.text), "the kernel stopped it: %s", info->text);
	} else if (r->verdict == VERDICT_SKIP) {
		o.verdict = VERDICT_SKIP;
		snprintf(o.text, sizeof(o.text), "%s", r->text);
	} else if (dies) {
		snprintf(o.text, sizeof(o.text), "it should have died with '%s'", dies);
	} else if (c->shutdown && info->reason == c->shutdown - 1 && r->verdict == VERDICT_RUNNING) {
		o.verdict = VERDICT_HOLDS;
	} else if (!c->shutdown && r->verdict == VERDICT_HOLDS) {
		o.verdict = VERDICT_HOLDS;
	} else {
		snprintf(o.text, sizeof(o.text), "it ended early, with reason %u", info->reason);
	}
	return o;
}

static void destroy(struct domain *d, struct outcome *o)
{
	int rc = -1;

	for (unsigned i = 0; i < DESTROY_TRIES && rc; i++)
		rc = domain_destroy(d);
	if (rc && o->verdict == VERDICT_HOLDS) {
		o->verdict = VERDICT_FAILS;
		snprintf(o->text, sizeof(o->text), "domain %u cannot be destroyed: %d", d->id, rc);
	}
}

struct outcome trial_run(const struct trial *t, uint64_t seed)
{
	static struct domain d, peer, bystander;
	const struct claim *c = t->claim;
	struct outcome o = { .verdict = VERDICT_FAILS };
	uint64_t mfn, watch_mfn = 0;
	struct guise_domain_info info;
	struct report r;

	peer = bystander = (struct domain){ 0 };
	if (c->watched) {
		build(&bystander, DOMID_BYSTANDER, ROLE_BYSTANDER, t, seed);
		watch_mfn = report_mfn(&bystander);
		domain_unpause(&bystander);
	}
	if (c->peer)
		build(&peer, DOMID_PEER, ROLE_PEER, t, seed);
	build(&d, DOMID_CLAIM, ROLE_CLAIM, t, seed);
	mfn = report_mfn(&d);
	if (d.error || peer.error || bystander.error) {
		snprintf(o.text, sizeof(o.text), "a domain cannot be built: %s",
			 d.error    ? d.error :
			 peer.error ? peer.error :
				      bystander.error);
	} else {
		if (c->peer)
			domain_unpause(&peer);
		domain_unpause(&d);
		info = wait_end(&d, &peer, c->seconds ? c->seconds : SECONDS);
		r = report_of(&d, mfn);
		o = outcome_of(c, &info, &r);
		if (c->watched && o.verdict == VERDICT_HOLDS)
			ask_bystander(&bystander, watch_mfn, &o);
	}
	if (c->device && device.kind)
		edu_take(&device);
	fsck();
	destroy(&bystander, &o);
	/* Each of these may hold frames of the other: the first one to go may have to wait. */
	if (peer.handle)
		domain_destroy(&peer);
	destroy(&d, &o);
	destroy(&peer, &o);
	return o;
}

/* ---- the judge's own claims ---- */

static struct outcome here;
static void *here_jump[5];

void fails(const char *file, int line, const char *fmt, ...)
{
	va_list args;
	int n = snprintf(here.text, sizeof(here.text), "%s:%d: ", file, line);

	va_start(args, fmt);
	vsnprintf(here.text + n, sizeof(here.text) - (size_t)n, fmt, args);
	va_end(args);
	here.verdict = VERDICT_FAILS;
	__builtin_longjmp(here_jump, 1);
}

struct outcome here_run(const struct trial *t)
{
	here = (struct outcome){ .verdict = VERDICT_HOLDS };
	if (!__builtin_setjmp(here_jump))
		t->claim->run();
	return here;
}
