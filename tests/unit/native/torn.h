/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * torn.h - a shared page as somebody leaves it who dies while he writes to it.
 */
#pragma once

#include "fake.h"

/* Somebody else is called at each barrier from now on, who may write to the page; NULL: nobody any more. */
void torn_other(void (*other)(void));
/* Look at page at each barrier from now on. */
void torn_watch(void *page);
/* Look a last time: how many stretches between barriers there are. */
unsigned torn_end(void);
/* The page as it may be left in stretch n: of the words that change in it, any may have been written. */
void torn_make(unsigned n);
