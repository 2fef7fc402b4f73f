/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * calls_stats.c - calls about what domains used: time, memory, disks, cards.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "calls.h"
#include "domain.h"
#include "events.h"

#define DOMAINS_MOST 16384u
#define STATS_WHICH  0xffu /* of the flags: the domains that are wanted, as in virConnectListAllDomainsFlags */

/* virDomainStatsTypes */
enum { STATS_STATE = 1, STATS_CPU = 2, STATS_BALLOON = 4, STATS_VCPU = 8, STATS_NET = 16, STATS_BLOCK = 32 };

int call_usage(struct call *call, struct domain *d, struct backend_guest *g)
{
	*g = (struct backend_guest){ .memory_kib = d->def->memory_kib };
	return d->id < 0 ? 0 : backend_guest(d, g, &call->error);
}

int call_get_info(struct call *call)
{
	struct domain *d = call_domain(call);
	struct backend_guest g;
	int rc;

	if (!d)
		return -1;
	domain_get(d);
	rc = call_usage(call, d, &g);
	out_u32(&call->out, (uint32_t)d->state);
	out_u64(&call->out, d->def->max_kib);
	out_u64(&call->out, g.memory_kib);
	out_u32(&call->out, d->def->online);
	out_u64(&call->out, g.cpu_ns);
	domain_put(d);
	return rc;
}

/* virVcpuInfo of each, and on which CPUs of the machine each may run: on all. */
int call_get_vcpus(struct call *call)
{
	struct domain *d = call_active(call);
	uint32_t n = in_u32(&call->in), length = in_u32(&call->in);
	struct backend_machine m;
	struct backend_guest g;
	uint8_t map[32 * 64] = { 0 };

	if (!d || call->in.bad)
		return -1;
	if (n > BACKEND_VCPUS || length > sizeof(map) / BACKEND_VCPUS)
		return fail(call, ERROR_INVALID_ARG, "%u vCPUs, and %u bytes for each", n, length);
	domain_get(d);
	backend_machine(&m);
	if (!call_usage(call, d, &g)) {
		if (n > d->def->online)
			n = d->def->online;
		out_u32(&call->out, n);
		for (uint32_t i = 0; i < n; i++) {
			out_u32(&call->out, i);
			out_i32(&call->out, 1); /* running or runnable	*/
			out_u64(&call->out, g.vcpu_ns[i]);
			out_i32(&call->out, m.cpus > 1 ? -1 : 0); /* which CPU it is on, if that is known */
			for (uint32_t cpu = 0; cpu < m.cpus && cpu < 8 * length; cpu++)
				map[i * length + cpu / 8] |= (uint8_t)(1 << cpu % 8);
		}
		out_opaque(&call->out, map, n * length);
	}
	domain_put(d);
	return call->error.code ? -1 : 0;
}

int call_memory_stats(struct call *call)
{
	struct domain *d = call_active(call);
	uint32_t most = in_u32(&call->in);
	struct backend_guest g;

	if (!d)
		return -1;
	domain_get(d);
	if (!call_usage(call, d, &g)) {
		out_u32(&call->out, most ? 1 : 0);
		if (most) {
			out_i32(&call->out, 6); /* what the balloon leaves	*/
			out_u64(&call->out, g.memory_kib);
		}
	}
	domain_put(d);
	return call->error.code ? -1 : 0;
}

int call_get_cpu_stats(struct call *call)
{
	struct domain *d = call_active(call);
	uint32_t params = in_u32(&call->in);
	int first = in_i32(&call->in);
	uint32_t cpus = in_u32(&call->in), n = 0;
	struct backend_machine m = { .cpus = 1 };
	struct backend_guest g;

	if (!d || call->in.bad)
		return -1;
	domain_get(d);
	if (first >= 0)
		backend_machine(&m);
	if (first >= 0 && m.cpus > 1)
		fail(call, ERROR_NO_SUPPORT, "times on single CPUs");
	else if (first > 0)
		fail(call, ERROR_INVALID_ARG, "there is no CPU %d", first);
	else if (!call_usage(call, d, &g)) {
		size_t mark = out_mark(&call->out);

		if (params)
			out_param_u64(&call->out, &n, "cpu_time", g.cpu_ns);
		out_patch(&call->out, mark, n);
		/* Asked without room it is how many parameters there are, or how many CPUs. */
		out_i32(&call->out, params || cpus || first < 0 ? 1 : (int)m.cpus);
	}
	domain_put(d);
	return call->error.code ? -1 : 0;
}

static void record(struct call *call, struct domain *d, uint32_t stats, const struct backend_guest *g)
{
	struct out *out = &call->out;
	char name[64], card[16];
	uint32_t n = 0;
	size_t mark;

	out_domain(out, d);
	mark = out_mark(out);
	if (stats & STATS_STATE) {
		out_param_word(out, &n, "state.state", PARAM_INT, (uint32_t)d->state);
		out_param_word(out, &n, "state.reason", PARAM_INT, (uint32_t)d->reason);
	}
	if (stats & STATS_CPU && d->id >= 0)
		out_param_u64(out, &n, "cpu.time", g->cpu_ns);
	if (stats & STATS_BALLOON) {
		out_param_u64(out, &n, "balloon.current", g->memory_kib);
		out_param_u64(out, &n, "balloon.maximum", d->def->max_kib);
	}
	if (stats & STATS_VCPU) {
		out_param_word(out, &n, "vcpu.current", PARAM_UINT, d->def->online);
		out_param_word(out, &n, "vcpu.maximum", PARAM_UINT, d->def->vcpus);
		for (unsigned i = 0; d->id >= 0 && i < d->def->online; i++) {
			snprintf(name, sizeof(name), "vcpu.%u.state", i);
			out_param_word(out, &n, name, PARAM_INT, 1);
			out_param_numbered(out, &n, "vcpu.%u.time", i, g->vcpu_ns[i]);
		}
	}
	if (stats & STATS_NET && d->id >= 0) {
		out_param_word(out, &n, "net.count", PARAM_UINT, d->def->nr_vifs);
		for (unsigned i = 0; i < d->def->nr_vifs; i++) {
			const struct backend_vif *v = &g->vif[i];

			snprintf(name, sizeof(name), "net.%u.name", i);
			def_vif_name(d->def, d->id, i, card);
			out_param_string(out, &n, name, card);
			out_param_numbered(out, &n, "net.%u.rx.bytes", i, v->rx_bytes);
			out_param_numbered(out, &n, "net.%u.rx.pkts", i, v->rx_packets);
			out_param_numbered(out, &n, "net.%u.rx.drop", i, v->rx_drops);
			out_param_numbered(out, &n, "net.%u.tx.bytes", i, v->tx_bytes);
			out_param_numbered(out, &n, "net.%u.tx.pkts", i, v->tx_packets);
			out_param_numbered(out, &n, "net.%u.tx.drop", i, v->tx_drops);
		}
	}
	if (stats & STATS_BLOCK) {
		out_param_word(out, &n, "block.count", PARAM_UINT, d->def->nr_disks);
		for (unsigned i = 0; i < d->def->nr_disks; i++) {
			snprintf(name, sizeof(name), "block.%u.name", i);
			out_param_string(out, &n, name, d->def->disk[i].target);
			snprintf(name, sizeof(name), "block.%u.path", i);
			out_param_string(out, &n, name, d->def->disk[i].source);
			if (d->id < 0)
				continue;
			out_param_numbered(out, &n, "block.%u.rd.reqs", i, g->disk[i].reads);
			out_param_numbered(out, &n, "block.%u.rd.bytes", i, g->disk[i].read_bytes);
			out_param_numbered(out, &n, "block.%u.wr.reqs", i, g->disk[i].writes);
			out_param_numbered(out, &n, "block.%u.wr.bytes", i, g->disk[i].written_bytes);
			out_param_numbered(out, &n, "block.%u.fl.reqs", i, g->disk[i].flushes);
			out_param_numbered(out, &n, "block.%u.errors", i, g->disk[i].errors);
		}
	}
	out_patch(out, mark, n);
}

int call_all_stats(struct call *call)
{
	uint32_t n = in_count(&call->in, DOMAINS_MOST, 24), stats, flags, records = 0;
	uint8_t(*uuid)[UUID_BYTES] = calloc(n + 1, UUID_BYTES);
	struct domain **list;
	size_t mark, nr = 0;

	for (uint32_t i = 0; uuid && i < n; i++) {
		in_string(&call->in);
		in_uuid(&call->in, uuid[i]);
		in_i32(&call->in);
	}
	stats = in_u32(&call->in);
	flags = in_u32(&call->in);
	list = call->in.bad || !uuid ? NULL : calloc(2048, sizeof(*list));
	if (!list) {
		free(uuid);
		return fail(call, ERROR_NO_MEMORY, "for a list");
	}
	for (struct domain *d = domain_first(); d && nr < 2048; d = d->next) {
		bool wanted = !n && domain_fits(d, flags & STATS_WHICH);

		for (uint32_t i = 0; i < n && !wanted; i++)
			wanted = !memcmp(d->def->uuid, uuid[i], UUID_BYTES);
		if (wanted)
			list[nr++] = domain_get(d);
	}
	if (!stats)
		stats = STATS_STATE | STATS_CPU | STATS_BALLOON | STATS_VCPU | STATS_NET | STATS_BLOCK;
	mark = out_mark(&call->out);
	for (size_t i = 0; i < nr; i++) {
		struct backend_guest g;

		/* One that ended meanwhile is told of as it is now. */
		if (list[i]->listed && call_usage(call, list[i], &g)) {
			call->error.code = 0;
			g = (struct backend_guest){ 0 };
		}
		if (list[i]->listed) {
			record(call, list[i], stats, &g);
			records++;
		}
		domain_put(list[i]);
	}
	out_patch(&call->out, mark, records);
	free(list);
	free(uuid);
	return 0;
}

/* ---- disks and cards ---- */

/* Of one disk, or of all together for a name that is empty. */
static int disk_use(struct call *call, struct domain *d, const char *name, struct backend_disk *sum)
{
	int only = *name ? def_disk_find(d->def, name) : -1;
	struct backend_guest g;

	*sum = (struct backend_disk){ 0 };
	if (*name && only < 0)
		return fail(call, ERROR_INVALID_ARG, "invalid path: %.128s", name);
	if (call_usage(call, d, &g))
		return -1;
	for (unsigned i = 0; i < d->def->nr_disks; i++) {
		if (*name && (int)i != only)
			continue;
		sum->reads += g.disk[i].reads;
		sum->writes += g.disk[i].writes;
		sum->flushes += g.disk[i].flushes;
		sum->read_bytes += g.disk[i].read_bytes;
		sum->written_bytes += g.disk[i].written_bytes;
		sum->errors += g.disk[i].errors;
	}
	return 0;
}

int call_block_stats(struct call *call)
{
	struct domain *d = call_active(call);
	const char *name = in_string(&call->in);
	struct backend_disk use;
	int rc;

	if (!d || call->in.bad)
		return -1;
	domain_get(d);
	rc = disk_use(call, d, name, &use);
	domain_put(d);
	out_u64(&call->out, use.reads);
	out_u64(&call->out, use.read_bytes);
	out_u64(&call->out, use.writes);
	out_u64(&call->out, use.written_bytes);
	out_u64(&call->out, use.errors);
	return rc;
}

int call_block_stats_flags(struct call *call)
{
	struct domain *d = call_active(call);
	const char *name = in_string(&call->in);
	uint32_t most = in_u32(&call->in), n = 0;
	struct backend_disk use;
	size_t mark;
	int rc;

	if (!d || call->in.bad)
		return -1;
	domain_get(d);
	rc = disk_use(call, d, name, &use);
	domain_put(d);
	const struct {
		const char *name;
		uint64_t v;
	} params[] = { { "rd_operations", use.reads },	    { "rd_bytes", use.read_bytes },
		       { "wr_operations", use.writes },	    { "wr_bytes", use.written_bytes },
		       { "flush_operations", use.flushes }, { "errs", use.errors } };

	mark = out_mark(&call->out);
	for (; n < most && n < sizeof(params) / sizeof(params[0]); n++) {
		out_string(&call->out, params[n].name);
		out_i32(&call->out, PARAM_LLONG);
		out_u64(&call->out, params[n].v);
	}
	out_patch(&call->out, mark, n);
	out_u32(&call->out, most ? n : sizeof(params) / sizeof(params[0]));
	return rc;
}

int call_interface_stats(struct call *call)
{
	struct domain *d = call_active(call);
	const char *name = in_string(&call->in);
	struct backend_guest g;
	int n, rc;

	if (!d || call->in.bad)
		return -1;
	n = def_vif_find(d->def, d->id, name);
	if (n < 0)
		return fail(call, ERROR_INVALID_ARG, "invalid path, '%.64s' is not a known interface", name);
	domain_get(d);
	rc = call_usage(call, d, &g);
	domain_put(d);
	out_u64(&call->out, g.vif[n].rx_bytes);
	out_u64(&call->out, g.vif[n].rx_packets);
	out_u64(&call->out, 0); /* errors are not counted apart	*/
	out_u64(&call->out, g.vif[n].rx_drops);
	out_u64(&call->out, g.vif[n].tx_bytes);
	out_u64(&call->out, g.vif[n].tx_packets);
	out_u64(&call->out, 0);
	out_u64(&call->out, g.vif[n].tx_drops);
	return rc;
}

/* virDomainInterfaceAddressesSource: what a DHCP server leased, an agent in the guest says, or ARP shows. */
enum { ADDRESSES_LEASE, ADDRESSES_AGENT, ADDRESSES_ARP };

static void out_address(struct out *out, uint32_t *n, int family, const void *address)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(family, address, text, sizeof(text));
	out_i32(out, family == AF_INET6); /* virIPAddrType	*/
	out_string(out, text);
	out_u32(out, 0); /* neither tells the prefix	*/
	++*n;
}

/* The drivers look at ARP and neighbour discovery; of leases nobody tells us, so who asks for them gets the same. */
int call_interface_addresses(struct call *call)
{
	struct domain *d = call_active(call);
	uint32_t source = in_u32(&call->in);
	struct backend_guest g;
	int rc;

	if (!d || call->in.bad)
		return -1;
	if (source != ADDRESSES_LEASE && source != ADDRESSES_ARP)
		return fail(call, ERROR_NO_SUPPORT, "addresses from source %u", source);
	domain_get(d);
	rc = call_usage(call, d, &g);
	out_u32(&call->out, rc ? 0 : d->def->nr_vifs);
	for (unsigned i = 0; !rc && i < d->def->nr_vifs; i++) {
		const struct backend_vif *vif = &g.vif[i];
		uint32_t ip = htonl(vif->ip), n = 0;
		char name[16];
		size_t mark;

		def_vif_name(d->def, d->id, i, name);
		out_string(&call->out, name);
		out_optional(&call->out, d->def->vif[i].mac);
		mark = out_mark(&call->out);
		if (ip)
			out_address(&call->out, &n, AF_INET, &ip);
		for (unsigned k = 0; k < 2; k++)
			if (!IN6_IS_ADDR_UNSPECIFIED(&vif->ip6[k]))
				out_address(&call->out, &n, AF_INET6, &vif->ip6[k]);
		out_patch(&call->out, mark, n);
	}
	domain_put(d);
	return rc;
}
