/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest_store.h - a guest's part of the store, and its consoles: for guest.c, which begins and ends them.
 */
#pragma once

struct guest;
struct guest_console;

/* Enter a guest that is built, with its devices.  NULL, or why not: guest_hide() takes out what is there. */
const char *guest_show(struct guest *g);
void guest_hide(struct guest *g);
/* Open the console that it has from the start.  NULL, or why not. */
const char *guest_console_first(struct guest *g);
/* Close one, if it is open. */
void guest_console_stop(struct guest_console *c);
