/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guise.h - what the parts of the host command share.
 */
#pragma once

#include "client.h"

#define EXIT_MACHINE 1 /* the machine says no, or has ended	*/
#define EXIT_USAGE   2
#define EXIT_CONNECT 3 /* there is no such machine		*/

/* Say why (answer NULL: the machine has ended).  EXIT_MACHINE. */
int failed(const char *what, struct json_object *answer);
