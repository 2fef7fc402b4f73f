/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_watch.h - what the store itself asks of its watches; store.h has what others do.
 */
#pragma once

#include <stdint.h>

/* The node at path changed in the tree; removed: so did everything below it. */
void watch_fire(const char *path, int removed);
/* All of a domain's go. */
void watch_forget(uint16_t dom);
