/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_mac.c - the text of an Ethernet address.
 */
#include <runtime/net_mac.h>
#include <runtime/xen.h>

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' :
	       c >= 'a' && c <= 'f' ? c - 'a' + 10 :
	       c >= 'A' && c <= 'F' ? c - 'A' + 10 :
				      -1;
}

int net_mac_parse(uint8_t *mac, const char *text)
{
	unsigned any = 0;

	for (unsigned i = 0; i < 6; i++, text += 3) {
		int high = digit(text[0]), low = high < 0 ? -1 : digit(text[1]);

		if (low < 0 || text[2] != (i < 5 ? ':' : 0))
			return -XEN_EINVAL;
		mac[i] = high << 4 | low;
		any |= mac[i];
	}
	return any && !(mac[0] & 1) ? 0 : -XEN_EINVAL;
}
