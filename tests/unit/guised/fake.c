/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../test.h"

#include "backend.h"
#include "fake.h"
#include "loop.h"
#include "stream.h"

#define PROGRAM 0x20008086u

char fake_config[64], fake_run[64], fake_input[65536];
const char *fake_error;
unsigned fake_starts;
size_t fake_input_len;
void (*fake_disk)(void), (*fake_up)(void);

static void (*held)(unsigned id, const char *error);
static unsigned held_id;
static struct out request;
static unsigned serial;
static int peer[1024]; /* the other end of a client's socket	*/

void fake_again(void)
{
	struct error e = { 0 };

	ck_assert_msg(!domains_load(fake_config, fake_run, &e), "%s", e.text);
}

void fake_begin(void)
{
	lock_take(); /* as the loop has it */
	strcpy(fake_config, "/tmp/guised-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(fake_config));
	snprintf(fake_run, sizeof(fake_run), "%s/run", fake_config);
	fake_again();
}

/* The lock is not held: others may go on. */
int fake_fsync(int fd)
{
	void (*meanwhile)(void) = fake_disk;

	fake_disk = NULL;
	if (meanwhile) {
		lock_take();
		meanwhile();
		lock_give();
	}
	return fd < 0 ? -1 : 0;
}

static int done(struct error *e)
{
	return fake_error ? error_set(e, ERROR_OPERATION_FAILED, "%s", fake_error) : 0;
}

int backend_up(const struct domain *d, struct error *e)
{
	if (fake_up)
		fake_up();
	return done(e);
}

int backend_start(struct domain *d, bool paused, struct error *e)
{
	if (done(e))
		return -1;
	domain_started(d, (int)(32 + fake_starts++));
	if (paused)
		domain_paused(d);
	return 0;
}

int backend_shutdown(struct domain *d, struct error *e)
{
	return done(e);
}

int backend_reboot(struct domain *d, struct error *e)
{
	return done(e);
}

int backend_reset(struct domain *d, struct error *e)
{
	return done(e);
}

int backend_destroy(struct domain *d, struct error *e)
{
	if (done(e))
		return -1;
	domain_stopped(d, SHUTOFF_DESTROYED);
	return 0;
}

int backend_suspend(struct domain *d, struct error *e)
{
	domain_paused(d);
	return done(e);
}

int backend_resume(struct domain *d, struct error *e)
{
	domain_resumed(d);
	return done(e);
}

int backend_schedule(struct domain *d, unsigned weight, unsigned cap, struct error *e)
{
	return done(e);
}

int backend_set_vcpus(struct domain *d, unsigned n, struct error *e)
{
	return done(e);
}

int backend_set_memory(struct domain *d, uint64_t kib, struct error *e)
{
	return done(e);
}

int backend_guest(struct domain *d, struct backend_guest *out, struct error *e)
{
	*out = (struct backend_guest){ .memory_kib = d->def->memory_kib,
				       .cpu_ns = 12345,
				       .vif[0] = { .ip = 0x0a00020f, .ip6[1].s6_addr = { 0xfe, 0x80, [15] = 1 } } };
	return done(e);
}

void backend_machine(struct backend_machine *out)
{
	*out = (struct backend_machine){ .total_kib = 1 << 20, .free_kib = 1 << 19, .cpus = 1 };
}

int backend_console_attach(struct domain *d, unsigned number, struct error *e)
{
	return done(e);
}

void backend_console_detach(struct domain *d, unsigned number)
{
}

int backend_console_input(struct domain *d, unsigned number, const char *data, size_t len,
			  void (*taken)(unsigned id, const char *error), unsigned id)
{
	ck_assert_uint_le(len, BACKEND_INPUT);
	ck_assert_ptr_null(held);
	for (size_t i = 0; i < len && fake_input_len < sizeof(fake_input); i++)
		fake_input[fake_input_len++] = data[i];
	held = taken;
	held_id = id;
	return 0;
}

void fake_taken(void)
{
	void (*taken)(unsigned id, const char *error) = held;

	held = NULL;
	if (taken)
		taken(held_id, NULL);
}

int backend_attach_disk(struct domain *d, const struct def *def, unsigned n, struct error *e)
{
	return done(e);
}

int backend_detach_disk(struct domain *d, unsigned n, struct error *e)
{
	return done(e);
}

int backend_attach_vif(struct domain *d, const struct def *def, unsigned n, struct error *e)
{
	return done(e);
}

int backend_detach_vif(struct domain *d, unsigned n, struct error *e)
{
	return done(e);
}

/* Workers have nothing to wait for here: their work is done at once. */
bool loop_work(void (*work)(void *arg), void *arg)
{
	work(arg);
	return true;
}

/* ---- clients ---- */

struct out *fake_call(struct client *c, int procedure)
{
	struct wire_header h = { PROGRAM, 1, procedure, WIRE_CALL, ++serial, WIRE_OK };

	(void)c;
	out_init(&request, &h);
	return &request;
}

unsigned fake_serial(void)
{
	return serial;
}

void fake_send(struct client *c)
{
	size_t len;
	char *data = out_finish(&request, &len);

	ck_assert_ptr_nonnull(data);
	client_feed(c, data, len);
	free(data);
}

/* Messages wait in the client's queue; its socket takes them. */
bool fake_next(struct client *c, struct wire_header *h, struct in *in)
{
	static char data[1 << 20];
	uint8_t head[4];
	uint32_t len;

	client_flush(c);
	if (recv(peer[c->id % 1024], head, 4, MSG_DONTWAIT) != 4)
		return false;
	len = (uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 | head[3];
	ck_assert_uint_ge(len, 28);
	ck_assert_uint_le(len, sizeof(data));
	for (uint32_t got = 0; got < len - 4;) {
		ssize_t n = recv(peer[c->id % 1024], data + got, len - 4 - got, MSG_DONTWAIT);

		if (n <= 0) {
			client_flush(c);
			continue;
		}
		got += (uint32_t)n;
	}
	in_init(in, data, len - 4);
	in_header(in, h);
	return true;
}

int fake_answer(struct client *c, struct in *in, const char **text)
{
	struct wire_header h;
	int code;

	do
		ck_assert_msg(fake_next(c, &h, in), "there is no answer");
	while (h.type != WIRE_REPLY);
	ck_assert_uint_eq(h.serial, serial);
	if (h.status == WIRE_OK)
		return 0;
	code = in_i32(in);
	in_i32(in);
	*text = in_optional(in);
	return code;
}

struct client *fake_client(bool open)
{
	struct client *c;
	struct out *out;
	const char *text;
	struct in in;
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	c = client_new(fd[0]);
	ck_assert_ptr_nonnull(c);
	peer[c->id % 1024] = fd[1];
	if (!open)
		return c;
	out = fake_call(c, 1);
	out_optional(out, "guise:///system");
	out_u32(out, 0);
	fake_send(c);
	ck_assert_int_eq(fake_answer(c, &in, &text), 0);
	return c;
}

const char *fake_xml(const char *name, const char *more, const char *devices)
{
	static char text[8192];

	snprintf(
		text, sizeof(text),
		"<domain type='xen'><name>%s</name><memory unit='MiB'>256</memory><vcpu>2</vcpu><os><type machine='xenpv'>linux</type>"
		"<kernel>/boot/k</kernel><initrd>/boot/i</initrd><cmdline>root=/dev/xvda</cmdline></os>%s<devices>%s</devices></domain>",
		name, more, devices);
	return text;
}
