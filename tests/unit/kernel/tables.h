/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tables.h - a guest with several address spaces, and what it may do to them at random.
 *
 * Each of the roots has a few pages in each of four regions; an upper half that all share maps all
 * frames one after the other, at ALIAS.
 */
#pragma once

#include "fake.h"

#define ALIAS	0xffff888000000000ull
#define TABLES	100 /* frames that hold tables from the start		*/
#define ROOTS	6
#define REGIONS 4    /* 2 MiB regions below each root			*/
#define SPAN	24   /* pages used of each region			*/
#define RUN	1024 /* with so many frames, the upper half of ALIAS is one 2 MiB run */

extern struct guest tables_guest;
extern mfn_t tables_root[ROOTS];
extern unsigned tables_loaded; /* which root is */
extern uint32_t tables_next;   /* first frame that is not used as a table yet */

/* Make domain 5, with nr frames (at least 200), and fill its tables. */
void tables_start(uint8_t paging, uint32_t nr);
uint64_t tables_va(unsigned region, unsigned page);
uint64_t tables_some_va(void);
uint64_t tables_some_leaf(void);
/* Which of the guest's frames is m?  nr when it is none. */
unsigned tables_number_of(mfn_t m);
long tables_mmuext(unsigned cmd, uint64_t arg);
long tables_update(uint64_t slot, uint64_t value);
void tables_switch_root(void);
void tables_check(void);

/* ---- hostile.c: a domain that keeps to no rule, beside one that granted it a few frames ---- */
void hostile_start(uint8_t paging, uint32_t nr);
void hostile_step(void);
/* Destroy it: nothing of it may be left. */
void hostile_end(void);
