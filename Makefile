# SPDX-License-Identifier: BSD-2-Clause
# Guise: `make help` lists what can be asked for.  Output goes to build/; nothing else is written in
# the tree.  Each room lists its own objects in its build.mk.
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash

B ?= build
Q := $(if $(V),,@)
CC := gcc
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wno-unused-parameter
DEPS := -MMD -MP
ALL :=

include hypervisor-kernel/build.mk
include runtime/build.mk
include vmm/build.mk
include drivers-vm/build.mk
include images/build.mk
include tests/build.mk

.PHONY: all clean help
all: $(ALL)

clean:
	rm -rf $(B)
