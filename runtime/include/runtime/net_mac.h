/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_mac.h - the text of an Ethernet address.
 */
#pragma once

#include <stdint.h>

/* "00:16:3e:01:02:03": 0, or -EINVAL, also for group addresses and none. */
int net_mac_parse(uint8_t *mac, const char *text);
