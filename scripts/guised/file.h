/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file.h - definitions as files, DIR/NAME.xml: each is the old one or the new one, whatever happens.
 */
#pragma once

#include "def.h"

#define FILE_PATH 4400u

/* Write a definition beside where it is to be; draft is that file.  If it is to last, it is on the disk then: a slow
 * one holds nobody else up, for the lock is given away meanwhile. */
int file_draft(const char *dir, const struct def *def, bool lasts, char draft[FILE_PATH], struct error *e);
/* The draft becomes the definition of this name, at once; if it cannot, it is gone. */
int file_put(const char *draft, const char *dir, const char *name, struct error *e);
/* What was put into the directory, and what was taken from it, is so even if the power fails.  Waits like a draft. */
void file_settle(const char *dir);

/* NULL: it is none; why is logged. */
struct def *file_load(const char *dir, const char *file);
/* NAME followed by a suffix is no more. */
void file_forget(const char *dir, const char *name, const char *suffix);
int file_make_dir(const char *path, struct error *e);
