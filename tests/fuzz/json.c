/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json.c - the host's requests: a text is refused, or what was read is within the text and can be written.
 */
#include "fuzz.h"

#include "console.h"
#include "control.h"

/* What control.c would call: nothing is sent here. */
int console_line_use(unsigned n, void (*user)(void))
{
	(void)n, (void)user;
	return -1;
}

size_t console_line_put(unsigned n, const char *bytes, size_t len)
{
	(void)n, (void)bytes;
	return len;
}

size_t console_line_take(unsigned n, char *buf, size_t size)
{
	(void)n, (void)buf, (void)size;
	return 0;
}

void consoles_pump(void)
{
}

/* Each value once more, as members of one array: they must come back as they were. */
static void again(const struct json *j)
{
	static struct json k;
	static char buf[1 << 16];
	struct json_out o;
	unsigned nr = 1;

	json_begin(&o, buf, sizeof(buf));
	json_open(&o, NULL, '[');
	for (unsigned i = 0; i < j->nr; i++) {
		const struct json_value *v = &j->value[i];

		if (v->type == JSON_STRING)
			json_put_bytes(&o, NULL, v->text, v->len);
		else if (v->type == JSON_NUMBER)
			json_put_number(&o, NULL, v->number);
	}
	json_close(&o, ']');
	if (o.overflow)
		return;
	if (json_parse(&k, buf, o.len)) {
		check_that(j->nr == JSON_VALUES); /* one more than it reads */
		return;
	}
	for (unsigned i = 0; i < j->nr; i++) {
		const struct json_value *v = &j->value[i], *w = &k.value[nr];

		if (v->type != JSON_STRING && v->type != JSON_NUMBER)
			continue;
		nr++;
		check_that(v->type == w->type && v->number == w->number && v->len == w->len);
		check_that(!v->len || !memcmp(v->text, w->text, v->len));
	}
	check_that(nr == k.nr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct json j;
	char *text = malloc(size ? size : 1);
	int64_t n;

	memcpy(text, data, size);
	if (!json_parse(&j, text, size)) {
		check_that(j.nr >= 1 && j.nr <= JSON_VALUES);
		for (unsigned i = 0; i < j.nr; i++) {
			const struct json_value *v = &j.value[i];

			check_that(v->parent <= i);
			check_that(v->type != JSON_STRING ||
				   (v->text >= text && v->text + v->len < text + size && !v->text[v->len]));
		}
		if (!json_number(&j, "id", 0, 1000, &n))
			check_that(n >= 0 && n <= 1000);
		again(&j);
	}
	free(text);
	return 0;
}
