/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guised.c - what a client of the libvirt daemon sends: nothing of it is left when the client is gone.
 *
 * The first byte chooses: bit 0, the connection is open; bit 1, the rest is raw bytes.  Else it is calls: a
 * procedure (two bytes), type and status (a byte), the length of the body (two bytes), and the body.
 */
#include "fuzz.h"

#include "client.h"
#include "domain.h"
#include "fake.h"
#include "log.h"
#include "wire.h"

#define PROGRAM 0x20008086u

/* Nobody reads what the daemon says. */
void log_init(int verbose)
{
	(void)verbose;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

static void feed(unsigned id, const char *data, size_t len)
{
	struct client *c = client_find(id);

	if (c)
		client_feed(c, data, len);
}

static void call(unsigned id, unsigned serial)
{
	int procedure = (int)input_number(2);
	unsigned kind = (unsigned)input_number(1);
	size_t len, size;
	const uint8_t *body;
	struct wire_header h;
	struct out out;
	char *data;

	body = input_bytes((size_t)input_number(2), &len);
	h = (struct wire_header){ PROGRAM, 1, procedure, kind & 3, kind & 4 ? serial : 1, kind >> 3 & 3 };
	out_init(&out, &h);
	out_bytes(&out, body, len);
	data = out_finish(&out, &size);
	check_that(data != NULL);
	feed(id, data, size);
	free(data);
}

static void clean(void)
{
	struct error e = { 0 };
	struct domain *d;

	while (client_first())
		client_drop(client_first(), NULL);
	fake_taken();
	while ((d = domain_first())) {
		check_that(d->refs == 1 && !d->busy);
		if (d->persistent)
			domain_undefine(d, &e);
		if (d == domain_first())
			domain_stopped(d, SHUTOFF_DESTROYED);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct client *c;
	unsigned how, id;

	if (!*fake_config)
		fake_begin();
	input_begin(data, size);
	how = (unsigned)input_number(1);
	c = client_new(-1);
	check_that(c != NULL);
	id = c->id;
	c->opened = how & 1;
	if (how & 2)
		feed(id, (const char *)input.at, (size_t)(input.end - input.at));
	else
		for (unsigned serial = 1; input_more(); serial++)
			call(id, serial);
	clean();
	return 0;
}
