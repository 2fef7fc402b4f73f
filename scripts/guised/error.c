/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdio.h>

#include "error.h"

int error_set(struct error *e, enum error_code code, const char *fmt, ...)
{
	va_list ap;

	if (e->code)
		return -1;
	e->code = code;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return -1;
}

void error_line(const struct error *e, char *line, unsigned size)
{
	static const struct {
		enum error_code code;
		const char *text;
	} kinds[] = {
		{ ERROR_INTERNAL, "internal error" },
		{ ERROR_NO_MEMORY, "out of memory" },
		{ ERROR_NO_SUPPORT, "this function is not supported by the connection driver" },
		{ ERROR_INVALID_ARG, "invalid argument" },
		{ ERROR_OPERATION_FAILED, "operation failed" },
		{ ERROR_XML, "XML error" },
		{ ERROR_XML_DETAIL, "XML error" },
		{ ERROR_DOM_EXIST, "domain exists already" },
		{ ERROR_OPERATION_DENIED, "operation forbidden" },
		{ ERROR_NO_DOMAIN, "Domain not found" },
		{ ERROR_OPERATION_INVALID, "Requested operation is not valid" },
		{ ERROR_CONFIG_UNSUPPORTED, "unsupported configuration" },
		{ ERROR_TIMEOUT, "Timed out during operation" },
		{ ERROR_NO_METADATA, "metadata not found" },
		{ ERROR_RESOURCE_BUSY, "resource busy" },
	};

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].code != e->code)
			continue;
		snprintf(line, size, "%s: %s", kinds[i].text, e->text);
		return;
	}
	snprintf(line, size, "%s", e->text);
}
