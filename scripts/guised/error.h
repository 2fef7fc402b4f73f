/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * error.h - why something was not done: a code of libvirt's virterror.h and one line of text.
 */
#pragma once

enum error_code {
	ERROR_INTERNAL = 1,
	ERROR_NO_MEMORY = 2,
	ERROR_NO_SUPPORT = 3,
	ERROR_INVALID_ARG = 8,
	ERROR_OPERATION_FAILED = 9,
	ERROR_XML = 27,
	ERROR_DOM_EXIST = 28,
	ERROR_OPERATION_DENIED = 29,
	ERROR_XML_DETAIL = 35,
	ERROR_SYSTEM = 38,
	ERROR_RPC = 39,
	ERROR_NO_DOMAIN = 42,
	ERROR_OPERATION_INVALID = 55,
	ERROR_CONFIG_UNSUPPORTED = 67,
	ERROR_TIMEOUT = 68,
	ERROR_NO_METADATA = 80,
	ERROR_RESOURCE_BUSY = 87,
};

struct error {
	enum error_code code; /* 0: none yet */
	char text[600];
};

/* Keep what went wrong, unless something is kept already.  -1, for the caller to pass on. */
__attribute__((format(printf, 3, 4))) int error_set(struct error *e, enum error_code code, const char *fmt, ...);
/* The line as libvirt has it for this code: "Domain not found: TEXT". */
void error_line(const struct error *e, char *line, unsigned size);
