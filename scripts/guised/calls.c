/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * calls.c - calls about the connection and the machine.
 */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend.h"
#include "calls.h"
#include "client.h"
#include "domain.h"
#include "events.h"

#define VERSION_LIBVIRT 9000000u /* whose protocol this is	*/
#define VERSION_GUISE	1000u	 /* 0.1.0	*/
#define OPEN_READ_ONLY	1u

/* libvirt's features that a server says that it has. */
#define FEATURE_TYPED_STRINGS  9
#define FEATURE_KEEPALIVE      10
#define FEATURE_EVENT_CALLBACK 14

static const struct procedure procedures[] = {
#define CALL(number, name, flags) { number, flags, #name, call_##name },
#include "calls.def"
#undef CALL
};

const struct procedure *procedure_find(int number)
{
	for (size_t i = 0; i < sizeof(procedures) / sizeof(procedures[0]); i++)
		if (procedures[i].number == number)
			return &procedures[i];
	return NULL;
}

int call_open(struct call *call)
{
	const char *name = in_optional(&call->in), *path;
	uint32_t flags = in_u32(&call->in);
	struct client *c = call_client(call);

	if (call->in.bad)
		return 0;
	/* The client has taken host and transport off: guise:///system is what remains. */
	path = name ? strstr(name, ":///") : NULL;
	if (name && *name &&
	    (strncmp(name, "guise", 5) || !path || (strcmp(path + 4, "system") && strcmp(path + 4, "session"))))
		return fail(call, ERROR_INVALID_ARG, "'%s' is neither guise:///system nor guise:///session", name);
	if (c->opened)
		return fail(call, ERROR_RPC, "the connection is open");
	c->opened = true;
	c->read_only = flags & OPEN_READ_ONLY;
	c->session = path && !strcmp(path + 4, "session");
	return 0;
}

int call_close(struct call *call)
{
	client_close(call_client(call));
	return 0;
}

int call_auth_list(struct call *call)
{
	out_u32(&call->out, 1);
	out_u32(&call->out, 0); /* none: the socket's permissions say who may	*/
	return 0;
}

int call_supports_feature(struct call *call)
{
	int feature = in_i32(&call->in);

	if (feature == FEATURE_KEEPALIVE)
		call_client(call)->keepalive = true;
	out_i32(&call->out,
		feature == FEATURE_TYPED_STRINGS || feature == FEATURE_KEEPALIVE || feature == FEATURE_EVENT_CALLBACK);
	return 0;
}

int call_get_type(struct call *call)
{
	out_string(&call->out, "Guise");
	return 0;
}

int call_get_version(struct call *call)
{
	out_u64(&call->out, VERSION_GUISE);
	return 0;
}

int call_get_lib_version(struct call *call)
{
	out_u64(&call->out, VERSION_LIBVIRT);
	return 0;
}

static void hostname(char *name, size_t size)
{
	if (gethostname(name, size))
		snprintf(name, size, "localhost");
	name[size - 1] = 0;
}

int call_get_hostname(struct call *call)
{
	char name[256];

	hostname(name, sizeof(name));
	out_string(&call->out, name);
	return 0;
}

int call_get_uri(struct call *call)
{
	out_string(&call->out, call_client(call)->session ? "guise:///session" : "guise:///system");
	return 0;
}

int call_is_secure(struct call *call)
{
	out_i32(&call->out, 1); /* a unix socket	*/
	return 0;
}

int call_get_max_vcpus(struct call *call)
{
	out_i32(&call->out, 32);
	return 0;
}

int call_node_info(struct call *call)
{
	struct backend_machine m;
	const char model[32] = "x86_64";

	backend_machine(&m);
	for (size_t i = 0; i < sizeof(model); i++)
		out_i32(&call->out, model[i]); /* each is a word	*/
	out_u64(&call->out, m.total_kib);
	out_i32(&call->out, (int)m.cpus);
	out_i32(&call->out, (int)m.mhz);
	out_i32(&call->out, 1); /* NUMA node, socket: of so many cores with a thread each */
	out_i32(&call->out, 1);
	out_i32(&call->out, (int)m.cpus);
	out_i32(&call->out, 1);
	return 0;
}

int call_node_free_memory(struct call *call)
{
	struct backend_machine m;

	backend_machine(&m);
	out_u64(&call->out, m.free_kib * 1024);
	return 0;
}

int call_node_cpu_map(struct call *call)
{
	uint32_t map = in_u32(&call->in), online = in_u32(&call->in);
	struct backend_machine m;
	uint64_t all;

	backend_machine(&m);
	if (m.cpus > 64)
		m.cpus = 64;
	all = htole64(m.cpus < 64 ? (1ull << m.cpus) - 1 : ~0ull);
	out_opaque(&call->out, &all, map ? (m.cpus + 7) / 8 : 0);
	out_u32(&call->out, online ? m.cpus : 0);
	out_i32(&call->out, (int)m.cpus);
	return 0;
}

int call_capabilities(struct call *call)
{
	out_string(&call->out, "<capabilities>\n"
			       "  <host>\n"
			       "    <cpu><arch>x86_64</arch></cpu>\n"
			       "    <power_management/>\n"
			       "    <migration_features/>\n"
			       "  </host>\n"
			       "  <guest>\n"
			       "    <os_type>xen</os_type>\n"
			       "    <arch name='x86_64'>\n"
			       "      <wordsize>64</wordsize>\n"
			       "      <machine>xenpv</machine>\n"
			       "      <domain type='xen'/>\n"
			       "    </arch>\n"
			       "  </guest>\n"
			       "</capabilities>\n");
	return 0;
}

int call_domain_capabilities(struct call *call)
{
	const char *emulator = in_optional(&call->in), *arch = in_optional(&call->in),
		   *machine = in_optional(&call->in), *type = in_optional(&call->in);

	(void)emulator;
	if ((arch && strcmp(arch, "x86_64")) || (machine && strcmp(machine, "xenpv")) || (type && strcmp(type, "xen")))
		return fail(call, ERROR_INVALID_ARG, "only type xen, arch x86_64, machine xenpv are here");
	out_string(&call->out, "<domainCapabilities>\n"
			       "  <domain>xen</domain>\n"
			       "  <machine>xenpv</machine>\n"
			       "  <arch>x86_64</arch>\n"
			       "  <vcpu max='32'/>\n"
			       "  <os supported='yes'/>\n"
			       "  <devices>\n"
			       "    <disk supported='yes'>\n"
			       "      <enum name='diskDevice'><value>disk</value></enum>\n"
			       "      <enum name='bus'><value>xen</value></enum>\n"
			       "    </disk>\n"
			       "    <graphics supported='no'/>\n"
			       "    <video supported='no'/>\n"
			       "    <hostdev supported='no'/>\n"
			       "  </devices>\n"
			       "</domainCapabilities>\n");
	return 0;
}

int call_register_event(struct call *call)
{
	int event = in_i32(&call->in), number;
	uint32_t one = in_u32(&call->in);
	uint8_t uuid[UUID_BYTES];

	if (one) {
		in_string(&call->in);
		in_uuid(&call->in, uuid);
		in_i32(&call->in);
	}
	if (call->in.bad)
		return 0;
	number = events_register(call_client(call), event, one ? uuid : NULL, &call->error);
	out_i32(&call->out, number);
	return number < 0 ? -1 : 0;
}

int call_deregister_event(struct call *call)
{
	return events_deregister(call_client(call), in_i32(&call->in), &call->error);
}
